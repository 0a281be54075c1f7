"""Fixtures that several test modules share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

# Before any test module imports torch: this sets what bit-equal training depends on.
import exprlab  # noqa: F401

# A test of a small job must not be slowed down by a thread per core in each of its libraries.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")


@pytest.fixture(scope="session")
def project() -> Path:
    """Return the root of the project."""
    return Path(__file__).parents[1]
