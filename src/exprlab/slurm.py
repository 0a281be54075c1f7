"""What SLURM says of jobs and partitions. Standard library only."""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass

SECONDS = 30
# It has ended so long ago that SLURM does not know it any more.
FORGOTTEN = "FORGOTTEN"
# The states of a job that is over; in every other it runs, waits or will be run again.
# https://slurm.schedmd.com/squeue.html#SECTION_JOB-STATE-CODES
OVER = {
    FORGOTTEN,
    "BOOT_FAIL",
    "CANCELLED",
    "COMPLETED",
    "DEADLINE",
    "FAILED",
    "NODE_FAIL",
    "OUT_OF_MEMORY",
    "PREEMPTED",
    "REVOKED",
    "TIMEOUT",
}


@dataclass(frozen=True)
class Partition:
    """A partition: its state and limit, its largest nodes, and what becomes of preempted jobs."""

    name: str
    is_default: bool
    up: bool
    minutes: float
    cpus: int
    memory: int
    nodes: int
    preemption: str


def state_of_job(number: str) -> str | None:
    """Return the state of a job as SLURM spells it, or None where no SLURM answers.

    squeue knows a job until some minutes after its end (MinJobAge); after that sacct does, where
    there is an accounting database. FORGOTTEN: there is a SLURM, and it knows of no such job.
    """
    queue = _ask("squeue", "--noheader", "--states=all", f"--jobs={number}", "--format=%T")
    if queue is None:
        return None
    if queue.returncode == 0 and queue.stdout.strip():
        return queue.stdout.split()[0]
    if queue.returncode != 0 and "Invalid job id" not in queue.stderr:
        return None
    base = _ask(
        "sacct", "--noheader", "--parsable2", "--allocations", f"--jobs={number}", "-oState"
    )
    if base is not None and base.stdout.strip():
        return base.stdout.split()[0]
    return FORGOTTEN


def partitions() -> list[Partition]:
    """Return the partitions, each with its largest nodes (sinfo has a line for each kind)."""
    found: dict[str, Partition] = {}
    listed = output_of(["sinfo", "--noheader", "--format=%P|%a|%l|%c|%m|%D|%M"])
    for line in (listed or "").split():
        name, state, limit, cpus, memory, nodes, preemption = line.split("|")
        plain = name.rstrip("*")
        before = found.get(plain)
        found[plain] = Partition(
            name=plain,
            is_default=name.endswith("*"),
            up=state == "up",
            minutes=in_minutes(limit),
            cpus=max(_number(cpus), before.cpus if before else 0),
            memory=max(_number(memory), before.memory if before else 0),
            nodes=_number(nodes) + (before.nodes if before else 0),
            preemption=preemption,
        )
    return list(found.values())


def _number(text: str) -> int:
    """Return a number of sinfo's, where 4+ means 4 or more."""
    return int(re.sub(r"\D", "", text) or 0)


def in_minutes(limit: str) -> float:
    """Return a time limit of SLURM's, [days-]hours:minutes:seconds, in minutes."""
    if limit == "infinite":
        return float("inf")
    days, _, clock = limit.rpartition("-")
    parts = [int(part) for part in clock.split(":")]
    seconds = sum(part * 60**i for i, part in enumerate(reversed(parts)))
    return int(days or 0) * 1440 + seconds / 60


def output_of(command: list[str]) -> str | None:
    """Return what a command prints, None if there is no such command or it fails."""
    done = _ask(*command)
    return done.stdout if done is not None and done.returncode == 0 else None


def _ask(*command: str) -> subprocess.CompletedProcess[str] | None:
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=SECONDS)
    except (OSError, subprocess.SubprocessError):
        return None
