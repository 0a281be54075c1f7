"""Runs other processes and measures them; holds no large library, so it adds nothing to them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
PROJECT = HERE.parent


@dataclass(frozen=True)
class Finished:
    """A process that ended well.

    Attributes
    ----------
    started
        Unix time of its start.
    seconds
        Wall time.
    cpu_seconds
        User and system time of the process and of all it started.
    peak_mib
        Largest resident memory of any one process among these, as the kernel kept it (no sampling).
    output
        What it printed, both streams.
    """

    started: float
    seconds: float
    cpu_seconds: float
    peak_mib: float
    output: str


def say(text: str) -> None:
    """Print a line of progress."""
    print(f"  {text}", file=sys.stderr, flush=True)


def environment(threads: int | None = None, **more: str) -> dict[str, str]:
    """Return this environment with a number of BLAS and OpenMP threads and without MLflow's."""
    names = ("OMP", "OPENBLAS", "MKL", "NUMEXPR")
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("MLFLOW_", "SNAKEMAKE_"))}
    limits = {} if threads is None else {f"{name}_NUM_THREADS": str(threads) for name in names}
    return {**kept, **limits, **more}


def run(
    command: Sequence[str],
    cwd: Path = PROJECT,
    env: dict[str, str] | None = None,
    on_line: Callable[[str], None] | None = None,
) -> Finished:
    """Run a command to its end; `on_line` gets each line as it is printed.

    Raises
    ------
    SystemExit
        If it fails; with the end of its output.
    """
    started, start = time.time(), time.perf_counter()
    process = subprocess.Popen(
        command,
        cwd=cwd,
        env=env or environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )
    assert process.stdout is not None
    lines = []
    for line in process.stdout:
        lines.append(line)
        if on_line:
            on_line(line)
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    process.stdout.close()
    if process.returncode:
        sys.exit("".join(lines[-40:]) + f"\n{' '.join(command)}: exit code {process.returncode}")
    unit = 2**20 if sys.platform == "darwin" else 2**10
    cpu_seconds = usage.ru_utime + usage.ru_stime
    return Finished(started, seconds, cpu_seconds, usage.ru_maxrss / unit, "".join(lines))


def worker(module: str, n_threads: int, **options: Any) -> Any:
    """Run a module of this folder as a process of its own and return the JSON it prints last."""
    command = [sys.executable, str(HERE / f"{module}.py"), json.dumps(options)]

    def show(line: str) -> None:
        if not line.startswith(("{", "[")):
            say(line.rstrip())

    return json.loads(run(command, env=environment(n_threads), on_line=show).output.split("\n")[-2])
