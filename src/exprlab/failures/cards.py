"""One card for each job that has failed for good: what, why, and what to do."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from exprlab.failures.ends import (
    CANCELLED,
    NODE_FAILURE,
    OUT_OF_MEMORY,
    TIME_LIMIT,
    how_it_ended,
)
from exprlab.slurm import FORGOTTEN, state_of_job

LINES = 5
# What the Snakemake in a SLURM job writes into its log, at the beginning of a line; that around it
# repeats the error, indented, for all jobs of the group.
FAILED = re.compile(r"^Error in rule \w+:\n(?: .*\n)*? +output: (.*)$", re.MULTILINE)
BEGUN = re.compile(r"^localrule \w+:\n(?: .*\n)*? +output: (.*)$", re.MULTILINE)
REMEDIES = {
    OUT_OF_MEMORY: "give it more memory: set-resources: {rule}: mem_mb: N in your profile (its "
    "benchmark file and docs/cluster.md tell how much is used), or a smaller batch_size or model",
    TIME_LIMIT: "give it more time: set-resources: {rule}: runtime: MINUTES in your profile; a "
    "training goes on from its last checkpoint",
    NODE_FAILURE: "nothing is wrong with the job: run it again",
    CANCELLED: "somebody cancelled it: run it again",
}
# What Snakemake passes on of SLURM's verdict, where no log tells of it.
STATE = re.compile(r"SLURM status is: '(\w+)'")
STATES = {
    "OUT_OF_MEMORY": OUT_OF_MEMORY,
    "TIMEOUT": TIME_LIMIT,
    "NODE_FAIL": NODE_FAILURE,
    "CANCELLED": CANCELLED,
}
# Before what the executor itself found wrong with a job.
UNSENT = "Job submission failed with exception: "
# More jobs than a user or account may have in the queue.
FULL = re.compile(r"MaxSubmit|submit limit")
CAUSES = {
    OUT_OF_MEMORY: "it took more memory than it had",
    TIME_LIMIT: "it took more time than it had",
    NODE_FAILURE: "the node that it ran on failed",
    CANCELLED: "it was cancelled",
}


@dataclass(frozen=True)
class Card:
    """A job that failed for good."""

    rule: str
    where: str
    cause: str
    remedy: str
    command: str
    slurm: str
    log: str
    last_lines: list[str]

    def text(self) -> str:
        """Return the card for a terminal."""
        facts = [
            f"FAILED  {self.rule}  {self.where}",
            f"  why:   {self.cause}",
            f"  to do: {self.remedy}",
            f"  again: {self.command}",
        ]
        if self.slurm:
            facts.append(f"  slurm: {self.slurm}")
        if self.log:
            facts.append(f"  log:   {self.log}, which ends:")
        return "\n".join([*facts, *(f"    | {line}" for line in self.last_lines)])


def make_cards(jobs: Sequence[dict[str, Any]], command: Sequence[str]) -> list[Card]:
    """Return the cards of jobs that are still without their outputs, in the order they failed.

    Parameters
    ----------
    jobs
        What `exprlab.failures.listen` has written.
    command
        The words of the call of Snakemake without its targets.
    """
    failed = [job for job in jobs if not all(Path(path).exists() for path in job["outputs"])]
    return [_card(job, command) for job in _without_bystanders(failed)]


def _without_bystanders(jobs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Leave out the jobs of a failed group that did not fail themselves or were not reached."""
    groups: dict[str, list[dict[str, Any]]] = {}
    for job in jobs:
        groups.setdefault(job["group"] or ", ".join(job["outputs"]), []).append(job)
    return [culprit for group in groups.values() for culprit in _culprits(group)]


def _culprits(group: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return those that failed; if the whole was ended from outside, the one then under way."""
    if len(group) == 1:
        return group
    members = {", ".join(job["outputs"]): job for job in group}
    log = _read(group[0]["logs"][-1:])
    failed = [outputs for outputs in FAILED.findall(log) if outputs in members]
    begun = [outputs for outputs in BEGUN.findall(log) if outputs in members]
    guilty = failed or begun[-1:] or [min(members)]
    return [members[outputs] for outputs in dict.fromkeys(guilty)]


def _card(job: dict[str, Any], command: Sequence[str]) -> Card:
    refused = _refused(job)
    # What SLURM has not taken has left no log; there may be one of an earlier try.
    logs = [] if refused else job["logs"]
    own, everything = _read(logs[:1]), _read(logs)
    state = STATE.search(str(job["message"] or ""))
    end = how_it_ended(everything) or STATES.get(state[1] if state else "")
    told = [line for line in own.splitlines() if line.startswith("error: ")]
    if refused:
        cause = refused
        remedy = "mend the profile; exprlab doctor --profile PROFILE tells what does not fit"
        if FULL.search(refused):
            remedy = "let fewer jobs wait in the queue (`jobs:` in the profile), then run it again"
    elif end:
        # How it was killed says more than what it said before.
        cause, remedy = CAUSES[end], REMEDIES[end].format(rule=job["rule"])
    elif told:
        cause = " ".join(line.removeprefix("error: ") for line in told)
        remedy = "mend what the message names, then run it again"
    elif "Traceback (most recent call last)" in own:
        cause = f"a bug: {own.rstrip().splitlines()[-1]}"
        remedy = "please report it with the log"
    else:
        cause, remedy = _silent(job)
    return Card(
        rule=job["rule"],
        where=str(Path(job["outputs"][0]).parent) if job["outputs"] else "",
        cause=cause,
        remedy=remedy,
        command=shlex.join([command[0], *job["outputs"][:1], *command[1:]]),
        slurm=_slurm(job),
        log=next((log for log in logs if _read([log]).strip()), ""),
        last_lines=_last_lines(own or everything),
    )


def _refused(job: dict[str, Any]) -> str:
    """Return why SLURM has not taken a job, in its own words if Snakemake passed them on."""
    message = str(job["message"] or "")
    if job["slurm_job"] or not (job["group"] or "sbatch" in message or UNSENT in message):
        return ""
    words = message.partition("error message was")[2].partition("sbatch call:")[0]
    words = words or message.partition(UNSENT)[2] or message
    return f"SLURM did not take it: {' '.join(words.split()) or 'sbatch refused the job'}"


def _silent(job: dict[str, Any]) -> tuple[str, str]:
    """Say why a job ended that left no message, and what to do; a training may have a status."""
    status = Path(job["outputs"][0]).parent / ".attempt/status.json" if job["outputs"] else None
    try:
        known = json.loads(status.read_text()).get("cause") if status else None
    except (OSError, ValueError):
        known = None
    if known:
        return str(known), "run it again: it goes on from its last checkpoint"
    return (
        "it ended without a word; something has killed it (kill -9, the kernel)",
        "run it again; if it happens again, look at the memory of the machine (dmesg)",
    )


def _slurm(job: dict[str, Any]) -> str:
    """Return a job's number and state in SLURM, which forgets the state after a while."""
    number = job["slurm_job"]
    if not number:
        return ""
    state = state_of_job(number)
    return f"job {number}, {state}" if state not in (None, FORGOTTEN) else f"job {number}"


def _last_lines(log: str) -> list[str]:
    return [line for line in log.splitlines() if line.strip()][-LINES:]


def _read(paths: Sequence[str]) -> str:
    texts = []
    for path in paths:
        try:
            texts.append(Path(path).read_text(errors="replace"))
        except OSError:
            continue  # a job may end before it opens its log
    return "\n".join(texts)
