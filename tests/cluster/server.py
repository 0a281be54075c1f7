"""A tracking server as teams run it: MLflow over PostgreSQL, both on 127.0.0.1."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cluster.lab import free_port

SECONDS_TO_START = 120


def postgres_binaries() -> Path | None:
    """Return the folder of PostgreSQL's programs; Debian has none of them in PATH."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    return found[-1].parent if found else None


@contextmanager
def tracking_server() -> Iterator[str]:
    """Yield the address of a server with an empty database; both are ended and removed."""
    with (
        tempfile.TemporaryDirectory(prefix="exprlab-server-") as place,
        _postgres(Path(place)) as database,
        _mlflow(Path(place), database) as address,
    ):
        yield address


@contextmanager
def _postgres(place: Path) -> Iterator[str]:
    binaries, folder, port = postgres_binaries(), place / "postgres", free_port()
    assert binaries, "no PostgreSQL: as root, apt-get install postgresql"
    folder.mkdir()
    # It refuses to run as root.
    user = []
    if os.geteuid() == 0:
        user = ["runuser", "-u", "postgres", "--"]
        place.chmod(0o755)
        shutil.chown(folder, "postgres")

    def call(*command: str) -> None:
        subprocess.run([*user, *command], check=True, capture_output=True, cwd="/")

    options = f"-c listen_addresses=127.0.0.1 -c port={port} -c unix_socket_directories={folder}"
    control = [str(binaries / "pg_ctl"), "-D", f"{folder}/data", "-w", "-l", f"{folder}/log"]
    call(str(binaries / "initdb"), "-D", f"{folder}/data", "-U", "mlflow", "-A", "trust")
    call(*control, "-o", options, "start")
    try:
        where = ["-h", "127.0.0.1", "-p", str(port), "-U", "mlflow"]
        call(str(binaries / "createdb"), *where, "mlflow")
        yield f"postgresql+psycopg2://mlflow@127.0.0.1:{port}/mlflow"
    finally:
        call(*control, "-m", "immediate", "stop")


@contextmanager
def _mlflow(place: Path, database: str) -> Iterator[str]:
    port = free_port()
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1"]
    command += ["--port", str(port), "--workers", "2", "--backend-store-uri", database]
    command += ["--artifacts-destination", f"{place}/artifacts"]
    log = place / "mlflow.log"
    surroundings = os.environ | {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    with log.open("wb") as stream:
        process = subprocess.Popen(
            command,
            stdout=stream,
            stderr=subprocess.STDOUT,
            env=surroundings,
            start_new_session=True,
        )
        try:
            address = f"http://127.0.0.1:{port}"
            _wait(address, process, log)
            yield address
        finally:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(30)


def _wait(address: str, process: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + SECONDS_TO_START
    while time.monotonic() < until:
        assert process.poll() is None, log.read_text()
        try:
            with urllib.request.urlopen(f"{address}/health", timeout=5):
                return
        except OSError:
            time.sleep(0.5)
    raise AssertionError(f"no answer after {SECONDS_TO_START} s:\n{log.read_text()}")
