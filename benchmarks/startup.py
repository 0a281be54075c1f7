"""How long a person waits for a dry run and for help, and what these import."""

from __future__ import annotations

import re
import sys
from collections import Counter
from pathlib import Path

from processes import environment, run, say

from results import Figure, Result, Table
from workflow import SNAKEMAKE, configs, new_folder

WHAT = "Wall time of `snakemake -n` in a new folder and of `exprlab --help`, and their imports."
HEAVY = ("torch", "mlflow", "pytorch_lightning")
LINE = re.compile(r"import time:\s+(\d+) \|\s+\d+ \|\s*([\w.]+)")


def measure(quick: bool) -> Result:
    """Measure; all commands in turn, several times."""
    dry_run = [*SNAKEMAKE, "-n", "--cores", "2", *configs(quick)]
    # The installed command, as a person types it.
    help_ = [str(Path(sys.executable).with_name("exprlab")), "--help"]
    commands = {
        "snakemake -n": (dry_run, 3.0),
        "exprlab --help": (help_, 0.5),
        "floor: snakemake --version": ([*SNAKEMAKE, "--version"], None),
        "floor: python -c pass": ([sys.executable, "-c", "pass"], None),
    }
    seconds: dict[str, list[float]] = {name: [] for name in commands}
    with new_folder() as folder:
        for repetition in range(3 if quick else 9):
            for name, (command, _) in commands.items():
                seconds[name].append(run(command, folder).seconds)
                say(f"{repetition + 1}: {name} {seconds[name][-1]:.2f} s")
        imports = {
            "snakemake -n": _imports(dry_run, folder),
            "exprlab --help": _imports([sys.executable, "-m", "exprlab", "--help"], folder),
        }
    figures = [Figure(name, tuple(seconds[name]), "s", bar) for name, (_, bar) in commands.items()]
    figures += [
        Figure(f"{name}: of {', '.join(HEAVY)}, imported", (sum(h in times for h in HEAVY),), "", 0)
        for name, times in imports.items()
    ]
    tables = [
        Table(
            f"Imports of {name}, ms by package (its own modules only)",
            ("package", "ms"),
            [*times.most_common(10), ("all", sum(times.values()))],
        )
        for name, times in imports.items()
    ]
    return Result(figures, tables, ["Import times are of one run under `python -X importtime`."])


def _imports(command: list[str], folder: Path) -> Counter[str]:
    """Return milliseconds spent in the modules of each package."""
    times: Counter[str] = Counter()
    output = run(command, folder, environment(PYTHONPROFILEIMPORTTIME="1")).output
    for microseconds, module in LINE.findall(output):
        package = module.partition(".")[0]
        in_library = package in sys.stdlib_module_names
        times["standard library" if in_library else package] += int(microseconds) / 1000
    return times
