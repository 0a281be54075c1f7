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

    Patients are dealt out at random within strata of patients who have the same numbers of
    samples of each class, so that every class has its share of each split and no patient is in
    two of them. Without a patient column every sample is a patient of its own.

    Parameters
    ----------
    samples
        Table indexed by sample id, with the column `label` and optionally `patient`.
    config
        The fractions; they are met per stratum as closely as whole patients allow.
    seed
        Seed of the deal.

    Returns
    -------
    pandas.Series
        'train', 'val' or 'test', indexed by sample id, in the order of `samples`.

    Raises
    ------
    UserError
        If a class has no sample in one of the splits.
    """
    rng = stream(seed, SPLIT_DEAL)
    patients = _patients(samples)
    composition = pd.crosstab(patients, samples[LABEL])
    side = {}
    for _, stratum in composition.groupby(list(composition.columns), sort=True):
        ids = rng.permutation(stratum.index.to_numpy())
        side.update(zip(ids, _deal(len(ids), config, rng), strict=True))
    result = patients.map(side).rename(SPLIT)
    _check_classes(samples[LABEL], result)
    return result


def _patients(samples: pd.DataFrame) -> pd.Series:
    if PATIENT in samples:
        return samples[PATIENT].astype(str)
    return pd.Series(samples.index.astype(str), index=samples.index)


def _deal(n: int, config: SplitConfig, rng: np.random.Generator) -> list[str]:
    """Give the splits of n shuffled patients; a fraction of a patient is decided by lot."""
    wanted = {TEST: n * config.test_fraction, VAL: n * config.val_fraction}
    counts = {name: int(w) + int(rng.random() < w - int(w)) for name, w in wanted.items()}
    # A stratum of three patients or more has at least one in each split.
    if n >= len(SPLITS):
        counts = {name: max(1, count) for name, count in counts.items()}
    n_test, n_val = counts[TEST], min(counts[VAL], n - counts[TEST])
    if n_test + n_val >= n and n > 1:
        n_test, n_val = (n_test - 1, n_val) if n_test > n_val else (n_test, max(n_val - 1, 0))
    return [TEST] * n_test + [VAL] * n_val + [TRAIN] * (n - n_test - n_val)


def _check_classes(labels: pd.Series, side: pd.Series) -> None:
    table = pd.crosstab(labels, side).reindex(columns=list(SPLITS), fill_value=0)
    for label, row in table.iterrows():
        for name in SPLITS:
            if row[name] == 0:
                raise UserError(
                    f"split: class '{label}' has {int(row.sum())} samples and none of them fell "
                    f"into {name}; give it more samples or change split.val_fraction and "
                    "split.test_fraction"
                )
    if len(table) < 2:
        raise UserError(
            f"split: only the class '{table.index[0]}' occurs; a classifier needs two classes"
        )
