"""Which samples tune a model: validation samples or, where these are few, folds of all others.

Early stopping, the strength of a penalty, calibration and the decision threshold need samples that
the weights were not fitted to. A dozen of them tell little: the best of 300 epochs on 13 samples is
luck. With few validation samples, training and validation samples together are therefore dealt into
folds. Models that lack one fold each, judged on it, tell what is best for all samples at once; then
one model is trained on all of them.
"""

from __future__ import annotations

import warnings
from typing import Literal

import numpy as np
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedGroupKFold

from exprlab.data.streams import TUNING, state
from exprlab.errors import UserError
from exprlab.groups import group_equal
from exprlab.outputs import activate

Tuning = Literal["auto", "validation", "cross_validation"]
# Rows that train, and rows held out from them.
Fold = tuple[np.ndarray, np.ndarray]

# `auto` cross-validates below so many validation samples. With 80 of them beside 400 that train it
# still helps; ten trainings cost more the more samples there are.
ENOUGH = 100
# Ten left clearly more signal to the models that lack one than five (see
# benchmarks/classic_cohorts.md): with 60 samples, 54 train instead of 48.
FOLDS = 10


def tuning_folds(
    labels: np.ndarray,
    train: np.ndarray,
    val: np.ndarray,
    patients: np.ndarray | None,
    tuning: Tuning,
    seed: int,
) -> list[Fold]:
    """Return the folds that tune a model; none where the validation samples do.

    Parameters
    ----------
    labels
        Of all samples, (n_samples,).
    train, val
        Row numbers of the training and validation samples.
    patients
        Of all samples: those of a patient are held out together. None: each is of its own.
    tuning
        'auto' cross-validates if there are fewer than `ENOUGH` validation samples and folds can be
        dealt.
    seed
        Of the deal.

    Returns
    -------
    list of (rows, rows)
        Of each fold the row numbers that train and those held out; each training or validation
        sample is held out once, classes are in the proportion of the whole, as far as patients
        allow.

    Raises
    ------
    UserError
        If 'cross_validation' is asked for and some fold would train without a class.
    """
    if tuning == "validation" or (tuning == "auto" and len(val) >= ENOUGH):
        return []
    pool = np.sort(np.concatenate([train, val]))
    folds = _deal(labels, pool, patients, seed)
    classes = np.unique(labels[pool])
    if folds and all(np.array_equal(np.unique(labels[rest]), classes) for rest, _ in folds):
        return folds
    if tuning == "auto":
        return []
    raise UserError(
        "models: found tuning: cross_validation, which holds out all samples of a patient at once, "
        "but outside the test some class has samples of too few patients, and a fold would train "
        "without it; allowed here: tuning: validation"
    )


def tuned_on(folds: list[Fold]) -> str:
    """Return the words for what tuned a model."""
    return f"in {len(folds)}-fold cross-validation" if folds else "on validation"


def _deal(
    labels: np.ndarray, pool: np.ndarray, patients: np.ndarray | None, seed: int
) -> list[Fold]:
    groups = pool if patients is None else group_equal(patients[pool]).place
    largest_class = np.unique(labels[pool], return_counts=True)[1].max()
    n_folds = min(FOLDS, int(largest_class), len(np.unique(groups)))
    if n_folds < 2:
        return []
    # scikit-learn takes 32 bits.
    deal = StratifiedGroupKFold(n_folds, shuffle=True, random_state=state(seed, TUNING) % 2**32)
    with warnings.catch_warnings():
        # A class of fewer samples than folds is held out in some of them only.
        warnings.filterwarnings("ignore", message="The least populated class")
        parts = list(deal.split(pool, labels[pool], groups))
    return [(pool[rest], pool[held]) for rest, held in parts if len(held)]


def auroc_of(labels: np.ndarray, logits: np.ndarray) -> float:
    """Return the AUROC of logits, (n_samples,) or (n_samples, n_classes): the mean of each class.

    Each class is ranked against the rest by its probability: logits rank within a sample.
    """
    scores = logits if logits.ndim == 1 else activate(logits)
    return float(roc_auc_score(labels, scores, multi_class="ovr"))
