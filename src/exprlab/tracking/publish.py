"""Bring an MLflow store up to date with the files of finished, failed and killed runs."""

from __future__ import annotations

import errno
import logging
import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from exprlab.errors import UserError
from exprlab.files import write_json
from exprlab.tracking.records import RunRecord, read_run
from exprlab.tracking.store import (
    STORE_TAG,
    Location,
    check_database,
    locate,
    relocate,
    single_writer,
    without_password,
)
from exprlab.tracking.study import Study, make_study

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

    from exprlab.tracking.writer import Writer

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
    comparison: Path | None,
    report: Path | None,
    experiment: str,
    uri: str,
    store: Path,
    receipt: Path,
) -> dict[str, Any]:
    """Publish runs and their summary; what is there and unchanged is left as it is.

    Parameters
    ----------
    run_folders : sequence of Path
        results/{dataset}/{model}/{split} of every run of the experiment; what has not been run
        yet, or may still be running, is left out.
    comparison, report : Path or None
        Attached to the summary run where they exist.
    experiment : str
        Name of the experiment in MLflow.
    uri : str
        An MLflow server or database; '' is the embedded store.
    store : Path
        Folder of the embedded store: mlflow.db, artifacts/ and the lock.
    receipt : Path
        Where to write what was published, as JSON.

    Returns
    -------
    dict
        The receipt: `store`, `experiment`, `experiment_id`, `study`, `runs` (each with `run_id`,
        `key`, `status` and `action`: created, replaced or unchanged) and `left_out`.

    Raises
    ------
    UserError
        If a file of a run is damaged, or the store is locked, damaged or cannot be reached.
    """
    location = locate(uri, Path(store))
    with single_writer(location.folder):
        found = {str(folder): read_run(Path(folder)) for folder in run_folders}
        records = [record for record in found.values() if record is not None]
        files = (comparison, report)
        study = make_study(experiment, records, files, len(found)) if records else None
        with clear_errors(location):
            client = connect(location)
            experiment_id = _experiment(client, experiment, location)
            runs, parent = _bring_up_to_date(client, experiment_id, records, study)
    answer = {
        "store": without_password(location.uri),
        "experiment": experiment,
        "experiment_id": experiment_id,
        "study": parent,
        "runs": runs,
        "left_out": sorted(folder for folder, record in found.items() if record is None),
    }
    write_json(receipt, answer)
    return answer


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


def _experiment(client: MlflowClient, name: str, location: Location) -> str:
    """Return the id of the experiment with this name; make it, or take it out of the bin."""
    found = client.get_experiment_by_name(name)
    if found is not None:
        if found.lifecycle_stage == "deleted":
            client.restore_experiment(found.experiment_id)
        return found.experiment_id
    if location.artifacts is None:
        return client.create_experiment(name)
    return client.create_experiment(
        name,
        artifact_location=f"{location.artifacts}/{name}",
        tags={STORE_TAG: location.artifacts},
    )


def _bring_up_to_date(
    client: MlflowClient, experiment_id: str, records: Sequence[RunRecord], study: Study | None
) -> tuple[list[dict[str, str]], dict[str, str] | None]:
    """Write what is new, replace what has changed, and put the runs below their study."""
    from exprlab.tracking.writer import PARENT, Writer

    with tempfile.TemporaryDirectory(prefix="exprlab-publish-") as scratch:
        writer = Writer(client, experiment_id, Path(scratch))
        existing = _without_ruins(writer, records)
        runs = [_publish_run(writer, record, existing) for record in records]
        if study is None:
            return runs, None
        parent = _publish_one(writer, study, [r for r in existing if _key(r) == study.key])
        # MLflow lets a run have one parent, the newest study; each study keeps its own list.
        writer.list_members(parent["run_id"], [run["run_id"] for run in runs])
        parents = {run.info.run_id: run.data.tags.get(PARENT) for run in existing}
        for run in runs:
            # An unfinished study takes no run away from one that it belongs to already.
            homeless = parents.get(run["run_id"]) is None
            if homeless or (study.complete and parents[run["run_id"]] != parent["run_id"]):
                writer.adopt(run["run_id"], parent["run_id"])
        _drop_outgrown_studies(writer, parent["run_id"])
        return runs, {"name": study.name, **parent}


def _without_ruins(writer: Writer, records: Sequence[RunRecord]) -> list[Run]:
    """Return the experiment's runs, after removing what interrupted publications left.

    A run that is being streamed by its own job is left alone, until its files say how it ended.
    """
    from exprlab.tracking.writer import KEY, LIVE, PUBLISHED

    wanted = {record.key for record in records}
    kept = []
    for run in writer.runs():
        tags = run.data.tags
        ruin = KEY in tags and PUBLISHED not in tags
        if ruin and LIVE not in tags and tags[KEY] not in wanted:
            writer.remove(run.info.run_id)
        else:
            kept.append(run)
    return kept


def _publish_run(writer: Writer, record: RunRecord, existing: Sequence[Run]) -> dict[str, str]:
    keys = {record.key} | (record.superseded_keys if record.evaluation else set())
    done = _publish_one(writer, record, [run for run in existing if _key(run) in keys])
    return {"dataset": record.dataset, "model": record.model, "split": record.split, **done}


def _publish_one(
    writer: Writer, source: RunRecord | Study, earlier: Sequence[Run]
) -> dict[str, str]:
    """Leave, write or replace a run or study, so that exactly one with its key remains."""
    from exprlab.tracking.writer import CONTENT, PUBLISHED

    kept = None
    for run in earlier:
        tags = run.data.tags
        current = PUBLISHED in tags and tags.get(CONTENT) == source.content
        if kept is None and current and _key(run) == source.key:
            kept = run.info.run_id
    outdated = [run.info.run_id for run in earlier if run.info.run_id != kept]
    for run_id in outdated:
        writer.remove(run_id)
    action = "unchanged" if kept else "replaced" if outdated else "created"
    if kept is None:
        kept = writer.write_study(source) if isinstance(source, Study) else writer.write_run(source)
    return {"run_id": kept, "key": source.key, "status": source.state, "action": action}


def _drop_outgrown_studies(writer: Writer, current: str) -> None:
    """Remove summaries of unfinished studies whose runs have all gone over to the current one."""
    from exprlab.tracking.writer import COMPLETE, PARENT

    runs = writer.runs()
    parents = {run.data.tags.get(PARENT) for run in runs}
    for run in runs:
        unfinished = run.data.tags.get(COMPLETE) == "false"
        if unfinished and run.info.run_id not in parents | {current}:
            writer.remove(run.info.run_id)


def _key(run: Run) -> str:
    return run.data.tags.get("exprlab.key", "")


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
