"""The whole config file: its sections, and what must hold between them."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError, model_validator

from exprlab.config.section import Section, setting
from exprlab.config.simulator import SimulatorConfig
from exprlab.config.steps import (
    EvaluationConfig,
    ExperimentConfig,
    ModelConfig,
    Name,
    PreprocessConfig,
    SimulatedDataset,
    SplitConfig,
    TrackingConfig,
    TrainerConfig,
)
from exprlab.errors import UserError, did_you_mean

# Folders of results/ that are no data sets, and folders of a data set that are no models.
RESERVED = frozenset({"report", "mlflow", "logs", "benchmarks", "data", "splits", "preprocessing"})


class Config(Section):
    """config/config.yaml: an experiment and the definitions that it picks from."""

    experiment: ExperimentConfig = setting(ExperimentConfig, "what to run")
    datasets: dict[Name, SimulatedDataset] = setting(..., "cohorts by name", min_length=1)
    split: SplitConfig = setting(SplitConfig, "training, validation and test samples")
    preprocess: PreprocessConfig = setting(PreprocessConfig, "from counts to inputs")
    models: dict[Name, ModelConfig] = setting(..., "models by name", min_length=1)
    trainer: TrainerConfig = setting(TrainerConfig, "where networks are trained")
    evaluation: EvaluationConfig = setting(EvaluationConfig, "how models are judged")
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
        if len(set(self.experiment.seeds)) < len(self.experiment.seeds):
            problems.append(f"experiment.seeds: a seed is listed twice in {self.experiment.seeds}")
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
    except ValidationError as error:
        lines = [line for item in error.errors() for line in _explain(item)]
        raise UserError("\n".join(f"{source}: {line}" for line in lines)) from None


def load_settings(section: type[Section], text: str) -> Any:
    """Parse one section from the JSON that a rule passes on the command line."""
    try:
        return section.model_validate_json(text)
    except ValidationError as error:
        lines = [line for item in error.errors() for line in _explain(item)]
        raise UserError("\n".join(f"--params: {line}" for line in lines)) from None


def _explain(error: Mapping[str, Any]) -> list[str]:
    """Put one of pydantic's errors into words that a config's author can act on."""
    location = [str(part) for part in error["loc"]]
    found = error["input"]
    if error["type"] == "extra_forbidden":
        allowed = _allowed_keys(location[:-1])
        hint = did_you_mean(location[-1], allowed) or f"; allowed: {', '.join(sorted(allowed))}"
        return [f"{_dotted(location)}: unknown key{hint}"]
    if error["type"] == "missing":
        return [f"{_dotted(location)}: this key is required"]
    if error["type"] == "literal_error":
        hint = did_you_mean(found, error["ctx"]["expected"].replace("'", "").split(", "))
        return [f"{_dotted(location)}: found {found!r}; allowed: {error['ctx']['expected']}{hint}"]
    if error["type"] == "value_error":
        where = f"{_dotted(location)}: " if location else ""
        return [where + line for line in str(error["ctx"]["error"]).split("\n")]
    if error["type"] == "string_pattern_mismatch":
        return [
            f"{_dotted(location)}: found {found!r}; a name is made of lower-case letters, digits, "
            "- and _ (40 at most) and starts with a letter or digit"
        ]
    return [f"{_dotted(location)}: {_lower(error['msg'])}, found {json.dumps(found, default=str)}"]


def _lower(message: str) -> str:
    return message[:1].lower() + message[1:]


def _dotted(location: list[str]) -> str:
    """Join a location as keys; pydantic's own markers (union tags, '[key]') are left out."""
    tags = {"mlp", "logistic"} if location[:1] == ["models"] else set()
    parts = [p for i, p in enumerate(location) if not (i == 2 and p in tags) and p != "[key]"]
    return ".".join(parts) or "config"


def _allowed_keys(location: list[str]) -> list[str]:
    """Return the keys that are allowed at a location of the config."""
    from exprlab.config import steps

    if not location:
        return list(Config.model_fields)
    if location[0] == "datasets":
        return list(SimulatedDataset.model_fields)
    if location[0] == "models":
        kinds = {"mlp": steps.MLPConfig, "logistic": steps.LogisticConfig}
        return list(kinds[location[2]].model_fields)
    return list(Config.model_fields[location[0]].annotation.model_fields)


def tracking_uri(config: TrackingConfig) -> str:
    """Return the configured store, the environment's, or '' for the embedded one."""
    return config.uri or os.environ.get("MLFLOW_TRACKING_URI", "")


__all__ = ["Config", "SimulatorConfig", "load_settings", "parse_config", "tracking_uri"]
