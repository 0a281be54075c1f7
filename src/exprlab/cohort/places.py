"""Where in a user's file a sample, a gene or a value stands."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from exprlab.cohort.table import Cohort, ExpressionTable


@dataclass(frozen=True)
class Places:
    """The two axes of a file of expression values.

    Attributes
    ----------
    path
        The file.
    sample_ids, gene_ids
        As found.
    genes_in
        'rows' or 'columns' of the file.
    header_rows, id_columns
        What stands before the first row and before the first column of values.
    """

    path: Path
    sample_ids: pd.Index
    gene_ids: pd.Index
    genes_in: str = "columns"
    header_rows: int = 0
    id_columns: int = 0

    @classmethod
    def of(cls, table: ExpressionTable) -> Places:
        """Return the places of a table that was read."""
        return cls(
            table.path,
            table.sample_ids,
            table.gene_ids,
            table.genes_in,
            table.header_rows,
            table.id_columns,
        )

    def value(self, sample: int, gene: int) -> str:
        """Say where the value of a sample and a gene stands."""
        names = f"(sample '{self.sample_ids[sample]}', gene '{self.gene_ids[gene]}')"
        first, second = (gene, sample) if self.genes_in == "rows" else (sample, gene)
        return f"row {self._row(first)}, column {self._column(second)} {names}"

    def gene(self, gene: int) -> str:
        """Say where a gene stands."""
        return f"{self._line(gene, self.genes_in == 'rows')} (gene '{self.gene_ids[gene]}')"

    def sample(self, sample: int) -> str:
        """Say where a sample stands."""
        line = self._line(sample, self.genes_in != "rows")
        return f"{line} (sample '{self.sample_ids[sample]}')"

    def at_sample(self, sample: int) -> tuple[Path, str]:
        """Return the file of a sample, and where it stands there."""
        return self.path, self.sample(sample)

    def at_gene(self, gene: int) -> tuple[Path, str]:
        """Return the file of a gene, and where it stands there."""
        return self.path, self.gene(gene)

    def _line(self, number: int, is_row: bool) -> str:
        return f"row {self._row(number)}" if is_row else f"column {self._column(number)}"

    def _row(self, number: int) -> int:
        return number + self.header_rows + 1

    def _column(self, number: int) -> int:
        return number + self.id_columns + 1


class JoinedPlaces:
    """Where samples and genes of a joined cohort stand in the files that it was joined from."""

    def __init__(self, cohort: Cohort) -> None:
        self.sample_ids = cohort.samples.index
        self.gene_ids = cohort.genes.index
        self._tables = [Places.of(table) for table in cohort.tables]

    def at_sample(self, sample: int) -> tuple[Path, str]:
        """Return the file of a sample, and where it stands there."""
        name = self.sample_ids[sample]
        for places in self._tables:
            found = np.flatnonzero(places.sample_ids == name)
            if len(found):
                return places.at_sample(int(found[0]))
        return self._tables[0].path, f"sample '{name}'"

    def at_gene(self, gene: int) -> tuple[Path, str]:
        """Return the first file that has a gene, and where it stands there."""
        name = self.gene_ids[gene]
        for places in self._tables:
            found = np.flatnonzero(places.gene_ids == name)
            if len(found):
                return places.at_gene(int(found[0]))
        return self._tables[0].path, f"gene '{name}'"
