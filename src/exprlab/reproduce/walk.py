"""A walk through two files at once, up to the first difference beyond a tolerance."""

from __future__ import annotations

import io
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from math import inf, prod
from typing import Any

import numpy as np

from exprlab.errors import UserError

# Entries of an array that are compared at a time.
BLOCK = 1 << 21
PNG_END = b"IEND\xaeB`\x82"
Index = tuple[int, ...]


@dataclass(frozen=True)
class Tolerance:
    """How far apart numbers and pictures may be to count as the same.

    Attributes
    ----------
    relative, absolute
        Two floating-point numbers are the same if |a - b| <= absolute + relative * max(|a|, |b|).
        Integers and text are the same only if they are equal.
    pixel, pixel_share
        Two pictures of one size are the same if no more than this share of their pixels differs by
        more than `pixel` of 255 in a channel.

    Raises
    ------
    UserError
        If one of them is negative, infinite or no number.
    """

    # Another processor or GPU adds float32 in another order: 1e-7 at first. Some 400 steps of AdamW
    # make 1e-5 to 1e-4 of it in a small network's logits (measured: first layer of 4,000 inputs
    # added up in other orders, 60 epochs). A factor of ten remains; another seed moves logits by 1.
    relative: float = 1e-3
    absolute: float = 1e-3
    # Looser, for the numbers behind a figure are compared themselves: a line that moves by less
    # than a pixel, or the last digit of a label, changes few pixels, but these from black to white.
    pixel: int = 32
    pixel_share: float = 0.02

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if not 0 <= value < inf:
                raise UserError(f"tolerance: {name} is {value}; give a number from 0 on")


class Apart(Exception):
    """The first difference beyond the tolerance."""

    def __init__(self, where: str, words: str) -> None:
        super().__init__(where, words)
        self.where, self.words = where, words


@dataclass
class Walk:
    """What was met so far; each method compares one thing and raises Apart if it is not the same.

    Attributes
    ----------
    absolute, relative
        Largest differences of numbers, what rounding explains taken off.
    where
        Place of the largest absolute difference.
    notes
        (place, finding) of what differs within the tolerance and is no number by itself.
    """

    tolerance: Tolerance
    absolute: float = 0.0
    relative: float = 0.0
    where: str = ""
    notes: list[tuple[str, str]] = field(default_factory=list)

    def exact(self, where: str, a: Any, b: Any) -> None:
        """Compare what has no tolerance."""
        if a != b:
            raise Apart(where, f"{shown(a)} and {shown(b)}")

    def names(self, where: str, a: Collection[str], b: Collection[str]) -> None:
        """Compare sets of names."""
        for side, only in (("first", set(a) - set(b)), ("second", set(b) - set(a))):
            if only:
                raise Apart(where, f"only the {side} file has '{min(only)}'")

    def number(self, where: str, a: float, b: float, rounding: float = 0.0) -> None:
        """Compare two numbers; those that were rounded when written may be `rounding` apart."""
        if a != b:
            self.array(lambda _: where, np.array([a], float), np.array([b], float), rounding)

    def array(
        self, where: Callable[[Index], str], a: np.ndarray, b: np.ndarray, rounding: float = 0.0
    ) -> None:
        """Compare arrays of one shape and type; `where` turns an index into words."""
        if a.dtype.kind != "f":
            apart = np.asarray(a != b)
            gap = scale = np.zeros(0)
        else:
            gap, scale = _gap_and_scale(a, b, rounding)
            # An infinite or undefined gap is beyond every tolerance, and none is within each.
            with np.errstate(all="ignore"):
                limit = self.tolerance.absolute + self.tolerance.relative * scale
                apart = (gap != 0) & ~((gap <= limit) & np.isfinite(gap))
        if apart.any():
            index = _index_of(apart)
            raise Apart(where(index), f"{shown(a[index])} and {shown(b[index])}")
        if gap.any():
            if gap.max() > self.absolute:
                self.absolute, self.where = float(gap.max()), where(_index_of(gap))
            self.relative = max(self.relative, float((gap[gap > 0] / scale[gap > 0]).max()))

    def blocks(self, name: str, a: Any, b: Any, rows: int = 1) -> None:
        """Compare what can be sliced as an array is, in blocks of whole chunks of `rows`."""
        self.exact(f"shape of {name}", a.shape, b.shape)
        self.exact(f"type of {name}", _type(a.dtype), _type(b.dtype))
        if not a.shape:
            self.array(lambda _: name, np.asarray(a[()])[None], np.asarray(b[()])[None])
            return
        rows *= max(1, BLOCK // max(1, prod(a.shape[1:]) * rows))
        for start in range(0, a.shape[0], rows):
            self.array(
                lambda i, start=start: f"{name}[{', '.join(map(str, (start + i[0], *i[1:])))}]",
                np.asarray(a[start : start + rows]),
                np.asarray(b[start : start + rows]),
            )

    def picture(self, where: str, a: bytes, b: bytes) -> None:
        """Compare two PNG files; `where` stands before the place in the picture."""
        x, y = _pixels(a), _pixels(b)
        self.exact(f"{where}height and width", x.shape[:2], y.shape[:2])
        gap = np.abs(x - y).max(axis=2)
        over = gap > self.tolerance.pixel
        words = f"up to {gap.max()} of 255 in a channel, {over.mean():.2%} of the pixels by more "
        words += f"than {self.tolerance.pixel}"
        row, column = _index_of(gap)
        if over.mean() > self.tolerance.pixel_share:
            row, column = _index_of(over)
            values = f"{x[row, column].tolist()} and {y[row, column].tolist()}"
            raise Apart(f"{where}pixel in row {row}, column {column}", f"{values}; {words}")
        if gap.any():
            place = f"{where}pixel in row {row}, column {column}"
            self.notes.append((place, f"{where}pixels differ {words}"))

    def words(self) -> str:
        """Return the finding, once nothing was apart."""
        told = list(dict.fromkeys(words for _, words in self.notes))
        if self.absolute:
            numbers = f"numbers differ by {self.absolute:.2g} at most, at {self.where}"
            told.insert(0, f"{numbers} (relative: {self.relative:.2g} at most)")
        return "; ".join(told[:3]) or "the same content in other bytes"


def shown(value: Any) -> str:
    """Return a value in words of bounded length."""
    value = value.item() if isinstance(value, np.generic) else value
    value = value.decode("utf-8", "replace") if isinstance(value, bytes) else value
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


def _gap_and_scale(a: np.ndarray, b: np.ndarray, rounding: float) -> tuple[np.ndarray, np.ndarray]:
    with np.errstate(all="ignore"):
        x, y = a.astype(np.float64), b.astype(np.float64)
        same = (x == y) | (np.isnan(x) & np.isnan(y))
        gap = np.where(same, 0.0, np.maximum(np.abs(x - y) - rounding, 0.0))
        return gap, np.maximum(np.abs(x), np.abs(y))


def _index_of(array: np.ndarray) -> Index:
    """Return the index of the first largest entry (of a mask: the first true one)."""
    return tuple(map(int, np.unravel_index(int(array.argmax()), array.shape)))


def _type(dtype: np.dtype) -> str:
    # How long the longest text is, is no type; the texts are compared themselves.
    return {"U": "text", "S": "bytes"}.get(dtype.kind, str(dtype))


def _pixels(content: bytes) -> np.ndarray:
    """Return a PNG as int16 (height, width, red green blue alpha)."""
    from PIL import Image

    if not content.endswith(PNG_END):
        raise ValueError("the picture has no end")
    with Image.open(io.BytesIO(content), formats=["PNG"]) as image:
        return np.asarray(image.convert("RGBA")).astype(np.int16)
