"""Writes benchmarks/README.md from the results."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from results import FIGURE_HEADER, as_markdown

INTRODUCTION = """# Performance

Speed and memory of exprlab, measured by `make bench` or `python benchmarks/run.py [NAME ...]`;
with `--quick` in small sizes, only to try the suite. This page is generated from results.json.

Ratios are of things measured in turn (A B A B ...) in one run. A figure is the median of its
repetitions, with the smallest and the largest. Absolute times depend on the machine: beside them
stands how long a product of two 2,000 x 2,000 float64 matrices takes on one thread, how fast
memory is copied, and the load average (jobs running or waiting over the last minute), before and
after. No timing is a test.
"""


def write(path: Path, results: dict[str, dict[str, Any]]) -> None:
    """Write the page: one section per benchmark."""
    parts = [INTRODUCTION, *(_section(name, result) for name, result in results.items())]
    path.write_text("\n".join(parts), encoding="utf-8")


def _section(name: str, result: dict[str, Any]) -> str:
    option = " --quick" if result["quick"] else ""
    parts = [
        f"## {name}",
        result["what"],
        f"`python benchmarks/run.py {name}{option}`",
        as_markdown(FIGURE_HEADER, [figure["cells"] for figure in result["figures"]]),
    ]
    if result["quick"]:
        parts.insert(1, "**Small sizes (`--quick`): the bars are not meant for these figures.**")
    for table in result["tables"]:
        parts += [f"{table['title']}:", as_markdown(table["header"], table["rows"])]
    parts += [*result["notes"], _machine(result)]
    return "\n\n".join(parts) + "\n"


def _machine(result: dict[str, Any]) -> str:
    machine, states = result["machine"], (result["before"], result["after"])
    products, copies, loads = (
        " and ".join(str(state[key]) for state in states)
        for key in ("matrix_seconds", "copy_gib_per_second", "load")
    )
    versions = ", ".join(f"{name} {number}" for name, number in machine["versions"].items())
    return (
        f"{machine['date']}; {machine['processor']}, {machine['cores']} cores, "
        f"{machine['memory_gib']} GiB, {machine['system']}; Python {machine['python']}, "
        f"{versions}. "
        f"Before and after: matrix product {products} s, memory {copies} GiB/s, load {loads}."
    )
