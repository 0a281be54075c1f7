"""The shift of a batch that training has not seen, told from its own samples without labels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from exprlab.inference.model import Model
from exprlab.outputs import by_class, calibrate

# Samples of a batch that its shift is estimated from, evenly spaced; 40 MB at 20,000 genes.
MAX_SAMPLES = 500
MAX_ROUNDS = 50


@dataclass(frozen=True)
class NewBatch:
    """What was found of a batch: its shift (n_features,), samples used, share of each class."""

    shift: np.ndarray
    n_samples: int
    fraction: np.ndarray


def settle(model: Model, features: np.ndarray) -> NewBatch:
    """Estimate the shift of a new batch together with its share of each class.

    The mean of a batch differs from that of the training samples because of its shift and because
    other shares of its samples are of each class. Expectation-maximisation tells them apart: with
    the present shift and shares, the model gives each sample's probabilities; their mean gives the
    shares [1]_, and these the shift. One sample of each class is added as in training, so that a
    few samples do not make a class vanish.

    Parameters
    ----------
    model
        The trained model.
    features
        Of the batch's samples, its shift not yet removed (n_samples, n_features).

    References
    ----------
    .. [1] Saerens et al. (2002), Adjusting the outputs of a classifier to new a priori
       probabilities, Neural Computation 14.
    """
    shifts = model.preprocessor.batches
    logits = model.logit_function()
    place = [model.classes.index(name) for name in shifts.classes]
    mean = features.mean(axis=0, dtype=np.float64)
    fraction, prior = shifts.fraction, shifts.fraction
    for _ in range(MAX_ROUNDS):
        shift = shifts.shift_of(mean, fraction, len(features))
        calibrated = calibrate(logits(features - shift), model.temperature)
        probability = np.clip(by_class(calibrated).take(place, axis=1), 1e-9, None)
        weighted = probability * (fraction / prior)
        weighted /= weighted.sum(axis=1, keepdims=True)
        before, n_classes = fraction, len(prior)
        fraction = (weighted.sum(axis=0) + n_classes * prior) / (len(features) + n_classes)
        if np.abs(fraction - before).max() < 1e-4:
            break
    return NewBatch(shifts.shift_of(mean, fraction, len(features)), len(features), fraction)
