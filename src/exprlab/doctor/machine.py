"""This machine: packages, devices, disk, locks, the tracking server."""

from __future__ import annotations

import base64
import contextlib
import http.client
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from exprlab.doctor.findings import OK, WARNING, Finding, finding
from exprlab.doctor.needs import Need
from exprlab.provenance.environment import lock_state, package_versions, without_password

SERVER_SECONDS = 5
# Says whether a lock that another process holds is seen.
LOOK = """
import sqlite3, sys
try:
    sqlite3.connect(sys.argv[1], timeout=0).execute("BEGIN IMMEDIATE")
except sqlite3.OperationalError as error:
    sys.exit(3 if "locked" in str(error) else 4)
"""


def packages() -> Finding:
    """Compare the installed packages with requirements.lock."""
    versions = package_versions()
    lock = lock_state(versions)
    if lock is None:
        return Finding(
            WARNING, "packages", "no requirements.lock beside the source to compare with"
        )
    different = lock["differences"]
    names = ", ".join(
        f"{name} {one['installed'] or 'missing'} (locked {one['locked']})"
        for name, one in list(different.items())[:5]
    )
    remedy = "make them equal for equal bytes: `make run` installs the lock into .venv"
    found = names if different else f"{len(versions)} packages as in requirements.lock"
    return finding(not different, "packages", found, remedy, WARNING)


def disk(folder: Path, needed: int) -> Finding:
    """Compare the free space with the forecast of the config."""
    free = shutil.disk_usage(_existing(folder)).free
    found = f"{_size(free)} free; this config will take about {_size(needed)}"
    remedy = "free some, or run in a folder with more room (--directory)"
    return finding(free > 2 * needed, "disk", found, remedy)


def fits_here(needs: list[Need]) -> Iterator[Finding]:
    """Compare the largest jobs with this machine, for a run without a cluster."""
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20
    largest = max(needs, key=lambda need: need.memory)
    found = f"{total:,} MB; the largest job ({largest.rule}) asks for {largest.memory:,} MB"
    remedy = "use fewer samples or genes, or a larger machine"
    yield finding(largest.memory < total, "memory", found, remedy)


def locks(folder: Path) -> Finding:
    """See whether a process sees another's lock in the folder of the MLflow store."""
    what, kind = "locks", _file_system(_existing(folder))
    with tempfile.TemporaryDirectory(dir=_existing(folder), prefix=".exprlab-doctor-") as place:
        try:
            seen = _lock_is_seen(Path(place) / "lock.db")
        except sqlite3.Error:  # a file system that knows no locks refuses our own
            seen = False
    found = f"SQLite's locks {'hold' if seen else 'do NOT hold'} on this file system ({kind})"
    remedy = "publish to a server (tracking.uri), or run Snakemake on a local disk"
    return finding(seen, what, found, remedy)


def _lock_is_seen(database: Path) -> bool:
    with contextlib.closing(sqlite3.connect(database)) as mine:
        mine.execute("CREATE TABLE lock (held)")
        mine.commit()
        mine.execute("BEGIN EXCLUSIVE")
        command = [sys.executable, "-c", LOOK, str(database)]
        return subprocess.run(command, capture_output=True, check=False).returncode == 3


def server(uri: str) -> Finding:
    """See whether the tracking server answers."""
    if not uri.startswith(("http://", "https://")):
        where = without_password(uri) or "SQLite under results/mlflow, written on this host alone"
        return Finding(OK, "tracking", where)
    shown = without_password(uri)
    try:
        with urllib.request.urlopen(_health_request(uri), timeout=SERVER_SECONDS) as answer:
            return Finding(OK, "tracking", f"{shown} answers ({answer.status})")
    except (OSError, ValueError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", error)
        remedy = "start it, or correct tracking.uri; results are files and can be published later"
        return Finding(WARNING, "tracking", f"{shown} does not answer: {reason}", remedy)


def _health_request(uri: str) -> urllib.request.Request:
    """Ask whether an MLflow server is well; a user and password go into the header."""
    parts = urllib.parse.urlsplit(uri)
    login, _, host = parts.netloc.rpartition("@")
    address = parts._replace(netloc=host, path=f"{parts.path.rstrip('/')}/health").geturl()
    request = urllib.request.Request(address)
    if login:
        words = base64.b64encode(urllib.parse.unquote(login).encode()).decode()
        request.add_header("Authorization", f"Basic {words}")
    return request


def devices() -> Finding:
    """Name the accelerators that torch sees, and what SLURM says of them."""
    import torch

    count = torch.cuda.device_count()
    names = ", ".join(torch.cuda.get_device_name(i) for i in range(count)) or "CPU only"
    given = os.environ.get("SLURM_JOB_GPUS") or os.environ.get("SLURM_GPUS_ON_NODE")
    found = f"{names}; torch {torch.__version__}, {os.cpu_count()} CPUs"
    remedy = "SLURM gave a GPU that torch does not see: install a torch built for its driver"
    return finding(bool(count) or not given, "devices", found, remedy)


def _existing(folder: Path) -> Path:
    return next(path for path in [folder, *folder.absolute().parents] if path.is_dir())


def _file_system(folder: Path) -> str:
    """Return the kind of the file system that a folder is on, '?' where /proc does not tell."""
    try:
        rows = [line.split() for line in Path("/proc/mounts").read_text().splitlines()]
    except OSError:
        return "?"
    place = str(folder.resolve())
    above = [row for row in rows if place == row[1] or place.startswith(row[1].rstrip("/") + "/")]
    return max(above, key=lambda row: len(row[1]))[2] if above else "?"


def _size(n_bytes: float) -> str:
    for unit in ("bytes", "kB", "MB", "GB"):
        if n_bytes < 1000:
            return f"{n_bytes:,.0f} {unit}"
        n_bytes /= 1000
    return f"{n_bytes:,.1f} TB"
