"""Fixtures that several test modules share."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

# Before any test module imports torch: this sets what bit-equal training depends on.
import exprlab  # noqa: F401

# What a shell started in the background is deaf to Ctrl-C, and so would be all that a test starts.
# Told here: preexec_fn may hang a program for ever that has threads, as each worker of xdist has.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
# A test of a small job must not be slowed down by a thread per core in each of its libraries.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")


@pytest.fixture(scope="session")
def project() -> Path:
    """Return the root of the project."""
    return Path(__file__).parents[1]
