"""Snakemake's plan, as its dry run tells it: which jobs would run, and how each file is made."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from itertools import pairwise, takewhile
from pathlib import Path
from typing import Any

from exprlab.errors import UserError
from exprlab.provenance.lineage import unpack

RESULTS = "results"
MANIFEST = f"{RESULTS}/manifest.json"
MANIFEST_RULE = "write_manifest"


@dataclass(frozen=True)
class Request:
    """What Snakemake is asked for, in the words of its own options."""

    snakefile: Path
    targets: tuple[str, ...] = ()
    configfiles: tuple[Path, ...] = ()
    config: tuple[str, ...] = ()
    forcerun: tuple[str, ...] = ()
    directory: Path | None = None
    profile: Path | None = None
    everything: bool = False
    cores: int = 1

    def command(self) -> list[str]:
        """Return the call of a dry run; targets come first, as some options take many words."""
        command = [sys.executable, "-m", "snakemake", *self.targets, "--dry-run"]
        command += [
            "--cores",
            str(self.cores),
            "--printshellcmds",
            "--nocolor",
            "--snakefile",
            str(self.snakefile),
        ]
        options = {
            "--configfile": self.configfiles,
            "--config": self.config,
            "--forcerun": self.forcerun,
            "--directory": [self.directory] if self.directory else [],
            "--profile": [self.profile] if self.profile else [],
        }
        command += ["--forceall"] if self.everything else []
        for name, words in options.items():
            command += [name, *map(str, words)] if words else []
        return command


@dataclass(frozen=True)
class Job:
    """A job that would run; `reason` is Snakemake's own, `shell` the command line.

    `group` is the name of the group that a profile has put it into and the number of that job of
    the cluster's, '' if it is a job by itself.
    """

    rule: str
    wildcards: dict[str, str]
    inputs: list[str]
    outputs: list[str]
    reason: str
    shell: str
    benchmark: str = ""
    threads: int = 1
    resources: dict[str, str] = field(default_factory=dict)
    group: str = ""

    @property
    def key(self) -> tuple[str, ...]:
        """Return what tells a job from all others."""
        return job_key(self.rule, self.wildcards)

    @property
    def command(self) -> str:
        """Return the module of the subcommand of exprlab that it calls, '' if it calls none."""
        match = re.search(r"-m exprlab ([\w-]+)", self.shell)
        return match[1].replace("-", "_") if match else ""


@dataclass(frozen=True)
class Plan:
    """The jobs that would run, inputs first, and how every file of the experiment is made.

    Attributes
    ----------
    lineage
        Entries as of `exprlab.provenance.lineage.lineage_of`, of jobs that stay as well; empty if
        nothing would run, or the workflow has no manifest.
    config
        The whole config, None if not known.
    """

    jobs: list[Job]
    lineage: list[dict[str, Any]] = field(default_factory=list)
    config: dict[str, Any] | None = None


def job_key(rule: str, wildcards: dict[str, str]) -> tuple[str, ...]:
    """Return what tells a job from all others."""
    return (rule, *(f"{name}={wildcards[name]}" for name in sorted(wildcards)))


def read_plan(request: Request) -> Plan:
    """Ask Snakemake what would run.

    Raises
    ------
    UserError
        If the workflow refuses; with its own message.
    """
    with ThreadPoolExecutor() as pool:
        # The plan of some targets says nothing of the rest; that of the manifest does.
        beside = pool.submit(_whole, request) if request.targets else None
        jobs = parse_jobs(_dry_run(request))
    lineage, config = _manifest_call(jobs)
    if jobs and not lineage:
        lineage, config = beside.result() if beside else _whole(request)
    return Plan(jobs, lineage, config)


def _whole(request: Request) -> tuple[list[dict[str, Any]], dict[str, Any] | None]:
    """Return lineage and config of the whole experiment, empty if it has no manifest."""
    try:
        whole = replace(request, targets=(MANIFEST,), forcerun=(MANIFEST_RULE,))
        return _manifest_call(parse_jobs(_dry_run(whole)))
    except UserError:
        return [], None


def parse_jobs(text: str) -> list[Job]:
    """Return the jobs of a dry run's output, without those that run nothing."""
    groups = _groups(text)
    # Jobs of a group, which a profile for a cluster has, stand four spaces to the right.
    text = re.sub(r"^ {4}(?=(?:local)?(?:rule|checkpoint) \w+:$| {4}\w+: )", "", text, flags=re.M)
    jobs = []
    blocks = re.split(r"^(?:local)?(?:rule|checkpoint) (?=\w+:$)", text, flags=re.M)[1:]
    for block, group in zip(blocks, groups, strict=True):
        lines = block.split("\n")
        fields = dict(re.findall(r"^    (\w+): (.*)$", block, re.M))
        shell = next((line for line in lines if line.startswith("Shell command: ")), "")
        shell = shell.removeprefix("Shell command: ")
        if shell in ("", "None"):
            continue
        jobs.append(
            Job(
                rule=lines[0].rstrip(":"),
                wildcards=dict(re.findall(r"(\w+)=([^,]*)", fields.get("wildcards", ""))),
                inputs=paths_in(fields.get("input", "")),
                outputs=paths_in(fields.get("output", "")),
                reason=fields.get("reason", ""),
                shell=shell,
                benchmark=fields.get("benchmark", ""),
                threads=int(fields.get("threads", 1)),
                resources=dict(re.findall(r"(\w+)=([^,]*)", fields.get("resources", ""))),
                group=group,
            )
        )
    return _inputs_first(jobs)


def _groups(text: str) -> list[str]:
    """Return the group of each job that a dry run's output tells of, '' where it is in none."""
    groups, current = [], ""
    heads = r"^(?:\[.*\] )?[Gg]roup job (\w+) |^( *)(?:local)?(?:rule|checkpoint) \w+:$"
    for number, (name, indent) in enumerate(re.findall(heads, text, re.M)):
        if name:
            current = f"{name} {number}"
        else:
            groups.append(current if indent else "")
    return groups


def paths_in(text: str) -> list[str]:
    """Return the paths of a list as Snakemake writes it, without marks such as ' (update)'."""
    return [re.sub(r" \([\w ,]+\)$", "", path) for path in text.split(", ") if path]


def _inputs_first(jobs: list[Job]) -> list[Job]:
    """Sort jobs by their depth in the plan, then as the lineage does."""
    makers = {path: job for job in jobs for path in job.outputs}
    depths: dict[tuple[str, ...], int] = {}

    def depth(job: Job) -> int:
        if job.key not in depths:
            before = {makers[path].key: makers[path] for path in job.inputs if path in makers}
            depths[job.key] = 1 + max(map(depth, before.values()), default=0)
        return depths[job.key]

    return sorted(jobs, key=lambda job: (depth(job), job.outputs))


def _manifest_call(jobs: Iterable[Job]) -> tuple[list[dict[str, Any]], dict[str, Any] | None]:
    """Return lineage and config, which the call that writes the manifest is given."""
    for job in jobs:
        if job.command == "manifest":
            words = shlex.split(job.shell)
            given = dict(pairwise(words))
            packed = words[words.index("--lineage") + 1 :]
            packed = list(takewhile(lambda word: not word.startswith("--"), packed))
            return unpack(packed), json.loads(given["--params"])
    return [], None


def _dry_run(request: Request) -> str:
    done = subprocess.run(
        request.command(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    if done.returncode:
        raise UserError(_refusal(done.stdout))
    return done.stdout


def _refusal(text: str) -> str:
    """Return what the workflow says is wrong, without Snakemake's greeting and its own places."""
    if "Traceback (most recent call last):" in text:
        return text.strip().rpartition("\n")[2]
    found = re.search(r"^\w*(?:Error|Exception)\b[^\n]*:\n", text, re.M)
    told = text[found.end() :] if found else text[-2000:]
    lines = [line for line in told.splitlines() if line.strip()]
    kept = [line for line in lines if not line.startswith('  File "')]
    return "\n".join(kept or lines) or "snakemake --dry-run failed without a word"
