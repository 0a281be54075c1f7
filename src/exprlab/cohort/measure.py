"""What checks need to know of a matrix of values, gathered in one pass over blocks of samples."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np

from exprlab.cohort.problems import SHOWN

# More than any library's count, and the first whole number that int32 cannot hold.
TOO_LARGE_COUNT = 2**31
# A logarithm to base 2 beyond this would be of a number that nothing measures: 2^32 is 4 billion.
LARGEST_LOG = 32.0
FLOAT32_LIMIT = float(np.finfo(np.float32).max)

# What may be odd about a value, as a function of an array of finite values.
_ODD_FINITE: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "negative": lambda x: x < 0,
    "zero": lambda x: x == 0,
    "fraction": lambda x: x != np.round(x),
    "too_large_count": lambda x: x >= TOO_LARGE_COUNT,
    "beyond_log": lambda x: np.abs(x) > LARGEST_LOG,
    "beyond_float": lambda x: np.abs(x) > FLOAT32_LIMIT,
}


@dataclass
class Odd:
    """Values of one odd sort: how many, and the first of them as (sample, gene, value)."""

    n: int = 0
    first: list[tuple[int, int, float]] = field(default_factory=list)

    def add(self, mask: np.ndarray, block: np.ndarray, start: int) -> None:
        """Count the values of a block for which the mask holds."""
        n = int(np.count_nonzero(mask))
        self.n += n
        if n and len(self.first) < SHOWN:
            rows, columns = np.nonzero(mask)
            for row, column in zip(rows[:SHOWN], columns[:SHOWN], strict=True):
                self.first.append((start + int(row), int(column), float(block[row, column])))
            del self.first[SHOWN:]


@dataclass(frozen=True)
class Measures:
    """Of a matrix of shape (n_samples, n_genes); sums and extremes are over finite values.

    Attributes
    ----------
    total, smallest, largest, n_missing
        Per sample; the extremes are NaN where nothing is finite.
    digests
        Per sample: equal for samples with equal values.
    gene_total, gene_squares, gene_smallest, gene_largest, gene_n_missing
        Per gene; squares are summed as well.
    odd
        Values that may be wrong, by sort: those of `_ODD_FINITE`, "infinite" and "missing".
    """

    total: np.ndarray
    smallest: np.ndarray
    largest: np.ndarray
    n_missing: np.ndarray
    digests: list[bytes]
    gene_total: np.ndarray
    gene_squares: np.ndarray
    gene_smallest: np.ndarray
    gene_largest: np.ndarray
    gene_n_missing: np.ndarray
    odd: dict[str, Odd]

    @property
    def shape(self) -> tuple[int, int]:
        """Return (n_samples, n_genes)."""
        return len(self.total), len(self.gene_total)

    @property
    def n_values(self) -> int:
        """Return how many values there are that are not missing."""
        return self.shape[0] * self.shape[1] - self.odd["missing"].n

    @property
    def top(self) -> float:
        """Return the largest finite value, NaN if there is none."""
        finite = self.largest[np.isfinite(self.largest)]
        return float(finite.max()) if len(finite) else float("nan")

    def share(self, sort: str) -> float:
        """Return the share of the values that are odd in this way."""
        return self.odd[sort].n / max(self.n_values, 1)


def blocks_of(values: np.ndarray, rows: int = 64) -> Iterator[tuple[int, np.ndarray]]:
    """Yield (first row, some rows) of a matrix, so that a pass needs little more memory."""
    for start in range(0, len(values), rows):
        yield start, values[start : start + rows]


def measure(blocks: Iterable[tuple[int, np.ndarray]], n_genes: int) -> Measures:
    """Measure a matrix.

    Parameters
    ----------
    blocks
        Pairs of first row and an array of shape (n_rows, n_genes): integers, or floating-point
        numbers with NaN where a value is missing.
    n_genes
        Number of columns.
    """
    odd = {name: Odd() for name in (*_ODD_FINITE, "infinite", "missing")}
    per_sample: dict[str, list[np.ndarray]] = {
        name: [] for name in ("total", "smallest", "largest", "n_missing")
    }
    digests: list[bytes] = []
    gene_total, gene_squares = np.zeros(n_genes), np.zeros(n_genes)
    gene_n_missing = np.zeros(n_genes, dtype=np.int64)
    gene_smallest, gene_largest = np.full(n_genes, np.inf), np.full(n_genes, -np.inf)
    for start, block in blocks:
        finite, missing = _find_odd(odd, start, block)
        zeroed = block if finite is None else np.where(finite, block, 0)
        low = block if finite is None else np.where(finite, block, np.inf)
        high = block if finite is None else np.where(finite, block, -np.inf)
        per_sample["total"].append(zeroed.sum(axis=1, dtype=np.float64))
        per_sample["smallest"].append(low.min(axis=1).astype(np.float64))
        per_sample["largest"].append(high.max(axis=1).astype(np.float64))
        per_sample["n_missing"].append(missing.sum(axis=1))
        digests += [_digest(row) for row in block]
        gene_total += zeroed.sum(axis=0, dtype=np.float64)
        gene_squares += np.square(zeroed, dtype=np.float64).sum(axis=0)
        gene_n_missing += missing.sum(axis=0)
        np.minimum(gene_smallest, low.min(axis=0), out=gene_smallest)
        np.maximum(gene_largest, high.max(axis=0), out=gene_largest)
    joined = {name: np.concatenate(parts or [np.zeros(0)]) for name, parts in per_sample.items()}
    return Measures(
        joined["total"],
        _finite_or_nan(joined["smallest"]),
        _finite_or_nan(joined["largest"]),
        joined["n_missing"].astype(np.int64),
        digests,
        gene_total,
        gene_squares,
        _finite_or_nan(gene_smallest),
        _finite_or_nan(gene_largest),
        gene_n_missing,
        odd,
    )


def _find_odd(
    odd: dict[str, Odd], start: int, block: np.ndarray
) -> tuple[np.ndarray | None, np.ndarray]:
    """Count what is odd; return where values are finite (None: everywhere) and where missing."""
    integers = block.dtype.kind in "iu"
    missing = np.zeros(block.shape, dtype=bool) if integers else np.isnan(block)
    finite = None if integers else np.isfinite(block)
    if finite is not None and finite.all():
        finite = None
    numbers = block if finite is None else np.where(finite, block, 1)
    for name, is_odd in _ODD_FINITE.items():
        if not (integers and name in ("fraction", "beyond_float")):
            odd[name].add(is_odd(numbers), block, start)
    if finite is not None:
        odd["missing"].add(missing, block, start)
        odd["infinite"].add(~finite & ~missing, block, start)
    return finite, missing


def _digest(row: np.ndarray) -> bytes:
    # Adding 0 makes -0 and 0 the same bytes.
    number = np.asarray(row, dtype=np.float64) + 0.0
    return hashlib.blake2b(number.tobytes(), digest_size=16).digest()


def _finite_or_nan(values: np.ndarray) -> np.ndarray:
    return np.where(np.isfinite(values), values, np.nan)
