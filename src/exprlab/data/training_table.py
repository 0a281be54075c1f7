"""Which samples there are, their labels, and which of them train."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from exprlab.data.formats import open_counts
from exprlab.errors import UserError
from exprlab.keys import LABEL, PATIENT, SAMPLE_ID, SPLIT, SPLITS, UNUSED, class_order


@dataclass(frozen=True)
class TrainingTable:
    """Samples in the order of the counts, with label (its place in `classes`), split and patient.

    Without patients each sample is one of its own.
    """

    sample_ids: pd.Index
    labels: np.ndarray
    split: np.ndarray
    classes: tuple[str, ...]
    patients: np.ndarray

    def __len__(self) -> int:
        return len(self.sample_ids)

    def rows(self, name: str) -> np.ndarray:
        """Return the row numbers of a split."""
        return np.flatnonzero(self.split == name)


def read_split(path: Path, samples: pd.DataFrame) -> pd.Series:
    """Read which split each sample is in, in the order of `samples`.

    Raises
    ------
    UserError
        If the table is damaged or does not name every sample once.
    """
    try:
        # "NA" and "null" are names that samples may have.
        table = pd.read_csv(path, sep="\t", dtype=str, keep_default_na=False)
        split = table.set_index(SAMPLE_ID)[SPLIT]
    except (OSError, KeyError, ValueError) as error:
        raise UserError(
            f"{path}: not a table with the columns {SAMPLE_ID} and {SPLIT} ({error})"
        ) from None
    missing = samples.index.difference(split.index)
    if len(missing) or len(split) != len(samples):
        found = f"sample '{missing[0]}' is missing" if len(missing) else "it has other samples"
        raise UserError(f"{path}: does not belong to these counts: {found}; split again")
    allowed = (*SPLITS, UNUSED)
    odd = split[~split.isin(allowed)]
    if len(odd):
        raise UserError(
            f"{path}: sample '{odd.index[0]}': found split '{odd.iloc[0]}'; "
            f"allowed: {', '.join(allowed)}"
        )
    return split.reindex(samples.index)


def classes_of(labels: pd.Series) -> tuple[str, ...]:
    """Return the classes of labels in their order: the column's own, else benign first."""
    if isinstance(labels.dtype, pd.CategoricalDtype):
        return tuple(str(name) for name in labels.cat.categories)
    return class_order(labels.dropna().astype(str))


def read_training_table(counts_path: Path, split_path: Path) -> TrainingTable:
    """Read labels and split of all samples of a counts file."""
    with open_counts(counts_path) as counts:
        samples = counts.samples
    split = read_split(split_path, samples)
    classes = classes_of(samples[LABEL])
    place = {name: i for i, name in enumerate(classes)}
    labels = samples[LABEL].astype(str).map(place).to_numpy(dtype=np.int8)
    patients = samples.get(PATIENT, samples.index.to_series()).to_numpy(dtype=str)
    return TrainingTable(samples.index, labels, split.to_numpy(dtype=str), classes, patients)
