"""Killing jobs of a running workflow, as a machine without mercy does."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import time
from collections.abc import Callable
from pathlib import Path

import psutil
from workflow.conftest import Snakemake, Workflow


def jobs_of(process: Snakemake, command: str = "") -> list[psutil.Process]:
    """Return the running jobs of a Snakemake process, or those of one command of exprlab."""
    found = []
    try:
        children = psutil.Process(process.pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []
    for child in children:
        try:
            words = child.cmdline()
        except psutil.Error:
            continue  # it has just ended
        # bash has the whole command in one word; the job itself has it word by word.
        if "exprlab" in words and (not command or command in words):
            found.append(child)
    return found


def kill(job: psutil.Process) -> bool:
    """Kill a job for certain; return whether it was still there."""
    try:
        job.send_signal(signal.SIGKILL)
    except psutil.NoSuchProcess:
        return False
    return True


def kill_all(process: Snakemake) -> None:
    """Kill Snakemake, started in a session of its own, and whatever it has started."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.output()


def wait_until(condition: Callable[[], object], process: Snakemake) -> bool:
    """Wait for a condition; return whether it came true before the process ended."""
    while process.poll() is None:
        if condition():
            return True
        time.sleep(0.01)
    return False


def kill_in(workflow: Workflow, command: str, seconds: float, *arguments: str) -> bool:
    """Start the workflow and kill the first job of a command, so many seconds into its work.

    Returns whether there was such a job and it was killed.
    """
    process = workflow.start(*arguments, start_new_session=True)
    try:
        if not wait_until(lambda: jobs_of(process, command), process):
            return False
        time.sleep(seconds)
        return any(kill(job) for job in jobs_of(process, command)[:1])
    finally:
        process.output()


def kill_each(workflow: Workflow, moments: dict[str, float], *arguments: str) -> set[str]:
    """Run the workflow, and kill the first job of each command so many seconds into its work.

    Snakemake is to try these jobs again. Returns the commands whose job ended before its blow.
    """
    process = workflow.start("--retries", "3", *arguments, start_new_session=True)
    seen: dict[int, tuple[float, str]] = {}
    left = dict(moments)

    def strike() -> bool:
        now = time.monotonic()
        for job in jobs_of(process):
            began, command = seen.setdefault(job.pid, (now, _name(job)))
            if command in left and now >= began + left[command] and kill(job):
                del left[command]
        time.sleep(0.05)
        return False

    wait_until(strike, process)
    output = process.output()
    assert process.returncode == 0, output
    return set(left)


def chaos(workflow: Workflow, kills: int, seed: int, say: Callable[[str], None]) -> int:
    """Kill a random job, or in one of five cases Snakemake itself, until there were `kills`.

    Where the workflow gets to its end in between, a random rule is done again.

    Returns the number of times that Snakemake was started.
    """
    chance = random.Random(seed)
    starts, killed, arguments = 0, 0, ()
    while killed < kills:
        process = workflow.start(*arguments, start_new_session=True)
        starts += 1
        job = _job_after(process, chance.uniform(2.5, 9.0), chance)
        if job is None:
            process.output()
            arguments = ("--forcerun", chance.choice(rules(workflow.folder)))
            continue
        victim, arguments = _name(job), ()
        if chance.random() < 0.2:
            victim = f"Snakemake during {victim}"
            kill_all(process)
            workflow.run("--unlock")
        else:
            victim = victim if kill(job) else ""
            process.output()
        if victim:
            killed += 1
            say(f"{killed}: killed {victim}")
    return starts


def _job_after(process: Snakemake, seconds: float, chance: random.Random) -> psutil.Process | None:
    """Return a random job that runs so many seconds from now, or the next one that does."""
    moment = time.monotonic() + seconds
    wait_until(lambda: time.monotonic() > moment and jobs_of(process), process)
    jobs = jobs_of(process)
    return chance.choice(sorted(jobs, key=lambda job: job.pid)) if jobs else None


def _name(job: psutil.Process) -> str:
    try:
        words = job.cmdline()
    except psutil.Error:
        return "a job"
    return words[words.index("exprlab") + 1] if "exprlab" in words else "a job"


def rules(folder: Path) -> list[str]:
    """Return the rules of which a job has finished."""
    return sorted(path.name.removesuffix(".tsv") for path in benchmarks(folder).iterdir())


def benchmarks(folder: Path) -> Path:
    """Return the folder of Snakemake's own measurements: one folder or file per rule."""
    return folder / "results/benchmarks"
