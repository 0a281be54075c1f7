"""Calibration and prediction sets as model.json holds them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from exprlab.outputs import Calibration, Isotonic, PredictionSets


def decision_state(
    calibration: Calibration, sets: PredictionSets, classes: Sequence[str]
) -> dict[str, Any]:
    """Return both, ready for JSON."""
    curves = None
    if isinstance(calibration, Isotonic):
        curves = [[list(map(float, part)) for part in curve] for curve in calibration.curves]
    return {
        "calibration": "temperature" if curves is None else "isotonic",
        "temperature": calibration if curves is None else None,
        "isotonic_curves": curves,
        "prediction_sets": {
            "error_rate": sets.error_rate,
            "cuts": dict(zip(classes, sets.cuts, strict=True)),
        },
    }


def read_calibration(values: Mapping[str, Any]) -> Calibration:
    """Return the calibration that model.json describes."""
    if values["calibration"] == "temperature":
        return float(values["temperature"])
    curves = [tuple(np.array(part) for part in curve) for curve in values["isotonic_curves"]]
    return Isotonic(tuple(curves))


def read_sets(values: Mapping[str, Any]) -> PredictionSets:
    """Return the prediction sets that model.json describes."""
    described = values["prediction_sets"]
    cuts = tuple(described["cuts"][name] for name in values["classes"])
    return PredictionSets(described["error_rate"], cuts)
