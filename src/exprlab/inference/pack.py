"""Putting a trained model, its preprocessing and its calibration into one artifact."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from exprlab.data.formats import CountsFile
from exprlab.errors import UserError
from exprlab.inference.domain import Domain, fit_domain
from exprlab.inference.flags import known_share, zero_share
from exprlab.inference.model import Model
from exprlab.keys import SET_SEPARATOR, TRAIN, VAL
from exprlab.outputs import Calibration, PredictionSets
from exprlab.preprocess.preprocessor import Preprocessor
from exprlab.provenance.environment import package_versions

# Training samples that the model's domain is found from, evenly spaced: a few seconds, 160 MB at
# 20,000 genes. Directions that hold much of the variance are clear from fewer.
MAX_TRAIN = 2000
# What a prediction depends on.
PACKAGES = ("exprlab", "numpy", "torch", "scipy")


def pack_model(
    network: Mapping[str, Any],
    weights: dict[str, np.ndarray],
    preprocessor: Preprocessor,
    calibration: Calibration,
    threshold: float | None,
    sets: PredictionSets,
    domain: Domain,
) -> Model:
    """Build the self-contained model from what the steps before have left.

    Parameters
    ----------
    network
        Content of network.json.
    weights
        Content of weights.safetensors.
    preprocessor
        Fitted on the same training samples.
    calibration, threshold, sets
        Fitted on validation samples; more than two classes have no threshold.
    domain
        Where the training samples lie.

    Raises
    ------
    UserError
        If a class has a name that prediction sets cannot be written with.
    """
    odd = [name for name in network["classes"] if SET_SEPARATOR in name]
    if odd:
        raise UserError(
            f"class '{odd[0]}': holds '{SET_SEPARATOR}', which stands between the classes of a "
            "prediction set; rename it with the data set's `classes`"
        )
    installed = package_versions()
    return Model(
        kind=network["kind"],
        architecture=dict(network["architecture"]),
        weights=weights,
        preprocessor=preprocessor,
        classes=tuple(network["classes"]),
        calibration=calibration,
        threshold=threshold,
        sets=sets,
        domain=domain,
        versions={name: installed[name] for name in PACKAGES if name in installed},
    )


def find_domain(
    preprocessor: Preprocessor, counts: CountsFile, features: np.ndarray, split: np.ndarray
) -> Domain:
    """Learn where the training samples of a cohort lie.

    Parameters
    ----------
    preprocessor
        Fitted on the same training samples.
    counts
        The cohort.
    features
        The inputs of all its samples, (n_samples, n_features), maybe mapped from a file.
    split
        Of each sample (n_samples,).
    """
    positions = counts.genes.index.get_indexer(preprocessor.genes)
    known, zeros = np.zeros(len(split)), np.zeros(len(split))
    for start, block in counts.blocks():
        used = block[:, positions]
        rows = slice(start, start + len(block))
        known[rows], zeros[rows] = known_share(used[:, preprocessor.keep]), zero_share(used)
    train, val = split == TRAIN, split == VAL
    low, high = zeros[train].min(), zeros[train].max()
    rows = np.flatnonzero(train)
    chosen = rows[:: -(-len(rows) // MAX_TRAIN)]
    return fit_domain(features[chosen], features[val], known[val], (float(low), float(high)))
