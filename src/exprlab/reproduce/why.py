"""What would run again and why: causes, the jobs that have them, and what follows from these."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from statistics import mean
from typing import Any

from exprlab.errors import UserError
from exprlab.provenance.manifest import read_manifest
from exprlab.reproduce.causes import CHANGED, Cause, Past, file_state, own_causes
from exprlab.reproduce.layout import SHOWN
from exprlab.reproduce.plan import RESULTS, Job, Plan, Request, job_key, read_plan
from exprlab.reproduce.words import FORCED_RUN, INCOMPLETE_OUTPUT, MISSING_OUTPUT, split_reason

# Snakemake's words for what a job itself lacks, whatever else it follows from.
OF_ITSELF = frozenset({FORCED_RUN, MISSING_OUTPUT, INCOMPLETE_OUTPUT})
Key = tuple[str, ...]


@dataclass
class Group:
    """Causes that make the same jobs run, those jobs, and the jobs that follow from them alone.

    `files` are those that the causes are about.
    """

    causes: list[Cause]
    files: list[str]
    jobs: list[Job]
    following: list[Job] = field(default_factory=list)


@dataclass(frozen=True)
class Explanation:
    """What would run, by cause, and what would not.

    Attributes
    ----------
    groups
        Root causes in the order of the DAG.
    shared
        Jobs that follow from several groups.
    stays
        (rule, wildcards) of each job that would not run.
    lost
        Files of the last run that are missing, and that nothing needs.
    seconds
        Rule -> job time that its planned jobs took when they ran last, or that others of the rule
        took on average; rules that never ran are left out.
    """

    groups: list[Group]
    shared: list[Job]
    stays: list[tuple[str, dict[str, str]]]
    lost: list[str]
    seconds: dict[str, float]

    @property
    def jobs(self) -> list[Job]:
        """Return each job that would run, once."""
        every = [job for group in self.groups for job in group.jobs + group.following]
        return list({job.key: job for job in [*every, *self.shared]}.values())


def explain(request: Request) -> Explanation:
    """Ask Snakemake what would run, and find out why.

    Raises
    ------
    UserError
        If the workflow refuses the config, a target or an option.
    """
    folder = request.directory or Path()
    results = folder / RESULTS
    try:
        manifest = read_manifest(results)
    except UserError:
        # None, or one of another version; Snakemake's own words are left.
        manifest = None
    plan = read_plan(request)
    past = Past(manifest, results, plan.lineage, plan.config)
    return explain_plan(plan, past, folder, request.targets, request.forcerun)


def explain_plan(
    plan: Plan, past: Past, folder: Path, targets: Iterable[str] = (), forcerun: Iterable[str] = ()
) -> Explanation:
    """Explain a plan.

    Parameters
    ----------
    plan
        Jobs, inputs first.
    past
        The last complete run.
    folder
        Where the workflow runs.
    targets, forcerun
        As given to Snakemake.
    """
    own = {job.key: own_causes(job, past, forcerun) for job in plan.jobs}
    direct, roots = _trace(plan.jobs, own)
    groups = _groups(plan.jobs, own, direct, past)
    shared = _hand_out(plan.jobs, groups, direct, roots)
    planned = {job.key for job in plan.jobs}
    entries = [(e["rule"], e["wildcards"]) for e in _behind(plan.lineage, targets, plan.jobs)]
    made = {path for job in plan.jobs for path in job.outputs}
    names = (f"{RESULTS}/{path}" for path in past.gone())
    return Explanation(
        groups=groups,
        shared=shared,
        stays=[(rule, about) for rule, about in entries if job_key(rule, about) not in planned],
        lost=[name for name in names if not made & {name, *map(str, Path(name).parents)}],
        seconds=_seconds(plan.jobs, folder),
    )


def _trace(
    jobs: list[Job], own: Mapping[Key, Mapping[Cause, list[str]]]
) -> tuple[dict[Key, set[Cause]], dict[Key, set[Cause]]]:
    """Return the causes that start with each job, and all that are behind it."""
    makers = {path: job.key for job in jobs for path in job.outputs}
    direct: dict[Key, set[Cause]] = {}
    roots: dict[Key, set[Cause]] = {}
    for job in jobs:
        above = {makers[path] for path in job.inputs if path in makers}
        behind = set().union(*(roots[key] for key in above))
        # A setting reaches many rules; what comes first with it tells more than what follows.
        alone = not OF_ITSELF.isdisjoint(split_reason(job.reason))
        direct[job.key] = {cause for cause in own[job.key] if alone or cause not in behind}
        roots[job.key] = behind | set(own[job.key])
        if not roots[job.key]:
            unknown = Cause("unknown", f"Snakemake says: {job.reason or 'nothing'}")
            direct[job.key] = roots[job.key] = {unknown}
    return direct, roots


def _groups(
    jobs: list[Job],
    own: Mapping[Key, Mapping[Cause, list[str]]],
    direct: Mapping[Key, set[Cause]],
    past: Past,
) -> list[Group]:
    having: dict[Cause, list[Job]] = {}
    for job in jobs:
        for cause in sorted(direct[job.key]):
            having.setdefault(cause, []).append(job)
    together: dict[tuple[Key, ...], Group] = {}
    for cause, its_jobs in having.items():
        files = sorted({path for job in its_jobs for path in own[job.key].get(cause, ())})
        if cause.kind == CHANGED:
            # Reading a file takes time, and nobody reads a long list.
            files = [file_state(path, past) for path in files[:SHOWN]] + files[SHOWN:]
        keys = tuple(job.key for job in its_jobs)
        group = together.setdefault(keys, Group([], [], its_jobs))
        group.causes.append(cause)
        group.files += files
    return list(together.values())


def _hand_out(
    jobs: list[Job],
    groups: list[Group],
    direct: Mapping[Key, set[Cause]],
    roots: Mapping[Key, set[Cause]],
) -> list[Job]:
    """Give each job that only follows to the group it follows from; return those of several."""
    group_of = {cause: i for i, group in enumerate(groups) for cause in group.causes}
    shared = []
    for job in jobs:
        if direct[job.key]:
            continue
        above = {group_of[cause] for cause in roots[job.key]}
        if len(above) == 1:
            groups[above.pop()].following.append(job)
        else:
            shared.append(job)
    return shared


def _behind(
    lineage: list[dict[str, Any]], targets: Iterable[str], jobs: list[Job]
) -> list[dict[str, Any]]:
    """Return the entries of the targets, of planned jobs, and of all that is behind these."""
    targets = set(targets)
    planned = {path for job in jobs for path in job.inputs + job.outputs}
    known = {name for entry in lineage for name in [entry["rule"], *entry["outputs"]]}
    if not targets <= known:
        return lineage
    wanted = targets | planned if targets else known
    found = []
    for entry in reversed(lineage):
        if entry["rule"] in targets or not wanted.isdisjoint(entry["outputs"]):
            found.append(entry)
            wanted |= set(entry["inputs"])
    return found[::-1]


def _seconds(jobs: list[Job], folder: Path) -> dict[str, float]:
    """Return the job time of each rule's planned jobs, from the benchmarks of their last run."""
    totals: dict[str, float] = {}
    for job in jobs:
        own = folder / job.benchmark
        others = own.parent.glob("*.tsv") if own.parent.name == job.rule else ()
        times = _benchmark(own) or [t for path in others for t in _benchmark(path)]
        if job.benchmark and times:
            totals[job.rule] = totals.get(job.rule, 0.0) + mean(times)
    return totals


def _benchmark(path: Path) -> list[float]:
    """Return the seconds in a benchmark of Snakemake, nothing if there is none."""
    if not path.is_file():
        return []
    with path.open(encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream, delimiter="\t"))
    return [float(row["s"]) for row in rows if row.get("s")]
