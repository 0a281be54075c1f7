"""The files of a run, read into one record from which it can be published.

Needs no MLflow: everything that a tracking store shows is decided here, from plain files.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from exprlab import keys
from exprlab.errors import UserError
from exprlab.files import digest_of, read_json, sha256
from exprlab.tracking.curves import Point, read_curves
from exprlab.tracking.judged import EVALUATION_FILE, PREDICTIONS_FILE, read_evaluation
from exprlab.tracking.status import FINISHED, NOT_EVALUATED, RUNNING, last_sign_of_life, true_state

ATTEMPT_FOLDER = ".attempt"
NEW_SAMPLES_FILE = "new_samples.tsv"
FIGURES_FOLDER = "figures"
MODEL_FOLDER = "model"
CARD_FILE = "model_card.md"
COHORT_FILE = "cohort.checks.json"
# Raised when publishing shows more than before, so that runs published earlier are done again.
FORMAT = 3

TRAINING_FILES = (
    keys.PARAMS_FILE, keys.RECORD_FILE, keys.METRICS_FILE, keys.NETWORK_FILE, keys.STATUS_FILE,
    keys.TIMING_FILE, keys.ENVIRONMENT_FILE, keys.DIFF_FILE,
)  # fmt: skip
# What MLflow takes in no name of a metric.
NO_METRIC_NAME = r"[^\w\-. :/]"
LATER_FILES = (
    EVALUATION_FILE, PREDICTIONS_FILE, NEW_SAMPLES_FILE, keys.ATTRIBUTION_FILE, CARD_FILE,
)  # fmt: skip


@dataclass(frozen=True)
class RunRecord:
    """One run, as its files tell it.

    Times are milliseconds since 1970. `key` names the experiment that was done: equal for equal
    settings, data and code. `training_key` leaves out how the run was evaluated. `content` is a
    digest of what there is to publish. `source` holds the training's own files: the run's folder,
    or the unfinished attempt in it.
    """

    folder: Path
    dataset: str
    model: str
    split: str
    state: str
    cause: str
    started: int
    ended: int
    status: Mapping[str, Any]
    environment: Mapping[str, Any]
    record: Mapping[str, Any]
    params: Mapping[str, str]
    curves: tuple[Point, ...]
    metrics: Mapping[str, float]
    evaluation: Mapping[str, Any]
    network: Mapping[str, Any]
    cohort: Mapping[str, Any]
    source: Path
    files: tuple[Path, ...]
    figures: tuple[Path, ...]
    model_folder: Path | None
    key: str
    training_key: str
    content: str

    @property
    def name(self) -> str:
        """The run's name; the data set comes last, because the UI cuts long names."""
        return f"{self.model}/{self.split} {self.dataset}"

    @property
    def superseded_keys(self) -> frozenset[str]:
        """Keys of earlier, unfinished attempts at this run, which it replaces."""
        lost = unknown_key(self.dataset, self.model, self.split)
        return frozenset({self.training_key, lost} - {self.key})


def read_run(folder: Path) -> RunRecord | None:
    """Read results/{dataset}/{model}/{split}/, or the unfinished attempt in it.

    Returns None where nothing has been run yet, and while the run may still be going on.

    Raises
    ------
    UserError
        If a file of a finished run is missing, damaged or not in its format.
    """
    folder = folder.resolve()
    if (folder / keys.STATUS_FILE).exists():
        return _read(folder, folder)
    if (folder / ATTEMPT_FOLDER / keys.STATUS_FILE).exists():
        return _read(folder, folder / ATTEMPT_FOLDER)
    return None


def read_running(folder: Path) -> RunRecord | None:
    """Read a training that goes on; None where there is none (any more)."""
    folder = folder.resolve()
    source = folder / ATTEMPT_FOLDER
    if not (source / keys.STATUS_FILE).exists():
        return None
    return _read(folder, source, running=True)


def _read(folder: Path, source: Path, running: bool = False) -> RunRecord | None:
    whole = source == folder
    load = read_json if whole else _json_or_nothing
    status = load(source / keys.STATUS_FILE)
    outcome = (RUNNING, "") if running else true_state(status, source)
    if outcome is None:
        return None
    state, cause = outcome
    record, params = load(source / keys.RECORD_FILE), load(source / keys.PARAMS_FILE)
    evaluation = read_evaluation(folder) if whole else {}
    if whole and state == FINISHED and not evaluation:
        cause = cause or NOT_EVALUATED
    names = {
        name: str(record.get(name, part))
        for name, part in zip(("dataset", "model", "split"), folder.parts[-3:], strict=True)
    }
    training_key = run_key(record, params) if record and params else unknown_key(*names.values())
    seen = last_sign_of_life(source)
    started = _milliseconds(status.get("started") or seen)
    ended = max(started, _milliseconds(status.get("ended") or seen))
    network = _json_or_nothing(source / keys.NETWORK_FILE)
    files, figures, model_folder = _files(folder, source, bool(evaluation))
    return RunRecord(
        folder=folder,
        **names,
        state=state,
        cause=cause,
        started=started,
        ended=ended,
        status=status,
        environment=_json_or_nothing(source / keys.ENVIRONMENT_FILE),
        record=record,
        params=dict(flatten({**params, **_evaluation_settings(evaluation)})),
        curves=read_curves(source, started, whole),
        metrics=final_metrics(evaluation, network, status),
        evaluation=evaluation,
        network=network,
        cohort=_json_or_nothing(folder.parents[1] / "data" / COHORT_FILE),
        source=source,
        files=files,
        figures=figures,
        model_folder=model_folder,
        key=run_key(record, params, evaluation) if evaluation else training_key,
        training_key=training_key,
        content=_content_digest(
            files,
            figures,
            model_folder,
            # Of an unfinished run, how often it was tried and why it ended is the news.
            outcome if evaluation else (*outcome, status.get("attempt")),
        ),
    )


def run_key(
    record: Mapping[str, Any],
    params: Mapping[str, Any],
    evaluation: Mapping[str, Any] | None = None,
) -> str:
    """Return the digest that identifies a run: what was done to what, with which code.

    Equal experiments have equal keys wherever and whenever they are run, because record.json and
    params.json hold no times, hosts or paths. `evaluation` is the content of evaluation.json;
    without it the key is that of the training alone.
    """
    identity: dict[str, Any] = {"record": record, "params": params}
    if evaluation is not None:
        identity.update(_evaluation_settings(evaluation))
    return digest_of(identity)


def unknown_key(dataset: str, model: str, split: str) -> str:
    """Return the key of an attempt that ended before it had written its settings."""
    return digest_of({"dataset": dataset, "model": model, "split": split, "settings": None})


def _evaluation_settings(evaluation: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings by which a run was judged, as far as evaluation.json holds them."""
    if "settings" in evaluation:
        return {"evaluation": evaluation["settings"]}
    if "confidence" in evaluation:
        return {"evaluation": {"confidence": evaluation["confidence"]}}
    return {}


def flatten(value: Any, name: str = "") -> Iterator[tuple[str, str]]:
    """Yield nested settings as ("model.hidden", "[128, 32]"), in the spelling of JSON."""
    if isinstance(value, Mapping) and (value or not name):
        for key in value:
            yield from flatten(value[key], f"{name}.{key}" if name else str(key))
    else:
        yield name, value if isinstance(value, str) else json.dumps(value, sort_keys=True)


def final_metrics(
    evaluation: Mapping[str, Any], network: Mapping[str, Any], status: Mapping[str, Any]
) -> dict[str, float]:
    """Return the numbers at a run's end: test metrics with their limits, and its size."""
    found: dict[str, Any] = {}
    for metric, parts in evaluation.get("metrics", {}).items():
        found[f"test/{metric}"] = parts["value"]
        found[f"test/{metric}_low"] = parts.get("low")
        found[f"test/{metric}_high"] = parts.get("high")
    for metric, parts in evaluation.get("truth", {}).items():
        found[f"truth/{metric}"] = parts["value"]
        found[f"truth/{metric}_low"] = parts.get("low")
        found[f"truth/{metric}_high"] = parts.get("high")
    for metric, parts in evaluation.get("uncalibrated", {}).items():
        found[f"test/uncalibrated_{metric}"] = parts["value"]
    # Of two classes the cells of the confusion matrix; of more, each class against the rest.
    for name, value in flatten(evaluation.get("by_class") or evaluation.get("confusion", {})):
        if value != "null":
            found[f"test/{re.sub(NO_METRIC_NAME, '_', name)}"] = float(value)
    sets = evaluation.get("prediction_sets", {})
    for name in ("coverage", "mean_size"):
        found[f"test/prediction_set_{name}"] = sets.get(name)
    found["test/n_samples"] = evaluation.get("n_test")
    for name in ("threshold", "temperature"):
        found[name] = evaluation.get(name)
    for name in ("n_parameters", "best_epoch"):
        found[name] = network.get(name)
    found["peak_memory_mb"] = status.get("peak_memory_mb")
    # A metric may be undefined (null), e.g. without a sample of one class.
    return {name: float(value) for name, value in found.items() if value is not None}


def _files(
    folder: Path, source: Path, evaluated: bool
) -> tuple[tuple[Path, ...], tuple[Path, ...], Path | None]:
    """Return a run's files, figures and model folder; later steps only where they belong to it."""
    paths = [source / name for name in TRAINING_FILES]
    if not evaluated:
        return _present(paths), (), None
    paths += [folder / name for name in LATER_FILES]
    figures = sorted((folder / FIGURES_FOLDER).glob("*.png"))
    model = folder / MODEL_FOLDER
    kept = model if (model / keys.MODEL_JSON).exists() else None
    return _present(paths), tuple(figures), kept


def _present(paths: list[Path]) -> tuple[Path, ...]:
    """Return the files that are there and not empty, as the diff of a clean checkout is."""
    return tuple(path for path in paths if path.exists() and path.stat().st_size)


def _content_digest(
    files: tuple[Path, ...],
    figures: tuple[Path, ...],
    model: Path | None,
    outcome: tuple[Any, ...],
) -> str:
    """Return a digest of everything deterministic, and of how it ended."""
    paths = [path for path in files if path.name not in keys.SIDE_FILES] + list(figures)
    parts: dict[str, Any] = {f"{path.parent.name}/{path.name}": sha256(path) for path in paths}
    if model is not None:
        parts["model"] = sha256(model)
    return digest_of({"format": FORMAT, "outcome": outcome, "files": parts})


def _json_or_nothing(path: Path) -> dict[str, Any]:
    """Read a JSON object that a killed process may have left half-written, or not at all."""
    try:
        value = read_json(path)
    except (UserError, OSError):
        return {}
    return value if isinstance(value, dict) else {}


def _milliseconds(seconds: float) -> int:
    return round(float(seconds) * 1000)
