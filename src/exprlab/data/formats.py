"""Cohorts and truth as AnnData files (.h5ad), written and read in blocks of whole rows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
from anndata.io import read_elem, write_elem

from exprlab.errors import UserError
from exprlab.files import atomic_path
from exprlab.keys import COUNTS, GENE_ID, MISSING_COUNT, SAMPLE_ID, VALUES

COUNTS_LAYER = "layers/counts"
# Rows of one HDF5 chunk: a block of samples is then one contiguous read.
CHUNK_ROWS = 64


def write_counts(
    path: str | Path,
    samples: pd.DataFrame,
    genes: pd.DataFrame,
    blocks: Iterable[tuple[int, np.ndarray]],
    values: str = COUNTS,
) -> None:
    """Write a cohort as .h5ad without ever holding all of it.

    Counts go to layers/counts; other values to X, and what they are to uns/values.

    Parameters
    ----------
    path
        Target; written under a temporary name and renamed at the end.
    samples, genes
        Tables of the rows and columns; their indices are the ids.
    blocks
        Pairs of first row and an array of shape (n_rows, n_genes), from the first row to the last:
        int32 counts, missing entries -1, or float32 values, missing entries NaN. How many rows a
        block has changes no byte of the file; whole chunks are written fastest.
    values
        What the numbers are, one of `keys.VALUES`.
    """
    shape = (len(samples), len(genes))
    with atomic_path(path) as temporary, h5py.File(temporary, "w") as file:
        _write_frame(file, samples, genes)
        if values == COUNTS:
            file.create_group("layers").attrs.update(_encoding("dict"))
        else:
            write_elem(file, "uns", {"values": values})
        counts = file.create_dataset(
            COUNTS_LAYER if values == COUNTS else "X",
            shape,
            np.int32 if values == COUNTS else np.float32,
            chunks=(min(CHUNK_ROWS, shape[0]), shape[1]),
            compression="lzf",
        )
        counts.attrs.update({"encoding-type": "array", "encoding-version": "0.2.0"})
        written = 0
        for start, block in blocks:
            if start != written or start + len(block) > shape[0]:
                raise ValueError(f"expected row {written} of {shape[0]}, found {start}")
            counts[start : start + len(block)] = block
            written += len(block)
        if written < shape[0]:
            raise ValueError(f"expected {shape[0]} rows, found {written}")


def write_tables(
    path: str | Path,
    samples: pd.DataFrame,
    genes: pd.DataFrame,
    obsm: Mapping[str, np.ndarray],
    varm: Mapping[str, np.ndarray],
    uns: Mapping[str, object],
) -> None:
    """Write an .h5ad without counts: tables, arrays per sample (obsm) and per gene (varm)."""
    with atomic_path(path) as temporary, h5py.File(temporary, "w") as file:
        _write_frame(file, samples, genes)
        for name, values in (("obsm", obsm), ("varm", varm), ("uns", uns)):
            write_elem(file, name, dict(values))


def _write_frame(file: h5py.File, samples: pd.DataFrame, genes: pd.DataFrame) -> None:
    file.attrs.update({"encoding-type": "anndata", "encoding-version": "0.1.0"})
    write_elem(file, "obs", samples.rename_axis(SAMPLE_ID))
    write_elem(file, "var", genes.rename_axis(GENE_ID))


def _encoding(kind: str) -> dict[str, str]:
    return {"encoding-type": kind, "encoding-version": "0.1.0"}


class CountsFile:
    """An open .h5ad whose counts, or values of another kind, are read block by block.

    Attributes
    ----------
    values
        What the numbers are, one of `keys.VALUES`.
    samples, genes
        Tables of the rows and columns, indexed by their ids.
    shape
        (n_samples, n_genes).
    """

    def __init__(self, path: Path, file: h5py.File) -> None:
        self.path = path
        self.values = _kind_of(path, file)
        self._counts = _counts_of(path, file)
        self.samples: pd.DataFrame = read_elem(file["obs"])
        self.genes: pd.DataFrame = read_elem(file["var"])
        self.shape: tuple[int, int] = self._counts.shape
        if (len(self.samples), len(self.genes)) != self.shape:
            raise ValueError(
                f"counts of shape {self.shape} for {len(self.samples)} samples and "
                f"{len(self.genes)} genes"
            )

    def blocks(self, rows: int = 256) -> Iterator[tuple[int, np.ndarray]]:
        """Yield (first row, array of shape (<= rows, n_genes)), first sample to last.

        int32 counts, missing entries -1, or float32 of another kind of values, missing ones NaN.

        Raises
        ------
        UserError
            At the first value that is no count, or where the file is damaged.
        """
        for start, block in self.stored_blocks(rows):
            if self.values != COUNTS:
                yield start, block.astype(np.float32, copy=False)
                continue
            ids = self.samples.index[start : start + len(block)]
            try:
                counts = as_counts(block, ids, self.genes.index, first_row=start)
            except NotCounts as error:
                raise UserError(f"{self.path}: {error}") from None
            yield start, counts

    def stored_blocks(self, rows: int = 256) -> Iterator[tuple[int, np.ndarray]]:
        """Yield blocks as `blocks` does, of the values and the type that the file holds."""
        for start in range(0, self.shape[0], rows):
            try:
                block = self._counts[start : start + rows]
            except OSError as error:
                raise _unreadable(self.path, error) from None
            yield start, block


class NotCounts(UserError):
    """A value that is no count, told by row and column."""


def as_counts(
    values: np.ndarray, sample_ids: pd.Index, gene_ids: pd.Index, first_row: int = 0
) -> np.ndarray:
    """Return numbers of any type as int32 counts, missing entries -1.

    Parameters
    ----------
    values
        Shape (n_samples, n_genes).
    sample_ids, gene_ids
        Names of the rows and columns, for the message.
    first_row
        Number of the first row in the whole table, for the message.

    Raises
    ------
    NotCounts
        Where a value is not whole, below -1, or too large.
    """
    for is_bad, why in (
        (_not_whole(values), "is not a whole number"),
        (values < MISSING_COUNT, "is negative"),
        (values >= 2**31, "is larger than any count"),
    ):
        if np.any(is_bad):
            row, column = (int(i) for i in np.argwhere(is_bad)[0])
            raise NotCounts(
                f"row {first_row + row + 1} (sample '{sample_ids[row]}'), column {column + 1} "
                f"(gene '{gene_ids[column]}'): {values[row, column]} {why}; raw counts are whole "
                f"numbers from 0 on ({MISSING_COUNT} = missing)"
            )
    return values.astype(np.int32, copy=False)


def _not_whole(values: np.ndarray) -> np.ndarray | bool:
    if values.dtype.kind in "iu":
        return False
    return ~np.isfinite(values) | (values != np.round(values))


@contextmanager
def open_counts(path: str | Path) -> Iterator[CountsFile]:
    """Open the counts of an .h5ad file.

    Raises
    ------
    UserError
        If the file is missing, cut off, no HDF5, or has no 2-D table of numbers.
    """
    path = Path(path)
    if not path.is_file():
        raise UserError(f"{path}: no such file")
    try:
        file = h5py.File(path, "r")
    except OSError as error:
        raise _unreadable(path, error) from None
    with file:
        try:
            counts = CountsFile(path, file)
        except UserError:
            raise
        except Exception as error:  # what h5py and anndata raise depends on where the damage is
            raise _unreadable(path, error) from None
        yield counts


def _kind_of(path: Path, file: h5py.File) -> str:
    if "uns/values" not in file:
        return COUNTS
    values = read_elem(file["uns/values"])
    if values not in VALUES:
        raise UserError(f"{path}: uns/values: found {values!r}; allowed: {', '.join(VALUES)}")
    return str(values)


def _counts_of(path: Path, file: h5py.File) -> h5py.Dataset:
    if COUNTS_LAYER not in file and "X" not in file:
        raise UserError(f"{path}: holds neither layers/counts nor X; it needs raw counts in one")
    counts = file[COUNTS_LAYER] if COUNTS_LAYER in file else file["X"]
    if not isinstance(counts, h5py.Dataset) or counts.ndim != 2:
        raise UserError(
            f"{path}: {counts.name} is sparse or not a table; store it as a dense array, e.g. "
            "adata.layers['counts'] = adata.X.toarray()"
        )
    if counts.dtype.kind not in "iuf":
        raise UserError(f"{path}: {counts.name} holds no numbers; it needs raw counts")
    if 0 in counts.shape:
        raise UserError(f"{path}: is empty: {counts.shape[0]} samples, {counts.shape[1]} genes")
    return counts


def _unreadable(path: Path, error: Exception) -> UserError:
    reason = str(error).partition("\n")[0] or type(error).__name__
    return UserError(
        f"{path}: cannot be read as .h5ad ({reason}); the file is damaged or cut off: make or copy "
        "it again"
    )
