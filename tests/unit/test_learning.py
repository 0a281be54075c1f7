"""Learning curves: their numbers, what is said of them, and how they are drawn."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit
from sklearn.metrics import log_loss, roc_auc_score

from exprlab import keys
from exprlab.config.steps import EvaluationConfig
from exprlab.evaluation.comparison import compare
from exprlab.evaluation.evaluate import evaluate
from exprlab.evaluation.learning import learning_curves
from exprlab.plotting.learning_figures import learning_figure
from exprlab.report.learning import learning_sentences

FEW = EvaluationConfig(bootstrap=100)
MODELS, SPLITS, SIZES = ["net", "line"], ["seed-0", "seed-3"], [40, 160, None]
N_TEST = 120


def judged(seed: list[int], split: str, strength: float) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Return predictions of a split's test samples, better with more strength, and their judge."""
    number = SPLITS.index(split)
    label = np.random.default_rng(number).integers(0, 2, N_TEST)
    rng = np.random.default_rng(seed)
    logit = strength * (label - 0.5) + rng.normal(size=N_TEST)
    posterior = expit(3 * (label - 0.5))
    names = [f"{split}-{i}" for i in range(N_TEST)]
    table = {keys.SAMPLE_ID: names, keys.LABEL: label, keys.CALIBRATED: expit(logit)}
    table[keys.PREDICTION] = (expit(logit) >= 0.5).astype(int)
    return pd.DataFrame(table), evaluate(label, logit, 1.0, 0.5, FEW, rng, posterior=posterior)


@pytest.fixture(scope="module")
def study() -> tuple[dict, dict, dict]:
    predictions: dict = {}
    evaluations: dict = {}
    for s, size in enumerate(SIZES):
        for m, model in enumerate(MODELS):
            for p, split in enumerate(SPLITS):
                table, judge = judged([s, m, p], split, 1 + s * (2 - m))
                predictions.setdefault(size, {}).setdefault(model, {})[split] = table
                evaluations.setdefault(size, {}).setdefault(model, {})[split] = judge
    for p, split in enumerate(SPLITS):
        oracle = judged([9, 9, p], split, 6.0)[1]
        evaluations[None].setdefault(keys.ORACLE, {})[split] = {
            name: part for name, part in oracle.items() if name != "truth"
        }
    n_train = {size: dict.fromkeys(SPLITS, size or 300) for size in SIZES}
    return predictions, evaluations, n_train


@pytest.fixture(scope="module")
def curves(study: tuple[dict, dict, dict]) -> dict[str, Any]:
    return learning_curves(*study, FEW)


def test_values_are_those_of_scikit_learn(study: tuple, curves: dict[str, Any]) -> None:
    predictions = study[0]
    assert curves["models"] == MODELS
    assert [point["size"] for point in curves["points"]] == SIZES
    for point in curves["points"]:
        for model in MODELS:
            tables = predictions[point["size"]][model]
            for metric, function in (("auroc", roc_auc_score), ("log_loss", log_loss)):
                expected = [function(t[keys.LABEL], t[keys.CALIBRATED]) for t in tables.values()]
                found = point["models"][model][metric]
                assert [e["value"] for e in found["per_split"].values()] == pytest.approx(expected)
                assert found["mean"] == pytest.approx(np.mean(expected))
                assert found["sd"] == pytest.approx(np.std(expected, ddof=1))


def test_limits_hold_the_mean_and_two_splits_of_other_samples_narrow_them(
    study: tuple, curves: dict[str, Any]
) -> None:
    evaluations = study[1]
    ratios = []
    for point in curves["points"]:
        for model in MODELS:
            for metric, entry in point["models"][model].items():
                assert entry["low"] <= entry["mean"] <= entry["high"]
                if metric in keys.TRUTH_METRICS:
                    continue
                every = [e["metrics"][metric] for e in evaluations[point["size"]][model].values()]
                width = np.mean([e["high"] - e["low"] for e in every])
                if width:
                    ratios.append((entry["high"] - entry["low"]) / width)
    # The mean of two independent numbers has half their variance.
    assert np.mean(ratios) == pytest.approx(2**-0.5, abs=0.1)


def test_all_training_samples_are_compared_as_in_the_comparison(
    study: tuple, curves: dict[str, Any]
) -> None:
    predictions, evaluations, _ = study
    whole = compare(predictions[None], evaluations[None], FEW, seed=0)
    assert curves["points"][-1]["pairs"] == whole["pairs"]
    assert curves["oracle"]["auroc"]["mean"] == whole["models"][keys.ORACLE]["auroc"]["mean"]
    assert "excess_log_loss" in curves["points"][0]["models"]["net"]


def test_without_an_oracle_there_is_none(study: tuple) -> None:
    predictions, evaluations, n_train = study
    bare = {
        size: {
            model: {
                split: {k: v for k, v in e.items() if k != "truth"} for split, e in runs.items()
            }
            for model, runs in models.items()
            if model != keys.ORACLE
        }
        for size, models in evaluations.items()
    }
    found = learning_curves(predictions, bare, n_train, FEW)
    assert found["oracle"] is None
    assert set(found["points"][0]["models"]["net"]) == {"auroc", "log_loss"}
    learning_figure(found)
    assert len(learning_sentences("d", found)) == 1


# ----------------------------------------------------------------------------------- sentences

# Paired intervals of net - line in two splits: ahead, behind, and splits that do not agree.
INTERVALS = {
    "+": [(0.01, 0.05), (0.02, 0.03)],
    "-": [(-0.05, -0.01), (-0.03, -0.02)],
    "0": [(0.01, 0.05), (-0.02, 0.03)],
}


def drawn(signs: str, swapped: bool = False) -> dict[str, Any]:
    """Return curves whose models stand like this at the sizes 100, 200, 400, ..."""
    a, b = ("line", "net") if swapped else ("net", "line")
    points = [
        {
            "n_train": {"seed-0": 100 * 2**i, "seed-3": 100 * 2**i},
            "models": {m: {"auroc": {"mean": 0.8}} for m in MODELS},
            "pairs": [
                {"model_a": a, "model_b": b, "split": split, "metric": metric, "difference": 0.0,
                 **dict(zip(("low", "high"), (-high, -low) if swapped else (low, high),
                            strict=True))}
                for split, (low, high) in zip(SPLITS, INTERVALS[sign], strict=True)
                for metric in ("auroc", "log_loss")
            ],
        }
        for i, sign in enumerate(signs)
    ]  # fmt: skip
    return {"models": MODELS, "oracle": {"auroc": {"mean": 0.9}}, "points": points}


@pytest.mark.parametrize("swapped", [False, True])
@pytest.mark.parametrize(
    ("signs", "start", "then"),
    [
        ("+++", "in every split at every size of the training part, from 100 samples on.", ""),
        ("0-++", "from 400 training samples on; with 100 the splits do not agree",
         "with 200 line has a higher AUROC in every split."),
        ("0+0", "up to 400 training samples there is no size from which on net has a higher",
         "with 100 and 400 the splits do not agree that either is better; with 200 net has"),
        ("--", "up to 200 training samples there is no size from which on net",
         "with 100 and 200 line has a higher AUROC in every split."),
    ],
)  # fmt: skip
def test_lead_is_told_as_the_paired_intervals_have_it(
    signs: str, start: str, then: str, swapped: bool
) -> None:
    lead, gap = learning_sentences("d", drawn(signs, swapped))
    assert start in lead
    assert then in lead
    assert f"With all {100 * 2 ** (len(signs) - 1):,} training samples" in gap
    assert "0.100 (net) and 0.100 (line)" in gap


@given(signs=st.text("+-0", min_size=1, max_size=6))
def test_no_lead_is_claimed_that_a_larger_size_takes_back(signs: str) -> None:
    lead = learning_sentences("d", drawn(signs))[0]
    claims = "in every split from" in lead or "at every size" in lead
    assert claims == signs.endswith("+")
    for i, sign in enumerate(signs):
        named = f"{100 * 2**i:,}" in lead
        first_of_lead = sign == "+" and set(signs[i:]) == {"+"} and signs[i - 1 : i] != "+"
        if sign != "+" or first_of_lead:
            assert named


# -------------------------------------------------------------------------------------- figure


def test_figure_shows_means_splits_and_the_oracle(curves: dict[str, Any]) -> None:
    figure = learning_figure(curves)
    for axes, metric in zip(figure.axes, ("auroc", "log_loss"), strict=True):
        lines = {line.get_gid(): line for line in axes.lines}
        for model in MODELS:
            entries = [point["models"][model][metric] for point in curves["points"]]
            line = lines[f"{model}/mean"]
            assert list(line.get_xdata()) == [40, 160, 300]
            assert list(line.get_ydata()) == [entry["mean"] for entry in entries]
            shown = lines[f"{model}/splits"].get_ydata()
            assert list(shown) == [s["value"] for e in entries for s in e["per_split"].values()]
        assert set(lines["oracle/mean"].get_ydata()) == {curves["oracle"][metric]["mean"]}
        # Readers who see no colours tell the models by line and mark.
        looks = {(str(lines[f"{m}/mean"].get_linestyle()), lines[f"{m}/mean"].get_marker())
                 for m in MODELS}  # fmt: skip
        assert len({line for line, _ in looks}) == len({mark for _, mark in looks}) == len(MODELS)
        assert axes.get_xscale() == "log"
        assert [text.get_text() for text in axes.get_xticklabels()] == ["40", "160", "300"]


def test_close_sizes_have_their_labels_on_two_lines(curves: dict[str, Any]) -> None:
    n_train = ({"seed-0": n} for n in (1600, 3200, 3510))
    points = [{**p, "n_train": n} for p, n in zip(curves["points"], n_train, strict=True)]
    axes = learning_figure({**curves, "points": points}).axes[0]
    assert [t.get_text() for t in axes.get_xticklabels()] == ["1,600", "3,200", "\n3,510"]
