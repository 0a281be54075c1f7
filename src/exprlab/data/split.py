"""Training, validation and test samples: stratified by label, patients kept together.

For learning curves, fewer training samples beside the same validation and test samples.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from exprlab.config.steps import SplitConfig
from exprlab.data.dealing import composition_of, deal, patients_of
from exprlab.data.folds import batch_fold, dealt_fold, published_split
from exprlab.data.streams import SPLIT as SPLIT_DEAL
from exprlab.data.streams import SUBSAMPLE, VALIDATION, stream
from exprlab.errors import UserError
from exprlab.groups import group_equal
from exprlab.keys import (
    BATCH,
    K_FOLD,
    LABEL,
    LEAVE_ONE_BATCH_OUT,
    PATIENT,
    PUBLISHED,
    SPLIT,
    SPLITS,
    TEST,
    TRAIN,
    UNUSED,
    VAL,
)

# What to say of a sample without one.
WITHOUT = {
    LABEL: "nothing can be learnt from it or tested on it: fill it in, or leave the sample out",
    PATIENT: "other samples of the same patient could come to another side: fill it in (a name of "
    "its own if the patient gave no other), or leave the sample out",
}


def split_samples(
    samples: pd.DataFrame, config: SplitConfig, seed: int, fold: int | None = None
) -> pd.Series:
    """Assign each sample to train, val or test by the design of the evaluation.

    In every design all samples of a patient stay together, and the order of the rows of `samples`
    does not matter. Where samples are dealt, each class gets its share (`exprlab.data.dealing`).

    - holdout: once, by the fractions of val and test;
    - k_fold: patients are dealt into folds, the same for each `fold`, whose samples are its test;
    - leave_one_batch_out: the test is the batch number `fold`, by name. Where its patients have
      samples in other batches, these are left out ('unused');
    - published: as the column `split` says.

    A design with folds has one more split per repeat, without a fold: nothing is tested, so that
    the model to use learns from all samples.

    In folds, and in a published split without validation samples, these are dealt from the
    samples that are not tested.

    Parameters
    ----------
    samples
        Table indexed by sample id, with the column `label` and optionally `patient`, `batch` and
        `split`; without patients every sample is one of its own.
    config
        The design, its folds, and the fractions of val and test. 'auto' is settled where the
        workflow is planned; here it means holdout.
    seed
        Seed of the deal.
    fold
        Which fold is tested, from 1 on; None: none is, or the design has no folds.

    Returns
    -------
    pandas.Series
        'train', 'val', 'test' or 'unused', indexed by sample id, in the order of `samples`.

    Raises
    ------
    UserError
        If a label or patient is missing, the design does not fit the samples, or a class has no
        sample where it needs one.
    """
    _check_complete(samples)
    if config.design in (K_FOLD, LEAVE_ONE_BATCH_OUT):
        side = _test_fold(samples, config, seed, fold)
    elif config.design == PUBLISHED:
        side = published_split(samples)
    else:
        return _holdout(samples, config, seed)
    if not (side == VAL).any():
        side = _with_validation(samples, side, config, seed, fold or 0)
    return side.rename(SPLIT)


def _holdout(samples: pd.DataFrame, config: SplitConfig, seed: int) -> pd.Series:
    fractions = {TRAIN: 1 - config.val_fraction - config.test_fraction}
    fractions |= {VAL: config.val_fraction, TEST: config.test_fraction}
    composition = composition_of(samples)
    part = deal(composition.to_numpy(), [fractions[x] for x in SPLITS], stream(seed, SPLIT_DEAL))
    side = dict(zip(composition.index, np.array(SPLITS, dtype=object)[part], strict=True))
    result = patients_of(samples).map(side).rename(SPLIT)
    _check_classes(samples[LABEL].astype(str), result)
    return result


def _test_fold(
    samples: pd.DataFrame, config: SplitConfig, seed: int, fold: int | None
) -> pd.Series:
    """Return the test samples of a fold, all others as training samples."""
    if fold is None:
        return pd.Series(TRAIN, index=samples.index)
    if config.design == LEAVE_ONE_BATCH_OUT:
        return batch_fold(samples, fold)
    return dealt_fold(samples, config.folds, seed, fold)


def _with_validation(
    samples: pd.DataFrame, side: pd.Series, config: SplitConfig, seed: int, fold: int
) -> pd.Series:
    """Let some of the training samples validate instead, a share of each class."""
    rest = samples[side == TRAIN]
    composition = composition_of(rest).reindex(
        columns=sorted(samples[LABEL].astype(str).unique()), fill_value=0
    )
    for label, n in (composition > 0).sum().items():
        if n < 2:
            raise UserError(
                f"{_where(samples, side, config, fold)}: beside the test there are {n} patients "
                f"or samples of class '{label}'; training and validation need one each. Choose "
                "another split.design, fewer split.folds, or join classes (datasets.*.classes)"
            )
    share = [1 - config.val_fraction, config.val_fraction]
    part = deal(composition.to_numpy(), share, stream(seed, VALIDATION, fold))
    validating = composition.index[part == 1]
    return side.mask((side == TRAIN) & patients_of(samples).isin(validating), VAL)


def _where(samples: pd.DataFrame, side: pd.Series, config: SplitConfig, fold: int) -> str:
    """Name a split in a message."""
    if config.design == LEAVE_ONE_BATCH_OUT:
        batch = samples[BATCH][side == TEST].iloc[0]
        return f"split.design: leave_one_batch_out, test batch '{batch}'"
    return f"split.design: {config.design}" + (f", fold {fold}" if fold else "")


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
    patients, composition = patients_of(train), composition_of(train)
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


def _row_of_patients(composition: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return the order of patients, given their samples of each class (n_patients, n_classes)."""
    n_samples = composition.sum(axis=1)
    # Patients of the same classes are of one kind; each kind is spread evenly from 0 on.
    kind = group_equal(composition > 0).place
    drawn = rng.permutation(len(composition))
    place = np.empty(len(composition))
    for each in range(kind.max() + 1):
        members = drawn[kind[drawn] == each]
        before = np.cumsum(n_samples[members]) - n_samples[members]
        place[members] = before / n_samples[members].sum()
    return np.lexsort((kind, place))


def _check_complete(samples: pd.DataFrame) -> None:
    """Refuse samples without a label or patient, and a single class."""
    if LABEL not in samples:
        raise UserError(f"split: the sample table has no column '{LABEL}'")
    for column in {LABEL, PATIENT} & set(samples):
        empty = samples.index[samples[column].isna()]
        if len(empty):
            raise UserError(f"split: sample '{empty[0]}' has no {column}; {WITHOUT[column]}")
    found = samples[LABEL].astype(str).unique()
    if len(found) < 2:
        raise UserError(f"split: only the class '{found[0]}' occurs; a classifier needs two")


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
