"""The shift of a batch that training has not seen, told from its own samples without labels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from exprlab.inference.model import Model
from exprlab.outputs import by_class, calibrate

# Samples of a batch that its shift is estimated from, evenly spaced; 40 MB at 20,000 genes.
MAX_SAMPLES = 500
# Of all new batches together, so that memory has a limit however many there are.
MAX_TOGETHER = 4000
MAX_ROUNDS = 50


@dataclass(frozen=True)
class NewBatch:
    """What was found of a batch: its shift (n_features,), samples used, share of each class."""

    shift: np.ndarray
    n_samples: int
    fraction: np.ndarray


def chosen_samples(batch: np.ndarray, new: list[str]) -> np.ndarray:
    """Return which samples the shifts are estimated from, (n_samples,) of bool.

    Parameters
    ----------
    batch
        Name of each sample's batch.
    new
        The batches that training has not seen.
    """
    most = max(1, min(MAX_SAMPLES, MAX_TOGETHER // len(new)))
    code = pd.Categorical(batch, categories=new).codes
    chosen = np.zeros(len(batch), dtype=bool)
    for rows in pd.Series(np.arange(len(batch)))[code >= 0].groupby(code[code >= 0]):
        chosen[rows[1].to_numpy()[:: -(-len(rows[1]) // most)]] = True
    return chosen


def settle(model: Model, features: np.ndarray) -> NewBatch:
    """Estimate the shift of a new batch together with its share of each class.

    The mean of a batch differs from that of the training samples because of its shift and because
    other shares of its samples are of each class. The model tells them apart: with the present
    shift, its mean probability of a class is the class' share, from which follows the next shift,
    until the shares stay. Mean probabilities of a model that is unsure stay near the shares in
    training. The estimate is then close to centring, which is what keeps it from running away
    along the direction in which classes differ, as the likelihood's maximum [1]_ does for a linear
    model. One sample of each class as in training is added, for batches of a few samples.

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
    fraction, n_classes = shifts.fraction, len(shifts.fraction)
    for _ in range(MAX_ROUNDS):
        shift = shifts.shift_of(mean, fraction, len(features))
        calibrated = calibrate(logits(features - shift), model.calibration)
        total = by_class(calibrated).take(place, axis=1).sum(axis=0)
        before = fraction
        fraction = (total + n_classes * shifts.fraction) / (len(features) + n_classes)
        if np.abs(fraction - before).max() < 1e-4:
            break
    return NewBatch(shifts.shift_of(mean, fraction, len(features)), len(features), fraction)


def logits_of_left_out_batch(model: Model, features: np.ndarray, batch: np.ndarray) -> np.ndarray:
    """Return the logits of batches left out of training, as `exprlab predict` gives them.

    Parameters
    ----------
    model
        The trained model.
    features
        Of these samples alone, as preprocessing leaves them: a batch that training has not seen
        still has its shift (n_samples, n_features).
    batch
        Name of each sample's batch, "" where it has none.

    Returns
    -------
    (n_samples,) array, or (n_samples, n_classes) for more than two classes
    """
    known = model.preprocessor.batches.names
    new = sorted(set(batch) - {*known, ""}) if known else []
    inputs = np.array(features)
    for name in new:
        own = batch == name
        inputs[own] -= settle(model, features[own & chosen_samples(batch, new)]).shift
    return model.logit_function()(inputs)
