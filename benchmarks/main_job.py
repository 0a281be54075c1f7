"""The default experiment, end to end: wall time, memory, and where the time goes."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise
from typing import Any

from processes import Finished, run, say

from results import Figure, Result, Table
from workflow import (
    SNAKEMAKE,
    configs,
    jobs,
    new_folder,
    read_benchmarks,
    read_probes,
    run_workflow,
)

WHAT = (
    "The default experiment in a new folder with 2 and with 4 cores: wall time, the memory of its "
    "largest job, and per rule the seconds of imports and of work."
)
GIB = 2**10


def measure(quick: bool) -> Result:
    """Run the experiment with 2 and 4 cores in turn."""
    rules = {job.arguments[0]: job.rule for job in jobs(quick)}
    runs: dict[int, list[Finished]] = {2: [], 4: []}
    for repetition in range(1 if quick else 2):
        for cores in runs:
            with new_folder() as folder:
                finished = run_workflow(folder, cores, quick, probes=True)
                runs[cores].append(finished)
                say(f"{repetition + 1}: --cores {cores}: {finished.seconds:.1f} s")
                if cores == 2:
                    probes, sampled = read_probes(folder), read_benchmarks(folder)
                    nothing = run([*SNAKEMAKE, "--cores", "2", *configs(quick)], folder)
    two = runs[2]
    figures = [
        Figure("wall, --cores 2", _seconds(two), "s", 150),
        Figure("wall, --cores 4", _seconds(runs[4]), "s"),
        Figure("CPU seconds, --cores 2", tuple(r.cpu_seconds for r in two), "s"),
        Figure("largest process, --cores 2", tuple(r.peak_mib / GIB for r in two), "GiB", 3),
        Figure("snakemake --cores 2 again, nothing to do", (nothing.seconds,), "s"),
    ]
    return Result(
        figures,
        [
            _by_rule(rules, probes, sampled),
            _by_import(rules, probes),
            _by_core(two[-1], probes),
        ],
        [
            "largest process: the kernel's high-water mark of any process below Snakemake. "
            "peak: the same of the rule's Python processes, read as they end. "
            "sampled: max_rss of Snakemake's benchmark files; it adds the shell (and tee, in the "
            "training rules) to Python, and samples every 0.5 s at first, then every 30 s, so it "
            "can miss a peak.",
            "seconds: from Snakemake's benchmark files. imports: wall time within imports, "
            "measured in the job itself. start and end: seconds of the shell and of Python's start "
            "and end. work: the rest.",
            "Tables are of the last run with 2 cores.",
        ],
    )


def _seconds(runs: Iterable[Finished]) -> tuple[float, ...]:
    return tuple(run.seconds for run in runs)


def _by_rule(rules: dict[str, str], probes: list[dict[str, Any]], sampled: dict) -> Table:
    rows = []
    for command, rule in rules.items():
        own = [probe for probe in probes if probe["command"] == command]
        files = sampled[rule]
        seconds = sum(row["s"] for row in files)
        imports = sum(sum(probe["imports"].values()) for probe in own)
        alive = sum(probe["end"] - probe["start"] for probe in own)
        cpu = sum(probe["cpu"] for probe in own)
        peak = max(probe["peak_mib"] for probe in own)
        largest = max((row.get("max_rss", 0.0) for row in files), default=0.0)
        start_end = max(seconds - alive, 0.0)
        row = (rule, len(own), seconds, cpu, imports, alive - imports, start_end, peak, largest)
        rows.append(row)
    total = ("all", *(sum(row[i] for row in rows) for i in range(1, 7)))
    rows.append((*total, max(row[7] for row in rows), max(row[8] for row in rows)))
    header = ("rule", "jobs", "seconds", "CPU s", "imports s", "work s", "start and end s")
    return Table(
        "Seconds by rule, summed over its jobs", (*header, "peak MiB", "sampled MiB"), rows
    )


def _by_import(rules: dict[str, str], probes: list[dict[str, Any]]) -> Table:
    """Return the mean import seconds of a job by package; the innermost package is charged."""
    rows = []
    for command, rule in rules.items():
        own = [probe["imports"] for probe in probes if probe["command"] == command]
        packages = {name for imports in own for name in imports}
        mean = {p: sum(imports.get(p, 0.0) for imports in own) / len(own) for p in packages}
        ranked = sorted(mean.items(), key=lambda item: -item[1])
        parts = ", ".join(f"{name} {seconds:.2f}" for name, seconds in ranked if seconds >= 0.02)
        rows.append((rule, sum(mean.values()), parts))
    return Table("Import seconds of one job", ("rule", "all", "by package"), rows)


def _by_core(finished: Finished, probes: list[dict[str, Any]]) -> Table:
    """Return how the wall time divides by the number of jobs that ran."""
    changes = sorted(
        [(probe["start"], 1) for probe in probes] + [(probe["end"], -1) for probe in probes]
    )
    first = changes[0][0] - finished.started
    last = finished.started + finished.seconds - changes[-1][0]
    spent = [0.0, 0.0, 0.0]  # with no job, one, more
    running = 0
    for (moment, change), (following, _) in pairwise(changes):
        running += change
        spent[min(running, 2)] += following - moment
    idle, one, more = spent
    rows = [
        ("before the first job (Snakemake starts)", first),
        ("no job between two (Snakemake, shell, start of Python)", idle),
        ("after the last job (Snakemake ends)", last),
        ("Snakemake's own share: the three above", first + idle + last),
        ("one job runs", one),
        ("two jobs or more run", more),
        ("wall", finished.seconds),
    ]
    return Table("Where the wall time goes", ("part", "seconds"), rows)
