"""What is to be made again, and why it came out differently."""

from __future__ import annotations

import signal
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

from exprlab.errors import UserError
from exprlab.files import write_json
from exprlab.provenance.environment import environment
from exprlab.reproduce import reasons, rerun
from exprlab.reproduce.certificate import as_text
from exprlab.reproduce.original import Original, open_original
from exprlab.reproduce.rerun import run_again
from exprlab.reproduce.verify import DIFFERENT, WITHIN, Certificate, Mismatch, _cause

BLAS = {"library": "openblas", "version": "0.3.30", "kernel": "Haswell", "threads": 1}
RUNS = ("tumours/mlp/seed-0", "tumours/mlp/seed-1")


def manifest() -> dict[str, Any]:
    """Return a manifest of two runs that share their counts."""
    files = [{"path": "tumours/data/cohort.h5ad", "rule": "simulate_cohort", "inputs": {}}]
    for run in RUNS:
        features = f"tumours/preprocessing/{run[-6:]}/features.npy"
        for path, rule, inputs in (
            (features, "preprocess_counts", ["tumours/data/cohort.h5ad"]),
            (f"{run}/weights.safetensors", "train_network", [features]),
            (f"{run}/model/model.json", "calibrate_model", [f"{run}/weights.safetensors"]),
            (f"{run}/evaluation.json", "evaluate_model", [f"{run}/model/model.json"]),
        ):
            files.append({"path": path, "rule": rule, "inputs": dict.fromkeys(inputs, "0" * 64)})
    for entry in files:
        entry.update(sha256="0" * 64, size=1, params={})
    experiment = {"datasets": ["tumours"], "models": ["mlp"], "seeds": [0, 1], "train_sizes": [9]}
    config = {
        "experiment": experiment,
        "datasets": {"tumours": {}, "others": {}},
        "models": {"mlp": {}, "logistic": {}},
    }
    return {"format": 1, "exprlab": "0.1.0", "config": config, "rules": {}, "files": files}


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """Return a folder of results with a manifest."""
    folder = tmp_path / "results"
    for entry in manifest()["files"]:
        (folder / entry["path"]).parent.mkdir(parents=True, exist_ok=True)
        (folder / entry["path"]).touch()
    write_json(folder / "manifest.json", manifest())
    return folder


def test_run_is_itself_and_what_is_behind_it(results: Path, tmp_path: Path) -> None:
    run = open_original(str(results / RUNS[1]), tmp_path)
    assert [entry["path"] for entry in run.files] == [
        "tumours/data/cohort.h5ad",
        "tumours/preprocessing/seed-1/features.npy",
        f"{RUNS[1]}/weights.safetensors",
        f"{RUNS[1]}/model/model.json",
        f"{RUNS[1]}/evaluation.json",
    ]
    # Snakemake knows the folder of the model, not the files in it.
    assert f"{RUNS[1]}/model" in run.targets
    assert f"{RUNS[1]}/model/model.json" not in run.targets
    chosen = {"datasets": ["tumours"], "models": ["mlp"], "seeds": [1]}
    assert run.config["experiment"] == {**chosen, "train_sizes": []}
    assert set(run.config["models"]) == {"mlp"}
    assert set(run.config["datasets"]) == {"tumours"}


def test_run_with_fewer_training_samples_is_made_again_with_as_many(
    results: Path, tmp_path: Path
) -> None:
    (results / "tumours/mlp/seed-1-n-9").mkdir()
    whole = manifest()
    extra = {**whole["files"][-1], "path": "tumours/mlp/seed-1-n-9/evaluation.json"}
    write_json(results / "manifest.json", {**whole, "files": [*whole["files"], extra]})
    run = open_original(str(results / "tumours/mlp/seed-1-n-9"), tmp_path)
    chosen = {"datasets": ["tumours"], "models": ["mlp"], "seeds": [1], "train_sizes": [9]}
    assert run.config["experiment"] == chosen
    (results / "tumours/mlp/seed-1-n-8").mkdir()
    with pytest.raises(UserError, match="knows no such run"):
        open_original(str(results / "tumours/mlp/seed-1-n-8"), tmp_path)


def test_experiment_is_asked_for_by_its_manifest(results: Path, tmp_path: Path) -> None:
    for name in (results, results / "manifest.json"):
        whole = open_original(str(name), tmp_path)
        assert whole.targets == ["manifest.json"]
        assert whole.folder == results
        assert len(whole.files) == len(manifest()["files"])


def test_files_of_ones_own_lie_beside_results_that_are_a_link(
    results: Path, tmp_path: Path
) -> None:
    """As where results/ lies on a file system for large files."""
    project = tmp_path / "project"
    project.mkdir()
    (project / "results").symlink_to(results)
    for name in (project / "results", project / "results" / RUNS[1]):
        assert open_original(str(name), tmp_path).place == project
    (tmp_path / "best").symlink_to(project / "results" / RUNS[1])
    assert open_original(str(tmp_path / "best"), tmp_path).run == ("tumours", "mlp", "seed-1")


def test_manifest_alone_is_enough(tmp_path: Path) -> None:
    write_json(tmp_path / "kept.json", manifest())
    assert open_original(str(tmp_path / "kept.json"), tmp_path).folder is None


@pytest.mark.parametrize(
    "name",
    [
        "tumours",
        "tumours/data",
        "tumours/preprocessing/seed-1",
        "tumours/mlp",
        "tumours/mlp/seed-1/model",
        "tumours/mlp/seed-2",
        "../nowhere",
    ],
)
def test_folder_of_no_run_is_refused(results: Path, tmp_path: Path, name: str) -> None:
    if name != "../nowhere":
        (results / name).mkdir(parents=True, exist_ok=True)
    with pytest.raises(UserError):
        open_original(str(results / name), tmp_path)


def test_folder_that_looks_like_a_run_is_told_the_runs(results: Path, tmp_path: Path) -> None:
    (results / "tumours/data/figures").mkdir()
    with pytest.raises(UserError, match="knows no such run; its runs are tumours/mlp/seed-0"):
        open_original(str(results / "tumours/data/figures"), tmp_path)


def test_this_environment_is_this_environment() -> None:
    now = environment()
    assert reasons.environment_changes(now, now) == []
    assert reasons.hardware_changes(now, now) == []


@pytest.mark.parametrize(
    ("before", "now", "lines"),
    [
        # What was not recorded is no change.
        ({}, {"python": "3.11.7", "packages": {"numpy": "2.4.6"}}, []),
        ({"python": "3.11.7"}, {"python": "3.12.1"}, ["python: 3.11.7 -> 3.12.1"]),
        (
            {"packages": {"numpy": "2.4.6", "old": "1"}},
            {"packages": {"numpy": "2.5.0", "new": "2"}},
            ["new absent -> 2", "numpy 2.4.6 -> 2.5.0", "old 1 -> absent"],
        ),
        # Which libraries a process has loaded, and with how many threads, is no difference.
        ({"blas": []}, {"blas": [BLAS]}, []),
        ({"blas": [BLAS]}, {"blas": [{**BLAS, "threads": 4}]}, []),
        ({"blas": [BLAS, {**BLAS, "version": "0.3.31"}]}, {"blas": [BLAS]}, []),
        (
            {"blas": [BLAS]},
            {"blas": [{**BLAS, "kernel": "Zen"}]},
            ["openblas: 0.3.30 (Haswell) -> 0.3.30 (Zen)"],
        ),
        (
            {"switches": {"MKL_CBWR": "AVX2"}},
            {"switches": {}},
            ["switches.MKL_CBWR: AVX2 -> absent"],
        ),
    ],
)
def test_software(before: dict, now: dict, lines: list[str]) -> None:
    assert reasons.environment_changes(before, now) == lines


def test_hardware() -> None:
    gpu = [{"name": "A100", "driver": "570"}]
    assert reasons.hardware_changes({"gpus": gpu}, {"gpus": []}) == [f"gpus: {gpu} -> []"]
    assert reasons.hardware_changes({}, {"gpus": gpu}) == []
    assert reasons.hardware_changes({"processor": ""}, {"processor": "Xeon"}) == []


def test_reason_may_lie_behind_the_file(tmp_path: Path) -> None:
    """Edited training within the tolerance flips a prediction: the reason is the training."""
    run, other = RUNS
    original = Original("results", manifest(), manifest()["files"], None, {})
    found = [
        Mismatch(f"{other}/weights.safetensors", "train_network", WITHIN, ""),
        Mismatch(f"{run}/evaluation.json", "evaluate_model", DIFFERENT, ""),
    ]
    certificate = Certificate("results", None, "0.1.0", 9, mismatches=found)
    certificate.code = {"train_network": ["training/fit.py was edited"]}
    # The other run's training is not behind this file.
    assert _cause(found[1], original, tmp_path, certificate)[0] == "unknown"
    found.insert(0, Mismatch(f"{run}/weights.safetensors", "train_network", WITHIN, ""))
    assert _cause(found[2], original, tmp_path, certificate) == (
        "code",
        ["training/fit.py was edited"],
    )


def test_certificate_claims_nothing_that_was_not_recorded() -> None:
    known = Certificate("results", None, "0.1.0", 3)
    assert "hardware    as recorded" in as_text(known)
    unknown = Certificate("results", None, "0.1.0", 3, recorded=False)
    assert "as recorded" not in as_text(unknown).replace("not recorded", "")


def test_a_profile_of_the_user_does_not_send_the_proof_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SNAKEMAKE_PROFILE", "/home/me/profiles/slurm")
    command = [sys.executable, "-c", "import os; print(*os.environ)"]
    with rerun._workflow(command, tmp_path) as process:
        names = process.stdout.read().split()
    assert "PATH" in names
    assert "SNAKEMAKE_PROFILE" not in names


def test_interrupt_ends_even_a_workflow_that_does_not_listen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And all that it has started."""
    script = tmp_path / "deaf.py"
    script.write_text(
        "import signal, subprocess, sys, time\n"
        "signal.signal(signal.SIGINT, signal.SIG_IGN)\n"
        "child = subprocess.Popen(['sleep', '1000.5'])\n"
        "print('1 of 2 steps (50%) done', flush=True)\n"
        "time.sleep(1000)\n"
    )
    monkeypatch.setattr(rerun, "GRACE", 0.5)
    monkeypatch.setattr(rerun, "command_of", lambda *_: [sys.executable, str(script)])

    def interrupt(line: str) -> None:
        raise KeyboardInterrupt

    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        run_again(Path("Snakefile"), {}, [], tmp_path / "work", 1, interrupt)
    assert time.monotonic() - began < 30
    # A process that was killed is seen for a moment longer.
    while is_alive("1000.5") and time.monotonic() - began < 30:
        time.sleep(0.05)
    assert not is_alive("1000.5")
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def is_alive(word: str) -> bool:
    commands = (process.info["cmdline"] for process in psutil.process_iter(["cmdline"]))
    return any(word in (command or []) for command in commands)
