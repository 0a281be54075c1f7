"""A compute node: one small job that looks around there and reports."""

from __future__ import annotations

import os
import secrets
import shlex
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from exprlab.doctor.cluster import plain
from exprlab.doctor.findings import OK, PROBLEM, WARNING, Finding, finding
from exprlab.doctor.machine import devices
from exprlab.files import read_json, write_json
from exprlab.provenance.code import PACKAGE

# Resource of Snakemake -> option of sbatch.
OPTIONS = {
    "slurm_partition": "partition",
    "slurm_account": "account",
    "gres": "gres",
    "gpu": "gpus",
    "constraint": "constraint",
    "qos": "qos",
}
TOKEN, REPORT = "token", "report.json"
SHARED_SECONDS = 60
# Files of a node whose clock goes wrong look older than those they were made from.
CLOCK_SECONDS = 5


def look_around(folder: Path) -> None:
    """Write what a job sees, into the folder that the login node has made for it."""
    token = folder / TOKEN
    write_json(
        folder / REPORT,
        {
            "host": socket.gethostname(),
            "time": time.time(),
            "token": token.read_text() if token.exists() else None,
            "package": str(PACKAGE),
            "python": sys.executable,
            "devices": vars(devices()),
        },
    )


def examine_node(resources: Mapping[str, Any], seconds: int) -> Iterator[Finding]:
    """Submit the job, wait for it, and yield what it saw.

    Parameters
    ----------
    resources
        Of the profile: partition, account, GPUs and other options of sbatch.
    seconds
        How long to wait for it to run.
    """
    with tempfile.TemporaryDirectory(dir=Path.cwd(), prefix=".exprlab-doctor-") as place:
        folder = Path(place)
        token = secrets.token_hex(8)
        (folder / TOKEN).write_text(token)
        job, refusal = _submit(folder, resources)
        if job is None:
            remedy = "sbatch refuses what this profile asks for; correct it"
            yield Finding(PROBLEM, "compute node", refusal, remedy)
            return
        state = _wait(job, folder, seconds)
        if not (folder / REPORT).exists():
            yield _no_report(state, folder, seconds)
            return
        yield from _judge(read_json(folder / REPORT), token)


def _submit(folder: Path, resources: Mapping[str, Any]) -> tuple[str | None, str]:
    """Return the job's number, or None and why SLURM refused it."""
    call = [sys.executable, "-m", "exprlab", "doctor", "--look-around", str(folder)]
    command = ["sbatch", "--parsable", "--job-name=exprlab-doctor", "--time=5", "--mem=1000"]
    command += [f"--output={folder}/job.log", f"--chdir={Path.cwd()}", f"--wrap={shlex.join(call)}"]
    for name, option in OPTIONS.items():
        if resources.get(name):
            command.append(f"--{option}={plain(resources[name])}")
    command += shlex.split(plain(resources.get("slurm_extra")))
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        return None, " ".join(done.stderr.split())
    return done.stdout.strip().split(";")[0], ""


def _wait(job: str, folder: Path, seconds: int) -> str:
    """Wait until the job has gone from the queue or reported; return its last state."""
    until, state = time.monotonic() + seconds, "PENDING"
    command = ["squeue", "--noheader", "--states=all", f"--jobs={job}", "--format=%T %r"]
    while time.monotonic() < until and not (folder / REPORT).exists():
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        state = done.stdout.strip() or "gone"
        if state.split()[0] not in ("PENDING", "CONFIGURING", "RUNNING", "COMPLETING"):
            # What it wrote may take a while to be seen here.
            _wait_for(folder / REPORT, SHARED_SECONDS)
            return state
        time.sleep(1)
    if not (folder / REPORT).exists():
        subprocess.run(["scancel", job], check=False)
    return state


def _wait_for(path: Path, seconds: float) -> None:
    until = time.monotonic() + seconds
    while not path.exists() and time.monotonic() < until:
        os.listdir(path.parent)  # makes some network file systems look again
        time.sleep(1)


def _no_report(state: str, folder: Path, seconds: int) -> Finding:
    """Say why a job has not reported."""
    log = folder / "job.log"
    last = log.read_text(errors="replace").strip().splitlines()[-1:] if log.exists() else []
    what = "compute node"
    if state.startswith("RUNNING"):
        remedy = "a first import on a slow file system takes minutes; --wait waits on"
        return Finding(WARNING, what, f"the job has not reported in {seconds} s", remedy)
    if state.startswith(("PENDING", "CONFIGURING")):
        remedy = "the queue is long, or the partition takes no jobs (squeue tells); --wait waits on"
        return Finding(WARNING, what, f"the job has not begun in {seconds} s: {state}", remedy)
    if last:
        remedy = "install exprlab where compute nodes see it (home or project space)"
        return Finding(PROBLEM, what, f"the job ended, {state}: {last[0]}", remedy)
    remedy = "run Snakemake in a folder that compute nodes share"
    return Finding(
        PROBLEM, what, f"the job ended ({state}), but no file of it is seen here", remedy
    )


def _judge(seen: Mapping[str, Any], token: str) -> Iterator[Finding]:
    host = seen["host"]
    yield Finding(OK, "compute node", f"a job ran on {host} with {seen['python']}")
    shared = seen["token"] == token
    found = f"{Path.cwd()} {'is' if shared else 'is not'} the same folder on {host}"
    remedy = "run Snakemake in a folder that compute nodes share"
    yield finding(shared, "shared folder", found, remedy)
    same = seen["package"] == str(PACKAGE)
    found = f"exprlab on {host} is {seen['package']}"
    yield finding(same, "same code", found, f"here it is {PACKAGE}; install it once, for both")
    late = abs(time.time() - seen["time"])
    remedy = "Snakemake compares the times of files: ask the administrators to set the clocks"
    yield finding(late < CLOCK_SECONDS, "clocks", f"{late:.1f} s apart at most", remedy, WARNING)
    told = Finding(**seen["devices"])
    yield Finding(told.state, "devices there", f"{told.found}", told.remedy)
