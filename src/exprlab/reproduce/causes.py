"""What in a planned job itself makes it run: Snakemake's words, told finer by the last manifest."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from exprlab.files import sha256
from exprlab.keys import SIDE_FILES
from exprlab.provenance.environment import without_password
from exprlab.reproduce import reasons
from exprlab.reproduce.plan import RESULTS, Job, job_key, paths_in
from exprlab.reproduce.words import (
    CODE,
    FOLLOWS,
    FORCED_RUN,
    INCOMPLETE_OUTPUT,
    MISSING_OUTPUT,
    OTHER_CODE,
    OTHER_INPUTS,
    OTHER_PARAMS,
    OTHER_SOFTWARE,
    RULE,
    SETTING,
    UPDATED_INPUT,
    meaning,
    split_reason,
    told_params,
)

# Kinds of causes.
NEW, MISSING, UNFINISHED, FORCED = "new", "missing", "unfinished", "forced"
CHANGED, INPUTS = "changed", "inputs"

# Settings that choose what is run, not how. With a choice, definitions come and go in the config
# that the report is given; that says nothing more.
CHOICES = tuple(f"experiment.{key}:" for key in ("datasets", "models", "seeds", "train_sizes"))
DEFINITION = re.compile(rf"(datasets|models)\.[^.]+: (.* -> )?{reasons.ABSENT}( -> .*)?")


@dataclass(frozen=True, order=True)
class Cause:
    """A reason to run: its kind, and what exactly (empty if the files concerned say it)."""

    kind: str
    what: str = ""


@dataclass
class Own:
    """Causes of one job -> the files concerned."""

    causes: dict[Cause, list[str]] = field(default_factory=dict)

    def add(self, kind: str, what: str = "", files: Iterable[str] = ()) -> None:
        self.causes.setdefault(Cause(kind, what), []).extend(files)


class Past:
    """The last complete run, as its manifest tells it, beside what is asked for now.

    Parameters
    ----------
    manifest
        None if there is none.
    results
        The folder of the results.
    lineage, config
        Of the new plan.
    """

    def __init__(
        self,
        manifest: Mapping[str, Any] | None,
        results: Path,
        lineage: Iterable[dict[str, Any]],
        config: Mapping[str, Any] | None,
    ) -> None:
        self.results = results
        manifest = manifest or {"rules": {}, "files": [], "config": config}
        self.entries = {job_key(e["rule"], e["wildcards"]): e for e in manifest["files"]}
        self.digests = {e["path"]: e["sha256"] for e in manifest["files"]}
        self.code = reasons.code_changes(manifest)
        self.now = {job_key(e["rule"], e["wildcards"]): e for e in lineage}
        # Without a config there is nothing to compare with.
        self.settings = reasons.settings(manifest["config"], config) if config else []

    def has_run(self, job: Job) -> bool:
        """Return whether a job has ever come to its end; the manifest knows not all of them."""
        return (self.results.parent / job.benchmark).is_file()

    def gone(self) -> list[str]:
        """Return the files that were there and are missing."""
        return [path for path in self.digests if not (self.results / path).exists()]


def own_causes(job: Job, past: Past, forcerun: Iterable[str]) -> dict[Cause, list[str]]:
    """Return what in a job itself makes it run -> the files concerned.

    Snakemake stops looking for reasons in whatever follows from another job, so here the manifest
    is asked, too: a job may follow from one cause and have another of its own.

    Parameters
    ----------
    job
        A planned job.
    past
        The last complete run.
    forcerun
        Rules and files that the user wants made anew.
    """
    own, words = Own(), split_reason(job.reason)
    if FORCED_RUN in words:
        by_user = sorted({job.rule, *job.outputs}.intersection(forcerun))
        # With rerun-incomplete, Snakemake calls forced what a killed job has left.
        for name in by_user:
            own.add(FORCED, f"you force it: --forcerun {name}")
        if not by_user:
            own.add(UNFINISHED, "", job.outputs)
    if incomplete := words.get(INCOMPLETE_OUTPUT):
        own.add(UNFINISHED, "", paths_in(incomplete))
    if missing := words.get(MISSING_OUTPUT):
        _missing(job, past, paths_in(missing), own)
    if updated := words.get(UPDATED_INPUT):
        own.add(CHANGED, "", paths_in(updated))
    _code(job, past, words, own)
    _settings(job, past, words, own)
    _inputs(job, past, words, own)
    return own.causes


def _missing(job: Job, past: Past, paths: list[str], own: Own) -> None:
    """Tell what was lost from what has never been made."""
    if job.key in past.entries or past.has_run(job):
        own.add(MISSING, "", paths)
        return
    chosen = [line for line in past.settings if line.startswith(CHOICES)]
    for line in chosen or [""]:
        own.add(SETTING if line else NEW, line)


def _code(job: Job, past: Past, words: Mapping[str, str], own: Own) -> None:
    if job.rule in past.code and job.key in past.entries:
        for line in past.code[job.rule] or [f"the code behind rule {job.rule} is another"]:
            own.add(CODE, line)
    if OTHER_CODE in words:
        own.add(RULE, f"the command of rule {job.rule} was edited (workflow/rules/)")
    if OTHER_SOFTWARE in words:
        own.add(RULE, f"the conda environment of rule {job.rule} was edited (workflow/envs/)")


def _settings(job: Job, past: Past, words: Mapping[str, str], own: Own) -> None:
    was, now = past.entries.get(job.key), past.now.get(job.key)
    if was and now:
        lines = changed_params(was["params"], now["params"])
        for line in (line for line in lines if not DEFINITION.fullmatch(line)):
            own.add(SETTING, in_config(line, past.settings, job.wildcards))
    told = words.get(OTHER_PARAMS)
    if told is not None and not {CODE, SETTING} & {cause.kind for cause in own.causes}:
        for kind, line in told_params(told, job):
            own.add(kind, in_config(line, past.settings, job.wildcards))


def _inputs(job: Job, past: Past, words: Mapping[str, str], own: Own) -> None:
    """Tell which inputs a job takes no more, or takes now without their being made anew."""
    was, now = past.entries.get(job.key), past.now.get(job.key)
    follows = FOLLOWS in words
    if was and now:
        lost, gained = _exchanged(was["inputs"], now["inputs"])
        paths = lost if follows else lost + gained
        chosen = [line for line in past.settings if line.startswith(CHOICES)]
        for line in chosen if paths else ():
            own.add(SETTING, line)
        if paths and not chosen:
            own.add(INPUTS, "", paths)
    # Of what makes side files the manifest knows no inputs; a setting tells of them as well.
    elif OTHER_INPUTS in words and not follows and SETTING not in {c.kind for c in own.causes}:
        own.add(INPUTS)


def _exchanged(before: Iterable[str], now: Iterable[str]) -> tuple[list[str], list[str]]:
    """Return inputs that are no more, and further ones; a manifest lists what is in a folder."""
    names = (path.removeprefix(f"{RESULTS}/") for path in now)
    takes = {name for name in names if Path(name).name not in SIDE_FILES}
    places = {path: takes.intersection([path, *map(str, Path(path).parents)]) for path in before}
    lost = [path for path, place in places.items() if not place]
    gained = takes.difference(*places.values())
    return [f"{RESULTS}/{p}" for p in sorted(lost)], [f"{RESULTS}/{p}" for p in sorted(gained)]


def changed_params(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Return how a rule's parameters differ, without the name of the one that holds settings."""
    plain = {name: meaning(value) for name, value in now.items()}
    return [line.removeprefix("settings.") for line in reasons.settings(before, plain)]


def in_config(line: str, config_lines: Iterable[str], wildcards: Mapping[str, str]) -> str:
    """Return a change of a rule's parameter as the change in the config that it comes from.

    A rule sees its own section only, so 'clip: 10 -> 5' becomes 'preprocess.clip: 10 -> 5'.
    """
    name, _, values = line.partition(": ")
    last = name.rpartition(".")[2]
    candidates = []
    for found in config_lines:
        path, _, other = found.partition(": ")
        section, _, rest = path.partition(".")
        owner = rest.partition(".")[0]
        chosen = wildcards.get({"models": "model", "datasets": "dataset"}.get(section, ""), owner)
        if other == values and chosen == owner:
            candidates.append(found)
    same = [c for c in candidates if c.partition(": ")[0].rpartition(".")[2] == last]
    exact = [found for found in candidates if found == line]
    return without_password((exact or same or candidates or [line])[0])


def file_state(path: str, past: Past) -> str:
    """Return a file and how it is not what the last run has left there."""
    name = path.removeprefix(f"{RESULTS}/")
    digest, file = past.digests.get(name), past.results / name
    if digest is None or not file.is_file():
        return f"{path} (newer than what was made of it)"
    same = sha256(file) == digest
    return f"{path} ({'touched; its content is the same' if same else 'its content is another'})"
