"""What became of a run: the state it wrote, corrected where its process is gone."""

from __future__ import annotations

import os
import platform
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from exprlab.keys import METRICS_FILE, STATUS_FILE, TIMING_FILE
from exprlab.slurm import FORGOTTEN, OVER, state_of_job

RUNNING, FINISHED, FAILED, KILLED = "RUNNING", "FINISHED", "FAILED", "KILLED"
SILENT_END = "the process ended without a word (kill -9 or power)"
OUT_OF_MEMORY = "out of memory"
NOT_EVALUATED = "trained, but not evaluated"


def true_state(status: Mapping[str, Any], folder: Path) -> tuple[str, str] | None:
    """Return the state and the cause of a run, or None while it may still be running.

    A killed process cannot say so: its status stays RUNNING. On its own host the process itself
    is asked, for a job of SLURM's SLURM is; of others nobody can know, so they are left alone.
    """
    state, cause = str(status.get("state", RUNNING)), str(status.get("cause") or "")
    if state != RUNNING:
        return state, cause
    if status.get("host") not in {socket.gethostname(), platform.node(), socket.getfqdn()}:
        return _end_in_slurm(status.get("slurm_job_id"))
    if _is_alive(status.get("pid"), (folder / STATUS_FILE).stat().st_mtime):
        return None
    before, now = status.get("kernel_kills"), kernel_kills()
    if before is not None and now is not None and now > before:
        return FAILED, f"{OUT_OF_MEMORY}, by all appearances: the kernel has killed for want of it"
    return KILLED, SILENT_END


def _end_in_slurm(job: Any) -> tuple[str, str] | None:
    """Return how a job that never said so has ended, or None where it goes on or nobody knows."""
    state = state_of_job(str(job)) if job else None
    if state not in OVER:
        return None
    if state == FORGOTTEN:
        return KILLED, f"SLURM's job {job} is over, and SLURM does not know any more how it ended"
    cause = f"SLURM's job {job} ended: {state.replace('_', ' ').lower()}"
    return FAILED if state in ("FAILED", "OUT_OF_MEMORY") else KILLED, cause


def kernel_kills() -> int | None:
    """Return how many processes this host's kernel has killed for want of memory since it began.

    None where it does not tell.
    """
    try:
        lines = Path("/proc/vmstat").read_text().splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) for line in lines if line.startswith("oom_kill ")), None)


def last_sign_of_life(folder: Path) -> float:
    """Return when a run last wrote one of its files, in seconds since 1970."""
    files = (folder / name for name in (STATUS_FILE, METRICS_FILE, TIMING_FILE))
    return max((path.stat().st_mtime for path in files if path.exists()), default=0.0)


def host_kind(status: Mapping[str, Any]) -> str:
    """Return where a run was computed: slurm or local."""
    if status.get("host_kind"):
        return str(status["host_kind"])
    return "slurm" if status.get("slurm_job_id") else "local"


def _is_alive(pid: Any, written: float) -> bool:
    """Return whether the process that wrote a status file still runs."""
    if not isinstance(pid, int) or pid <= 0:
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass  # it exists and belongs to somebody else
    began = _began(pid)
    # Process ids are given again, at the latest after a reboot. Whoever began after the file was
    # last written is not its writer; two seconds cover the coarse clocks of both.
    return began is None or began <= written + 2


def _began(pid: int) -> float | None:
    """Return when a process began, in seconds since 1970, where /proc tells."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
        boot = next(
            int(line.split()[1])
            for line in Path("/proc/stat").read_text().splitlines()
            if line.startswith("btime")
        )
    except (OSError, StopIteration):
        return None
    fields = stat.rpartition(")")[2].split()
    if fields[0] == "Z":
        return float("inf")  # a zombie: it has ended, only its parent has not looked yet
    return boot + int(fields[19]) / os.sysconf("SC_CLK_TCK")
