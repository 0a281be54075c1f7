"""SLURM as it is: does it answer, what does it offer, and does that meet the profile."""

from __future__ import annotations

import getpass
import re
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from exprlab.doctor.findings import OK, PROBLEM, WARNING, Finding, finding
from exprlab.doctor.needs import Need, placeholders
from exprlab.errors import did_you_mean

SECONDS = 30
# The executor looks at finished jobs a few times before it gives them up.
SEEN_FOR = 120


@dataclass(frozen=True)
class Partition:
    """A partition: whether it is the default, its state, limit and its largest nodes."""

    name: str
    is_default: bool
    up: bool
    minutes: float
    cpus: int
    memory: int
    nodes: int


def examine_cluster(profile: Mapping[str, Any], needs: list[Need]) -> Iterator[Finding]:
    """Yield all that can be told without submitting a job."""
    ping = _output(["scontrol", "ping"])
    if ping is None or "UP" not in ping:
        found = "no answer from scontrol ping" if ping is None else " ".join(ping.split())
        remedy = "call this on a login node of the cluster, where sbatch works"
        yield Finding(PROBLEM, "SLURM", found, remedy)
        return
    settings = _settings()
    yield Finding(OK, "SLURM", f"{' '.join(ping.split())}, {settings.get('SLURM_VERSION', '?')}")
    yield _status_command(profile, settings)
    left = list(placeholders(profile))
    remedy = "put your cluster's own names there (sinfo lists partitions)"
    yield finding(not left, "profile", f"placeholders left: {', '.join(left) or 'none'}", remedy)
    yield from _account(profile, settings)
    yield from _partitions(needs)


def _status_command(profile: Mapping[str, Any], settings: Mapping[str, str]) -> Finding:
    """Compare how the profile asks for the state of jobs with what can answer."""
    what, chosen = "status of jobs", profile.get("slurm-status-command", "sacct")
    has_database = _has_database(settings)
    kept = int((re.findall(r"\d+", settings.get("MinJobAge", "")) or [0])[0])
    if chosen == "sacct":
        found = "sacct, and there is an accounting database"
        if not has_database:
            found = "sacct, but there is no accounting database: Snakemake would wait for ever"
        return finding(has_database, what, found, "slurm-status-command: squeue")
    found = f"squeue, which shows finished jobs for {kept} s"
    if has_database:
        found += "; there is an accounting database, too: sacct would do as well"
    remedy = "jobs that end between two looks are lost; slurm-status-command: sacct, if it works"
    return finding(kept >= SEEN_FOR, what, found, remedy, PROBLEM if not has_database else WARNING)


def _has_database(settings: Mapping[str, str]) -> bool:
    """Tell whether SLURM accounts for jobs; without, it says none or (null), by its version."""
    return "slurmdbd" in settings.get("AccountingStorageType", "")


def _account(profile: Mapping[str, Any], settings: Mapping[str, str]) -> Iterator[Finding]:
    """Compare the profile's account with those of the user, where SLURM keeps a list."""
    if not _has_database(settings):
        return
    command = ["sacctmgr", "--noheader", "--parsable2", "show", "assoc", "format=account"]
    listed = _output([*command, f"user={getpass.getuser()}"])
    accounts = sorted(set(listed.split())) if listed else []
    wanted = default_resources(profile).get("slurm_account")
    if accounts and wanted not in accounts:
        hint = did_you_mean(str(wanted), accounts) if wanted else ""
        remedy = f"default-resources: slurm_account: one of {', '.join(accounts)}{hint}"
        state = PROBLEM if wanted else WARNING
        yield Finding(state, "account", f"{wanted or 'none'} in the profile", remedy)


def _partitions(needs: list[Need]) -> Iterator[Finding]:
    """Compare what each rule asks for with the partition that it asks for."""
    partitions = {one.name: one for one in _listed()}
    default = next((one.name for one in partitions.values() if one.is_default), "")
    for name in sorted({need.partition or default for need in needs}):
        partition = partitions.get(name)
        if partition is None:
            found = f"'{name}' does not exist" if name else "none is named, and there is no default"
            hint = did_you_mean(name, partitions)
            remedy = f"slurm_partition: one of {', '.join(partitions)}{hint}"
            yield Finding(PROBLEM, "partition", found, remedy)
            continue
        asked = [need for need in needs if (need.partition or default) == name]
        found = (
            f"{name}: {partition.nodes} nodes with up to {partition.cpus} CPUs and "
            f"{partition.memory:,} MB, {partition.minutes:g} min"
        )
        yield finding(partition.up, "partition", found, "it is down: choose another")
        yield from _fits(partition, asked)


def _fits(partition: Partition, needs: list[Need]) -> Iterator[Finding]:
    lacking = False
    for need in needs:
        who = f"a job of group {need.rule}" if need.is_group else need.rule
        for asked, there, name, unit in (
            (need.cpus, partition.cpus, "threads", "CPUs of a node"),
            (need.memory, partition.memory, "mem_mb", "MB"),
            (need.minutes, partition.minutes, "runtime", "minutes"),
            (need.nodes, partition.nodes, "nodes", "nodes"),
        ):
            if asked > there:
                lacking = True
                found = f"{who} asks for {asked:,} {unit}, {partition.name} has {there:g}"
                remedy = f"another partition, or set-resources: {need.rule}: {name}: ..."
                if need.is_group:
                    remedy = f"another partition, or less {name} in set-resources of its rules"
                yield Finding(PROBLEM, "resources", found, remedy)
            elif name in ("mem_mb", "runtime") and 2 * asked > there:
                found = f"{who} asks for {asked:,} {unit}; twice as much would not fit"
                remedy = "a job that lacks it could not be given more; choose a larger partition"
                yield Finding(WARNING, "room to grow", found, remedy)
    if not lacking:
        largest = max(need.memory for need in needs)
        jobs = sum(need.jobs for need in needs)
        found = f"{jobs} steps fit {partition.name}; the largest asks for {largest:,} MB"
        yield Finding(OK, "resources", found)


def _listed() -> list[Partition]:
    """Return the partitions, each with its largest nodes (sinfo has a line for each kind)."""
    found: dict[str, Partition] = {}
    for line in (_output(["sinfo", "--noheader", "--format=%P|%a|%l|%c|%m|%D"]) or "").split():
        name, state, limit, cpus, memory, nodes = line.split("|")
        plain = name.rstrip("*")
        before = found.get(plain)
        found[plain] = Partition(
            name=plain,
            is_default=name.endswith("*"),
            up=state == "up",
            minutes=_minutes(limit),
            cpus=max(_number(cpus), before.cpus if before else 0),
            memory=max(_number(memory), before.memory if before else 0),
            nodes=_number(nodes) + (before.nodes if before else 0),
        )
    return list(found.values())


def _number(text: str) -> int:
    """Return a number of sinfo's, where 4+ means 4 or more."""
    return int(re.sub(r"\D", "", text) or 0)


def _minutes(limit: str) -> float:
    """Return a time limit of SLURM's, [days-]hours:minutes:seconds, in minutes."""
    if limit == "infinite":
        return float("inf")
    days, _, clock = limit.rpartition("-")
    parts = [int(part) for part in clock.split(":")]
    seconds = sum(part * 60**i for i, part in enumerate(reversed(parts)))
    return int(days or 0) * 1440 + seconds / 60


def _settings() -> dict[str, str]:
    """Return SLURM's own configuration."""
    text = _output(["scontrol", "show", "config"]) or ""
    return dict(re.findall(r"^(\w+)\s*= (.*)$", text, re.MULTILINE))


def default_resources(profile: Mapping[str, Any]) -> dict[str, Any]:
    """Return the profile's default-resources, which may be a list of NAME=VALUE."""
    given = profile.get("default-resources") or {}
    return dict(given) if isinstance(given, Mapping) else dict(one.split("=", 1) for one in given)


def _output(command: list[str]) -> str | None:
    """Return what a command prints, None if there is no such command or it fails."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout
