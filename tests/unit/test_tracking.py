"""Publishing to MLflow: from the files of runs to what a client reads back from a real store."""

from __future__ import annotations

import csv
import errno
import json
import os
import shutil
import socket
import sqlite3
import subprocess
import sys
import threading
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import filelock
import mlflow
import numpy as np
import pandas as pd
import pytest
from mlflow import MlflowClient
from mlflow.entities import Run, ViewType

from exprlab.errors import UserError
from exprlab.provenance.environment import without_password
from exprlab.tracking import status as status_module
from exprlab.tracking import store as store_module
from exprlab.tracking import ui
from exprlab.tracking.curves import read_curves
from exprlab.tracking.model import requirements, zip_package
from exprlab.tracking.publish import publish
from exprlab.tracking.records import flatten, read_run
from exprlab.tracking.status import SILENT_END
from exprlab.tracking.store import check_database, locate, relocate
from exprlab.tracking.writer import Writer
from exprlab.training.curves import CurveWriter

STARTED = 1_700_000_000.0
LONG = "g" * 2000
PAIRS = [("mlp", 0), ("mlp", 1), ("logistic", 0), ("logistic", 1)]
METRICS = {"auroc": 0.91, "log_loss": 0.3}
COLUMNS = ["logit", "probability", "calibrated_probability", "prediction", "flags"]


# ---------------------------------------------------------------------------- run folders


def write(path: Path, value: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(value if isinstance(value, str) else json.dumps(value), encoding="utf-8")


def make_params(model: str, seed: int, dropout: float = 0.2) -> dict[str, Any]:
    return {
        "dataset": {"scenario": "nonlinear", "simulator": {}, "note": LONG},
        "split": {"val_fraction": 0.15},
        "preprocess": {"min_count": 10},
        "model": {"kind": model, "hidden": [128, 32], "dropout": dropout, "batch_norm": False},
        "trainer": {"accelerator": "auto"},
        "seed": seed,
    }


def make_status(**changes: Any) -> dict[str, Any]:
    return {
        "state": "FINISHED", "cause": "", "started": STARTED, "ended": STARTED + 60.5,
        "attempt": 1, "resumed_from_epoch": None, "pid": os.getpid(),
        "host": socket.gethostname(), "device": "cpu", "accelerator": "cpu",
        "precision": "32-true", "threads": 1, "peak_memory_mb": 512.5, **changes,
    }  # fmt: skip


def make_training(folder: Path, run: Path, dropout: float = 0.2, epochs: int = 5) -> None:
    """Write what a training writes into `folder` for the run results/.../`run`."""
    dataset, model, split = run.parts[-3:]
    seed = int(split.removeprefix("seed-"))
    record = {
        "dataset": dataset, "model": model, "split": split, "seed": seed,
        "inputs": {"cohort": "ab" * 32, "features": f"{seed}" * 64}, "code": "cd" * 32,
    }  # fmt: skip
    write(folder / "record.json", record)
    write(folder / "params.json", make_params(model, seed, dropout))
    write(folder / "status.json", make_status())
    git = {"commit": "abc123", "dirty": False}
    write(folder / "environment.json", {"python": "3.11", "git": git, "lock": {"sha256": "ef"}})
    write(folder / "uncommitted.diff", "")
    rows = ["step,epoch,name,value"]
    for epoch in range(epochs):
        step = 8 * epoch + 7
        rows += [f"{step},{epoch},train/loss,{0.7 / (epoch + 1)!r}"]
        rows += [f"{step},{epoch},val/auroc,{0.5 + 0.01 * epoch!r}"]
    write(folder / "metrics.csv", "\n".join(rows) + "\n")
    times = [f"{8 * epoch + 7},{STARTED + 2.125 * epoch + 1:.3f}" for epoch in range(1, epochs)]
    write(folder / "timing.csv", "\n".join(["step,unix_time", *times]) + "\n")


def make_run(
    run: Path, dropout: float = 0.2, auroc: float = 0.91, confidence: float = 0.95
) -> None:
    """Write a finished and evaluated run."""
    make_training(run, run, dropout, epochs=300)
    write(run / "network.json", {"kind": run.parts[-2], "n_parameters": 99, "best_epoch": 3})
    write_logits(run)
    values = {**METRICS, "auroc": auroc}
    evaluation = {
        "n_test": 4,
        "threshold": 0.4,
        "temperature": 1.5,
        "confidence": confidence,
        "metrics": {
            name: {"value": value, "low": value - 0.1, "high": value + 0.05}
            for name, value in values.items()
        },
        "uncalibrated": {"log_loss": {"value": 0.33}},
        "confusion": {"tn": 1, "fp": 1, "fn": 0, "tp": 2},
    }
    write(run / "evaluation.json", evaluation)
    write(run / "new_samples.tsv", "sample_id\tlogit\nn1\t0.5\n")
    write(run / "figures" / "roc.png", "a figure")
    write(run / "model" / "model.json", {"genes": ["g1", "g2"]})
    write(run / "model" / "model.safetensors", "weights")


def write_logits(run: Path, shift: float = 0.0, predictions: bool = True) -> None:
    logits = np.array([-1.0, 0.5, 2.0, 3.0]) + shift
    samples = [f"s{i}" for i in range(4)]
    table = pd.DataFrame({"sample_id": samples, "split": "test", "label": 1, "logit": logits})
    table.to_parquet(run / "logits.parquet")
    if predictions:
        table.drop(columns="split").to_parquet(run / "predictions.parquet")


def make_attempt(run: Path, **status: Any) -> None:
    """Write what a training leaves that did not finish; its last line is cut off."""
    make_training(run / ".attempt", run)
    write(run / ".attempt" / "status.json", make_status(**status))
    with (run / ".attempt" / "metrics.csv").open("a") as stream:
        stream.write("47,5,train/loss,0.1")


class World:
    """A results folder, its store and short ways to ask both."""

    def __init__(self, root: Path) -> None:
        self.root, self.store = root, root / "mlflow"
        self.folders = [root / "tumours" / model / f"seed-{seed}" for model, seed in PAIRS]

    def make(self) -> World:
        write(self.root / "tumours/data/cohort.checks.json", {"n_samples": 20, "n_genes": 2})
        for number, folder in enumerate(self.folders):
            make_run(folder, auroc=0.9 + 0.01 * number)
        write(self.root / "report/comparison.json", {"datasets": {}})
        write(self.root / "report/report.html", "<html></html>")
        return self

    def publish(self, folders: list[Path] | None = None, uri: str = "") -> dict[str, Any]:
        report = self.root / "report"
        return publish(
            self.folders if folders is None else folders,
            [report / "comparison.json", report / "report.html"],
            "trial",
            uri,
            self.store,
            self.root / "history",
            self.store / "published.json",
        )

    @property
    def client(self) -> MlflowClient:
        return MlflowClient(tracking_uri=f"sqlite:///{self.store.resolve() / 'mlflow.db'}")

    def runs(self, view: int = ViewType.ACTIVE_ONLY) -> list[Run]:
        found = self.client.get_experiment_by_name("trial")
        return list(self.client.search_runs([found.experiment_id], run_view_type=view))

    def members(self) -> dict[str, Run]:
        """Runs by name, without studies; fails on duplicates."""
        runs = [run for run in self.runs() if run.data.tags["exprlab.kind"] == "run"]
        named = {f"{run.info.run_name} {run.data.tags['exprlab.key'][:6]}": run for run in runs}
        assert len(named) == len(runs)
        return named

    def studies(self) -> dict[str, Any]:
        """Summary runs by name, with what must not depend on when a store was made."""
        runs = [run for run in self.runs() if run.data.tags["exprlab.kind"] == "study"]
        found = {
            run.info.run_name: (
                run.data.params,
                run.data.metrics,
                run.info.status,
                self.artifacts(run),
                run.data.tags["exprlab.complete"],
            )
            for run in runs
        }
        assert len(found) == len(runs)
        return found

    def facts(self) -> dict[str, Any]:
        """All that a store shows and that must not depend on when it was made."""
        return {name: self.facts_of(run) for name, run in self.members().items()}

    def facts_of(self, run: Run) -> dict[str, Any]:
        names = [f"exprlab.{part}" for part in ("key", "content", "published")]
        return {
            "params": run.data.params,
            "curves": {
                name: [
                    (m.step, m.value, m.timestamp)
                    for m in self.client.get_metric_history(run.info.run_id, name)
                ]
                for name in sorted(run.data.metrics)
            },
            "tags": {name: run.data.tags[name] for name in (*names, "seed", "status", "code")},
            "times": (run.info.status, run.info.start_time, run.info.end_time),
            "artifacts": self.artifacts(run),
        }

    def artifacts(self, run: Run) -> list[str]:
        found = [item.path for item in self.client.list_artifacts(run.info.run_id)]
        figures = [item.path for item in self.client.list_artifacts(run.info.run_id, "figures")]
        return sorted(found + figures)


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> World:
    """Four runs in a fresh store; tests of this fixture only read."""
    world = World(tmp_path_factory.mktemp("tracking") / "results").make()
    world.publish()
    return world


@pytest.fixture
def world(published: World, tmp_path: Path) -> World:
    """A copy of the published world, which also moves its store to another folder."""
    shutil.copytree(published.root, tmp_path / "my results")
    return World(tmp_path / "my results")


@pytest.fixture
def bare(published: World, tmp_path: Path) -> World:
    """A world of four runs with an empty store, copied because making one takes seconds."""
    world = World(tmp_path / "results").make()
    world.store.mkdir()
    empty(published.store / "mlflow.db", world.store / "mlflow.db")
    return world


def empty(source: Path, target: Path) -> None:
    """Copy a store without its experiments."""
    shutil.copy(source, target)
    connection = sqlite3.connect(target)
    tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
    for (table,) in tables:
        if table != "alembic_version" and not table.startswith("sqlite_"):
            kept = "experiment_id = 0" if table == "experiments" else "0"
            where = f" WHERE NOT {kept}" if table == "experiments" else ""
            if table != "workspaces":
                connection.execute(f'DELETE FROM "{table}"{where}')
    connection.commit()
    connection.close()


# ---------------------------------------------------------------------------- what is shown


def one(world: World) -> tuple[Path, Run]:
    folder = world.folders[0]
    return folder, next(r for n, r in world.members().items() if n.startswith("mlp/seed-0 tumours"))


def test_parameters_are_complete_and_untruncated(published: World) -> None:
    folder, run = one(published)
    expected = dict(flatten(json.loads((folder / "params.json").read_text())))
    assert run.data.params == {**expected, "evaluation.confidence": "0.95"}
    assert run.data.params["dataset.note"] == LONG
    assert run.data.params["model.hidden"] == "[128, 32]"
    assert run.data.params["model.batch_norm"] == "false"
    assert run.data.params["dataset.simulator"] == "{}"


def test_curves_equal_the_files(published: World) -> None:
    folder, run = one(published)
    with (folder / "timing.csv").open() as stream:
        times = {int(r["step"]): float(r["unix_time"]) for r in csv.DictReader(stream)}
    with (folder / "metrics.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    for name in ("train/loss", "val/auroc"):
        expected = [
            (int(r["step"]), float(r["value"]), round(times.get(int(r["step"]), STARTED) * 1000))
            for r in rows
            if r["name"] == name
        ]
        history = published.client.get_metric_history(run.info.run_id, name)
        assert len(history) == 300
        assert sorted((m.step, m.value, m.timestamp) for m in history) == sorted(expected)


def test_final_metrics_tags_times_and_status(published: World) -> None:
    _, run = one(published)
    expected = {
        "test/auroc": 0.9, "test/auroc_low": 0.8, "test/auroc_high": 0.95,
        "test/uncalibrated_log_loss": 0.33, "test/tp": 2, "test/n_samples": 4, "threshold": 0.4,
        "temperature": 1.5, "n_parameters": 99, "best_epoch": 3, "peak_memory_mb": 512.5,
    }  # fmt: skip
    assert {name: run.data.metrics[name] for name in expected} == pytest.approx(expected)
    tags = {
        "dataset": "tumours", "model": "mlp", "split": "seed-0", "seed": "0", "code": "cd" * 32,
        "git_commit": "abc123", "git_dirty": "false", "lock_sha256": "ef",
        "mlflow.source.git.commit": "abc123",
        "host_kind": "local", "device": "cpu", "status": "FINISHED", "exprlab.published": "true",
    }  # fmt: skip
    assert {name: run.data.tags[name] for name in tags} == tags
    assert "cause" not in run.data.tags
    info = run.info
    assert (info.status, info.start_time, info.end_time) == (
        "FINISHED", STARTED * 1000, STARTED * 1000 + 60_500,
    )  # fmt: skip


def test_dataset_input_and_artifacts(published: World) -> None:
    _, run = one(published)
    (data,) = run.inputs.dataset_inputs
    assert (data.dataset.name, data.dataset.digest) == ("tumours", "ab" * 16)
    assert json.loads(data.dataset.profile) == {"n_samples": 20, "n_genes": 2}
    assert json.loads(data.dataset.source)["sha256"] == "ab" * 32
    names = "evaluation.json metrics.csv network.json new_samples.tsv params.json record.json"
    assert {*names.split(), "predictions.parquet", "figures/roc.png"} <= {*published.artifacts(run)}


def test_study_summarises_its_members(published: World) -> None:
    (study,) = [r for r in published.runs() if r.data.tags["exprlab.kind"] == "study"]
    assert study.info.run_name == f"trial-{study.data.tags['exprlab.key'][:8]}"
    assert study.info.status == "FINISHED"
    assert study.data.metrics["mlp/test/auroc_mean"] == pytest.approx(0.905)
    assert study.data.metrics["logistic/test/auroc_sd"] == pytest.approx(0.01 / 2**0.5)
    assert study.data.params["preprocess.min_count"] == "10"
    assert "seed" not in study.data.params
    assert {"comparison.json", "report.html"} <= set(published.artifacts(study))
    parents = {run.data.tags["mlflow.parentRunId"] for run in published.members().values()}
    assert parents == {study.info.run_id}


class StandIn:
    """A model that adds up the counts of its genes."""

    def __init__(self, folder: str) -> None:
        self.genes = json.loads((Path(folder) / "model.json").read_text())["genes"]

    def predict(self, frame: pd.DataFrame) -> pd.DataFrame:
        table = pd.DataFrame(0.5, index=frame.index, columns=COLUMNS)
        table["logit"] = frame[self.genes].sum(axis=1)
        return table


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    module = types.ModuleType("exprlab.inference.predict")
    module.load_model, module.predict_frame = StandIn, StandIn.predict
    package = types.ModuleType("exprlab.inference")
    monkeypatch.setitem(sys.modules, "exprlab.inference", package)
    monkeypatch.setitem(sys.modules, "exprlab.inference.predict", module)
    before = mlflow.get_tracking_uri()
    yield
    mlflow.set_tracking_uri(before)


@pytest.mark.usefixtures("stand_in")
def test_model_loads_and_predicts_from_raw_counts(
    published: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_ALLOW_PICKLE_DESERIALIZATION", "false")
    _, run = one(published)
    mlflow.set_tracking_uri(f"sqlite:///{published.store / 'mlflow.db'}")
    counts = pd.DataFrame([[1, 2, 9], [3, 4, 9]], index=["a", "b"], columns=["g1", "g2", "g3"])
    (output,) = run.outputs.model_outputs
    for uri in (f"models:/{output.model_id}", f"runs:/{run.info.run_id}/model"):
        found = mlflow.pyfunc.load_model(uri).predict(counts)
        assert list(found.columns) == ["sample_id", *COLUMNS]
        assert found["logit"].to_dict() == {"a": 3, "b": 7}
    model = published.client.get_logged_model(output.model_id)
    assert model.status == "READY"
    assert {"test/auroc"} <= {metric.key for metric in model.metrics}


def test_source_in_the_model_serves_where_exprlab_is_not_installed(tmp_path: Path) -> None:
    zip_package(tmp_path / "a.zip")
    zip_package(tmp_path / "b.zip")
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()
    # -S: without site-packages, so without any installed exprlab.
    code = "import sys; sys.path.append('a.zip'); import exprlab.errors as e; print(e.__file__)"
    done = subprocess.run(
        [sys.executable, "-S", "-c", code], cwd=tmp_path, capture_output=True, text=True
    )
    assert "a.zip" in done.stdout, done.stderr
    assert all("==" in line and "+" not in line for line in requirements())


# ---------------------------------------------------------------------------- publishing again


def test_publishing_twice_changes_nothing(world: World) -> None:
    before = {run.info.run_id: run.to_dictionary() for run in world.runs()}
    answer = world.publish()
    # The copy lies elsewhere, so locations differ and nothing else.
    after = {run.info.run_id: run.to_dictionary() for run in world.runs()}
    for run in (*before.values(), *after.values()):
        run["info"].pop("artifact_uri")
    assert after == before
    assert len(world.runs(ViewType.ALL)) == 5
    assert {run["action"] for run in [*answer["runs"], answer["study"]]} == {"unchanged"}
    assert json.loads((world.store / "published.json").read_text()) == answer


def test_a_rerun_with_the_same_results_is_not_published_again(world: World) -> None:
    folder = world.folders[0]
    write(folder / "status.json", make_status(started=STARTED + 500, ended=STARTED + 600))
    (folder / "timing.csv").unlink()
    assert {run["action"] for run in world.publish()["runs"]} == {"unchanged"}


def test_a_changed_setting_adds_a_run_and_keeps_the_old(world: World) -> None:
    before = world.members()
    make_run(world.folders[0], dropout=0.5, auroc=0.95)
    actions = [run["action"] for run in world.publish()["runs"]]
    assert actions == ["created", "unchanged", "unchanged", "unchanged"]
    after = world.members()
    assert len(after) == 5
    assert before.keys() <= after.keys()
    studies = [r for r in world.runs() if r.data.tags["exprlab.kind"] == "study"]
    assert len(studies) == 2
    current = {r.data.tags["mlflow.parentRunId"] for n, r in after.items() if n not in before}
    assert sum(r.data.tags["mlflow.parentRunId"] in current for r in after.values()) == 4


def test_a_changed_evaluation_setting_adds_a_run(world: World) -> None:
    make_run(world.folders[0], auroc=0.9, confidence=0.9)
    assert world.publish()["runs"][0]["action"] == "created"
    assert len(world.members()) == 5


def test_changed_results_under_the_same_settings_replace_the_run(world: World) -> None:
    make_run(world.folders[0], auroc=0.99)
    answer = world.publish()
    assert answer["runs"][0]["action"] == "replaced"
    assert len(world.members()) == 4
    assert one(world)[1].data.metrics["test/auroc"] == 0.99
    (data,) = [m for m in models_of(world) if m.source_run_id == answer["runs"][0]["run_id"]]
    assert data.status == "READY"
    assert len(models_of(world)) == 4


def models_of(world: World) -> list[Any]:
    found = world.client.get_experiment_by_name("trial")
    return list(world.client.search_logged_models([found.experiment_id]))


def test_a_deleted_store_is_rebuilt_equal(world: World) -> None:
    before = world.facts()
    shutil.rmtree(world.store)
    write(world.store / ".writing-1-mlflow.db", "a creation that was killed")
    world.publish()
    assert world.facts() == before
    assert [path.name for path in world.store.glob(".writing-*")] == []


def without_store(world: World) -> World:
    """Return the world in another folder and without its store.

    Another folder, because MLflow's client keeps a database open that this process has used.
    """
    moved = world.root.with_name(f"{world.root.name} elsewhere")
    shutil.rmtree(world.store)
    world.root.rename(moved)
    return World(moved)


def test_runs_of_earlier_settings_survive_the_loss_of_the_store(world: World) -> None:
    make_run(world.folders[0], dropout=0.7)
    world.publish()
    shutil.rmtree(world.folders[1])
    make_attempt(world.folders[1], state="FAILED", cause="the loss is not finite")
    world.publish()
    make_run(world.folders[1], dropout=0.7)
    world.publish()
    before, studies = world.facts(), world.studies()
    # A failed attempt at settings that are given up stays, with the study that it was part of.
    assert (len(before), len(studies)) == (7, 4)
    world = without_store(world)
    answer = world.publish()
    assert len(answer["restored"]) == 3
    assert world.facts() == before
    assert world.studies() == studies
    assert world.publish()["restored"] == []


def test_a_failed_attempt_is_forgotten_when_its_run_has_finished(bare: World) -> None:
    shutil.rmtree(bare.folders[0])
    make_attempt(bare.folders[0], state="RUNNING", pid=ended_process(), ended=None)
    bare.publish()
    # As on another machine, where nobody can ask for the process.
    bare = without_store(bare)
    bare.publish([bare.folders[0]])
    assert one(bare)[1].info.status == "KILLED"
    make_run(bare.folders[0])
    check_completed(bare)
    assert len(list((bare.root / "history/trial/studies").iterdir())) == 1
    assert len(list((bare.root / "history/trial/runs").iterdir())) == 4


def test_what_somebody_deleted_in_mlflow_stays_deleted(world: World) -> None:
    make_run(world.folders[0], dropout=0.7)
    world.publish()
    (old,) = [r for n, r in world.members().items() if r.data.params["model.dropout"] == "0.2"
              and n.startswith("mlp/seed-0")]  # fmt: skip
    parent = old.data.tags["mlflow.parentRunId"]
    for run_id in (old.info.run_id, parent):
        world.client.delete_run(run_id)
    answer = world.publish()
    assert answer["restored"] == []
    assert len(world.members()) == 4
    assert {run["action"] for run in answer["runs"]} == {"unchanged"}


def test_other_experiments_come_back_too(world: World) -> None:
    runs, receipt = [world.folders[2]], world.store / "other.json"
    publish(runs, [], "another", "", world.store, world.root / "history", receipt)
    world = without_store(world)
    assert len(world.publish()["restored"]) == 1
    assert {e.name for e in world.client.search_experiments()} == {"Default", "trial", "another"}


def test_kept_files_cost_no_space_while_they_are_the_current_ones(published: World) -> None:
    kept = sorted((published.root / "history").rglob("model.safetensors"))
    assert len(kept) == 4
    assert all(path.stat().st_nlink > 1 for path in kept)


@pytest.mark.parametrize("step", ["_params", "_model", "_artifacts", "adopt"])
def test_an_interrupted_publication_is_completed(
    bare: World, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = getattr(Writer, step)
    calls = []

    def fails_the_third_time(self: Writer, *args: Any) -> Any:
        calls.append(step)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return original(self, *args)

    with monkeypatch.context() as patch:
        patch.setattr(Writer, step, fails_the_third_time)
        with pytest.raises(KeyboardInterrupt):
            bare.publish()
    assert all(run.info.status == "FINISHED" for run in bare.runs())
    check_completed(bare)


def test_a_killed_publication_is_completed(bare: World, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(Writer, "_try_to_remove", lambda *_: None)  # kill -9 cleans nothing up
        patch.setattr(Writer, "_artifacts", lambda *_: os.fspath(None))
        with pytest.raises(TypeError):
            bare.publish()
    assert [run.info.status for run in bare.runs()] == ["RUNNING"]
    make_run(bare.folders[0], dropout=0.7)  # the ruin's key is wanted no more
    check_completed(bare)


def check_completed(world: World) -> None:
    world.publish()
    runs = world.runs()
    assert len(runs) == 5
    assert len(world.members()) == 4
    assert all(run.data.tags["exprlab.published"] == "true" for run in runs)
    assert all(run.info.status == "FINISHED" for run in runs)
    assert len(models_of(world)) == 4


def test_curves_that_grow_are_read_with_their_times(tmp_path: Path) -> None:
    curves = CurveWriter(tmp_path)
    writing = threading.Thread(
        target=lambda: [curves.add([(step, 1, "train/loss", 0.5)]) for step in range(1000)]
    )
    writing.start()
    seen = 0
    while writing.is_alive() or seen < 1000:
        points = read_curves(tmp_path, started=-1, whole=False)
        assert all(point.time > 0 for point in points)
        seen = len(points)
    writing.join()


# ---------------------------------------------------------------------------- runs that failed


def test_the_kernels_kills_tell_a_lack_of_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "tumours" / "mlp" / "seed-0"
    before = status_module.kernel_kills()
    gone = {"state": "RUNNING", "pid": ended_process(), "ended": None}
    make_attempt(folder, kernel_kills=before, **gone)
    assert (read_run(folder).state, read_run(folder).cause) == ("KILLED", SILENT_END)
    monkeypatch.setattr(status_module, "kernel_kills", lambda: (before or 0) + 1)
    make_attempt(folder, kernel_kills=before or 0, **gone)
    assert read_run(folder).state == "FAILED"
    assert read_run(folder).cause.startswith("out of memory")


def ended_process() -> int:
    process = subprocess.Popen([sys.executable, "-S", "-c", ""])
    process.wait()
    return process.pid


def test_failed_and_killed_attempts_show_their_true_status_and_are_replaced(bare: World) -> None:
    failed, silent, elsewhere, alive = bare.folders
    for folder in bare.folders:
        shutil.rmtree(folder)
    make_attempt(failed, state="FAILED", cause="the loss is not finite")
    make_attempt(silent, state="RUNNING", pid=ended_process(), ended=None)
    make_attempt(elsewhere, state="RUNNING", host="node-17", ended=None)
    make_attempt(alive, state="RUNNING", ended=None)
    answer = bare.publish()
    assert answer["left_out"] == sorted(map(str, (elsewhere, alive)))
    seen = {r.info.run_name: r for r in bare.members().values()}
    assert {name: run.info.status for name, run in seen.items()} == {
        "mlp/seed-0 tumours": "FAILED",
        "mlp/seed-1 tumours": "KILLED",
    }
    assert seen["mlp/seed-0 tumours"].data.tags["cause"] == "the loss is not finite"
    assert seen["mlp/seed-1 tumours"].data.tags["cause"] == SILENT_END
    history = bare.client.get_metric_history(seen["mlp/seed-1 tumours"].info.run_id, "train/loss")
    assert [m.step for m in history] == [7, 15, 23, 31, 39]
    assert bare.client.get_run(answer["study"]["run_id"]).info.status == "FAILED"

    for folder in bare.folders:
        shutil.rmtree(folder)
        make_run(folder)
    actions = [run["action"] for run in bare.publish()["runs"]]
    assert actions == ["replaced", "replaced", "created", "created"]
    check_completed(bare)


def test_an_attempt_that_wrote_no_settings_is_shown_and_replaced(bare: World) -> None:
    folder = bare.folders[0]
    shutil.rmtree(folder)
    write(folder / ".attempt" / "status.json", make_status(state="KILLED", cause="SIGTERM"))
    write(folder / ".attempt" / "params.json", '{"model": {"hid')
    bare.publish()
    assert one(bare)[1].info.status == "KILLED"
    make_run(folder)
    check_completed(bare)


def test_a_trained_run_is_published_before_and_after_its_evaluation(bare: World) -> None:
    folder = bare.folders[0]
    (folder / "evaluation.json").unlink()
    bare.publish()
    run = one(bare)[1]
    assert run.data.tags["cause"] == "trained, but not evaluated"
    assert not run.outputs.model_outputs
    make_run(folder)
    check_completed(bare)


def test_an_evaluation_of_an_earlier_training_is_not_shown(tmp_path: Path) -> None:
    folder = tmp_path / "tumours" / "mlp" / "seed-0"
    make_run(folder)
    old = (folder / "evaluation.json").stat().st_mtime - 100
    os.utime(folder / "evaluation.json", (old, old))
    assert read_run(folder).evaluation  # only its date is old: the folder was copied
    write_logits(folder, shift=1.0, predictions=False)
    assert not read_run(folder).evaluation
    assert read_run(folder).model_folder is None


def test_folds_judge_a_model_that_was_trained_after_them(tmp_path: Path) -> None:
    """On a cluster the model to use may be trained when its folds have been put together."""
    folder = tmp_path / "tumours" / "mlp" / "seed-0"
    make_run(folder)
    path = folder / "evaluation.json"
    folds = {"seed-0-fold-1": {"n_test": 4, "threshold": 0.4, "temperature": 1.0}}
    write(path, {**json.loads(path.read_text()), "folds": folds})
    old = path.stat().st_mtime - 100
    os.utime(path, (old, old))
    write_logits(folder, shift=1.0, predictions=False)
    found = read_run(folder)
    assert found.evaluation
    assert found.model_folder
    assert [path.name for path in found.figures] == ["roc.png"]


def test_nothing_run_yet(tmp_path: Path, bare: World) -> None:
    assert read_run(tmp_path / "tumours" / "mlp" / "seed-0") is None
    shutil.rmtree(bare.root / "tumours")
    answer = bare.publish()
    assert (answer["runs"], answer["study"], len(answer["left_out"])) == ([], None, 4)


# ---------------------------------------------------------------------------- stores in trouble


def test_a_moved_store_is_pointed_to_its_new_place(
    world: World, published: World, request: pytest.FixtureRequest
) -> None:
    _, run = one(world)
    assert str(published.root) in run.info.artifact_uri
    assert relocate(world.store) == 1
    assert relocate(world.store) == 0
    _, run = one(world)
    assert world.artifacts(run) == published.artifacts(one(published)[1])
    assert run.info.artifact_uri.startswith(world.store.resolve().as_uri())
    request.getfixturevalue("stand_in")
    mlflow.set_tracking_uri(f"sqlite:///{world.store / 'mlflow.db'}")
    model = mlflow.pyfunc.load_model(f"models:/{run.outputs.model_outputs[0].model_id}")
    assert model.predict(pd.DataFrame({"g1": [1], "g2": [2]}))["logit"].tolist() == [3]


def test_a_store_that_another_publication_holds(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_module, "LOCK_SECONDS", 0.2)
    held = filelock.FileLock(world.store / "publish.lock")
    with held, pytest.raises(UserError, match=r"publish\.lock: another publication"):
        world.publish()


def test_a_database_that_another_program_has_locked(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_module, "DATABASE_SECONDS", 0.2)
    other = sqlite3.connect(world.store / "mlflow.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(UserError, match=r"mlflow\.db: another program .* close it"):
        world.publish()
    other.close()


@pytest.mark.parametrize("damage", ["truncated", "text", "other"])
def test_a_damaged_database(world: World, damage: str) -> None:
    database = world.store / "mlflow.db"
    if damage == "truncated":
        os.truncate(database, database.stat().st_size // 2)
    else:
        database.unlink()
        if damage == "text":
            database.write_text("this is no database, whatever its name says" * 100)
        else:
            sqlite3.connect(database).execute("CREATE TABLE cats (name)").connection.close()
    with pytest.raises(UserError, match=r"mlflow\.db: not a usable MLflow store .* delete"):
        world.publish()


def test_a_database_of_another_mlflow_version(world: World) -> None:
    connection = sqlite3.connect(world.store / "mlflow.db")
    connection.execute("UPDATE alembic_version SET version_num = 'f4a9b2c7d1e6'")
    connection.commit()
    connection.close()
    with pytest.raises(UserError, match=r"written by another version of MLflow"):
        world.publish()


def test_a_full_disk_is_told_without_advice_to_delete_the_store(
    bare: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Writer, "_artifacts", full)
    with pytest.raises(UserError, match="the disk is full; free some space"):
        bare.publish()
    assert bare.runs() == []


def test_passwords_stay_out_of_messages() -> None:
    assert without_password("postgresql://me:secret@host/db") == "postgresql://me:***@host/db"


def test_an_empty_file_is_no_store(tmp_path: Path) -> None:
    (tmp_path / "mlflow.db").touch()
    assert not check_database(locate("", tmp_path))


@pytest.mark.parametrize(
    ("uri", "message"),
    [
        ("http://127.0.0.1:9", "http://127.0.0.1:9: the MLflow store failed.*the server runs"),
        ("./mlruns", "found './mlruns', a folder"),
        ("file:///tmp/mlruns", "a folder, which MLflow no longer takes"),
    ],
)
def test_a_store_that_cannot_be_reached(bare: World, uri: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        bare.publish(uri=uri)
    assert not (bare.store / "published.json").exists()


def test_a_store_that_cannot_be_written(bare: World) -> None:
    shutil.rmtree(bare.store)
    bare.store.write_text("a file where a folder should be")
    with pytest.raises(UserError, match="cannot be written there"):
        bare.publish()


def test_a_damaged_file_of_a_finished_run_stops_before_anything_is_written(bare: World) -> None:
    write(bare.folders[1] / "metrics.csv", "step,epoch,name,value\n7,0,train/lo")
    with pytest.raises(UserError, match=r"metrics\.csv, line 2"):
        bare.publish()
    assert bare.client.get_experiment_by_name("trial") is None


# ---------------------------------------------------------------------------- the user interface


def test_ui_serves_the_newest_experiment(published: World) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command, environment, link = ui.prepare(published.store, port)
    found = published.client.get_experiment_by_name("trial").experiment_id
    root = f"http://127.0.0.1:{port}/#/experiments"
    assert link == f"{root}/{found}/runs?workflowType=machine_learning"
    assert command[command.index("--workers") + 1] == "1"
    assert environment["MLFLOW_SERVER_ENABLE_JOB_EXECUTION"] == "false"


def test_ui_without_a_store_or_a_free_port(published: World, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="there is no MLflow store yet"):
        ui.serve(tmp_path, 5000)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(UserError, match=f"port {port} on 127.0.0.1 cannot be used"):
            ui.serve(published.store, port)
