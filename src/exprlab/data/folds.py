"""Which samples are tested: those of a fold, of a batch, or of a published split."""

from __future__ import annotations

import pandas as pd

from exprlab.data.dealing import composition_of, deal, patients_of
from exprlab.data.streams import FOLDS, stream
from exprlab.errors import UserError, did_you_mean
from exprlab.keys import (
    BATCH,
    LABEL,
    PATIENT,
    SPLIT,
    SPLIT_WORDS,
    SPLITS,
    TEST,
    TRAIN,
    UNUSED,
    VAL,
    split_of_word,
)


def dealt_fold(samples: pd.DataFrame, folds: int, seed: int, fold: int) -> pd.Series:
    """Deal patients into folds; the samples of one are the test, all others 'train'.

    Raises
    ------
    UserError
        If there is no such fold, or a class has too few patients for each to have one.
    """
    if not 1 <= fold <= folds:
        raise UserError(f"split.folds: found fold {fold}; allowed: 1 to {folds}")
    composition = composition_of(samples)
    _check_enough(samples, (composition > 0).sum(), folds)
    share = [1 / folds] * folds
    part = deal(composition.to_numpy(), share, stream(seed, FOLDS), level=True)
    for label, tested in composition.groupby(part).sum().items():
        if (tested == 0).any():
            raise UserError(
                f"split.folds: found {folds}, but whole patients cannot be divided so that each "
                f"fold has samples of class '{label}'; try {folds - 1}"
            )
    return _sides(patients_of(samples).isin(composition.index[part == fold - 1]))


def _check_enough(samples: pd.DataFrame, n_per_class: pd.Series, folds: int) -> None:
    what = "patients" if PATIENT in samples else "samples"
    label, n = n_per_class.idxmin(), int(n_per_class.min())
    if n < 3:
        raise UserError(
            f"split: class '{label}' has {n} {what}; folds need three, one each to train, validate "
            "and test; add some or join classes (datasets.*.classes)"
        )
    if n < folds:
        raise UserError(
            f"split.folds: found {folds}, but class '{label}' has {n} {what}, so that some fold "
            f"would have none; allowed: 2 to {n}"
        )


def batch_fold(samples: pd.DataFrame, fold: int) -> pd.Series:
    """Let one batch be the test, by its place among the names.

    Samples of its patients in other batches are left out ('unused'): to train on them would give
    the test away, and each sample is tested in its own batch.

    Raises
    ------
    UserError
        If there are no batches, a sample has none, or there is no such one.
    """
    if BATCH not in samples:
        raise UserError(
            "split.design: leave_one_batch_out needs a column of batches, studies or centres; name "
            "it in datasets.*.columns.batch, or choose k_fold"
        )
    empty = samples.index[samples[BATCH].isna()]
    if len(empty):
        raise UserError(
            f"split.design: leave_one_batch_out, but sample '{empty[0]}' has no batch; fill it in, "
            "or choose k_fold"
        )
    names = batch_names(samples[BATCH])
    if len(names) < 2 or not 1 <= fold <= len(names):
        raise UserError(
            f"split.design: leave_one_batch_out, fold {fold}: found {len(names)} batches "
            f"({', '.join(names[:5])}); two are needed at least, and folds count from 1"
        )
    tested = samples[BATCH].astype(str) == names[fold - 1]
    patients = patients_of(samples)
    elsewhere = patients.isin(patients[tested]) & ~tested
    return _sides(tested).mask(elsewhere, UNUSED)


def batch_names(batch: pd.Series) -> list[str]:
    """Return the names of batches in the order of their folds."""
    return sorted(batch.astype(str).unique())


def published_split(samples: pd.DataFrame) -> pd.Series:
    """Return the split that the sample table says, in this house's words.

    Raises
    ------
    UserError
        If there is none, a word is not known, a part lacks a class, or a patient is in two parts.
    """
    if SPLIT not in samples:
        raise UserError(
            "split.design: published needs a column with train and test; name it in "
            "datasets.*.columns.split, or choose holdout or k_fold"
        )
    found = samples[SPLIT].astype(object).where(samples[SPLIT].notna(), "")
    side = found.map(split_of_word)
    odd = side.index[side.isna()]
    if len(odd):
        word = str(found[odd[0]])
        raise UserError(
            f"column '{SPLIT}', sample '{odd[0]}': found '{word}'; allowed: "
            f"{', '.join(SPLIT_WORDS)}{did_you_mean(word, SPLIT_WORDS)}"
        )
    _check_whole_patients(patients_of(samples), side)
    _check_parts(samples[LABEL].astype(str), side)
    return side


def _check_whole_patients(patients: pd.Series, side: pd.Series) -> None:
    parts = side.groupby(patients).unique()
    crossing = parts[parts.map(len) > 1]
    if len(crossing):
        where = " and ".join(name for name in SPLITS if name in crossing.iloc[0])
        raise UserError(
            f"column '{SPLIT}': {len(crossing)} patients are in more than one part, e.g. patient "
            f"'{crossing.index[0]}' in {where}; what a model learns of a patient would be tested "
            "on the same patient. Move all samples of a patient to one part, or choose k_fold"
        )


def _check_parts(labels: pd.Series, side: pd.Series) -> None:
    table = pd.crosstab(labels, side)
    for name in (TRAIN, TEST, *([VAL] if VAL in table else [])):
        lacking = [label for label, row in table.iterrows() if row.get(name, 0) == 0]
        if lacking:
            raise UserError(
                f"column '{SPLIT}': no {name} sample of class '{lacking[0]}'; each part needs all "
                "classes. Mend the column, or choose k_fold"
            )


def _sides(tested: pd.Series) -> pd.Series:
    return pd.Series(TRAIN, index=tested.index, dtype=object).mask(tested, TEST)
