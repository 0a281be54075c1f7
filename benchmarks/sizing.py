"""What jobs of each rule take and ask for, by the size of the cohort."""

from __future__ import annotations

import json
import re
from pathlib import Path

from processes import run, say

from results import Figure, Result, Table
from workflow import SNAKEMAKE, configs, new_folder, read_benchmarks

WHAT = (
    "The default experiment with one seed and cohorts of 300, 3,000 and 10,000 samples by 20,000 "
    "genes, two cores: the largest memory and the longest time of a job of each rule, beside the "
    "memory that the rule asks for."
)
# What is told of a rule: MiB used, MiB asked for, seconds.
Facts = tuple[float, float, float]


def measure(quick: bool) -> Result:
    """Run each size once."""
    sizes = (100, 200) if quick else (300, 3000, 10000)
    found: dict[str, dict[int, Facts]] = {}
    seconds, disk = [], []
    for n_samples in sizes:
        with new_folder() as folder:
            say(f"{n_samples} samples")
            study = {
                "experiment": {"seeds": [0]},
                "datasets": {"tumours": {"n_samples": n_samples}},
                "split": {"design": "holdout"},
            }
            (folder / "study.json").write_text(json.dumps(study))
            command = [*SNAKEMAKE, "--cores", "2", *configs(quick), "study.json"]
            asked = _asked(run([*command, "-n"], folder).output)
            seconds.append(run(command, folder).seconds)
            disk.append(_mib(folder / "results"))
            for rule, rows in read_benchmarks(folder).items():
                used = max(row.get("max_rss", 0) for row in rows)
                longest = max(row["s"] for row in rows)
                found.setdefault(rule, {})[n_samples] = (used, asked[rule], longest)
    header = ["rule"]
    for n_samples in sizes:
        header += [f"{n_samples:,}: MiB used", "asked for", "s"]
    rows = [
        (rule, *(fact for n_samples in sizes for fact in facts[n_samples]))
        for rule, facts in found.items()
    ]
    figures = [
        Figure(f"{n_samples:,} samples: {name}", (value,), unit)
        for name, values, unit in (("wall", seconds, "s"), ("results/", disk, "MiB"))
        for n_samples, value in zip(sizes, values, strict=True)
    ]
    shares = [used / asked for facts in found.values() for used, asked, _ in facts.values()]
    figures.append(Figure("largest share of what is asked for", (max(shares),), "", 1))
    return Result(figures, [Table("Jobs of each rule", tuple(header), rows)], [])


def _asked(dry_run: str) -> dict[str, float]:
    """Return the mem_mb that each rule asks for; SLURM takes them as MiB."""
    found, rule = {}, ""
    for line in dry_run.splitlines():
        if match := re.match(r"(?:local)?rule (\w+):", line):
            rule = match[1]
        elif match := re.search(r"mem_mb=(\d+)", line):
            found[rule] = int(match[1])
    return found


def _mib(folder: Path) -> float:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 2**20
