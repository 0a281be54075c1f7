"""Dealing patients out into parts, so that each class has its share of every part."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from exprlab.keys import LABEL, PATIENT


def patients_of(samples: pd.DataFrame) -> pd.Series:
    """Return each sample's patient; without such a column every sample is one of its own."""
    return samples[PATIENT].astype(str) if PATIENT in samples else samples.index.to_series()


def composition_of(samples: pd.DataFrame) -> pd.DataFrame:
    """Return how many samples of each class (columns) each patient (rows, by name) has."""
    return pd.crosstab(patients_of(samples), samples[LABEL].astype(str))


def deal(
    composition: NDArray, share: ArrayLike, rng: np.random.Generator, level: bool = False
) -> NDArray[np.intp]:
    """Return the part that each patient falls into.

    Patients are dealt out in random order, those with most samples first. Each goes where the
    classes of its samples are furthest below their share, which for patients of one sample is
    Sainte-Lague's rule: every class is then within a sample of its share of every part.

    Parameters
    ----------
    composition : (n_patients, n_classes) array
        Samples of each class.
    share : (n_parts,) array
        Of the samples; they sum to 1.
    rng : numpy.random.Generator
    level
        Whether, of parts that a patient fits equally well, the one with fewest samples gets it, so
        that what does not divide evenly of each class does not all fall to the same part.

    Returns
    -------
    (n_patients,) array of numbers from 0 on
    """
    wanted = np.asarray(share)[:, None] * composition.sum(axis=0)
    have = np.zeros_like(wanted)
    left = (composition > 0).sum(axis=0)
    order = rng.permutation(len(composition))
    order = order[np.argsort(-composition[order].sum(axis=1), kind="stable")]
    part = np.zeros(len(composition), dtype=np.intp)
    for patient in order:
        new = composition[patient]
        # What the sum of squared distances from the wanted numbers, relative to them, grows by.
        cost = ((2 * (have - wanted) + new) * new / wanted).sum(axis=1)
        # A class with no more patients left than parts without it must fill one of these.
        urgent = (new > 0) & (left <= (have == 0).sum(axis=0))
        filled = ((have == 0) & urgent).sum(axis=1)
        size = have.sum(axis=1) if level else np.zeros(len(have))
        chosen = np.lexsort((size, cost, -filled))[0]
        have[chosen] += new
        left -= new > 0
        part[patient] = chosen
    return part
