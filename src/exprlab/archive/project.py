"""Who made an experiment, under which licence, and when: what a publication must say."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from exprlab.errors import UserError
from exprlab.files import read_json
from exprlab.keys import ENVIRONMENT_FILE, RECORD_FILE, STATUS_FILE

CITATION_FILE = "CITATION.cff"
LICENCES = {"MIT": "MIT License", "Apache-2.0": "Apache License 2.0", "CC-BY-4.0": "CC BY 4.0"}
ORCID = re.compile(r"^(.*?)[\s<(]*(?:https?://orcid\.org/)?(\d{4}-\d{4}-\d{4}-\d{3}[\dX])[>)]?$")


@dataclass(frozen=True)
class Author:
    """A person or an organisation; `orcid` is a URL or empty."""

    name: str
    person: bool
    orcid: str = ""


@dataclass(frozen=True)
class Project:
    """What CITATION.cff says."""

    authors: tuple[Author, ...]
    licence: str
    url: str = ""


@dataclass(frozen=True)
class Run:
    """When a model was trained; its folder is relative to the results."""

    folder: str
    started: str
    ended: str


def read_project(folder: Path, authors: list[str]) -> Project:
    """Read CITATION.cff; authors that are given (`Name`, or `Name ORCID`) replace its own.

    Raises
    ------
    UserError
        If it is missing or names no authors or no licence.
    """
    import yaml

    path = folder / CITATION_FILE
    if not path.is_file():
        raise UserError(
            f"{path}: no such file; an archive needs authors and a licence, and this file beside "
            "the Snakefile names them (keys `authors` and `license`)"
        )
    try:
        citation = yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise UserError(f"{path}: not valid YAML ({error})") from None
    citation = citation if isinstance(citation, dict) else {}
    missing = [key for key in ("authors", "license") if not citation.get(key)]
    if missing:
        raise UserError(f"{path}: has no `{missing[0]}`, which an archive needs")
    named = [_given(text) for text in authors] or [_cited(a) for a in citation["authors"]]
    url = citation.get("repository-code") or citation.get("url") or ""
    return Project(tuple(named), str(citation["license"]), str(url))


def _given(text: str) -> Author:
    match = ORCID.match(text.strip())
    if not match:
        return Author(text.strip(), person=True)
    return Author(match[1].strip(), person=True, orcid=f"https://orcid.org/{match[2]}")


def _cited(author: Mapping[str, Any]) -> Author:
    """Return an author of CITATION.cff: an entity has a name, a person its parts."""
    orcid = str(author.get("orcid", ""))
    if author.get("name"):
        return Author(str(author["name"]), person=False, orcid=orcid)
    parts = (author.get(key) for key in ("given-names", "name-particle", "family-names"))
    return Author(" ".join(str(part) for part in parts if part), person=True, orcid=orcid)


def read_runs(results: Path, manifest: Mapping[str, Any]) -> list[Run]:
    """Return when each run of an experiment was trained, in the order of the manifest.

    Raises
    ------
    UserError
        If a run does not tell.
    """
    paths = [Path(entry["path"]) for entry in manifest["files"]]
    runs = []
    for folder in (path.parent for path in paths if path.name == RECORD_FILE):
        path = results / folder / STATUS_FILE
        status = read_json(path) if path.is_file() else {}
        times = [status.get("started"), status.get("ended")]
        if not all(isinstance(time, int | float) for time in times):
            raise UserError(
                f"{path}: is missing, or does not say when the training started and ended; delete "
                "it and run `snakemake --cores 4`, which trains again"
            )
        runs.append(Run(folder.as_posix(), *(_iso(time) for time in times)))
    if not runs:
        raise UserError(f"{results}: the manifest lists no run; there is nothing to archive")
    return runs


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")


def snakemake_version(results: Path, runs: list[Run]) -> str | None:
    """Return the version of Snakemake that the side files name, if any does."""
    first = results / runs[0].folder
    for path in (results / ENVIRONMENT_FILE, first / ENVIRONMENT_FILE, first / STATUS_FILE):
        packages = read_json(path).get("packages") if path.is_file() else None
        if packages and packages.get("snakemake"):
            return str(packages["snakemake"])
    return None
