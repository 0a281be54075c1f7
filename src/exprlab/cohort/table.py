"""A table of expression as it was read from one source: samples x genes, and where each stood."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd


@dataclass(frozen=True)
class ExpressionTable:
    """Values of one file, or of one folder of files.

    Attributes
    ----------
    path
        The file or folder.
    values
        Shape (n_samples, n_genes): int32 where all are whole numbers in its range and none is
        missing, else float64 with NaN where missing. Negative and infinite values are as found.
    sample_ids, gene_ids
        As text, as found: maybe empty, repeated or damaged.
    genes_in
        'rows' or 'columns' of the file.
    header_rows, id_columns
        Lines before the first row of values, and columns before the first one of values, to tell
        where in the file a value stood.
    note
        How the file was understood, in a sentence, e.g. the format and why genes are in rows.
    genes
        What else the file says of the genes, e.g. gene symbols, indexed by `gene_ids`; may have no
        columns.
    samples
        What else the file says of the samples (obs of an .h5ad), indexed by `sample_ids`.
    """

    path: Path
    values: np.ndarray
    sample_ids: pd.Index
    gene_ids: pd.Index
    genes_in: str
    header_rows: int
    id_columns: int
    note: str
    genes: pd.DataFrame
    samples: pd.DataFrame

    def where(self, sample: int, gene: int) -> str:
        """Say where in the file the value of a sample (row of `values`) and gene (column) stood."""
        by_row, by_column = (gene, sample) if self.genes_in == "rows" else (sample, gene)
        return (
            f"row {by_row + self.header_rows + 1}, column {by_column + self.id_columns + 1} "
            f"(sample '{self.sample_ids[sample]}', gene '{self.gene_ids[gene]}')"
        )


@dataclass(frozen=True)
class Cohort:
    """A cohort whose tables were joined.

    Attributes
    ----------
    values
        Shape (n_samples, n_genes), as in `ExpressionTable`; NaN where a study lacks a gene.
    samples
        The sample table, in the order of the values, indexed by id: columns label (an ordered
        Categorical of the classes), batch, patient and split as far as there are, then all others.
    genes
        Indexed by gene id.
    tables
        What was joined.
    sheets
        Files of the sample table.
    notes
        What was done, a sentence each: formats, orientation, genes and samples left out.
    columns
        What the sample table calls the columns label, batch, patient and split.
    places
        File and row of each sample in the sample table.
    without_row
        File and id of samples that have values and are not in the sample table.
    without_values
        File, row and id of samples of the sample table that have no values.
        Both without those whose ids are nearly the same, which are reported when they are read.
    """

    values: np.ndarray
    samples: pd.DataFrame
    genes: pd.DataFrame
    tables: tuple[ExpressionTable, ...]
    sheets: tuple[Path, ...]
    notes: tuple[str, ...]
    columns: Mapping[str, str] = field(default_factory=dict)
    places: tuple[tuple[Path, int], ...] = ()
    without_row: tuple[tuple[Path, str], ...] = ()
    without_values: tuple[tuple[Path, int, str], ...] = ()
