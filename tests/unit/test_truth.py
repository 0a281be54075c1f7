"""Distance from the oracle: identities of the divergence, and what a perfect model gets."""

from __future__ import annotations

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
)

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
