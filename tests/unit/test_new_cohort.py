"""The new cohort judged on its labels, against scikit-learn."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import accuracy_score, log_loss, roc_auc_score

from exprlab.config.steps import EvaluationConfig
from exprlab.evaluation.new_cohort import judge_new_cohort

SETTINGS = EvaluationConfig(bootstrap=100)


@pytest.fixture
def cohort() -> tuple[pd.Series, pd.DataFrame]:
    """Labels, some of them missing, and predictions in another order, one of them missing."""
    rng = np.random.default_rng(0)
    ids = [f"s{i}" for i in range(80)]
    positive = rng.random(80) < 0.4
    probability = np.clip(0.35 * positive + rng.uniform(0.05, 0.6, 80), 0.01, 0.99)
    label = pd.Series(np.where(positive, "malignant", "benign"), index=ids, dtype=object)
    label.iloc[[3, 7]] = np.nan
    table = pd.DataFrame({"calibrated_probability": probability}, index=ids)
    table.iloc[11] = np.nan
    return label, table.sample(frac=1, random_state=1)


def judged(
    label: pd.Series, table: pd.DataFrame, posterior: pd.DataFrame | None = None, **columns: Any
) -> dict[str, Any]:
    """Return what is found of one run, on samples with these labels and further columns."""
    predictions, thresholds = {"mlp": {"seed-0": table}}, {"mlp": {"seed-0": 0.4}}
    samples = label.to_frame("label").assign(**columns)
    return judge_new_cohort(samples, predictions, thresholds, posterior, SETTINGS)


def test_metrics_are_those_of_scikit_learn(cohort: tuple[pd.Series, pd.DataFrame]) -> None:
    label, table = cohort
    found = judged(label, table)
    p = table["calibrated_probability"].reindex(label.index)
    both = label.notna() & p.notna()
    y, p = label[both] == "malignant", p[both]
    run = found["models"]["mlp"]["seed-0"]
    assert (found["n_samples"], run["n_predicted"]) == (80, 77)
    assert sum(found["n_per_class"].values()) == 78
    value = {name: metric["value"] for name, metric in run["metrics"].items()}
    assert value["auroc"] == pytest.approx(roc_auc_score(y, p))
    assert value["accuracy"] == pytest.approx(accuracy_score(y, p >= 0.4))
    assert value["log_loss"] == pytest.approx(log_loss(y, p))
    assert all(m["low"] <= m["value"] <= m["high"] for m in run["metrics"].values())


def test_without_labels_nothing_is_judged(cohort: tuple[pd.Series, pd.DataFrame]) -> None:
    label, table = cohort
    for unknown in (label.where(label == "other"), label.where(label == "benign")):
        assert judged(unknown, table)["models"] == {}


def test_patients_are_resampled_whole(cohort: tuple[pd.Series, pd.DataFrame]) -> None:
    # Every sample four times over is no further evidence, if it is of the same patient.
    label, table = (pd.concat([part] * 4) for part in cohort)
    for part in (label, table):
        part.index = [f"{name}-{i // 80}" for i, name in enumerate(part.index)]
    patient = label.index.str.partition("-").get_level_values(0)
    once, whole, apart = (
        found["models"]["mlp"]["seed-0"]["metrics"]["auroc"]
        for found in (judged(*cohort), judged(label, table, patient=patient), judged(label, table))
    )
    width = once["high"] - once["low"]
    assert whole["high"] - whole["low"] == pytest.approx(width, rel=0.25)
    assert apart["high"] - apart["low"] < 0.7 * width


def test_oracle_stands_beside_the_models(cohort: tuple[pd.Series, pd.DataFrame]) -> None:
    label, table = cohort
    truth = (label == "malignant").astype(float)
    posterior = pd.DataFrame({"recorded_malignant": truth * 0.8 + 0.1,
                              "blind_malignant": truth * 0.2 + 0.2})  # fmt: skip
    found = judged(label, table, posterior)["models"]
    assert list(found) == ["mlp", "oracle", "oracle without batches"]
    metrics = found["oracle"]["all"]["metrics"]
    assert metrics["accuracy"]["value"] == metrics["auroc"]["value"] == 1
    assert metrics["log_loss"]["value"] == pytest.approx(-np.log(0.9))
    assert found["oracle without batches"]["all"]["metrics"]["auroc"]["value"] == 1
    assert found["oracle without batches"]["all"]["metrics"]["sensitivity"]["value"] == 0


def test_several_classes_are_judged_by_their_columns() -> None:
    rng = np.random.default_rng(2)
    classes, ids = ("benign", "Basal", "HER2"), [f"s{i}" for i in range(90)]
    number = np.arange(90) % 3
    p = rng.dirichlet(np.ones(3), 90) * 0.6 + 0.4 * (number[:, None] == np.arange(3))
    table = pd.DataFrame(p, ids, [f"calibrated_probability_{name}" for name in classes])
    posterior = pd.DataFrame(p, ids, [f"recorded_{name}" for name in classes])
    label = pd.Series(np.array(classes)[number], ids, dtype=object).to_frame("label")
    shuffled = {"mlp": {"s": table.sample(frac=1, random_state=1)}}
    result = judge_new_cohort(label, shuffled, {"mlp": {"s": None}}, posterior, SETTINGS, classes)
    assert result["n_per_class"] == dict.fromkeys(classes, 30)
    for model, split in (("mlp", "s"), ("oracle", "all")):
        found = result["models"][model][split]["metrics"]
        auroc = roc_auc_score(number, p, multi_class="ovr")
        assert found["auroc"]["value"] == pytest.approx(auroc), model
        assert found["accuracy"]["value"] == accuracy_score(number, p.argmax(axis=1)), model
        assert found["log_loss"]["value"] == pytest.approx(log_loss(number, p)), model
