"""Notes of each exprlab job how long it lived, what its imports cost and its peak memory.

Python runs a module of this name at its start when it is on PYTHONPATH. It does nothing unless
EXPRLAB_PROBE names a folder and the process is an exprlab command; then it writes a small JSON
file there at the process' end. It adds about a microsecond to each import.
"""

from __future__ import annotations

import os
import sys

# Time within an import belongs to the innermost of these; whatever else they import is theirs.
OWNERS = {
    *("exprlab", "numpy", "pandas", "scipy", "sklearn", "anndata", "h5py", "pyarrow", "pydantic"),
    *("safetensors", "matplotlib", "PIL", "jinja2", "torch", "torchmetrics", "pytorch_lightning"),
    *("lightning_utilities", "mlflow", "sqlalchemy", "alembic", "filelock", "yaml"),
}


def _watch(folder: str) -> None:
    import _frozen_importlib  # the module that the import statement calls
    import atexit
    import threading
    import time

    start, seconds = time.time(), {}
    stack, main = [], threading.get_ident()
    last = 0.0
    find_and_load = _frozen_importlib._find_and_load

    def charge() -> None:
        nonlocal last
        now = time.perf_counter()
        if stack:
            seconds[stack[-1]] = seconds.get(stack[-1], 0.0) + now - last
        last = now

    def timed(name: str, import_: object) -> object:
        if threading.get_ident() != main:
            return find_and_load(name, import_)
        charge()
        package = name.partition(".")[0]
        stack.append(package if package in OWNERS else stack[-1] if stack else "python")
        try:
            return find_and_load(name, import_)
        finally:
            charge()
            stack.pop()

    def write() -> None:
        import json

        record = {
            "command": sys.argv[1],
            "start": start,
            "end": time.time(),
            "cpu": time.process_time(),
            "imports": seconds,
            "peak_mib": _peak_mib(),
        }
        with open(os.path.join(folder, f"{os.getpid()}.json"), "w") as stream:
            json.dump(record, stream)

    _frozen_importlib._find_and_load = timed
    atexit.register(write)


def _peak_mib() -> float:
    """Return the largest resident memory of this program; without what its starter used."""
    try:
        with open("/proc/self/status") as stream:
            return next(int(line.split()[1]) / 1024 for line in stream if line.startswith("VmHWM"))
    except OSError:
        import resource

        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak / (2**20 if sys.platform == "darwin" else 2**10)


if os.environ.get("EXPRLAB_PROBE") and sys.orig_argv[1:3] == ["-m", "exprlab"]:
    _watch(os.environ["EXPRLAB_PROBE"])
