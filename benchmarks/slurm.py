"""What a job of exprlab's costs on SLURM beyond its work, beside one of a plain Snakefile."""

from __future__ import annotations

import csv
import sys
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from processes import PROJECT, environment, run, say

from results import Figure, Result, Table
from workflow import SNAKEMAKE, configs, new_folder

sys.path.insert(0, str(PROJECT / "tests"))
from cluster.lab import HURRY, PROFILE, lab_cluster

WHAT = (
    "Seconds of a SLURM job in which none of its commands runs, one job at a time on the lab "
    "cluster: the smaller world's jobs beside those of a Snakefile that only sleeps."
)
STEPS = ("train_baseline", "calibrate_model", "evaluate_model", "explain_model", "present_run",
         "predict_samples")  # fmt: skip
ALONE = ("simulate_cohort", "compute_oracle", "compare_models", "compare_genes")
# Single steps, and as many in a group as a run of exprlab's has.
PLAIN = f"""
STEPS = {STEPS}

rule all:
    input: expand("{{step}}-{{i}}", step=["alone", STEPS[-1]], i=range(4))
    localrule: True

rule alone:
    output: touch("alone-{{i}}")
    benchmark: "results/benchmarks/alone/{{i}}.tsv"
    resources: runtime=5
    shell: "sleep 1"

for before, step in zip(("", *STEPS), STEPS):
    rule:
        name: step
        input: f"{{before}}-{{{{i}}}}" if before else []
        output: touch(f"{{step}}-{{{{i}}}}")
        benchmark: f"results/benchmarks/{{step}}/{{{{i}}}}.tsv"
        group: "run"
        resources: runtime=5  # added up, they have to stay below the partition's limit
        shell: "sleep 1"
"""


def measure(quick: bool) -> Result:
    """Run the smaller world and the plain workflow, a job at a time."""
    del quick  # both are small
    options = ["--profile", str(PROFILE), *HURRY, "--cores", "2", "--jobs", "1"]
    with lab_cluster() as lab, new_folder() as ours, new_folder() as plain:
        (ours / "study.json").write_text('{"experiment": {"models": ["logistic"]}}')
        say("the smaller world")
        run([*SNAKEMAKE, *configs(True), "study.json", *options], ours, environment(**lab))
        jobs = _jobs(lab)
        (plain / "Snakefile").write_text(PLAIN)
        say("a plain Snakefile")
        run([sys.executable, "-m", "snakemake", *options], plain, environment(**lab))
        plain_jobs = _jobs(lab)[len(jobs) :]
        rows = [
            ("one step", *_beyond(jobs, ours, ALONE, ALONE)),
            ("one step, plain", *_beyond(plain_jobs, plain, ["alone"], ["alone"])),
            ("a run", *_beyond(jobs, ours, ["run"], STEPS)),
            ("a run, plain", *_beyond(plain_jobs, plain, ["run"], STEPS)),
        ]
    figures = [
        Figure("a job of one step, beyond a plain one", (rows[0][2] - rows[1][2],), "s", 3),
        Figure("a job of a run, beyond a plain one", (rows[2][2] - rows[3][2],), "s", 3),
    ]
    title = "Seconds of a job in which none of its commands runs, mean"
    note = f"A run is a group of {len(STEPS)} steps. SLURM tells whole seconds."
    return Result(figures, [Table(title, ("job", "jobs", "seconds"), rows)], [note])


def _jobs(lab: dict[str, str]) -> list[tuple[str, float]]:
    """Return rule or group, and seconds from start to end, of the jobs so far, in their order."""
    command = ["squeue", "--noheader", "--states=all", "--sort=i", "--format=%k|%S|%e"]
    lines = run(command, env=environment(**lab)).output.splitlines()
    rows = [line.split("|") for line in lines]
    return [
        (
            comment.removeprefix("rule_").partition("_wildcards_")[0],
            (datetime.fromisoformat(end) - datetime.fromisoformat(start)).total_seconds(),
        )
        for comment, start, end in rows
    ]


def _beyond(
    jobs: list[tuple[str, float]], folder: Path, names: Sequence[str], steps: Sequence[str]
) -> tuple[int, float]:
    """Return the number of these jobs, and their mean seconds in which none of their steps ran."""
    whole = [seconds for name, seconds in jobs if any(name.startswith(n) for n in names)]
    return len(whole), (sum(whole) - _busy(folder, steps)) / len(whole)


def _busy(folder: Path, steps: Sequence[str]) -> float:
    """Return the seconds in which one of these steps ran, or several side by side."""
    root = folder / "results/benchmarks"
    spans = []
    for path in sorted(root.rglob("*.tsv")):
        if path.relative_to(root).parts[0].removesuffix(".tsv") in steps:
            end = path.stat().st_mtime  # Snakemake writes it when a step has ended
            with path.open() as stream:
                spans.append((end - float(next(csv.DictReader(stream, delimiter="\t"))["s"]), end))
    busy = until = 0.0
    for start, end in sorted(spans):
        busy += max(0.0, end - max(start, until))
        until = max(until, end)
    return busy
