"""Reading what the report shows, with one clear message where a file is not what it should be."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from exprlab.config.designs import Design
from exprlab.errors import UserError
from exprlab.evaluation.layout import classes_of
from exprlab.files import read_json
from exprlab.keys import (
    BATCH,
    CALIBRATED,
    FLAGS,
    LABEL,
    METRICS_FILE,
    NETWORK_FILE,
    ORACLE,
    PREDICTION,
    PROBABILITY,
    RECORD_FILE,
    SAMPLE_ID,
    SPLIT,
    output_columns,
)
from exprlab.many import in_order

Table = dict[str, list[str]]
PNG_START, PNG_END = b"\x89PNG\r\n\x1a\n", b"IEND\xaeB\x60\x82"
OVERVIEW_KEYS = (SAMPLE_ID, LABEL, BATCH, "level", "quality", "raw_pca", "log_pca")
# Classes, patients and batches are counted only if the sample table has such a column.
CHECK_KEYS = ("n_samples", "n_genes", "warnings")
EVALUATION_KEYS = (
    "n_test", "classes", "n_per_class", "threshold", "confidence", "metrics", "confusion", "curves",
)  # fmt: skip
GUARD_KEYS = ("n_permutations", "confidence", "mean", "low", "high")
NEW_EVALUATION_KEYS = ("n_samples", "classes", "n_per_class", "confidence", "models")


@dataclass(frozen=True)
class RunInputs:
    """What the report needs of one run."""

    model: str
    split: str
    folder: Path
    metrics: Table
    network: dict[str, Any]
    evaluation: dict[str, Any]
    record: dict[str, Any]
    training_png: bytes
    confusion_png: bytes

    @property
    def classes(self) -> tuple[str, ...]:
        """Return the classes that the model knows, in the order of their labels."""
        return classes_of(self.evaluation)


@dataclass(frozen=True)
class RepeatInputs:
    """How a model does in a repeat: in its one split, or in all of its folds together.

    `new_samples` are the predictions of the model to use, None where there are none to predict.
    """

    model: str
    repeat: str
    evaluation: dict[str, Any]
    new_samples: Table | None

    @property
    def classes(self) -> tuple[str, ...]:
        """Return the classes, in the order of their labels."""
        return classes_of(self.evaluation)

    @property
    def new_probability(self) -> list[float]:
        """Return each new sample's calibrated probability.

        Of two classes that of the positive one, of more that of the most probable one.
        """
        assert self.new_samples is not None
        columns = [self.new_samples[name] for name in output_columns(CALIBRATED, self.classes)]
        return [max(row) for row in zip(*columns, strict=True)]


@dataclass(frozen=True)
class DatasetInputs:
    """What the report needs of one data set; by model, then by split, in the given order.

    `runs` are the trainings, `repeats` what they are judged by. `new_checks` and `new_evaluation`
    are None where there are no new samples. `oracle` is its evaluation by repeat; empty where the
    truth is not known.
    """

    name: str
    checks: dict[str, Any]
    new_checks: dict[str, Any] | None
    new_evaluation: dict[str, Any] | None
    overview: dict[str, Any]
    split_tables: dict[str, Table]
    guards: dict[str, dict[str, Any]]
    runs: dict[str, dict[str, RunInputs]]
    repeats: dict[str, dict[str, RepeatInputs]]
    oracle: dict[str, dict[str, Any]]

    @property
    def classes(self) -> tuple[str, ...]:
        """Return its classes, in the order of their labels."""
        return next(iter(next(iter(self.runs.values())).values())).classes

    def evaluations(self) -> dict[str, dict[str, dict[str, Any]]]:
        """Return model -> repeat -> evaluation.json, the oracle last where there is one."""
        found = {m: {r: x.evaluation for r, x in each.items()} for m, each in self.repeats.items()}
        return found | ({ORACLE: self.oracle} if self.oracle else {})


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Turn what goes wrong with a file's content into a message that names the file."""
    try:
        yield
    except FileNotFoundError:
        raise UserError(f"{path}: no such file") from None
    except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
        raise UserError(
            f"{path}: not as docs/files.md describes it ({type(error).__name__}: {error}); "
            "delete it and run snakemake again"
        ) from error


def read_object(path: Path, keys: Sequence[str] = ()) -> dict[str, Any]:
    """Read a JSON object and check that the keys which the report uses are there."""
    value = read_json(path)
    if not isinstance(value, dict):
        raise UserError(f"{path}: expected a JSON object, found a {type(value).__name__}")
    missing = [key for key in keys if key not in value]
    if missing:
        raise UserError(f"{path}: missing {', '.join(missing)}; delete it and run snakemake again")
    return value


def read_table(path: Path, columns: Sequence[str], delimiter: str = "\t") -> Table:
    """Read a table as text columns.

    Raises
    ------
    UserError
        If the file is missing, lacks a column, or has a row of another length than its header.
    """
    with reading(path), path.open(newline="", encoding="utf-8") as stream:
        rows = csv.reader(stream, delimiter=delimiter)
        header = next(rows, [])
        missing = [name for name in columns if name not in header]
        if missing:
            raise UserError(f"{path}: no column {', '.join(missing)}; found {', '.join(header)}")
        values: list[list[str]] = [[] for _ in header]
        for row in rows:
            if len(row) != len(header):
                raise UserError(
                    f"{path}, line {rows.line_num}: {len(row)} columns, the header has "
                    f"{len(header)}; was the file cut off?"
                )
            for column, value in zip(values, row, strict=True):
                column.append(value)
    return dict(zip(header, values, strict=True))


def read_metrics(path: Path) -> dict[str, list[Any]]:
    """Read metrics.csv: columns step, epoch and value as numbers, name as text."""
    table: dict[str, list[Any]] = read_table(path, ("step", "epoch", "name", "value"), ",")
    with reading(path):
        for column in ("step", "epoch", "value"):
            # A model without epochs leaves that cell empty.
            table[column] = [float(v) if v else float("nan") for v in table[column]]
    return table


def read_png(path: Path) -> bytes:
    """Read a figure and check that it is a whole PNG."""
    with reading(path):
        content = path.read_bytes()
    if not (content.startswith(PNG_START) and content.endswith(PNG_END)):
        raise UserError(f"{path}: not a whole PNG file; delete it and run snakemake again")
    return content


def read_dataset(
    results: Path,
    name: str,
    models: Sequence[str],
    repeats: Sequence[str],
    design: Design,
    simulated: bool,
    has_new_samples: bool,
) -> DatasetInputs:
    """Read the files of a data set and of all its runs.

    Parameters
    ----------
    results, name, models, repeats
        Where they are.
    design
        What splits the repeats have.
    simulated
        Whether its truth is known.
    has_new_samples
        Whether there are samples that the models predict.

    Raises
    ------
    UserError
        If a file is missing or is not as docs/files.md describes it.
    """
    folder, splits = results / name, design.splits_of(repeats)
    overview_path = folder / "data" / "overview.json"
    overview = read_object(overview_path, (*OVERVIEW_KEYS, "classes", "values"))
    with reading(overview_path):
        columns = [key for key in OVERVIEW_KEYS[:5] if overview[key] is not None]
        lengths = {key: len(overview[key]) for key in columns}
        lengths |= {f"{key}.{axis}": len(overview[key][axis]) for key in OVERVIEW_KEYS[5:]
                    for axis in "xy"}  # fmt: skip
        if len(set(lengths.values())) != 1 or not lengths[SAMPLE_ID]:
            raise ValueError(f"lists of different lengths or empty: {lengths}")
    new_checks = new_evaluation = None
    if has_new_samples:
        new_checks = read_object(folder / "data" / "new_samples.checks.json", CHECK_KEYS)
        new_evaluation = read_object(
            folder / "data" / "new_samples.evaluation.json", NEW_EVALUATION_KEYS
        )
    return DatasetInputs(
        name=name,
        checks=read_object(folder / "data" / "cohort.checks.json", CHECK_KEYS),
        new_checks=new_checks,
        new_evaluation=new_evaluation,
        overview=overview,
        split_tables={
            s: read_table(folder / "splits" / f"{s}.tsv", (SAMPLE_ID, SPLIT)) for s in splits
        },
        guards={s: read_object(folder / "guard" / f"{s}.json", GUARD_KEYS) for s in splits},
        runs={m: {s: _read_run(folder / m / s, m, s) for s in splits} for m in models},
        repeats={
            m: {r: _read_repeat(folder / m / r, m, r, has_new_samples) for r in repeats}
            for m in models
        },
        oracle={
            r: read_object(folder / ORACLE / r / "evaluation.json", EVALUATION_KEYS)
            for r in (repeats if simulated else ())
        },
    )


def _read_repeat(folder: Path, model: str, repeat: str, has_new_samples: bool) -> RepeatInputs:
    evaluation = read_object(folder / "evaluation.json", EVALUATION_KEYS)
    new_samples = None
    if has_new_samples:
        new_samples = _read_new_samples(folder / "new_samples.tsv", classes_of(evaluation))
    return RepeatInputs(model, repeat, evaluation, new_samples)


def _read_run(folder: Path, model: str, split: str) -> RunInputs:
    evaluation = read_object(folder / "evaluation.json", EVALUATION_KEYS)
    return RunInputs(
        model=model,
        split=split,
        folder=folder,
        metrics=read_metrics(folder / METRICS_FILE),
        network=read_object(folder / NETWORK_FILE),
        evaluation=evaluation,
        record=read_object(folder / RECORD_FILE),
        training_png=read_png(folder / "figures" / "training.png"),
        confusion_png=read_png(folder / "figures" / "confusion.png"),
    )


def _read_new_samples(path: Path, classes: Sequence[str]) -> Table:
    """Read the predictions of new samples, probabilities as numbers."""
    columns = [c for name in (PROBABILITY, CALIBRATED) for c in output_columns(name, classes)]
    table: dict[str, list[Any]] = read_table(path, (SAMPLE_ID, *columns, PREDICTION, FLAGS))
    with reading(path):
        for column in columns:
            table[column] = [float(v) if v else float("nan") for v in table[column]]
    return table


def read_comparison(path: Path, datasets: Sequence[str], models: Sequence[str]) -> dict[str, Any]:
    """Read comparison.json and check that it covers the data sets and models of the report.

    What it holds of each split is in natural order.
    """
    value = read_object(path, ("datasets",))
    with reading(path):
        for name in datasets:
            found = value["datasets"].get(name)
            if found is None:
                raise UserError(f"{path}: no data set '{name}'")
            found["pairs"] = list(found["pairs"])
            for model in models:
                if model not in found["models"]:
                    raise UserError(f"{path}: no model '{model}' in data set '{name}'")
                entry = found["models"][model]["auroc"]
                _ = entry["mean"], entry["per_split"].items()
            for entry in (e for metrics in found["models"].values() for e in metrics.values()):
                entry["per_split"] = in_order(entry["per_split"])
    return value["datasets"]
