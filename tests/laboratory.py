"""A small clean cohort in a lab's own files, for tests to damage."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

N_SAMPLES, N_GENES = 64, 80


def clean_counts() -> pd.DataFrame:
    """Return counts, genes x samples, drawn as reads of tumours are: Poisson about a gamma."""
    rng = np.random.default_rng(5)
    mean = np.exp(rng.normal(5, 1.5, (N_GENES, 1))) + 5
    size = np.exp(rng.normal(0, 0.25, (1, N_SAMPLES)))
    rate = mean * size * rng.gamma(4, 0.25, (N_GENES, N_SAMPLES))
    genes = [f"ENSG{100000 + 7 * i:011d}" for i in range(N_GENES)]
    samples = [f"lab-{i:03d}" for i in range(N_SAMPLES)]
    return pd.DataFrame(rng.poisson(rate) + 1, index=genes, columns=samples)


def clean_sheet() -> pd.DataFrame:
    """Return the sample table: two samples per patient, batches and a split that fit."""
    number = np.arange(N_SAMPLES)
    return pd.DataFrame(
        {
            "sample_id": [f"lab-{i:03d}" for i in number],
            "label": np.where(number % 2 == 0, "normal", "tumor"),
            "patient": [f"p{i // 2}" for i in number],
            "batch": [f"plate{i // 2 % 4}" for i in number],
            "split": np.where(number // 2 % 5 == 4, "test", "train"),
            "age": 40 + 7 * number % 31,
            "site": np.where(number // 4 % 2 == 0, "colon", "rectum"),
        },
        dtype=object,
    )


@dataclass
class Lab:
    """The files of a cohort, and the command that checks them.

    `counts` (genes x samples) and `sheet` are damaged before they are written, `after` damages the
    written files. `columns` and `rows` name the axes as they are written.
    """

    folder: Path
    counts: pd.DataFrame = field(default_factory=clean_counts)
    sheet: pd.DataFrame = field(default_factory=clean_sheet)
    expression: str = "expression.tsv"
    samples: str = "samples.tsv"
    options: list[str] = field(default_factory=list)
    write_values: Callable[[pd.DataFrame, Path], None] | None = None
    after: Callable[[Path], None] | None = None

    @property
    def path(self) -> Path:
        """Return the file of the values."""
        return self.folder / self.expression

    def set(self, gene: int, sample: int, value: object) -> None:
        """Put a value into a cell, whatever its type."""
        self.counts = self.counts.astype(object)
        self.counts.iat[gene, sample] = value

    def rename_gene(self, gene: int, name: str) -> None:
        """Call a gene something else."""
        names = list(self.counts.index)
        names[gene] = name
        self.counts.index = names

    def rename_sample(self, sample: int, name: str) -> None:
        """Call a sample something else in the values alone."""
        names = list(self.counts.columns)
        names[sample] = name
        self.counts.columns = names

    def add_gene(self, name: str, values: object) -> None:
        """Add a row of values."""
        new = pd.DataFrame([np.broadcast_to(values, self.counts.shape[1])], index=[name])
        new.columns = self.counts.columns
        self.counts = pd.concat([self.counts, new])

    def arguments(self) -> list[str]:
        """Write the files and return the arguments of the command."""
        if self.write_values:
            self.write_values(self.counts, self.path)
        else:
            self.counts.to_csv(self.path, sep="\t", index_label="gene_id", na_rep="")
        sheet = self.folder / self.samples
        self.sheet.to_csv(sheet, sep="\t", index=False)
        if self.after:
            self.after(self.folder)
        return ["check", str(self.path), "--samples", str(sheet), *self.options]
