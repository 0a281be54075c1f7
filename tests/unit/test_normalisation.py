"""Normalisation of counts against edgeR (rnanorm), DESeq2 (pydeseq2) and Seurat v3 (scanpy)."""

from __future__ import annotations

import json
import os
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from exprlab.config.steps import PreprocessConfig
from exprlab.errors import UserError
from exprlab.preprocess.preprocessor import Preprocessor, fit_preprocessor
from exprlab.preprocess.tmm import tmm_factors
from exprlab.preprocess.variable_genes import local_trend, most_variable, standardised_variance
from exprlab.preprocess.vst import dispersion_trend, gene_dispersions, stabilised, trend_genes

REAL = Path(os.environ.get("EXPRLAB_REAL_DATA", "nowhere"))
# Folder of a real cohort of counts, and whether its genes are in rows.
COHORTS = {"prostate_pairs_counts": True, "tcga_brca_counts_lacen": False}
SOURCES = ["generated", *COHORTS]


def draw(n: int = 24, n_genes: int = 300, seed: int = 0) -> np.ndarray:
    """Return counts of negative binomial genes at very different depths, some genes silent."""
    rng = np.random.default_rng(seed)
    mean = np.exp(rng.normal(4, 1.8, n_genes))
    mean[: n_genes // 10] = 0.02
    dispersion = 0.1 + 3 / np.maximum(mean, 1)
    level = mean * rng.lognormal(0, 0.6, (n, 1))
    level[: n // 2, ::17] *= 6  # a class that differs in high genes too
    return rng.poisson(level * rng.gamma(1 / dispersion, dispersion, (n, n_genes))).astype(np.int32)


def counts_of(source: str) -> np.ndarray:
    if source == "generated":
        return draw()
    path = REAL / source / "expression.tsv.gz"
    if not path.is_file():
        pytest.skip("EXPRLAB_REAL_DATA is not set")
    table = pd.read_csv(path, sep="\t", index_col=0)
    counts = (table.T if COHORTS[source] else table).to_numpy(np.int32)
    return counts[:, ::20]  # enough of them, and quick


def fit(counts: np.ndarray, rows: int = 1000, **options: object) -> tuple[Preprocessor, np.ndarray]:
    """Return the preprocessing and the counts of the genes that it uses."""
    genes = [str(i) for i in range(counts.shape[1])]
    fitted = fit_preprocessor(
        lambda: (counts[i : i + rows] for i in range(0, len(counts), rows)),
        genes,
        PreprocessConfig(**options),
    )
    return fitted, counts[:, [int(gene) for gene in fitted.genes]]


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("method", ["tmm", "upper_quartile", "cpm"])
def test_counts_per_million_are_those_of_edger(source: str, method: str) -> None:
    """rnanorm's values equal edgeR's to ten decimals, by its authors' tests."""
    import rnanorm

    fitted, used = fit(counts_of(source), size_factors=method)
    reference = {"tmm": rnanorm.TMM, "upper_quartile": rnanorm.UQ, "cpm": rnanorm.CPM}[method]
    expected = reference().fit(used).transform(used.astype(float))
    per_million = used / fitted.depth(used)[:, None] * 1e6
    np.testing.assert_allclose(per_million, expected, rtol=1e-10)
    np.testing.assert_allclose(fitted.log_values(used), np.log1p(expected), rtol=1e-5)


def test_new_samples_are_compared_with_the_frozen_reference_as_in_rnanorm() -> None:
    import rnanorm

    counts = draw(40)
    fitted, _ = fit(counts[:25], size_factors="tmm")
    used = counts[:, [int(gene) for gene in fitted.genes]]
    expected = rnanorm.TMM().fit(used[:25]).transform(used[25:].astype(float))
    per_million = used[25:] / fitted.depth(used[25:])[:, None] * 1e6
    np.testing.assert_allclose(per_million, expected, rtol=1e-10)


def test_one_gene_of_many_reads_moves_cpm_and_not_the_robust_methods() -> None:
    """Composition: reads that go to one gene are missing from all others."""
    rng = np.random.default_rng(0)
    share = rng.dirichlet(np.ones(500))
    shares = np.tile(share, (20, 1))
    shares[::2] = 0.7 * share
    shares[::2, 0] += 0.3
    counts = np.round(shares * 5e6).astype(np.int32)
    change = {}
    for method in ("median_of_ratios", "tmm", "upper_quartile", "cpm"):
        fitted, used = fit(counts, size_factors=method, min_fraction=0.0)
        values = fitted.log_values(used)[:, 1:]
        change[method] = abs(float(np.median(values[::2] - values[1::2])))
    assert change["cpm"] == pytest.approx(-np.log(0.7), rel=0.02)
    assert max(change[m] for m in change if m != "cpm") < 0.02


def test_no_size_factors_leave_depth_in() -> None:
    counts = np.concatenate([draw(1)] * 2) * np.array([[1], [3]], dtype=np.int32)
    fitted, used = fit(counts, size_factors="none")
    mean = used.sum(axis=1).mean()
    expected = np.log1p(used[:, fitted.keep] * 1e6 / mean)
    np.testing.assert_allclose(fitted.log_values(used), expected, rtol=1e-5)


def test_a_sample_without_a_shared_gene_has_no_factor() -> None:
    reference = np.array([5.0, 0, 9, 0])
    counts = np.array([[0, 7, 0, 2], [10, 0, 18, 0], [-1, 5, 20, -1]])
    factors = tmm_factors(counts, np.array([9.0, 28, 25]), reference)
    assert factors[:2].tolist() == [0, 1]
    assert factors[2] == pytest.approx((20 / 25) / (9 / 14))


def test_tmm_serves_where_no_gene_has_reads_everywhere() -> None:
    sparse = 50 * (np.eye(20, dtype=np.int32) == 0)
    with pytest.raises(UserError, match="size_factors: tmm"):
        fit(sparse)
    fitted, used = fit(sparse, size_factors="tmm")
    np.testing.assert_allclose(fitted.depth(used), used.sum(axis=1))


# The variance-stabilising transform.


def deseq(counts: np.ndarray):
    from pydeseq2.dds import DeseqDataSet

    names = [f"s{i}" for i in range(len(counts))]
    table = pd.DataFrame(counts, index=names, columns=[f"g{i}" for i in range(counts.shape[1])])
    design = pd.DataFrame({"group": ["a", "b"] * (len(counts) // 2)}, index=names)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = DeseqDataSet(
            counts=table, metadata=design, design="~group", quiet=True, n_cpus=1, low_memory=False
        )
        found.vst()
    return found


@pytest.mark.parametrize("source", SOURCES)
def test_size_factors_and_vst_are_those_of_deseq2(source: str) -> None:
    counts = counts_of(source)
    counts = counts[:, (counts >= 10).sum(axis=0) >= 3]
    fitted, used = fit(counts, transform="vst", min_fraction=0.0)
    assert used.shape == counts.shape
    found = deseq(counts)
    size_factors = found.obs["size_factors"].to_numpy()
    np.testing.assert_allclose(
        fitted.depth(counts) / fitted.scale.library_size, size_factors, rtol=1e-3
    )
    mean = (counts / size_factors[:, None]).mean(axis=0)
    dispersion = gene_dispersions(counts, counts >= 0, size_factors, mean)
    expected = found.var["vst_genewise_dispersions"].to_numpy()
    known = expected > 1e-6
    np.testing.assert_allclose(dispersion[known], expected[known], rtol=0.01)
    trend = found.uns["vst_trend_coeffs"].to_numpy()
    # pydeseq2 fits on every gene; DESeq2's own vst, as we do, on those with a mean above 5.
    np.testing.assert_allclose(dispersion_trend(counts, size_factors), trend, rtol=0.01)
    np.testing.assert_allclose(
        stabilised(counts / size_factors[:, None], tuple(trend)), found.layers["vst_counts"]
    )
    values = fitted.log_values(used)
    assert np.corrcoef(values.ravel(), found.layers["vst_counts"].ravel())[0, 1] > 0.998


def test_stabilised_counts_vary_alike_at_every_mean() -> None:
    rng = np.random.default_rng(1)
    mean = np.geomspace(10, 1e5, 400)
    dispersion = 0.05 + 2 / mean
    counts = rng.poisson(mean * rng.gamma(1 / dispersion, dispersion, (400, 400)))
    fitted, used = fit(counts.astype(np.int32), transform="vst", size_factors="none")
    assert fitted.scale.trend == pytest.approx((0.05, 2), rel=0.1)
    spread = fitted.log_values(used).std(axis=0)
    assert spread[:100].mean() == pytest.approx(spread[-100:].mean(), rel=0.1)
    logged, used = fit(counts.astype(np.int32), size_factors="none")
    spread = logged.log_values(used).std(axis=0)
    assert spread[:100].mean() > 1.5 * spread[-100:].mean()


def test_large_stabilised_counts_are_logarithms_to_base_2() -> None:
    values = stabilised(np.array([1e8, 2e8, 4e8]), (0.2, 3.0))
    np.testing.assert_allclose(np.diff(values), 1, atol=1e-4)
    assert values[0] == pytest.approx(np.log2(1e8), abs=1e-4)


def test_counts_without_more_than_chance_have_a_trend_all_the_same() -> None:
    counts = np.random.default_rng(0).poisson(np.full((30, 50), 80.0)).astype(np.int32)
    fitted, used = fit(counts, transform="vst")
    assert np.isfinite(fitted.log_values(used)).all()
    # Of Poisson counts, the stabilised ones vary like twice the square root, on another scale.
    same, _ = fit(np.full((10, 20), 80, dtype=np.int32), transform="vst")
    assert same.scale.trend[0] > 0


def test_trend_genes_are_spread_over_the_means() -> None:
    mean = np.random.default_rng(0).lognormal(4, 2, 30_000)
    genes = trend_genes(mean)
    assert len(set(genes)) == 1000
    assert mean[genes].min() > 5
    above = np.sort(mean[mean > 5])
    places = np.searchsorted(above, np.sort(mean[genes])) / len(above)
    np.testing.assert_allclose(places, np.linspace(0, 1, 1000), atol=1e-3)


def test_few_training_samples_are_enough() -> None:
    for n in (2, 3):
        fitted, used = fit(draw(n), transform="vst", size_factors="tmm")
        assert np.isfinite(fitted.transform(used)).all()


# Variable genes.


def test_variable_genes_are_those_of_seurat_v3() -> None:
    path = Path(__file__).parents[1] / "data/variable_genes.json"
    reference = json.loads(path.read_text())
    counts, expected = np.array(reference["counts"], float), np.array(reference["scores"])
    scores = standardised_variance(lambda: iter([counts[:11], counts[11:]]))
    np.testing.assert_allclose(scores, expected, rtol=0.05, atol=0.01)
    assert scores[3] == 0  # constant
    both = most_variable(scores, 50) & most_variable(expected, 50)
    assert both.sum() >= 48


def test_variable_genes_are_not_just_the_high_ones() -> None:
    rng = np.random.default_rng(3)
    mean = np.geomspace(5, 1e5, 600)
    dispersion = np.full(600, 0.1)
    dispersion[::20] = 1.5
    counts = rng.poisson(mean * rng.gamma(1 / dispersion, dispersion, (80, 600))).astype(np.int32)
    fitted, _ = fit(counts, n_top_genes=30, min_count=0)
    assert len(set(fitted.features) & {str(i) for i in range(0, 600, 20)}) >= 27
    assert len(fitted.genes) > len(fitted.features)  # the others still tell the depth
    everything, _ = fit(counts, n_top_genes=10_000, min_count=0)
    assert len(everything.features) == 600


def test_local_trend_follows_a_parabola_and_smooths_noise() -> None:
    x = np.random.default_rng(0).uniform(-2, 3, 400)
    curve = 1 + 2 * x - 0.7 * x**2
    np.testing.assert_allclose(local_trend(x, curve), curve, atol=1e-3)
    noisy = curve + np.random.default_rng(1).normal(0, 0.5, 400)
    assert np.abs(local_trend(x, noisy) - curve).mean() < 0.12
    assert local_trend(np.zeros(0), np.zeros(0)).size == 0
    np.testing.assert_allclose(local_trend(np.ones(4), np.arange(4.0)), 1.5)
