"""SLURM as it is: does it answer, what does it offer, and does that meet the profile."""

from __future__ import annotations

import getpass
import re
from collections.abc import Iterator, Mapping
from typing import Any

from exprlab.doctor.findings import OK, PROBLEM, WARNING, Finding, finding
from exprlab.doctor.needs import Need, placeholders
from exprlab.errors import did_you_mean
from exprlab.slurm import Partition, output_of, partitions

# The executor looks at finished jobs a few times before it gives them up.
SEEN_FOR = 120


def examine_cluster(profile: Mapping[str, Any], needs: list[Need]) -> Iterator[Finding]:
    """Yield all that can be told without submitting a job."""
    ping = output_of(["scontrol", "ping"])
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
    yield from _extras(profile)
    yield from _account(profile, settings)
    yield from _qos(profile, settings)
    yield from _partitions(needs)


def _status_command(profile: Mapping[str, Any], settings: Mapping[str, str]) -> Finding:
    """Compare how the profile asks for the state of jobs with what can answer."""
    what, chosen = "status of jobs", profile.get("slurm-status-command", "sacct")
    has_database = _has_database(settings)
    kept = int((re.findall(r"\d+", settings.get("MinJobAge", "")) or [0])[0])
    if chosen == "sacct":
        return _sacct(what, has_database, kept)
    found = f"squeue, which shows finished jobs for {kept} s"
    remedy = "jobs that end between two looks are lost; slurm-status-command: sacct, if it works"
    return finding(kept >= SEEN_FOR, what, found, remedy, PROBLEM if not has_database else WARNING)


def _sacct(what: str, has_database: bool, kept: int) -> Finding:
    """Tell whether sacct answers; where squeue does as well, it is better when a node fails."""
    remedy = "slurm-status-command: squeue"
    if not has_database:
        found = "sacct, but there is no accounting database: Snakemake would wait for ever"
        return Finding(PROBLEM, what, found, remedy)
    if output_of(["sacct", "--noheader", "--allocations"]) is None:
        found = "sacct, but the accounting database does not answer: Snakemake would wait for ever"
        return Finding(PROBLEM, what, found, remedy)
    found = "sacct, and there is an accounting database"
    if kept < SEEN_FOR:
        return Finding(OK, what, found)
    found += "; after the failure of a node Snakemake could submit nothing any more"
    return Finding(WARNING, what, found, f"{remedy}, which shows finished jobs for {kept} s")


def _has_database(settings: Mapping[str, str]) -> bool:
    """Tell whether SLURM accounts for jobs; without, it says none or (null), by its version."""
    return "slurmdbd" in settings.get("AccountingStorageType", "")


def _account(profile: Mapping[str, Any], settings: Mapping[str, str]) -> Iterator[Finding]:
    """Compare the profile's account with those of the user, where SLURM keeps a list."""
    wanted = plain(default_resources(profile).get("slurm_account"))
    if not _has_database(settings):
        if wanted:
            found = f"{wanted} in the profile, but without a database Snakemake cannot check it"
            yield Finding(PROBLEM, "account", found, "leave slurm_account out")
        return
    known = {account: qos for account, qos in _associations(settings) if account}
    hint = did_you_mean(wanted, known) if wanted else ""
    remedy = f"default-resources: slurm_account: one of {', '.join(known)}{hint}"
    if not known and _enforces("associations", settings):
        found = f"{getpass.getuser()} has none here, and SLURM asks for one"
        yield Finding(PROBLEM, "account", found, "ask the administrators for one")
    elif known and not wanted:
        found = "none in the profile: jobs run in your default account, if you have one"
        yield Finding(WARNING, "account", found, remedy)
    elif known:
        found = f"'{wanted}' is {'' if wanted in known else 'not '}one of yours"
        yield finding(wanted in known, "account", found, remedy)


def _qos(profile: Mapping[str, Any], settings: Mapping[str, str]) -> Iterator[Finding]:
    """Compare each QOS of the profile with those that the account may use, where SLURM looks."""
    if not (_has_database(settings) and _enforces("qos", settings)):
        return
    wanted = plain(default_resources(profile).get("slurm_account"))
    allowed = {
        one
        for account, names in _associations(settings)
        if wanted in ("", account)
        for one in names.split(",")
    }
    for name in sorted(set(qos_of(profile)) - allowed) if allowed else ():
        with_account = f" with the account {wanted}" if wanted else ""
        remedy = f"one of {', '.join(sorted(allowed))}{did_you_mean(name, allowed)}"
        yield Finding(PROBLEM, "QOS", f"'{name}' may not be used{with_account}", remedy)


def qos_of(profile: Any) -> Iterator[str]:
    """Yield every QOS that a profile names, of all jobs or of some."""
    for key in ("slurm-qos", "qos"):
        yield from map(plain, values_of(profile, key))


def values_of(settings: Any, key: str) -> Iterator[str]:
    """Yield what a profile has under this key, for all jobs or for some."""
    for name, value in settings.items() if isinstance(settings, Mapping) else ():
        if name == key and isinstance(value, str):
            yield value
        else:
            yield from values_of(value, key)


def plain(value: Any) -> str:
    """Return a resource without the quotes that keep Snakemake from reading it as Python."""
    return "" if value is None else str(value).strip("'\"")


def _extras(profile: Mapping[str, Any]) -> Iterator[Finding]:
    """Tell which options of sbatch the executor refuses to be given, when jobs are submitted."""
    from snakemake_executor_plugin_slurm.validation import get_forbidden_slurm_options

    for extra in dict.fromkeys(values_of(profile, "slurm_extra")):
        for pattern, name in get_forbidden_slurm_options().items():
            if re.search(pattern, plain(extra)):
                found = f"slurm_extra: {plain(extra)}: Snakemake takes no {name} from there"
                remedy = "name resources: slurm_partition, slurm_account, qos, constraint, gres ..."
                yield Finding(PROBLEM, "profile", found, remedy)


def _associations(settings: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return the accounts of the user on this cluster, each with its QOS, comma-separated."""
    command = ["sacctmgr", "--noheader", "--parsable2", "show", "assoc", "format=account,qos"]
    command += [f"user={getpass.getuser()}", f"cluster={settings.get('ClusterName', '')}"]
    rows = [line.split("|") for line in (output_of(command) or "").splitlines()]
    return [(row[0], row[1]) for row in rows]


def _enforces(what: str, settings: Mapping[str, str]) -> bool:
    """Tell whether SLURM refuses jobs for this."""
    return what in settings.get("AccountingStorageEnforce", "").split(",")


def _partitions(needs: list[Need]) -> Iterator[Finding]:
    """Compare what each rule asks for with the partition that it asks for."""
    listed = {one.name: one for one in partitions()}
    default = next((one.name for one in listed.values() if one.is_default), "")
    for name in sorted({need.partition or default for need in needs}):
        partition = listed.get(name)
        if partition is None:
            found = f"'{name}' does not exist" if name else "none is named, and there is no default"
            hint = did_you_mean(name, listed)
            remedy = f"slurm_partition: one of {', '.join(listed)}{hint}"
            yield Finding(PROBLEM, "partition", found, remedy)
            continue
        asked = [need for need in needs if (need.partition or default) == name]
        found = (
            f"{name}: {partition.nodes} nodes with up to {partition.cpus} CPUs and "
            f"{partition.memory:,} MB, {partition.minutes:g} min"
        )
        yield finding(partition.up, "partition", found, "it is down: choose another")
        if partition.preemption == "CANCEL":
            found = f"{name} cancels jobs that have to make room; Snakemake would wait for ever"
            remedy = "another partition; or press Ctrl-C then and call Snakemake again"
            yield Finding(WARNING, "preemption", found, remedy)
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
                remedy = f"a job that lacks it is given {there:g} at most; or a larger partition"
                yield Finding(WARNING, "room to grow", found, remedy)
    if not lacking:
        largest = max(need.memory for need in needs)
        jobs = sum(need.jobs for need in needs)
        found = f"{jobs} steps fit {partition.name}; the largest asks for {largest:,} MB"
        yield Finding(OK, "resources", found)


def _settings() -> dict[str, str]:
    """Return SLURM's own configuration."""
    text = output_of(["scontrol", "show", "config"]) or ""
    return dict(re.findall(r"^(\w+)\s*= (.*)$", text, re.MULTILINE))


def resources_of_rule(profile: Mapping[str, Any], rule: str) -> dict[str, Any]:
    """Return what a profile sets for a rule, which may be a list of RULE:NAME=VALUE."""
    given = profile.get("set-resources") or {}
    if isinstance(given, Mapping):
        return dict(given.get(rule) or {})
    parts = (one.partition(":") for one in given)
    return dict(setting.split("=", 1) for name, _, setting in parts if name == rule)


def default_resources(profile: Mapping[str, Any]) -> dict[str, Any]:
    """Return the profile's default-resources, which may be a list of NAME=VALUE."""
    given = profile.get("default-resources") or {}
    return dict(given) if isinstance(given, Mapping) else dict(one.split("=", 1) for one in given)
