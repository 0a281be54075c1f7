"""What Snakemake costs: the workflow against one process that does the same work."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from processes import HERE, Finished, environment, run, say

from results import Figure, Result, Table, ratios
from workflow import Job, jobs, new_folder, read_benchmarks, run_workflow

WHAT = (
    "Wall time of `snakemake --cores 2` over that of one Python process with two threads that runs "
    "the same subcommands in the same order: figures, report and MLflow included."
)
CORES = 2


def measure(quick: bool) -> Result:
    """Measure the two in turn."""
    steps = jobs(quick)
    workflow, process = [], []
    for repetition in range(1 if quick else 3):
        with new_folder() as folder:
            workflow.append(run_workflow(folder, CORES, quick))
            in_jobs = {
                rule: sum(row["s"] for row in rows)
                for rule, rows in read_benchmarks(folder).items()
            }
        say(f"{repetition + 1}: snakemake {workflow[-1].seconds:.1f} s")
        with new_folder() as folder:
            process.append(_one_process(folder, steps))
            in_process = json.loads(process[-1].output.strip().split("\n")[-1])
        say(f"{repetition + 1}: one process {process[-1].seconds:.1f} s")
    ours, theirs = ([f.seconds for f in runs] for runs in (workflow, process))
    figures = [
        Figure("snakemake / one process", ratios(ours, theirs), "", 1.3),
        Figure("snakemake --cores 2", tuple(ours), "s"),
        Figure("one process, 2 threads", tuple(theirs), "s"),
        Figure("CPU seconds, snakemake", tuple(f.cpu_seconds for f in workflow), "s"),
        Figure("CPU seconds, one process", tuple(f.cpu_seconds for f in process), "s"),
    ]
    rules = {job.arguments[0]: job.rule for job in steps}
    rows = [(rule, in_jobs[rule], in_process[command]) for command, rule in rules.items()]
    rows.append(("all", sum(in_jobs.values()), sum(in_process.values())))
    header = ("rule", "seconds in its jobs", "seconds in one process")
    return Result(
        figures,
        [Table("Seconds by step, of the last repetition", header, rows)],
        [
            "The one process imports each library once, in the step that first needs it; its jobs "
            "follow one another, while Snakemake's run two at a time."
        ],
    )


def _one_process(folder: Path, steps: list[Job]) -> Finished:
    commands = folder / "commands.json"
    commands.write_text(json.dumps([job.arguments for job in steps]))
    command = [sys.executable, str(HERE / "one_process.py"), str(commands), str(CORES)]
    return run(command, folder, environment(CORES))
