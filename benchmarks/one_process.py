"""The whole experiment in one Python process: the subcommands of the jobs, one after another.

Nothing but the workflow engine is missing: the same functions read and write the same files.
Imports are paid once, and each step has all the threads.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import json
import sys
import time
from pathlib import Path


def run_all(commands: list[list[str]], threads: int) -> dict[str, float]:
    """Run `exprlab` commands in this process and return the seconds of each subcommand."""
    seconds: dict[str, float] = {}
    for name, *arguments in commands:
        start = time.perf_counter()
        module = importlib.import_module(f"exprlab.cli.{name.replace('-', '_')}")
        parser = argparse.ArgumentParser()
        module.add_arguments(parser)
        parsed = parser.parse_args(arguments)
        if hasattr(parsed, "threads"):
            parsed.threads = threads
        # Snakemake makes the folders of a job's outputs.
        for value in vars(parsed).values():
            if isinstance(value, Path):
                value.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.redirect_stdout(sys.stderr):
            module.run(parsed)
        seconds[name] = seconds.get(name, 0.0) + time.perf_counter() - start
    return seconds


if __name__ == "__main__":
    steps = json.loads(Path(sys.argv[1]).read_text())
    print(json.dumps(run_all(steps, int(sys.argv[2]))))
