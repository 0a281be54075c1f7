"""What any training returns."""

from __future__ import annotations

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
        Of all samples: (n_samples,) for two classes, (n_samples, n_classes) for more.
    summary
        How training ended.
    hardware
        What it ran on; differs between machines.
    """

    kind: str
    architecture: dict[str, Any]
    weights: dict[str, np.ndarray]
    logits: np.ndarray
    summary: dict[str, Any]
    hardware: dict[str, Any]
