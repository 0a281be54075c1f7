"""The facts that model cards and the checklist state, read from the files of the runs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from exprlab.config.designs import Design
from exprlab.keys import (
    MODEL_JSON,
    NETWORK_FILE,
    PARAMS_FILE,
    RECORD_FILE,
    SAMPLE_ID,
    SPLIT,
    SPLITS,
)
from exprlab.report.inputs import CHECK_KEYS, read_comparison, read_object, read_table
from exprlab.report.words import is_simulated

PARAMS_KEYS = ("dataset", "split", "preprocess", "model", "seed")
RECORD_KEYS = ("dataset", "model", "split", "seed", "code")
NETWORK_KEYS = ("kind", "architecture", "classes", "n_parameters")
EVALUATION_KEYS = (
    "n_test", "classes", "n_per_class", "threshold", "calibration", "temperature", "confidence",
    "settings", "metrics", "confusion",
)  # fmt: skip
MODEL_KEYS = (
    "model_id", "preprocessing", "classes", "calibration", "temperature", "threshold",
    "prediction_sets", "versions", "weights_sha256",
)  # fmt: skip


@dataclass(frozen=True)
class RunFacts:
    """What the files say about one run.

    Attributes
    ----------
    dataset, model, split
        Its names.
    params, record, network, evaluation, packed, checks
        Contents of params.json, record.json, network.json, evaluation.json, model/model.json and
        the cohort's checks.
    sizes
        How many samples train, validate and test.
    """

    dataset: str
    model: str
    split: str
    params: dict[str, Any]
    record: dict[str, Any]
    network: dict[str, Any]
    evaluation: dict[str, Any]
    packed: dict[str, Any]
    checks: dict[str, Any]
    sizes: dict[str, int]

    @property
    def name(self) -> str:
        """Return data set, model and split as in the folder's path."""
        return f"{self.dataset}/{self.model}/{self.split}"

    @property
    def simulated(self) -> bool:
        """Return whether the counts are simulated."""
        return is_simulated(self.params["dataset"])

    @property
    def values(self) -> str:
        """Return what the numbers of a sample are, one of `keys.VALUES`."""
        return self.packed["preprocessing"]["values"]

    @property
    def classes(self) -> list[str]:
        """Return the classes that the model knows, in the order of their labels."""
        return self.packed["classes"]

    @property
    def n_inputs(self) -> int:
        """Return the number of genes that reach the model."""
        return self.network["architecture"]["n_inputs"]


def read_run(run: Path, split_table: Path, checks: Path) -> RunFacts:
    """Read the files of a run.

    Raises
    ------
    UserError
        If a file is missing or is not as docs/files.md describes it.
    """
    record = read_object(run / RECORD_FILE, RECORD_KEYS)
    sides = Counter(read_table(split_table, (SAMPLE_ID, SPLIT))[SPLIT])
    return RunFacts(
        dataset=record["dataset"],
        model=record["model"],
        split=record["split"],
        params=read_object(run / PARAMS_FILE, PARAMS_KEYS),
        record=record,
        network=read_object(run / NETWORK_FILE, NETWORK_KEYS),
        evaluation=read_object(run / "evaluation.json", EVALUATION_KEYS),
        packed=read_object(run / "model" / MODEL_JSON, MODEL_KEYS),
        checks=read_object(checks, CHECK_KEYS),
        sizes={side: sides[side] for side in SPLITS},
    )


@dataclass(frozen=True)
class Experiment:
    """What the files say about all runs of an experiment.

    Attributes
    ----------
    config
        The validated config, as plain values.
    compared
        `datasets` of comparison.json.
    runs
        In the order of the config: by data set, then model, then split.
    judged
        (data set, model, repeat) -> evaluation of the split, or of all folds together.
    designs
        How the samples of each data set are divided.
    """

    config: dict[str, Any]
    compared: dict[str, Any]
    runs: list[RunFacts]
    judged: dict[tuple[str, str, str], dict[str, Any]]
    designs: dict[str, Design]

    @property
    def models(self) -> list[str]:
        """Return the names of the models."""
        return list(dict.fromkeys(run.model for run in self.runs))

    @property
    def splits(self) -> list[str]:
        """Return the names of the splits."""
        return list(dict.fromkeys(run.split for run in self.runs))

    @property
    def repeats(self) -> list[str]:
        """Return the names of the repeats."""
        return list(dict.fromkeys(repeat for _, _, repeat in self.judged))

    def one_per(self, *names: str) -> list[RunFacts]:
        """Return the first run of each combination of these, e.g. of 'dataset' and 'split'."""
        first: dict[tuple[str, ...], RunFacts] = {}
        for run in self.runs:
            first.setdefault(tuple(getattr(run, name) for name in names), run)
        return list(first.values())

    def like(self, run: RunFacts, *names: str) -> list[RunFacts]:
        """Return the runs that agree with one in these."""
        return [r for r in self.runs if all(getattr(r, n) == getattr(run, n) for n in names)]


def read_experiment(
    results: Path,
    config: Mapping[str, Any],
    datasets: Sequence[str],
    models: Sequence[str],
    repeats: Sequence[str],
    comparison: Path,
    designs: Mapping[str, Design],
) -> Experiment:
    """Read the files of every run of an experiment, and their comparison.

    A data set that `designs` does not name is divided once in each repeat.

    Raises
    ------
    UserError
        If a file is missing or is not as docs/files.md describes it.
    """
    runs = [
        read_run(
            results / dataset / model / split,
            results / dataset / "splits" / f"{split}.tsv",
            results / dataset / "data" / "cohort.checks.json",
        )
        for dataset in datasets
        for model in models
        for split in designs.get(dataset, Design()).splits_of(repeats)
    ]
    judged = {
        (dataset, model, repeat): read_object(
            results / dataset / model / repeat / "evaluation.json", ("n_test", "metrics")
        )
        for dataset in datasets
        for model in models
        for repeat in repeats
    }
    compared = read_comparison(comparison, datasets, models)
    designed = {name: designs.get(name, Design()) for name in datasets}
    chosen = {name: compared[name] for name in datasets}
    return Experiment(dict(config), chosen, runs, judged, designed)
