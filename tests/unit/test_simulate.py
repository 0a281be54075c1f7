"""Simulated cohorts: the same bytes however they are drawn, the right laws, honest labels."""

from __future__ import annotations

import hashlib
import tracemalloc

import numpy as np
import pytest
from scipy.special import ndtr
from scipy.stats import ttest_ind
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from exprlab.config.simulator import SimulatorConfig
from exprlab.data.design import class_means
from exprlab.data.simulate import (
    MAX_COUNT,
    NEW_COHORT,
    TRAINING_COHORT,
    Simulator,
    samples_table,
)
from exprlab.data.streams import COUNTS, PATIENT, stream

# Nothing but counting noise: every sample of a world has the same means.
STILL = {
    "pathway_loading": 1e-12,
    "gate_loading": 1e-12,
    "dense_factor_sd": 0.0,
    "module_loading": 0.0,
    "stroma_genes": 0,
    "batch_sd": 0.0,
    "batch_depth_sd": 0.0,
    "batch_factor_sd": 0.0,
    "library_sd": 0.0,
    "outlier_rate": 0.0,
}


def world(n_genes: int = 60, seed: int = 1, **settings: object) -> Simulator:
    """Return a small world."""
    return Simulator(SimulatorConfig(**settings), n_genes, seed)


def draw(simulator: Simulator, n: int, cohort: int = 0, **how: int) -> np.ndarray:
    """Return a cohort's counts, checking that the blocks come in order."""
    blocks = []
    for first, counts in simulator.blocks(cohort, n, **how):
        assert first == sum(map(len, blocks))
        blocks.append(counts)
    return np.concatenate(blocks)


def log_cpm(counts: np.ndarray) -> np.ndarray:
    """Return log2(CPM + 1)."""
    return np.log2(1e6 * counts / counts.sum(axis=1, keepdims=True) + 1)


# The same bytes.


def test_streams_differ_in_every_part_of_their_key() -> None:
    keys = [(1, COUNTS, 0, 5), (2, COUNTS, 0, 5), (1, PATIENT, 0, 5), (1, COUNTS, 1, 5)]
    keys += [(1, COUNTS, 0, 6), (1, COUNTS, 5, 0), (1, COUNTS, 0)]
    assert len({stream(*key).random() for key in keys}) == len(keys)


DIRTY = {"outlier_rate": 0.01, "missing_rate": 0.02, "samples_per_patient": 3, "label_noise": 0.1}


@pytest.mark.parametrize("chunk_rows", [1, 7, 64, 1000])
@pytest.mark.parametrize("workers", [1, 4])
def test_blocks_and_workers_change_no_byte(chunk_rows: int, workers: int) -> None:
    whole = world(**DIRTY).counts(0, 80)
    assert whole.dtype == np.int32
    parts = draw(world(**DIRTY), 80, chunk_rows=chunk_rows, workers=workers)
    assert parts.dtype == np.int32
    assert parts.tobytes() == whole.tobytes()


def test_a_larger_cohort_begins_with_the_smaller_one() -> None:
    simulator = world(**DIRTY)
    np.testing.assert_array_equal(draw(simulator, 40)[:20], draw(simulator, 20))
    small, large = (samples_table(simulator.design(0, n)) for n in (20, 40))
    assert large.iloc[:20].equals(small)


def test_cohorts_and_seeds_differ() -> None:
    # Still worlds: equal means, so that only the draws of the counts can differ.
    base = draw(world(**STILL), 20)
    assert np.mean(draw(world(**STILL), 20, cohort=1) == base) < 0.2
    assert np.mean(draw(world(seed=2, **STILL), 20) == base) < 0.2


def test_memory_does_not_grow_with_the_cohort() -> None:
    simulator = world(n_genes=2000)

    def peak(n: int) -> int:
        tracemalloc.start()
        for _ in simulator.blocks(0, n, chunk_rows=8):
            pass
        _, highest = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return highest

    peak(8)  # what is loaded once
    assert peak(240) < 1.3 * peak(48)


def test_default_world_is_the_one_that_a_seed_has_always_meant() -> None:
    # NumPy may change its random streams with a version; then, and only then, this hash is renewed.
    counts = world(n_genes=500).counts(0, 20)
    assert hashlib.sha256(counts.astype("<i4").tobytes()).hexdigest() == (
        "1356ab14589acca3f4a3cc848ce7ed307640d0452e8bdcdef4e8aef7ee96c459"
    )


# The law of the counts.


def test_counts_are_negative_binomial() -> None:
    n, simulator = 3000, world(n_genes=200, **STILL)
    counts = draw(simulator, n).astype(float)
    mean = 25e6 * np.exp(simulator.genes.log_share)
    phi = simulator.genes.dispersion
    variance = mean + phi * mean**2
    # Sampling variance of a sample variance: (excess kurtosis + 2) / n of its square.
    kurtosis = 6 * phi + 1 / variance
    for z in (
        (counts.mean(axis=0) - mean) / np.sqrt(variance / n),
        (counts.var(axis=0, ddof=1) / variance - 1) / np.sqrt((kurtosis + 2) / n),
    ):
        assert abs(z.mean()) < 4 / 200**0.5
        assert abs(z.std() - 1) < 4 / 400**0.5


def test_nuisance_factors_keep_the_mean_of_a_gene() -> None:
    settings = {**STILL, "dense_factor_sd": 0.19, "module_loading": 0.25}
    n, simulator = 3000, world(n_genes=200, **settings)
    counts = draw(simulator, n) / (25e6 * np.exp(simulator.genes.log_share))
    z = (counts.mean(axis=0) - 1) / (counts.std(axis=0) / n**0.5)
    # Genes are correlated here; without the correction z would be about 5 on average.
    assert abs(z.mean()) < 1
    assert np.abs(z).max() < 5


def test_sample_totals_and_zeros_are_realistic() -> None:
    simulator = world(n_genes=20_000)
    counts = draw(simulator, 6)
    assert np.all((counts.sum(axis=1) > 1e7) & (counts.sum(axis=1) < 6e7))
    assert 0.04 < np.mean(counts == 0) < 0.15
    correlation = np.corrcoef(log_cpm(counts))[np.triu_indices(6, 1)]
    assert 0.85 < np.median(correlation) < 0.98


def test_absurd_depth_is_capped_and_never_overflows() -> None:
    counts = draw(world(library_size=1e18, outlier_rate=0.5), 5)
    assert counts.min() >= 0
    assert MAX_COUNT <= counts.max() < 1.001 * MAX_COUNT


def test_truth_tells_the_fold_change_between_the_classes() -> None:
    n, simulator = 3000, world(n_genes=200, library_sd=0.0, batch_sd=0.0)
    counts, design = draw(simulator, n).astype(float), simulator.design(0, n)
    benign, malignant = counts[design.label == 0], counts[design.label == 1]
    seen = np.log2(malignant.mean(axis=0) / benign.mean(axis=0))
    told = simulator.log2_fold_change()
    linear = simulator.genes.role == "linear"
    assert np.abs(told[linear]).max() > 0.5
    assert np.all(told[~linear] == 0)
    # Errors of genes in a pathway are correlated through z: about 0.05 in log2.
    assert np.corrcoef(seen[linear], told[linear])[0, 1] > 0.97
    assert abs(np.polyfit(told[linear], seen[linear], 1)[0] - 1) < 0.15


def test_fold_change_is_that_of_the_mean_over_patients() -> None:
    simulator = world(purity_a=3.0, purity_b=7.0, pathway_loading=0.8)
    genes, means = simulator.genes, class_means(simulator.config)
    linear = np.flatnonzero(genes.role == "linear")
    z = np.random.default_rng(1).standard_normal((200_000, 5))
    benign, malignant = (
        0.3 * np.exp(genes.loading[linear] * (z + m)[:, genes.factor[linear]]).mean(axis=0)
        + 0.7 * np.exp(genes.stroma[linear])
        for m in means[:, 0]
    )
    told = simulator.log2_fold_change()[linear]
    np.testing.assert_allclose(told, np.log2(malignant / benign), atol=0.03)


def test_interaction_genes_differ_within_a_lineage_only() -> None:
    n, simulator = 2000, world(n_genes=200)
    values, design = log_cpm(draw(simulator, n)), simulator.design(0, n)
    role = simulator.genes.role

    def strength(samples: np.ndarray, kind: str) -> float:
        y, x = design.label[samples], values[np.ix_(samples, role == kind)]
        return float(np.median(np.abs(ttest_ind(x[y == 1], x[y == 0]).statistic)))

    everyone = np.arange(n)
    assert strength(everyone, "linear") > 8
    assert strength(everyone, "interaction") < 2
    assert strength(everyone, "gate") < 2
    for lineage in (0, 1):
        assert strength(np.flatnonzero(design.lineage == lineage), "interaction") > 8


# Patients and samples.


def test_replicates_share_the_patient_and_nothing_else() -> None:
    simulator = world(samples_per_patient=3, label_noise=0.3)
    design = simulator.design(0, 61)
    counts = draw(simulator, 61)
    patient = np.arange(61) // 3
    np.testing.assert_array_equal(design.patient, patient)
    for shared in ("batch", "label", "true_label", "lineage", "z", "u"):
        values = getattr(design, shared)
        np.testing.assert_array_equal(values, values[3 * patient], err_msg=shared)
    assert len(np.unique(design.z[:, 0])) == 21, "patients differ"
    for own in ("purity", "log_library"):
        assert len(np.unique(getattr(design, own))) == 61, own
    assert len(np.unique(counts, axis=0)) == 61


def test_patients_follow_the_stated_laws() -> None:
    n, simulator = 4000, world(malignant_fraction=0.3)
    design = simulator.design(0, n)
    assert abs(design.label.mean() - 0.3) < 4 * (0.21 / n) ** 0.5
    assert abs(design.lineage.mean() - 0.5) < 4 * (0.25 / n) ** 0.5
    assert abs(np.bincount(design.batch) / n - 0.25).max() < 4 * (0.1875 / n) ** 0.5
    # Beta(7, 3): mean 0.7, variance 0.21 / 11.
    assert abs(design.purity.mean() - 0.7) < 4 * (0.21 / 11 / n) ** 0.5
    noise = design.z - class_means(simulator.config)[design.true_label, design.lineage]
    sds = np.array([1, 1, 1, 1, 0.3])
    assert np.all(np.abs(noise.mean(axis=0)) < 4 * sds / n**0.5)
    assert np.all(np.abs(noise.std(axis=0) / sds - 1) < 4 / (2 * n) ** 0.5)


def test_library_size_has_the_stated_median_and_spread() -> None:
    n, simulator = 4000, world(library_size=1e6, library_sd=0.4, batch_depth_sd=0.0)
    log_library = simulator.design(0, n).log_library
    assert abs(log_library.mean() - np.log(1e6)) < 4 * 0.4 / n**0.5
    assert abs(log_library.std() - 0.4) < 4 * 0.4 / (2 * n) ** 0.5


@pytest.mark.parametrize("noise", [0.0, 0.2])
def test_labels_are_flipped_at_the_stated_rate_in_both_classes(noise: float) -> None:
    n, simulator = 4000, world(label_noise=noise)
    design = simulator.design(0, n)
    for y in (0, 1):
        flipped = (design.label != design.true_label)[design.true_label == y]
        assert abs(flipped.mean() - noise) <= 4 * (noise * (1 - noise) / flipped.size) ** 0.5
    truth = simulator.truth(design).obs
    assert truth["label_flipped"].sum() == np.sum(design.label != design.true_label)


def test_no_column_of_the_design_gives_the_class_away() -> None:
    n, simulator = 3000, world(n_genes=200)
    design, counts = simulator.design(0, n), draw(simulator, n)
    columns = {
        "row": np.arange(n),
        "patient": design.patient,
        "lineage": design.lineage,
        "purity": design.purity,
        "log_library": design.log_library,
        "zeros": np.sum(counts == 0, axis=1),
        "gate": design.z[:, 4],
        **{f"batch {b}": design.batch == b for b in range(4)},
        **{f"u {k}": design.u[:, k] for k in range(3)},
    }
    ones = design.label.sum()
    standard_error = ((n + 1) / (12 * ones * (n - ones))) ** 0.5
    for name, values in columns.items():
        assert abs(roc_auc_score(design.label, values) - 0.5) < 4 * standard_error, name


# Batches and cohorts.


def test_confounding_tilts_the_classes_between_batches_but_not_overall() -> None:
    n, simulator = 4000, world(batch_confounding=0.6, malignant_fraction=0.4)
    design = simulator.design(0, n)
    by_batch = np.array([design.label[design.batch == b].mean() for b in range(4)])
    expected = 0.4 * (1 + 0.6 * np.array([-1, -1 / 3, 1 / 3, 1]))
    assert np.all(np.abs(by_batch - expected) < 4 * (0.24 / (n / 4)) ** 0.5)
    assert abs(design.label.mean() - 0.4) < 4 * (0.24 / n) ** 0.5


@pytest.mark.parametrize("fraction", [0.2, 0.5, 0.9])
def test_full_confounding_gives_probabilities(fraction: float) -> None:
    simulator = world(batch_confounding=1.0, malignant_fraction=fraction)
    chances = simulator.batches[0].malignant_fraction
    assert chances.min() >= 0
    assert chances.max() <= 1
    assert chances.mean() == pytest.approx(fraction)
    assert min(chances.min(), 1 - chances.max()) == pytest.approx(0)


def test_new_cohort_has_the_same_batches_unless_told_otherwise() -> None:
    same, other = world(), world(new_batches=True, batch_confounding=1.0)
    table = samples_table(same.design(NEW_COHORT, 50))
    assert set(table["batch"]) <= {"B1", "B2", "B3", "B4"}
    design = other.design(NEW_COHORT, 2000)
    assert set(samples_table(design)["batch"]) == {"B5", "B6", "B7", "B8"}
    for b in range(4, 8):
        group = design.label[design.batch == b]
        assert abs(group.mean() - 0.5) < 4 * (0.25 / group.size) ** 0.5
    seen, unseen = (other.truth(other.design(c, 4)) for c in (TRAINING_COHORT, NEW_COHORT))
    assert not np.any(seen.varm["batch_offsets"] == unseen.varm["batch_offsets"])
    assert seen.var.equals(unseen.var), "the genes stay"


def test_batches_shift_genes_by_the_stated_amount() -> None:
    offset = world(n_genes=5000, batch_sd=0.3).batches[0].offset
    # sd of sensitivity * N(0, 1) with log-normal sensitivity: sqrt(E[s^2]) = exp(0.4^2).
    assert offset.std() == pytest.approx(0.3 * np.exp(0.16), rel=0.05)
    assert not world(batch_sd=0.0).batches[0].offset.any()


def test_batch_offsets_reach_the_counts() -> None:
    # The same streams, so the same gamma draws: the ratio of large counts is the offset.
    plain, shifted = world(**STILL), world(**{**STILL, "batch_sd": 0.3})
    large = plain.genes.cpm > 5000
    ratio = np.log(draw(shifted, 20)[:, large] / draw(plain, 20)[:, large])
    expected = shifted.batches[0].offset[shifted.design(0, 20).batch][:, large]
    assert np.corrcoef(ratio.ravel(), expected.ravel())[0, 1] > 0.999


def test_a_feigned_signal_moves_pathway_genes_only() -> None:
    simulator = world(n_genes=200, batch_sd=0.0, batch_signal_sd=0.8)
    truth = simulator.truth(simulator.design(0, 4))
    offsets, pathways = truth.varm["batch_offsets"], truth.varm["signal_loadings"][:, :4]
    activity = np.linalg.lstsq(pathways, offsets, rcond=None)[0]
    np.testing.assert_allclose(pathways @ activity, offsets, atol=1e-12)
    assert 0.4 < activity.std() < 1.3


def test_batches_shift_dense_factors_but_not_modules() -> None:
    n, simulator = 4000, world(batch_factor_sd=0.8)
    design, batches = simulator.design(0, n), simulator.batches[0]
    for b in range(4):
        u = design.u[design.batch == b]
        tolerance = 4.5 / len(u) ** 0.5
        assert np.all(np.abs(u[:, :8].mean(axis=0) - batches.factor_shift[b]) < tolerance)
        assert np.all(np.abs(u[:, 8:].mean(axis=0)) < tolerance)
    assert 0.5 < batches.factor_shift.std() < 1.1


# Dials that act on single counts. Both worlds draw from the same streams.


def test_depth_scales_the_counts() -> None:
    ratio = draw(world(library_size=5e7), 30).sum(axis=1) / draw(world(), 30).sum(axis=1)
    np.testing.assert_allclose(ratio, 2, rtol=0.01)


def test_stroma_replaces_the_signal_as_purity_falls() -> None:
    still = {**STILL, "stroma_genes": 800}
    tumour = world(n_genes=200, purity_a=1e6, purity_b=1e-3, **still)
    stroma = world(n_genes=200, purity_a=1e-3, purity_b=1e6, **still)
    large = tumour.genes.cpm > 2000
    ratio = np.log(draw(stroma, 40).sum(axis=0) / draw(tumour, 40).sum(axis=0))
    np.testing.assert_allclose(ratio[large], tumour.genes.stroma[large], atol=0.02)
    assert np.any(tumour.genes.stroma[large] != 0)


def test_fold_changes_shrink_with_purity() -> None:
    changes = [
        np.abs(world(n_genes=200, purity_a=10 * p, purity_b=10 * (1 - p)).log2_fold_change())
        for p in (0.2, 0.5, 0.8)
    ]
    linear = changes[0] > 0
    assert np.all(changes[0][linear] < changes[1][linear])
    assert np.all(changes[1][linear] < changes[2][linear])


def test_outliers_are_5_to_10_fold_and_as_many_as_stated() -> None:
    clean, dirty = (draw(world(outlier_rate=r), 200) for r in (0.0, 0.1))
    large = clean > 1000
    ratio = dirty[large] / clean[large]
    spoiled = ratio != 1
    assert abs(spoiled.mean() - 0.1) < 4 * (0.09 / large.sum()) ** 0.5
    size = np.maximum(ratio, 1 / ratio)[spoiled]
    assert size.min() > 4.97
    assert size.max() < 10.06
    assert abs(np.mean(ratio[spoiled] > 1) - 0.5) < 4 * (0.25 / spoiled.sum()) ** 0.5


def test_missing_entries_are_marked_and_all_others_stay() -> None:
    clean, dirty = (draw(world(missing_rate=r), 200) for r in (0.0, 0.05))
    missing = dirty == -1
    assert abs(missing.mean() - 0.05) < 4 * (0.0475 / missing.size) ** 0.5
    np.testing.assert_array_equal(dirty[~missing], clean[~missing])
    assert clean.min() >= 0


# What can be learnt.


def auroc_of_logistic_regression(simulator: Simulator, n: int) -> float:
    """Train on n samples of the first cohort, test on 1,000 of the second."""
    x, y = log_cpm(draw(simulator, n)), simulator.design(0, n).label
    new, truth = log_cpm(draw(simulator, 1000, cohort=1)), simulator.design(1, 1000).true_label
    mean, sd = x.mean(axis=0), x.std(axis=0) + 1e-9
    model = LogisticRegression(C=0.01, max_iter=500).fit((x - mean) / sd, y)
    return float(roc_auc_score(truth, model.decision_function((new - mean) / sd)))


def test_a_linear_model_learns_the_linear_part_and_no_more() -> None:
    simulator = world(n_genes=200)
    # d sqrt(1 - nonlinear_share) is the distance that a linear rule can see.
    distance = np.linalg.norm(np.diff(class_means(simulator.config).mean(axis=1), axis=0))
    ceiling = ndtr(distance / 2**0.5)
    assert ceiling == pytest.approx(0.900, abs=0.001)
    # Standard error of an AUROC of 0.9 on 500 + 500 samples: 0.010 (Hanley and McNeil 1982).
    assert 0.75 < auroc_of_logistic_regression(simulator, 600) < ceiling + 3 * 0.010


def test_a_purely_linear_signal_is_found() -> None:
    simulator = world(n_genes=200, nonlinear_share=0.0, target_auroc=0.995)
    assert auroc_of_logistic_regression(simulator, 400) > 0.95


def test_nothing_is_learnt_where_nothing_is() -> None:
    values = [
        auroc_of_logistic_regression(world(n_genes=200, seed=s, target_auroc=0.5), 400)
        for s in range(4)
    ]
    # Null standard error sqrt((n1 + n0 + 1) / (12 n1 n0)) = 0.018, halved by four worlds.
    assert abs(np.mean(values) - 0.5) < 4 * 0.018 / 2


# Tables.


def test_sample_sheet_names_labels_and_patients() -> None:
    simulator = world(samples_per_patient=2, label_noise=0.4)
    old, new = simulator.design(0, 30), simulator.design(1, 30)
    table, other = samples_table(old), samples_table(new)
    assert table.index.name == "sample_id"
    assert table.index[0] == "S0000001"
    assert other.index[0] == "N0000001"
    assert table.columns.tolist() == ["label", "batch", "patient"]
    np.testing.assert_array_equal(table["label"] == "malignant", old.label == 1)
    assert table["patient"].nunique() == 15
    assert not set(table["patient"]) & set(other["patient"])


def test_truth_has_one_row_per_sample_and_gene() -> None:
    simulator = world(n_genes=200)
    truth = simulator.truth(simulator.design(1, 30))
    assert truth.obs.index[0] == "N0000001"
    assert truth.obsm["signal_factors"].shape == (30, 5)
    assert truth.obsm["nuisance_factors"].shape == (30, 32)
    assert truth.var.index[[0, -1]].tolist() == ["G000001", "G000200"]
    assert truth.varm["signal_loadings"].shape == (200, 5)
    assert truth.varm["nuisance_loadings"].shape == (200, 32)
    assert truth.varm["batch_offsets"].shape == (200, 4)
    assert truth.uns["batches"]["name"].tolist() == ["B1", "B2", "B3", "B4"]
