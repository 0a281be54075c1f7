"""Making an experiment again, and a certificate of how far it came out the same."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from exprlab.files import sha256
from exprlab.provenance.environment import environment
from exprlab.provenance.manifest import MANIFEST_FILE, read_manifest
from exprlab.reproduce import reasons
from exprlab.reproduce.compare import (
    DIFFERENT,
    IDENTICAL,
    WITHIN,
    Difference,
    Tolerance,
    compare_files,
)
from exprlab.reproduce.original import Original
from exprlab.reproduce.own_files import changed_files, own_files, scratch_with
from exprlab.reproduce.rerun import run_again


@dataclass(frozen=True)
class Mismatch:
    """A file that is not the same, byte for byte.

    `kind` is WITHIN or DIFFERENT; `words` say by how much, and where in the file.
    """

    path: str
    rule: str
    kind: str
    words: str
    absolute: float = 0.0


@dataclass
class Certificate:
    """What was found; `verdict` is IDENTICAL, WITHIN or DIFFERENT.

    Attributes
    ----------
    damaged
        Files that are not what the manifest says they were.
    mismatches
        Files that came out differently, in the order of the DAG.
    cause
        Of the first one that is DIFFERENT: the kind of reason (code, parameters, data,
        environment, hardware or unknown), then lines that say what.
    recorded
        Whether anything tells where and with what the files were made.
    lock
        Packages whose version is not the one of requirements.lock; None without a lock file.
    """

    name: str
    run: str | None
    exprlab: str
    n_files: int
    verdict: str = IDENTICAL
    damaged: list[str] = field(default_factory=list)
    mismatches: list[Mismatch] = field(default_factory=list)
    cause: tuple[str, list[str]] | None = None
    code: dict[str, list[str]] = field(default_factory=dict)
    environment: list[str] = field(default_factory=list)
    hardware: list[str] = field(default_factory=list)
    recorded: bool = True
    lock: dict[str, Any] | None = None
    seconds: float = 0.0
    cores: int = 1
    tolerance: Tolerance = field(default_factory=Tolerance)

    @property
    def largest(self) -> Mismatch | None:
        """Return the file that differs most within the tolerance."""
        within = [m for m in self.mismatches if m.kind == WITHIN]
        return max(within, key=lambda m: m.absolute, default=None)


def verify(
    original: Original,
    snakefile: Path,
    scratch: Path,
    tolerance: Tolerance,
    cores: int,
    say: Callable[[str], None],
) -> Certificate:
    """Make the original again in a scratch folder and compare every file.

    Parameters
    ----------
    original
        What to prove.
    snakefile
        The workflow to do it with.
    scratch
        An empty folder.
    tolerance
        How far numbers may be apart to count as the same.
    cores
        For Snakemake.
    say
        Takes lines of progress.

    Returns
    -------
    Certificate

    Raises
    ------
    UserError
        If the workflow fails.
    """
    now = environment()
    certificate = Certificate(
        name=original.name,
        run="/".join(original.run) if original.run else None,
        exprlab=original.manifest.get("exprlab", "unknown"),
        n_files=len(original.files),
        code=reasons.code_changes(original.manifest),
        environment=reasons.environment_changes(original.environment, now),
        hardware=reasons.hardware_changes(original.environment, now),
        recorded=bool(original.environment),
        lock=now.get("lock"),
        cores=cores,
        tolerance=tolerance,
    )
    say(f"checking {len(original.files)} files against the manifest")
    own = own_files({"files": original.files})
    certificate.damaged = _damaged(original) + changed_files(own, original.place)
    if certificate.damaged:
        certificate.verdict = DIFFERENT
        certificate.cause = ("data", ["changed after it was made, or made by hand"])
        return certificate
    began = time.monotonic()
    work = scratch_with(own, original.place, scratch)
    say(f"making them again in {work}")
    run_again(snakefile, original.config, original.targets, work, cores, say)
    certificate.seconds = time.monotonic() - began
    certificate.mismatches = _compare(original, work / "results", tolerance)
    kinds = {mismatch.kind for mismatch in certificate.mismatches}
    certificate.verdict = next((k for k in (DIFFERENT, WITHIN) if k in kinds), IDENTICAL)
    first = next((m for m in certificate.mismatches if m.kind == DIFFERENT), None)
    if first:
        certificate.cause = _cause(first, original, work / "results", certificate)
    return certificate


def _damaged(original: Original) -> list[str]:
    """Return the files at hand that are missing or not as the manifest says."""
    if original.folder is None:
        return []
    paths = [(entry, original.folder / entry["path"]) for entry in original.files]
    return [e["path"] for e, path in paths if not path.exists() or sha256(path) != e["sha256"]]


def _compare(original: Original, results: Path, tolerance: Tolerance) -> list[Mismatch]:
    found = []
    for entry in original.files:
        path, made = entry["path"], results / entry["path"]
        if made.exists() and sha256(made) == entry["sha256"]:
            continue
        if not made.exists():
            difference = Difference(DIFFERENT, "was not made")
        elif original.folder is None:
            words = "another SHA-256; the original is not at hand, so nobody can say by how much"
            difference = Difference(DIFFERENT, words)
        else:
            difference = compare_files(original.folder / path, made, tolerance)
        mismatch = (path, entry["rule"], difference.kind, difference.words, difference.absolute)
        found.append(Mismatch(*mismatch))
    return found


def _cause(
    first: Mismatch, original: Original, results: Path, certificate: Certificate
) -> tuple[str, list[str]]:
    """Return the likeliest reason: the first of those that there are, from near to far."""
    entry = next(e for e in original.files if e["path"] == first.path)
    # What lies within the tolerance may be where it began: the nearest such rule first.
    behind = original.behind(first.path)
    before = reversed([m.rule for m in certificate.mismatches if m.path in behind])
    if rule := next((r for r in (first.rule, *before) if r in certificate.code), None):
        return "code", certificate.code[rule]
    if lines := _other_parameters(entry, results):
        return "parameters", lines
    if certificate.environment:
        return "environment", certificate.environment
    if certificate.hardware:
        return "hardware", certificate.hardware
    return "unknown", [
        "code, parameters, data, packages and processor are the same as far as they were recorded: "
        "please report this as a bug, with both files"
    ]


def _other_parameters(entry: dict[str, Any], results: Path) -> list[str]:
    """Return the settings that the rule was given now and was not then."""
    path = results / MANIFEST_FILE
    if not path.exists():
        return []
    now = {e["path"]: e for e in read_manifest(path)["files"]}.get(entry["path"])
    return reasons.settings(entry["params"], now["params"]) if now else []
