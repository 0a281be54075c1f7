"""The summary of all runs of one publication, to be shown as their parent run."""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from exprlab.files import digest_of, sha256
from exprlab.keys import SIDE_FILES, split_parts
from exprlab.tracking.records import FORMAT, RunRecord
from exprlab.tracking.status import FAILED, FINISHED, KILLED


@dataclass(frozen=True)
class Study:
    """A set of runs and what they show together; `key` depends on the members' keys alone."""

    name: str
    key: str
    content: str
    members: tuple[RunRecord, ...]
    complete: bool
    params: dict[str, str]
    metrics: dict[str, float]
    files: tuple[Path, ...]

    @property
    def state(self) -> str:
        """FINISHED when all members are, else what became of the worst of them."""
        states = {member.state for member in self.members}
        return next((state for state in (FAILED, KILLED) if state in states), FINISHED)

    @property
    def cause(self) -> str:
        """Which members did not finish, and why."""
        return "\n".join(f"{m.name}: {m.cause}" for m in self.members if m.cause)


def make_study(
    experiment: str, members: Sequence[RunRecord], files: Iterable[Path], n_wanted: int
) -> Study:
    """Summarise runs.

    Parameters
    ----------
    experiment : str
        Its name begins the study's name.
    members : sequence of RunRecord
    files : iterable of Path
        What belongs to the whole, e.g. comparison and report; missing ones are left out.
    n_wanted : int
        Runs of the experiment; with fewer members the study is not complete.
    """
    key = digest_of(sorted(member.key for member in members))
    present = tuple(path for path in files if path.exists())
    found = {path.name: sha256(path) for path in present if path.name not in SIDE_FILES}
    content = digest_of(
        {"format": FORMAT, "files": found, "members": sorted(m.content for m in members)}
    )
    return Study(
        name=f"{experiment}-{key[:8]}",
        key=key,
        content=content,
        members=tuple(members),
        complete=len(members) == n_wanted and all(m.evaluation for m in members),
        params=_shared(members),
        metrics=_spread(members),
        files=present,
    )


def _shared(members: Sequence[RunRecord]) -> dict[str, str]:
    """Return the settings that all members have in common."""
    common = set.intersection(*(set(member.params.items()) for member in members))
    return dict(sorted(common))


def _spread(members: Sequence[RunRecord]) -> dict[str, float]:
    """Return mean and standard deviation over splits of each model's test metrics.

    Runs with fewer training samples, made for learning curves, do not count.
    """
    several = len({member.dataset for member in members}) > 1
    values: dict[str, list[float]] = defaultdict(list)
    for member in members:
        if split_parts(member.split).size is not None:
            continue
        owner = f"{member.dataset}/{member.model}" if several else member.model
        for metric in member.evaluation.get("metrics", {}):
            if f"test/{metric}" in member.metrics:
                values[f"{owner}/test/{metric}"].append(member.metrics[f"test/{metric}"])
    found = {f"{name}_mean": statistics.fmean(group) for name, group in values.items()}
    for name, group in values.items():
        if len(group) > 1:
            found[f"{name}_sd"] = statistics.stdev(group)
    return found
