"""How jobs have ended, read from the logs that SLURM and exprlab leave, and what may be done.

Standard library only.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from exprlab.slurm import partitions

OUT_OF_MEMORY, TIME_LIMIT = "out of memory", "time limit"
NODE_FAILURE, CANCELLED = "node failure", "cancelled"

# What a training says that `sbatch --signal=USR1@90` has warned.
TIME_WARNING = "told that its time is nearly over"
# What slurmstepd, srun and exprlab write; the first that is found decides.
SIGNS = {
    OUT_OF_MEMORY: r"oom.?kill|exceeded (job |step )?memory limit|(?<!CUDA )out.of.memory",
    TIME_LIMIT: rf"DUE TO TIME LIMIT|{TIME_WARNING}",
    NODE_FAILURE: r"DUE TO NODE FAILURE",
    CANCELLED: r"CANCELLED AT",
}


def how_it_ended(log: str) -> str | None:
    """Return the end that a log tells of, or None if it tells of none of these."""
    found = (end for end, sign in SIGNS.items() if re.search(sign, log, re.IGNORECASE))
    return next(found, None)


def earlier_ends(
    folder: Path | None, rule: str, wildcards: Mapping[str, str], since: float
) -> Counter[str]:
    """Count how the earlier tries of a job have ended, alone or in a group.

    Parameters
    ----------
    folder
        Where the SLURM executor keeps its logs (slurm-logdir); None without one.
    rule, wildcards
        Of the job that is tried again.
    since
        Logs that are older, in seconds since 1970, belong to another call of Snakemake.
    """
    words = ", ".join(f"{name}={value}" for name, value in wildcards.items())
    ends: Counter[str] = Counter()
    for path in sorted(Path(folder).rglob("*.log")) if folder else ():
        if path.stat().st_mtime < since:
            continue
        log = path.read_text(errors="replace")
        end = how_it_ended(log)
        if end and _is_about(log, rule, words):
            ends[end] += 1
    return ends


@cache
def limits_of(names: str) -> dict[str, float]:
    """Return the most that a job can be given after each end, without limit where SLURM is silent.

    Parameters
    ----------
    names
        Of partitions, separated by commas as for sbatch; '' for the default one.
    """
    asked = names.split(",")
    usable = [one for one in partitions() if one.name in asked or (one.is_default and not names)]
    return {
        OUT_OF_MEMORY: max((one.memory for one in usable), default=float("inf")),
        TIME_LIMIT: max((one.minutes for one in usable), default=float("inf")),
    }


def _is_about(log: str, rule: str, wildcards: str) -> bool:
    """Tell whether Snakemake's words in a log name this job; `wildcards` may be ''."""
    for job in re.split(r"^ *(?:local)?rule (?=\w+:$)", log, flags=re.MULTILINE)[1:]:
        named = re.search(r"^ *wildcards: (.*)$", job, re.MULTILINE)
        if job.startswith(f"{rule}:") and (named[1] if named else "") == wildcards:
            return True
    return False
