"""What an MLflow store lacks, has outdated or has left over, compared with runs and studies."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from exprlab.tracking.history import History
from exprlab.tracking.records import RunRecord
from exprlab.tracking.study import Study

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

    from exprlab.tracking.writer import Writer


def bring_up_to_date(
    client: MlflowClient, experiment_id: str, study: Study, history: History
) -> tuple[list[dict[str, str]], dict[str, str]]:
    """Write what is new, replace what has changed, and put the runs below their study.

    Returns
    -------
    tuple
        What was done with each run, in the order of the study's members, and with the study.
    """
    with _writer(client, experiment_id) as writer:
        runs, parent = _publish_study(writer, study)
        history.forget(_drop_outgrown_studies(writer, parent["run_id"]))
        return runs, parent


def restore(
    client: MlflowClient, experiment_id: str, history: History, current: Study | None
) -> list[str]:
    """Publish the earlier studies that a store has lost, the oldest first; return their names.

    What somebody has deleted in MLflow stays deleted.
    """
    from exprlab.tracking.writer import PUBLISHED, REMOVED

    with _writer(client, experiment_id) as writer:
        tags = [run.data.tags for run in writer.runs(deleted=True)]
        known = {t.get("exprlab.key") for t in tags if PUBLISHED in t and REMOVED not in t}
        known.add(current.key if current else None)
        lost = [kept for kept in history.studies() if kept.key not in known]
        return [_publish_study(writer, history.load(kept))[1]["name"] for kept in lost]


@contextmanager
def _writer(client: MlflowClient, experiment_id: str) -> Iterator[Writer]:
    from exprlab.tracking.writer import Writer

    with tempfile.TemporaryDirectory(prefix="exprlab-publish-") as scratch:
        yield Writer(client, experiment_id, Path(scratch))


def _publish_study(writer: Writer, study: Study) -> tuple[list[dict[str, str]], dict[str, str]]:
    from exprlab.tracking.writer import PARENT

    existing = _without_ruins(writer, study.members)
    runs = [_publish_run(writer, record, existing) for record in study.members]
    parent = _publish_one(writer, study, [r for r in existing if _key(r) == study.key])
    # MLflow lets a run have one parent, the newest study; each study keeps its own list.
    writer.list_members(parent["run_id"], [run["run_id"] for run in runs])
    parents = {run.info.run_id: run.data.tags.get(PARENT) for run in existing}
    for run in runs:
        # An unfinished study takes no run away from one that it belongs to already.
        homeless = parents.get(run["run_id"]) is None
        if homeless or (study.complete and parents[run["run_id"]] != parent["run_id"]):
            writer.adopt(run["run_id"], parent["run_id"])
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
    return _publish_one(writer, record, [run for run in existing if _key(run) in keys])


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
    live = None
    if kept is None and not isinstance(source, Study):
        live = next((run.info.run_id for run in earlier if _is_begun(writer, run, source)), None)
    outdated = [run.info.run_id for run in earlier if run.info.run_id not in (kept, live)]
    for run_id in outdated:
        writer.remove(run_id)
    action = "unchanged" if kept else "completed" if live else "replaced" if outdated else "created"
    if kept is None:
        is_study = isinstance(source, Study)
        kept = writer.write_study(source) if is_study else writer.write_run(source, live)
    return {"run_id": kept, "key": source.key, "status": source.state, "action": action}


def _is_begun(writer: Writer, run: Run, record: RunRecord) -> bool:
    """Tell whether a training has streamed the beginning of its curves, and no more, to a run."""
    from exprlab.tracking.writer import LIVE, PUBLISHED

    if LIVE not in run.data.tags or PUBLISHED in run.data.tags:
        return False
    points = {(p.name, p.step, p.value) for p in record.curves}
    streamed = writer.points_of(run.info.run_id)
    # Twice is there what two copies of an experiment have streamed to one server.
    return len(set(streamed)) == len(streamed) and points.issuperset(streamed)


def _drop_outgrown_studies(writer: Writer, current: str) -> set[str]:
    """Remove summaries of unfinished studies whose runs have all gone over to the current one.

    Returns their keys.
    """
    from exprlab.tracking.writer import COMPLETE, PARENT

    runs = writer.runs()
    parents = {run.data.tags.get(PARENT) for run in runs}
    outgrown = [
        run
        for run in runs
        if run.data.tags.get(COMPLETE) == "false" and run.info.run_id not in parents | {current}
    ]
    for run in outgrown:
        writer.remove(run.info.run_id)
    return {_key(run) for run in outgrown}


def _key(run: Run) -> str:
    return run.data.tags.get("exprlab.key", "")
