"""An attempt at a training: what it is, how it goes and how it ended, told in plain files.

Snakemake deletes the declared outputs of a job that fails. What a killed or failed training must
leave behind (its checkpoint, its curves, its status) therefore lies in a folder of its own,
`.attempt/` beside the outputs, until the training has finished.
"""

from __future__ import annotations

import os
import shutil
import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from exprlab.errors import UserError
from exprlab.files import atomic_path, read_json, write_json
from exprlab.keys import DIFF_FILE, ENVIRONMENT_FILE, PARAMS_FILE, RECORD_FILE, STATUS_FILE
from exprlab.provenance.environment import blas_libraries, environment, uncommitted
from exprlab.tracking.status import OUT_OF_MEMORY, kernel_kills

FOLDER = ".attempt"


class Attempt:
    """One try at a training.

    Parameters
    ----------
    run
        The run's folder, results/{dataset}/{model}/{split}.
    params, record
        What identifies the training. If the files of an earlier attempt say something else, its
        checkpoints belong to another training and are removed.
    """

    def __init__(self, run: Path, params: Mapping[str, Any], record: Mapping[str, Any]) -> None:
        self.folder = run / FOLDER
        self._status = self.folder / STATUS_FILE
        earlier = earlier_attempt(run, params, record)
        self.facts: dict[str, Any] = {
            "state": "RUNNING",
            "cause": None,
            "started": (earlier or {}).get("started", time.time()),
            "ended": None,
            "attempt": (earlier or {}).get("attempt", 0) + 1,
            "host": socket.gethostname(),
            "pid": os.getpid(),
            "slurm_job_id": os.environ.get("SLURM_JOB_ID"),
            "kernel_kills": kernel_kills(),
        }
        self.environment = environment()
        for name, value in _identity(params, record).items():
            write_json(self.folder / name, value)
        write_json(self.folder / ENVIRONMENT_FILE, self.environment)
        with atomic_path(self.folder / DIFF_FILE) as temporary:
            temporary.write_text(uncommitted(), encoding="utf-8")
        write_json(self._status, self.facts)

    def end(self, state: str, cause: str | None = None, **facts: Any) -> None:
        """Write how it ended: FINISHED, FAILED or KILLED, and why."""
        self.facts |= {"state": state, "cause": cause, "ended": time.time(), **facts}
        write_json(self._status, self.facts)
        # By now every library of numerics is loaded.
        write_json(self.folder / ENVIRONMENT_FILE, self.environment | {"blas": blas_libraries()})


def earlier_attempt(
    run: Path, params: Mapping[str, Any], record: Mapping[str, Any]
) -> dict[str, Any] | None:
    """Return the status of an unfinished attempt at the same training; of another none is left."""
    folder = run / FOLDER
    try:
        identity = _identity(params, record)
        if all(read_json(folder / name) == value for name, value in identity.items()):
            return read_json(folder / STATUS_FILE)
    except Exception:  # whatever is unreadable there is of no use to this attempt
        pass
    if folder.exists():
        shutil.rmtree(folder)
    return None


def _identity(params: Mapping[str, Any], record: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    return {PARAMS_FILE: dict(params), RECORD_FILE: dict(record)}


@contextmanager
def attempt(run: Path, params: Mapping[str, Any], record: Mapping[str, Any]) -> Iterator[Attempt]:
    """Run a training as an attempt; an exception is written into its status and goes on."""
    current = Attempt(run, params, record)
    try:
        yield current
    except KeyboardInterrupt:
        current.end("KILLED", "interrupted (Ctrl-C)")
        raise
    except SystemExit as error:
        current.end("KILLED", f"told to end (exit code {error.code})")
        raise
    except UserError as error:
        current.end("FAILED", str(error))
        raise
    except BaseException as error:
        if _is_out_of_memory(error):
            current.end("FAILED", OUT_OF_MEMORY)
            raise MemoryError(str(error)) from error
        first_line = next(iter(str(error).splitlines()), "")
        current.end("FAILED", f"{type(error).__name__}: {first_line}")
        raise
    shutil.rmtree(current.folder)


def _is_out_of_memory(error: BaseException) -> bool:
    """Tell whether an allocation was refused; torch has an exception of its own for GPUs only."""
    refused = "can't allocate memory" in str(error) or "Cannot allocate memory" in str(error)
    return isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError" or refused
