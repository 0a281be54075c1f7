"""Predictions of several folds together, and intervals that count patients, not samples."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest
import sklearn.metrics as sk
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit

from exprlab import keys
from exprlab.config.steps import EvaluationConfig, SplitConfig
from exprlab.data.split import split_samples
from exprlab.evaluation.bootstrap import intervals, resampling_units, stratified_weights
from exprlab.evaluation.comparison import compare, delong_test
from exprlab.evaluation.evaluate import evaluate
from exprlab.evaluation.metrics import classification_metrics
from exprlab.evaluation.pooled import evaluate_pooled, pool
from exprlab.evaluation.repeats import mean_limits

FEW = EvaluationConfig(bootstrap=400)


def fold_of(n: int, seed: int, label: np.ndarray | None = None, strength: float = 2.0) -> Any:
    """Return the predictions of a fold's test samples and their evaluation."""
    rng = np.random.default_rng(seed)
    label = rng.permutation(np.arange(n) % 2) if label is None else label
    logit = strength * (label - 0.5) + rng.normal(size=n) + rng.normal()
    names = np.array([f"{seed}-{i}" for i in range(n)])
    table = pd.DataFrame(
        {
            keys.SAMPLE_ID: names,
            keys.PATIENT: names,
            keys.LABEL: label,
            keys.PROBABILITY: expit(logit),
            keys.CALIBRATED: expit(logit),
            keys.PREDICTION: (expit(logit) >= 0.4 + seed / 50).astype(int),
        }
    )
    return table, evaluate(label, logit, 1.0, 0.4 + seed / 50, FEW, rng, patient=names)


def repeat(sizes: list[int], first: int = 0, **how: Any) -> tuple[pd.DataFrame, dict[str, Any]]:
    found = {
        keys.split_name(0, fold=k + 1): fold_of(n, first + k, **how) for k, n in enumerate(sizes)
    }
    return (
        pool({name: table for name, (table, _) in found.items()}),
        {name: judge for name, (_, judge) in found.items()},
    )


def test_pooled_metrics_are_those_of_scikit_learn() -> None:
    pooled, folds = repeat([30, 20, 26])
    found = evaluate_pooled(pooled, folds, FEW, np.random.default_rng(0))
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    value = {name: entry["value"] for name, entry in found["metrics"].items()}
    label, p, called = (pooled[x] for x in (keys.LABEL, keys.CALIBRATED, keys.PREDICTION))
    expected = {
        "accuracy": sk.accuracy_score(label, called),
        "balanced_accuracy": sk.balanced_accuracy_score(label, called),
        "sensitivity": sk.recall_score(label, called),
        "f1": sk.f1_score(label, called),
        "mcc": sk.matthews_corrcoef(label, called),
        "log_loss": sk.log_loss(label, p),
        "brier": sk.brier_score_loss(label, p),
    }
    by_fold = [table for _, table in pooled.groupby(keys.FOLD)]
    for name, score in (("auroc", sk.roc_auc_score), ("auprc", sk.average_precision_score)):
        each = [score(t[keys.LABEL], t[keys.CALIBRATED]) for t in by_fold]
        pairs = [t[keys.LABEL].sum() * (1 - t[keys.LABEL]).sum() for t in by_fold]
        weight = pairs if name == "auroc" else [t[keys.LABEL].sum() for t in by_fold]
        expected[name] = np.average(each, weights=weight)
    assert {name: value[name] for name in expected} == pytest.approx(expected)
    for entry in found["metrics"].values():
        assert entry["low"] <= entry["value"] <= entry["high"]
    assert found["threshold"] is None
    assert found["n_test"] == 76 == sum(f["n_test"] for f in found["folds"].values())
    assert sum(found["confusion"].values()) == 76


@given(
    rows=st.lists(
        st.tuples(st.integers(0, 1), st.integers(0, 3), st.integers(0, 5)), min_size=4, max_size=40
    )
)
@settings(max_examples=80, deadline=None)
def test_auroc_is_the_share_of_ordered_pairs_within_folds(rows: list) -> None:
    label, fold, score = (np.array(column) for column in zip(*rows, strict=True))
    pairs = [
        1.0 if score[i] > score[j] else 0.5 if score[i] == score[j] else 0.0
        for i in np.flatnonzero(label == 1)
        for j in np.flatnonzero(label == 0)
        if fold[i] == fold[j]
    ]
    found = classification_metrics(label, score / 5, 0.5, fold=fold)["auroc"]
    assert found == pytest.approx(np.mean(pairs) if pairs else np.nan, nan_ok=True)
    shifted = np.clip(score / 10 + fold / 8, 0, 1)
    assert classification_metrics(label, shifted, 0.5, fold=fold)["auroc"] == pytest.approx(
        found, nan_ok=True
    )


def test_scores_that_know_the_prevalence_of_training_alone_are_worth_a_coin() -> None:
    samples = pd.DataFrame({"label": ["a"] * 11 + ["b"] * 12}, index=[f"s{i}" for i in range(23)])
    config = SplitConfig(design="k_fold", folds=5)
    label = (samples["label"] == "b").to_numpy(dtype=int)
    fold, score = np.zeros(23), np.zeros(23)
    for k in range(1, 6):
        tested = (split_samples(samples, config, 0, k) == keys.TEST).to_numpy()
        fold[tested], score[tested] = k, label[~tested].mean()
    assert sk.roc_auc_score(label, score) < 0.45
    assert classification_metrics(label, score, 0.5, fold=fold)["auroc"] == 0.5


def test_a_fold_of_one_class_is_undefined_alone_and_counted_in_the_pool() -> None:
    one, judge = fold_of(8, 5, label=np.ones(8, dtype=int))
    assert judge["metrics"]["auroc"] == {"value": None, "low": None, "high": None}
    assert judge["metrics"]["specificity"]["value"] is None
    assert judge["metrics"]["log_loss"]["value"] > 0
    assert judge["curves"]["roc"] == {"fpr": [], "tpr": []}
    json.dumps(judge, allow_nan=False)
    other, _ = fold_of(30, 1)
    pooled = pool({"seed-0-fold-1": other, "seed-0-fold-2": one})
    found = evaluate_pooled(
        pooled, {"seed-0-fold-1": judge, "seed-0-fold-2": judge}, FEW, np.random.default_rng(0)
    )["metrics"]
    alone = classification_metrics(
        other[keys.LABEL].to_numpy(), other[keys.CALIBRATED].to_numpy(), 0.5
    )
    assert found["auroc"]["value"] == pytest.approx(float(alone["auroc"]))
    assert found["accuracy"]["value"] == np.mean(pooled[keys.LABEL] == pooled[keys.PREDICTION])


# ------------------------------------------------------------------------------------ patients


@given(
    patients=st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2)).filter(any), min_size=2),
    seed=st.integers(0, 99),
)
@settings(max_examples=50, deadline=None)
def test_whole_patients_are_drawn_and_no_class_is_lost(patients: list, seed: int) -> None:
    label = np.array([k for p in patients for k in (0, 1) for _ in range(p[k])])
    who = np.array([f"p{i}" for i, p in enumerate(patients) for _ in range(sum(p))])
    weights = stratified_weights(label, 20, np.random.default_rng(seed), who)
    table = pd.DataFrame(weights.T).groupby(who)
    assert (table.nunique() == 1).all(axis=None)
    assert (table.first().sum() == len(patients)).all()
    for k in np.unique(label):
        assert (weights[:, label == k].sum(axis=1) > 0).all()


def test_patients_of_one_sample_are_samples() -> None:
    label = np.random.default_rng(0).integers(0, 3, 50)
    who = np.random.default_rng(1).permutation(50).astype(str)
    draws = [stratified_weights(label, 9, np.random.default_rng(2), p) for p in (None, who)]
    assert np.array_equal(*draws)
    assert np.array_equal(resampling_units(label, who).unit, np.arange(50))


def test_copies_of_samples_narrow_no_interval() -> None:
    table, _ = fold_of(60, 3)
    label, p = table[keys.LABEL].to_numpy(), table[keys.CALIBRATED].to_numpy()
    copies = [np.repeat(x, 4) for x in (label, p, np.arange(60))]

    def limits(label: np.ndarray, p: np.ndarray, who: np.ndarray | None) -> dict:
        return intervals(
            label, p, 0.5, n_resamples=400, confidence=0.95, n_bins=10,
            rng=np.random.default_rng(0), patient=who,
        )  # fmt: skip

    once, whole, pretended = limits(label, p, None), limits(*copies), limits(*copies[:2], None)
    for name in keys.METRICS:
        assert whole[name] == pytest.approx(once[name])
    for name in ("auroc", "log_loss", "accuracy"):
        assert pretended[name].high - pretended[name].low < 0.6 * (once[name].high - once[name].low)
    other = np.random.default_rng(9).permutation(p)
    alone = delong_test(label, p, other)
    assert delong_test(copies[0], copies[1], np.repeat(other, 4), patient=copies[2]) == (
        pytest.approx(alone)
    )


def test_difference_of_pooled_areas_has_the_spread_of_the_bootstrap_over_patients() -> None:
    rng = np.random.default_rng(5)
    n, fold = 150, np.arange(150) % 3
    label, who = (np.arange(n) // 3) % 2, np.arange(n) // 2
    a, b = (label * s + rng.normal(size=75)[who] + rng.normal(size=n) + fold for s in (1.2, 0.8))
    found = delong_test(label, a, b, patient=who, fold=fold)
    weights = stratified_weights(label, 3000, rng, who)
    areas = [
        classification_metrics(label, expit(s), 0.5, weights, fold=fold)["auroc"] for s in (a, b)
    ]
    spread = np.std(areas[0] - areas[1])
    whole = [classification_metrics(label, expit(s), 0.5, fold=fold)["auroc"] for s in (a, b)]
    assert found.difference == pytest.approx(float(whole[0] - whole[1]))
    assert (found.high - found.low) / (2 * 1.96) == pytest.approx(spread, rel=0.1)


def test_repeats_take_out_luck_and_pretend_no_new_patients() -> None:
    pooled, _ = repeat([40, 40])
    once = mean_limits([pooled], FEW, 0)
    five = mean_limits([pooled] * 5, FEW, 0)
    for name, limits in once.items():
        assert five[name] == pytest.approx(limits)
    shuffled = pooled.sample(frac=1, random_state=1)
    many = mean_limits([pooled, shuffled], FEW, 0)
    for name in keys.METRICS:
        width = once[name][1] - once[name][0]
        assert many[name][1] - many[name][0] == pytest.approx(width, rel=0.3, abs=0.02)


def test_pooled_repeats_are_compared_model_by_model() -> None:
    tables: dict = {}
    judges: dict = {}
    for model, strength in (("good", 4.0), ("poor", 0.5)):
        for r in (0, 1):
            pooled, folds = repeat([20, 20, 21], first=10 * r, strength=strength)
            judge = evaluate_pooled(pooled, folds, FEW, np.random.default_rng(0))
            tables.setdefault(model, {})[f"seed-{r}"] = pooled
            judges.setdefault(model, {})[f"seed-{r}"] = judge
    found = compare(tables, judges, FEW, seed=0)
    for pair in found["pairs"]:
        sides = [judges[m][pair["split"]]["metrics"][pair["metric"]]["value"] for m in tables]
        assert pair["difference"] == pytest.approx(sides[0] - sides[1])
        assert pair["p_value"] < 0.01
    for model in tables:
        for entry in found["models"][model].values():
            assert entry["low"] <= entry["mean"] <= entry["high"]
            assert list(entry["per_split"]) == ["seed-0", "seed-1"]
