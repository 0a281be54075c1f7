"""Settings of the steps between counts and results."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from exprlab.config.section import Section, setting
from exprlab.config.simulator import SCENARIOS, SimulatorConfig
from exprlab.keys import class_names, split_name

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

    val_fraction: float = setting(
        0.15,
        "fraction for validation: early stopping, calibration, threshold; if "
        "these are few, the models cross-validate (see tuning)",
        gt=0,
        lt=1,
    )
    test_fraction: float = setting(
        0.2, "fraction for the test, which nothing is fitted on", gt=0, lt=1
    )

    @model_validator(mode="after")
    def _leaves_training_samples(self) -> SplitConfig:
        if self.val_fraction + self.test_fraction >= 1:
            raise ValueError(
                f"val_fraction {self.val_fraction} + test_fraction {self.test_fraction} leave no "
                "training samples; their sum must be below 1"
            )
        return self


class PreprocessConfig(Section):
    """From counts to the network's inputs; everything is fitted on training samples only."""

    min_count: int = setting(
        10, "a gene counts as seen in a sample from this many reads on", "reads", ge=0
    )
    min_fraction: float = setting(
        0.05, "keep genes seen in at least this fraction of training samples", ge=0, le=1
    )
    size_factors: Literal["median_of_ratios", "cpm"] = setting(
        "median_of_ratios", "how sequencing depth is removed"
    )
    clip: float = setting(
        10.0, "limit of a scaled value; tames outliers", "standard deviations", gt=0
    )
    batch_correction: Literal["centre", "none"] = setting(
        "centre",
        "take from each gene what the sample's batch shifts it by (centre), or nothing (none); "
        "without a column batch there is nothing to take",
    )


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


class ExperimentConfig(Section):
    """What one call of Snakemake does."""

    name: Name = setting("exprlab", "name of the experiment in MLflow and in the report")
    datasets: list[Name] = setting(lambda: ["tumours"], "which of `datasets` to run", min_length=1)
    models: list[Name] = setting(
        lambda: ["mlp", "logistic"], "which of `models` to train", min_length=1
    )
    seeds: list[Annotated[int, Field(ge=0)]] = setting(
        lambda: [0, 1],
        "one split and one training of each model per seed; several show the spread",
        min_length=1,
    )
    train_sizes: list[Annotated[int, Field(ge=2)]] = setting(
        list,
        "learning curves: each model is also trained on so many of each split's training samples",
        "samples",
    )

    def splits(self) -> list[str]:
        """Return the splits in which all training samples train, one per seed."""
        return [split_name(seed) for seed in self.seeds]

    def smaller_splits(self) -> list[str]:
        """Return the splits with fewer training samples, by seed, then by size as listed."""
        return [split_name(seed, size) for seed in self.seeds for size in self.train_sizes]
