"""Settings of the steps between counts and results."""

from __future__ import annotations

from collections.abc import Collection
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from exprlab.config.designs import Design
from exprlab.config.section import Section, setting
from exprlab.config.simulator import SCENARIOS, SimulatorConfig
from exprlab.keys import (
    COUNTS,
    DESIGNS,
    HOLDOUT,
    INTENSITY,
    K_FOLD,
    LOG2,
    TPM,
    class_names,
    split_name,
)

Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,39}$")]


class SimulatedDataset(Section):
    """A cohort that exprlab simulates, with a second, new cohort for inference."""

    source: Literal["simulate"] = setting("simulate", "where the counts come from")
    scenario: Literal[tuple(SCENARIOS)] = setting(  # type: ignore[valid-type]
        "nonlinear", "which kind of cohort; see the table of scenarios"
    )
    n_samples: int = setting(
        3000, "samples to train, validate and test on; small-n has 100", "samples", ge=1
    )
    n_new_samples: int = setting(200, "samples of the new cohort, for inference", "samples", ge=1)
    n_genes: int = setting(20000, "genes of a profile", "genes", ge=20, le=200_000)
    seed: int = setting(1, "seed of the simulated world; another seed is another world", ge=0)
    simulator: dict = setting(dict, "parameters that differ from the scenario's")

    def simulator_config(self) -> SimulatorConfig:
        """Return the scenario's parameters with this data set's own on top."""
        return SimulatorConfig(**{**SCENARIOS[self.scenario].simulator, **self.simulator})

    @property
    def has_new_samples(self) -> bool:
        """Return whether there are samples to predict: a simulated cohort always has some."""
        return True

    @property
    def classes(self) -> tuple[str, ...]:
        """Return the names of the classes, in the order of their labels."""
        return class_names(self.simulator_config().n_classes)

    def of_cohort(self, cohort: str) -> SimulatedDataset:
        """Return the settings that decide a cohort: 'cohort' (to train on) or 'new_samples'.

        The size of the other cohort is left at its default, so that changing it reruns nothing.
        """
        size = self.n_samples if cohort == "cohort" else self.n_new_samples
        kept = self.settings() | {"n_samples": size}
        return SimulatedDataset(**{k: v for k, v in kept.items() if k != "n_new_samples"})

    @model_validator(mode="before")
    @classmethod
    def _size_of_the_scenario(cls, values: Any) -> Any:
        if not isinstance(values, dict):
            return values
        scenario = SCENARIOS.get(values.get("scenario", "nonlinear"))
        return {"n_samples": scenario.n_samples, **values} if scenario else values

    @field_validator("simulator")
    @classmethod
    def _check_simulator(cls, values: dict) -> dict:
        SimulatorConfig(**values)
        return values


class SplitConfig(Section):
    """How samples are divided; all samples of a patient go to the same side."""

    design: Literal[DESIGNS] = setting(  # type: ignore[valid-type]
        "auto",
        "once (holdout), in folds that are tested in turn (k_fold, or leave_one_batch_out, where "
        "each batch is a fold), or as the sample table says (published); auto: published where it "
        "has such a column, else k_fold below 500 samples and holdout from there on",
    )
    folds: int = setting(5, "folds of k_fold, each tested once per seed", "folds", ge=2, le=1000)
    val_fraction: float = setting(
        0.15,
        "fraction for validation (early stopping, calibration, threshold): of all samples in a "
        "holdout, else of those that are not tested; a published split may have its own; "
        "where they are few, models cross-validate (see tuning)",
        gt=0,
        lt=1,
    )
    test_fraction: float = setting(
        0.2, "fraction for the test of a holdout, which nothing is fitted on", gt=0, lt=1
    )

    @model_validator(mode="after")
    def _leaves_training_samples(self) -> SplitConfig:
        once = self.design in ("auto", HOLDOUT)
        if once and self.val_fraction + self.test_fraction >= 1:
            raise ValueError(
                f"val_fraction {self.val_fraction} + test_fraction {self.test_fraction} leave no "
                "training samples; their sum must be below 1"
            )
        return self

    def of_design(self, name: str) -> SplitConfig:
        """Return the settings that decide a split of this design, which is not auto.

        Those of other designs are left at their defaults, so that changing them reruns nothing.
        """
        used = {HOLDOUT: ("test_fraction",), K_FOLD: ("folds",)}.get(name, ())
        kept = {key: getattr(self, key) for key in ("val_fraction", *used)}
        return SplitConfig(**{"design": name, **kept})


# Which kinds of values a setting of the preprocessing is for; all others are for every kind.
PREPROCESS_OF_VALUES = {
    "min_count": (COUNTS,),
    "min_tpm": (TPM,),
    "size_factors": (COUNTS,),
    "transform": (COUNTS,),
    "array_normalisation": (LOG2, INTENSITY),
}


class PreprocessConfig(Section):
    """From counts or other values to a model's inputs, all fitted on training samples only."""

    min_count: int = setting(
        10, "counts: a gene counts as seen in a sample from this many reads on", "reads", ge=0
    )
    min_tpm: float = setting(
        1.0, "tpm: a gene counts as seen in a sample from this value on", "TPM", ge=0
    )
    min_fraction: float = setting(
        0.05,
        "keep genes seen in at least this fraction of training samples; log2 and intensity: seen = "
        "not missing",
        ge=0,
        le=1,
    )
    size_factors: Literal["median_of_ratios", "tmm", "upper_quartile", "cpm", "none"] = setting(
        "median_of_ratios", "counts: how sequencing depth is removed"
    )
    transform: Literal["log1p", "vst"] = setting(
        "log1p",
        "counts: the logarithm of 1 + counts per million, or DESeq2's variance-stabilising "
        "transform",
    )
    array_normalisation: Literal["median", "quantile", "none"] = setting(
        "median", "log2 and intensity: what is made equal in all samples"
    )
    n_top_genes: int = setting(
        0, "keep only so many genes, those that vary most in training; 0 keeps all", "genes", ge=0
    )
    clip: float = setting(
        10.0, "limit of a scaled value; tames outliers", "standard deviations", gt=0
    )
    batch_correction: Literal["centre", "none"] = setting(
        "centre",
        "take from each gene what the sample's batch shifts it by (centre), or nothing (none); "
        "without a column batch there is nothing to take",
    )

    def without_effect(self, kinds: Collection[str]) -> list[str]:
        """Say which settings were changed although no value of these kinds uses them."""
        return [
            f"preprocess.{name}: found {getattr(self, name)}, which is for values "
            f"{' and '.join(used_by)}; the experiment's are {', '.join(sorted(set(kinds)))}: leave "
            f"it at {PreprocessConfig.model_fields[name].default}"
            for name, used_by in PREPROCESS_OF_VALUES.items()
            if getattr(self, name) != PreprocessConfig.model_fields[name].default
            and not set(used_by) & set(kinds)
        ]


class EvaluationConfig(Section):
    """How models are judged on the test samples."""

    bootstrap: int = setting(
        1000, "bootstrap resamples behind each interval", "resamples", ge=100, le=100_000
    )
    confidence: float = setting(0.95, "coverage of the intervals", gt=0.5, lt=1)
    ece_bins: int = setting(10, "bins of the expected calibration error", "bins", ge=2, le=100)
    threshold: Literal["youden", "accuracy", "half"] = setting(
        "youden",
        "how the decision threshold of two classes is chosen on validation samples; half = 0.5",
    )
    calibration: Literal["temperature", "isotonic"] = setting(
        "temperature",
        "how logits become calibrated probabilities: one number, or a rising curve (only with "
        "about 1,000 validation samples or more)",
    )
    error_rate: float = setting(
        0.1,
        "of the samples of each class, the share whose prediction set may be without it",
        gt=0,
        le=0.5,
    )

    def of_calibration(self) -> EvaluationConfig:
        """Return the settings that a model is calibrated and packed with.

        The others are left at their defaults, so that changing them packs nothing anew.
        """
        names = ("threshold", "calibration", "error_rate")
        return EvaluationConfig(**{name: getattr(self, name) for name in names})


class AttributionConfig(Section):
    """How trained models are asked which genes they decide by."""

    samples: int = setting(500, "test samples to explain, at most", "samples", ge=1)
    steps: int = setting(
        32, "points on the path of the integrated gradients", "points", ge=2, le=1000
    )


class GuardConfig(Section):
    """The guard against leakage: permuted labels must not be predictable."""

    permutations: int = setting(
        20, "permutations of the labels, each with a fit of its own", ge=5, le=10_000
    )


class TrackingConfig(Section):
    """Where runs are published."""

    uri: str = setting(
        "",
        "MLflow store or server; empty: MLFLOW_TRACKING_URI, else SQLite under results/mlflow",
    )
    live: bool = setting(
        False, "show curves on the server while a training goes on; it needs a server (http://)"
    )


class ExperimentConfig(Section):
    """What one call of Snakemake does."""

    name: Name = setting("exprlab", "name of the experiment in MLflow and in the report")
    datasets: list[Name] = setting(lambda: ["tumours"], "which of `datasets` to run", min_length=1)
    models: list[Name] = setting(
        lambda: ["mlp", "logistic"], "which of `models` to train", min_length=1
    )
    seeds: list[Annotated[int, Field(ge=0)]] = setting(
        lambda: [0, 1],
        "repeats: a division of the samples and trainings of its own for each seed",
        min_length=1,
    )
    train_sizes: list[Annotated[int, Field(ge=2)]] = setting(
        list,
        "learning curves: each model is also trained on so many of each split's training samples",
        "samples",
    )

    def splits(self, design: Design) -> list[str]:
        """Return the splits in which all training samples train, by seed, then by fold."""
        return [split for seed in self.seeds for split in design.splits(seed)]

    def smaller_splits(self, design: Design) -> list[str]:
        """Return the splits with fewer training samples, by seed, by size as listed, by fold."""
        sizes = ((seed, size) for seed in self.seeds for size in self.train_sizes)
        return [split for seed, size in sizes for split in design.splits(seed, size)]

    def repeats(self) -> list[str]:
        """Return what models are judged by: all folds of a seed together, or its one split."""
        return [split_name(seed) for seed in self.seeds]

    def smaller_repeats(self) -> list[str]:
        """Return the same with fewer training samples."""
        return [split_name(seed, size) for seed in self.seeds for size in self.train_sizes]
