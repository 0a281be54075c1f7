"""Folds, batches and published splits: each sample is tested once, and no patient is divided."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exprlab.config.steps import SplitConfig
from exprlab.data.split import split_samples
from exprlab.errors import UserError
from exprlab.keys import SPLITS, TEST, TRAIN, UNUSED, VAL, split_name, split_parts


def table(**columns: list) -> pd.DataFrame:
    n = len(columns["label"])
    return pd.DataFrame(columns, index=pd.Index([f"s{i:03d}" for i in range(n)], name="sample_id"))


def cohort(n_per_class: list[int], samples_each: int = 1) -> pd.DataFrame:
    labels = [f"c{k}" for k, n in enumerate(n_per_class) for _ in range(n * samples_each)]
    patients = [f"p{i // samples_each}" for i in range(len(labels))]
    return table(label=labels, patient=patients)


def all_folds(samples: pd.DataFrame, config: SplitConfig, seed: int, folds: int) -> pd.DataFrame:
    return pd.DataFrame(
        {fold: split_samples(samples, config, seed, fold) for fold in range(1, folds + 1)}
    )


@given(
    n_per_class=st.lists(st.integers(12, 30), min_size=2, max_size=4),
    samples_each=st.integers(1, 3),
    folds=st.integers(2, 10),
    seed=st.integers(0, 1000),
)
@settings(max_examples=30, deadline=None)
def test_every_sample_is_tested_once_and_classes_are_shared_out(
    n_per_class: list[int], samples_each: int, folds: int, seed: int
) -> None:
    samples = cohort(n_per_class, samples_each)
    sides = all_folds(samples, SplitConfig(design="k_fold", folds=folds), seed, folds)
    tested = sides == TEST
    assert (tested.sum(axis=1) == 1).all()
    for fold in sides:
        assert sides[fold].groupby(samples["patient"]).nunique().eq(1).all()
        assert set(sides[fold]) == set(SPLITS)
        found = pd.crosstab(samples["label"], sides[fold])
        assert (found > 0).all(axis=None)
        shares = np.array(n_per_class) / folds
        assert (np.abs(found[TEST] / samples_each - shares) < 1).all()
    # What does not divide evenly is spread over the folds, too.
    assert np.ptp(tested.sum()) <= samples_each * max(1, len(n_per_class) - 1)


@given(seed=st.integers(0, 1000), folds=st.integers(2, 6))
@settings(max_examples=20, deadline=None)
def test_validation_has_its_share_of_each_class_outside_the_test(seed: int, folds: int) -> None:
    samples = cohort([40, 25])
    config = SplitConfig(design="k_fold", folds=folds, val_fraction=0.25)
    for side in all_folds(samples, config, seed, folds).items():
        found = pd.crosstab(samples["label"], side[1])
        assert (np.abs(found[VAL] - 0.25 * (found[VAL] + found[TRAIN])) <= 1).all()


def test_the_deal_depends_on_the_seed_and_not_on_the_order_of_rows() -> None:
    samples, config = cohort([20, 20], 2), SplitConfig(design="k_fold")
    once = all_folds(samples, config, 3, 5)
    shuffled = all_folds(samples.sample(frac=1, random_state=0), config, 3, 5)
    pd.testing.assert_frame_equal(once, shuffled.loc[once.index])
    assert not once.equals(all_folds(samples, config, 4, 5))
    # Each fold draws validation samples of its own.
    val = [set(once.index[(once[k] == VAL)]) for k in once]
    assert len(set(map(frozenset, val))) == 5


def paired(n: int) -> pd.DataFrame:
    return table(label=["normal", "tumour"] * n, patient=[f"p{i // 2}" for i in range(2 * n)])


def test_pairs_stay_together() -> None:
    samples = paired(14)
    sides = all_folds(samples, SplitConfig(design="k_fold"), 0, 5)
    for fold in sides:
        assert sides[fold].groupby(samples["patient"]).nunique().eq(1).all()
        found = pd.crosstab(samples["label"], sides[fold])
        assert found.loc["normal"].equals(found.loc["tumour"])
        assert found[TEST].isin([2, 3]).all()


@pytest.mark.parametrize(
    ("n_per_class", "folds", "says"),
    [
        ([20, 4], 5, r"split.folds: found 5, but class 'c1' has 4 patients.*allowed: 2 to 4"),
        ([20, 2], 2, r"class 'c1' has 2 patients; folds need three"),
        ([20, 3], 2, r"fold 1: beside the test there are 1 patients or samples of class 'c1'"),
    ],
)
def test_small_classes_are_refused_with_what_is_possible(
    n_per_class: list[int], folds: int, says: str
) -> None:
    config = SplitConfig(design="k_fold", folds=folds)
    with pytest.raises(UserError, match=says):
        all_folds(cohort(n_per_class), config, 0, folds)


def batches() -> pd.DataFrame:
    """Three batches of ten; the last one has one class, and a patient is in the first two."""
    samples = table(
        label=["a", "b"] * 10 + ["a"] * 10,
        batch=[name for name in ("x", "y", "z") for _ in range(10)],
        patient=[f"p{i}" for i in range(30)],
    )
    return samples.assign(patient=samples["patient"].replace({"p11": "p0"}))


def test_each_batch_is_the_test_once_and_its_patients_do_not_train() -> None:
    samples = batches()
    sides = all_folds(samples, SplitConfig(design="leave_one_batch_out"), 0, 3)
    for fold, batch in zip(sides, "xyz", strict=True):
        side = sides[fold]
        assert (side == TEST).equals(samples["batch"] == batch)
        learnt = samples["patient"][side.isin([TRAIN, VAL])]
        assert not learnt.isin(samples["patient"][side == TEST]).any()
        assert {TRAIN, VAL} <= set(side)
    assert list(sides.index[sides[1] == UNUSED]) == ["s011"]
    assert not (sides[3] == UNUSED).any()


def test_batches_that_cannot_be_left_out_are_refused() -> None:
    config = SplitConfig(design="leave_one_batch_out")
    for samples, says in (
        (batches().drop(columns="batch"), "needs a column of batches"),
        (batches().assign(batch="x"), "found 1 batches"),
        (batches().assign(batch=[None, *"x" * 29]), "sample 's000' has no batch"),
    ):
        with pytest.raises(UserError, match=says):
            split_samples(samples, config, 0, 1)
    confounded = batches().assign(label=["a"] * 10 + ["b"] * 10 + ["a"] * 10)
    with pytest.raises(UserError, match=r"test batch 'y': .* 0 patients or samples of class 'b'"):
        split_samples(confounded, config, 0, 2)


def published(**changes: str) -> pd.DataFrame:
    samples = table(label=["a", "b"] * 10, split=["Training"] * 14 + [" TEST"] * 6)
    samples.loc[list(changes), "split"] = list(changes.values())
    return samples


def test_a_published_test_is_the_test_whatever_the_seed() -> None:
    config = SplitConfig(design="published")
    first, second = (split_samples(published(), config, seed) for seed in (0, 1))
    for side in (first, second):
        assert list(side.index[side == TEST]) == [f"s{i:03d}" for i in range(14, 20)]
        assert set(side) == set(SPLITS)
    assert not first.equals(second)
    own = published(s000="validation", s001="valid")
    assert list(own.index[split_samples(own, config, 0) == VAL]) == ["s000", "s001"]


@pytest.mark.parametrize(
    ("samples", "says"),
    [
        (published(s003="tset"), r"sample 's003': found 'tset'.*did you mean 'test'"),
        (published(s003=None), r"sample 's003': found ''"),
        (published().drop(columns="split"), "needs a column with train and test"),
        (published().assign(label=["a", "b"] * 7 + ["a"] * 6), "no test sample of class 'b'"),
        (published(s000="val"), "no val sample of class 'b'"),
        (
            published().assign(patient=["q", *"abcdefghijklmnopqr", "q"]),
            r"1 patients are in more than one part, e.g. patient 'q' in train and test",
        ),
    ],
)
def test_a_published_split_that_cannot_be_used_is_refused(samples: pd.DataFrame, says: str) -> None:
    with pytest.raises(UserError, match=says):
        split_samples(samples, SplitConfig(design="published"), 0)


@given(
    seed=st.integers(0, 99),
    size=st.none() | st.integers(2, 999),
    fold=st.none() | st.integers(1, 99),
)
def test_names_of_splits_say_what_they_are(seed: int, size: int | None, fold: int | None) -> None:
    name = split_name(seed, size, fold)
    assert split_parts(name) == (seed, fold, size)
    assert split_parts(name).repeat == split_name(seed, size)
