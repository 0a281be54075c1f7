"""From signal factors to classes: closed forms, and invariants of the mixture."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import ndtr
from scipy.stats import multivariate_normal
from sklearn.metrics import roc_auc_score

from exprlab.config.simulator import SimulatorConfig
from exprlab.data.design import class_means, signal_sds
from exprlab.data.genes import factor_roles, signal_strengths
from exprlab.data.posterior import (
    Mixture,
    given_factors,
    log_class_probability,
    of_recorded_label,
)


def draw_factors(config: SimulatorConfig, n: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return classes, equally likely, and signal factors."""
    rng = np.random.default_rng(seed)
    label, lineage = rng.integers(config.n_classes, size=n), rng.integers(config.n_lineages, size=n)
    n_signal = len(factor_roles(config))
    noise = rng.standard_normal((n, n_signal)) * signal_sds(config, n_signal)
    return label, class_means(config)[label, lineage] + noise


def flat(config: SimulatorConfig) -> np.ndarray:
    """Return equal class probabilities."""
    return np.full(config.n_classes, 1 / config.n_classes)


def test_difficulty_dial_is_the_auroc_of_the_best_classifier() -> None:
    config = SimulatorConfig()
    label, z = draw_factors(config, 200_000)
    p = given_factors(config, z, flat(config))[:, 1]
    distance = np.hypot(*signal_strengths(config))
    assert abs(roc_auc_score(label, p) - 0.985) < 0.002
    assert abs(np.mean((p > 0.5) == label) - ndtr(distance / 2)) < 0.002
    # Calibrated: in bins of the probability, as many are malignant as it says.
    bins = (p * 10).astype(int).clip(max=9)
    gaps = np.bincount(bins, label - p, 10)
    assert np.abs(gaps).sum() / label.size < 0.005


def test_without_signal_the_posterior_is_the_prior() -> None:
    config = SimulatorConfig(target_auroc=0.5)
    _, z = draw_factors(config, 1000)
    prior = np.array([0.7, 0.3])
    assert np.abs(given_factors(config, z, prior) - prior).max() < 1e-12


def test_nonlinear_share_is_what_a_linear_rule_cannot_see() -> None:
    for share in (0.2, 0.65):
        config = SimulatorConfig(nonlinear_share=share)
        label, z = draw_factors(config, 200_000)
        means = class_means(config).mean(axis=1)
        best_line = z @ (means[1] - means[0])
        distance, _ = signal_strengths(config)
        assert abs(roc_auc_score(label, best_line) - ndtr(distance / 2**0.5)) < 0.003


def test_any_two_subtypes_are_as_far_apart_as_two_classes() -> None:
    config = SimulatorConfig(n_classes=4, copies_linear=1, copies_interaction=1)
    label, z = draw_factors(config, 200_000)
    p = given_factors(config, z, flat(config))
    np.testing.assert_allclose(p.sum(axis=1), 1)
    for a, b in ((0, 1), (1, 3), (2, 3)):
        pair = np.isin(label, (a, b))
        score = p[pair, b] / (p[pair, a] + p[pair, b])
        assert abs(roc_auc_score(label[pair] == b, score) - 0.985) < 0.003


def test_gaussian_likelihood_integrates_like_the_marginal_density() -> None:
    config = SimulatorConfig(n_classes=3, gate_sd=0.7)
    prior = np.array([0.5, 0.2, 0.3])
    mixture = Mixture(config, prior)
    rng = np.random.default_rng(1)
    n = mixture.means.shape[2]
    root = rng.standard_normal((n, n))
    precision, seen = root @ root.T + np.eye(n), rng.standard_normal(n)
    # A second way: z seen with Gaussian error of covariance precision^-1 has a Gaussian law.
    spread = np.diag(mixture.variance) + np.linalg.inv(precision)
    density = np.array(
        [[multivariate_normal(m, spread).pdf(seen) for m in row] for row in mixture.means]
    )
    wanted = (prior[:, None] * density).sum(axis=1)
    found = log_class_probability(mixture.log_evidence(precision, precision @ seen))
    np.testing.assert_allclose(np.exp(found), wanted / wanted.sum(), rtol=1e-8)


def test_moments_of_the_mixture_are_those_of_its_draws() -> None:
    config = SimulatorConfig(n_classes=3)
    _, z = draw_factors(config, 200_000)
    mean, covariance = Mixture(config, flat(config)).moments()
    np.testing.assert_allclose(z.mean(axis=0), mean, atol=0.02)
    np.testing.assert_allclose(np.cov(z.T), covariance, atol=0.04)


def test_gradient_of_the_log_odds() -> None:
    config = SimulatorConfig(n_classes=3)
    mixture = Mixture(config, np.array([0.5, 0.2, 0.3]))
    n = mixture.means.shape[2]
    precision, shift = 3 * np.eye(n), np.random.default_rng(2).standard_normal(n)

    def log_odds(shift: np.ndarray) -> np.ndarray:
        p = np.exp(log_class_probability(mixture.log_evidence(precision, shift)))
        return np.log(p) - np.log1p(-p)

    told = mixture.gradient(precision, shift)
    for k in range(n):
        step = np.eye(n)[k] * 1e-5
        seen = (log_odds(shift + step) - log_odds(shift - step)) / 2e-5
        np.testing.assert_allclose(told[:, k], seen, atol=1e-6)


def test_permuted_classes_permute_the_columns() -> None:
    config, order = SimulatorConfig(n_classes=4), [2, 0, 3, 1]
    mixture, other = Mixture(config, flat(config)), Mixture(config, flat(config))
    other.means = mixture.means[order]
    precision = 2 * np.eye(mixture.means.shape[2])
    shift = np.random.default_rng(3).standard_normal(len(precision))
    a, b = (log_class_probability(m.log_evidence(precision, shift)) for m in (mixture, other))
    np.testing.assert_allclose(a[order], b)


@pytest.mark.parametrize("n_classes", [2, 4])
def test_recorded_labels_are_noisy_true_ones(n_classes: int) -> None:
    rng = np.random.default_rng(4)
    p = rng.dirichlet(np.ones(n_classes), size=5)
    # A second way: the matrix that turns the true class into the recorded one.
    noise = np.full((n_classes, n_classes), 0.2 / (n_classes - 1))
    np.fill_diagonal(noise, 0.8)
    np.testing.assert_allclose(of_recorded_label(p, 0.2), p @ noise)
