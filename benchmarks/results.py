"""What a benchmark returns: figures with bars, tables, and notes that explain them."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Figure:
    """One measured quantity: the median of its repetitions, with the smallest and the largest.

    Attributes
    ----------
    name
        What was measured.
    values
        One value per repetition.
    unit
        s, MiB, GiB, ms, or empty for a ratio.
    bar
        The value not to exceed; None where there is none.
    """

    name: str
    values: tuple[float, ...]
    unit: str = ""
    bar: float | None = None

    @property
    def median(self) -> float:
        """Return the median of the repetitions."""
        return statistics.median(self.values)

    @property
    def verdict(self) -> str:
        """Return whether the median meets the bar."""
        if self.bar is None:
            return ""
        return "met" if self.median <= self.bar else "NOT met"

    def cells(self) -> list[str]:
        """Return name, median, range, repetitions, bar and verdict as text."""
        low, high = min(self.values), max(self.values)
        spread = f"{low:.3g} to {high:.3g}" if len(self.values) > 1 else ""
        bar = "" if self.bar is None else f"<= {self.bar:g} {self.unit}".rstrip()
        median = f"{self.median:.3g} {self.unit}".rstrip()
        return [self.name, median, spread, str(len(self.values)), bar, self.verdict]


FIGURE_HEADER = ["figure", "median", "min to max", "runs", "bar", ""]


@dataclass
class Table:
    """A breakdown; cells are text or numbers."""

    title: str
    header: Sequence[str]
    rows: list[Sequence[Any]]


@dataclass
class Result:
    """Everything one benchmark found."""

    figures: list[Figure]
    tables: list[Table] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def ratios(ours: Sequence[float], theirs: Sequence[float]) -> tuple[float, ...]:
    """Return the ratio of each pair measured one right after the other."""
    return tuple(a / b for a, b in zip(ours, theirs, strict=True))


def cell(value: Any) -> str:
    """Return a cell's text: numbers with at most two decimals, large ones with none."""
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.2f}"
    return str(value)


def as_text(header: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """Return a table in aligned columns, for the terminal."""
    lines = [list(header), *([cell(value) for value in row] for row in rows)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(header))]
    return "\n".join(
        "  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )


def as_markdown(header: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """Return a table in Markdown."""
    lines = [list(header), ["---"] * len(header), *([cell(v) for v in row] for row in rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
