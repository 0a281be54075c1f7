"""Hears which jobs fail while Snakemake runs. Standard library only: the Snakefile imports it."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from exprlab.files import write_json


class FailedJobs(logging.Handler):
    """Keeps what Snakemake's logger says of failed jobs, the last word on each.

    Snakemake logs an event for each try; what succeeded in the end is told by its outputs.
    """

    def __init__(self) -> None:
        super().__init__()
        self._jobs: dict[tuple[str, ...], dict[str, Any]] = {}
        # Jobs are submitted, and fail, in several threads.
        self._reason = threading.local()

    @contextmanager
    def because(self, message: str | None) -> Iterator[None]:
        """Take this for the reason of what is logged meanwhile without one."""
        self._reason.words = message
        try:
            yield
        finally:
            self._reason.words = None

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a failed job, or the jobs of a failed group."""
        event = getattr(getattr(record, "event", None), "value", None)
        if event == "job_error":
            self._keep(vars(record), [], None)
        if event == "group_error":
            jobs = vars(record)["job_error_info"]
            # Many groups have the same name; their jobs tell them apart.
            group = min(str(output) for job in jobs for output in job["output"])
            for job in jobs:
                self._keep(job, vars(record).get("aux_logs") or [], group)

    def _keep(self, job: dict[str, Any], logs: list[str], group: str | None) -> None:
        outputs = tuple(map(str, job["output"]))
        earlier = self._jobs.get(outputs, {})
        # A group's jobs are logged once more one by one, without what the group knows.
        new = {
            "rule": job["rule_name"],
            "outputs": list(outputs),
            "logs": [str(log) for log in [*job["log"], *logs]],
            "slurm_job": (job.get("aux") or {}).get("external_jobid"),
            "group": group,
            "message": job.get("rule_msg") or getattr(self._reason, "words", None),
        }
        again = group is None and job.get("indent") and earlier
        self._jobs[outputs] = earlier if again else new

    def write(self, path: Path) -> None:
        """Write what was heard as JSON."""
        write_json(path, list(self._jobs.values()))
