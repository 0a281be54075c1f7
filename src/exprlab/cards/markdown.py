"""Markdown in which no name from a file is markup."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}


def escape(text: object) -> str:
    """Return text as Markdown that reads the same, on one line.

    Line breaks would begin something new, `$` mathematics on some sites. Angle brackets become
    entities, because not every Markdown reader lets a backslash escape them.
    """
    line = " ".join(str(text).split())
    line = re.sub(r"[&<>]", lambda found: _ENTITIES[found[0]], line)
    return re.sub(r"([\\`*_\[\]|~$#])", r"\\\1", line)


def code(text: object) -> str:
    """Return text as a code span; the fence is longer than any row of backticks in it."""
    line = " ".join(str(text).split())
    longest = max((len(run) for run in re.findall("`+", line)), default=0)
    fence, gap = "`" * (longest + 1), " " if longest else ""
    return f"{fence}{gap}{line}{gap}{fence}"


def bullets(items: Iterable[str]) -> list[str]:
    """Return a list, one line each; the items are Markdown."""
    return [f"- {item}" for item in items]


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Return a table, numbers to the right; the cells are Markdown, the first column is text."""
    lines = [header, ["---", *["---:"] * (len(header) - 1)], *rows]
    return [f"| {' | '.join(line)} |" for line in lines]


def authors(what: str) -> str:
    """Return a mark for what no file can tell."""
    return f"**To be filled in by the authors:** {what}"
