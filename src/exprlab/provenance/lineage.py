"""How each file of an experiment is made, taken from Snakemake's own plan.

The plan knows which rule makes a file, from which inputs, with which parameters and which code.
Handing it to the command that writes the manifest repeats nothing that the rules say already.
"""

from __future__ import annotations

import base64
import json
import lzma
import re
from collections.abc import Iterable
from typing import Any

# Parameters of a rule that change what comes out; the others say where files lie.
SCIENTIFIC_PARAMS = ("settings", "seed", "labels")
LONGEST_WORD = 100_000


def lineage_of(jobs: Iterable[Any], targets: Iterable[str]) -> list[dict[str, Any]]:
    """Return what makes the targets, and what makes their inputs, inputs first.

    Parameters
    ----------
    jobs
        Snakemake's jobs (`workflow.dag.jobs`).
    targets
        Paths of files.

    Returns
    -------
    list of dict
        One per job: `rule`, `command` (of exprlab), `wildcards`, `code`, `params`, `inputs` and
        `outputs` (paths), ordered by depth in the DAG, then by outputs.
    """
    makers = {str(path): job for job in jobs for path in job.output}
    depths: dict[int, int] = {}
    found: dict[int, Any] = {}

    def visit(path: str) -> int:
        job = makers.get(path)
        if job is None:
            return 0
        if id(job) not in depths:
            depths[id(job)] = 1 + max((visit(str(p)) for p in job.input), default=0)
            found[id(job)] = job
        return depths[id(job)]

    for target in targets:
        visit(str(target))
    entries = [(depths[key], _describe(job)) for key, job in found.items()]
    return [entry for _, entry in sorted(entries, key=lambda item: (item[0], item[1]["outputs"]))]


def _describe(job: Any) -> dict[str, Any]:
    command = re.search(r"-m exprlab ([\w-]+)", job.rule.shellcmd or "")
    params = {name: job.params.get(name) for name in SCIENTIFIC_PARAMS}
    return {
        "rule": job.rule.name,
        "command": command[1] if command else "",
        "wildcards": dict(job.wildcards_dict),
        "code": job.params.get("code", ""),
        "params": {name: value for name, value in params.items() if value not in (None, "")},
        "inputs": sorted(map(str, job.input)),
        "outputs": sorted(map(str, job.output)),
    }


def pack(lineage: list[dict[str, Any]]) -> list[str]:
    """Return a lineage as short words: an argument of a command holds 128 KiB at most."""
    text = json.dumps(lineage, sort_keys=True, separators=(",", ":"))
    # Runs resemble each other: no preset is smaller than the fastest, which takes a tenth.
    word = base64.b64encode(lzma.compress(text.encode(), preset=0)).decode()
    return [word[start : start + LONGEST_WORD] for start in range(0, len(word), LONGEST_WORD)]


def unpack(words: Iterable[str]) -> list[dict[str, Any]]:
    """Return the lineage that `pack` has packed."""
    return json.loads(lzma.decompress(base64.b64decode("".join(words))))
