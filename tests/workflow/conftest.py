"""The smaller world, run once through the users' entry point."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass, field, replace
from pathlib import Path

import psutil
import pytest
import yaml

PROJECT = Path(__file__).parents[2]
# What a scientific file is not: times, hosts, stores, logs (docs/files.md calls them side files).
SIDE = (
    "status.json", "timing.csv", "environment.json", "uncommitted.diff", "environment.html",
    "mlflow/", "history/", "logs/", "benchmarks/", ".attempt/",
    ".snakemake_timestamp",
)  # fmt: skip


# Far more than any workflow here takes; one that hangs is ended, and tells how far it came.
LIMIT = 1200  # seconds


def output_of(process: subprocess.Popen[str]) -> str:
    """Return all that a workflow prints, when it has ended.

    Raises
    ------
    AssertionError
        If it has not ended by itself in good time; it is killed then, with all its jobs.
    """
    try:
        return process.communicate(timeout=LIMIT)[0]
    except subprocess.TimeoutExpired:
        running = []
        for child in psutil.Process(process.pid).children(recursive=True):
            with contextlib.suppress(psutil.NoSuchProcess):
                running.append(" ".join(child.cmdline()))
                child.kill()
        process.kill()
        said = process.communicate(timeout=10)[0]
        lines = "\n".join([f"still running after {LIMIT} s:", *running, said])
        raise AssertionError(lines) from None


def hear_interrupts() -> None:
    """Let a program hear Ctrl-C; one that a shell started in the background is deaf to it."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@dataclass(frozen=True)
class Workflow:
    """A working directory in which the workflow is run."""

    folder: Path
    config: Path = PROJECT / "config/test.yaml"
    project: Path = PROJECT
    environment: dict[str, str] = field(default_factory=dict)

    def start(self, *arguments: str, **options: object) -> subprocess.Popen[str]:
        """Start Snakemake and return its process."""
        command = [sys.executable, "-m", "snakemake"]
        command += ["--snakefile", str(self.project / "Snakefile")]
        # --configfile takes every word up to the next option.
        command += ["--configfile", str(self.project / "config/config.yaml"), str(self.config)]
        command += ["--cores", "2", *arguments]
        self.folder.mkdir(parents=True, exist_ok=True)
        return subprocess.Popen(
            command,
            cwd=self.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={
                **{k: v for k, v in os.environ.items() if k != "MLFLOW_TRACKING_URI"},
                **self.environment,
            },
            preexec_fn=hear_interrupts,
            **options,  # type: ignore[call-overload]
        )

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run Snakemake to its end."""
        process = self.start(*arguments)
        output = output_of(process)
        return subprocess.CompletedProcess(process.args, process.returncode, output)

    def jobs(self, *arguments: str) -> set[str]:
        """Return the rules that Snakemake would run."""
        done = self.run("--dry-run", *arguments)
        assert done.returncode == 0, done.stdout
        return set(re.findall(r"^(?:local)?rule (\w+):$", done.stdout, re.MULTILINE))

    def changed(self, **sections: dict) -> Workflow:
        """Return the same folder under a config that differs in these sections."""
        config = yaml.safe_load(self.config.read_text())
        _merge(config, sections)
        path = self.folder / "changed.yaml"
        path.write_text(yaml.safe_dump(config))
        return replace(self, config=path)

    def files(self) -> dict[str, bytes]:
        """Return every scientific file of results/."""
        root = self.folder / "results"
        names = {str(p.relative_to(root)): p for p in sorted(root.rglob("*")) if p.is_file()}
        return {n: p.read_bytes() for n, p in names.items() if not any(s in n for s in SIDE)}

    def manifest(self) -> dict[str, str]:
        """Return the digest of each file that the manifest lists."""
        manifest = json.loads((self.folder / "results/manifest.json").read_text())
        return {entry["path"]: entry["sha256"] for entry in manifest["files"]}


def _merge(into: dict, changes: dict) -> None:
    for key, value in changes.items():
        if isinstance(value, dict) and isinstance(into.get(key), dict):
            _merge(into[key], value)
        else:
            into[key] = value


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Workflow:
    """Return the smaller world after one complete run; not to be changed by a test."""
    workflow = Workflow(tmp_path_factory.mktemp("smaller-world"))
    done = workflow.run()
    assert done.returncode == 0, done.stdout
    return workflow


@pytest.fixture
def copy(finished: Workflow, tmp_path: Path) -> Workflow:
    """Return a copy of the finished world that a test may change."""
    shutil.copytree(finished.folder, tmp_path / "copy")
    return Workflow(tmp_path / "copy")
