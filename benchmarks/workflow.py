"""Runs the workflow in a new folder, as a user would, and says what its jobs did."""

from __future__ import annotations

import csv
import json
import os
import re
import shlex
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from processes import HERE, PROJECT, Finished, environment, run, say

SNAKEMAKE = (sys.executable, "-m", "snakemake", "--snakefile", str(PROJECT / "Snakefile"))


@dataclass(frozen=True)
class Job:
    """A job of the workflow: its rule and the arguments of `exprlab`."""

    rule: str
    arguments: list[str]


@contextmanager
def new_folder() -> Iterator[Path]:
    """Give a folder that is deleted afterwards."""
    with tempfile.TemporaryDirectory(prefix="exprlab-benchmark-") as name:
        yield Path(name)


def configs(quick: bool) -> list[str]:
    """Return the option that names the default experiment, or the smaller world."""
    names = ["config.yaml", "test.yaml"] if quick else ["config.yaml"]
    return ["--configfile", *(str(PROJECT / "config" / name) for name in names)]


def run_workflow(folder: Path, cores: int, quick: bool, probes: bool = False) -> Finished:
    """Run the workflow in a folder; with `probes`, its jobs leave notes for `read_probes`."""
    more = {}
    if probes:
        (folder / "probes").mkdir()
        path = os.pathsep.join(filter(None, [str(HERE / "probe"), os.environ.get("PYTHONPATH")]))
        more = {"EXPRLAB_PROBE": str(folder / "probes"), "PYTHONPATH": path}

    def show(line: str) -> None:
        if re.match(r"\d+ of \d+ steps", line):
            say(f"snakemake --cores {cores}: {line.strip()}")

    command = [*SNAKEMAKE, "--cores", str(cores), *configs(quick)]
    return run(command, folder, environment(**more), on_line=show)


def jobs(quick: bool) -> list[Job]:
    """Return all jobs in an order in which they can run, as a dry run tells them."""
    with new_folder() as folder:
        output = run([*SNAKEMAKE, "-n", "-p", "--cores", "2", *configs(quick)], folder).output
    found, rule = [], ""
    for line in output.splitlines():
        if match := re.match(r"(?:local)?rule (\w+):", line):
            rule = match[1]
        elif line.startswith("Shell command: python -m exprlab "):
            words = shlex.split(line.partition(" -m exprlab ")[2])
            end = next(i for i, word in enumerate(words) if word in (">", "2>&1", "|"))
            found.append(Job(rule, words[:end]))
    return found


def read_probes(folder: Path) -> list[dict[str, Any]]:
    """Return what the jobs noted: command, start, end, cpu, imports and peak_mib."""
    return [json.loads(path.read_text()) for path in (folder / "probes").glob("*.json")]


def read_benchmarks(folder: Path) -> dict[str, list[dict[str, float]]]:
    """Return Snakemake's own measurements of the jobs of each rule: s, max_rss, cpu_time."""
    root = folder / "results/benchmarks"
    rules: dict[str, list[dict[str, float]]] = {}
    for path in sorted(root.rglob("*.tsv")):
        rule = path.relative_to(root).parts[0].removesuffix(".tsv")
        with path.open() as stream:
            row = next(csv.DictReader(stream, delimiter="\t"))
        # A job shorter than the sampling interval has NA.
        values = {
            k: float(row[k]) for k in ("s", "max_rss", "cpu_time") if row[k] not in ("NA", "-")
        }
        rules.setdefault(rule, []).append(values)
    return rules
