"""A certificate in words and as plain values."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from exprlab.reproduce.compare import Tolerance
from exprlab.reproduce.layout import aligned, shorten
from exprlab.reproduce.verify import DIFFERENT, IDENTICAL, WITHIN, Certificate, Mismatch

# Exit codes of `exprlab verify`; 1 and 2 are those of every command.
EXIT_CODES = {IDENTICAL: 0, WITHIN: 3, DIFFERENT: 4}


def as_values(certificate: Certificate) -> dict[str, Any]:
    """Return everything that was found, ready for JSON."""
    return asdict(certificate)


def as_text(certificate: Certificate) -> str:
    """Return the certificate for a reader."""
    about = f"{certificate.name}, made by exprlab {certificate.exprlab}"
    rows = [
        ("what", about if certificate.run is None else f"{about}: run {certificate.run}"),
        ("verdict", f"{certificate.verdict.upper()}: {_summary(certificate)}"),
    ]
    rows += [("where", line) for line in _where(certificate)]
    if certificate.cause:
        kind, lines = certificate.cause
        rows += [("why", kind)] + [("", line) for line in shorten(lines)]
    rows += [("code", line) for line in _code(certificate)]
    rows += [("packages", _lock(certificate))]
    same = ["as recorded" if certificate.recorded else "not recorded then"]
    rows += [("software", line) for line in shorten(certificate.environment) or same]
    rows += [("hardware", line) for line in shorten(certificate.hardware) or same]
    if certificate.mismatches:
        rows += [("tolerance", _tolerance(certificate.tolerance))]
    if certificate.seconds:
        rows += [("made again", f"in {certificate.seconds:.0f} s, {certificate.cores} core(s)")]
    title = "Certificate of reproducibility"
    return "\n".join([title, "-" * len(title), *aligned(rows)])


def _summary(certificate: Certificate) -> str:
    n, differing = certificate.n_files, len(certificate.mismatches)
    if certificate.damaged:
        return (
            f"{len(certificate.damaged)} of {n} files are not what the manifest says; nothing was "
            "made again"
        )
    if certificate.verdict == IDENTICAL:
        return f"all {n} files came out with the same SHA-256"
    if certificate.verdict == WITHIN:
        return f"{n - differing} of {n} files are the same bytes, {differing} the same numbers"
    apart = [m for m in certificate.mismatches if m.kind == DIFFERENT]
    return f"{len(apart)} of {n} files came out differently"


def _where(certificate: Certificate) -> list[str]:
    if certificate.damaged:
        return shorten(certificate.damaged)
    if certificate.verdict == WITHIN and certificate.largest:
        return [f"largest difference in {_told(certificate.largest)}"]
    apart = [m for m in certificate.mismatches if m.kind == DIFFERENT]
    if not apart:
        return []
    names = ", ".join(shorten([m.path for m in apart[1:]]))
    return [f"first in {_told(apart[0])}", *([f"then in {names}"] if names else [])]


def _tolerance(tolerance: Tolerance) -> str:
    return (
        f"numbers: {tolerance.absolute:g} + {tolerance.relative:g} * max(|a|, |b|); pictures: "
        f"{tolerance.pixel_share:.0%} of the pixels"
    )


def _told(mismatch: Mismatch) -> str:
    return f"{mismatch.path} (rule {mismatch.rule}): {mismatch.words}"


def _code(certificate: Certificate) -> list[str]:
    if not certificate.code:
        return ["the same behind every rule"]
    return shorten([f"rule {rule}: {', '.join(lines)}" for rule, lines in certificate.code.items()])


def _lock(certificate: Certificate) -> str:
    if certificate.lock is None:
        return "no requirements.lock beside the source: versions not checked"
    apart = certificate.lock.get("differences", {})
    if not apart:
        return "every version as in requirements.lock"
    told = [
        f"{name} {both['installed'] or 'absent'} (locked: {both['locked']})"
        for name, both in sorted(apart.items())
    ]
    return "not as in requirements.lock: " + ", ".join(shorten(told))
