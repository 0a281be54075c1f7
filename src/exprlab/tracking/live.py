"""Streams a training's curves to a tracking server while it goes on: best effort, never in its way.

A process of its own reads what the training writes and sends it in batches. A server that is slow
or dead holds up nobody; what it has missed the publication adds, to the same run.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

from exprlab.tracking.publish import connect, experiment_id
from exprlab.tracking.records import RunRecord, read_running
from exprlab.tracking.store import locate

if TYPE_CHECKING:
    from exprlab.tracking.writer import Writer

SECONDS, MOST_SECONDS = 2.0, 60.0
# Of the time between two looks, at most this share goes into one: it may be the training's CPU.
SHARE = 0.2


def stream(run: Path, experiment: str, parent: int) -> None:
    """Send what a running training has written, until it has ended or its process is gone."""
    # Behind the training, but not so far that it says nothing on a busy core.
    os.nice(5)
    sender, wait, looks = Sender(experiment), SECONDS, 0
    while os.getppid() == parent:
        began = time.process_time()
        record = read_running(run)
        if record is None:
            return
        try:
            sender.send(record)
            wait = SECONDS
        except Exception:  # whatever ails the server, the training is not to know
            wait = min(2 * wait, MOST_SECONDS)
        looks += 1
        # The first look has imported MLflow, which none after it does.
        used = time.process_time() - began if looks > 1 else 0.0
        time.sleep(max(wait, used / SHARE))


class Sender:
    """Remembers which run it writes to and what is there already."""

    def __init__(self, experiment: str) -> None:
        self._experiment = experiment
        self._writer: Writer | None = None
        self._run_id = ""
        self._sent: set[tuple[str, int]] = set()

    def send(self, record: RunRecord) -> None:
        """Send the points that the server lacks, into the run of an earlier attempt if any."""
        from exprlab.tracking.writer import Writer

        if self._writer is None:
            client = connect(locate(os.environ["MLFLOW_TRACKING_URI"], Path()))
            self._writer = Writer(client, experiment_id(client, self._experiment, None), Path())
        if not self._run_id:
            self._run_id = self._writer.open_live(record)
            self._sent = {(name, step) for name, step, _ in self._writer.points_of(self._run_id)}
        points = [p for p in record.curves if (p.name, p.step) not in self._sent]
        self._writer.add_points(self._run_id, points)
        self._sent.update((p.name, p.step) for p in points)
