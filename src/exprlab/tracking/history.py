"""The files of everything that was published, kept when a rerun replaces them in results/.

An MLflow store remembers runs of earlier settings. So that it can be lost and nothing with it, the
files of each published run are kept in a results folder in miniature:

    history/{experiment}/runs/{key}/{dataset}/{model}/{split}/   the run's files
    history/{experiment}/studies/{key}/                          its members, and what it shows

They are hard links where the disk has them, which cost nothing as long as the run is the current
one: all files of a run are replaced by renaming, never written to in place.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from exprlab.files import atomic_path, files_below, read_json, write_json
from exprlab.keys import STATUS_FILE
from exprlab.tracking.records import COHORT_FILE, FIGURES_FOLDER, RunRecord, read_run
from exprlab.tracking.study import Study, make_study

RUN_FILE, STUDY_FILE = "run.json", "study.json"
# Of a key; 64 bits tell millions of runs apart.
KEY_LENGTH = 16


@dataclass(frozen=True)
class KeptStudy:
    """What is known of a study without reading its runs; a larger `number` is a later study."""

    key: str
    number: int
    members: tuple[str, ...]
    n_wanted: int
    folder: Path


class History:
    """What was published under the name of one experiment.

    Parameters
    ----------
    folder
        Its folder, named like the experiment.
    """

    def __init__(self, folder: Path) -> None:
        self.experiment = folder.name
        self._runs, self._studies = folder / "runs", folder / "studies"

    def studies(self) -> list[KeptStudy]:
        """Return the studies whose runs are all there, the oldest first."""
        found = [_read_study(path) for path in self._studies.glob(f"*/{STUDY_FILE}")]
        whole = (s for s in found if all((self._run(key) / RUN_FILE).exists() for key in s.members))
        return sorted(whole, key=lambda study: study.number)

    def keep(self, study: Study, n_wanted: int) -> Study:
        """Keep a study and its runs; it becomes the latest one.

        Returns the study as `load` will give it: how a run without an end ended is decided here.
        """
        for member in study.members:
            entry = self._run(member.key)
            if _content(entry / RUN_FILE) != member.content:
                with atomic_path(entry) as temporary:
                    _copy_run(member, temporary)
        others = [kept for kept in self.studies() if kept.key != study.key]
        facts = {
            "key": study.key,
            "number": max((kept.number for kept in others), default=0) + 1,
            "members": [member.key for member in study.members],
            "n_wanted": n_wanted,
        }
        entry = self._studies / study.key[:KEY_LENGTH]
        shutil.rmtree(entry, ignore_errors=True)
        with atomic_path(entry) as temporary:
            for path in study.files:
                _link(path, temporary / path.name)
            write_json(temporary / STUDY_FILE, facts)
        members = (
            member if member.source == member.folder else _read_run(self._run(member.key))
            for member in study.members
        )
        return replace(study, members=tuple(members))

    def load(self, kept: KeptStudy) -> Study:
        """Read a study and all of its runs."""
        runs = [_read_run(self._run(key)) for key in kept.members]
        files = [path for path in files_below(kept.folder) if path.name != STUDY_FILE]
        return make_study(self.experiment, runs, files, kept.n_wanted)

    def forget(self, keys: set[str]) -> None:
        """Drop studies by their keys, then the runs that are in no study any more."""
        for kept in self.studies():
            if kept.key in keys:
                shutil.rmtree(kept.folder)
        wanted = {self._run(key) for kept in self.studies() for key in kept.members}
        for entry in self._runs.glob("*"):
            if entry not in wanted:
                shutil.rmtree(entry)

    def _run(self, key: str) -> Path:
        return self._runs / key[:KEY_LENGTH]


def histories(folder: Path) -> Iterator[History]:
    """Yield the history of each experiment that a folder holds, by name."""
    for entry in sorted(folder.glob("*/studies")):
        yield History(entry.parent)


def _copy_run(record: RunRecord, target: Path) -> None:
    """Copy what a record was read from, so that reading the copy gives the same record."""
    run = target / record.dataset / record.model / record.split
    source = run / record.source.relative_to(record.folder)
    for path in record.files:
        # What a killed training left behind lies apart from what later steps made of a run.
        _link(path, (source if path.parent == record.source else run) / path.name)
    for path in record.figures:
        _link(path, run / FIGURES_FOLDER / path.name)
    if record.model_folder:
        for path in files_below(record.model_folder):
            _link(path, run / record.model_folder.name / path.name)
    cohort = record.folder.parents[1] / "data" / COHORT_FILE
    if cohort.exists():
        _link(cohort, target / record.dataset / "data" / COHORT_FILE)
    if source != run:
        # How it ended was found out from its process, which nobody can ask again later.
        ended = {"state": record.state, "cause": record.cause, "ended": record.ended / 1000}
        (source / STATUS_FILE).unlink()
        write_json(source / STATUS_FILE, {**record.status, **ended})
    write_json(
        target / RUN_FILE,
        {"content": record.content, "run": f"{record.dataset}/{record.model}/{record.split}"},
    )


def _link(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(source, target)
    except OSError:  # another disk, or one without hard links
        shutil.copyfile(source, target)


def _read_study(path: Path) -> KeptStudy:
    facts = read_json(path)
    return KeptStudy(**{**facts, "members": tuple(facts["members"]), "folder": path.parent})


def _read_run(entry: Path) -> RunRecord:
    record = read_run(entry / read_json(entry / RUN_FILE)["run"])
    assert record is not None  # only what has ended is kept
    return record


def _content(path: Path) -> Any:
    return read_json(path)["content"] if path.exists() else None
