"""What one run of the smaller world leaves: every file, sound numbers, the same bytes again."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import brier_score_loss, roc_auc_score
from workflow.conftest import PROJECT, Workflow

from exprlab.data.formats import open_counts
from exprlab.inference.model import load_model
from exprlab.inference.predict import predict_file

RUNS = [f"tumours/{model}/seed-{seed}" for model in ("mlp", "logistic") for seed in (0, 1)]


def test_every_documented_file_is_there(finished: Workflow) -> None:
    text = (PROJECT / "docs/files.md").read_text()
    lines = [line for line in text.splitlines() if line.startswith("| `")]
    # Made where they are asked for (test_learning_curves.py, test_folds.py, test_course.py,
    # test_lessons.py) or where jobs fail (test_cluster.py).
    elsewhere = (
        "with `experiment.train_sizes`", "where there are folds", "failures.html", "draw_course",
        "build_lesson",
    )  # fmt: skip
    rows = [line.split("|")[1] for line in lines if not any(words in line for words in elsewhere)]
    assert len(rows) > 15
    for row in rows:
        folder = ""
        for name in re.findall(r"`([^`]+)`", row):
            # Names after the first are relative to its folder unless they say one.
            folder = name.rpartition("/")[0] if "{" in name or "/" in name else folder
            path = name if "/" in name else f"{folder}/{name}"
            for run in RUNS:
                dataset, model, split = run.split("/")
                names = {"dataset": dataset, "model": model, "split": split}
                pattern = path.format(**names, experiment="smaller-world").strip("/")
                assert list((finished.folder / "results").glob(pattern)), pattern


def test_splits_keep_the_test_samples_untouched(finished: Workflow) -> None:
    results = finished.folder / "results"
    for run in RUNS:
        split = pd.read_csv(results / f"tumours/splits/{run[-6:]}.tsv", sep="\t")
        tested = pd.read_parquet(results / run / "predictions.parquet")["sample_id"]
        assert sorted(tested) == sorted(split.loc[split["split"] == "test", "sample_id"])


@pytest.mark.parametrize("run", RUNS)
def test_evaluation_agrees_with_scikit_learn(finished: Workflow, run: str) -> None:
    folder = finished.folder / "results" / run
    metrics = json.loads((folder / "evaluation.json").read_text())["metrics"]
    table = pd.read_parquet(folder / "predictions.parquet")
    label, score = table["label"], table["calibrated_probability"]
    assert metrics["auroc"]["value"] == pytest.approx(roc_auc_score(label, score))
    assert metrics["brier"]["value"] == pytest.approx(brier_score_loss(label, score))
    for metric in metrics.values():
        assert metric["low"] <= metric["value"] <= metric["high"]


@pytest.mark.parametrize("run", RUNS)
def test_packed_model_gives_the_logits_of_training(finished: Workflow, run: str) -> None:
    folder = finished.folder / "results"
    with open_counts(folder / "tumours/data/cohort.h5ad") as counts:
        predicted = pd.concat(predict_file(load_model(folder / run / "model"), counts))
    trained = pd.read_parquet(folder / run / "logits.parquet").set_index("sample_id")
    # Those of the other samples are of models that had not seen them (cross-validation).
    trained = trained[trained["split"] == "test"]
    assert len(trained) > 10
    predicted = predicted.loc[trained.index]
    assert np.abs(predicted["logit"] - trained["logit"]).max() < 1e-5


def test_predict_by_hand_equals_the_rule(finished: Workflow, tmp_path: Path) -> None:
    results = finished.folder / "results/tumours"
    command = [sys.executable, "-m", "exprlab", "predict", "--model", results / "mlp/seed-0/model"]
    command += ["--expression", results / "data/new_samples.h5ad"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout == (results / "mlp/seed-0/new_samples.tsv").read_text()


def test_no_rule_takes_the_truth_as_input() -> None:
    rules = "".join(path.read_text() for path in (PROJECT / "workflow/rules").glob("*.smk"))
    found = re.findall(r"^rule (\w+):\n    input:\n((?:        .*\n)+)", rules, re.MULTILINE)
    assert {"train_network", "train_baseline", "evaluate_model"} <= {name for name, _ in found}
    # The manifest lists digests of all files and is input of nothing that trains or judges; the
    # rankings of genes are scored when all models have been trained and explained.
    knowing = {name for name, block in found if "truth" in block}
    assert knowing == {"write_manifest", "compare_genes"}


def test_nothing_is_left_half_written(finished: Workflow) -> None:
    left = [p for p in (finished.folder / "results").rglob("*") if "writing" in p.name]
    assert left == []
    assert not list((finished.folder / "results").rglob(".attempt"))
