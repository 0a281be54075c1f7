"""Writing runs into an MLflow store, and taking them out again."""

from __future__ import annotations

import getpass
import json
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mlflow import MlflowClient
from mlflow.entities import (
    Dataset,
    DatasetInput,
    InputTag,
    LoggedModelOutput,
    Metric,
    Param,
    Run,
    RunTag,
    ViewType,
)

from exprlab.tracking.curves import Point
from exprlab.tracking.model import save_mlflow_model
from exprlab.tracking.records import FIGURES_FOLDER, RunRecord
from exprlab.tracking.status import host_kind
from exprlab.tracking.study import Study

KEY, CONTENT, PUBLISHED = "exprlab.key", "exprlab.content", "exprlab.published"
MEMBERS = "exprlab.members"
KIND, COMPLETE, LIVE = "exprlab.kind", "exprlab.complete", "exprlab.live"
# Of a run that a publication has deleted, which a reader of the store has not.
REMOVED = "exprlab.removed"
PARENT = "mlflow.parentRunId"
MODEL_NAME = "model"
# MLflow's limits: characters of a parameter and of a tag, entries of one call, of a digest.
PARAM_LENGTH, TAG_LENGTH, METRICS, PARAMS, DIGEST_LENGTH = 6000, 5000, 1000, 100, 32

# What status.json and environment.json say of a run; each becomes a tag where it is known.
STATUS_TAGS = (
    "host", "device", "accelerator", "precision", "threads", "attempt", "resumed_from_epoch",
    "slurm_job_id",
)  # fmt: skip
ENVIRONMENT_TAGS = ("python", "os", "processor", "workflow_command")

# Of every run.
_COMMON = {"mlflow.source.name": "exprlab", "mlflow.source.type": "JOB"}


class Writer:
    """Writes the runs of one experiment.

    Parameters
    ----------
    client
        Of the store.
    experiment_id
        Where the runs go.
    scratch
        An empty folder for models on their way.
    """

    def __init__(self, client: MlflowClient, experiment_id: str, scratch: Path) -> None:
        self.client, self.experiment_id, self.scratch = client, experiment_id, scratch

    def runs(self, deleted: bool = False) -> list[Run]:
        """Return all runs of the experiment, those that are deleted as well if wanted."""
        found, token, view = [], None, ViewType.ALL if deleted else ViewType.ACTIVE_ONLY
        while True:
            page = self.client.search_runs(
                [self.experiment_id], run_view_type=view, max_results=1000, page_token=token
            )
            found += page
            if not (token := page.token):
                return found

    def open_live(self, record: RunRecord) -> str:
        """Return the id of the run that a training streams to, of an earlier attempt or new."""
        name = f"tags.`{KEY}` = '{record.training_key}' and tags.`{LIVE}` = 'true'"
        for run in self.client.search_runs([self.experiment_id], filter_string=name):
            return run.info.run_id
        tags = {**_tags(record), KEY: record.training_key, LIVE: "true", **_COMMON}
        run_id = self._create(record.name, record.started, tags)
        self._params(run_id, record.params)
        return run_id

    def points_of(self, run_id: str) -> list[tuple[str, int, float]]:
        """Return name, step and value of all points of a run's metrics."""
        names = self.client.get_run(run_id).data.metrics
        rows = (row for name in names for row in self.client.get_metric_history(run_id, name))
        return [(row.key, row.step, row.value) for row in rows]

    def add_points(self, run_id: str, points: Sequence[Point]) -> None:
        """Add points of curves to a run."""
        self._metrics(run_id, [Metric(p.name, p.value, p.time, p.step) for p in points])

    def write_run(self, record: RunRecord, live: str | None = None) -> str:
        """Write one run with all that belongs to it, or complete a live one; return its id."""
        with self._new_run(record.name, record, _tags(record), live) as run_id:
            there = {(name, step) for name, step, _ in self.points_of(run_id)} if live else set()
            self._params(run_id, record.params)
            self.add_points(run_id, [p for p in record.curves if (p.name, p.step) not in there])
            data = self._dataset(run_id, record)
            model_id = self._model(run_id, record)
            judged = {"model_id": model_id} if model_id else {}
            self._metrics(
                run_id,
                [
                    _metric(name, value, record.ended, {**data, **judged, "run_id": run_id})
                    for name, value in record.metrics.items()
                ],
            )
            self._artifacts(run_id, record.files)
            self._artifacts(run_id, record.figures, FIGURES_FOLDER)
        return run_id

    def write_study(self, study: Study) -> str:
        """Write the summary run of a study; return its id."""
        tags = {
            KIND: "study",
            COMPLETE: str(study.complete).lower(),
            **{
                name: " ".join(sorted({getattr(m, field) for m in study.members}))
                for name, field in (
                    ("datasets", "dataset"),
                    ("models", "model"),
                    ("splits", "split"),
                )
            },
        }
        with self._new_run(study.name, study, tags) as run_id:
            self._params(run_id, study.params)
            ended = max(member.ended for member in study.members)
            metrics = {**study.metrics, "n_runs": float(len(study.members))}
            self._metrics(run_id, [Metric(k, v, ended, 0) for k, v in metrics.items()])
            self._artifacts(run_id, study.files)
        return run_id

    def adopt(self, run_id: str, parent: str) -> None:
        """Show a run below its study."""
        self.client.set_tag(run_id, PARENT, parent)

    def list_members(self, study_id: str, run_ids: Sequence[str]) -> None:
        """Write down which runs a study consists of."""
        self.client.set_tag(study_id, MEMBERS, _shorten(" ".join(run_ids)))

    def remove(self, run_id: str) -> None:
        """Delete a run and the models that it made."""
        found = self.client.search_logged_models(
            [self.experiment_id], filter_string=f"source_run_id = '{run_id}'"
        )
        for model in found:
            self.client.delete_logged_model(model.model_id)
        self.client.set_tag(run_id, REMOVED, "true")
        self.client.delete_run(run_id)

    @contextmanager
    def _new_run(
        self,
        name: str,
        source: RunRecord | Study,
        tags: Mapping[str, str],
        live: str | None = None,
    ) -> Iterator[str]:
        """Create a run, have it filled, close it and mark it as complete; remove it on failure.

        Or take a live one, whose tags then say how it ended.
        """
        members = source.members if isinstance(source, Study) else (source,)
        ended = max(member.ended for member in members)
        common = {
            **tags,
            KEY: source.key,
            "status": source.state,
            **_COMMON,
        }
        if source.cause:
            common["cause"] = source.cause
        run_id = live or self._create(name, min(member.started for member in members), common)
        try:
            if live:
                self.client.log_batch(run_id, tags=[RunTag(*one) for one in _cut(common).items()])
            yield run_id
            self.client.set_terminated(run_id, source.state, end_time=ended)
            # Last: whatever stops before this line leaves a run that the next call replaces.
            self.client.log_batch(
                run_id, tags=[RunTag(CONTENT, source.content), RunTag(PUBLISHED, "true")]
            )
            if live:
                self.client.delete_tag(run_id, LIVE)
        except BaseException:
            self._try_to_remove(run_id)
            raise

    def _create(self, name: str, started: int, tags: Mapping[str, str]) -> str:
        tags = {**_cut(tags), "mlflow.user": _user()}
        made = self.client.create_run(self.experiment_id, started, tags, run_name=name)
        return made.info.run_id

    def _try_to_remove(self, run_id: str) -> None:
        try:
            self.client.set_terminated(run_id, "FAILED")
            self.remove(run_id)
        except Exception:
            return  # the store itself has failed; without its mark the run is replaced later

    def _params(self, run_id: str, params: Mapping[str, str]) -> None:
        rows = [Param(key, _shorten(value)) for key, value in sorted(params.items())]
        for start in range(0, len(rows), PARAMS):
            self.client.log_batch(run_id, params=rows[start : start + PARAMS])

    def _metrics(self, run_id: str, rows: Sequence[Metric]) -> None:
        for start in range(0, len(rows), METRICS):
            self.client.log_batch(run_id, metrics=rows[start : start + METRICS])

    def _dataset(self, run_id: str, record: RunRecord) -> dict[str, str]:
        """Link the cohort to the run; return how its metrics refer to it."""
        inputs = record.record.get("inputs") or {}
        name = next((n for n in inputs if "counts" in n or "cohort" in n), None)
        digest = inputs[name] if name else record.training_key
        profile = {
            key: record.cohort[key]
            for key in ("n_samples", "n_genes", "n_per_class", "n_patients", "n_batches")
            if key in record.cohort
        }
        data = Dataset(
            name=record.dataset,
            digest=digest[:DIGEST_LENGTH],
            source_type="local",
            source=json.dumps({"uri": f"{record.dataset}/data/cohort.h5ad", "sha256": digest}),
            # A schema of 20,000 columns is more than MLflow takes.
            schema=None,
            profile=json.dumps(profile) if profile else None,
        )
        context = [InputTag("mlflow.data.context", "training")]
        self.client.log_inputs(run_id, datasets=[DatasetInput(data, context)])
        return {"dataset_name": data.name, "dataset_digest": data.digest}

    def _model(self, run_id: str, record: RunRecord) -> str | None:
        """Store the run's model and link it to the run; return the model's id."""
        if record.model_folder is None:
            return None
        made = self.client.create_logged_model(
            self.experiment_id,
            # By this name `runs:/<run id>/model`, the address that everyone knows, finds it.
            name=MODEL_NAME,
            source_run_id=run_id,
            model_type=str(record.network.get("kind", record.model)),
            tags={"dataset": record.dataset, "model": record.model, "split": record.split},
        )
        with tempfile.TemporaryDirectory(dir=self.scratch) as folder:
            target = Path(folder) / MODEL_NAME
            save_mlflow_model(record.model_folder, target)
            self.client.log_model_artifacts(made.model_id, str(target))
        self.client.finalize_logged_model(made.model_id, "READY")
        self.client.log_outputs(run_id, [LoggedModelOutput(made.model_id, step=0)])
        return made.model_id

    def _artifacts(self, run_id: str, paths: Sequence[Path], folder: str | None = None) -> None:
        for path in paths:
            self.client.log_artifact(run_id, str(path), folder)


def _cut(tags: Mapping[str, str]) -> dict[str, str]:
    return {key: value[:TAG_LENGTH] for key, value in tags.items()}


def _tags(record: RunRecord) -> dict[str, str]:
    """Return what a run is searched and grouped by."""
    environment = record.environment
    git, lock = environment.get("git") or {}, environment.get("lock") or {}
    known = {name: record.status.get(name) for name in STATUS_TAGS}
    known.update({name: environment.get(name) for name in ENVIRONMENT_TAGS})
    known.update(
        dataset=record.dataset,
        model=record.model,
        split=record.split,
        seed=record.record.get("seed"),
        code=record.record.get("code"),
        host_kind=host_kind(record.status),
        stopped=record.network.get("stopped"),
        git_commit=git.get("commit"),
        git_dirty=git.get("dirty"),
        lock_sha256=lock.get("sha256"),
        **{KIND: "run", "mlflow.source.git.commit": git.get("commit")},
    )
    # str(True) would be Python's spelling; tags are searched in the spelling of the files.
    return {
        name: value if isinstance(value, str) else json.dumps(value)
        for name, value in known.items()
        if value is not None
    }


def _metric(name: str, value: float, time: int, links: Mapping[str, Any]) -> Metric:
    # Only test metrics are about the data set; the others are about the training.
    return Metric(name, value, time, 0, **(links if name.startswith("test/") else {}))


def _shorten(value: str) -> str:
    if len(value) <= PARAM_LENGTH:
        return value
    note = " ... (whole in params.json)"
    return value[: PARAM_LENGTH - len(note)] + note


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user may have no name
        return "unknown"
