"""What the jobs of a plan ask for, at most and rule by rule."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from exprlab.config.experiment import parse_config
from exprlab.config.files import float32_bytes
from exprlab.reproduce.plan import Job

PLACEHOLDERS = {"PARTITION", "ACCOUNT", "GPU_PARTITION", "QOS", "CONSTRAINT"}


@dataclass(frozen=True)
class Need:
    """What the jobs of a rule ask of a node: CPUs, MB, minutes; and where they want to run."""

    rule: str
    jobs: int
    cpus: int
    memory: int
    minutes: int
    nodes: int
    partition: str


def needs_of(jobs: Sequence[Job]) -> list[Need]:
    """Return what the largest job of each rule asks for, by rule."""
    return [_need(rule, [job for job in jobs if job.rule == rule]) for rule in _rules(jobs)]


def _rules(jobs: Sequence[Job]) -> list[str]:
    return sorted({job.rule for job in jobs})


def _need(rule: str, jobs: Sequence[Job]) -> Need:
    def most(name: str, otherwise: int = 0) -> int:
        return max(int(job.resources.get(name, otherwise)) for job in jobs)

    nodes = most("nodes", 1)
    tasks = most("tasks_per_node") or -(-most("tasks", 1) // nodes)
    cpus = max(int(job.resources.get("cpus_per_task", job.threads)) for job in jobs) * tasks
    partition = jobs[0].resources.get("slurm_partition", "").strip()
    return Need(rule, len(jobs), cpus, most("mem_mb"), most("runtime"), nodes, partition)


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
    return float32_bytes(dataset.expression)


def placeholders(settings: Any, path: str = "") -> Iterator[str]:
    """Yield keys of a profile in whose value a word of profiles/slurm still stands for a name."""
    if isinstance(settings, Mapping):
        for key, value in settings.items():
            yield from placeholders(value, f"{path}.{key}" if path else str(key))
    elif isinstance(settings, str) and PLACEHOLDERS & set(re.split(r"[^A-Za-z_]+", settings)):
        yield path
