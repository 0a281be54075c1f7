"""`exprlab diff` on real results, through the users' entry point."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from workflow.conftest import Workflow
from workflow.test_mlflow import runs_of

RUN = "tumours/mlp/seed-0"


def diff(folder: Path, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "exprlab", "diff", *map(str, arguments)]
    environment = {k: v for k, v in os.environ.items() if k != "MLFLOW_TRACKING_URI"}
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


def test_run_in_mlflow_is_the_run_in_its_folder(finished: Workflow) -> None:
    run_id = runs_of(finished)[RUN].info.run_id
    done = diff(finished.folder, run_id, f"results/{RUN}")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "no difference: " in done.stdout


def test_metrics_of_runs_in_mlflow_are_those_of_their_folders(finished: Workflow) -> None:
    runs = runs_of(finished)
    pair = ["tumours/mlp/seed-0", "tumours/mlp/seed-1"]
    there = diff(finished.folder, *(runs[name].info.run_id for name in pair))
    here = diff(finished.folder, *(f"results/{name}" for name in pair))
    assert metrics(there.stdout) == metrics(here.stdout)
    assert "auroc" in metrics(here.stdout)


def metrics(text: str) -> str:
    return text.partition("\nmetrics ")[2].partition("\nfiles ")[0]


def test_network_and_baseline_share_data_and_preprocessing(
    finished: Workflow, tmp_path: Path
) -> None:
    runs = [f"results/tumours/{model}/seed-0" for model in ("mlp", "logistic")]
    done = diff(finished.folder, *runs, "--output", tmp_path / "diff.json")
    assert done.returncode == 4, done.stdout + done.stderr
    found = json.loads((tmp_path / "diff.json").read_text())
    assert found["data"] == []
    assert list(found["code"]) == ["rule train_network -> train_baseline"]
    assert all(path.startswith("tumours/{model}/seed-0/") for path in found["files"]["different"])
    assert found["environment"] is not None
    # Each metric is the one of the run's own evaluation.
    for change in found["metrics"]:
        for run, value in zip(runs, (change["before"], change["after"]), strict=True):
            evaluation = json.loads((finished.folder / run / "evaluation.json").read_text())
            assert evaluation["metrics"][change["metric"]]["value"] == value


def test_experiment_with_another_setting(finished: Workflow, copy: Workflow) -> None:
    again = copy.changed(evaluation={"ece_bins": 5}).run("results/manifest.json")
    assert again.returncode == 0, again.stdout
    done = diff(finished.folder, "results", copy.folder / "results")
    assert done.returncode == 4, done.stdout + done.stderr
    lines = {line[:12].strip(): line[12:] for line in done.stdout.splitlines() if line[0] != " "}
    assert lines["parameters"] == "evaluation.ece_bins: 10 -> 5"
    assert lines["code"] == "the same behind every rule"
    assert lines["data"] == "the same"
    assert "first different: tumours/" in done.stdout
    first, then = (json.loads((w.folder / "results/manifest.json").read_text())["files"]
                   for w in (finished, copy))  # fmt: skip
    digests = {entry["path"]: entry["sha256"] for entry in then}
    changed = [entry["path"] for entry in first if digests[entry["path"]] != entry["sha256"]]
    assert f"first different: {changed[0]} " in done.stdout
    assert f"{len(changed)} of {len(first)} files" in lines["verdict"]
