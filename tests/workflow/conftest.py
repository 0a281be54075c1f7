"""The smaller world, run once through the users' entry point."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import psutil
import pytest
import yaml
from cluster.server import postgres_binaries, tracking_server

PROJECT = Path(__file__).parents[2]
# What a scientific file is not: times, hosts, stores, logs (docs/files.md calls them side files).
SIDE = (
    "status.json", "timing.csv", "environment.json", "uncommitted.diff", "environment.html",
    "failures.html",
    "mlflow/", "history/", "logs/", "benchmarks/", ".attempt/",
    ".snakemake_timestamp",
)  # fmt: skip


# Far more than any workflow here takes; one that hangs is ended, and tells how far it came.
LIMIT = 2000  # seconds


class Snakemake(subprocess.Popen[str]):
    """A call of Snakemake under way.

    What it says goes to a file: into a pipe that nobody reads for a while, it would hang when
    64 kB are in it.
    """

    def __init__(self, command: list[str], **options: Any) -> None:
        self._said = tempfile.NamedTemporaryFile()  # noqa: SIM115 (open as long as this object)
        super().__init__(command, stdout=self._said, stderr=subprocess.STDOUT, **options)

    def said(self) -> str:
        """Return what it has said so far."""
        return Path(self._said.name).read_text(errors="replace")

    def output(self) -> str:
        """Return all that it says, when it has ended.

        Raises
        ------
        AssertionError
            If it has not ended by itself in good time; it is killed then, with all its jobs.
        """
        try:
            self.wait(LIMIT)
        except subprocess.TimeoutExpired:
            running = []
            for child in psutil.Process(self.pid).children(recursive=True):
                with contextlib.suppress(psutil.NoSuchProcess):
                    running.append(" ".join(child.cmdline()))
                    child.kill()
            self.kill()
            lines = "\n".join([f"still running after {LIMIT} s:", *running, self.said()])
            raise AssertionError(lines) from None
        return self.said()


# What takes longest begins first, so that both workers of xdist end at about the same time.
LONGEST = ("test_reproducibility.py", "test_cluster.py", "test_chaos.py", "test_own_cohorts.py")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the files with the longest tests in front, in their own order."""
    order = {name: place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: order.get(item.path.name, len(order)))


@dataclass(frozen=True)
class Workflow:
    """A working directory in which the workflow is run."""

    folder: Path
    config: Path = PROJECT / "config/test.yaml"
    project: Path = PROJECT
    environment: dict[str, str] = field(default_factory=dict)

    def start(self, *arguments: str, **options: Any) -> Snakemake:
        """Start Snakemake and return its process."""
        command = [sys.executable, "-m", "snakemake"]
        command += ["--snakefile", str(self.project / "Snakefile")]
        # --configfile takes every word up to the next option.
        command += ["--configfile", str(self.project / "config/config.yaml"), str(self.config)]
        command += ["--cores", "2", *arguments]
        self.folder.mkdir(parents=True, exist_ok=True)
        return Snakemake(
            command,
            cwd=self.folder,
            env={
                **{k: v for k, v in os.environ.items() if k != "MLFLOW_TRACKING_URI"},
                **self.environment,
            },
            **options,
        )

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run Snakemake to its end."""
        process = self.start(*arguments)
        output = process.output()
        return subprocess.CompletedProcess(process.args, process.returncode, output)

    def jobs(self, *arguments: str) -> set[str]:
        """Return the rules that Snakemake would run."""
        done = self.run("--dry-run", *arguments)
        assert done.returncode == 0, done.stdout
        return set(re.findall(r"^ *(?:local)?rule (\w+):$", done.stdout, re.MULTILINE))

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


@pytest.fixture(scope="session")
def one_seed(tmp_path_factory: pytest.TempPathFactory) -> Workflow:
    """Return the smaller world with one seed, half the work; not to be changed by a test."""
    folder = tmp_path_factory.mktemp("one-seed")
    workflow = Workflow(folder).changed(experiment={"seeds": [1]})
    done = workflow.run()
    assert done.returncode == 0, done.stdout
    return workflow


@pytest.fixture
def copy(finished: Workflow, tmp_path: Path) -> Workflow:
    """Return a copy of the finished world that a test may change."""
    shutil.copytree(finished.folder, tmp_path / "copy")
    return Workflow(tmp_path / "copy")


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """Return the address of an MLflow server over PostgreSQL; with CI it has to be there."""
    if "CI" not in os.environ and postgres_binaries() is None:
        pytest.skip("no PostgreSQL: as root, apt-get install postgresql")
    with tracking_server() as address:
        yield address
