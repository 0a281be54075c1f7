"""Training, validation and test samples: stratified by label, patients kept together."""

from __future__ import annotations

import numpy as np
import pandas as pd

from exprlab.config.steps import SplitConfig
from exprlab.data.streams import SPLIT as SPLIT_DEAL
from exprlab.data.streams import stream
from exprlab.errors import UserError
from exprlab.keys import LABEL, PATIENT, SPLIT, SPLITS, TEST, TRAIN, VAL


def split_samples(samples: pd.DataFrame, config: SplitConfig, seed: int) -> pd.Series:
    """Assign each sample to train, val or test.

    Patients are dealt out in random order, those with most samples first. Each goes where the
    classes of its samples are furthest below their share, which for patients of one sample is
    Sainte-Lague's rule: every class is then within a sample of its share of every split. The
    order of the rows of `samples` does not matter.

    Parameters
    ----------
    samples
        Table indexed by sample id, with the column `label` and optionally `patient`; without it
        every sample is a patient of its own.
    config
        The fractions of val and test.
    seed
        Seed of the deal.

    Returns
    -------
    pandas.Series
        'train', 'val' or 'test', indexed by sample id, in the order of `samples`.

    Raises
    ------
    UserError
        If a label or patient is missing, or a class has no sample in one of the splits.
    """
    _check_complete(samples)
    patients = samples[PATIENT].astype(str) if PATIENT in samples else samples.index.to_series()
    composition = pd.crosstab(patients, samples[LABEL].astype(str))
    if len(composition.columns) < 2:
        raise UserError(
            f"split: only the class '{composition.columns[0]}' occurs; a classifier needs two"
        )
    side = _deal(composition.to_numpy(), config, stream(seed, SPLIT_DEAL))
    result = patients.map(dict(zip(composition.index, side, strict=True))).rename(SPLIT)
    _check_classes(samples[LABEL].astype(str), result)
    return result


def _check_complete(samples: pd.DataFrame) -> None:
    if LABEL not in samples:
        raise UserError(f"split: the sample table has no column '{LABEL}'")
    for column in {LABEL, PATIENT} & set(samples):
        empty = samples.index[samples[column].isna()]
        if len(empty):
            raise UserError(f"split: sample '{empty[0]}' has no {column}")


def _deal(composition: np.ndarray, config: SplitConfig, rng: np.random.Generator) -> list[str]:
    """Return the split of each patient, given its samples of each class (n_patients, n_classes)."""
    fractions = {TRAIN: 1 - config.val_fraction - config.test_fraction}
    fractions |= {VAL: config.val_fraction, TEST: config.test_fraction}
    share = np.array([fractions[name] for name in SPLITS])
    wanted = share[:, None] * composition.sum(axis=0)
    have = np.zeros_like(wanted)
    left = (composition > 0).sum(axis=0)
    order = rng.permutation(len(composition))
    order = order[np.argsort(-composition[order].sum(axis=1), kind="stable")]
    side = [""] * len(composition)
    for patient in order:
        new = composition[patient]
        # What the sum of squared distances from the wanted numbers, relative to them, grows by.
        cost = ((2 * (have - wanted) + new) * new / wanted).sum(axis=1)
        # A class with no more patients left than splits without it must fill one of these.
        urgent = (new > 0) & (left <= (have == 0).sum(axis=0))
        filled = ((have == 0) & urgent).sum(axis=1)
        chosen = np.lexsort((cost, -filled))[0]
        have[chosen] += new
        left -= new > 0
        side[patient] = SPLITS[chosen]
    return side


def _check_classes(labels: pd.Series, side: pd.Series) -> None:
    table = pd.crosstab(labels, side).reindex(columns=list(SPLITS), fill_value=0)
    for label, row in table.iterrows():
        for name in SPLITS:
            if row[name] == 0:
                raise UserError(
                    f"split: class '{label}' has {int(row.sum())} samples and none of them fell "
                    f"into {name}; whole patients stay together, so give it more patients or "
                    "change split.val_fraction and split.test_fraction"
                )
