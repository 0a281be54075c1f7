"""What the jobs of a plan ask for, at most and rule by rule."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from exprlab.config.experiment import parse_config
from exprlab.config.files import float32_bytes
from exprlab.reproduce.plan import Job

MEASURES = ("cpus", "memory", "minutes", "nodes")
PLACEHOLDERS = {"PARTITION", "ACCOUNT", "GPU_PARTITION", "QOS", "CONSTRAINT"}


@dataclass(frozen=True)
class Need:
    """What the jobs of a rule ask of a node: CPUs, MB, minutes; and where they want to run.

    Of rules that share a job the whole group is one need: `jobs` are its steps.
    """

    rule: str
    jobs: int
    cpus: int
    memory: int
    minutes: int
    nodes: int
    partition: str
    is_group: bool = False


def needs_of(jobs: Sequence[Job]) -> list[Need]:
    """Return what the largest job of each rule asks for, by rule; then those of groups."""
    alone = [_need(job) for job in jobs if not job.group]
    numbers = dict.fromkeys(job.group for job in jobs if job.group)
    together = [_need_of_group([job for job in jobs if job.group == n]) for n in numbers]
    return [*_largest(alone), *_largest(together)]


def _largest(needs: Sequence[Need]) -> Iterator[Need]:
    for rule in sorted({need.rule for need in needs}):
        same = [need for need in needs if need.rule == rule]
        yield replace(
            same[0],
            jobs=sum(need.jobs for need in same),
            **{name: max(getattr(need, name) for need in same) for name in MEASURES},
        )


def _need(job: Job) -> Need:
    def asked(name: str, otherwise: int = 0) -> int:
        value = job.resources.get(name, "")
        # What depends on a job's inputs is not known before they are there.
        return int(value) if value.isdecimal() else otherwise

    nodes = asked("nodes", 1)
    tasks = asked("tasks_per_node") or -(-asked("tasks", 1) // nodes)
    cpus = asked("cpus_per_task", job.threads) * tasks
    partition = job.resources.get("slurm_partition", "").strip()
    return Need(job.rule, 1, cpus, asked("mem_mb"), asked("runtime"), nodes, partition)


def _need_of_group(jobs: Sequence[Job]) -> Need:
    """Add up a group as Snakemake does: of steps that may run side by side all that they ask for.

    As high as the widest of its layers, and as long as all of them (`GroupResources` of Snakemake).
    """
    layers = [[_need(job) for job in layer] for layer in _layers(jobs)]
    name = jobs[0].group.partition(" ")[0]
    return Need(
        rule=name,
        jobs=len(jobs),
        cpus=max(sum(need.cpus for need in layer) for layer in layers),
        memory=max(sum(need.memory for need in layer) for layer in layers),
        minutes=sum(max(need.minutes for need in layer) for layer in layers),
        nodes=1,
        partition=layers[0][0].partition,
        is_group=True,
    )


def _layers(jobs: Sequence[Job]) -> Iterator[list[Job]]:
    """Yield the jobs that need none of those left, then those that need only these, and so on."""
    left = list(jobs)
    while left:
        missing = {path for job in left for path in job.outputs}
        layer = [job for job in left if missing.isdisjoint(job.inputs)]
        yield layer
        left = [job for job in left if job not in layer]


def bytes_on_disk(config: Mapping[str, Any], jobs: Sequence[Job]) -> int:
    """Return about how much results/ will take, in bytes.

    The counts of each data set once, its features as float32 once for each split, and for each run
    the model twice (results/ and MLflow), with figures and tables.
    """
    datasets = parse_config(config).datasets
    splits = [job.wildcards["dataset"] for job in jobs if job.rule == "preprocess_counts"]
    runs = sum(job.rule.startswith("train_") for job in jobs)
    values = {name: _float32_bytes(one) for name, one in datasets.items()}
    return sum(values.values()) + sum(values.get(name, 0) for name in splits) + runs * 10 * 2**20


def _float32_bytes(dataset: Any) -> int:
    if dataset.source == "simulate":
        return (dataset.n_samples + dataset.n_new_samples) * dataset.n_genes * 4
    return float32_bytes([*dataset.expression, *dataset.new_expression])


def placeholders(settings: Any, path: str = "") -> Iterator[str]:
    """Yield keys of a profile in whose value a word of profiles/slurm still stands for a name."""
    if isinstance(settings, Mapping):
        for key, value in settings.items():
            yield from placeholders(value, f"{path}.{key}" if path else str(key))
    elif isinstance(settings, str) and PLACEHOLDERS & set(re.split(r"[^A-Za-z_]+", settings)):
        yield path
