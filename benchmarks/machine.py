"""The machine and the versions under a measurement, and a yardstick of its speed."""

from __future__ import annotations

import datetime
import json
import os
import platform
import statistics
import sys
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

from processes import worker

PACKAGES = ("exprlab", "snakemake", "torch", "pytorch-lightning", "mlflow", "numpy", "pandas")
SIZE = 2000


def describe() -> dict[str, Any]:
    """Return processor, cores, memory, system and versions."""
    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return {
        "date": datetime.date.today().isoformat(),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "memory_gib": round(pages / 2**30, 1),
        "system": platform.system(),
        "python": platform.python_version(),
        "versions": {name: version(name) for name in PACKAGES},
    }


def _processor() -> str:
    path = Path("/proc/cpuinfo")
    lines = path.read_text().splitlines() if path.exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def state() -> dict[str, float]:
    """Return how fast and how busy the machine is right now.

    Returns
    -------
    dict[str, float]
        matrix_seconds: a product of two 2,000 x 2,000 float64 matrices on one thread, median of
        7; copy_gib_per_second: of 200 MB in memory; load: jobs waiting over the last minute.
    """
    return {**worker("machine", 1), "load": round(os.getloadavg()[0], 2)}


def _yardstick() -> dict[str, float]:
    import numpy as np

    matrix = np.random.default_rng(0).random((SIZE, SIZE))
    source = np.ones(25_000_000)
    target = np.empty_like(source)
    products, copies = [], []
    for _ in range(7):
        start = time.perf_counter()
        matrix @ matrix
        products.append(time.perf_counter() - start)
        start = time.perf_counter()
        np.copyto(target, source)
        copies.append(time.perf_counter() - start)
    return {
        "matrix_seconds": round(statistics.median(products), 4),
        "copy_gib_per_second": round(source.nbytes / 2**30 / statistics.median(copies), 2),
    }


if __name__ == "__main__":
    json.loads(sys.argv[1])
    print(json.dumps(_yardstick()))
