"""Distance from the oracle: identities of the divergence, and what a perfect model gets."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import entropy

from exprlab.config.steps import EvaluationConfig
from exprlab.errors import UserError
from exprlab.evaluation.truth import (
    aligned_posterior,
    distance_from_oracle,
    divergence,
    share_of_gap_closed,
    total_variation,
)
from exprlab.outputs import by_class

SETTINGS = EvaluationConfig(bootstrap=200)
PROBABILITIES = arrays(float, 20, elements=st.floats(0, 1))
INNER = arrays(float, 20, elements=st.floats(0.001, 0.999))


@given(PROBABILITIES, PROBABILITIES)
def test_divergence_is_never_negative_and_zero_for_equals(p: np.ndarray, q: np.ndarray) -> None:
    assert np.all(divergence(p, q) >= 0)
    np.testing.assert_allclose(divergence(p, p), 0, atol=1e-12)


@given(INNER, INNER)
def test_divergence_is_scipys_relative_entropy(p: np.ndarray, q: np.ndarray) -> None:
    wanted = entropy(np.stack([p, 1 - p]), np.stack([q, 1 - q]))
    np.testing.assert_allclose(divergence(p, q), wanted, atol=1e-12)


@given(st.integers(0, 2**31))
def test_distances_of_four_classes(seed: int) -> None:
    rng = np.random.default_rng(seed)
    p, q = (rng.dirichlet(np.ones(4), 20) for _ in range(2))
    np.testing.assert_allclose(divergence(p, q), entropy(p, q, axis=1), atol=1e-9)
    # The largest gap in probability that any set of classes has.
    sets = [list(s) for n in range(1, 4) for s in combinations(range(4), n)]
    gaps = [np.abs(p[:, s].sum(axis=1) - q[:, s].sum(axis=1)) for s in sets]
    np.testing.assert_allclose(total_variation(p, q), np.max(gaps, axis=0), atol=1e-12)


@given(PROBABILITIES, PROBABILITIES)
def test_two_classes_have_the_same_distance_with_one_column_and_with_two(
    p: np.ndarray, q: np.ndarray
) -> None:
    for distance in (divergence, total_variation):
        both = distance(by_class(p), by_class(q))
        np.testing.assert_allclose(distance(p, q), both, atol=1e-9)


def test_a_model_of_four_classes_is_as_far_as_it_is_wrong() -> None:
    rng = np.random.default_rng(3)
    p = rng.dirichlet(np.full(4, 0.3), 2000)
    label = np.array([rng.choice(4, p=row) for row in p])
    q = 0.7 * p + 0.3 / 4
    far = distance_from_oracle(label, q, p, SETTINGS, rng)
    assert far["probability_error"].value == pytest.approx(0.3 * np.abs(p - 0.25).sum(1).mean() / 2)
    assert far["excess_log_loss"].low > 0
    assert far["auroc_gap"].low <= 0.01, "the order within a class hardly changes"
    same = distance_from_oracle(label, p, p, SETTINGS, rng)
    assert all(interval == pytest.approx((0, 0, 0), abs=1e-12) for interval in same.values())


def test_excess_log_loss_is_what_wrong_probabilities_cost_on_average() -> None:
    rng = np.random.default_rng(0)
    p = rng.beta(0.5, 0.5, 200_000)
    q = np.clip(p + rng.normal(0, 0.1, p.size), 0.05, 0.95)
    label = (rng.random(p.size) < p).astype(int)
    cost = np.log(np.where(label, p, 1 - p)) - np.log(np.where(label, q, 1 - q))
    few = slice(0, 2000)
    found = distance_from_oracle(label[few], q[few], p[few], SETTINGS, rng)
    told = found["excess_log_loss"]
    assert told.low < divergence(p, q).mean() < told.high
    assert abs(divergence(p, q).mean() - cost.mean()) < 4 * cost.std() / p.size**0.5


def test_the_oracle_itself_has_no_distance() -> None:
    rng = np.random.default_rng(1)
    p = rng.random(300)
    found = distance_from_oracle(rng.random(300) < p, p, p, SETTINGS, rng)
    for name, interval in found.items():
        assert interval == pytest.approx((0, 0, 0), abs=1e-12), name


def test_posterior_is_brought_into_the_order_of_the_model() -> None:
    oracle = {"sample_id": ["b", "c", "a"], "calibrated_probability": [0.2, 0.3, 0.1]}
    assert aligned_posterior(["a", "b", "c"], oracle).tolist() == [0.1, 0.2, 0.3]
    columns = {f"calibrated_probability_{k}": [0.2 + k, 0.3 + k, 0.1 + k] for k in range(3)}
    several = {"sample_id": ["b", "c", "a"], **columns}
    wanted = [[x + k for k in range(3)] for x in (0.1, 0.2, 0.3)]
    assert aligned_posterior(["a", "b", "c"], several).tolist() == wanted
    for others in (["a", "b"], ["a", "b", "d"], ["a", "b", "c", "e"]):
        with pytest.raises(UserError, match="other test samples"):
            aligned_posterior(others, oracle)


def test_share_of_the_gap_closed() -> None:
    def entry(auroc: float, log_loss: float) -> dict:
        return {"auroc": {"mean": auroc}, "log_loss": {"mean": log_loss}}

    models = {
        "logistic": entry(0.8, 0.5),
        "mlp": entry(0.9, 0.3),
        "worse": entry(0.7, 0.6),
        "oracle": entry(1.0, 0.1),
    }
    found = share_of_gap_closed(models, "logistic")
    assert found["mlp"] == pytest.approx({"auroc": 0.5, "log_loss": 0.5})
    assert found["worse"] == pytest.approx({"auroc": -0.5, "log_loss": -0.25})
    assert set(found) == {"mlp", "worse"}
    models["logistic"] = entry(0.999, 0.3)
    assert share_of_gap_closed(models, "logistic")["mlp"]["auroc"] is None
