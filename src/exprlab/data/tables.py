"""Small tables between the steps: logits and predictions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

import numpy as np
import pandas as pd

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
    output_columns,
)
from exprlab.outputs import calibrate, decide

if TYPE_CHECKING:
    from exprlab.data.training_table import TrainingTable


def write_logits(path: Path, table: TrainingTable, logits: np.ndarray) -> None:
    """Write the logits of all samples."""
    columns = {SAMPLE_ID: table.sample_ids, SPLIT: table.split, LABEL: table.labels}
    frame = pd.DataFrame({**columns, **spread(LOGIT, logits.astype(np.float64), table.classes)})
    with atomic_path(path) as temporary:
        frame.to_parquet(temporary, index=False)


def spread(name: str, values: np.ndarray, classes: Sequence[str]) -> dict[str, np.ndarray]:
    """Return a model's output, (n_samples,) or (n_samples, n_classes), as columns of a table."""
    columns = values[:, None] if values.ndim == 1 else values
    return dict(zip(output_columns(name, classes), columns.T, strict=True))


def gathered(name: str, table: pd.DataFrame) -> np.ndarray:
    """Return what `spread` has laid out: (n_samples,) or (n_samples, n_classes)."""
    if name in table:
        return table[name].to_numpy()
    return table[[column for column in table if column.startswith(f"{name}_")]].to_numpy()


def read_logits(path: Path, split: str) -> pd.DataFrame:
    """Read the logits of one split: sample_id, label (from 0 on), logit or a logit per class."""
    frame = _read_parquet(path)
    return frame[frame[SPLIT] == split].drop(columns=SPLIT).reset_index(drop=True)


def outputs(
    logit: np.ndarray, temperature: float, threshold: float | None, classes: Sequence[str]
) -> dict[str, np.ndarray]:
    """Return what a model says of samples: probabilities before and after calibration, class.

    The class is its place in `classes`.
    """
    calibrated = calibrate(logit, temperature)
    return {
        **spread(PROBABILITY, calibrate(logit, 1.0), classes),
        **spread(CALIBRATED, calibrated, classes),
        PREDICTION: decide(calibrated, threshold),
    }


def write_predictions(
    path: Path,
    test: pd.DataFrame,
    temperature: float,
    threshold: float | None,
    classes: Sequence[str] = CLASSES,
) -> None:
    """Add probabilities and predictions to the logits of test samples and write them."""
    frame = test.assign(**outputs(gathered(LOGIT, test), temperature, threshold, classes))
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
