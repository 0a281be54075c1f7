"""Snakemake's words for why a job runs, taken apart (Reason.__str__ in its jobs.py, 9.27)."""

from __future__ import annotations

import ast
import json
import re
from typing import Any

from exprlab.provenance.code import code_digest
from exprlab.provenance.environment import without_password
from exprlab.reproduce import reasons
from exprlab.reproduce.plan import Job

# Kinds of causes that changed parameters may have.
CODE, RULE, SETTING = "code", "rule", "setting"

FORCED_RUN = "Forced execution"
MISSING_OUTPUT = "Missing output files"
INCOMPLETE_OUTPUT = "Incomplete output files"
UPDATED_INPUT = "Updated input files"
FOLLOWS = "Input files updated by another job"
OTHER_INPUTS = "Set of input files has changed since last execution"
OTHER_CODE = "Code has changed since last execution"
OTHER_PARAMS = "Params have changed since last execution"
OTHER_SOFTWARE = "Software environment definition has changed since last execution"
# Letters of a value.
READABLE = 100
# Parts of a reason are joined by '; ', which values of parameters may hold, too: only these words
# begin a part.
PARTS = (
    FORCED_RUN,
    MISSING_OUTPUT,
    INCOMPLETE_OUTPUT,
    UPDATED_INPUT,
    FOLLOWS,
    OTHER_INPUTS,
    OTHER_CODE,
    OTHER_PARAMS,
    OTHER_SOFTWARE,
    "Rules with ",
)
# What Snakemake tells of changed parameters: sides, Python's spelling of strings, other values.
WORD = re.compile(r"""\bbefore:|\bnow:|'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|[^\s,]+""")


def split_reason(reason: str) -> dict[str, str]:
    """Return the parts of Snakemake's reason: opening -> what follows it."""
    openings = "|".join(map(re.escape, PARTS))
    pieces = re.split(rf"(?:^|; )({openings})(?:: )?", reason)
    return dict(zip(pieces[1::2], pieces[2::2], strict=True))


def told_params(text: str, job: Job) -> list[tuple[str, str]]:
    """Return (kind, line) of each change of parameters, from what Snakemake says of it."""
    sides: dict[str, list[Any]] = {"before": [], "now": []}
    side = sides["before"]
    for word in WORD.findall(text):
        if word in ("before:", "now:"):
            side = sides[word[:-1]]
        elif word[0] in "'\"":
            side.append(meaning(ast.literal_eval(word)))
    told = []
    if job.command and code_digest(job.command) in sides["now"]:
        told = [(CODE, f"the code behind `exprlab {job.command.replace('_', '-')}` was edited")]
    tables = [[v for v in values if isinstance(v, dict)] for values in sides.values()]
    for pair in zip(*tables, strict=False):
        told += [(SETTING, line) for line in reasons.settings(*pair)]
    return told or [(RULE, f"other parameters of rule {job.rule}{_values(*sides.values())}")]


def _values(before: list[Any], now: list[Any]) -> str:
    """Return a single value that changed, if it is short enough to be read."""
    if len(before) != 1 or len(now) != 1 or max(len(str(v)) for v in before + now) > READABLE:
        return ""
    return f": {without_password(str(before[0]))} -> {without_password(str(now[0]))}"


def meaning(value: Any) -> Any:
    """Return a parameter that a rule passes as JSON as what it means."""
    try:
        return json.loads(value) if isinstance(value, str) else value
    except json.JSONDecodeError:
        return value
