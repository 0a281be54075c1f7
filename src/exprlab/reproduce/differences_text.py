"""The differences of two runs or experiments in words and as plain values."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from exprlab.reproduce.certificate import EXIT_CODES
from exprlab.reproduce.compare import DIFFERENT, IDENTICAL
from exprlab.reproduce.differences import Differences
from exprlab.reproduce.layout import aligned, counted, shorten, wrapped
from exprlab.reproduce.metric_changes import MetricChange

Rows = list[tuple[str, str]]
# Files that are named where there are many.
NAMED = 4


def exit_code(found: Differences) -> int:
    """Return the code that `exprlab verify` gives for the same verdict."""
    return EXIT_CODES[IDENTICAL if found.same else DIFFERENT]


def as_values(found: Differences) -> dict[str, Any]:
    """Return everything that was found, ready for JSON."""
    return {"same": found.same, **asdict(found)}


def as_text(found: Differences) -> str:
    """Return the differences for a reader, as before -> after."""
    rows: Rows = [
        ("before", found.before),
        ("after", found.after),
        ("verdict", _verdict(found)),
        *_section("parameters", found.parameters, "the same"),
        *_section("code", _code(found), "the same behind every rule"),
        *_section("data", found.data, "the same"),
        *_environment(found.environment),
        *_metrics(found.metrics),
        *_files(found),
    ]
    return "\n".join(aligned(rows))


def _verdict(found: Differences) -> str:
    if found.same:
        return f"no difference: {counted(found.files.same, 'file')} with the same SHA-256"
    kinds = [name for name in ("parameters", "code", "data") if getattr(found, name)]
    files = found.files
    if files.different:
        both = files.same + len(files.different)
        kinds.append(f"{len(files.different)} of {counted(both, 'file')}")
    kinds += [f"{len(only)} only {side}" for side, only in _alone(found) if only]
    return f"DIFFERENT: {', '.join(kinds)}"


def _alone(found: Differences) -> list[tuple[str, list[str]]]:
    return [("before", found.files.only_before), ("after", found.files.only_after)]


def _section(name: str, lines: list[str], nothing: str) -> Rows:
    return [(name, line) for line in shorten(lines) or [nothing]]


def _code(found: Differences) -> list[str]:
    told = {line: ", ".join(rules) for line, rules in found.code.items()}
    return [f"{line} (in {rules})" if rules else line for line, rules in told.items()]


def _environment(kinds: dict[str, list[str]] | None) -> Rows:
    if kinds is None:
        return [("environment", "not recorded for both (no environment.json)")]
    return [row for name, lines in kinds.items() for row in _section(name, lines, "the same")]


def _metrics(changes: list[MetricChange] | None) -> Rows:
    if changes is None:
        return [("metrics", "the files that hold them are not at hand")]
    lines = [_metric(change) for change in changes]
    return [("metrics", line) for line in lines or ["the same"]]


def _metric(change: MetricChange) -> str:
    sides = [
        _number(change.before) + _spread(change.spread_before),
        _number(change.after) + _spread(change.spread_after),
    ]
    difference = "" if change.difference is None else f"{change.difference:+.3f}"
    about = f"{change.about} " if change.about else ""
    return f"{about}{change.metric:18}{sides[0]:22} -> {sides[1]:22}  {difference}"


def _number(value: float | None) -> str:
    return "none" if value is None else f"{value:.3f}"


def _spread(spread: list[float]) -> str:
    if len(spread) == 1:
        return f" +- {spread[0]:.3f}"
    return f" [{spread[0]:.3f}, {spread[1]:.3f}]" if spread else ""


def _files(found: Differences) -> Rows:
    files = found.files
    rows = [("files", f"{counted(files.same, 'file')} the same")]
    if files.different:
        words = f": {files.first}" if files.first else ""
        rows += [("", f"first different: {files.different[0]} (rule {files.rules[0]}){words}")]
    named = [("then", files.different[1:]), *((f"only {k}:", v) for k, v in _alone(found))]
    rows += [("", f"{word} {', '.join(shorten(paths, NAMED))}") for word, paths in named if paths]
    return [(name, line) for name, text in rows for line in wrapped(text)]
