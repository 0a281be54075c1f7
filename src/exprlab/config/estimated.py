"""The config of a data set whose settings were estimated."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml

from exprlab.config.experiment import parse_config


def estimated_config(
    name: str, scenario: str, n_genes: int, simulator: Mapping[str, float]
) -> dict[str, Any]:
    """Return a config that runs a data set with these settings, to lay over config.yaml.

    Raises
    ------
    UserError
        If the name or a setting is not allowed.
    """
    dataset = {
        "source": "simulate",
        "scenario": scenario,
        "n_genes": n_genes,
        "simulator": dict(simulator),
    }
    config = {"experiment": {"datasets": [name]}, "datasets": {name: dataset}}
    models = {"mlp": {"kind": "mlp"}, "logistic": {"kind": "logistic"}}
    parse_config({**config, "models": models}, "the estimated config")
    return config


def spelled(config: Mapping[str, Any]) -> str:
    """Return a config as YAML, a setting per line, in this order."""
    return yaml.safe_dump(dict(config), sort_keys=False, allow_unicode=True)
