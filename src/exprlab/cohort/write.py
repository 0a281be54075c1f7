"""Writing a cohort that was read as exprlab's own file (.h5ad)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from exprlab.cohort.problems import listed
from exprlab.cohort.table import Cohort
from exprlab.data.formats import CHUNK_ROWS, NotCounts, as_counts, write_counts
from exprlab.errors import UserError
from exprlab.keys import COUNTS, GENE_ID, MISSING_COUNT, SAMPLE_ID


def write_cohort(path: Path, cohort: Cohort, values: str) -> None:
    """Write a cohort's values, samples and genes.

    Parameters
    ----------
    path
        Target.
    cohort
        Whose ids are unique.
    values
        What the numbers are, one of `keys.VALUES`.

    Raises
    ------
    UserError
        If ids are repeated, no sample has both values and a row of the sample table, or counts are
        none.
    """
    samples, genes = _storable(cohort.samples, SAMPLE_ID), _storable(cohort.genes, GENE_ID)
    for noun, ids in (("sample", samples.index), ("gene", genes.index)):
        if twice := list(dict.fromkeys(ids[ids.duplicated()])):
            raise UserError(
                f"{cohort.tables[0].path}: {noun} ids occur more than once: {listed(twice)}; "
                "`exprlab check` tells where"
            )
        if not len(ids):
            raise UserError(f"{cohort.tables[0].path}: no {noun} is left; see `exprlab check`")
    try:
        write_counts(path, samples, genes, _blocks(cohort, values), values)
    except NotCounts as error:
        raise UserError(f"{cohort.tables[0].path}: {error}") from None


def _blocks(cohort: Cohort, kind: str) -> Iterator[tuple[int, np.ndarray]]:
    """Yield whole chunks of rows: int32 counts, or float32 values of another kind."""
    for start in range(0, len(cohort.values), CHUNK_ROWS):
        block = cohort.values[start : start + CHUNK_ROWS]
        if kind == COUNTS:
            if np.any(block < 0):
                row, column = np.argwhere(block < 0)[0]
                raise NotCounts(
                    f"sample '{cohort.samples.index[start + row]}', gene "
                    f"'{cohort.genes.index[column]}': {block[row, column]} is negative; raw "
                    "counts are whole numbers from 0 on"
                )
            filled = np.where(np.isnan(block), MISSING_COUNT, block)
            ids = cohort.samples.index[start : start + len(block)]
            yield start, as_counts(filled, ids, cohort.genes.index, start)
        else:
            yield start, block.astype(np.float32)


def _storable(table: pd.DataFrame, index: str) -> pd.DataFrame:
    """Return a table as AnnData stores it.

    Text that is missing in places becomes a Categorical, which may lack values; names of columns
    hold no slash, which would be a folder of the file.
    """
    table = table.rename(columns=lambda name: str(name).replace("/", "_"))
    table = table.loc[:, ~table.columns.duplicated() & ~table.columns.isin(["_index", index])]
    for name in table:
        cells = table[name]
        if cells.dtype == object:
            text = cells.where(cells.notna(), None).map(lambda cell: cell and str(cell))
            table[name] = text if cells.notna().all() else pd.Categorical(text)
    return table.set_axis(pd.Index(table.index.astype(str), name=index))
