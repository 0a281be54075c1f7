"""Two files: the same, the same within a tolerance, or where they differ first."""

from __future__ import annotations

import base64
import csv
import io
import json
import re
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from itertools import zip_longest
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from exprlab.errors import UserError

IDENTICAL, WITHIN, DIFFERENT = "identical", "identical within tolerance", "different"
# Entries of an array that are compared at a time, and bytes of a file.
BLOCK, BLOCK_BYTES = 1 << 21, 1 << 20
# Follow from inputs and code that are compared themselves: SHA-256, and the digest of a rule's code.
DIGEST = re.compile(r"[0-9a-f]{64}|[0-9a-f]{16}")
INTEGER = re.compile(r"[-+]?\d+")
NUMBER = re.compile(r"[-+]?(?:(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?|nan|inf|infinity)", re.IGNORECASE)
# What is compared by its meaning in text: a picture, a digest, a number (no version, as 2.13.0).
TOKEN = re.compile(
    r"(?P<picture>data:image/png;base64,[A-Za-z0-9+/=]+)"
    r"|(?<![\w.])(?P<digest>[0-9a-f]{64}|(?=\d*[a-f])[0-9a-f]{16})(?!\w)"
    r"|(?<![\w.])(?P<number>[-+−]?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?)(?!\d|\.\d)(?P<percent>\s*%)?"
)
PNG_END = b"IEND\xaeB`\x82"


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
            if not value >= 0:
                raise UserError(f"tolerance: {name} is {value}; give a number from 0 on")


@dataclass(frozen=True)
class Difference:
    """What two files have of each other.

    Attributes
    ----------
    kind
        IDENTICAL (every byte), WITHIN (the same content within the tolerance) or DIFFERENT.
    words
        The finding, for a reader: how far apart at most, or both values at the first difference.
    where
        Place of the first difference, or of the largest one within the tolerance: array and index,
        column and row, JSON path, line or pixel.
    absolute, relative
        Largest differences of numbers within the tolerance; pictures do not count.
    """

    kind: str
    words: str
    where: str = ""
    absolute: float = 0.0
    relative: float = 0.0

    @property
    def equal(self) -> bool:
        """Whether the files count as the same."""
        return self.kind != DIFFERENT


def compare_files(a: Path, b: Path, tolerance: Tolerance | None = None) -> Difference:
    """Compare two files by what their format means.

    Parameters
    ----------
    a, b
        Two files with the same suffix: .h5ad, .npy, .safetensors, .parquet, .csv, .tsv, .json,
        .png, .html or .md; of others (and of two suffixes) every byte counts.
    tolerance
        Default: one that fits a training on other hardware.

    Returns
    -------
    Difference
        A file that is missing or cannot be read whole is DIFFERENT, with the reason.
    """
    a, b = Path(a), Path(b)
    for path in (a, b):
        if not path.is_file():
            return Difference(DIFFERENT, f"{path}: no such file")
    if _other_byte(a, b) is None:
        return Difference(IDENTICAL, "the same bytes")
    read = READERS.get(a.suffix, _bytes) if a.suffix == b.suffix else _bytes
    walk = _Walk(tolerance or Tolerance())
    try:
        read(walk, a, b)
    except _Apart as apart:
        return Difference(DIFFERENT, f"{apart.where}: {apart.words}", apart.where)
    except Exception as error:  # damaged files make readers raise whatever they like
        return Difference(DIFFERENT, _unreadable(read, a, b, error))
    return walk.outcome()


class _Apart(Exception):
    """The first difference beyond the tolerance."""

    def __init__(self, where: str, words: str) -> None:
        self.where, self.words = where, words


@dataclass
class _Walk:
    """A walk through two files at once, up to the first difference beyond the tolerance."""

    tolerance: Tolerance
    absolute: float = 0.0
    relative: float = 0.0
    where: str = ""
    pictures: list[str] = field(default_factory=list)

    def exact(self, where: str, a: Any, b: Any) -> None:
        if a != b:
            raise _Apart(where, f"{_shown(a)} and {_shown(b)}")

    def names(self, where: str, a: Collection[str], b: Collection[str]) -> None:
        for side, only in (("first", set(a) - set(b)), ("second", set(b) - set(a))):
            if only:
                raise _Apart(where, f"only the {side} file has '{min(only)}'")

    def number(self, where: str, a: float, b: float, rounding: float = 0.0) -> None:
        if a != b:
            self.array(lambda _: where, np.array([a], float), np.array([b], float), rounding)

    def array(
        self,
        where: Callable[[tuple[int, ...]], str],
        a: np.ndarray,
        b: np.ndarray,
        rounding: float = 0.0,
    ) -> None:
        """Compare arrays of one shape and type; `where` turns an index into words."""
        if a.dtype.kind != "f":
            apart = np.asarray(a != b)
        else:
            with np.errstate(all="ignore"):
                x, y = a.astype(np.float64), b.astype(np.float64)
                same = (x == y) | (np.isnan(x) & np.isnan(y))
                # Numbers rounded before they were written may be apart by that and yet the same.
                gap = np.where(same, 0.0, np.maximum(np.abs(x - y) - rounding, 0.0))
                scale = np.maximum(np.abs(x), np.abs(y))
                apart = ~(gap <= self.tolerance.absolute + self.tolerance.relative * scale)
                # An infinite number would be near to everything.
                apart |= ~np.isfinite(gap)
        if apart.any():
            index = tuple(map(int, np.unravel_index(int(apart.argmax()), apart.shape)))
            raise _Apart(where(index), f"{_shown(a[index])} and {_shown(b[index])}")
        if a.dtype.kind == "f" and gap.any():
            if gap.max() > self.absolute:
                self.absolute = float(gap.max())
                self.where = where(tuple(map(int, np.unravel_index(gap.argmax(), gap.shape))))
            self.relative = max(self.relative, float((gap[gap > 0] / scale[gap > 0]).max()))

    def blocks(self, name: str, a: Any, b: Any, rows: int = 1) -> None:
        """Compare what can be sliced as an array is, in blocks of whole chunks of `rows`."""
        self.exact(f"shape of {name}", a.shape, b.shape)
        self.exact(f"type of {name}", str(a.dtype), str(b.dtype))
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
        x, y = _pixels(a), _pixels(b)
        self.exact(f"{where}height and width", x.shape[:2], y.shape[:2])
        gap = np.abs(x - y).max(axis=2)
        over = gap > self.tolerance.pixel
        words = f"up to {gap.max()} of 255 in a channel, {over.mean():.2%} of the pixels by more "
        words += f"than {self.tolerance.pixel}"
        if over.mean() > self.tolerance.pixel_share:
            row, column = map(int, np.unravel_index(int(over.argmax()), over.shape))
            values = f"{x[row, column].tolist()} and {y[row, column].tolist()}"
            raise _Apart(f"{where}pixel in row {row}, column {column}", f"{values}; {words}")
        if gap.any():
            self.pictures.append(f"{where}pixels differ {words}")

    def outcome(self) -> Difference:
        words = list(self.pictures)
        if self.absolute:
            words.insert(0, f"numbers differ by {self.absolute:.2g} at most, at {self.where}")
            words[0] += f" (relative: {self.relative:.2g} at most)"
        told = "; ".join(words[:3]) or "the same content in other bytes"
        return Difference(WITHIN, told, self.where, self.absolute, self.relative)


def _shown(value: Any) -> str:
    value = value.item() if isinstance(value, np.generic) else value
    value = value.decode("utf-8", "replace") if isinstance(value, bytes) else value
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


def _unreadable(read: Callable, a: Path, b: Path, error: Exception) -> str:
    """Return which of the files is damaged: the one that cannot even be compared with itself."""
    for side, path in (("first", a), ("second", b)):
        try:
            read(_Walk(Tolerance()), path, path)
        except Exception as found:
            reason = " ".join(str(found).split())[:200] or type(found).__name__
            return f"the {side} file is damaged or cut off: {reason}"
    return f"they cannot be compared ({type(error).__name__}: {error})"


def _other_byte(a: Path, b: Path) -> int | None:
    """Return the position of the first byte that differs."""
    position = 0
    with a.open("rb") as x, b.open("rb") as y:
        while True:
            p, q = x.read(BLOCK_BYTES), y.read(BLOCK_BYTES)
            if p != q:
                pairs = enumerate(zip(p, q, strict=False))
                return position + next((i for i, (v, w) in pairs if v != w), min(len(p), len(q)))
            if not p:
                return None
            position += len(p)


def _bytes(walk: _Walk, a: Path, b: Path) -> None:
    position = _other_byte(a, b)
    if position is not None:
        sizes = f"{a.stat().st_size} and {b.stat().st_size} bytes long"
        raise _Apart(f"byte {position}", f"other content ({sizes})")


def _hdf5(walk: _Walk, a: Path, b: Path) -> None:
    import h5py

    def visit(name: str, x: Any, y: Any) -> None:
        walk.exact(f"kind of {name or '/'}", type(x).__name__, type(y).__name__)
        walk.names(f"attributes of {name or '/'}", x.attrs, y.attrs)
        for key in sorted(x.attrs):
            values = [side.attrs[key] for side in (x, y)]
            empty = [isinstance(value, h5py.Empty) for value in values]
            walk.exact(f"attribute {key} of {name or '/'}", *empty)
            if not any(empty):
                walk.blocks(f"attribute {key} of {name or '/'}", *map(np.asarray, values))
        if isinstance(x, h5py.Group):
            walk.names(f"content of {name or '/'}", x, y)
            for key in sorted(x):
                visit(f"{name}/{key}" if name else key, x[key], y[key])
        elif x.shape is None or y.shape is None:
            walk.exact(f"shape of {name}", x.shape, y.shape)
        else:
            walk.blocks(name, x, y, x.chunks[0] if x.chunks else 1)

    with h5py.File(a, "r") as x, h5py.File(b, "r") as y:
        visit("", x, y)


def _npy(walk: _Walk, a: Path, b: Path) -> None:
    walk.blocks("", *(np.load(path, mmap_mode="r", allow_pickle=False) for path in (a, b)))


def _safetensors(walk: _Walk, a: Path, b: Path) -> None:
    from safetensors import safe_open

    with safe_open(a, framework="numpy") as x, safe_open(b, framework="numpy") as y:
        walk.exact("metadata", x.metadata(), y.metadata())
        walk.names("arrays", x.keys(), y.keys())
        for name in sorted(x.keys()):
            walk.blocks(name, x.get_tensor(name), y.get_tensor(name))


def _parquet(walk: _Walk, a: Path, b: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    with pq.ParquetFile(a) as x, pq.ParquetFile(b) as y:
        schemas = x.schema_arrow, y.schema_arrow
        walk.names("columns", *(schema.names for schema in schemas))
        walk.exact("order of columns", *(schema.names for schema in schemas))
        walk.exact("number of rows", x.metadata.num_rows, y.metadata.num_rows)
        for name in schemas[0].names:
            types = [schema.field(name).type for schema in schemas]
            walk.exact(f"type of column {name}", *map(str, types))
            columns = [file.read(columns=[name]).column(0) for file in (x, y)]
            arrays = [np.fromiter(c.to_pylist(), object, len(c)) for c in columns]
            if pa.types.is_floating(types[0]):
                # A missing value is not NaN.
                walk.array(_row_of(name), *(array == None for array in arrays))  # noqa: E711
                arrays = [array.astype(np.float64) for array in arrays]
            walk.array(_row_of(name), *arrays)


def _row_of(column: str) -> Callable[[tuple[int, ...]], str]:
    return lambda index: f"column {column}, row {index[0]}"


def _table(walk: _Walk, a: Path, b: Path) -> None:
    tab = "\t" if a.suffix == ".tsv" else ","
    with a.open(encoding="utf-8", newline="") as x, b.open(encoding="utf-8", newline="") as y:
        readers = csv.reader(x, delimiter=tab), csv.reader(y, delimiter=tab)
        head: list[str] = []
        for line, (p, q) in enumerate(zip_longest(*readers), start=1):
            if p is None or q is None:
                raise _Apart(f"line {line}", f"only the {'second' if p is None else 'first'} file")
            head = head or p
            walk.exact(f"cells of line {line}", len(p), len(q))
            for i, (v, w) in enumerate(zip(p, q, strict=True)):
                name = head[i] if i < len(head) else str(i)
                _cell(walk, f"column {name}, line {line}", v, w)
    # A last number that was cut off may still be near to the whole one.
    walk.exact("line break at the end", *(_last_byte(path) == b"\n" for path in (a, b)))


def _last_byte(path: Path) -> bytes:
    with path.open("rb") as stream:
        stream.seek(-1 if path.stat().st_size else 0, 2)
        return stream.read()


def _cell(walk: _Walk, where: str, a: str, b: str) -> None:
    integers = INTEGER.fullmatch(a) and INTEGER.fullmatch(b)
    if not integers and NUMBER.fullmatch(a) and NUMBER.fullmatch(b):
        walk.number(where, float(a), float(b))
    else:
        walk.exact(where, a, b)


def _json(walk: _Walk, a: Path, b: Path) -> None:
    def visit(where: str, x: Any, y: Any) -> None:
        plain = {type(x), type(y)} <= {int, float}
        if not plain and type(x) is not type(y):
            raise _Apart(where, f"{_shown(x)} and {_shown(y)}")
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
        elif not (isinstance(x, str) and _digests(x, y)):
            walk.exact(where, x, y)

    visit("$", *(json.loads(path.read_text(encoding="utf-8")) for path in (a, b)))


def _digests(a: str, b: str) -> bool:
    return len(a) == len(b) and bool(DIGEST.fullmatch(a) and DIGEST.fullmatch(b))


def _png(walk: _Walk, a: Path, b: Path) -> None:
    walk.picture("", a.read_bytes(), b.read_bytes())


def _pixels(content: bytes) -> np.ndarray:
    """Return a PNG as int16 (height, width, red green blue alpha)."""
    from PIL import Image

    if not content.endswith(PNG_END):
        raise ValueError("the picture has no end")
    with Image.open(io.BytesIO(content), formats=["PNG"]) as image:
        return np.asarray(image.convert("RGBA")).astype(np.int16)


def _text(walk: _Walk, a: Path, b: Path) -> None:
    texts = [path.read_text(encoding="utf-8") for path in (a, b)]
    line, ends = 1, [0, 0]
    for pair in zip_longest(*map(TOKEN.finditer, texts)):
        spans = [match.span() if match else (len(t),) * 2 for match, t in zip(pair, texts)]
        between = [t[end : span[0]] for t, end, span in zip(texts, ends, spans)]
        line = _words(walk, line, *between)
        if None in pair:
            raise _Apart(f"line {line}", f"{_shown(pair)}")
        _token(walk, f"line {line}", *pair)
        ends = [span[1] for span in spans]
    _words(walk, line, *(t[end:] for t, end in zip(texts, ends)))


def _words(walk: _Walk, line: int, a: str, b: str) -> int:
    """Compare text that holds no numbers; return the line on which it ends."""
    walk.exact(f"line {line}", a, b)
    return line + a.count("\n")


def _token(walk: _Walk, where: str, a: re.Match[str], b: re.Match[str]) -> None:
    walk.exact(where, a[0], b[0])


READERS: dict[str, Callable[[_Walk, Path, Path], None]] = {
    ".h5ad": _hdf5,
    ".npy": _npy,
    ".safetensors": _safetensors,
    ".parquet": _parquet,
    ".csv": _table,
    ".tsv": _table,
    ".json": _json,
    ".png": _png,
    ".html": _text,
    ".md": _text,
}
