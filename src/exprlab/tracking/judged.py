"""A run's evaluation.json, if it belongs to the training that the run's folder holds now."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from exprlab import keys
from exprlab.errors import UserError
from exprlab.files import read_json

EVALUATION_FILE = "evaluation.json"
PREDICTIONS_FILE = "predictions.parquet"


def read_evaluation(folder: Path) -> dict[str, Any]:
    """Return evaluation.json, or nothing where it is missing or belongs to an earlier training."""
    path, logits = folder / EVALUATION_FILE, folder / keys.LOGITS_FILE
    if not path.exists():
        return {}
    evaluation = read_json(path)
    # Its folds judge the model to use; when it was trained itself does not matter.
    if "folds" in evaluation:
        return evaluation
    # Dates only raise the suspicion (copying a folder changes them); the contents decide.
    older = logits.exists() and path.stat().st_mtime < logits.stat().st_mtime
    if older and not _same_logits(logits, folder / PREDICTIONS_FILE):
        return {}
    return evaluation


def _same_logits(logits: Path, predictions: Path) -> bool:
    """Return whether the predictions were made from these logits of the test samples."""
    import pyarrow.parquet as pq

    if not predictions.exists():
        return False
    try:
        numbers = [n for n in pq.read_schema(logits).names if n.startswith(keys.LOGIT)]
        table = pq.read_table(logits, columns=[keys.SAMPLE_ID, keys.SPLIT, *numbers])
        judged = pq.read_table(predictions, columns=[keys.SAMPLE_ID, *numbers])
    except (OSError, ValueError, KeyError) as error:
        raise UserError(f"{predictions}: cannot be compared with {logits}: {error}") from None

    def by_sample(rows: Iterable[dict[str, Any]]) -> dict[str, list[float]]:
        return {row[keys.SAMPLE_ID]: [row[name] for name in numbers] for row in rows}

    test = by_sample(row for row in table.to_pylist() if row[keys.SPLIT] == keys.TEST)
    found = by_sample(judged.to_pylist())
    return test.keys() == found.keys() and all(
        abs(a - b) <= 1e-6 * max(1.0, abs(a))
        for sample in test
        for a, b in zip(test[sample], found[sample], strict=True)
    )
