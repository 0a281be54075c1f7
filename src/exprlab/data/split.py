"""Training, validation and test samples: stratified by label, patients kept together.

For learning curves, fewer training samples beside the same validation and test samples.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from exprlab.config.steps import SplitConfig
from exprlab.data.streams import SPLIT as SPLIT_DEAL
from exprlab.data.streams import SUBSAMPLE, stream
from exprlab.errors import UserError
from exprlab.keys import LABEL, PATIENT, SPLIT, SPLITS, TEST, TRAIN, UNUSED, VAL


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
    patients = _patients(samples)
    composition = pd.crosstab(patients, samples[LABEL].astype(str))
    if len(composition.columns) < 2:
        raise UserError(
            f"split: only the class '{composition.columns[0]}' occurs; a classifier needs two"
        )
    side = _deal(composition.to_numpy(), config, stream(seed, SPLIT_DEAL))
    result = patients.map(dict(zip(composition.index, side, strict=True))).rename(SPLIT)
    _check_classes(samples[LABEL].astype(str), result)
    return result


def subsample_training(samples: pd.DataFrame, split: pd.Series, size: int, seed: int) -> pd.Series:
    """Let `size` samples of a split's training part train, and leave its others out.

    The patients of the training part are put in a row that depends on the seed alone: drawn at
    random, with patients of one class, of the other, and of both in turns, so that the beginning
    of the row, however long, has the classes in the proportion of the whole. The first patients
    train: as many as have no more than `size` samples together. So a smaller part lies within
    each larger one, patients stay whole, and `size` is met exactly where patients have a sample
    each; otherwise fewer samples are missing from it than the next patient has.

    Parameters
    ----------
    samples
        Table indexed by sample id, with the column `label` and optionally `patient`.
    split
        'train', 'val' or 'test' of each sample, as from `split_samples`.
    size
        Training samples that are wanted.
    seed
        Seed of the row of patients.

    Returns
    -------
    pandas.Series
        The split, with 'unused' in place of 'train' where a sample is left out.

    Raises
    ------
    UserError
        If there are fewer training samples, or those chosen lack a class.
    """
    train = samples[split.reindex(samples.index) == TRAIN]
    if size > len(train):
        raise UserError(
            f"experiment.train_sizes: found {size}, but the training part of this split has "
            f"{len(train)} samples; give sizes up to that, more samples (datasets.*.n_samples), or "
            "smaller split.val_fraction and split.test_fraction"
        )
    patients = _patients(train)
    composition = pd.crosstab(patients, train[LABEL].astype(str))
    row = _row_of_patients(composition.to_numpy(), stream(seed, SUBSAMPLE))
    n_samples = composition.to_numpy().sum(axis=1)[row]
    chosen = composition.index[row[np.cumsum(n_samples) <= size]]
    for label, n in composition.loc[chosen].sum().items():
        if n == 0:
            raise UserError(
                f"experiment.train_sizes: found {size}, which is too small: the whole patients "
                f"that it has room for have no sample of class '{label}'; give a larger size"
            )
    left_out = patients.index[~patients.isin(chosen)]
    return split.mask(split.index.isin(left_out), UNUSED)


def _patients(samples: pd.DataFrame) -> pd.Series:
    return samples[PATIENT].astype(str) if PATIENT in samples else samples.index.to_series()


def _row_of_patients(composition: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return the order of patients, given their samples of each class (n_patients, n_classes)."""
    n_samples = composition.sum(axis=1)
    # Patients of the same classes are of one kind; each kind is spread evenly from 0 on.
    _, kind = np.unique(composition > 0, axis=0, return_inverse=True)
    kind = kind.ravel()
    drawn = rng.permutation(len(composition))
    place = np.empty(len(composition))
    for each in range(kind.max() + 1):
        members = drawn[kind[drawn] == each]
        before = np.cumsum(n_samples[members]) - n_samples[members]
        place[members] = before / n_samples[members].sum()
    return np.lexsort((kind, place))


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
