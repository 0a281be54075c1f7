"""A table of numbers whose orientation is not known yet."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from exprlab.keys import COUNTS

# So many numbers at once are looked at, which bounds memory.
BLOCK = 4_000_000


@dataclass(frozen=True)
class Request:
    """What is known before a file of expression values is read.

    Attributes
    ----------
    values
        What the numbers are, one of `keys.VALUES`.
    genes_in
        'rows', 'columns' or 'auto'.
    sample_ids
        Those of the sample table; none if there is no such table.
    gene_ids
        Genes that are looked for, such as those of a model; none if there is nothing to look for.
    columns
        Names of the columns of the sample table.
    others
        What stands in those of them that hold text or numbers of samples, where ids may be meant.
    transcripts
        Table of transcripts and their genes, for salmon; None without.
    """

    values: str = COUNTS
    genes_in: str = "auto"
    sample_ids: frozenset[str] = frozenset()
    gene_ids: frozenset[str] = frozenset()
    columns: frozenset[str] = frozenset()
    others: Mapping[str, frozenset[str]] = field(default_factory=dict)
    transcripts: Path | None = None


@dataclass(frozen=True)
class Grid:
    """Numbers in rows and columns, and what stands beside them.

    Attributes
    ----------
    path
        The file.
    values
        Shape (n_rows, n_columns), missing entries NaN.
    row_ids, column_ids
        As text, as found.
    row_notes, column_notes
        Text that describes rows (a column each) and columns (a column each, too).
    header_rows, id_columns
        Lines before the first row, columns before the first column of numbers.
    corner
        What stands above the ids of the rows.
    notes
        How the file was understood, parts of a sentence.
    """

    path: Path
    values: np.ndarray
    row_ids: pd.Index
    column_ids: pd.Index
    row_notes: pd.DataFrame
    column_notes: pd.DataFrame
    header_rows: int = 1
    id_columns: int = 1
    corner: str = ""
    notes: list[str] = field(default_factory=list)


def text_index(names: object) -> pd.Index:
    """Return ids as an index of text."""
    return pd.Index([str(name) for name in names], dtype=object)  # type: ignore[attr-defined]


def narrowed(values: np.ndarray) -> np.ndarray:
    """Return whole numbers in the range of int32 as int32, anything else as float64; C order."""
    if values.dtype.kind == "b":
        return values.astype(np.int32)
    whole = values.size > 0
    rows = max(1, BLOCK // max(1, values.shape[1]))
    limits = np.iinfo(np.int32)
    for start in range(0, len(values), rows):
        block = values[start : start + rows]
        if block.dtype.kind == "f":
            whole = whole and bool(np.isfinite(block).all() and (block == np.trunc(block)).all())
        whole = whole and bool(block.min() >= limits.min and block.max() <= limits.max)
        if not whole:
            break
    return np.ascontiguousarray(values, dtype=np.int32 if whole else np.float64)
