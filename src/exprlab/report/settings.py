"""What was run: the settings in words, and as a table with each setting's meaning."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import yaml

from exprlab.config.section import Section
from exprlab.config.simulator import SimulatorConfig
from exprlab.config.steps import (
    EvaluationConfig,
    ExperimentConfig,
    LogisticConfig,
    MLPConfig,
    PreprocessConfig,
    SimulatedDataset,
    SplitConfig,
    TrainerConfig,
)
from exprlab.report.sentences import count, listing

Config = Mapping[str, Any]
_SECTIONS: dict[str, type[Section]] = {
    "experiment": ExperimentConfig,
    "split": SplitConfig,
    "preprocess": PreprocessConfig,
    "trainer": TrainerConfig,
    "evaluation": EvaluationConfig,
}
_MODELS: dict[str, type[Section]] = {"mlp": MLPConfig, "logistic": LogisticConfig}


def settings_rows(
    config: Config, datasets: Sequence[str], models: Sequence[str]
) -> list[dict[str, str]]:
    """Return the settings that the experiment used: key, value, unit and meaning of each."""
    rows = _rows("experiment", config.get("experiment", {}), ExperimentConfig)
    for name in datasets:
        values = dict(config.get("datasets", {}).get(name, {}))
        simulator = values.pop("simulator", {})
        rows += _rows(f"datasets.{name}", values, SimulatedDataset)
        rows += _rows(f"datasets.{name}.simulator", simulator, SimulatorConfig)
    for section in ("split", "preprocess"):
        rows += _rows(section, config.get(section, {}), _SECTIONS[section])
    for name in models:
        values = config.get("models", {}).get(name, {})
        rows += _rows(f"models.{name}", values, _MODELS.get(values.get("kind", "")))
    for section in ("trainer", "evaluation"):
        rows += _rows(section, config.get(section, {}), _SECTIONS[section])
    return rows


def _rows(prefix: str, values: Config, section: type[Section] | None) -> list[dict[str, str]]:
    fields = section.model_fields if section else {}
    rows = []
    for key, value in values.items():
        field = fields.get(key)
        extra = field.json_schema_extra if field and field.json_schema_extra else {}
        text = ", ".join(map(_plain, value)) if isinstance(value, list) else _plain(value)
        rows.append(
            {
                "key": f"{prefix}.{key}",
                "value": text or "none",
                "unit": str(extra.get("unit", "")) if isinstance(extra, dict) else "",
                "meaning": (field.description or "") if field else "",
            }
        )
    return rows


def _plain(value: Any) -> str:
    """Return a value as a reader writes it: 25000000, not 25000000.0."""
    if value is None:
        return ""
    return f"{value:.10g}" if isinstance(value, float) else str(value)


def without_secrets(config: Config) -> dict[str, Any]:
    """Return the config with the password removed that the address of a server may hold."""
    tracking = dict(config.get("tracking", {}))
    if "uri" in tracking:
        tracking["uri"] = re.sub(r"//[^/@]+@", "//", str(tracking["uri"]))
    return {**config, **({"tracking": tracking} if tracking else {})}


def config_text(config: Config) -> str:
    """Return the whole config as YAML, to be saved and run again."""
    return yaml.safe_dump(
        without_secrets(config), sort_keys=False, allow_unicode=True, default_flow_style=None
    )


def in_words(
    config: Config, datasets: Sequence[str], models: Sequence[str], splits: Sequence[str]
) -> list[str]:
    """Return what was run, one sentence each."""
    runs = len(datasets) * len(models) * len(splits)
    split = config.get("split", {})
    sentences = [
        f"Experiment {config.get('experiment', {}).get('name', 'exprlab')}: "
        f"{count(len(models), 'model')} ({listing(models)}) on {count(len(datasets), 'data set')} "
        f"({listing(datasets)}), each trained on {count(len(splits), 'split')} "
        f"({listing(splits)}): {count(runs, 'training')} in all.",
        *(_dataset(name, config.get("datasets", {}).get(name, {})) for name in datasets),
    ]
    if "test_fraction" in split and "val_fraction" in split:
        sentences.append(
            f"In each split {100 * split['test_fraction']:g} % of the samples were kept for the "
            f"test and {100 * split['val_fraction']:g} % for validation (early stopping, "
            "calibration, decision threshold); all samples of a patient are on the same side, and "
            "gene filter and scaling were fitted on training samples only."
        )
    sentences += [_model(name, config.get("models", {}).get(name, {})) for name in models]
    return sentences


def _dataset(name: str, values: Config) -> str:
    if values.get("source") == "simulate":
        return (
            f"{name}: simulated counts (scenario {values.get('scenario')}), so these results say "
            "how well the methods work on such data, not anything about real patients."
        )
    return f"{name}: counts from {values.get('source', 'an unknown source')}."


def _model(name: str, values: Config) -> str:
    if values.get("kind") == "logistic":
        return (
            f"{name}: logistic regression, the linear baseline; its regularisation is one of "
            f"{count(len(values.get('strengths', [])), 'strength')}, chosen on the validation "
            "samples."
        )
    if values.get("kind") == "mlp":
        hidden = values.get("hidden", [])
        layers = (
            f"{count(len(hidden), 'hidden layer')} of {listing(hidden)} units "
            f"({values.get('activation')})"
            if hidden
            else "no hidden layer"
        )
        return (
            f"{name}: multilayer perceptron with {layers}, trained for at most "
            f"{count(values.get('max_epochs', 0), 'epoch')} with {values.get('optimizer')}; the "
            f"epoch with the best {values.get('monitor')} is kept."
        )
    return f"{name}: a model of kind {values.get('kind', 'unknown')}."
