"""Where and with what a job ran: facts that may differ between two equal runs."""

from __future__ import annotations

import os
import platform
import socket
import subprocess
from importlib import metadata
from pathlib import Path
from typing import Any

# Packages whose versions decide what comes out.
PACKAGES = (
    "exprlab",
    "snakemake",
    "torch",
    "pytorch-lightning",
    "mlflow",
    "numpy",
    "pandas",
    "scipy",
    "scikit-learn",
    "anndata",
)


def package_versions(names: tuple[str, ...] = PACKAGES) -> dict[str, str]:
    """Return the installed version of each package, leaving out those that are not there."""
    versions = {}
    for name in names:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return versions


def environment() -> dict[str, Any]:
    """Return host, operating system, Python, packages, git state and the SLURM job, if any."""
    return {
        "host": socket.gethostname(),
        "pid": os.getpid(),
        "platform": platform.platform(),
        "processor": _processor(),
        "python": platform.python_version(),
        "packages": package_versions(),
        "slurm_job_id": os.environ.get("SLURM_JOB_ID"),
        **git_state(),
    }


def git_state(folder: Path | None = None) -> dict[str, Any]:
    """Return commit and whether files differ from it; None where there is no repository."""
    commit = _git(folder, "rev-parse", "HEAD")
    changes = _git(folder, "status", "--porcelain", "--untracked-files=no")
    return {"git_commit": commit or None, "git_dirty": bool(changes) if commit else None}


def _git(folder: Path | None, *arguments: str) -> str | None:
    folder = folder or Path(__file__).parent
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *arguments],
            capture_output=True,
            text=True,
            timeout=10,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()


def _processor() -> str:
    """Return the processor's name as its maker gives it."""
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()
