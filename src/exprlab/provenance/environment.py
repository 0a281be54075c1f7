"""Where and with what a job ran: facts that may differ between two equal runs."""

from __future__ import annotations

import os
import platform
import re
import shutil
import socket
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

from exprlab import SWITCHES
from exprlab.files import sha256

PACKAGE = Path(__file__).resolve().parents[1]
LOCK = PACKAGE.parents[1] / "requirements.lock"
# Instructions by which libraries of numerics choose their code.
CPU_FEATURES = frozenset(
    {"avx", "avx2", "fma", "avx512f", "avx512bw", "avx512dq", "avx512vl", "asimd", "sve"}
)


def environment() -> dict[str, Any]:
    """Return host, processor, GPUs, Python, packages, BLAS, git state and command line."""
    packages = package_versions()
    return {
        "host": socket.gethostname(),
        "os": platform.platform(),
        "python": platform.python_version(),
        "processor": _processor(),
        "cpu_features": _cpu_features(),
        "cores": os.cpu_count(),
        "memory_gb": _memory_gb(),
        "gpus": _gpus(),
        "blas": blas_libraries(),
        "switches": {name: os.environ.get(name) for name in sorted(SWITCHES)},
        "packages": packages,
        "lock": lock_state(packages),
        "git": git_state(),
        "command": [without_password(word) for word in ["exprlab", *sys.argv[1:]]],
        "workflow_command": without_password(os.environ.get("EXPRLAB_COMMAND", "")) or None,
        "slurm_job_id": os.environ.get("SLURM_JOB_ID"),
    }


def package_versions() -> dict[str, str]:
    """Return the version of every installed distribution, by its normalised name (PEP 503)."""
    found = {}
    for distribution in metadata.distributions():
        name = distribution.metadata["Name"]
        if name:  # a half-removed distribution has none
            found.setdefault(_normalised(name), distribution.version)
    return dict(sorted(found.items()))


def lock_state(packages: dict[str, str], lock: Path | None = None) -> dict[str, Any] | None:
    """Return the lock file's digest and every package that is not as it says.

    Returns
    -------
    dict or None
        `sha256` and `differences` (name -> `locked`, `installed`, which is None for a missing
        one); None where no lock file lies beside the source. Test tools are not missed, and a
        local label such as +cpu is no difference.
    """
    lock = lock or LOCK
    if not lock.is_file():
        return None
    rows = re.findall(r"^([\w.-]+)==([^\s;]+)", lock.read_text("utf-8"), re.MULTILINE)
    locked = {_normalised(name): version for name, version in rows}
    differences = {}
    for name, version in locked.items():
        installed = packages.get(name)
        if installed is not None and _public(installed) != _public(version):
            differences[name] = {"locked": version, "installed": installed}
    for name in required_packages() - set(packages):
        differences[name] = {"locked": locked.get(name), "installed": None}
    return {"sha256": sha256(lock), "differences": dict(sorted(differences.items()))}


def required_packages() -> set[str]:
    """Return the packages that exprlab needs itself, test tools left out."""
    try:
        wanted = metadata.requires("exprlab") or []
    except metadata.PackageNotFoundError:
        return set()
    names = (re.match(r"[\w.-]+", line) for line in wanted if "extra ==" not in line)
    return {_normalised(match[0]) for match in names if match}


def git_state(folder: Path | None = None) -> dict[str, Any] | None:
    """Return commit and whether files differ from it; None where the source is not in git."""
    folder = folder or PACKAGE
    if not _is_tracked(folder):
        return None
    commit = _git(folder, "rev-parse", "HEAD")
    changes = _git(folder, "status", "--porcelain", "--", ":/src", ":/workflow", ":/Snakefile")
    return {"commit": commit, "dirty": bool(changes)}


def uncommitted(folder: Path | None = None) -> str:
    """Return what of the source is not in its commit, as a diff; new files by name, at the end.

    Passwords in addresses are masked.
    """
    folder = folder or PACKAGE
    if not _is_tracked(folder):
        return ""
    diff = _git(folder, "diff", "HEAD", "--", ":/") or ""
    new = _git(
        folder, "ls-files", "--others", "--exclude-standard", "--full-name",
        "--", ":/src", ":/workflow",
    )  # fmt: skip
    lines = [*([diff] if diff else []), *(f"# new: {name}" for name in (new or "").splitlines())]
    return "".join(f"{without_password(line)}\n" for line in lines)


def blas_libraries() -> list[dict[str, Any]]:
    """Return each BLAS that this process has loaded: `library`, `version`, `kernel`, `threads`."""
    from threadpoolctl import threadpool_info

    found = [
        {
            "library": info.get("internal_api"),
            "version": info.get("version"),
            "kernel": info.get("architecture"),
            "threads": info.get("num_threads"),
        }
        for info in threadpool_info()
        if info.get("user_api") == "blas"
    ]
    if torch := sys.modules.get("torch"):
        # Torch links MKL into itself, where no other program finds it.
        mkl = re.search(r"Math Kernel Library Version (\S+)", torch.__config__.show())
        found.append(
            {
                "library": "mkl (torch)" if mkl else "torch",
                "version": mkl[1] if mkl else torch.__version__,
                "kernel": torch.backends.cpu.get_cpu_capability(),
                "threads": torch.get_num_threads(),
            }
        )
    return found


def without_password(text: str) -> str:
    """Return a text fit for messages and records: passwords in addresses are masked."""
    return re.sub(r"(://[^/@\s:]*):[^/@\s]*@", r"\1:***@", text)


def _normalised(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _public(version: str) -> str:
    return version.partition("+")[0]


def _is_tracked(folder: Path) -> bool:
    """Return whether git knows the source; an installed one may lie in somebody's repository."""
    return bool(_git(folder, "ls-files", "__init__.py"))


def _git(folder: Path, *arguments: str) -> str | None:
    return _output(["git", "-C", str(folder), *arguments])


def _output(command: list[str]) -> str | None:
    """Return what a program says, None if it is not there or fails."""
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, errors="replace", timeout=10, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()


def _proc(file: str, field: str) -> str:
    """Return the first value of a field in a file of /proc, '' where there is none."""
    try:
        text = Path(f"/proc/{file}").read_text()
    except OSError:
        return ""
    found = re.search(rf"^{field}\s*:\s*(.*)$", text, re.MULTILINE)
    return found[1] if found else ""


def _processor() -> str:
    """Return the processor's name as its maker gives it."""
    return _proc("cpuinfo", "model name") or platform.processor() or platform.machine()


def _cpu_features() -> list[str]:
    flags = _proc("cpuinfo", "(?:flags|Features)").split()
    return sorted(CPU_FEATURES.intersection(flags))


def _memory_gb() -> float | None:
    kilobytes = _proc("meminfo", "MemTotal").split()
    return round(int(kilobytes[0]) / 2**20, 1) if kilobytes else None


def _gpus() -> list[dict[str, str]]:
    if not shutil.which("nvidia-smi"):
        return []
    query = ["nvidia-smi", "--query-gpu=name,driver_version", "--format=csv,noheader"]
    rows = [line.split(", ") for line in (_output(query) or "").splitlines()]
    return [{"name": row[0], "driver": row[1]} for row in rows if len(row) == 2]
