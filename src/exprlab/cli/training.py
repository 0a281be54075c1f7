"""What the training subcommands share: the inputs they read and the files they leave."""

from __future__ import annotations

import argparse
import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from exprlab.cli.arguments import add_params, add_paths, add_seed
from exprlab.errors import UserError
from exprlab.files import atomic_path, sha256, write_arrays, write_json
from exprlab.keys import (
    DIFF_FILE,
    ENVIRONMENT_FILE,
    LOGITS_FILE,
    METRICS_FILE,
    NETWORK_FILE,
    PARAMS_FILE,
    RECORD_FILE,
    STATUS_FILE,
    TIMING_FILE,
    TRAIN,
    VAL,
    WEIGHTS_FILE,
)

if TYPE_CHECKING:
    from exprlab.config.section import Section
    from exprlab.data.training_table import TrainingTable
    from exprlab.training.fitted import Fitted


@dataclass
class TrainingJob:
    """A training under way; the subcommand sets `fitted`.

    `data` holds features, labels, patients, train and val as the fitting functions take them.
    """

    name: str
    params: dict[str, Any]
    data: dict[str, Any]
    folder: Path
    fitted: Fitted | None = None

    def settings(self, name: str, section: type[Section]) -> Any:
        """Return one section of the parameters, checked; what is not given has its default."""
        return settings_of(self.params, name, section)


def settings_of(params: dict[str, Any], name: str, section: type[Section]) -> Any:
    """Return one section of --params, checked; what is not given has its default."""
    from exprlab.config.experiment import load_settings

    return load_settings(section, json.dumps(params.get(name, {})))


def parsed(params: str) -> dict[str, Any]:
    """Return the sections that --params gives."""
    try:
        return json.loads(params)
    except json.JSONDecodeError as error:
        raise UserError(f"--params: not valid JSON ({error})") from None


def add_training_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what every training takes."""
    add_paths(
        parser,
        counts="counts with labels (.h5ad)",
        split="table of sample_id and split",
        features="inputs of all samples (npy)",
        run="the run's folder: results/{dataset}/{model}/{split}",
    )
    parser.add_argument("--code", default="", help="digest of the code, for the record")
    add_params(parser)
    add_seed(parser)


def clear_other_attempt(args: argparse.Namespace) -> None:
    """Remove the checkpoint of an unfinished attempt, unless it was at this very training."""
    from exprlab.tracking.attempt import earlier_attempt

    run: Path = args.run.resolve()
    earlier_attempt(run, {**parsed(args.params), "seed": args.seed}, _record(args, run))


@contextmanager
def training_run(args: argparse.Namespace) -> Iterator[TrainingJob]:
    """Read the inputs, keep status and curves while training, write the outputs at the end."""
    from exprlab.data.tables import write_logits
    from exprlab.data.training_table import read_training_table
    from exprlab.tracking.attempt import FOLDER, attempt
    from exprlab.tracking.spawn import start_stream
    from exprlab.training.processes import end_when_told, is_helper

    end_when_told()
    run: Path = args.run.resolve()
    params = {**parsed(args.params), "seed": args.seed}
    table = read_training_table(args.counts, args.split)
    name = "/".join(run.parts[-3:])
    if is_helper():
        yield TrainingJob(name, params, _data(args, table), run / FOLDER)
        return
    with attempt(run, params, _record(args, run)) as current:
        start_stream(run)
        job = TrainingJob(name, params, _data(args, table), current.folder)
        yield job
        fitted = job.fitted
        assert fitted is not None  # the subcommand sets it
        write_arrays(run / WEIGHTS_FILE, fitted.weights)
        description = {
            "kind": fitted.kind,
            "architecture": fitted.architecture,
            "classes": table.classes,
            "cross_validated": fitted.cross_validated,
        }
        write_json(run / NETWORK_FILE, {**description, **fitted.summary})
        write_logits(run / LOGITS_FILE, table, fitted.logits, fitted.cross_validated)
        current.end("FINISHED", **fitted.hardware)
        for name in (
            PARAMS_FILE, RECORD_FILE, METRICS_FILE, TIMING_FILE, ENVIRONMENT_FILE, DIFF_FILE,
            STATUS_FILE,
        ):  # fmt: skip
            with atomic_path(run / name) as temporary:
                shutil.copyfile(current.folder / name, temporary)


def _record(args: argparse.Namespace, run: Path) -> dict[str, Any]:
    dataset, model, split = run.parts[-3:]
    inputs = {name: sha256(getattr(args, name)) for name in ("counts", "split", "features")}
    return {
        "dataset": dataset,
        "model": model,
        "split": split,
        "seed": args.seed,
        "inputs": inputs,
        "code": args.code,
    }


def _data(args: argparse.Namespace, table: TrainingTable) -> dict[str, Any]:
    features = read_features(args.features, len(table))
    rows = {"train": table.rows(TRAIN), "val": table.rows(VAL)}
    return {"features": features, "labels": table.labels, "patients": table.patients, **rows}


def read_features(path: Path, n_samples: int) -> Any:
    """Return the inputs of all samples, (n_samples, n_features) float32."""
    import numpy as np

    try:
        features = np.load(path, allow_pickle=False)
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: cannot be read ({error}); preprocess again") from None
    if len(features) != n_samples:
        raise UserError(f"{path}: {len(features)} rows for {n_samples} samples; preprocess again")
    return features
