"""How long Snakemake takes to plan a study of a thousand runs."""

from __future__ import annotations

import json

from processes import PROJECT, run, say

from results import Figure, Result
from workflow import SNAKEMAKE, configs, new_folder

WHAT = (
    "Wall time of `snakemake -n` for two models with 500 seeds each, from nothing: 8,518 jobs, on "
    "this machine and grouped for SLURM."
)
WAYS = {"local": [], "profiles/slurm": ["--profile", str(PROJECT / "profiles/slurm")]}


def measure(quick: bool) -> Result:
    """Plan both ways in turn."""
    n_seeds, repetitions = (20, 1) if quick else (500, 3)
    seconds: dict[str, list[float]] = {way: [] for way in WAYS}
    peak = 0.0
    with new_folder() as folder:
        study = {"name": "thousand", "models": ["mlp", "logistic"], "seeds": list(range(n_seeds))}
        (folder / "study.json").write_text(json.dumps({"experiment": study}))
        command = [*SNAKEMAKE, "-n", "-q", "rules", "--cores", "2", *configs(True), "study.json"]
        for repetition in range(repetitions):
            for way, options in WAYS.items():
                finished = run([*command, *options], folder)
                seconds[way].append(finished.seconds)
                peak = max(peak, finished.peak_mib)
                say(f"{repetition + 1}: {way}: {finished.seconds:.1f} s")
    figures = [Figure(f"snakemake -n, {way}", tuple(seconds[way]), "s", 20) for way in WAYS]
    return Result([*figures, Figure("largest process", (peak,), "MiB")], [], [])
