"""The genes of a simulated world, and the geometry of its classes."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import ndtr

from exprlab.config.simulator import SimulatorConfig
from exprlab.data.design import class_means, simplex
from exprlab.data.genes import Genes, dispersion_trend, draw_genes
from exprlab.errors import UserError

LINEAR, INTERACTION, GATE = "linear", "interaction", "gate"


@pytest.fixture(scope="module")
def genes() -> Genes:
    """A full-size world with the default settings."""
    return draw_genes(SimulatorConfig(), 20_000, seed=1)


def test_expression_is_like_a_tumour_profile(genes: Genes) -> None:
    assert genes.cpm.sum() == pytest.approx(1e6)
    assert np.exp(genes.log_share).sum() == pytest.approx(1)
    # Of 20,000 protein-coding genes, one in ten has hardly a read in 25 million.
    assert 0.03 < np.mean(genes.cpm < 0.04) < 0.15
    # Public tumour cohorts: median dispersion 0.13-0.35, correlation with log mean about -0.7.
    assert 0.1 < np.median(genes.dispersion) < 0.35
    assert np.corrcoef(np.log(genes.cpm), np.log(genes.dispersion))[0, 1] < -0.4


@pytest.mark.parametrize("spread", [0.0, 0.5, 1.0])
def test_dispersion_scatters_around_its_trend(spread: float) -> None:
    config = SimulatorConfig(dispersion_spread=spread)
    world = draw_genes(config, 20_000, seed=2)
    seen = world.cpm > 1
    scatter = np.log(world.dispersion / dispersion_trend(config, world.cpm))[seen]
    standard_error = spread / seen.sum() ** 0.5
    # The clip at 1e-3 and 8 narrows the law a little, hence 0.01.
    assert abs(scatter.mean()) <= 4 * standard_error + 0.01 * spread
    assert abs(scatter.std() - spread) <= 4 * standard_error / 2**0.5 + 0.03 * spread


def test_signal_genes_are_as_many_as_asked_for_and_expressed(genes: Genes) -> None:
    names, sizes = np.unique(genes.role.astype(str), return_counts=True)
    count = dict(zip(names.tolist(), sizes.tolist(), strict=True))
    assert (count[LINEAR], count[INTERACTION], count[GATE]) == (600, 600, 800)
    assert genes.cpm[genes.factor >= 0].min() > 1


def test_each_gene_belongs_to_one_factor_at_most(genes: Genes) -> None:
    moved = genes.signal_matrix() != 0
    assert moved.sum(axis=1).max() == 1
    assert moved.sum(axis=0).tolist() == [300, 300, 300, 300, 800]


def test_pathway_effects_follow_their_settings(genes: Genes) -> None:
    effects = genes.loading[np.isin(genes.role, [LINEAR, INTERACTION])]
    # Log-normal: the median is exp(mean log); its sd of log is 0.55.
    assert abs(np.log(np.abs(effects)).mean() - np.log(0.28)) < 4 * 0.55 / 1200**0.5 + 0.01
    assert abs(np.mean(effects > 0) - 0.6) < 4 * (0.24 / 1200) ** 0.5
    assert np.unique(np.abs(genes.loading[genes.role == GATE])).tolist() == [0.45]
    assert np.abs(genes.loading).max() <= 1.5


def test_a_stronger_pathway_moves_the_same_genes_further() -> None:
    weak = draw_genes(SimulatorConfig(pathway_loading=0.1), 2000, seed=3)
    strong = draw_genes(SimulatorConfig(pathway_loading=0.2), 2000, seed=3)
    pathway = np.isin(weak.role, [LINEAR, INTERACTION]) & (np.abs(strong.loading) < 1.5)
    np.testing.assert_allclose(strong.loading[pathway], 2 * weak.loading[pathway])
    others = ~np.isin(weak.role, [LINEAR, INTERACTION])
    np.testing.assert_array_equal(strong.loading[others], weak.loading[others])
    np.testing.assert_array_equal(strong.cpm, weak.cpm)


@pytest.mark.parametrize("n_genes", [20, 60, 200, 2000])
def test_small_worlds_keep_every_factor_and_leave_genes_alone(n_genes: int) -> None:
    for seed in range(10):
        world = draw_genes(SimulatorConfig(), n_genes, seed)
        sizes = (world.signal_matrix() != 0).sum(axis=0)
        assert sizes.min() >= 2
        assert sizes[-1] >= sizes[:-1].max(), "the gate stays the largest group"
        assert np.mean(world.factor < 0) > 0.3
        assert world.dense.shape == (8, n_genes)


def test_a_world_too_small_for_its_pathways_is_refused() -> None:
    config = SimulatorConfig(copies_linear=8, copies_interaction=8)
    with pytest.raises(UserError, match=r"n_genes: 16 pathways .* need 34 .*raise n_genes"):
        draw_genes(config, 20, seed=1)


def test_what_is_switched_off_is_absent() -> None:
    config = SimulatorConfig(n_dense_factors=0, n_modules=0, stroma_genes=0, gate_genes=0)
    world = draw_genes(config, 200, seed=1)
    assert world.nuisance_matrix().shape == (200, 0)
    assert not world.stroma.any()
    assert set(world.role) == {"linear", "interaction", "null"}


@pytest.mark.parametrize(
    ("settings", "causal"),
    [
        ({}, {LINEAR, INTERACTION, GATE}),
        ({"target_auroc": 0.5}, set()),
        ({"nonlinear_share": 0.0}, {LINEAR}),
        ({"nonlinear_share": 1.0}, {INTERACTION, GATE}),
        # One lineage: nothing to gate, so every pathway shows by itself.
        ({"n_lineages": 1}, {LINEAR}),
    ],
)
def test_only_genes_that_tell_about_the_class_have_a_causal_role(
    settings: dict[str, float], causal: set[str]
) -> None:
    roles = set(draw_genes(SimulatorConfig(**settings), 400, seed=1).role)
    assert roles == causal | {"nuisance", "null"}


@pytest.mark.parametrize("n", [1, 2, 3, 5, 8])
def test_simplex_has_equal_edges_around_the_origin(n: int) -> None:
    points = simplex(n)
    assert points.shape == (n, n - 1)
    np.testing.assert_allclose(points.sum(axis=0), 0, atol=1e-12)
    edges = np.linalg.norm(points[:, None] - points[None], axis=2)
    np.testing.assert_allclose(edges, 1 - np.eye(n), atol=1e-12)


@pytest.mark.parametrize("copies", [1, 2, 3])
@pytest.mark.parametrize("share", [0.0, 0.3, 0.65, 1.0])
def test_classes_lie_as_far_apart_as_the_target_says(copies: int, share: float) -> None:
    config = SimulatorConfig(
        nonlinear_share=share, copies_linear=copies, copies_interaction=copies, target_auroc=0.9
    )
    means = class_means(config)
    within = means[1] - means[0]
    # Two Gaussians with unit covariance at distance d: AUROC = Phi(d / sqrt 2).
    np.testing.assert_allclose(ndtr(np.linalg.norm(within, axis=1) / 2**0.5), 0.9)
    overall = means[1].mean(axis=0) - means[0].mean(axis=0)
    # What is left of d^2 once lineages are averaged is the linear share.
    np.testing.assert_allclose((overall**2).sum(), (1 - share) * (within[0] ** 2).sum(), atol=1e-12)


def test_best_rule_within_a_lineage_reaches_the_target_auroc() -> None:
    means = class_means(SimulatorConfig())
    rng = np.random.default_rng(1)
    direction = means[1, 0, :4] - means[0, 0, :4]
    benign, malignant = (
        (rng.standard_normal((200_000, 4)) + means[y, 0, :4]) @ direction for y in (0, 1)
    )
    assert abs(np.mean(malignant > benign) - 0.985) < 4 * (0.985 * 0.015 / 200_000) ** 0.5


def test_null_worlds_have_one_mean_for_both_classes() -> None:
    means = class_means(SimulatorConfig(target_auroc=0.5))
    np.testing.assert_array_equal(means[0], means[1])
    assert np.ptp(means[0, :, -1]) == pytest.approx(2), "the lineages still differ"
