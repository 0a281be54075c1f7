"""Snakemake and exprlab as in a terminal, in a folder of a lesson's own, and what they said."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
import textwrap
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from exprlab.errors import UserError

# Variables that a Snakemake around the lesson, a cluster or a tracking server sets; they are not
# meant for the Snakemake inside.
OUTER = ("EXPRLAB_", "MLFLOW_", "SLURM_", "SNAKEMAKE_")
# Lines of a failed command that are worth a look.
LAST = 25
# Letters of a line of output that a page shows unbroken, and how `exprlab why` indents its lists.
WIDTH, INDENT = 84, " " * 12


def forget_surroundings() -> None:
    """Remove from this process what a Snakemake, a cluster or a server around it has set."""
    for name in [name for name in os.environ if name.startswith(OUTER)]:
        del os.environ[name]


def call(module: str, *words: object, folder: Path) -> str:
    """Run `python -m module words ...` in a folder, and return all that it says.

    Raises
    ------
    UserError
        If it fails, with the end of what it said.
    """
    own = {
        **os.environ,
        "XDG_CACHE_HOME": str(folder / ".cache"),
    }  # for Snakemake's copies of files
    done = subprocess.run(
        # Not what lies in the folder (-P): a file there may be called as a module is.
        [sys.executable, "-P", "-m", module, *map(str, words)],
        cwd=folder,
        env=own,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        told = "\n".join(done.stdout.splitlines()[-LAST:])
        raise UserError(f"{module} {words[0] if words else ''} failed:\n{told}")
    return done.stdout


def done_jobs(text: str) -> Counter[str]:
    """Return how many jobs of each rule Snakemake says it has finished, by name of the rule."""
    return Counter(sorted(re.findall(r"^Finished jobid: \d+ \(Rule: (\w+)\)", text, re.M)))


def lines_with(text: str, part: str) -> str:
    """Return the lines that hold this part; Snakemake's others tell times, places and hosts."""
    return "\n".join(line for line in text.splitlines() if part in line)


def without_times(text: str) -> str:
    """Return what `exprlab why` says without the time that jobs took here, in lines that fit."""
    text = re.sub(r"; about [^()]* of job time last time[^()]*(?:\([^()]*\))?", "", text)
    lines = re.sub(rf",\n {{{len(INDENT)}}}(?=\S)", ", ", text).strip().splitlines()
    return "\n".join(textwrap.fill(line, WIDTH, subsequent_indent=INDENT) for line in lines)


def block_of(text: str, beginning: str) -> str:
    """Return the line that begins so, and the indented ones below it, as of a rule in its file."""
    found = re.search(rf"^{re.escape(beginning)}.*\n(?:[ \t].*\n|\n(?=[ \t]))*", text, re.M)
    if not found:
        raise UserError(f"no line begins with '{beginning}'")
    return found[0].rstrip()


def code_digests(package: Path, commands: Iterable[str]) -> dict[str, str]:
    """Return the digest of the code behind commands of exprlab in a copy of the package."""
    path = package / "provenance" / "code.py"
    spec = importlib.util.spec_from_file_location("code_of_a_copy", path)
    if spec is None or spec.loader is None:
        raise UserError(f"{path}: no module of Python")
    copied = importlib.util.module_from_spec(spec)  # anew each time: it remembers what it has read
    spec.loader.exec_module(copied)
    return {command: copied.code_digest(command) for command in commands}
