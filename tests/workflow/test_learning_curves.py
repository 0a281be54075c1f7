"""Models with fewer training samples, through the real workflow."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from mlflow import MlflowClient
from sklearn.metrics import log_loss, roc_auc_score
from workflow.conftest import Workflow

from exprlab.data.formats import open_counts

SIZES = [12, 20]
MODELS = ("mlp", "logistic")
SEEDS = (0, 1)


@pytest.fixture(scope="module")
def grown(finished: Workflow, tmp_path_factory: pytest.TempPathFactory) -> Workflow:
    """Return the smaller world with smaller training parts, too; not to be changed by a test."""
    folder = tmp_path_factory.mktemp("grown") / "world"
    shutil.copytree(finished.folder, folder)
    workflow = Workflow(folder).changed(experiment={"train_sizes": SIZES})
    done = workflow.run()
    assert done.returncode == 0, done.stdout
    return workflow


def split_table(workflow: Workflow, name: str) -> pd.Series:
    path = workflow.folder / f"results/tumours/splits/{name}.tsv"
    return pd.read_csv(path, sep="\t", index_col="sample_id")["split"]


def samples(workflow: Workflow) -> pd.DataFrame:
    with open_counts(workflow.folder / "results/tumours/data/cohort.h5ad") as counts:
        return counts.samples


def runs(workflow: Workflow) -> Iterator[tuple[str, int, int, Path]]:
    for model in MODELS:
        for seed in SEEDS:
            for size in SIZES:
                folder = workflow.folder / f"results/tumours/{model}/seed-{seed}-n-{size}"
                yield model, seed, size, folder


@pytest.mark.parametrize("seed", SEEDS)
def test_training_parts_are_nested_and_the_test_is_the_same(grown: Workflow, seed: int) -> None:
    table = samples(grown)
    whole = split_table(grown, f"seed-{seed}")
    inner: set[str] = set()
    for size in SIZES:
        split = split_table(grown, f"seed-{seed}-n-{size}")
        assert list(split.index) == list(whole.index)
        assert (split[whole != "train"] == whole[whole != "train"]).all()
        assert set(split[whole == "train"]) == {"train", "unused"}
        chosen = set(split.index[split == "train"])
        assert inner < chosen
        assert table.loc[sorted(chosen), "label"].nunique() == 2
        assert (split.groupby(table["patient"]).nunique() == 1).all()
        largest = table.groupby("patient").size().max()
        assert size - largest < len(chosen) <= size
        inner = chosen


def test_what_was_there_stays_as_it_was(finished: Workflow, grown: Workflow) -> None:
    before, after = finished.manifest(), grown.manifest()
    made_anew = {path for path in before if before[path] != after[path]}
    assert made_anew == {"report/report.html"}
    added = set(after) - set(before)
    curves = {"report/learning_curves.json", "tumours/learning_curves.png"}
    assert curves < added
    assert all("-n-12" in path or "-n-20" in path for path in added - curves)


def test_runs_are_trained_on_the_part_and_judged_on_the_whole_test(grown: Workflow) -> None:
    for model, seed, size, folder in runs(grown):
        params = json.loads((folder / "params.json").read_text())
        assert (params["train_size"], params["seed"]) == (size, seed)
        whole = folder.with_name(f"seed-{seed}")
        assert "train_size" not in json.loads((whole / "params.json").read_text())
        tested, expected = (
            pd.read_parquet(place / "predictions.parquet")["sample_id"] for place in (folder, whole)
        )
        assert list(tested) == list(expected)
        logits = pd.read_parquet(folder / "logits.parquet").set_index("sample_id")
        split = split_table(grown, f"seed-{seed}-n-{size}")
        assert (logits["split"] == split.reindex(logits.index)).all()
        # Another training part, another model.
        weights = [(place / "weights.safetensors").read_bytes() for place in (folder, whole)]
        assert weights[0] != weights[1], (model, seed, size)


def test_scaling_is_fitted_on_the_smaller_part(grown: Workflow) -> None:
    """Features of the samples that train have mean 0; those of the left out do not."""
    folder = grown.folder / "results/tumours/preprocessing/seed-0-n-20"
    features = np.load(folder / "features.npy")
    split = split_table(grown, "seed-0-n-20").reindex(samples(grown).index).to_numpy()
    off = {name: np.abs(features[split == name].mean(axis=0)).mean() for name in set(split)}
    assert off["train"] < 0.01
    assert min(off["unused"], off["test"]) > 0.1


def test_curves_are_the_predictions(grown: Workflow) -> None:
    found = json.loads((grown.folder / "results/report/learning_curves.json").read_text())
    curves = found["datasets"]["tumours"]
    assert curves["models"] == list(MODELS)
    assert [point["size"] for point in curves["points"]] == [*SIZES, None]
    for point in curves["points"]:
        suffix = "" if point["size"] is None else f"-n-{point['size']}"
        for seed in SEEDS:
            split = split_table(grown, f"seed-{seed}{suffix}")
            assert point["n_train"][f"seed-{seed}"] == (split == "train").sum()
        for model in MODELS:
            tables = {
                f"seed-{seed}": pd.read_parquet(
                    grown.folder
                    / f"results/tumours/{model}/seed-{seed}{suffix}/predictions.parquet"
                )
                for seed in SEEDS
            }
            check(point["models"][model], tables)
    oracle = {
        f"seed-{seed}": pd.read_parquet(
            grown.folder / f"results/tumours/oracle/seed-{seed}/predictions.parquet"
        )
        for seed in SEEDS
    }
    check(curves["oracle"], oracle)


def check(summary: dict, tables: dict[str, pd.DataFrame]) -> None:
    for metric, function in (("auroc", roc_auc_score), ("log_loss", log_loss)):
        expected = {
            split: function(table["label"], table["calibrated_probability"])
            for split, table in tables.items()
        }
        found = {split: e["value"] for split, e in summary[metric]["per_split"].items()}
        assert found == pytest.approx(expected)
        assert summary[metric]["mean"] == pytest.approx(np.mean(list(expected.values())))
        assert summary[metric]["low"] <= summary[metric]["mean"] <= summary[metric]["high"]


def test_report_shows_the_curves(grown: Workflow) -> None:
    text = (grown.folder / "results/report/report.html").read_text()
    assert "<h2>Learning curves</h2>" in text
    assert "trained on 12 and 20 of the training samples of each split" in text


def test_mlflow_has_each_run_and_a_summary_of_the_whole_ones(grown: Workflow) -> None:
    results = grown.folder / "results"
    client = MlflowClient(f"sqlite:///{results / 'mlflow/mlflow.db'}")
    receipt = json.loads((results / "mlflow/published.json").read_text())
    published = {run["split"]: run["run_id"] for run in receipt["runs"] if run["model"] == "mlp"}
    assert client.get_run(published["seed-1-n-12"]).data.params["train_size"] == "12"
    metrics = client.get_run(receipt["study"]["run_id"]).data.metrics
    comparison = json.loads((results / "report/comparison.json").read_text())
    mean = comparison["datasets"]["tumours"]["models"]["mlp"]["auroc"]["mean"]
    assert metrics["mlp/test/auroc_mean"] == pytest.approx(mean)


def test_a_run_can_be_made_again(grown: Workflow) -> None:
    run = grown.folder / "results/tumours/logistic/seed-1-n-12"
    command = [sys.executable, "-m", "exprlab", "verify", str(run), "--cores", "2"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=grown.folder, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_size_beyond_the_training_part_is_refused(copy: Workflow) -> None:
    larger = copy.changed(experiment={"train_sizes": [31]})
    done = larger.run("results/tumours/splits/seed-0-n-31.tsv")
    assert done.returncode != 0
    log = larger.folder / "results/logs/subsample_training/tumours.seed-0-n-31.log"
    text = log.read_text()
    assert "experiment.train_sizes: found 31, but the training part of this split has 30" in text
