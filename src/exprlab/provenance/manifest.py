"""The manifest: every scientific file of an experiment, its digest, and how it was made."""

from __future__ import annotations

import json
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from exprlab import __version__
from exprlab.errors import UserError
from exprlab.files import files_below, read_json, sha256
from exprlab.keys import RECORD_FILE, SIDE_FILES
from exprlab.provenance.code import code_digest, module_digests, packages_used

MANIFEST_FILE = "manifest.json"
FORMAT = 1
THREADS = 2
KEYS = frozenset({"format", "exprlab", "config", "rules", "files"})


def make_manifest(
    results: Path, lineage: list[dict[str, Any]], config: dict[str, Any]
) -> dict[str, Any]:
    """Return the manifest of the files that a lineage names.

    Parameters
    ----------
    results
        The folder of the results; paths in the manifest are relative to it.
    lineage
        How each file is made (`exprlab.provenance.lineage.lineage_of`).
    config
        The validated config, which is what it takes to make everything again.

    Returns
    -------
    dict
        `format`, `exprlab` (version), `config`, `rules` (name -> `command`, `code`, `modules`,
        `packages`) and `files`: in the order of the DAG, each with `path`, `sha256`, `size`,
        `rule`, `wildcards`, `code`, `params` and `inputs` (path -> SHA-256). Its bytes depend on
        the experiment alone: no times, hosts or folders.

    Raises
    ------
    UserError
        If a file is missing, or was made by other code than the workflow runs now.
    """
    if not lineage:
        raise UserError("--lineage: it names no file; rule write_manifest packs it from the plan")
    digests = _digest_all(results, lineage)
    files = [entry for job in lineage for entry in _entries(results, job, digests)]
    return {
        "format": FORMAT,
        "exprlab": __version__,
        "config": config,
        "rules": _rules(lineage),
        "files": files,
    }


def read_manifest(path: Path) -> dict[str, Any]:
    """Read a manifest, or the one of a results folder.

    Raises
    ------
    UserError
        If there is none, or it is not one that this version reads.
    """
    path = path / MANIFEST_FILE if path.is_dir() else path
    if not path.exists():
        raise UserError(f"{path}: no such file; a finished `snakemake --cores 4` leaves it")
    manifest = read_json(path)
    if not isinstance(manifest, dict) or not set(manifest) >= KEYS:
        raise UserError(f"{path}: not a manifest of exprlab")
    if manifest["format"] != FORMAT:
        raise UserError(
            f"{path}: a manifest of format {manifest['format']}, this version reads {FORMAT}; use "
            f"the exprlab that wrote it ({manifest.get('exprlab', 'unknown')})"
        )
    return manifest


def _digest_all(results: Path, lineage: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return digest and size of each file, by the path that the rules use; side files have none."""
    paths = sorted({path for job in lineage for path in job["inputs"] + job["outputs"]})
    every = [file for path in paths for file in _files(Path(path)) if file.name not in SIDE_FILES]
    # Hashing lets other threads go on; the largest files decide how long it takes.
    with ThreadPoolExecutor(THREADS) as pool:
        found = list(pool.map(sha256, every))
    return {
        (name := _relative(file, results)): {
            "path": name,
            "sha256": digest,
            "size": file.stat().st_size,
        }
        for file, digest in zip(every, found, strict=True)
    }


def _files(path: Path) -> list[Path]:
    if not path.exists():
        raise UserError(f"{path}: this file was there a moment ago; run the workflow again")
    return files_below(path) if path.is_dir() else [path]


def _relative(path: Path, results: Path) -> str:
    """Return a path below the results; what lies elsewhere keeps the name that the rule used."""
    return (path.relative_to(results) if path.is_relative_to(results) else path).as_posix()


def _entries(
    results: Path, job: dict[str, Any], digests: dict[str, dict[str, Any]]
) -> Iterable[dict[str, Any]]:
    """Yield one entry for each scientific file of a job."""

    def names(paths: list[str]) -> list[str]:
        every = [_relative(file, results) for path in paths for file in _files(Path(path))]
        return sorted(name for name in every if name in digests)

    made = {
        "rule": job["rule"],
        "wildcards": job["wildcards"],
        "code": job["code"],
        "params": {name: _plain(value) for name, value in job["params"].items()},
        "inputs": {name: digests[name]["sha256"] for name in names(job["inputs"])},
    }
    for name in names(job["outputs"]):
        if Path(name).name == RECORD_FILE:
            _refuse_other_code(results / name, job)
        yield {**digests[name], **made}


def _plain(value: Any) -> Any:
    """Return a parameter that the rule passes as JSON as what it means."""
    try:
        return json.loads(value) if isinstance(value, str) else value
    except json.JSONDecodeError:
        return value


def _refuse_other_code(record: Path, job: dict[str, Any]) -> None:
    """Compare what a training says about itself with what the workflow believes of it."""
    code = read_json(record).get("code")
    if code != job["code"]:
        raise UserError(
            f"{record}: made by code {code}, but rule {job['rule']} now runs {job['code']}. "
            f"Snakemake was told not to notice (--rerun-triggers?); run it without that option, or "
            f"with --forcerun {job['rule']}"
        )


def _rules(lineage: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return what each rule runs, module by module."""
    rules = {}
    for job in lineage:
        if job["rule"] in rules or not job["command"]:
            continue
        command = job["command"].replace("-", "_")
        if code_digest(command) != job["code"]:
            raise UserError(
                f"src/exprlab: the code behind rule {job['rule']} was edited while the workflow "
                "ran; run it again, and it makes anew what depends on the edit"
            )
        rules[job["rule"]] = {
            "command": job["command"],
            "code": job["code"],
            "modules": module_digests(command),
            "packages": packages_used(command),
        }
    return dict(sorted(rules.items()))
