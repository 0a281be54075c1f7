"""The MLflow UI over the embedded store."""

from __future__ import annotations

import os
import socket
import sqlite3
import sys
from pathlib import Path

from exprlab.errors import UserError
from exprlab.tracking.store import DATABASE, check_database, locate, relocate

HOST = "127.0.0.1"


def serve(store: Path, port: int) -> None:
    """Become the MLflow server of an embedded store; ends with Ctrl-C.

    Parameters
    ----------
    store : Path
        Folder with mlflow.db.
    port : int
        On 127.0.0.1; from another machine it is reached through an SSH tunnel.

    Raises
    ------
    UserError
        If there is no store, it cannot be used, or the port is taken.
    """
    command, environment, link = prepare(store, port)
    print(f"MLflow opens in a few seconds at {link}\nCtrl-C ends it.", flush=True)
    os.execve(command[0], command, environment)


def prepare(store: Path, port: int) -> tuple[list[str], dict[str, str], str]:
    """Return the server's command, its environment and the link to the newest experiment."""
    location = locate("", store)
    if not check_database(location):
        raise UserError(
            f"{location.database}: there is no MLflow store yet; run 'snakemake --cores 4' first"
        )
    relocate(location.folder)
    _check_port(port)
    command = [
        sys.executable, "-m", "mlflow", "server",
        "--host", HOST, "--port", str(port), "--workers", "1",
        "--backend-store-uri", location.uri,
        "--default-artifact-root", str(location.artifacts),
        "--uvicorn-opts", "--log-level warning",
    ]  # fmt: skip
    environment = {
        **os.environ,
        # The job runner triples start-up time and memory, and nothing here uses it.
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        # A reader of the terminal can do nothing about what MLflow's own libraries deprecate.
        "PYTHONWARNINGS": "ignore",
        # MLflow looks for its own programs on the path, which an unactivated environment is not.
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")]),
    }
    return command, environment, link(location.folder, port)


def link(store: Path, port: int) -> str:
    """Return the address of the newest experiment's table of runs.

    MLflow opens in a view made for language models; `workflowType` asks for the other one.
    """
    base = f"http://{HOST}:{port}/"
    query = (
        "SELECT e.experiment_id FROM experiments e LEFT JOIN runs r USING (experiment_id) "
        "WHERE e.lifecycle_stage = 'active' AND e.experiment_id != 0 "
        "GROUP BY e.experiment_id ORDER BY max(r.end_time) DESC, e.experiment_id DESC LIMIT 1"
    )
    connection = sqlite3.connect(f"{(store.resolve() / DATABASE).as_uri()}?mode=ro", uri=True)
    try:
        row = connection.execute(query).fetchone()
    finally:
        connection.close()
    if row is None:
        return base
    return f"{base}#/experiments/{row[0]}/runs?workflowType=machine_learning"


def _check_port(port: int) -> None:
    with socket.socket() as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind((HOST, port))
        except (OSError, OverflowError) as error:
            raise UserError(
                f"port {port} on {HOST} cannot be used ({error}); an MLflow UI may already run "
                f"there. Choose another one, e.g. port {port + 1 if port < 65000 else 5001}"
            ) from None
