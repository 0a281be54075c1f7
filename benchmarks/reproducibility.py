"""What it costs to record how everything was made: manifest, environments, cards, history."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from processes import environment, run, say

from results import Figure, Result, Table
from workflow import new_folder, read_benchmarks, run_workflow

WHAT = (
    "Seconds that the default experiment spends on its manifest, its cards, its record of where it "
    "ran and its history for MLflow, over its wall time with 2 cores. They are counted as if "
    "nothing else ran beside them."
)
RULES = ("write_manifest", "fill_checklist", "write_environment_page")
# In jobs that have other work to do, so these are done once more here, and timed.
INSIDE = """
import json, sys, time
from pathlib import Path

folders = [path.parent for path in Path("results").glob("*/*/seed-*/record.json")]
began = time.perf_counter()
from exprlab.cards.facts import read_run as read_facts
from exprlab.cards.model_card import write_model_card
imported = time.perf_counter() - began
began = time.perf_counter()
for run in folders:
    data = run.parent.parent
    split, checks = data / "splits" / f"{run.name}.tsv", data / "data/cohort.checks.json"
    write_model_card(read_facts(run, split, checks), Path("model_card.md"))
cards = len(folders) * imported + time.perf_counter() - began

import pyarrow.parquet  # both are there already when a training begins, or a publication
import exprlab.tracking.attempt
from exprlab.provenance.environment import environment, uncommitted
from exprlab.tracking.history import History
from exprlab.tracking.records import read_run
from exprlab.tracking.study import make_study

began = time.perf_counter()
environment(), uncommitted()
recorded = time.perf_counter() - began
study = make_study("benchmark", [read_run(folder.resolve()) for folder in folders], [], 0)
began = time.perf_counter()
History(Path("results/timed/benchmark")).keep(study, len(folders))
print(json.dumps([len(folders), cards, recorded, time.perf_counter() - began]))
"""


def measure(quick: bool) -> Result:
    """Run the experiment and add up."""
    shares, rows = [], []
    for repetition in range(1 if quick else 2):
        with new_folder() as folder:
            wall = run_workflow(folder, 2, quick).seconds
            sampled = read_benchmarks(folder)
            rows = [(rule, sum(row["s"] for row in sampled[rule])) for rule in RULES]
            rows += _inside(folder)
        total = sum(seconds for _, seconds in rows)
        shares.append(total / wall)
        say(f"{repetition + 1}: {total:.2f} s of {wall:.1f} s")
    table = [*rows, ("all", total), ("wall", wall)]
    return Result(
        [Figure("share of the wall time", tuple(shares), "", 0.03)],
        [Table("Seconds, of the last repetition", ("what", "seconds"), table)],
        [],
    )


def _inside(folder: Path) -> list[tuple[str, float]]:
    done = run([sys.executable, "-c", INSIDE], folder, environment())
    n_runs, cards, recorded, kept = json.loads(done.output.strip().split("\n")[-1])
    return [
        (f"cards, within present_run of {n_runs} runs", cards),
        (f"where and with what, {n_runs} trainings", n_runs * recorded),
        ("history, within publish_runs", kept),
    ]
