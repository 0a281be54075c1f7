"""Preprocessing: against independent formulas, and proof that only training samples count."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import gmean
from sklearn.preprocessing import StandardScaler

from exprlab.config.steps import PreprocessConfig
from exprlab.data.formats import open_counts, write_counts
from exprlab.errors import UserError
from exprlab.keys import MISSING_COUNT, TEST, TRAIN, VAL
from exprlab.preprocess.preprocessor import Preprocessor, fit_preprocessor
from exprlab.preprocess.run import fit_file, write_features
from exprlab.preprocess.size_factors import (
    GeometricMean,
    estimated_library_sizes,
    library_sizes,
    median_of_ratios,
)

N_GENES = 40
GENES = [f"g{i:02d}" for i in range(N_GENES)]
METHODS = ("median_of_ratios", "cpm")


def draw(n: int = 60, seed: int = 0) -> np.ndarray:
    """Return counts; every third gene is low, with zeros."""
    rng = np.random.default_rng(seed)
    mean = np.where(np.arange(N_GENES) % 3 == 0, 3.0, 400.0) * rng.uniform(0.5, 2, N_GENES)
    return rng.poisson(mean * rng.uniform(0.4, 2.5, (n, 1))).astype(np.int32)


def fit(counts: np.ndarray, rows: int = 1000, **options: object) -> Preprocessor:
    def blocks() -> Iterator[np.ndarray]:
        for start in range(0, len(counts), rows):
            yield counts[start : start + rows]

    return fit_preprocessor(blocks, GENES[: counts.shape[1]], PreprocessConfig(**options))


def used(fitted: Preprocessor, counts: np.ndarray) -> np.ndarray:
    return counts[:, [GENES.index(gene) for gene in fitted.genes]]


def deseq2_size_factors(counts: np.ndarray) -> np.ndarray:
    """Return estimateSizeFactorsForMatrix of DESeq2: exp(median(log counts - log geo means))."""
    with np.errstate(divide="ignore", invalid="ignore"):
        log_means = np.log(gmean(counts.astype(float), axis=0))
        ratios = np.log(counts.astype(float)) - log_means
    usable = np.isfinite(log_means) & np.isfinite(ratios)
    return np.array([np.exp(np.median(row[use])) for row, use in zip(ratios, usable, strict=True)])


def test_median_of_ratios_is_that_of_deseq2() -> None:
    counts = draw()
    mean = GeometricMean(N_GENES)
    mean.add(counts[:17])
    mean.add(counts[17:])
    # DESeq2 takes the median of logs; of an even number of genes that is another mean.
    reference = mean.value()
    if (reference > 0).sum() % 2 == 0:
        counts, reference = (
            np.delete(a, np.argmax(reference > 0), -1) for a in (counts, reference)
        )
    factors = median_of_ratios(counts, reference)
    np.testing.assert_allclose(factors, deseq2_size_factors(counts), rtol=1e-12)


def test_size_factor_is_the_depth() -> None:
    one = draw(1)
    counts = np.concatenate([one, 2 * one, 5 * one])
    np.testing.assert_allclose(median_of_ratios(counts, one[0].astype(float)), [1, 2, 5])


def test_missing_entries_are_left_out_of_a_size_factor() -> None:
    reference = np.full(5, 10.0)
    counts = np.array([[10, 20, MISSING_COUNT, 30, MISSING_COUNT], [10, 10, 10, 10, 10]])
    np.testing.assert_allclose(median_of_ratios(counts, reference), [2, 1])


@pytest.mark.parametrize("row", [[0, 0, 0, 9, 9], [MISSING_COUNT] * 5])
def test_undefined_size_factor_is_zero(row: list[int]) -> None:
    counts = np.array([[10] * 5, row])
    assert median_of_ratios(counts, np.full(5, 10.0)).tolist() == [1, 0]


def test_estimated_library_size_makes_up_for_what_is_missing() -> None:
    share = np.array([0.5, 0.3, 0.2])
    counts = np.array([[50, 30, 20], [MISSING_COUNT, 30, 20], [MISSING_COUNT] * 3, [0, 0, 0]])
    assert estimated_library_sizes(counts, share) == pytest.approx([100, 100, 0, 0])


def test_library_size_leaves_missing_entries_out() -> None:
    assert library_sizes(np.array([[3, MISSING_COUNT, 4], [0, 0, 0]])).tolist() == [7, 0]
    assert library_sizes(np.full((1, 3), 2_000_000_000, dtype=np.int32)) == [6_000_000_000]


@pytest.mark.parametrize("method", METHODS)
def test_features_are_standardised_log_counts(method: str) -> None:
    counts = draw()
    fitted = fit(counts, size_factors=method, clip=100.0)
    assert fitted.features == [
        gene for gene, n in zip(GENES, (counts >= 10).sum(0), strict=True) if n >= 3
    ]
    reads = used(fitted, counts)
    depth = reads.sum(axis=1)
    if method == "median_of_ratios":
        depth = median_of_ratios(reads, gmean_or_zero(reads)) * depth.mean()
    log = np.log1p(reads[:, fitted.keep] / depth[:, None] * 1e6)
    np.testing.assert_allclose(fitted.log_values(reads), log, rtol=1e-5)
    np.testing.assert_allclose(
        fitted.transform(reads), StandardScaler().fit_transform(log), atol=2e-4
    )


def gmean_or_zero(counts: np.ndarray) -> np.ndarray:
    return np.where((counts > 0).all(axis=0), gmean(np.maximum(counts, 1), axis=0), 0)


def test_scaled_values_are_clipped() -> None:
    counts = draw()
    counts[5, 1] *= 1000
    fitted = fit(counts, clip=1.5)
    features = fitted.transform(used(fitted, counts))
    assert features.max() == pytest.approx(1.5)
    assert features.min() == pytest.approx(-1.5)
    assert features.dtype == np.float32


@pytest.mark.parametrize("method", METHODS)
def test_no_block_size_matters(method: str) -> None:
    counts = draw()
    counts[3, 4] = counts[40, 4] = MISSING_COUNT
    one, other = (fit(counts, rows, size_factors=method) for rows in (1000, 7))
    reads = used(one, counts)
    assert one.genes == other.genes
    assert one.library_range == other.library_range
    # Sums over blocks differ in their last bit, which may be the one that a float32 mean rounds.
    step = (np.spacing(one.mean) / one.sd).max()
    np.testing.assert_allclose(one.transform(reads), other.transform(reads), atol=2 * step)
    parts = [one.transform(reads[i : i + 7]) for i in range(0, len(reads), 7)]
    np.testing.assert_array_equal(np.concatenate(parts), one.transform(reads))


@pytest.mark.parametrize("method", METHODS)
def test_depth_does_not_matter(method: str) -> None:
    counts = draw()
    fitted = fit(counts, size_factors=method)
    reads = used(fitted, counts)
    deeper = reads.copy()
    deeper[::2] *= 7
    np.testing.assert_allclose(fitted.log_values(deeper), fitted.log_values(reads), rtol=1e-5)


def test_missing_entry_becomes_zero_and_changes_no_other() -> None:
    counts, column = draw(), 1
    # The gene is then no reference, and the size factor stays as it is.
    counts[7, column] = 0
    fitted = fit(counts)
    holed = counts.copy()
    holed[7, column] = MISSING_COUNT
    feature = fitted.features.index(GENES[column])
    full, part = (fitted.transform(used(fitted, c)) for c in (counts, holed))
    assert part[7, feature] == 0
    assert np.isnan(fitted.log_values(used(fitted, holed))[7, feature])
    part[7, feature] = full[7, feature]
    np.testing.assert_array_equal(part, full)


def test_missing_gene_leaves_counts_per_million_of_the_others() -> None:
    counts = draw()
    fitted = fit(counts, size_factors="cpm")
    # A sample exactly like the training mean: what is missing is known to be its usual share.
    typical = np.round(fitted.scale.share * 1e8).astype(np.int32)[None]
    holed = typical.copy()
    holed[0, np.argmax(fitted.scale.share)] = MISSING_COUNT
    full, part = fitted.log_values(typical)[0], fitted.log_values(holed)[0]
    known = ~np.isnan(part)
    assert known.sum() == len(part) - 1
    np.testing.assert_allclose(part[known], full[known], rtol=1e-5)


def test_missing_entries_are_left_out_of_mean_and_sd() -> None:
    counts = draw()
    counts[::4, 1] = MISSING_COUNT
    fitted = fit(counts)
    log = fitted.log_values(used(fitted, counts))
    feature = fitted.features.index(GENES[1])
    assert fitted.mean[feature] == pytest.approx(np.nanmean(log[:, feature]), rel=1e-5)
    assert fitted.sd[feature] == pytest.approx(np.nanstd(log[:, feature]), rel=1e-4)
    assert np.isfinite(fitted.transform(used(fitted, counts))).all()


def test_constant_gene_stays_at_zero() -> None:
    counts = draw()
    counts[:, 1] = 0
    fitted = fit(counts, min_fraction=0.0)
    assert fitted.sd[fitted.features.index(GENES[1])] == 1
    assert (fitted.transform(used(fitted, counts))[:, 1] == 0).all()
    # At the same share of every library, too, where only rounding moves it.
    even = np.repeat(counts[:1], 20, axis=0) * np.arange(1, 21)[:, None]
    fitted = fit(even, size_factors="cpm")
    assert np.abs(fitted.transform(used(fitted, even))).max() < 1e-4


def test_gene_filter_takes_the_fraction_exactly() -> None:
    counts = np.full((100, 4), 50, dtype=np.int32)
    counts[7:, 1] = 9
    counts[6:, 2] = 9
    # 0.07 * 100 = 7.000000000000001 in binary.
    fitted = fit(counts, min_count=10, min_fraction=0.07)
    assert fitted.features == ["g00", "g01", "g03"]
    # The dropped gene has reads in every sample: it stays a reference.
    assert fitted.genes == ["g00", "g01", "g02", "g03"]
    assert fit(counts, min_fraction=0.07, size_factors="cpm").genes == fitted.features


def test_genes_outside_the_model_do_not_matter() -> None:
    counts = draw()
    counts[:, 0] = np.arange(60) % 5
    with_more = counts.copy()
    with_more[:, 0] *= 2  # still below min_count everywhere, and not in every sample
    for method in METHODS:
        one, other = (fit(c, size_factors=method) for c in (counts, with_more))
        assert "g00" not in one.genes
        np.testing.assert_array_equal(
            one.transform(used(one, counts)), other.transform(used(other, with_more))
        )


def test_nothing_to_learn_from_is_refused() -> None:
    with pytest.raises(UserError, match=r"no gene has 10 reads in 5%"):
        fit(np.ones((20, 5), dtype=np.int32))
    sparse = 20 * (np.eye(20, dtype=np.int32) == 0)
    with pytest.raises(UserError, match=r"reads in every training sample and found none.*cpm"):
        fit(sparse)
    assert len(fit(sparse, size_factors="cpm").features) == 20
    with pytest.raises(UserError, match="no training samples"):
        fit(np.zeros((0, 5), dtype=np.int32))


@pytest.mark.parametrize("method", METHODS)
def test_state_is_the_whole_preprocessing(method: str) -> None:
    counts = draw()
    fitted = fit(counts, size_factors=method)
    copy = Preprocessor.from_state(*fitted.state())
    reads = used(fitted, counts)
    np.testing.assert_array_equal(copy.transform(reads), fitted.transform(reads))


# Whole files.


def write(path: Path, counts: np.ndarray) -> Path:
    samples = pd.DataFrame(index=[f"s{i:03d}" for i in range(len(counts))])
    write_counts(path, samples, pd.DataFrame(index=GENES), [(0, counts)])
    return path


def preprocess(path: Path, split: np.ndarray, **options: object) -> tuple[Preprocessor, np.ndarray]:
    with open_counts(path) as counts:
        fitted = fit_file(counts, pd.Series(split), PreprocessConfig(**options))
        write_features(path.with_suffix(".npy"), counts, fitted)
    return fitted, np.load(path.with_suffix(".npy"))


@pytest.mark.parametrize("method", METHODS)
def test_only_training_samples_are_learnt_from(method: str, tmp_path: Path) -> None:
    """The leakage test: whatever the others hold, no fitted number moves by a bit."""
    n = 600  # several blocks
    counts = draw(n)
    split = np.random.default_rng(1).choice([TRAIN, VAL, TEST], n, p=[0.6, 0.2, 0.2])
    changed = counts.copy()
    others = split != TRAIN
    changed[others] = np.random.default_rng(2).integers(1, 10_000, (others.sum(), N_GENES))
    one, features = preprocess(write(tmp_path / "a.h5ad", counts), split, size_factors=method)
    two, moved = preprocess(write(tmp_path / "b.h5ad", changed), split, size_factors=method)
    values, arrays = one.state()
    assert values == two.state()[0]
    for name, array in arrays.items():
        np.testing.assert_array_equal(array, two.state()[1][name])
    np.testing.assert_array_equal(features[~others], moved[~others])
    assert not np.array_equal(features[others], moved[others])
    # And a training sample does move them.
    counts[np.argmax(~others)] *= 3
    three, _ = preprocess(write(tmp_path / "c.h5ad", counts), split, size_factors=method)
    assert three.state()[0]["scale"] != values["scale"]


def test_features_file_has_every_sample_in_order(tmp_path: Path) -> None:
    counts = draw(300)
    split = np.where(np.arange(300) < 200, TRAIN, TEST)
    fitted, features = preprocess(write(tmp_path / "a.h5ad", counts), split)
    assert features.shape == (300, len(fitted.features))
    assert features.dtype == np.float32
    alone = [fitted.transform(used(fitted, counts[i : i + 1]))[0] for i in range(300)]
    np.testing.assert_array_equal(features, alone)


def test_shallow_sample_is_named_and_nothing_is_left(tmp_path: Path) -> None:
    counts = draw(300)
    counts[290] = 0
    counts[290, 0] = 5
    split = np.where(np.arange(300) < 200, TRAIN, TEST)
    with pytest.raises(UserError, match="sample 's290' has no reads"):
        preprocess(write(tmp_path / "a.h5ad", counts), split)
    assert [path.name for path in tmp_path.iterdir()] == ["a.h5ad"]
