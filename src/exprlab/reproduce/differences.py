"""How two runs or two experiments differ: parameters, code, data, environment, metrics, files."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from exprlab.errors import UserError
from exprlab.keys import split_parts
from exprlab.provenance.environment import without_password
from exprlab.reproduce import reasons
from exprlab.reproduce.compare import Tolerance, compare_files
from exprlab.reproduce.metric_changes import MetricChange, metric_changes
from exprlab.reproduce.original import Original

RUN_SECTIONS = ("split", "preprocess", "trainer", "evaluation")


@dataclass(frozen=True)
class FileChanges:
    """Files of both by their role, in the order of the DAG of the first.

    `first` tells of the first of `different` how its contents differ, if both are at hand.
    """

    same: int
    different: list[str]
    rules: list[str]
    first: str
    only_before: list[str]
    only_after: list[str]


@dataclass(frozen=True)
class Differences:
    """What differs from `before` to `after`; empty lists where nothing does.

    Attributes
    ----------
    code
        A module, package or rule that differs -> the rules that use it.
    data
        Files that are not made from others: simulated cohorts, and inputs from outside.
    environment
        Kind (software, hardware, source) -> lines; None if it was not recorded for both.
    metrics
        None if the files that hold them are not at hand.
    """

    before: str
    after: str
    parameters: list[str]
    code: dict[str, list[str]]
    data: list[str]
    environment: dict[str, list[str]] | None
    metrics: list[MetricChange] | None
    files: FileChanges

    @property
    def same(self) -> bool:
        """Return whether everything scientific is the same; environments may differ."""
        files = self.files
        apart = [self.parameters, self.code, self.data, files.different]
        return not any([*apart, files.only_before, files.only_after])


def differences(before: Original, after: Original) -> Differences:
    """Compare two runs, or two experiments.

    Runs of other names (another split, model or data set) are compared file by file in the same
    role: the weights of the one with the weights of the other.

    Raises
    ------
    UserError
        If one is a run and the other an experiment.
    """
    if (before.run is None) != (after.run is None):
        run, experiment = (after, before) if before.run is None else (before, after)
        raise UserError(
            f"{run.name} is a single run and {experiment.name} a whole experiment; give two runs "
            "or two experiments"
        )
    named = _other_names(before.run, after.run)
    roles = [{role(e["path"], side.run, named): e for e in side.files} for side in (before, after)]
    pairs = [(name, entry, roles[1][name]) for name, entry in roles[0].items() if name in roles[1]]
    return Differences(
        before=before.name,
        after=after.name,
        parameters=_parameters(before, after),
        code=_code(before, after, pairs),
        data=_data(before, after, pairs),
        environment=_environment(before.environment, after.environment),
        metrics=metric_changes(before, after),
        files=_files(before, after, roles, pairs),
    )


Run = tuple[str, str, str]
PLACES = ("dataset", "model", "split")


def _other_names(before: Run | None, after: Run | None) -> list[str]:
    """Return in which of data set, model and split two runs differ."""
    both = zip(PLACES, before or PLACES, after or PLACES, strict=True)
    return [place for place, was, now in both if was != now]


def role(path: str, run: Run | None, named: Iterable[str] = PLACES) -> str:
    """Return a path without the names that stand for a run, such as tumours/{model}/seed-0/model.

    Parameters
    ----------
    path
        Below the results.
    run
        (dataset, model, split); None for an experiment, whose paths stay as they are.
    named
        Which of the three to take out.
    """
    if run is None:
        return path
    names = dict(zip(PLACES, run, strict=True))
    parts = path.split("/")
    for place, part in enumerate(parts):
        if "split" in named and _names(part, names["split"]):
            parts[place] = part.replace(names["split"], "{split}")
        elif place < 2 and PLACES[place] in named and part == names[PLACES[place]]:
            parts[place] = f"{{{PLACES[place]}}}"
    return "/".join(parts)


def _names(part: str, split: str) -> bool:
    return part == split or part.startswith(f"{split}.")


def _parameters(before: Original, after: Original) -> list[str]:
    lines = reasons.settings(_settings(before), _settings(after))
    return [without_password(line) for line in lines]


def _settings(original: Original) -> dict[str, Any]:
    """Return the config; of a run, the sections that it depends on, without its names."""
    config = original.manifest["config"]
    if original.run is None:
        return config
    dataset, model, split = original.run
    named = {"dataset": config["datasets"][dataset], "model": config["models"][model]}
    seed, fold, size = split_parts(split)
    return {
        **named,
        **{name: config[name] for name in RUN_SECTIONS if name in config},
        "seed": seed,
        **({} if fold is None else {"fold": fold}),
        **({} if size is None else {"train_size": size}),
    }


Pairs = list[tuple[str, dict[str, Any], dict[str, Any]]]


def _code(before: Original, after: Original, pairs: Pairs) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for was, now in sorted({(a["rule"], b["rule"]) for _, a, b in pairs}):
        both = before.manifest["rules"].get(was), after.manifest["rules"].get(now)
        if was != now:
            found.setdefault(f"rule {was} -> {now}", [])
        elif all(both) and both[0]["code"] != both[1]["code"]:
            for line in reasons.rule_changes(*both) or ["something else"]:
                found.setdefault(line, []).append(was)
    return found


def _data(before: Original, after: Original, pairs: Pairs) -> list[str]:
    own = [name for name, a, b in pairs if not a["inputs"] and a["sha256"] != b["sha256"]]
    outside = reasons.settings(_outside(before), _outside(after))
    return own + [line.partition(": ")[0] for line in outside]


def _outside(original: Original) -> dict[str, str]:
    """Return the digests of inputs that no rule makes."""
    made = {entry["path"] for entry in original.manifest["files"]}
    inputs = {k: v for entry in original.files for k, v in entry["inputs"].items()}
    return {name: digest for name, digest in inputs.items() if name not in made}


def _environment(before: dict[str, Any], after: dict[str, Any]) -> dict[str, list[str]] | None:
    if not before or not after:
        return None
    commits = [_source(environment) for environment in (before, after)]
    return {
        "software": reasons.environment_changes(before, after),
        "hardware": reasons.hardware_changes(before, after),
        "source": reasons.settings(*commits),
    }


def _source(environment: dict[str, Any]) -> dict[str, Any]:
    git, lock = environment.get("git") or {}, environment.get("lock") or {}
    return {
        "git commit": git.get("commit", "none"),
        "uncommitted changes": {True: "yes", False: "no"}.get(git.get("dirty"), "unknown"),
        "requirements.lock": lock.get("sha256", "none"),
    }


def _files(
    before: Original, after: Original, roles: list[dict[str, dict[str, Any]]], pairs: Pairs
) -> FileChanges:
    apart = [(name, a, b) for name, a, b in pairs if a["sha256"] != b["sha256"]]
    first = ""
    if apart and before.folder and after.folder:
        paths = before.folder / apart[0][1]["path"], after.folder / apart[0][2]["path"]
        if all(path.exists() for path in paths):
            first = compare_files(*paths, Tolerance()).words
    return FileChanges(
        same=len(pairs) - len(apart),
        different=[name for name, _, _ in apart],
        rules=[a["rule"] for _, a, _ in apart],
        first=first,
        only_before=[name for name in roles[0] if name not in roles[1]],
        only_after=[name for name in roles[1] if name not in roles[0]],
    )
