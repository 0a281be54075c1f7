"""Domains of models whose tests are about something else."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from exprlab.inference.domain import Domain, fit_domain
from exprlab.outputs import PredictionSets

SETS = PredictionSets(0.1, (0.45, 0.35))


def tolerant(features: np.ndarray) -> Domain:
    """Return the domain of training samples, with a reference that no sample is farther than."""
    domain = fit_domain(features, features, np.ones(len(features)), (0.0, 1.0))
    return replace(domain, reference=np.array([1e9]))
