"""Small tables between the steps: logits and predictions."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

import numpy as np
import pandas as pd

from exprlab.errors import UserError
from exprlab.files import atomic_path
from exprlab.keys import (
    CALIBRATED,
    LABEL,
    LOGIT,
    ORACLE_RECORDED,
    PREDICTION,
    PROBABILITY,
    SAMPLE_ID,
    SPLIT,
)

if TYPE_CHECKING:
    from exprlab.data.training_table import TrainingTable


# The oracle's probabilities are kept to nine digits.
CERTAIN = 1e-9


def write_logits(path: Path, table: TrainingTable, logits: np.ndarray) -> None:
    """Write the logits of all samples."""
    columns = {SAMPLE_ID: table.sample_ids, SPLIT: table.split, LABEL: table.labels}
    frame = pd.DataFrame({**columns, LOGIT: logits.astype(np.float64)})
    with atomic_path(path) as temporary:
        frame.to_parquet(temporary, index=False)


def read_posterior(path: Path) -> pd.DataFrame:
    """Read the oracle's probabilities, a column per class after each prefix, by sample id."""
    from anndata.io import read_elem
    from h5py import File

    with File(path) as file:
        return read_elem(file["obs"])


def oracle_logits(path: Path, table: TrainingTable) -> pd.DataFrame:
    """Read the oracle's log odds of the recorded label, laid out as `write_logits` does."""
    positive = (
        read_posterior(path).filter(regex=f"^{ORACLE_RECORDED}").loc[table.sample_ids].iloc[:, -1]
    )
    p = np.clip(positive.to_numpy(), CERTAIN, 1 - CERTAIN)
    columns = {SAMPLE_ID: table.sample_ids, SPLIT: table.split, LABEL: table.labels}
    return pd.DataFrame({**columns, LOGIT: np.log(p) - np.log1p(-p)})


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
