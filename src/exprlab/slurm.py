"""What SLURM says of a job. Standard library only."""

from __future__ import annotations

import subprocess

SECONDS = 20
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


def _ask(*command: str) -> subprocess.CompletedProcess[str] | None:
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=SECONDS)
    except (OSError, subprocess.SubprocessError):
        return None
