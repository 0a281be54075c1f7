"""Paired tests between models, against brute force, the bootstrap and a simulated null."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit, ndtri, softmax
from scipy.stats import norm

from exprlab import keys
from exprlab.config.steps import EvaluationConfig
from exprlab.errors import UserError
from exprlab.evaluation.bootstrap import stratified_weights
from exprlab.evaluation.comparison import compare, delong_test, paired_bootstrap
from exprlab.evaluation.evaluate import evaluate
from exprlab.evaluation.metrics import classification_metrics
from exprlab.outputs import spread

FEW = EvaluationConfig(bootstrap=100)


def two_models(n_samples, seed, a=1.0, b=1.0):
    """Labels and two correlated scores whose classes lie `a` and `b` apart."""
    rng = np.random.default_rng(seed)
    label = (np.arange(n_samples) % 3 == 0).astype(int)
    shared = rng.normal(size=n_samples)
    return label, *(shift * label + shared + rng.normal(size=n_samples) for shift in (a, b))


def structural_components(label, score):
    """DeLong's components from every pair of a positive and a negative sample."""
    x, y = score[label == 1], score[label == 0]
    wins = np.array([[1.0 if p > n else 0.5 if p == n else 0.0 for n in y] for p in x])
    return wins.mean(axis=1), wins.mean(axis=0), wins.mean()


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 1), st.integers(-4, 4), st.integers(-4, 4)),
        min_size=0,
        max_size=25,
    )
)
def test_delong_agrees_with_brute_force_over_all_pairs(drawn):
    rows = [(0, 1, 0), (0, -1, 2), (1, 2, 1), (1, 0, -1), *drawn]
    label, a, b = (np.array(column) for column in zip(*rows, strict=True))
    (v10_a, v01_a, auc_a), (v10_b, v01_b, auc_b) = (
        structural_components(label, score) for score in (a, b)
    )
    s10, s01 = np.cov(v10_a, v10_b), np.cov(v01_a, v01_b)
    covariance = s10 / np.sum(label == 1) + s01 / np.sum(label == 0)
    variance = covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1]
    found = delong_test(label, a, b)
    assert found.difference == pytest.approx(auc_a - auc_b, abs=1e-12)
    if variance > 1e-9:
        expected = 2 * norm.sf(abs(auc_a - auc_b) / np.sqrt(variance))
        assert found.p_value == pytest.approx(expected, abs=1e-8)
        half_width = norm.ppf(0.975) * np.sqrt(variance)
        assert found.low == pytest.approx(max(-1, auc_a - auc_b - half_width), abs=1e-8)
        assert found.high == pytest.approx(min(1, auc_a - auc_b + half_width), abs=1e-8)


def test_two_columns_compare_as_one():
    label, a, b = two_models(80, seed=3, a=1.5)
    both = delong_test(label, *(np.column_stack([1 - expit(s), expit(s)]) for s in (a, b)))
    assert both == pytest.approx(delong_test(label, a, b), abs=1e-12)


def four_classes(n_samples, seed):
    """Labels and the probabilities of two correlated models, the first a better one."""
    rng = np.random.default_rng(seed)
    label = np.sort(rng.permutation(np.arange(n_samples) % 7) % 4)
    shared, truth = rng.normal(size=(n_samples, 4)), label[:, None] == np.arange(4)
    noise = (rng.normal(size=shared.shape) for _ in range(2))
    scores = (d * truth + shared + n for d, n in zip((2.0, 1.0), noise, strict=True))
    return label, *(softmax(score, axis=1) for score in scores)


def test_the_delong_interval_of_four_classes_is_that_of_the_bootstrap():
    label, a, b = four_classes(350, seed=0)
    weights = stratified_weights(label, 3000, np.random.default_rng(1))
    one, other = (classification_metrics(label, p, weights=weights)["auroc"] for p in (a, b))
    found = delong_test(label, a, b)
    gap = [float(classification_metrics(label, p)["auroc"]) for p in (a, b)]
    assert found.difference == pytest.approx(gap[0] - gap[1], abs=1e-12)
    low, high = np.quantile(one - other, [0.025, 0.975])
    assert found.high - found.low == pytest.approx(high - low, rel=0.1)
    back = delong_test(label, b, a)
    assert (back.low, back.high) == pytest.approx((-found.high, -found.low))
    assert delong_test(label, a, a) == (0, 0, 0, 1)


def test_a_lone_sample_in_a_class_leaves_no_interval():
    label, a, b = four_classes(60, seed=2)
    lone = np.flatnonzero(label == 3)[1:]
    label, a, b = (np.delete(x, lone, axis=0) for x in (label, a, b))
    assert delong_test(label, a, b)[1:] == (-1, 1, 1)


def test_models_of_four_classes_are_compared_by_their_columns():
    label, a, b = four_classes(120, seed=1)
    classes = keys.class_names(4)
    tables = {
        model: pd.DataFrame(
            {"sample_id": [f"S{i}" for i in range(120)], "label": label}
            | spread(keys.CALIBRATED, p, classes)
            | {keys.PREDICTION: p.argmax(axis=1)}
        )
        for model, p in (("good", a), ("poor", b))
    }
    tables["poor"] = tables["poor"].sample(frac=1, random_state=0)
    rng = np.random.default_rng(0)
    found = compare(
        {model: {"s": table} for model, table in tables.items()},
        {m: {"s": evaluate(label, np.log(p), 1.0, None, FEW, rng, classes)}
         for m, p in (("good", a), ("poor", b))},
        FEW,
        seed=0,
    )  # fmt: skip
    auroc, loss = found["pairs"]
    values = {m: entry["auroc"]["mean"] for m, entry in found["models"].items()}
    assert auroc["difference"] == pytest.approx(values["good"] - values["poor"])
    own = np.arange(120), label
    assert loss["difference"] == pytest.approx(np.mean(np.log(b[own]) - np.log(a[own])))
    assert auroc["low"] > 0 > loss["high"]


def test_the_delong_interval_is_as_wide_as_the_bootstrap_says():
    label, a, b = two_models(400, seed=0, a=1.5)
    weights = stratified_weights(label, 3000, np.random.default_rng(1))
    auc_a, auc_b = (classification_metrics(label, expit(s), 0.5, weights)["auroc"] for s in (a, b))
    found = delong_test(label, a, b, confidence=0.9)
    sd = (found.high - found.low) / (2 * ndtri(0.95))
    assert sd == pytest.approx(np.std(auc_a - auc_b), rel=0.07)


def test_equal_models_are_told_apart_as_rarely_as_the_level_says():
    p_values = np.array([delong_test(*two_models(150, seed)).p_value for seed in range(1000, 1600)])
    # Standard error of a share of 600: 0.9 % at 5 %, 2 % at 50 %.
    assert 0.025 <= np.mean(p_values < 0.05) <= 0.08
    assert 0.44 <= np.mean(p_values < 0.5) <= 0.56


def test_a_better_model_is_found_and_the_sign_follows_the_order():
    label, a, b = two_models(600, seed=5, a=2.0, b=0.5)
    forward, backward = delong_test(label, a, b), delong_test(label, b, a)
    assert forward.low > 0
    assert forward.p_value < 1e-6
    assert backward.difference == pytest.approx(-forward.difference)
    assert backward.p_value == pytest.approx(forward.p_value)


def test_delong_without_variance():
    label = np.array([0, 0, 1, 1])
    same = delong_test(label, [1, 3, 2, 4], [10, 30, 20, 40])
    assert same == (0, 0, 0, 1)
    opposite = delong_test(label, [1, 2, 3, 4], [4, 3, 2, 1])
    assert opposite == (1, 1, 1, 0)
    one_positive = delong_test([0, 0, 0, 1], [1, 2, 3, 4], [1, 4, 3, 2])
    assert one_positive.difference == pytest.approx(2 / 3)
    assert one_positive[1:] == (-1, 1, 1)


def bootstrap_of(label, a, b, seed=0, metric="log_loss"):
    return paired_bootstrap(
        label,
        expit(a),
        expit(b),
        metric,
        n_resamples=400,
        confidence=0.95,
        rng=np.random.default_rng(seed),
    )


@pytest.mark.parametrize("metric", ["log_loss", "brier"])
def test_the_bootstrap_difference_is_that_of_the_metric_and_its_interval_that_of_theory(metric):
    label, a, b = two_models(500, seed=3, b=2.0)
    found = bootstrap_of(label, a, b, metric=metric)
    of_a, of_b = (classification_metrics(label, expit(s), 0.5)[metric] for s in (a, b))
    assert found.difference == pytest.approx(float(of_a - of_b), abs=1e-12)
    # Stratified mean of paired gaps: the variance within each class, over all samples.
    gap = {
        "log_loss": np.logaddexp(0, a) - label * a - np.logaddexp(0, b) + label * b,
        "brier": (expit(a) - label) ** 2 - (expit(b) - label) ** 2,
    }[metric]
    sd = np.sqrt(sum(np.sum(label == k) * gap[label == k].var() for k in (0, 1))) / label.size
    assert found.high - found.low == pytest.approx(2 * 1.96 * sd, rel=0.15)


def test_bootstrap_p_values_of_equal_and_of_unlike_models():
    label, a, _ = two_models(300, seed=4)
    assert bootstrap_of(label, a, a) == (0, 0, 0, 1)
    unlike = bootstrap_of(label, a, -a)
    assert unlike.p_value == pytest.approx(2 / 401)
    rejected = [bootstrap_of(*two_models(120, s), seed=s).p_value < 0.1 for s in range(300)]
    # Standard error of a share of 300 at 10 %: 1.7 %.
    assert 0.05 <= np.mean(rejected) <= 0.16


def experiment(models, splits, n_samples=60):
    """Predictions and evaluations; all models of a split see the same samples."""
    predictions, evaluations = {}, {}
    for m, model in enumerate(models):
        predictions[model], evaluations[model] = {}, {}
        for s, split in enumerate(splits):
            label = np.random.default_rng(s).integers(0, 2, n_samples)
            rng = np.random.default_rng([m, s])
            logit = (m + 1) * label + rng.normal(size=n_samples)
            table = pd.DataFrame(
                {
                    keys.SAMPLE_ID: [f"{split}-{i}" for i in range(n_samples)],
                    keys.LABEL: label,
                    keys.CALIBRATED: expit(logit),
                    keys.PREDICTION: (expit(logit) >= 0.5).astype(int),
                }
            )
            predictions[model][split] = table.sample(frac=1, random_state=m)
            evaluations[model][split] = evaluate(label, logit, 1.0, 0.5, FEW, rng)
    return predictions, evaluations


def test_compare_covers_each_pair_split_and_metric_and_agrees_with_the_evaluations():
    predictions, evaluations = experiment(["mlp", "logistic", "wide"], ["seed-0", "seed-1"])
    del predictions["wide"]["seed-1"], evaluations["wide"]["seed-1"]
    found = compare(predictions, evaluations, FEW, seed=0)
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    seen = {
        (p["model_a"], p["model_b"], p["split"], p["metric"], p["test"]) for p in found["pairs"]
    }
    expected_pairs = [("mlp", "logistic", "seed-0"), ("mlp", "logistic", "seed-1"),
                      ("mlp", "wide", "seed-0"), ("logistic", "wide", "seed-0")]  # fmt: skip
    tests = [("auroc", "delong"), ("log_loss", "paired_bootstrap")]
    assert seen == {(*pair, *test) for pair in expected_pairs for test in tests}
    # Tables were shuffled differently: only alignment by sample_id gives these differences.
    for pair in found["pairs"]:
        a, b = (
            evaluations[pair[side]][pair["split"]]["metrics"][pair["metric"]]["value"]
            for side in ("model_a", "model_b")
        )
        assert pair["difference"] == pytest.approx(a - b, abs=1e-12)
        assert pair["low"] <= pair["difference"] <= pair["high"]


def test_models_are_summarised_over_splits():
    found = compare(*experiment(["mlp"], ["seed-0", "seed-1", "seed-2"]), FEW, seed=0)
    assert found["pairs"] == []
    auroc = found["models"]["mlp"]["auroc"]
    values = [auroc["per_split"][f"seed-{k}"]["value"] for k in range(3)]
    assert auroc["mean"] == pytest.approx(sum(values) / 3)
    assert auroc["sd"] ** 2 == pytest.approx(sum((v - auroc["mean"]) ** 2 for v in values) / 2)
    assert set(found["models"]["mlp"]) == set(keys.METRICS)
    single = compare(*experiment(["mlp"], ["seed-0"]), FEW, seed=0)["models"]["mlp"]["brier"]
    assert single["sd"] is None
    assert single["mean"] == single["per_split"]["seed-0"]["value"]


def test_a_further_model_changes_no_other_comparison():
    two, three = (
        compare(*experiment(models, ["seed-0"]), FEW, seed=7)["pairs"]
        for models in (["mlp", "logistic"], ["mlp", "logistic", "wide"])
    )
    assert [p for p in three if "wide" not in (p["model_a"], p["model_b"])] == two
    reseeded = compare(*experiment(["mlp", "logistic"], ["seed-0"]), FEW, seed=8)["pairs"]
    assert reseeded[0] == two[0], "DeLong draws nothing at random"
    assert reseeded[1]["low"] != two[1]["low"]


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda table: table.iloc[:-2], "different samples .2 samples in one of them only"),
        (lambda table: table.assign(label=1 - table["label"]), "different labels"),
    ],
)
def test_models_tested_on_different_samples_are_refused(spoil, says):
    predictions, evaluations = experiment(["mlp", "logistic"], ["seed-0", "seed-1"])
    predictions["logistic"]["seed-1"] = spoil(predictions["logistic"]["seed-1"])
    with pytest.raises(UserError, match=f"seed-1: mlp and logistic .*{says}"):
        compare(predictions, evaluations, FEW, seed=0)
