"""Killed, interrupted and failing jobs: what is left, what MLflow says, and what a rerun makes."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from workflow.conftest import Snakemake, Workflow
from workflow.test_mlflow import client_of

RUN = "results/tumours/mlp/seed-0"
# Long enough to be killed on the way, a second or two.
LONG = {"max_epochs": 300, "patience": 300, "checkpoint_every": 5, "dropout": 0.3}


def wait_for(condition: Callable[[], bool], process: Snakemake) -> None:
    for _ in range(1200):
        if condition():
            return
        assert process.poll() is None, process.said()
        time.sleep(0.05)
    raise AssertionError("the job never came so far")


def has_trained_for(folder: Path, epochs: int) -> bool:
    curves = folder / RUN / ".attempt/metrics.csv"
    return curves.exists() and f",{epochs},val/loss," in curves.read_text()


def training_process(folder: Path) -> int:
    return json.loads((folder / RUN / ".attempt/status.json").read_text())["pid"]


@pytest.fixture(scope="module")
def undisturbed(finished: Workflow, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Return the files of a long training that nothing disturbed."""
    workflow = Workflow(tmp_path_factory.mktemp("undisturbed"))
    done = workflow.changed(models={"mlp": LONG}).run(f"{RUN}/weights.safetensors")
    assert done.returncode == 0, done.stdout
    return {k: v for k, v in workflow.files().items() if k.startswith("tumours/mlp")}


def test_killed_training_resumes_to_the_same_bytes(
    copy: Workflow, undisturbed: dict[str, bytes]
) -> None:
    changed = copy.changed(models={"mlp": LONG})
    process = changed.start(f"{RUN}/weights.safetensors")
    wait_for(lambda: has_trained_for(copy.folder, 60), process)
    os.kill(training_process(copy.folder), signal.SIGKILL)
    output = process.output()
    assert process.returncode != 0, output
    # The killed run is in MLflow with its true state, and none is left running.
    states = {run.info.status for run in runs_of_all(copy)}
    assert "KILLED" in states
    assert "RUNNING" not in states
    done = changed.run()
    assert done.returncode == 0, done.stdout
    status = json.loads((copy.folder / RUN / "status.json").read_text())
    assert status["attempt"] == 2
    assert status["resumed_from_epoch"] >= 55
    files = copy.files()
    for name, content in undisturbed.items():
        assert files[name] == content, name
    states = [run.info.status for run in runs_of_all(copy)]
    assert set(states) == {"FINISHED"}


def runs_of_all(workflow: Workflow) -> list:
    client = client_of(workflow)
    (experiment,) = client.search_experiments(filter_string="name = 'smaller-world'")
    return list(client.search_runs([experiment.experiment_id]))


def test_terminated_training_is_no_success(copy: Workflow) -> None:
    changed = copy.changed(models={"mlp": LONG})
    process = changed.start(f"{RUN}/weights.safetensors")
    wait_for(lambda: has_trained_for(copy.folder, 20), process)
    os.kill(training_process(copy.folder), signal.SIGTERM)
    output = process.output()
    assert process.returncode != 0, output
    status = json.loads((copy.folder / RUN / ".attempt/status.json").read_text())
    assert status["state"] == "KILLED"
    assert not (copy.folder / RUN / "weights.safetensors").exists()


def test_lack_of_memory_is_told_and_published(copy: Workflow) -> None:
    limit = copy.folder / "limit.sh"
    limit.write_text("ulimit -v 8000000\n")  # kB
    huge = copy.changed(models={"mlp": {"hidden": [20_000_000]}})
    limited = replace(huge, environment={"BASH_ENV": str(limit)})
    done = limited.run(f"{RUN}/weights.safetensors")
    assert done.returncode != 0
    assert "error: train: out of memory" in done.stdout
    assert "Traceback" not in done.stdout
    failed, study = sorted(
        (run for run in runs_of_all(copy) if run.info.status == "FAILED"),
        key=lambda run: run.data.tags["exprlab.kind"],
    )
    assert failed.data.tags["cause"] == "out of memory"
    assert "out of memory" in study.data.tags["cause"]
    assert failed.data.params["model.hidden"] == "[20000000]"


def test_interrupted_workflow_completes_to_the_same_bytes(
    finished: Workflow, tmp_path: Path
) -> None:
    """As Ctrl-C does; the perturbations kill it."""
    workflow = Workflow(tmp_path)
    process = workflow.start(start_new_session=True)
    logs = tmp_path / "results/logs/preprocess_counts"
    wait_for(lambda: logs.exists() and any(logs.iterdir()), process)
    os.killpg(process.pid, signal.SIGINT)
    process.output()
    assert process.returncode != 0
    workflow.run("--unlock")
    done = workflow.run()
    assert done.returncode == 0, done.stdout
    assert workflow.files() == finished.files()


def test_failing_training_is_told_and_others_go_on(copy: Workflow) -> None:
    hopeless = {"optimizer": "sgd", "learning_rate": 1e30, "momentum": 0.99}
    changed = copy.changed(models={"mlp": hopeless, "logistic": {"strengths": [0.01]}})
    done = changed.run("--keep-going")
    assert done.returncode != 0
    assert "learning rate is probably too large" in done.stdout
    assert "Traceback" not in done.stdout
    assert (copy.folder / "results/tumours/logistic/seed-0/evaluation.json").exists()
    failed = [run for run in runs_of_all(copy) if run.info.status == "FAILED"]
    assert failed
    assert all("learning rate" in run.data.tags["cause"] for run in failed)
    mended = copy.changed(models={"mlp": {"optimizer": "sgd"}})
    done = mended.run()
    assert done.returncode == 0, done.stdout
    status = json.loads((copy.folder / RUN / "status.json").read_text())
    assert (status["state"], status["attempt"]) == ("FINISHED", 1)
