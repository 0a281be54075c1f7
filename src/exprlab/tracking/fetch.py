"""What an MLflow store knows of how a run was made: its manifest and its environment."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from exprlab.errors import UserError
from exprlab.keys import ENVIRONMENT_FILE
from exprlab.tracking.publish import clear_errors, connect
from exprlab.tracking.records import EVALUATION_FILE
from exprlab.tracking.status import FINISHED
from exprlab.tracking.store import Location, check_database, locate, single_writer

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

MANIFEST, COMPARISON = "manifest.json", "comparison.json"
STORE = Path("results/mlflow")


def fetch_proof(run_id: str, folder: Path) -> tuple[Path, tuple[str, str, str] | None]:
    """Fetch what it takes to make a published run again.

    Parameters
    ----------
    run_id
        Of a run, or of the summary run of a study, in the store that MLFLOW_TRACKING_URI names;
        by default the one in results/mlflow.
    folder
        An empty folder; what the run tells of its environment (environment.json) and its metrics
        (evaluation.json, of a study comparison.json) is put beside the manifest.

    Returns
    -------
    tuple
        The manifest of the study that the run belongs to, and (dataset, model, split), or None for
        a whole study.

    Raises
    ------
    UserError
        If there is no such run, it did not finish, or its study has no manifest.
    """
    location = locate(os.environ.get("MLFLOW_TRACKING_URI", ""), STORE)
    if location.database is not None and not location.database.exists():
        raise UserError(
            f"{run_id}: looks like an MLflow run id, but there is no store {location.database}; "
            "call this in the folder of results/, or set MLFLOW_TRACKING_URI"
        )
    with single_writer(location.folder), clear_errors(location):
        check_database(location)
        client = connect(location)
        run = _run(client, run_id, location)
        study = _study(client, run, run_id)
        client.download_artifacts(study.info.run_id, MANIFEST, str(folder))
        _fetch_what_is_there(client, run, folder)
    if study.info.run_id == run.info.run_id:
        return folder / MANIFEST, None
    tags = run.data.tags
    return folder / MANIFEST, (tags["dataset"], tags["model"], tags["split"])


def _run(client: MlflowClient, run_id: str, location: Location) -> Run:
    from mlflow.exceptions import MlflowException

    try:
        run = client.get_run(run_id)
    except MlflowException as error:
        if error.error_code != "RESOURCE_DOES_NOT_EXIST":
            raise
        name = location.database or "the server of MLFLOW_TRACKING_URI"
        raise UserError(
            f"{run_id}: {name} has no run of this id; copy it from the run's page in the MLflow UI"
        ) from None
    if "exprlab.key" not in run.data.tags:
        raise UserError(f"{run_id}: this run was not published by exprlab")
    if run.info.status != FINISHED:
        cause = run.data.tags.get("cause", "no cause is known")
        raise UserError(f"{run_id}: it is {run.info.status} ({cause}), so it has nothing to prove")
    return run


def _study(client: MlflowClient, run: Run, run_id: str) -> Run:
    """Return the summary run whose manifest lists a run."""
    parent = run.data.tags.get("mlflow.parentRunId", run.info.run_id)
    names = {item.path for item in client.list_artifacts(parent)}
    if MANIFEST not in names:
        raise UserError(
            f"{run_id}: its summary run {parent} has no {MANIFEST}, for the experiment had not "
            "come to its end when it was published; run `snakemake --cores 4`"
        )
    return client.get_run(parent)


def _fetch_what_is_there(client: MlflowClient, run: Run, folder: Path) -> None:
    names = {item.path for item in client.list_artifacts(run.info.run_id)}
    for name in names & {ENVIRONMENT_FILE, EVALUATION_FILE, COMPARISON}:
        client.download_artifacts(run.info.run_id, name, str(folder))
