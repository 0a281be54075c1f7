"""What is to be made again: an experiment, or one run of it, as its manifest tells."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from exprlab.errors import UserError, did_you_mean
from exprlab.files import read_json
from exprlab.keys import ENVIRONMENT_FILE, split_parts
from exprlab.provenance.manifest import MANIFEST_FILE, read_manifest
from exprlab.tracking.records import MODEL_FOLDER

RUN_ID = re.compile(r"[0-9a-f]{32}")
# Runs that a message names.
SHOWN = 8


@dataclass(frozen=True)
class Original:
    """A manifest, the part of it that is asked for, and the files as far as they are at hand.

    Attributes
    ----------
    name
        What the user called it.
    manifest
        The whole manifest.
    files
        The entries that are to be proven, in the order of the DAG.
    folder
        Where the files lie; None if there is only the manifest.
    environment
        Where and with what the files were made; empty if nothing tells.
    run
        (dataset, model, split) of a single run; None for a whole experiment.
    fetched
        Folder of what was fetched from MLflow, if it was.
    """

    name: str
    manifest: dict[str, Any]
    files: list[dict[str, Any]]
    folder: Path | None
    environment: dict[str, Any]
    run: tuple[str, str, str] | None = None
    fetched: Path | None = None

    @property
    def config(self) -> dict[str, Any]:
        """The config that makes these files and no others."""
        config = self.manifest["config"]
        if self.run is None:
            return config
        dataset, model, split = self.run
        seed, _, size = split_parts(split)
        chosen = {"datasets": [dataset], "models": [model], "seeds": [seed]}
        chosen["train_sizes"] = [] if size is None else [size]
        return {
            **config,
            "experiment": {**config["experiment"], **chosen},
            "datasets": {dataset: config["datasets"][dataset]},
            "models": {model: config["models"][model]},
        }

    @property
    def place(self) -> Path:
        """The folder that relative paths of the user's own files begin in."""
        # Snakemake was called where results/ lies; of a manifest alone nobody knows.
        # Its files lie beside the name of results/, wherever that leads to.
        return Path(os.path.abspath(self.folder)).parent if self.folder else Path.cwd()

    @property
    def targets(self) -> list[str]:
        """Paths that Snakemake is to make, below results/; a model is made as a whole folder."""
        if self.run is None:
            return [MANIFEST_FILE]
        paths = (PurePosixPath(entry["path"]) for entry in self.files)
        return sorted({str(p.parent if p.parent.name == MODEL_FOLDER else p) for p in paths})

    def behind(self, path: str) -> set[str]:
        """Return the files that a file of the manifest depends on, itself among them."""
        return _closure(self.manifest, {path})


def open_original(name: str, scratch: Path) -> Original:
    """Find what a user names: a results folder, a manifest, a run's folder or an MLflow run id.

    Parameters
    ----------
    name
        As it was typed.
    scratch
        An empty folder for what is fetched from MLflow.

    Raises
    ------
    UserError
        If it is none of these, or there is no manifest.
    """
    path = Path(name)
    if path.is_dir() and (path / MANIFEST_FILE).exists():
        return _experiment(name, read_manifest(path), path)
    if path.is_file():
        return _experiment(name, read_manifest(path), path.parent)
    if path.is_dir():
        return _run_of_folder(name)
    if RUN_ID.fullmatch(name):
        from exprlab.tracking.fetch import fetch_proof

        manifest, run = fetch_proof(name, scratch)
        read = read_manifest(manifest)
        environment = _environment(manifest.parent)
        return Original(name, read, _entries(read, run), None, environment, run, scratch)
    beside = [item.name for item in path.parent.glob("*")] if path.parent.is_dir() else []
    raise UserError(
        f"{name}: no such folder, and no MLflow run id (32 digits and letters a to f). Give a "
        f"folder of results, a manifest.json, a run's folder or a run id"
        f"{did_you_mean(path.name, beside)}"
    )


def _experiment(name: str, manifest: dict[str, Any], folder: Path) -> Original:
    present = any((folder / entry["path"]).exists() for entry in manifest["files"])
    environment = _environment(folder)
    return Original(name, manifest, manifest["files"], folder if present else None, environment)


def _run_of_folder(name: str) -> Original:
    # As it is named, since results/ may be a link; or where it leads to, as a link to a run does.
    places = (Path(os.path.abspath(name)), Path(name).resolve())
    path = next((p for p in places if _lies_in_results(p)), None)
    if path is None:
        raise UserError(
            f"{name}: there is no {MANIFEST_FILE} in it, nor three folders above it; a finished "
            "`snakemake --cores 4` leaves results/manifest.json. Give the folder of results, or "
            "of one run in it (results/dataset/model/split)"
        )
    results = path.parents[2]
    manifest = read_manifest(results)
    dataset, model, split = path.relative_to(results).parts
    run = (dataset, model, split)
    runs = _runs(manifest)
    if run not in runs:
        known = ", ".join("/".join(each) for each in runs[:SHOWN])
        more = ", ..." if len(runs) > SHOWN else ""
        raise UserError(
            f"{name}: {results / MANIFEST_FILE} knows no such run; its runs are {known}{more}"
        )
    files = _entries(manifest, run)
    environment = _environment(path) or _environment(results)
    return Original(name, manifest, files, results, environment, run)


def _lies_in_results(run: Path) -> bool:
    """Return whether a folder lies where those of runs do, three below a manifest."""
    return len(run.parts) > 3 and (run.parents[2] / MANIFEST_FILE).exists()


def _runs(manifest: dict[str, Any]) -> list[tuple[str, str, str]]:
    """Return (dataset, model, split) of every run of an experiment, and of every pooled repeat."""
    experiment = manifest["config"]["experiment"]
    places = [tuple(entry["path"].split("/")) for entry in manifest["files"]]
    found = (
        place[:3]
        for place in places
        if len(place) > 3
        and place[0] in experiment["datasets"]
        and place[1] in experiment["models"]
    )
    return list(dict.fromkeys(found))  # type: ignore[arg-type]


def _entries(manifest: dict[str, Any], run: tuple[str, str, str] | None) -> list[dict[str, Any]]:
    """Return a run's own files and all that they depend on."""
    if run is None:
        return manifest["files"]
    folder = "/".join(run) + "/"
    own = {e["path"] for e in manifest["files"] if e["path"].startswith(folder)}
    wanted = _closure(manifest, own)
    return [entry for entry in manifest["files"] if entry["path"] in wanted]


def _closure(manifest: dict[str, Any], paths: set[str]) -> set[str]:
    """Return files and all that is behind them."""
    wanted = set(paths)
    # Inputs stand before what is made of them, so one pass backwards finds everything.
    for entry in reversed(manifest["files"]):
        if entry["path"] in wanted:
            wanted |= set(entry["inputs"])
    return wanted


def _environment(folder: Path) -> dict[str, Any]:
    path = folder / ENVIRONMENT_FILE
    return read_json(path) if path.exists() else {}
