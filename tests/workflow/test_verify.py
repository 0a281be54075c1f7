"""`exprlab verify` on real results: proven, nearly proven, refuted, and why."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from workflow.conftest import PROJECT, Workflow
from workflow.test_mlflow import runs_of

from exprlab.files import read_arrays, sha256, write_arrays, write_json

RUN = "tumours/logistic/seed-1"


def verify(
    what: str | Path, folder: Path, *options: str, source: Path = PROJECT
) -> subprocess.CompletedProcess[str]:
    """Call the command in a folder, with the package of `source`."""
    command = [sys.executable, "-m", "exprlab", "verify", str(what), "--cores", "2"]
    command += ["--snakefile", str(source / "Snakefile"), *options]
    environment = {**os.environ, "PYTHONPATH": str(source / "src")}
    environment.pop("MLFLOW_TRACKING_URI", None)
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


def test_experiment_is_identical(finished: Workflow, tmp_path: Path) -> None:
    done = verify("results", finished.folder, "--output", str(tmp_path / "certificate.json"))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "IDENTICAL: all " in done.stdout
    certificate = json.loads((tmp_path / "certificate.json").read_text())
    assert certificate["n_files"] == len(finished.manifest())
    assert certificate["code"] == {}
    assert certificate["mismatches"] == []


def test_one_run_is_found_by_its_mlflow_id_alone(finished: Workflow, tmp_path: Path) -> None:
    run_id = runs_of(finished)[RUN].info.run_id
    # Nothing but the store: the files of the results are not at hand.
    shutil.copytree(finished.folder / "results/mlflow", tmp_path / "results/mlflow")
    done = verify(run_id, tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"run {RUN}" in done.stdout
    assert "IDENTICAL" in done.stdout


def test_flipped_byte_is_named(copy: Workflow) -> None:
    path = copy.folder / "results" / RUN / "predictions.parquet"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(bytes(content))
    done = verify("results", copy.folder)
    assert done.returncode == 4, done.stdout + done.stderr
    assert f"{RUN}/predictions.parquet" in done.stdout
    assert "1 of " in done.stdout


def test_nearly_the_same_numbers_are_within_tolerance(copy: Workflow) -> None:
    path = copy.folder / "results" / RUN / "weights.safetensors"
    arrays = read_arrays(path)
    name = max(arrays, key=lambda key: arrays[key].size)
    arrays[name] = arrays[name] * (1 + 1e-6)
    write_arrays(path, arrays)
    pretend(copy, f"{RUN}/weights.safetensors")
    done = verify(f"results/{RUN}", copy.folder)
    assert done.returncode == 3, done.stdout + done.stderr
    assert "IDENTICAL WITHIN TOLERANCE" in done.stdout
    assert "tolerance   numbers: 0.001 + 0.001 * max(|a|, |b|); pictures: 2%" in done.stdout
    assert f"largest difference in {RUN}/weights.safetensors" in done.stdout
    assert name in done.stdout


def test_other_numbers_are_different(copy: Workflow) -> None:
    path = copy.folder / "results" / RUN / "weights.safetensors"
    arrays = read_arrays(path)
    write_arrays(path, {name: array + 0.5 for name, array in arrays.items()})
    pretend(copy, f"{RUN}/weights.safetensors")
    done = verify(f"results/{RUN}", copy.folder)
    assert done.returncode == 4, done.stdout + done.stderr
    assert f"first in {RUN}/weights.safetensors (rule train_baseline)" in done.stdout


def test_edited_code_is_the_reason(copy: Workflow, tmp_path: Path) -> None:
    source = tmp_path / "source"
    for name in ("src", "workflow", "config"):
        ignore = shutil.ignore_patterns("__pycache__", "*.egg-info")
        shutil.copytree(PROJECT / name, source / name, ignore=ignore)
    shutil.copyfile(PROJECT / "Snakefile", source / "Snakefile")
    module = source / "src/exprlab/evaluation/metrics.py"
    text = module.read_text()
    edited = text.replace("return np.divide(above, below,", "return 0.9 * np.divide(above, below,")
    assert edited != text
    module.write_text(edited)
    done = verify(f"results/{RUN}", copy.folder, source=source)
    assert done.returncode == 4, done.stdout + done.stderr
    # The oracle is judged by the same code, and before the models, which are measured against it.
    split = RUN.rpartition("/")[2]
    assert f"first in tumours/oracle/{split}/evaluation.json (rule evaluate_oracle)" in done.stdout
    (why,) = [line for line in done.stdout.splitlines() if line.startswith("why")]
    assert why.split() == ["why", "code"]
    assert "evaluation/metrics.py was edited" in done.stdout


def test_from_elsewhere_and_through_odd_folders(finished: Workflow, tmp_path: Path) -> None:
    """Nothing depends on the working directory, and nothing stays behind."""
    results = tmp_path / "all my results" / "of 2026"
    shutil.copytree(finished.folder / "results", results)
    elsewhere, temporary = tmp_path / "elsewhere", tmp_path / "tmp with spaces"
    elsewhere.mkdir()
    temporary.mkdir()
    # Another workflow that happens to lie here.
    (elsewhere / "Snakefile").write_text("rule all:\n    output: 'x'\n")
    command = [sys.executable, "-m", "exprlab", "verify", str(results / RUN), "--cores", "2"]
    environment = {**os.environ, "TMPDIR": str(temporary)}
    done = subprocess.run(
        command, cwd=elsewhere, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "IDENTICAL: all " in done.stdout
    assert "steps (100%) done" in done.stdout
    assert [path.name for path in elsewhere.iterdir()] == ["Snakefile"]
    assert list(temporary.iterdir()) == []


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_interrupted_proof_leaves_nothing(
    finished: Workflow, tmp_path: Path, number: signal.Signals, code: int
) -> None:
    command = [sys.executable, "-m", "exprlab", "verify", f"results/{RUN}", "--cores", "2"]
    process = subprocess.Popen(
        command, cwd=finished.folder, env={**os.environ, "TMPDIR": str(tmp_path)}, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    for line in process.stdout:
        if "steps (" in line:  # the workflow is in the midst of it
            break
    process.send_signal(number)
    process.communicate(timeout=60)
    assert process.returncode == code
    assert list(tmp_path.iterdir()) == []
    assert not [name for name in commands() if str(tmp_path) in name]


def commands() -> Iterator[str]:
    """Yield what each process of this machine was called with."""
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            yield path.read_bytes().replace(b"\0", b" ").decode(errors="replace")


def test_workflow_that_fails_is_told(finished: Workflow, tmp_path: Path) -> None:
    """With the log of the job that failed, for its file is gone with the scratch folder."""
    snakefile = tmp_path / "Snakefile"
    command = "echo no disk left > {log}; exit 1"
    snakefile.write_text(
        f"rule all:\n    output: 'results/manifest.json'\n    log: 'all.log'\n"
        f"    shell: '{command}'\n"
    )
    (tmp_path / "tmp").mkdir()
    done = verify(
        "results",
        finished.folder,
        "--snakefile",
        str(snakefile),
        "--scratch",
        str(tmp_path / "tmp"),
    )
    assert done.returncode == 2
    assert "the workflow failed" in done.stderr
    assert "no disk left" in done.stderr
    assert list((tmp_path / "tmp").iterdir()) == []


@pytest.mark.parametrize(
    "what",
    [
        "nowhere",
        "0" * 32,
        "/",
        "results/tumours",
        "results/tumours/data/figures",
        "results/tumours/preprocessing/seed-0",
        f"results/{RUN}/model",
        f"results/{RUN}/params.json",
        f"results/{RUN}/metrics.csv",
    ],
)
def test_what_cannot_be_proven_is_told(finished: Workflow, what: str) -> None:
    done = verify(what, finished.folder)
    assert done.returncode == 2
    assert done.stderr.startswith("error: ")
    assert "Traceback" not in done.stderr


def pretend(workflow: Workflow, name: str) -> None:
    """Let the manifest believe that a changed file had been made so."""
    path = workflow.folder / "results/manifest.json"
    manifest = json.loads(path.read_text())
    (entry,) = [entry for entry in manifest["files"] if entry["path"] == name]
    entry["sha256"] = sha256(workflow.folder / "results" / name)
    write_json(path, manifest)
