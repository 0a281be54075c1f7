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
    HELD_OUT,
    LABEL,
    LOGIT,
    ORACLE_RECORDED,
    PATIENT,
    PREDICTION,
    PREDICTION_SET,
    PROBABILITY,
    SAMPLE_ID,
    SPLIT,
    TRAIN,
    VAL,
)
from exprlab.outputs import (
    Calibration,
    PredictionSets,
    calibrate,
    decide,
    gathered,
    set_words,
    spread,
)

if TYPE_CHECKING:
    from exprlab.data.training_table import TrainingTable


# The oracle's probabilities are kept to nine digits.
CERTAIN = 1e-9
# Rows of a group of a Parquet file that is written as its blocks come, at least.
ROW_GROUP = 10_000


def write_logits(
    path: Path, table: TrainingTable, logits: np.ndarray, cross_validated: bool = False
) -> None:
    """Write the logits of all samples, and which are of models that did not see the sample.

    After cross-validation all of them are, else those of samples that did not train.
    """
    frame = _logit_table(table, logits.astype(np.float64))
    frame[HELD_OUT] = cross_validated | (table.split != TRAIN)
    with atomic_path(path) as temporary:
        frame.to_parquet(temporary, index=False)


def read_posterior(path: Path) -> pd.DataFrame:
    """Read the oracle's probabilities, a column per class after each prefix, by sample id."""
    from anndata.io import read_elem
    from h5py import File

    with File(path) as file:
        return read_elem(file["obs"])


def oracle_logits(path: Path, table: TrainingTable) -> pd.DataFrame:
    """Read the oracle's logits of the recorded label, laid out as `write_logits` does."""
    columns = [ORACLE_RECORDED + name for name in table.classes]
    each = read_posterior(path).loc[table.sample_ids, columns]
    p = np.clip(each.to_numpy(), CERTAIN, 1 - CERTAIN)
    logits = np.log(p) if len(table.classes) > 2 else np.log(p[:, 1]) - np.log1p(-p[:, 1])
    return _logit_table(table, logits)


def _logit_table(table: TrainingTable, logits: np.ndarray) -> pd.DataFrame:
    columns = {SAMPLE_ID: table.sample_ids, PATIENT: table.patients, SPLIT: table.split}
    columns[LABEL] = table.labels
    return pd.DataFrame({**columns, **spread(LOGIT, logits, table.classes)})


def read_logits(path: Path, split: str) -> pd.DataFrame:
    """Read the logits of one split: sample_id, label (from 0 on), logit or a logit per class."""
    frame = read_all_logits(path)
    return frame[frame[SPLIT] == split].drop(columns=[SPLIT, HELD_OUT]).reset_index(drop=True)


def read_held_out(path: Path) -> pd.DataFrame:
    """Read the logits that calibration, threshold and prediction sets are fitted to.

    Those of validation samples and, after cross-validation, of training samples too: each of a
    model that did not see the sample. Columns as of `read_logits`.
    """
    frame = read_all_logits(path)
    fitting = frame[frame[SPLIT].isin((TRAIN, VAL)) & frame[HELD_OUT]]
    return fitting.drop(columns=[SPLIT, HELD_OUT]).reset_index(drop=True)


def read_all_logits(path: Path) -> pd.DataFrame:
    """Read the logits of all samples, in the order of the counts, with the column split."""
    return _read_parquet(path)


def outputs(
    logit: np.ndarray,
    calibration: Calibration,
    threshold: float | None,
    classes: Sequence[str],
    sets: PredictionSets | None = None,
) -> dict[str, np.ndarray]:
    """Return what a model says of samples: probabilities before and after calibration, class, set.

    The class is its place in `classes`. Without `sets`, as for the oracle, there is no set.
    """
    calibrated = calibrate(logit, calibration)
    called = decide(calibrated, threshold)
    found = {
        **spread(PROBABILITY, calibrate(logit, 1.0), classes),
        **spread(CALIBRATED, calibrated, classes),
        PREDICTION: called,
    }
    if sets is None:
        return found
    return {**found, PREDICTION_SET: set_words(sets.of(calibrated, called), classes)}


def write_predictions(
    path: Path,
    test: pd.DataFrame,
    calibration: Calibration,
    threshold: float | None,
    classes: Sequence[str] = CLASSES,
    sets: PredictionSets | None = None,
) -> None:
    """Add probabilities and predictions to the logits of test samples and write them."""
    frame = test.assign(**outputs(gathered(LOGIT, test), calibration, threshold, classes, sets))
    with atomic_path(path) as temporary:
        frame.to_parquet(temporary, index=False)


def read_predictions(path: Path) -> pd.DataFrame:
    """Read the predictions of the test samples."""
    return _read_parquet(path)


def write_blocks(target: Path | TextIO, blocks: Iterable[pd.DataFrame]) -> None:
    """Write tables that arrive in blocks as one: Parquet (.parquet), CSV (.csv), else TSV."""
    if not isinstance(target, Path):
        _write_text(target, blocks)
        return
    with atomic_path(target) as temporary:
        if target.suffix == ".parquet":
            _write_row_groups(temporary, blocks)
            return
        with temporary.open("w", encoding="utf-8", newline="") as stream:
            _write_text(stream, blocks, "," if target.suffix == ".csv" else "\t")


def _write_text(stream: TextIO, blocks: Iterable[pd.DataFrame], separator: str = "\t") -> None:
    for i, block in enumerate(blocks):
        block.to_csv(stream, sep=separator, header=i == 0, float_format="%.6g", lineterminator="\n")


def _write_row_groups(path: Path, blocks: Iterable[pd.DataFrame]) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    writer, waiting, n_waiting = None, [], 0
    try:
        for block in blocks:
            waiting.append(pa.Table.from_pandas(block.reset_index(), preserve_index=False))
            n_waiting += len(block)
            writer = writer or pq.ParquetWriter(path, waiting[0].schema)
            if n_waiting >= ROW_GROUP:
                writer.write_table(pa.concat_tables(waiting))
                waiting, n_waiting = [], 0
        if writer and waiting:
            writer.write_table(pa.concat_tables(waiting))
    finally:
        if writer:
            writer.close()


def _read_parquet(path: Path) -> pd.DataFrame:
    try:
        # Small tables: no threads, whose end has been seen to abort a process that is exiting.
        return pd.read_parquet(path, use_threads=False, pre_buffer=False)
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: cannot be read as Parquet ({error}); make it again") from None
