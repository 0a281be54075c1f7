"""What any training returns."""

from __future__ import annotations

import os
import resource
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Fitted:
    """A trained model.

    Attributes
    ----------
    kind
        Which kind of model, as in the config.
    architecture
        What it takes to build it again.
    weights
        Its arrays by name.
    logits
        Of all samples: (n_samples,) for two classes, (n_samples, n_classes) for more. After
        cross-validation those of training and validation samples are of models that did not see
        the sample.
    summary
        How training ended.
    hardware
        What it ran on; differs between machines.
    cross_validated
        Whether training and validation samples were held out in turns, and then trained together.
    """

    kind: str
    architecture: dict[str, Any]
    weights: dict[str, np.ndarray]
    logits: np.ndarray
    summary: dict[str, Any]
    hardware: dict[str, Any]
    cross_validated: bool = False


def cpu_facts(threads: int) -> dict[str, Any]:
    """Return what a baseline ran on."""
    return {
        "accelerator": "cpu",
        "device": "cpu",
        "precision": "64-true",
        "threads": threads,
        "peak_memory_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
        "cpus": os.cpu_count(),
    }
