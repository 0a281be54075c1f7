"""Putting a trained model, its preprocessing and its calibration into one artifact."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from exprlab.inference.model import Model
from exprlab.preprocess.preprocessor import Preprocessor
from exprlab.provenance.environment import package_versions

# What a prediction depends on.
PACKAGES = ("exprlab", "numpy", "torch", "scipy")


def pack_model(
    network: Mapping[str, Any],
    weights: dict[str, np.ndarray],
    preprocessing: tuple[Mapping[str, Any], Mapping[str, np.ndarray]],
    temperature: float,
    threshold: float | None,
) -> Model:
    """Build the self-contained model from what the steps before have left.

    Parameters
    ----------
    network
        Content of network.json.
    weights
        Content of weights.safetensors.
    preprocessing
        Contents of preprocessor.json and preprocessor.safetensors.
    temperature, threshold
        Fitted on validation samples; more than two classes have no threshold.
    """
    installed = package_versions()
    return Model(
        kind=network["kind"],
        architecture=dict(network["architecture"]),
        weights=weights,
        preprocessor=Preprocessor.from_state(*preprocessing),
        classes=tuple(network["classes"]),
        temperature=float(temperature),
        threshold=threshold,
        versions={name: installed[name] for name in PACKAGES if name in installed},
    )
