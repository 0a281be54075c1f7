"""Bring an MLflow store up to date with the files of finished, failed and killed runs."""

from __future__ import annotations

import errno
import logging
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from exprlab.errors import UserError
from exprlab.files import write_json
from exprlab.provenance.environment import without_password
from exprlab.tracking.history import History, histories
from exprlab.tracking.records import RunRecord, read_run
from exprlab.tracking.store import (
    STORE_TAG,
    Location,
    check_database,
    locate,
    relocate,
    single_writer,
)
from exprlab.tracking.study import Study, make_study
from exprlab.tracking.update import bring_up_to_date, restore

if TYPE_CHECKING:
    from mlflow import MlflowClient

# Set before MLflow is imported, unless the user has: no telemetry, no messages about each table,
# and an unreachable server told at once (MLflow's own default is four minutes).
ENVIRONMENT = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_LOGGING_LEVEL": "ERROR",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "30",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
}


def publish(
    run_folders: Sequence[Path],
    attachments: Sequence[Path],
    experiment: str,
    uri: str,
    store: Path,
    history: Path,
    receipt: Path,
) -> dict[str, Any]:
    """Publish runs and their summary, and whatever the store lacks of what was published before.

    What is there and unchanged is left as it is.

    Parameters
    ----------
    run_folders : sequence of Path
        results/{dataset}/{model}/{split} of every run of the experiment; what has not been run
        yet, or may still be running, is left out.
    attachments : sequence of Path
        Files of the whole experiment, for the summary run; those that do not exist are left out.
    experiment : str
        Name of the experiment in MLflow.
    uri : str
        An MLflow server or database; '' is the embedded store.
    store : Path
        Folder of the embedded store: mlflow.db, artifacts/ and the lock.
    history : Path
        Folder that keeps the files of what was published.
    receipt : Path
        Where to write what was published, as JSON.

    Returns
    -------
    dict
        The receipt: `store`, `experiment`, `experiment_id`, `study`, `runs` (each with `run_id`,
        `key`, `status` and `action`: created, completed, replaced or unchanged), `left_out`, and
        `restored`, the names of earlier studies that the store had lost.

    Raises
    ------
    UserError
        If a file of a run is damaged, or the store is locked, damaged or cannot be reached.
    """
    location = locate(uri, Path(store))
    with single_writer(location.folder):
        found = {str(folder): read_run(Path(folder)) for folder in run_folders}
        records = [record for record in found.values() if record is not None]
        study = make_study(experiment, records, attachments, len(found)) if records else None
        if study:
            study = History(history / experiment).keep(study, len(found))
        with clear_errors(location):
            client = connect(location)
            restored = _restore(client, history, experiment, study, location)
            number = experiment_id(client, experiment, location.artifacts)
            runs, parent = [], None
            if study:
                kept = History(history / experiment)
                runs, parent = bring_up_to_date(client, number, study, kept)
    answer = {
        "store": without_password(location.uri),
        "experiment": experiment,
        "experiment_id": number,
        "study": parent,
        "runs": [{**_names(record), **run} for record, run in zip(records, runs, strict=True)],
        "left_out": sorted(folder for folder, record in found.items() if record is None),
        "restored": restored,
    }
    write_json(receipt, answer)
    return answer


def _names(record: RunRecord) -> dict[str, str]:
    return {"dataset": record.dataset, "model": record.model, "split": record.split}


def _restore(
    client: MlflowClient, folder: Path, experiment: str, study: Study | None, location: Location
) -> list[str]:
    """Bring back what the store has lost of any experiment; return the studies' names."""
    names = []
    for past in histories(folder):
        found = client.get_experiment_by_name(past.experiment)
        if found and found.lifecycle_stage == "deleted" and past.experiment != experiment:
            continue  # somebody wanted it away
        current = study if past.experiment == experiment else None
        names += restore(
            client, experiment_id(client, past.experiment, location.artifacts), past, current
        )
    return names


def connect(location: Location) -> MlflowClient:
    """Open a store; an SQLite store is checked first, made if missing, and told if it has moved."""
    for name, value in ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    exists = check_database(location)
    if exists:
        relocate(location.database)
    from mlflow import MlflowClient

    logging.getLogger("alembic").setLevel(logging.WARNING)
    if location.database is not None and not exists:
        _create(location.database)
    return MlflowClient(tracking_uri=location.uri)


def _create(database: Path) -> None:
    """Make an empty store beside its final name, so that nobody ever meets half of one."""
    from mlflow import MlflowClient

    for ruin in database.parent.glob(f".writing-*-{database.name}*"):
        ruin.unlink()  # of a creation that was killed; whoever is here holds the lock
    unfinished = database.with_name(f".writing-{os.getpid()}-{database.name}")
    try:
        MlflowClient(tracking_uri=f"sqlite:///{unfinished}").search_experiments(max_results=1)
        os.replace(unfinished, database)
    finally:
        unfinished.unlink(missing_ok=True)


def experiment_id(client: MlflowClient, name: str, artifacts: str | None) -> str:
    """Return the id of the experiment with this name; make it, or take it out of the bin.

    `artifacts` is where an SQLite store keeps its artifacts; a server has its own place.
    """
    found = client.get_experiment_by_name(name)
    if found is not None:
        if found.lifecycle_stage == "deleted":
            client.restore_experiment(found.experiment_id)
        return found.experiment_id
    if artifacts is None:
        return client.create_experiment(name)
    return client.create_experiment(
        name, artifact_location=f"{artifacts}/{name}", tags={STORE_TAG: artifacts}
    )


@contextmanager
def clear_errors(location: Location) -> Iterator[None]:
    """Turn what a store, its server or its disk may raise into one message."""
    import sqlite3

    try:
        yield
    except UserError:
        raise
    except Exception as error:
        kinds = {f"{kind.__module__.partition('.')[0]}" for kind in type(error).__mro__}
        if not (isinstance(error, OSError | sqlite3.Error) or kinds & {"mlflow", "sqlalchemy"}):
            raise  # a mistake of ours: its traceback is wanted
        raise UserError(_explain(error, location)) from error


def _explain(error: Exception, location: Location) -> str:
    name = str(location.database or without_password(location.uri))
    first = next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)
    if getattr(error, "errno", None) == errno.ENOSPC or "disk is full" in str(error):
        return f"{name}: the disk is full; free some space and publish again"
    if "out-of-date database schema" in first or "Can't locate revision" in first:
        return (
            f"{name}: this MLflow store was written by another version of MLflow ({first}). Use "
            f"that version, or: {location.remedy}"
        )
    return f"{name}: the MLflow store failed: {first}. {location.remedy}"
