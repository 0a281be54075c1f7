"""Starts the process that streams a training's curves; `exprlab.tracking.live` is what it does."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

# Set by the workflow where `tracking.live` is true: the name of the experiment.
LIVE_EXPERIMENT = "EXPRLAB_LIVE"


def start_stream(run: Path) -> None:
    """Start the process beside this one, if the workflow wants it and there is a server."""
    uri = os.environ.get("MLFLOW_TRACKING_URI", "")
    experiment = os.environ.get(LIVE_EXPERIMENT)
    if experiment and uri.startswith(("http://", "https://")):
        # Snakemake waits for whoever holds the log, so it must not be this process.
        nowhere = subprocess.DEVNULL
        command = [sys.executable, "-m", "exprlab", "stream", "--run", str(run)]
        command += ["--experiment", experiment, "--parent", str(os.getpid())]
        subprocess.Popen(command, stdin=nowhere, stdout=nowhere, stderr=nowhere)
