"""The whole config file: its sections, and what must hold between them."""

from __future__ import annotations

import copy
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import Discriminator, Tag, ValidationError, model_validator

from exprlab.config.explain import explain
from exprlab.config.files import FilesDataset
from exprlab.config.models import ModelConfig, TrainerConfig, refuse_output
from exprlab.config.section import Section, setting
from exprlab.config.steps import (
    AttributionConfig,
    EvaluationConfig,
    ExperimentConfig,
    GuardConfig,
    Name,
    PreprocessConfig,
    SimulatedDataset,
    SplitConfig,
    TrackingConfig,
)
from exprlab.errors import UserError, did_you_mean
from exprlab.keys import COUNTS, ORACLE

# Folders of results/ that are no data sets, and folders of a data set that are no models.
RESERVED = frozenset(
    {"report", "mlflow", "logs", "benchmarks", "data", "splits", "preprocessing", "genes", "guard"}
    | {ORACLE}
)


def _source(values: Any) -> str:
    """Return which kind of data set this is; it is simulated where nothing else is said."""
    if isinstance(values, Mapping):
        return str(values.get("source", "simulate"))
    return str(getattr(values, "source", "simulate"))


Dataset = Annotated[
    Annotated[SimulatedDataset, Tag("simulate")] | Annotated[FilesDataset, Tag("files")],
    Discriminator(_source),
]


class Config(Section):
    """config/config.yaml: an experiment and the definitions that it picks from."""

    experiment: ExperimentConfig = setting(ExperimentConfig, "what to run")
    datasets: dict[Name, Dataset] = setting(..., "cohorts by name", min_length=1)
    split: SplitConfig = setting(SplitConfig, "training, validation and test samples")
    preprocess: PreprocessConfig = setting(PreprocessConfig, "from counts to inputs")
    models: dict[Name, ModelConfig] = setting(..., "models by name", min_length=1)
    trainer: TrainerConfig = setting(TrainerConfig, "where networks are trained")
    evaluation: EvaluationConfig = setting(EvaluationConfig, "how models are judged")
    attribution: AttributionConfig = setting(
        AttributionConfig, "how models are asked for their genes"
    )
    guard: GuardConfig = setting(GuardConfig, "how leakage is looked for")
    tracking: TrackingConfig = setting(TrackingConfig, "where runs are published")

    @model_validator(mode="after")
    def _experiment_picks_what_is_defined(self) -> Config:
        problems = []
        for kind in ("datasets", "models"):
            defined, picked = getattr(self, kind), getattr(self.experiment, kind)
            for name in sorted(RESERVED & set(defined)):
                problems.append(f"{kind}.{name}: this name is taken by a folder; choose another")
            for name in picked:
                if name not in defined:
                    problems.append(
                        f"experiment.{kind}: '{name}' is not defined under {kind} "
                        f"(defined: {', '.join(defined)}){did_you_mean(name, defined)}"
                    )
            if len(set(picked)) < len(picked):
                problems.append(f"experiment.{kind}: a name is listed twice in {picked}")
        for key, what in (("seeds", "seed"), ("train_sizes", "size")):
            listed = getattr(self.experiment, key)
            if len(set(listed)) < len(listed):
                problems.append(f"experiment.{key}: a {what} is listed twice in {listed}")
        if problems:
            raise ValueError("\n".join(problems))
        return self

    @model_validator(mode="after")
    def _outputs_fit_the_classes(self) -> Config:
        problems = []
        for name in self.experiment.models:
            output = getattr(self.models.get(name), "output", "auto")
            for cohort in self.experiment.datasets:
                known = getattr(self.datasets.get(cohort), "classes", ())
                # Of a cohort of one's own they may be known from its files only, in training.
                n_classes = len(set(known.values()) if isinstance(known, dict) else known)
                try:
                    refuse_output(output, n_classes)
                except ValueError as error:
                    problems.append(f"models.{name}.{error} (data set '{cohort}')")
        if problems:
            raise ValueError("\n".join(problems))
        return self

    @model_validator(mode="after")
    def _preprocessing_has_an_effect(self) -> Config:
        picked = (self.datasets.get(name) for name in self.experiment.datasets)
        kinds = {getattr(dataset, "values", COUNTS) for dataset in picked if dataset}
        problems = self.preprocess.without_effect(kinds) if kinds else []
        if problems:
            raise ValueError("\n".join(problems))
        return self


def parse_config(values: Mapping[str, Any], source: str = "config") -> Config:
    """Validate the merged configuration.

    Parameters
    ----------
    values
        The nested mapping that Snakemake built from its config files and ``--config``.
    source
        What to call it in messages.

    Raises
    ------
    UserError
        With one line for each problem: the key, what was found and what is allowed.
    """
    try:
        return Config.model_validate(dict(values))
    except ValidationError as first:
        typed = _type_command_line(values, first)
    try:
        return Config.model_validate(typed)
    except ValidationError as error:
        raise UserError("\n".join(f"{source}: {line}" for line in explain(error))) from None


def _type_command_line(values: Mapping[str, Any], error: ValidationError) -> dict[str, Any]:
    """Return the values with text read as YAML where a number or a truth value is due.

    Snakemake passes what stands inside ``--config split='{test_fraction: 0.3}'`` as text.
    """
    typed = copy.deepcopy(dict(values))
    for item in error.errors():
        if item["type"] in ("int_type", "float_type", "bool_type") and isinstance(
            item["input"], str
        ):
            *parents, last = item["loc"]
            node: Any = typed
            for key in parents:
                # Pydantic's location also names the kind of a model, which is no key of its own.
                node = node[key] if isinstance(node, list) or key in node else node
            node[last] = yaml.safe_load(item["input"])
    return typed


def load_settings(section: type[Section], text: str, where: str = "--params") -> Any:
    """Parse one section from the JSON that a rule passes on the command line, or options make."""
    try:
        return section.model_validate_json(text)
    except ValidationError as error:
        raise UserError("\n".join(f"{where}: {line}" for line in explain(error))) from None


def read_own_datasets(path: Path) -> dict[str, FilesDataset]:
    """Return the data sets that a config file reads from files, by name.

    Raises
    ------
    UserError
        If the file is no config, or one of these data sets is not right, or there is none.
    """
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"{path}: no such file") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: not valid YAML ({' '.join(str(error).split())})") from None
    datasets = values.get("datasets") if isinstance(values, dict) else None
    named = datasets if isinstance(datasets, dict) else {}
    found = {name: own for name, own in named.items() if _source(own) == "files"}
    if not found:
        raise UserError(f"{path}: datasets: none has 'source: files', so there is none to check")
    read, problems = {}, []
    for name, own in found.items():
        try:
            read[name] = FilesDataset.model_validate(own)
        except ValidationError as error:
            problems += [f"{path}: datasets.{name}: {line}" for line in explain(error)]
    if problems:
        raise UserError("\n".join(problems))
    return read


def picked(config: Config) -> Config:
    """Return what the experiment picks, without the definitions that it leaves alone."""
    experiment = config.experiment
    chosen = {
        "datasets": {name: config.datasets[name] for name in experiment.datasets},
        "models": {name: config.models[name] for name in experiment.models},
        # Where runs are published is no part of what was done, and may hold a password.
        "tracking": TrackingConfig(),
    }
    return config.model_copy(update=chosen)


def tracking_uri(config: TrackingConfig) -> str:
    """Return the configured store, the environment's, or '' for the embedded one."""
    return config.uri or os.environ.get("MLFLOW_TRACKING_URI", "")
