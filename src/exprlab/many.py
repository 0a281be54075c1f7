"""What is told of many splits: a summary and a few of them by name, not each one.

Up to `MANY_SPLITS` splits a reader sees each; of more, what is shown of each has a limit, so that
a page of a thousand trainings is as short as one of a dozen.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence, Sized
from typing import NamedTuple, TypeVar

MANY_SPLITS = 10
Value = TypeVar("Value")


class Spread(NamedTuple):
    """The values of many splits; the splits at the ends and in the middle by name."""

    n: int
    mean: float
    smallest: str
    median: str
    largest: str


def are_many(splits: Sized) -> bool:
    """Return whether there are too many splits to show each."""
    return len(splits) > MANY_SPLITS


def natural(name: str) -> list[str | int]:
    """Return the key of the order in which a reader counts: seed-2 before seed-10."""
    # Text and numbers alternate, so that only like is compared with like.
    return [int(part) if k % 2 else part for k, part in enumerate(re.split(r"(\d+)", name))]


def in_order(values: Mapping[str, Value]) -> dict[str, Value]:
    """Return a mapping from splits in natural order; JSON files are sorted letter by letter."""
    return {name: values[name] for name in sorted(values, key=natural)}


def spread(values: Mapping[str, float | None]) -> Spread | None:
    """Return how the values of splits are spread; None if none is defined.

    Of an even number the median is the lower one of the two in the middle: a split that is there.
    Equal values are in natural order of their splits.
    """
    known = {name: v for name, v in values.items() if v is not None and v == v}
    if not known:
        return None
    names = sorted(known, key=lambda name: (known[name], natural(name)))
    mean = sum(known.values()) / len(known)
    return Spread(len(known), mean, names[0], names[(len(names) - 1) // 2], names[-1])


def named(names: Iterable[str]) -> list[str]:
    """Return names one by one; of many, ranges of numbers such as 'seed-0 to seed-499'.

    The ranges, too, end after `MANY_SPLITS`, with a word on how many names follow.
    """
    found = list(names)
    if not are_many(found):
        return found
    ranges = _ranges(sorted(found, key=natural))
    words = [r[0] if len(r) == 1 else f"{r[0]} to {r[-1]}" for r in ranges[:MANY_SPLITS]]
    more = sum(map(len, ranges[MANY_SPLITS:]))
    return [*words, f"{more:,} more"] if more else words


def _ranges(names: Sequence[str]) -> list[list[str]]:
    """Return sorted names in groups of those that follow each other."""
    groups: list[list[str]] = []
    for name in names:
        if groups and _follows(natural(groups[-1][-1]), natural(name)):
            groups[-1].append(name)
        else:
            groups.append([name])
    return groups


def _follows(first: Sequence[str | int], second: Sequence[str | int]) -> bool:
    """Return whether two names differ by 1 in the number at their end and in nothing else."""
    (*start, number, end), (*other, following, other_end) = ([0, *first], [0, *second])
    if not isinstance(number, int) or not isinstance(following, int) or end or other_end:
        return False
    return start == other and following == number + 1
