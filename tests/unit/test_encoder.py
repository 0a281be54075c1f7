"""The encoder: finds planted factors and nothing in noise, and folds into a plain network."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA

from exprlab.nets.mlp import MLP
from exprlab.training.encoder import FEWEST_COMPONENTS, fit_encoder


@pytest.fixture(scope="module")
def planted() -> tuple[np.ndarray, np.ndarray]:
    """Return 300 samples of 2,000 genes that 8 factors move, and the factors."""
    rng = np.random.default_rng(0)
    factors = rng.standard_normal((300, 8))
    loadings = rng.standard_normal((8, 2000)) * 0.4
    features = factors @ loadings + rng.standard_normal((300, 2000))
    features /= features.std(axis=0)
    return (features + 1.5).astype(np.float32), factors


TRAIN = np.arange(0, 300, 2)


def test_as_many_components_as_factors(planted: tuple[np.ndarray, np.ndarray]) -> None:
    features, factors = planted
    found = fit_encoder(features, TRAIN, seed=1).encode(features)
    assert found.shape == (300, 8)
    # The other half of the samples: each factor is a linear function of the components.
    rest = np.setdiff1d(np.arange(300), TRAIN)
    design = np.column_stack([found[rest], np.ones(len(rest))])
    left = factors[rest] - design @ np.linalg.lstsq(design, factors[rest], rcond=None)[0]
    assert np.all(left.var(axis=0) / factors[rest].var(axis=0) < 0.05)


def test_noise_has_no_component_that_stands_out() -> None:
    features = np.random.default_rng(1).standard_normal((200, 1000)).astype(np.float32)
    encoder = fit_encoder(features, np.arange(200), seed=1)
    assert len(encoder.weight) == FEWEST_COMPONENTS


def test_components_are_those_of_scikit_learn(planted: tuple[np.ndarray, np.ndarray]) -> None:
    features, _ = planted
    found = fit_encoder(features, TRAIN, seed=1).encode(features)
    np.testing.assert_allclose(found[TRAIN].mean(axis=0), 0, atol=1e-3)
    np.testing.assert_allclose(found[TRAIN].std(axis=0), 1, atol=1e-3)
    wanted = PCA(8, whiten=True, svd_solver="full").fit(features[TRAIN]).transform(features)
    correlation = np.corrcoef(found.T, wanted.T)[:8, 8:]
    np.testing.assert_allclose(np.abs(np.diag(correlation)), 1, atol=1e-3)


def test_only_training_samples_are_looked_at(planted: tuple[np.ndarray, np.ndarray]) -> None:
    features, _ = planted
    other = features.copy()
    other[1::2] = 7
    one, two = (fit_encoder(x, TRAIN, seed=1) for x in (features, other))
    assert torch.equal(one.weight, two.weight)
    assert torch.equal(one.mean, two.mean)


@pytest.mark.parametrize("threads", [1, 2, 4])
def test_threads_change_no_bit(planted: tuple[np.ndarray, np.ndarray], threads: int) -> None:
    features, _ = planted
    torch.set_num_threads(threads)
    found = fit_encoder(features, TRAIN, seed=1)
    assert torch.get_num_threads() == threads
    torch.set_num_threads(1)
    assert torch.equal(found.weight, fit_encoder(features, TRAIN, seed=1).weight)


@pytest.mark.parametrize(
    "options", [{"hidden": []}, {"hidden": [6, 4], "batch_norm": True, "input_dropout": 0.1}]
)
def test_folded_network_does_the_same(
    planted: tuple[np.ndarray, np.ndarray], options: dict
) -> None:
    features, _ = planted
    encoder = fit_encoder(features, TRAIN, seed=1)
    torch.manual_seed(0)
    network = MLP(len(encoder.weight), **options).eval()
    whole = encoder.fold(network)
    assert whole.architecture["n_inputs"] == 2000
    with torch.inference_mode():
        wanted = network(torch.from_numpy(encoder.encode(features)))
        found = whole(torch.from_numpy(features))
    torch.testing.assert_close(found, wanted, atol=1e-4, rtol=1e-4)


def test_fewer_samples_than_components() -> None:
    features = np.random.default_rng(2).standard_normal((4, 50)).astype(np.float32)
    encoder = fit_encoder(features, np.arange(4), seed=1)
    assert 1 <= len(encoder.weight) <= 3
    assert np.all(np.isfinite(encoder.encode(features)))
