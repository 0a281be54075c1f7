"""Splits: patients stay whole, classes keep their shares, the same seed deals the same."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exprlab.config.steps import SplitConfig
from exprlab.data.split import split_samples, subsample_training
from exprlab.errors import UserError
from exprlab.keys import CLASSES, SPLITS, TEST, TRAIN, UNUSED, VAL

DEFAULT = SplitConfig()


def cohort(patients: list[tuple[int, int]]) -> pd.DataFrame:
    """Return a sample table; each patient has so many benign and so many malignant samples."""
    rows = [
        (f"p{i:03d}", label)
        for i, numbers in enumerate(patients)
        for label, n in zip(CLASSES, numbers, strict=True)
        for _ in range(n)
    ]
    table = pd.DataFrame(rows, columns=["patient", "label"])
    return table.set_index(pd.Index([f"s{i:04d}" for i in range(len(rows))], name="sample_id"))


def singles(n_benign: int, n_malignant: int) -> pd.DataFrame:
    return cohort([(1, 0)] * n_benign + [(0, 1)] * n_malignant)


def fractions(config: SplitConfig) -> dict[str, float]:
    val, test = config.val_fraction, config.test_fraction
    return {TRAIN: 1 - val - test, VAL: val, TEST: test}


def per_class(table: pd.DataFrame, split: pd.Series) -> pd.DataFrame:
    counts = pd.crosstab(table["label"], split)
    return counts.reindex(index=list(CLASSES), columns=list(SPLITS), fill_value=0)


PATIENTS = st.lists(
    st.tuples(st.integers(0, 4), st.integers(0, 4)).filter(any), min_size=4, max_size=60
)
CONFIGS = st.builds(
    SplitConfig, val_fraction=st.floats(0.05, 0.4), test_fraction=st.floats(0.05, 0.4)
)


@given(patients=PATIENTS, config=CONFIGS, seed=st.integers(0, 2**31))
@settings(max_examples=60, deadline=None)
def test_any_cohort(patients: list[tuple[int, int]], config: SplitConfig, seed: int) -> None:
    table = cohort(patients)
    try:
        split = split_samples(table, config, seed)
    except UserError:
        # For want of patients alone: three of each class, without a sample of the other, will do.
        of_one_class = [sum(1 for p in patients if p[c] and not p[1 - c]) for c in (0, 1)]
        if min(of_one_class) >= 3 and not any(min(p) for p in patients):
            raise
        return
    assert split.index.equals(table.index)
    assert (split.groupby(table["patient"]).nunique() == 1).all()
    assert (per_class(table, split) > 0).all(axis=None)


@given(
    patients=st.lists(
        st.tuples(st.integers(0, 3), st.integers(0, 3)).filter(any), min_size=40, max_size=120
    ),
    config=st.builds(
        SplitConfig, val_fraction=st.floats(0.15, 0.3), test_fraction=st.floats(0.15, 0.3)
    ),
    seed=st.integers(0, 1000),
)
@settings(max_examples=40, deadline=None)
def test_fractions_are_met_within_a_patient(
    patients: list[tuple[int, int]], config: SplitConfig, seed: int
) -> None:
    table = cohort([(1, 0), (0, 1)] * 6 + patients)
    counts = per_class(table, split_samples(table, config, seed))
    largest = max(max(p) for p in patients)
    for name, fraction in fractions(config).items():
        ideal = fraction * counts.sum(axis=1)
        assert ((counts[name] - ideal).abs() <= largest + 1).all()


@pytest.mark.parametrize("n_malignant", [20, 137, 500])
@pytest.mark.parametrize("seed", [0, 7])
def test_single_samples_are_within_one_of_their_share(n_malignant: int, seed: int) -> None:
    table = singles(1000 - n_malignant, n_malignant)
    counts = per_class(table, split_samples(table, DEFAULT, seed))
    for name, fraction in fractions(DEFAULT).items():
        assert ((counts[name] - fraction * counts.sum(axis=1)).abs() <= 1).all()


def test_every_single_sample_is_as_likely_to_be_tested() -> None:
    table, n = singles(30, 20), 400
    tested = sum((split_samples(table, DEFAULT, seed) == TEST).to_numpy() for seed in range(n))
    sd = np.sqrt(0.2 * 0.8 / n)
    assert (np.abs(tested / n - 0.2) < 5 * sd).all()


def test_large_patients_do_not_all_train() -> None:
    table = cohort([(4, 4)] * 20 + [(1, 0), (0, 1)] * 40)
    split = split_samples(table, DEFAULT, 0)
    large = split[table.groupby("patient")["label"].transform("size") == 8]
    assert set(large) == set(SPLITS)


def test_tumour_and_normal_of_a_patient_stay_together() -> None:
    table = cohort([(1, 1)] * 100)
    split = split_samples(table, DEFAULT, 3)
    assert per_class(table, split).loc["benign"].to_dict() == {TRAIN: 65, VAL: 15, TEST: 20}
    assert (split.groupby(table["patient"]).nunique() == 1).all()


def test_many_kinds_of_patients_keep_the_fractions() -> None:
    """A stratum for each pair of numbers would have three patients and deal one to each split."""
    kinds = [(a, b) for a in range(6) for b in range(6) if a + b]
    table = cohort(kinds * 3)
    counts = per_class(table, split_samples(table, DEFAULT, 1))
    for name, fraction in fractions(DEFAULT).items():
        assert counts[name].sum() / len(table) == pytest.approx(fraction, abs=0.02)


def test_seed_decides() -> None:
    table = singles(40, 40)
    first = split_samples(table, DEFAULT, 1)
    pd.testing.assert_series_equal(first, split_samples(table, DEFAULT, 1))
    assert not first.equals(split_samples(table, DEFAULT, 2))


@pytest.mark.parametrize("with_patients", [True, False])
def test_order_of_the_rows_does_not_matter(with_patients: bool) -> None:
    table = cohort([(1, 0), (0, 2), (1, 1)] * 15)
    table = table if with_patients else table.drop(columns="patient")
    shuffled = table.sample(frac=1, random_state=0)
    split, other = (split_samples(t, DEFAULT, 5) for t in (table, shuffled))
    assert list(other.index) == list(shuffled.index)
    pd.testing.assert_series_equal(split, other.reindex(split.index))


def test_categories_of_an_h5ad_are_split_as_text() -> None:
    """Anndata reads text columns back as categories, with unused ones after a subset."""
    table = cohort([(1, 0), (0, 2), (1, 1)] * 15)
    whole = table.astype("category")
    pd.testing.assert_series_equal(
        split_samples(table, DEFAULT, 0), split_samples(whole, DEFAULT, 0)
    )
    part = table["patient"] < "p030"
    pd.testing.assert_series_equal(
        split_samples(table[part], DEFAULT, 0), split_samples(whole[part], DEFAULT, 0)
    )


@pytest.mark.parametrize("n", [3, 4, 5])
def test_three_patients_of_a_class_are_enough(n: int) -> None:
    table = singles(200, n)
    for seed in range(10):
        counts = per_class(table, split_samples(table, DEFAULT, seed))
        assert (counts.loc["malignant"] > 0).all()


def test_too_few_patients_are_named_with_class_and_split() -> None:
    with pytest.raises(UserError, match=r"class 'malignant' has 2 samples .* fell into (val|test)"):
        split_samples(singles(50, 2), DEFAULT, 0)
    with pytest.raises(UserError, match=r"class 'malignant' has 60 samples and none"):
        split_samples(cohort([(1, 0)] * 60 + [(0, 30)] * 2), DEFAULT, 0)


def test_other_mistakes_are_named() -> None:
    with pytest.raises(UserError, match="only the class 'benign'"):
        split_samples(singles(50, 0), DEFAULT, 0)
    table = singles(30, 30)
    with pytest.raises(UserError, match="no column 'label'"):
        split_samples(table.drop(columns="label"), DEFAULT, 0)
    for column in ("label", "patient"):
        broken = table.copy()
        broken.loc["s0007", column] = None
        with pytest.raises(UserError, match=f"'s0007' has no {column}; .*: fill it in"):
            split_samples(broken, DEFAULT, 0)


# ------------------------------------------------------------------ fewer training samples


@given(
    patients=st.lists(
        st.tuples(st.integers(0, 4), st.integers(0, 4)).filter(any), min_size=20, max_size=60
    ),
    sizes=st.lists(st.integers(2, 80), min_size=2, max_size=4, unique=True),
    seed=st.integers(0, 2**31),
)
@settings(max_examples=80, deadline=None)
def test_smaller_training_parts_lie_within_larger_ones(
    patients: list[tuple[int, int]], sizes: list[int], seed: int
) -> None:
    table = cohort([(1, 0), (0, 1)] * 6 + patients)
    whole = split_samples(table, DEFAULT, seed)
    train = whole == TRAIN
    largest = table[train].groupby("patient").size().max()
    before: set[str] = set()
    for size in sorted(sizes):
        try:
            split = subsample_training(table, whole, size, seed)
        except UserError:
            # Too many, or fewer than the first patients of each kind have.
            assert size > train.sum() or size < 3 * largest
            continue
        assert split.index.equals(table.index)
        assert set(split[train]) <= {TRAIN, UNUSED}
        pd.testing.assert_series_equal(split[~train], whole[~train])
        chosen = set(split.index[split == TRAIN])
        assert before <= chosen
        before = chosen
        assert size - largest < len(chosen) <= size
        assert (split.groupby(table["patient"]).nunique() == 1).all()
        assert set(table.loc[sorted(chosen), "label"]) == set(CLASSES)


@given(
    n_benign=st.integers(10, 300), n_malignant=st.integers(10, 300), seed=st.integers(0, 1000),
    data=st.data(),
)  # fmt: skip
@settings(max_examples=60, deadline=None)
def test_any_number_of_single_samples_has_the_classes_of_the_whole(
    n_benign: int, n_malignant: int, seed: int, data: st.DataObject
) -> None:
    table = singles(n_benign, n_malignant)
    whole = split_samples(table, DEFAULT, seed)
    train = table.loc[whole == TRAIN, "label"]
    size = data.draw(st.integers(2, len(train)))
    split = subsample_training(table, whole, size, seed)
    chosen = table.loc[split == TRAIN, "label"]
    assert len(chosen) == size
    share = train.value_counts(normalize=True)
    assert ((chosen.value_counts() - size * share).abs() <= 1).all()
    assert chosen.nunique() == 2


def test_all_training_samples_are_the_split_itself_and_one_more_is_refused() -> None:
    table = cohort([(1, 0), (0, 2), (1, 1)] * 15)
    whole = split_samples(table, DEFAULT, 0)
    n = int((whole == TRAIN).sum())
    pd.testing.assert_series_equal(subsample_training(table, whole, n, 0), whole)
    with pytest.raises(UserError, match=rf"experiment.train_sizes: found {n + 1}, .* has {n} sam"):
        subsample_training(table, whole, n + 1, 0)


def test_size_that_holds_no_patient_of_a_class_is_refused() -> None:
    table = cohort([(1, 0)] * 30 + [(0, 6)] * 10)
    whole = split_samples(table, DEFAULT, 0)
    with pytest.raises(UserError, match=r"train_sizes: found 5, .* too small: .* of class '"):
        subsample_training(table, whole, 5, 0)
    split = subsample_training(table, whole, 7, 0)
    assert table.loc[split == TRAIN, "label"].value_counts().to_dict() == {
        "malignant": 6,
        "benign": 1,
    }


def test_smaller_part_depends_on_the_seed_and_not_on_the_order_of_the_rows() -> None:
    table = cohort([(1, 0), (0, 2), (1, 1)] * 15)
    whole = split_samples(table, DEFAULT, 5)
    split = subsample_training(table, whole, 20, 5)
    shuffled = table.sample(frac=1, random_state=0)
    other = subsample_training(shuffled, whole.reindex(shuffled.index), 20, 5)
    pd.testing.assert_series_equal(split, other.reindex(split.index))
    assert not split.equals(subsample_training(table, whole, 20, 6))


def test_every_training_sample_is_as_likely_to_be_chosen() -> None:
    table, n = singles(30, 30), 400
    whole = split_samples(table, DEFAULT, 0)
    train = (whole == TRAIN).to_numpy()
    chosen = sum(
        (subsample_training(table, whole, 10, seed) == TRAIN).to_numpy()[train] for seed in range(n)
    )
    share = 10 / train.sum()
    assert (np.abs(chosen / n - share) < 5 * np.sqrt(share * (1 - share) / n)).all()
