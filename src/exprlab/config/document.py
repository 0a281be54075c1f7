"""The config's schema and its table of keys, written from the settings' own definitions."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from exprlab.config.experiment import Config
from exprlab.config.files import Columns, FilesDataset
from exprlab.config.models import BoostingConfig, LogisticConfig, MLPConfig, TrainerConfig
from exprlab.config.section import Section
from exprlab.config.simulator import SCENARIOS, Scenario, SimulatorConfig
from exprlab.config.steps import (
    AttributionConfig,
    EvaluationConfig,
    ExperimentConfig,
    GuardConfig,
    PreprocessConfig,
    SimulatedDataset,
    SplitConfig,
    TrackingConfig,
)

SCHEMA = Path("workflow/schemas/config.schema.yaml")
TABLE = Path("config/README.md")
SECTIONS = {
    "experiment": ExperimentConfig,
    "datasets.<name>, source: simulate": SimulatedDataset,
    "datasets.<name>.simulator": SimulatorConfig,
    "datasets.<name>, source: files": FilesDataset,
    "datasets.<name>.columns": Columns,
    "split": SplitConfig,
    "preprocess": PreprocessConfig,
    "models.<name>, kind: mlp": MLPConfig,
    "models.<name>, kind: logistic": LogisticConfig,
    "models.<name>, kind: boosting": BoostingConfig,
    "trainer": TrainerConfig,
    "evaluation": EvaluationConfig,
    "attribution": AttributionConfig,
    "guard": GuardConfig,
    "tracking": TrackingConfig,
}
INTRODUCTION = """\
# The keys of config.yaml

Written by `make docs` from the settings' definitions in `src/exprlab/config/`; do not edit.
`config.yaml` explains the keys that most experiments touch; here are all of them, with their
defaults. A key that is left out has its default; a key that is not listed is refused.

`snakemake --cores 4 --configfile my.yaml` lays `my.yaml` over `config.yaml`: mappings are merged
key by key, lists are replaced. So a short file that names what differs is enough.
"""


def documents() -> dict[Path, str]:
    """Return the generated files: path within the project -> content."""
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema"}
    schema |= Config.model_json_schema()
    schema["$defs"] = {**schema["$defs"], "SimulatorConfig": SimulatorConfig.model_json_schema()}
    text = yaml.safe_dump(schema, sort_keys=True, allow_unicode=True, width=100)
    note = "# Written by `make docs` from src/exprlab/config/; do not edit.\n"
    return {SCHEMA: note + text, TABLE: "\n".join(_table_lines())}


def _table_lines() -> Iterator[str]:
    yield INTRODUCTION
    for name, section in SECTIONS.items():
        yield f"## {name}\n\n{_first_sentence(section.__doc__)}\n"
        yield "| key | default | allowed | meaning |\n|---|---|---|---|"
        schema = section.model_json_schema()
        for key, entry in schema["properties"].items():
            unit = f" ({entry['unit']})" if entry.get("unit") else ""
            meaning = entry["description"] + unit
            yield f"| `{key}` | {_default(section, key)} | {_allowed(entry)} | {meaning} |"
        yield ""
    yield "## Scenarios\n\nWhat `scenario` of a simulated data set can be.\n"
    yield "| scenario | what it is | what to expect | differs in |\n|---|---|---|---|"
    for name, (what, expect, values, n_samples) in SCENARIOS.items():
        size = (
            {"n_samples": n_samples} if n_samples != Scenario._field_defaults["n_samples"] else {}
        )
        differs = ", ".join(f"`{k}: {v}`" for k, v in {**size, **values}.items()) or "-"
        yield f"| `{name}` | {what} | {expect} | {differs} |"
    yield ""


def _first_sentence(text: str | None) -> str:
    return " ".join((text or "").split("\n\n")[0].split())


def _default(section: Any, key: str) -> str:
    field = section.model_fields[key]
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True)
    if isinstance(value, Section):
        return "below"
    return f"`{json.dumps(value)}`" if value != "" else "empty"


def _allowed(entry: dict[str, Any]) -> str:
    if "$ref" in entry:
        return "mapping"
    if "const" in entry:
        return f"`{entry['const']}`"
    if "enum" in entry:
        return ", ".join(f"`{value}`" for value in entry["enum"])
    if entry.get("type") == "array":
        return f"list of {_allowed(entry['items'])}"
    kinds = {"integer": "whole number", "number": "number", "string": "text", "object": "mapping"}
    words = [{"boolean": "true, false"}.get(entry["type"], kinds.get(entry["type"], entry["type"]))]
    signs = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}
    words += [f"{sign} {entry[name]:g}" for name, sign in signs.items() if name in entry]
    return " ".join(words[:1]) + (" " + ", ".join(words[1:]) if words[1:] else "")
