"""Which genes a model decides by: axioms of the methods, second formulas for the scores."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.stats import f_oneway, false_discovery_control, spearmanr, ttest_ind
from sklearn.metrics import average_precision_score

from exprlab.evaluation.attribution import (
    LEFT_OUT,
    average_precision,
    compare_rankings,
    precision_at,
    score_ranking,
    stability,
)
from exprlab.evaluation.differential import welch_test
from exprlab.evaluation.rankings import compare_genes
from exprlab.inference.explain import attribute, explain_model, integrated_gradients
from exprlab.nets.mlp import MLP

RNG = np.random.default_rng(0)


# Methods that ask a model.


def test_integrated_gradients_share_out_the_difference_in_logit() -> None:
    torch.manual_seed(0)
    network = MLP(30, [8, 4], activation="tanh").eval()
    inputs = torch.randn(20, 30)
    shares = integrated_gradients(network, inputs, steps=200)
    wanted = network(inputs) - network(torch.zeros(1, 30))
    torch.testing.assert_close(shares.sum(dim=1), wanted.detach(), atol=1e-3, rtol=1e-2)


def test_both_methods_give_a_perceptron_its_weights() -> None:
    torch.manual_seed(1)
    network = MLP(12, []).eval()
    weight = network.layers[0].weight.detach().numpy()[0]
    features = RNG.standard_normal((50, 12)).astype(np.float32)
    found = attribute(network, features, steps=8)
    np.testing.assert_allclose(found["gradient"].direction, weight, rtol=1e-5)
    np.testing.assert_allclose(found["gradient"].importance, np.abs(weight), rtol=1e-5)
    size = np.abs(features).mean(axis=0)
    np.testing.assert_allclose(
        found["integrated_gradients"].importance, np.abs(weight) * size, rtol=1e-4
    )
    np.testing.assert_allclose(found["integrated_gradients"].direction, weight * size, rtol=1e-4)


def test_of_four_classes_the_predicted_one_is_explained() -> None:
    torch.manual_seed(2)
    network = MLP(30, [8, 4], activation="tanh", n_outputs=4).eval()
    inputs = 5 * torch.randn(20, 30)
    shares = integrated_gradients(network, inputs, steps=500)
    logits, start = network(inputs), network(torch.zeros(1, 30))
    told = logits.argmax(dim=1)
    assert len(set(told.tolist())) > 1

    def above_mean(values: torch.Tensor) -> torch.Tensor:
        own = values.expand(20, 4).gather(1, told[:, None])[:, 0]
        return own - values.mean(dim=1)

    wanted = (above_mean(logits) - above_mean(start)).detach()
    torch.testing.assert_close(shares.sum(dim=1), wanted, atol=1e-3, rtol=1e-2)
    found = attribute(network, inputs.numpy(), steps=500)
    size = shares.abs().mean(dim=0).numpy()
    np.testing.assert_allclose(found["integrated_gradients"].importance, size, rtol=1e-3)
    assert not any(method.direction.any() for method in found.values())


def test_what_all_classes_share_explains_nothing() -> None:
    weight = RNG.standard_normal((6, 3))
    shift = RNG.standard_normal((6, 1))  # moves all logits of a sample alike
    one, other = (
        explain_model("logistic", {}, {"weight": w}, np.zeros((1, 6), np.float32), 8)["coefficient"]
        for w in (weight, weight + shift)
    )
    np.testing.assert_allclose(one.importance, other.importance)
    assert np.all(one.importance > 0)


def test_a_linear_model_is_explained_by_its_coefficients() -> None:
    weights = {"weight": np.array([1.0, -2.0, 0.0]), "bias": np.zeros(1)}
    found = explain_model("logistic", {}, weights, np.zeros((1, 3), np.float32), 8)
    assert found["coefficient"].importance.tolist() == [1, 2, 0]
    assert found["coefficient"].direction.tolist() == [1, -2, 0]


def test_trees_are_explained_by_their_splits() -> None:
    # Two trees: one asks feature 2, then 0; the other asks 2.
    weights = {
        "feature": np.array([2, 0, 0, 0, 0, 2, 0, 0]),
        "left": np.array([1, 3, 2, 3, 4, 6, 6, 7]),
    }
    found = explain_model("boosting", {}, weights, np.zeros((1, 4), np.float32), 8)
    assert found["splits"].importance.tolist() == [1, 0, 2, 0]


# The classical test.


@pytest.mark.parametrize("offset", [0.0, 1000.0])
def test_two_classes_give_welchs_t(offset: float) -> None:
    labels = np.arange(60) % 3 == 0
    values = RNG.standard_normal((60, 40)) * np.where(labels, 3, 1)[:, None] + offset
    values[:, :5] += labels[:, None]
    found = welch_test(values, labels.astype(int))
    wanted = ttest_ind(values[labels], values[~labels], equal_var=False)
    np.testing.assert_allclose(found.statistic, wanted.statistic**2, rtol=1e-6)
    np.testing.assert_allclose(found.p_value, wanted.pvalue, rtol=1e-6)
    np.testing.assert_allclose(found.q_value, false_discovery_control(wanted.pvalue), rtol=1e-6)


def test_more_classes_agree_with_anova_where_variances_are_equal() -> None:
    labels = np.arange(3000) % 4
    values = RNG.standard_normal((3000, 20)) + 0.05 * labels[:, None]
    wanted = f_oneway(*(values[labels == k] for k in range(4)))
    np.testing.assert_allclose(welch_test(values, labels).statistic, wanted.statistic, rtol=0.1)


def test_p_values_of_genes_without_a_difference_are_uniform() -> None:
    found = welch_test(RNG.standard_normal((30, 4000)), np.arange(30) % 3)
    assert abs(np.mean(found.p_value < 0.05) - 0.05) < 4 * (0.05 * 0.95 / 4000) ** 0.5
    assert welch_test(np.ones((6, 1)), np.arange(6) % 2).p_value[0] == 1


# Scores against the truth.


def test_average_precision_is_that_of_scikit_learn() -> None:
    causal = RNG.random(300) < 0.1
    for importance in (RNG.random(300), RNG.integers(0, 5, 300).astype(float)):
        wanted = average_precision_score(causal, importance)
        assert average_precision(importance, causal) == pytest.approx(wanted)
    assert average_precision(causal.astype(float), causal) == 1
    assert average_precision(np.zeros(300), causal) == pytest.approx(causal.mean())
    assert average_precision(RNG.random(300), np.zeros(300, bool)) is None


def test_precision_at_k_shares_out_ties() -> None:
    causal = np.array([True, False, True, False])
    assert precision_at(np.array([4.0, 3, 2, 1]), causal, 2) == 0.5
    assert precision_at(np.array([4.0, 1, 3, 2]), causal, 2) == 1
    assert precision_at(np.array([9.0, 1, 1, 1]), causal, 2) == pytest.approx((1 + 1 / 3) / 2)


def test_stability_in_a_case_done_by_hand() -> None:
    a, b = np.arange(200.0) + 1, np.arange(200.0) + 1
    assert stability([a, b]) == {"spearman": pytest.approx(1), "jaccard": {"50": 1, "100": 1}}
    found = stability([a, np.roll(a, 25)])
    # The last 50 of one, and of the other those moved by 25: 25 in common of 75.
    assert found["jaccard"]["50"] == pytest.approx(25 / 75)
    assert found["spearman"] == pytest.approx(spearmanr(a, np.roll(a, 25)).statistic)
    assert stability([a])["spearman"] is None


def test_genes_that_no_split_used_show_no_agreement() -> None:
    a, b = RNG.random(100), RNG.random(100)
    left_out = np.full(900, LEFT_OUT)
    found = stability([np.append(a, left_out), np.append(b, left_out)])
    assert found["spearman"] == pytest.approx(spearmanr(a, b).statistic)


def test_without_signal_there_is_nothing_to_score() -> None:
    scores = score_ranking(RNG.random(100), np.array(["null"] * 100))
    assert scores["causal"] == {"auprc": None, "precision": {"50": None, "100": None, "all": None}}


def test_without_truth_there_are_rankings_and_no_scores() -> None:
    genes = [f"G{i}" for i in range(60)]
    found = compare_rankings(genes, {"a": {"s": np.arange(60.0)}}, None)
    assert found["n_causal"] is None
    assert found["rankings"][0]["scores"]["causal"]["auprc"] is None
    assert found["rankings"][0]["top"] == genes[:-31:-1]


def test_the_oracle_ranks_beside_the_models() -> None:
    genes = pd.Index([f"G{i}" for i in range(80)], name="gene_id")
    causal = np.arange(80) < 20
    truth = pd.DataFrame(
        {"role": np.where(causal, "linear", "null"), "log2_fold_change": 0.1}, genes
    )
    oracle = pd.DataFrame({"saliency": causal + 0.1}, genes)
    kept = genes[10:]  # preprocessing has left out ten causal genes
    used = pd.DataFrame({"coefficient": 1.0 + causal[10:], "coefficient_direction": 1.0}, kept)
    tests = pd.DataFrame({"welch_f": np.ones(70), "mean_benign": 1.0, "mean_malignant": 3.0}, kept)
    found = compare_genes({"logistic": {"seed-0": used}}, {"seed-0": tests}, truth, oracle)
    scores = {r["name"]: r["scores"]["linear"]["auprc"] for r in found["rankings"]}
    assert scores["oracle"] == 1
    # Ten causal genes first; the other ten come last, among equals: rank 80 finds all.
    assert scores["logistic: coefficient"] == pytest.approx((10 + 10 * 20 / 80) / 20)
    assert found["genes"]["G15"]["observed_log2_fold_change"] == 2
