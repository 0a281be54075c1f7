"""Laying out what was found as text: rows under names, long lists cut, jobs counted by rule."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from textwrap import wrap

SHOWN = 8
# Of a text beside its name.
WIDTH = 88
# From large to small, as in the paths of results/.
WILDCARDS = ("dataset", "model", "split", "cohort")


def shorten(lines: list[str], shown: int = SHOWN) -> list[str]:
    """Return the first lines, and how many more there are."""
    more = len(lines) - shown
    return lines[:shown] + ([f"and {more} more"] if more > 0 else [])


def aligned(rows: Iterable[tuple[str, str]], width: int = 12) -> list[str]:
    """Return rows as lines; a name that repeats is told once."""
    lines, last = [], None
    for name, text in rows:
        shown = "" if name == last else name
        lines.append(f"{shown:{width}}{text}".rstrip())
        last = name or last
    return lines


def wrapped(text: str) -> list[str]:
    """Return a list in words as lines that end with its commas."""
    glued = text.replace(" ", "\0").replace(",\0", ", ")
    lines = wrap(glued, WIDTH, break_long_words=False, break_on_hyphens=False)
    return [line.replace("\0", " ") for line in lines]


def counted(number: int, word: str) -> str:
    """Return '1 job', '2 jobs'."""
    return f"{number} {word}" if number == 1 else f"{number} {word}s"


def job_rows(jobs: Iterable[tuple[str, Mapping[str, str]]]) -> list[tuple[str, str]]:
    """Return a row for each rule: its name, how many jobs, and what they are about.

    Parameters
    ----------
    jobs
        Rule and wildcards of each.
    """
    by_rule: dict[str, list[Mapping[str, str]]] = {}
    for rule, wildcards in jobs:
        by_rule.setdefault(rule, []).append(wildcards)
    return [
        (rule, f"{counted(len(every), 'job'):8}  {about(every)}".rstrip())
        for rule, every in by_rule.items()
    ]


def about(every: Iterable[Mapping[str, str]]) -> str:
    """Return wildcards in short, such as 'tumours/logistic, tumours/mlp: seed-0, seed-1'."""
    lasts: dict[str, list[str]] = {}
    for wildcards in every:
        *places, last = [wildcards[name] for name in sorted(wildcards, key=_place)] or [""]
        lasts.setdefault("/".join(places), []).append(last)
    places_of: dict[str, list[str]] = {}
    for place, values in lasts.items():
        places_of.setdefault(_ranges(values), []).append(place)
    parts = []
    for values, places in places_of.items():
        place = ", ".join(shorten(sorted(places), 4))
        parts.append(": ".join(part for part in (place, values) if part))
    return "; ".join(shorten(parts, 4))


def _place(wildcard: str) -> tuple[int, str]:
    return (WILDCARDS.index(wildcard) if wildcard in WILDCARDS else len(WILDCARDS), wildcard)


def _ranges(values: list[str]) -> str:
    """Return values in order, four or more numbers in a row as 'seed-0 ... seed-9'."""
    runs: list[list[str]] = []
    for value in sorted(set(values), key=_order):
        stem, number = _order(value)
        last = _order(runs[-1][-1]) if runs else ("", -1)
        if number >= 0 and last == (stem, number - 1):
            runs[-1].append(value)
        else:
            runs.append([value])
    words = [
        word for run in runs for word in ([f"{run[0]} ... {run[-1]}"] if len(run) > 3 else run)
    ]
    return ", ".join(shorten(words))


def _order(value: str) -> tuple[str, int]:
    match = re.fullmatch(r"(.*?)(\d+)", value)
    return (match[1], int(match[2])) if match else (value, -1)
