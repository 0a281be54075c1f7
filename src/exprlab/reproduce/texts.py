"""Walking through two text files of one format: tables, JSON, HTML and Markdown."""

from __future__ import annotations

import base64
import csv
import json
import re
from decimal import Decimal
from itertools import zip_longest
from pathlib import Path
from typing import Any

from exprlab.reproduce.walk import Apart, Walk, shown

INTEGER = re.compile(r"[-+]?\d+")
NUMBER = re.compile(r"[-+]?(?:(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?|nan|inf|infinity)", re.IGNORECASE)
# SHA-256, the digest of a rule's code, a model's id: they follow from what is compared itself.
DIGEST = re.compile(r"[0-9a-f]{64}|[0-9a-f]{16}|[0-9a-f]{12}")
# How a package was built: 2.13.0+cpu and 2.13.0+cu130 are one version.
BUILD = re.compile(r"(?<=\d)\+\w+$")
# What is compared by its meaning in HTML and Markdown: a picture, a digest, a number (no version as
# 2.13.0, no part of a name or of a colour as #1e6091).
TOKEN = re.compile(
    r"(?P<picture>data:image/png;base64,[A-Za-z0-9+/=]+)"
    r"|(?<![\w.])(?P<digest>[0-9a-f]{64}|(?=\d*[a-f])(?:[0-9a-f]{16}|[0-9a-f]{12}))(?!\w)"
    r"|(?<![\w.#])(?P<number>[-+−]?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?)(?!\w|\.\d)"
    r"(?P<percent>[^\S\n]*%)?"
)
# Characters that are shown around the first difference of two texts.
BEFORE, AFTER = 20, 50


def read_table(walk: Walk, a: Path, b: Path) -> None:
    """Compare .csv and .tsv cell by cell: integers and text exactly, other numbers as numbers."""
    tab = "\t" if a.suffix == ".tsv" else ","
    with a.open(encoding="utf-8", newline="") as x, b.open(encoding="utf-8", newline="") as y:
        readers = (csv.reader(stream, delimiter=tab, strict=True) for stream in (x, y))
        head: list[str] = []
        for line, (p, q) in enumerate(zip_longest(*readers), start=1):
            if p is None or q is None:
                raise Apart(f"line {line}", f"only the {'second' if p is None else 'first'} file")
            head = head or p
            walk.exact(f"number of cells in line {line}", len(p), len(q))
            for i, (v, w) in enumerate(zip(p, q, strict=True)):
                name = head[i] if i < len(head) else str(i)
                _cell(walk, f"column {name}, line {line}", v, w)
    # A last number that was cut off may still be near to the whole one.
    walk.exact("line break at the end", *(_last_byte(path) == b"\n" for path in (a, b)))


def _last_byte(path: Path) -> bytes:
    with path.open("rb") as stream:
        stream.seek(-1 if path.stat().st_size else 0, 2)
        return stream.read()


def _cell(walk: Walk, where: str, a: str, b: str) -> None:
    integers = INTEGER.fullmatch(a) and INTEGER.fullmatch(b)
    if not integers and NUMBER.fullmatch(a) and NUMBER.fullmatch(b):
        walk.number(where, float(a), float(b))
    else:
        walk.exact(where, a, b)


def read_json(walk: Walk, a: Path, b: Path) -> None:
    """Compare values by their path; the order of keys does not count."""

    def visit(where: str, x: Any, y: Any) -> None:
        plain = {type(x), type(y)} <= {int, float}
        if not plain and type(x) is not type(y):
            raise Apart(where, f"{shown(x)} and {shown(y)}")
        if isinstance(x, dict):
            walk.names(where, x, y)
            for key in sorted(x):
                visit(f"{where}.{key}", x[key], y[key])
        elif isinstance(x, list):
            walk.exact(f"length of {where}", len(x), len(y))
            for i, (v, w) in enumerate(zip(x, y, strict=True)):
                visit(f"{where}[{i}]", v, w)
        elif plain and not type(x) is type(y) is int:
            walk.number(where, x, y)
        elif isinstance(x, str):
            _string(walk, where, x, y)
        else:
            walk.exact(where, x, y)

    visit("$", *(json.loads(path.read_text(encoding="utf-8")) for path in (a, b)))


def _string(walk: Walk, where: str, a: str, b: str) -> None:
    # Digests have keys of their own; what stands in a list may be ids of samples that look like it.
    if a == b or (not where.endswith("]") and _digests(a, b)):
        return
    walk.exact(where, BUILD.sub("", a), BUILD.sub("", b))
    walk.notes.append((where, f"{where}: {shown(a)} and {shown(b)}, two builds of one version"))


def _digests(a: str, b: str) -> bool:
    return len(a) == len(b) and bool(DIGEST.fullmatch(a) and DIGEST.fullmatch(b))


def read_text(walk: Walk, a: Path, b: Path) -> None:
    """Compare .html and .md: pictures and numbers by meaning, digests not at all, words exactly."""
    texts = [path.read_text(encoding="utf-8") for path in (a, b)]
    line, ends = 1, [0, 0]
    for pair in zip_longest(*map(TOKEN.finditer, texts)):
        starts = [m.start() if m else len(text) for m, text in zip(pair, texts, strict=True)]
        line = _words(walk, line, *_between(texts, ends, starts))
        if None in pair:
            side, token = ("first", pair[0]) if pair[0] else ("second", pair[1])
            raise Apart(f"line {line}", f"only the {side} file has {shown(token[0])}")
        _token(walk, f"line {line}", *pair)
        ends = [m.end() for m in pair]
    _words(walk, line, *_between(texts, ends, [len(text) for text in texts]))


def _between(texts: list[str], starts: list[int], ends: list[int]) -> list[str]:
    return [text[i:j] for text, i, j in zip(texts, starts, ends, strict=True)]


def _words(walk: Walk, line: int, a: str, b: str) -> int:
    """Compare text without tokens, of which `line` is the first; return its last line."""
    if a != b:
        pairs = enumerate(zip(a, b, strict=False))
        first = next((i for i, (v, w) in pairs if v != w), min(len(a), len(b)))
        start, end = max(a.rfind("\n", 0, first) + 1, first - BEFORE), first + AFTER
        walk.exact(f"line {line + a.count(chr(10), 0, first)}", a[start:end], b[start:end])
    return line + a.count("\n")


def _token(walk: Walk, where: str, a: re.Match[str], b: re.Match[str]) -> None:
    """Compare what stands at the same place in two texts."""
    kinds = {a.lastgroup, b.lastgroup}
    if kinds == {"picture"}:
        # Equal ones as well: comparing a file with itself tells whether it is damaged.
        contents = [base64.b64decode(m[0].partition(",")[2], validate=True) for m in (a, b)]
        walk.picture(f"{where}, picture: ", *contents)
    elif a[0] == b[0] or (kinds != {"number"} and _digests(a[0], b[0])):
        return
    elif kinds <= {"number", "percent"}:
        walk.exact(f"{where}, percent sign", a["percent"], b["percent"])
        _number(walk, where, a, b)
    else:
        walk.exact(where, a[0], b[0])


def _number(walk: Walk, where: str, a: re.Match[str], b: re.Match[str]) -> None:
    """Compare two numbers as they are written, each of them up to half a unit of its last digit."""
    if not a["percent"] and INTEGER.fullmatch(_ascii(a)) and INTEGER.fullmatch(_ascii(b)):
        # A count or a setting, which nobody rounded.
        walk.exact(where, int(_ascii(a)), int(_ascii(b)))
        return
    # Decimals, for 0.1 is no power of two.
    (x, p), (y, q) = _value(a), _value(b)
    if abs(x - y) > p + q:
        walk.number(where, float(x), float(y), float(p + q))
    elif x != y:
        walk.notes.append((where, "rounded numbers differ by one in their last digit at most"))


def _ascii(match: re.Match[str]) -> str:
    return match["number"].replace("−", "-")


def _value(match: re.Match[str]) -> tuple[Decimal, Decimal]:
    """Return a written number and half a unit of its last digit; an integer is not rounded."""
    text, unit = _ascii(match), 0 if match["percent"] is None else -2
    value = Decimal(text).scaleb(unit)
    whole = INTEGER.fullmatch(text) and not match["percent"]
    return value, Decimal(0) if whole else Decimal(5).scaleb(value.as_tuple().exponent - 1)
