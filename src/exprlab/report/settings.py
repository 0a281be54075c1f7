"""What was run: each setting with its meaning, and the whole config."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import yaml

from exprlab.config.files import SOURCES, Columns
from exprlab.config.models import MODEL_KINDS, TrainerConfig
from exprlab.config.section import Section
from exprlab.config.simulator import SimulatorConfig
from exprlab.config.steps import (
    AttributionConfig,
    EvaluationConfig,
    ExperimentConfig,
    GuardConfig,
    PreprocessConfig,
    SplitConfig,
)
from exprlab.many import named

Config = Mapping[str, Any]
_SECTIONS: dict[str, type[Section]] = {
    "experiment": ExperimentConfig,
    "split": SplitConfig,
    "preprocess": PreprocessConfig,
    "trainer": TrainerConfig,
    "evaluation": EvaluationConfig,
    "attribution": AttributionConfig,
    "guard": GuardConfig,
}
_INNER: dict[str, type[Section]] = {"simulator": SimulatorConfig, "columns": Columns}
_MODELS: dict[str, type[Section]] = MODEL_KINDS


def settings_rows(
    config: Config, datasets: Sequence[str], models: Sequence[str]
) -> list[dict[str, str]]:
    """Return the settings that the experiment used: key, value, unit and meaning of each."""
    rows = _rows("experiment", config.get("experiment", {}), ExperimentConfig)
    for name in datasets:
        values = dict(config.get("datasets", {}).get(name, {}))
        inner = {key: values.pop(key) for key in _INNER if key in values}
        rows += _rows(f"datasets.{name}", values, SOURCES.get(values.get("source", "")))
        for key, section in inner.items():
            rows += _rows(f"datasets.{name}.{key}", section, _INNER[key])
    for section in ("split", "preprocess"):
        rows += _rows(section, config.get(section, {}), _SECTIONS[section])
    for name in models:
        values = config.get("models", {}).get(name, {})
        rows += _rows(f"models.{name}", values, _MODELS.get(values.get("kind", "")))
    for section in ("trainer", "evaluation", "attribution"):
        rows += _rows(section, config.get(section, {}), _SECTIONS[section])
    return rows


def _rows(prefix: str, values: Config, section: type[Section] | None) -> list[dict[str, str]]:
    fields = section.model_fields if section else {}
    rows = []
    for key, value in values.items():
        field = fields.get(key)
        extra = field.json_schema_extra if field and field.json_schema_extra else {}
        words = [*map(_plain, value)] if isinstance(value, list) else [_plain(value)]
        text = ", ".join(named(words) if key == "seeds" else words)
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
