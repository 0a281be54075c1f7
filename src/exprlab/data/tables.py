"""Small tables between the steps: splits, logits and predictions."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

import numpy as np
import pandas as pd

from exprlab.data.formats import open_counts
from exprlab.errors import UserError
from exprlab.files import atomic_path
from exprlab.keys import (
    CALIBRATED,
    CLASSES,
    LABEL,
    LOGIT,
    PREDICTION,
    PROBABILITY,
    SAMPLE_ID,
    SPLIT,
    SPLITS,
)


@dataclass(frozen=True)
class TrainingTable:
    """Samples in the order of the counts, with label (0 / 1) and split."""

    sample_ids: pd.Index
    labels: np.ndarray
    split: np.ndarray

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
    odd = split[~split.isin(SPLITS)]
    if len(odd):
        raise UserError(
            f"{path}: sample '{odd.index[0]}': found split '{odd.iloc[0]}'; "
            f"allowed: {', '.join(SPLITS)}"
        )
    return split.reindex(samples.index)


def read_training_table(counts_path: Path, split_path: Path) -> TrainingTable:
    """Read labels and split of all samples of a counts file."""
    with open_counts(counts_path) as counts:
        samples = counts.samples
    split = read_split(split_path, samples)
    labels = (samples[LABEL] == CLASSES[1]).to_numpy(dtype=np.int8)
    return TrainingTable(samples.index, labels, split.to_numpy(dtype=str))


def write_logits(path: Path, table: TrainingTable, logits: np.ndarray) -> None:
    """Write the logits of all samples."""
    columns = {SAMPLE_ID: table.sample_ids, SPLIT: table.split, LABEL: table.labels}
    frame = pd.DataFrame({**columns, LOGIT: logits.astype(np.float64)})
    with atomic_path(path) as temporary:
        frame.to_parquet(temporary, index=False)


def read_logits(path: Path, split: str) -> pd.DataFrame:
    """Read the logits of one split: sample_id, label (0 / 1), logit."""
    frame = _read_parquet(path)
    return frame[frame[SPLIT] == split].drop(columns=SPLIT).reset_index(drop=True)


def write_predictions(path: Path, test: pd.DataFrame, temperature: float, threshold: float) -> None:
    """Add probabilities and predictions to the logits of test samples and write them."""
    from scipy.special import expit

    calibrated = expit(test[LOGIT] / temperature)
    frame = test.assign(
        **{
            PROBABILITY: expit(test[LOGIT]),
            CALIBRATED: calibrated,
            PREDICTION: (calibrated >= threshold).astype(np.int8),
        }
    )
    with atomic_path(path) as temporary:
        frame.to_parquet(temporary, index=False)


def read_predictions(path: Path) -> pd.DataFrame:
    """Read the predictions of the test samples."""
    return _read_parquet(path)


def write_blocks(target: Path | TextIO, blocks: Iterable[pd.DataFrame]) -> None:
    """Write tables that arrive in blocks as one TSV, with one header."""
    if not isinstance(target, Path):
        _write_blocks(target, blocks)
        return
    with (
        atomic_path(target) as temporary,
        temporary.open("w", encoding="utf-8", newline="") as stream,
    ):
        _write_blocks(stream, blocks)


def _write_blocks(stream: TextIO, blocks: Iterable[pd.DataFrame]) -> None:
    for i, block in enumerate(blocks):
        block.to_csv(stream, sep="\t", header=i == 0, float_format="%.6g", lineterminator="\n")


def _read_parquet(path: Path) -> pd.DataFrame:
    try:
        return pd.read_parquet(path)
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: cannot be read as Parquet ({error}); make it again") from None
