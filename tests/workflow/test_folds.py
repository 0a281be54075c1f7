"""Cross-validation through the real workflow: folds of patients, and batches left out."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from mlflow import MlflowClient
from sklearn.metrics import accuracy_score, roc_auc_score
from workflow.conftest import Workflow

from exprlab.data.formats import open_counts

SMALL = {"n_new_samples": 8, "n_genes": 100}


def results_of(folder: Path, **sections: Any) -> Workflow:
    folder.mkdir()
    workflow = Workflow(folder).changed(**sections)
    done = workflow.run()
    assert done.returncode == 0, done.stdout
    return workflow


@pytest.fixture(scope="module")
def folds(tmp_path_factory: pytest.TempPathFactory) -> Workflow:
    """Return two repeats of three folds, of whole and of smaller training parts."""
    simulator = {"samples_per_patient": 2}
    return results_of(
        tmp_path_factory.mktemp("folds") / "world",
        split={"design": "k_fold", "folds": 3},
        experiment={"train_sizes": [16]},
        datasets={"tumours": {**SMALL, "simulator": simulator}},
    )


@pytest.fixture(scope="module")
def batches(tmp_path_factory: pytest.TempPathFactory) -> Workflow:
    """Return three batches, each left out once; the outer ones have hardly more than one class."""
    simulator = {"n_batches": 3, "batch_confounding": 1.0}
    return results_of(
        tmp_path_factory.mktemp("batches") / "world",
        split={"design": "leave_one_batch_out"},
        experiment={"seeds": [0]},
        datasets={"tumours": {**SMALL, "seed": 3, "simulator": simulator}},
    )


def samples_of(workflow: Workflow) -> pd.DataFrame:
    with open_counts(workflow.folder / "results/tumours/data/cohort.h5ad") as counts:
        return counts.samples


def split_of(workflow: Workflow, name: str) -> pd.Series:
    path = workflow.folder / f"results/tumours/splits/{name}.tsv"
    return pd.read_csv(path, sep="\t", index_col="sample_id")["split"]


def judged(workflow: Workflow, model: str, split: str) -> tuple[dict[str, Any], pd.DataFrame]:
    folder = workflow.folder / f"results/tumours/{model}/{split}"
    return (
        json.loads((folder / "evaluation.json").read_text()),
        pd.read_parquet(folder / "predictions.parquet"),
    )


@pytest.mark.parametrize("seed", [0, 1])
def test_each_sample_is_tested_once_by_a_model_that_does_not_know_its_patient(
    folds: Workflow, seed: int
) -> None:
    table = samples_of(folds)
    sides = pd.DataFrame({k: split_of(folds, f"seed-{seed}-fold-{k}") for k in (1, 2, 3)})
    assert ((sides == "test").sum(axis=1) == 1).all()
    for k in sides:
        assert (sides[k].groupby(table["patient"]).nunique() == 1).all()
        smaller = split_of(folds, f"seed-{seed}-fold-{k}-n-16")
        assert (smaller == "train").sum() == 16
        assert smaller[smaller != "unused"].equals(sides[k][smaller != "unused"])


@pytest.mark.parametrize("model", ["mlp", "logistic", "oracle"])
def test_a_repeat_is_its_folds_together(folds: Workflow, model: str) -> None:
    found, pooled = judged(folds, model, "seed-1")
    each = [judged(folds, model, f"seed-1-fold-{k}")[1] for k in (1, 2, 3)]
    assert pooled.drop(columns="fold").equals(pd.concat(each, ignore_index=True))
    assert sorted(pooled["sample_id"]) == sorted(samples_of(folds).index)
    metrics = {name: entry["value"] for name, entry in found["metrics"].items()}
    assert metrics["accuracy"] == accuracy_score(pooled["label"], pooled["prediction"])
    areas = [roc_auc_score(t["label"], t["calibrated_probability"]) for t in each]
    pairs = [t["label"].sum() * (1 - t["label"]).sum() for t in each]
    assert metrics["auroc"] == pytest.approx(np.average(areas, weights=pairs))


def test_comparison_report_and_mlflow_tell_of_repeats(folds: Workflow) -> None:
    results = folds.folder / "results"
    compared = json.loads((results / "report/comparison.json").read_text())["datasets"]["tumours"]
    receipt = json.loads((results / "mlflow/published.json").read_text())
    client = MlflowClient(f"sqlite:///{results / 'mlflow/mlflow.db'}")
    shown = client.get_run(receipt["study"]["run_id"]).data.metrics
    for model in ("mlp", "logistic"):
        auroc = compared["models"][model]["auroc"]
        repeats = [judged(folds, model, repeat)[0] for repeat in auroc["per_split"]]
        expected = [found["metrics"]["auroc"]["value"] for found in repeats]
        assert list(auroc["per_split"]) == ["seed-0", "seed-1"]
        assert auroc["mean"] == pytest.approx(np.mean(expected))
        assert auroc["low"] < auroc["mean"] < auroc["high"]
        for name in ("mean", "sd", "low", "high"):
            assert shown[f"{model}/test/auroc_{name}"] == pytest.approx(auroc[name])
    assert {pair["split"] for pair in compared["pairs"]} == {"seed-0", "seed-1"}
    assert {run["split"] for run in receipt["runs"]} == {
        f"seed-{s}-fold-{k}{n}" for s in (0, 1) for k in (1, 2, 3) for n in ("", "-n-16")
    } | {"seed-0", "seed-1"}  # the models to use, trained on all samples
    for run in receipt["runs"]:
        shown = {item.path for item in client.list_artifacts(run["run_id"])}
        assert "evaluation.json" in shown
        # Of a model to use they show the folds that judge it.
        assert ("figures" in shown) == ("-n-" not in run["split"])
    curves = json.loads((results / "report/learning_curves.json").read_text())
    whole, smaller = (curves["datasets"]["tumours"]["points"][k] for k in (-1, 0))
    assert whole["models"]["mlp"]["auroc"]["mean"] == compared["models"]["mlp"]["auroc"]["mean"]
    assert smaller["n_train"] == {"seed-0": 16, "seed-1": 16}
    page = (results / "report/report.html").read_text()
    assert "the samples were dealt anew into 3 folds" in page
    assert "resamples whole patients" in page
    pooled = {f"tumours/{model}/seed-0/evaluation.json" for model in ("mlp", "oracle")}
    assert pooled <= set(folds.manifest())


def test_a_fold_can_be_made_again(folds: Workflow) -> None:
    run = folds.folder / "results/tumours/logistic/seed-1-fold-2"
    command = [sys.executable, "-m", "exprlab", "verify", str(run), "--cores", "2"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=folds.folder, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_batches_are_left_out_in_turn(batches: Workflow) -> None:
    table = samples_of(batches)
    names = sorted(table["batch"].unique())
    for k, name in enumerate(names, start=1):
        side = split_of(batches, f"seed-0-fold-{k}")
        assert set(table["batch"][side == "test"]) == {name}
        assert name not in set(table["batch"][side != "test"])
    found, pooled = judged(batches, "mlp", "seed-0")
    assert len(pooled) == len(table)
    alone = [judged(batches, "mlp", f"seed-0-fold-{k}")[0] for k in (1, 2, 3)]
    one_class = [e for e in alone if min(e["n_per_class"].values()) == 0]
    assert one_class, "the cohort was meant to have a batch of one class"
    for evaluation in one_class:
        assert evaluation["metrics"]["auroc"] == {"value": None, "low": None, "high": None}
        assert evaluation["metrics"]["log_loss"]["value"] > 0
    assert all(entry["value"] is not None for entry in found["metrics"].values())


def test_a_batch_left_out_is_judged_as_predict_would_treat_it(batches: Workflow) -> None:
    """As a batch to come (tests/unit/test_batches.py has one with a shift)."""
    from anndata import read_h5ad

    cohort = read_h5ad(batches.folder / "results/tumours/data/cohort.h5ad")
    for model in ("mlp", "logistic"):
        run = f"results/tumours/{model}/seed-0-fold-2"
        expected = pd.read_parquet(batches.folder / run / "predictions.parquet")
        expected = expected.set_index("sample_id")
        left_out = cohort[expected.index].copy()
        del left_out.obs["label"]
        left_out.write_h5ad(batches.folder / "left_out.h5ad")
        command = [sys.executable, "-m", "exprlab", "predict", "--model", f"{run}/model"]
        command += ["--expression", "left_out.h5ad", "--output", "left_out.parquet"]
        subprocess.run(command, check=True, cwd=batches.folder)
        found = pd.read_parquet(batches.folder / "left_out.parquet").set_index("sample_id")
        logit = found["logit"].loc[expected.index]
        np.testing.assert_allclose(logit, expected["logit"], rtol=1e-5, atol=1e-5)
