"""The MLflow store that a run of the smaller world leaves, read through MLflow's own API."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
import pytest
from anndata import read_h5ad
from mlflow import MlflowClient
from mlflow.entities import Run
from workflow.conftest import Workflow

from exprlab.files import sha256


def client_of(workflow: Workflow) -> MlflowClient:
    uri = f"sqlite:///{workflow.folder / 'results/mlflow/mlflow.db'}"
    mlflow.set_tracking_uri(uri)
    return MlflowClient(uri)


def runs_of(workflow: Workflow) -> dict[str, Run]:
    """Return the runs of single trainings by their folder, and the summary as 'study'."""
    client = client_of(workflow)
    (experiment,) = client.search_experiments(filter_string="name = 'smaller-world'")
    runs = client.search_runs([experiment.experiment_id])
    named = {}
    for run in runs:
        tags = run.data.tags
        is_child = "mlflow.parentRunId" in tags
        name = "/".join(tags[k] for k in ("dataset", "model", "split")) if is_child else "study"
        assert name not in named, f"{name} was published twice"
        named[name] = run
    return named


def test_every_run_is_complete(finished: Workflow) -> None:
    client, runs = client_of(finished), runs_of(finished)
    assert len(runs) == 5
    for name, run in runs.items():
        assert run.info.status == "FINISHED"
        if name == "study":
            continue
        folder = finished.folder / "results" / name
        evaluation = json.loads((folder / "evaluation.json").read_text())
        for metric, value in evaluation["metrics"].items():
            assert run.data.metrics[f"test/{metric}"] == pytest.approx(value["value"])
        curves = pd.read_csv(folder / "metrics.csv", float_precision="round_trip")
        for curve, rows in curves.groupby("name"):
            history = client.get_metric_history(run.info.run_id, str(curve))
            found = sorted((point.step, point.value) for point in history)
            assert found == sorted(zip(rows["step"], rows["value"], strict=True))
        params = json.loads((folder / "params.json").read_text())
        assert run.data.params["model.kind"] == params["model"]["kind"]
        assert run.data.params["seed"] == str(params["seed"])
        assert run.inputs.dataset_inputs
        assert runs["study"].info.run_id == run.data.tags["mlflow.parentRunId"]


def test_published_model_predicts_raw_counts(finished: Workflow) -> None:
    run = runs_of(finished)["tumours/mlp/seed-0"]
    (output,) = run.outputs.model_outputs
    model = mlflow.pyfunc.load_model(f"models:/{output.model_id}")
    new = read_h5ad(finished.folder / "results/tumours/data/new_samples.h5ad")
    frame = pd.DataFrame(new.layers["counts"], index=new.obs_names, columns=new.var_names)
    frame["batch"] = new.obs["batch"]
    predicted = model.predict(frame)
    table = pd.read_csv(
        finished.folder / "results/tumours/mlp/seed-0/new_samples.tsv", sep="\t", index_col=0
    )
    assert np.allclose(predicted["logit"], table["logit"], atol=1e-5)
    assert list(predicted["prediction"]) == list(table["prediction"])


def store_of(workflow: Workflow) -> dict[str, dict]:
    """Return all that the store shows, but for its own identifiers and places."""
    client = client_of(workflow)
    shown = {}
    for experiment in client.search_experiments(filter_string="name != 'Default'"):
        runs = client.search_runs([experiment.experiment_id])
        names = {run.info.run_id: run.data.tags["exprlab.key"] for run in runs}
        assert len(set(names.values())) == len(names), "a run is there twice"
        for run in runs:
            tags = {k: v for k, v in run.data.tags.items() if k != "exprlab.members"}
            parent = tags.pop("mlflow.parentRunId", None)
            tags.pop("mlflow.artifactLocation", None)
            shown[f"{experiment.name} {names[run.info.run_id]}"] = {
                "parent": parent and names[parent],
                "name": run.info.run_name,
                "state": (run.info.status, run.info.start_time, run.info.end_time),
                "tags": tags,
                "params": run.data.params,
                "data": [(i.dataset.name, i.dataset.digest) for i in run.inputs.dataset_inputs],
                "curves": {
                    name: [
                        (point.step, point.timestamp, point.value)
                        for point in client.get_metric_history(run.info.run_id, name)
                    ]
                    for name in run.data.metrics
                },
                "artifacts": artifacts_of(client, run),
            }
    return shown


def artifacts_of(client: MlflowClient, run: Run) -> dict[str, str]:
    """Return the digest of each artifact of a run and of its model, read through MLflow."""
    folders = [Path(client.download_artifacts(run.info.run_id, ""))]
    for output in (run.outputs and run.outputs.model_outputs) or []:
        folders.append(Path(mlflow.artifacts.download_artifacts(f"models:/{output.model_id}")))
    return {
        path.relative_to(folder).as_posix(): sha256(path)
        for folder in folders
        for path in sorted(folder.rglob("*"))
        # These name the run, the model and the time at which MLflow wrote them.
        if path.is_file() and path.name not in ("MLmodel", "registered_model_meta")
    }


def test_publishing_again_changes_nothing(copy: Workflow) -> None:
    # Snakemake notices that the store was moved, and it is told where it is now.
    assert copy.run().returncode == 0
    assert "Nothing to be done" in copy.run().stdout
    before, ids = store_of(copy), {n: r.info.run_id for n, r in runs_of(copy).items()}
    done = copy.run("--forcerun", "publish_runs")
    assert done.returncode == 0, done.stdout
    assert {name: run.info.run_id for name, run in runs_of(copy).items()} == ids
    assert store_of(copy) == before


def test_moved_store_opens_with_its_artifacts(finished: Workflow, copy: Workflow) -> None:
    assert copy.jobs() == {"publish_runs", "all"}
    assert copy.run().returncode == 0
    uris = [run.info.artifact_uri for run in runs_of(copy).values()]
    assert all(uri.startswith(f"file://{copy.folder}/") for uri in uris)
    assert store_of(copy) == store_of(finished)


def test_lost_store_is_rebuilt_equal(copy: Workflow) -> None:
    # Runs of two experiments, and a run of settings that nobody wants any more.
    for changes in (
        {"models": {"logistic": {"strengths": [0.01]}}},
        {"experiment": {"name": "second", "models": ["logistic"]}},
    ):
        changed = copy.changed(**changes)
        done = changed.run()
        assert done.returncode == 0, done.stdout
    before = store_of(copy)
    runs_and_studies = (4 + 2) + 2 + 2 + 1  # of the first experiment, then of the second
    assert len(before) == runs_and_studies
    # Another folder: this process has the lost database open.
    folder = copy.folder.with_name("moved")
    copy.folder.rename(folder)
    moved = Workflow(folder, folder / changed.config.name)
    shutil.rmtree(moved.folder / "results/mlflow")
    assert moved.jobs("publish_runs") == {"publish_runs"}
    done = moved.run("publish_runs")
    assert done.returncode == 0, done.stdout
    assert store_of(moved) == before


def test_changed_setting_adds_runs_and_keeps_the_old(copy: Workflow) -> None:
    old = {run.info.run_id for run in runs_of(copy).values()}
    changed = copy.changed(models={"mlp": {"hidden": [8]}})
    rules = changed.jobs()
    assert "train_network" in rules
    assert not rules & {"simulate_cohort", "preprocess_counts", "train_baseline", "describe_data"}
    done = changed.run()
    assert done.returncode == 0, done.stdout
    client = client_of(copy)
    (experiment,) = client.search_experiments(filter_string="name = 'smaller-world'")
    runs = client.search_runs([experiment.experiment_id])
    new = [run for run in runs if run.info.run_id not in old]
    assert old <= {run.info.run_id for run in runs}
    # Two trainings and the new summary; the baselines are the runs that they were.
    assert sorted(run.data.params.get("model.hidden", "") for run in new)[-2:] == ["[8]", "[8]"]
    assert len(new) == 3


def test_embedded_store_lies_beside_the_results(finished: Workflow, tmp_path: Path) -> None:
    assert (finished.folder / "results/mlflow/mlflow.db").is_file()
    assert not (finished.folder / "mlruns").exists()
    assert not (finished.folder / "mlflow.db").exists()
