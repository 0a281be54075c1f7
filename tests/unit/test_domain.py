"""How far a sample is from training: uniform for its like, small for everything else."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom, kstest

from exprlab.inference.domain import Domain, fit_domain


class World:
    """Samples of ten hidden factors with heavy tails, scaled as features are."""

    def __init__(self, n_genes: int, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.loadings = self.rng.normal(size=(10, n_genes)) * np.linspace(1, 0.2, 10)[:, None]

    def draw(self, n: int) -> np.ndarray:
        noise = self.rng.normal(size=(n, self.loadings.shape[1]))
        depth = np.exp(self.rng.normal(0, 0.1, (n, 1)))
        return self.rng.standard_t(5, size=(n, 10)) @ self.loadings + noise * depth

    def fitted(self, n_train: int, n_val: int) -> Domain:
        train = self.draw(n_train)
        self.mean, self.sd = train.mean(axis=0), train.std(axis=0)
        val = self.features(n_val)
        scaled = ((train - self.mean) / self.sd).astype(np.float32)
        return fit_domain(scaled, val, np.ones(n_val), (0.0, 0.5))

    def features(self, n: int) -> np.ndarray:
        return ((self.draw(n) - self.mean) / self.sd).astype(np.float32)


def outside(domain: Domain, features: np.ndarray, measured: float = 1.0) -> np.ndarray:
    return domain.outside(domain.distance(features, np.full(len(features), measured)))


def test_typicality_of_exchangeable_samples_is_uniform() -> None:
    """Of new validation samples and one new sample each time, as of the same world."""
    world = World(60, 0)
    domain = world.fitted(100, 19)
    found = []
    for _ in range(1000):
        distance = domain.distance(world.features(20), np.ones(20))
        reference = Domain(**{**vars(domain), "reference": np.sort(distance[1:])})
        found.append(reference.typicality(distance[:1])[0])
    found = np.array(found)
    # Its values are 1/20, 2/20, ...; jitter within a step makes them uniform.
    rng = np.random.default_rng(1)
    assert kstest(found - rng.random(found.size) / 20, "uniform").pvalue > 1e-3
    low, high = binom.interval(0.9999, found.size, 1 / 20)
    assert low <= (found <= 0.05).sum() <= high


@pytest.mark.parametrize(
    ("n_train", "n_genes", "n_val", "found"), [(36, 2000, 12, 0.6), (800, 3000, 200, 0.9)]
)
def test_other_samples_are_outside(n_train: int, n_genes: int, n_val: int, found: float) -> None:
    world = World(n_genes, 2)
    domain = world.fitted(n_train, n_val)
    new = world.features(200)
    assert outside(domain, new).mean() < 0.08
    rng = np.random.default_rng(3)
    shuffled = new[:, rng.permutation(n_genes)]
    noise = rng.normal(0, 1.5, new.shape).astype(np.float32)
    elsewhere = new + (rng.random(n_genes) < 0.3) * rng.normal(0, 3, n_genes).astype(np.float32)
    for other in (shuffled, noise, 3 * new, elsewhere):
        assert outside(domain, other).mean() > found


def test_missing_features_do_not_change_what_is_usual() -> None:
    world = World(3000, 4)
    domain = world.fitted(800, 200)
    whole = world.features(500)
    lacking = whole.copy()
    lacking[:, np.random.default_rng(5).permutation(3000)[:300]] = 0
    before = domain.distance(whole, np.ones(500))
    after = domain.distance(lacking, np.full(500, 0.9))
    assert np.median(after - before) == pytest.approx(0, abs=0.15)
    assert outside(domain, lacking, 0.9).mean() < 0.05


def test_distance_is_that_of_a_dense_formula() -> None:
    """The larger of a Mahalanobis distance in the span of the components and the rest's norm."""
    world = World(50, 6)
    domain = world.fitted(90, 30)
    new = world.features(20).astype(np.float64)
    basis = domain.components.astype(np.float64)
    np.testing.assert_allclose(basis @ basis.T, np.eye(len(basis)), atol=1e-5)
    covariance = basis.T @ np.diag(domain.variance) @ basis
    inside = np.einsum("ij,jk,ik->i", new, np.linalg.pinv(covariance, rcond=1e-6), new)
    off = ((new - new @ basis.T @ basis) ** 2).sum(axis=1)
    standard = (np.log(np.column_stack([inside, off])) - domain.centre) / domain.scale
    found = domain.distance(new.astype(np.float32), np.ones(20))
    np.testing.assert_allclose(found, standard.max(axis=1), rtol=1e-3, atol=1e-3)


def test_directions_are_the_principal_ones() -> None:
    world = World(40, 7)
    train = world.draw(100)
    scaled = ((train - train.mean(axis=0)) / train.std(axis=0)).astype(np.float32)
    domain = fit_domain(scaled, scaled[:5], np.ones(5), (0.0, 1.0))
    _, singular, right = np.linalg.svd(scaled.astype(np.float64), full_matrices=False)
    k = len(domain.variance)
    np.testing.assert_allclose(domain.variance, singular[:k] ** 2 / 100, rtol=1e-4)
    np.testing.assert_allclose(np.abs((domain.components * right[:k]).sum(axis=1)), 1, rtol=1e-3)


@pytest.mark.parametrize("n_train", [2, 4, 9, 11])
def test_a_handful_of_samples_is_no_error(n_train: int) -> None:
    world = World(30, 8)
    domain = world.fitted(n_train, 2)
    found = domain.typicality(domain.distance(world.features(10), np.ones(10)))
    assert ((found > 0) & (found <= 1)).all()
    assert np.isnan(domain.typicality(np.array([np.nan]))).all()


def test_state_is_read_back() -> None:
    world = World(30, 9)
    domain = world.fitted(40, 10)
    again = Domain.from_state(*domain.state())
    new = world.features(10)
    distances = [each.distance(new, np.ones(10)) for each in (again, domain)]
    np.testing.assert_array_equal(*distances)
    typicalities = [each.typicality(d) for each, d in zip((again, domain), distances, strict=True)]
    np.testing.assert_array_equal(*typicalities)
    assert again.zeros == domain.zeros
