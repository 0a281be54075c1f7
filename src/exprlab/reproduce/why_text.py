"""The explanation of a plan in words."""

from __future__ import annotations

from collections import Counter

from exprlab.reproduce.causes import (
    CHANGED,
    INPUTS,
    MISSING,
    NEW,
    UNFINISHED,
    Cause,
)
from exprlab.reproduce.layout import aligned, counted, job_rows, shorten, wrapped
from exprlab.reproduce.plan import Job
from exprlab.reproduce.why import Explanation, Group
from exprlab.reproduce.words import SETTING

# What a cause means whose files say the rest.
WORDS = {
    NEW: "never made before",
    MISSING: "files are missing",
    UNFINISHED: "a killed run left files unfinished",
    CHANGED: "files were changed after what follows from them was made",
    INPUTS: "other input files are taken than last time",
}
LONGEST = 3


def as_text(explanation: Explanation) -> str:
    """Return the explanation for a reader."""
    if not explanation.jobs:
        told = "Nothing to do: all that is asked for is up to date."
        return "\n".join([told, *_lost(explanation)])
    lines = []
    for group in explanation.groups:
        lines += [*_group(group), ""]
    if explanation.shared:
        lines += ["and, because of several of these:", *_jobs(explanation.shared), ""]
    lines += [*_totals(explanation), *_lost(explanation)]
    return "\n".join(lines)


def _group(group: Group) -> list[str]:
    lines = shorten([_words(cause) for cause in group.causes])
    lines += [f"    {path}" for path in shorten(group.files)]
    lines += _jobs(group.jobs)
    if group.following:
        lines += ["  and, because of that:", *_jobs(group.following)]
    return lines


def _words(cause: Cause) -> str:
    told = f"setting {cause.what}" if cause.kind == SETTING else cause.what
    return told or WORDS[cause.kind]


def _jobs(jobs: list[Job]) -> list[str]:
    rows = job_rows((job.rule, job.wildcards) for job in jobs)
    return [f"  {line}" for line in aligned(rows, 24)]


def _totals(explanation: Explanation) -> list[str]:
    jobs, stays = explanation.jobs, explanation.stays
    running = Counter(job.rule for job in jobs)
    rows = [("Would run:", f"{counted(len(jobs), 'job')}{_time(explanation)}")]
    if stays:
        rules = [
            f"{rule} ({number} of {number + running[rule]})" if running[rule] else rule
            for rule, number in Counter(rule for rule, _ in stays).items()
        ]
        rows += [("Stays:", f"{counted(len(stays), 'job')}: {', '.join(rules)}")]
    return aligned((name, line) for name, text in rows for line in wrapped(text))


def _time(explanation: Explanation) -> str:
    """Return how long it took last time, and what of it took longest."""
    seconds = explanation.seconds
    if not seconds:
        return ""
    ranked = sorted(seconds, key=lambda rule: -seconds[rule])[:LONGEST]
    longest = ", ".join(f"{rule} {_duration(seconds[rule])}" for rule in ranked)
    total = _duration(sum(seconds.values()))
    unknown = sorted({job.rule for job in explanation.jobs} - set(seconds))
    told = f", without {', '.join(unknown)}" if unknown else ""
    return f"; about {total} of job time last time{told} (longest: {longest})"


def _duration(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s" if seconds >= 1 else "1 s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def _lost(explanation: Explanation) -> list[str]:
    """Return what is missing and would not come back by itself."""
    if not explanation.lost:
        return []
    count = counted(len(explanation.lost), "file")
    head = f"Missing, but nothing that would run needs it ({count}; ask for it by its name):"
    return ["", head, *(f"    {path}" for path in shorten(explanation.lost))]
