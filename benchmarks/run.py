"""The performance suite: `python benchmarks/run.py [names...] [--quick]`.

No timing here is a test: a busy machine fails no build. Ratios are of things measured in turn in
one run; absolute times stand beside a yardstick of the machine. Results of benchmarks that are
not run now are kept.
"""

from __future__ import annotations

import argparse
import importlib
import json
from dataclasses import asdict
from pathlib import Path
from types import ModuleType
from typing import Any

import machine
import readme
from processes import HERE, say

from results import FIGURE_HEADER, Result, as_text

NAMES = (
    "startup",
    "main_job",
    "orchestration",
    "lightning_overhead",
    "reading",
    "simulator",
    "oracle",
    "reproducibility",
    "planning",
    "slurm",
    "sizing",
    "scratch_epoch",
)


def main() -> None:
    """Run the named benchmarks, print their tables, and write results.json and README.md."""
    parser = argparse.ArgumentParser(description="Measure speed and memory.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(NAMES)}")
    parser.add_argument("--quick", action="store_true", help="small sizes: only to try the suite")
    parser.add_argument("--output", type=Path, default=HERE / "results.json", metavar="FILE")
    args = parser.parse_args()
    if unknown := set(args.names) - set(NAMES):
        parser.error(f"no such benchmark: {', '.join(sorted(unknown))}; there are {NAMES}")
    known = json.loads(args.output.read_text()) if args.output.exists() else {}
    for name in args.names or NAMES:
        module = importlib.import_module(name)
        known[name] = _measure(name, module, args.quick)
        args.output.write_text(json.dumps(known, indent=1) + "\n")
        readme.write(args.output.with_name("README.md"), {n: known[n] for n in NAMES if n in known})
    print(f"written: {args.output.name} and README.md beside it")


def _measure(name: str, module: ModuleType, quick: bool) -> dict[str, Any]:
    print(f"\n{name}: {module.WHAT}", flush=True)
    before = machine.state()
    say(
        f"yardstick: matrix product {before['matrix_seconds']} s, memory "
        f"{before['copy_gib_per_second']} GiB/s, load {before['load']}"
    )
    result: Result = module.measure(quick)
    after = machine.state()
    figures = [figure.cells() for figure in result.figures]
    print(as_text(FIGURE_HEADER, figures))
    for table in result.tables:
        print(f"\n{table.title}\n{as_text(table.header, table.rows)}")
    print("", *result.notes, sep="\n", flush=True)
    return {
        "what": module.WHAT,
        "quick": quick,
        "machine": machine.describe(),
        "before": before,
        "after": after,
        "figures": [
            {**asdict(figure), "median": figure.median, "verdict": figure.verdict, "cells": cells}
            for figure, cells in zip(result.figures, figures, strict=True)
        ],
        "tables": [asdict(table) for table in result.tables],
        "notes": result.notes,
    }


if __name__ == "__main__":
    main()
