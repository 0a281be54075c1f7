"""Curves on a tracking server while trainings go on, and nothing lost or twice in the end."""

from __future__ import annotations

import csv
import shutil
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from cluster.lab import free_port
from mlflow import MlflowClient
from mlflow.entities import Run
from unit.test_tracking import World, make_attempt, make_run
from workflow.conftest import Workflow

from exprlab.tracking.live import Sender
from exprlab.tracking.records import read_running

JOBS = 64
RUN = "results/tumours/mlp/seed-0"
LONG = {"hidden": [600, 600], "max_epochs": 300, "patience": 300, "tuning": "validation"}


def runs_of(client: MlflowClient, name: str, kind: str = "run") -> list[Run]:
    experiment = client.get_experiment_by_name(name)
    found = client.search_runs([experiment.experiment_id], max_results=1000)
    return [run for run in found if run.data.tags["exprlab.kind"] == kind]


def points_on_server(client: MlflowClient, run: Run) -> list[tuple[str, int, float]]:
    """Return every value of the curves, twice what is there twice."""
    return sorted(
        (row.key, row.step, row.value)
        for name in ("train/loss", "val/auroc")
        for row in client.get_metric_history(run.info.run_id, name)
    )


def points_in_file(path: Path) -> list[tuple[str, int, float]]:
    with path.open() as stream:
        rows = list(csv.DictReader(stream))
    wanted = [row for row in rows if row["name"] in ("train/loss", "val/auroc")]
    return sorted((row["name"], int(row["step"]), float(row["value"])) for row in wanted)


def test_64_trainings_at_once_lose_nothing_and_add_nothing(
    server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server)
    world = World(tmp_path / "results").make()
    folders = [world.root / f"tumours/mlp/seed-{seed}" for seed in range(JOBS)]
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)
        make_attempt(folder, state="RUNNING", ended=None)
    senders = [Sender("trial") for _ in folders]
    # Each connects and asks for the experiment, which does not exist yet, at the same moment.
    with ThreadPoolExecutor(JOBS) as pool:
        answers = [
            pool.submit(_send_until_heard, sender, folder)
            for sender, folder in zip(senders, folders, strict=True)
        ]
    assert [answer.result() for answer in answers] == [None] * JOBS
    client = MlflowClient(server)
    live = {run.info.run_id: run for run in runs_of(client, "trial")}
    assert len(live) == JOBS
    assert {run.info.status for run in live.values()} == {"RUNNING"}
    assert {len(points_on_server(client, run)) for run in live.values()} == {10}

    for folder in folders:
        shutil.rmtree(folder)
        make_run(folder)
    answer = world.publish(folders, server)
    assert {run["action"] for run in answer["runs"]} == {"completed"}
    seen = {run.info.run_id: run for run in runs_of(client, "trial")}
    assert seen.keys() == live.keys()
    assert {run.info.status for run in seen.values()} == {"FINISHED"}
    for folder, run in zip(folders, answer["runs"], strict=True):
        there = points_on_server(client, seen[run["run_id"]])
        assert there == points_in_file(folder / "metrics.csv")
    # And once more: everything is there.
    again = world.publish(folders, server)
    assert {run["action"] for run in again["runs"]} == {"unchanged"}


def _send_until_heard(sender: Sender, folder: Path) -> None:
    """As `exprlab stream` does: whoever is refused tries again."""
    for _ in range(20):
        try:
            sender.send(read_running(folder))
            return
        except Exception:
            time.sleep(0.5)
    raise AssertionError(f"{folder} was never heard")


def test_resumed_training_streams_into_the_same_run(
    server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server)
    world = World(tmp_path / "results").make()
    folder = world.folders[0]
    shutil.rmtree(folder)
    make_attempt(folder, state="RUNNING", ended=None)
    Sender("resumed").send(read_running(folder))
    # The next attempt has other times for the same steps.
    timing = folder / ".attempt/timing.csv"
    timing.write_text(timing.read_text().replace(",17", ",18"))
    Sender("resumed").send(read_running(folder))
    (run,) = runs_of(MlflowClient(server), "resumed")
    assert len(points_on_server(MlflowClient(server), run)) == 10


def test_what_was_streamed_of_another_course_is_replaced(
    server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server)
    world = World(tmp_path / "results").make()
    folder = world.root / "tumours/mlp/seed-77"
    make_attempt(folder, state="RUNNING", ended=None)
    metrics = folder / ".attempt/metrics.csv"
    metrics.write_text(metrics.read_text().replace("0.7\n", "0.6\n"))
    Sender("trial").send(read_running(folder))
    shutil.rmtree(folder)
    make_run(folder)
    (run,) = world.publish([folder], server)["runs"]
    assert run["action"] == "replaced"
    client = MlflowClient(server)
    there = points_on_server(client, client.get_run(run["run_id"]))
    assert there == points_in_file(folder / "metrics.csv")


def test_curves_are_seen_while_the_training_goes_on(server: str, copy: Workflow) -> None:
    changed = copy.changed(tracking={"uri": server, "live": True}, models={"mlp": LONG})
    process = changed.start(f"{RUN}/weights.safetensors")
    client, seen = MlflowClient(server), set()
    while process.poll() is None:
        if client.get_experiment_by_name("smaller-world"):
            for run in runs_of(client, "smaller-world"):
                seen.add(len(client.get_metric_history(run.info.run_id, "val/loss")))
        time.sleep(0.5)
    assert process.returncode == 0, process.output()
    assert max(seen) > 20
    assert len(seen) > 3
    done = changed.run()
    assert done.returncode == 0, done.stdout
    # The new server has also been given what was published before.
    runs = [r for r in runs_of(client, "smaller-world") if is_long(r)]
    by_name = {run.info.run_name: run for run in runs}
    assert by_name.keys() == {"mlp/seed-0 tumours", "mlp/seed-1 tumours"}
    assert len(runs) == 2
    there = points_on_server(client, by_name["mlp/seed-0 tumours"])
    assert there == points_in_file(copy.folder / RUN / "metrics.csv")


def is_long(run: Run) -> bool:
    return run.data.params.get("model.max_epochs") == str(LONG["max_epochs"])


def test_a_dead_server_holds_up_no_training(copy: Workflow) -> None:
    dead = f"http://127.0.0.1:{free_port()}"
    done = copy.changed(tracking={"uri": dead, "live": True}, models={"mlp": {"dropout": 0.2}}).run(
        f"{RUN}/weights.safetensors"
    )
    assert done.returncode == 0, done.stdout
    assert not (copy.folder / RUN / ".attempt").exists()
