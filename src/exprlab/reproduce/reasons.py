"""Why a file came out differently: code, parameters, data, environment or hardware."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from exprlab.provenance.code import PACKAGE, code_digest, module_digests, packages_used

HARDWARE = ("processor", "cpu_features", "gpus", "cores")
SOFTWARE = ("os", "python", "switches")
# Stands for a setting or package that there is not.
ABSENT = "absent"


def code_changes(manifest: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return, for each rule whose code is another one now, what of it has changed."""
    changes = {}
    for rule, was in manifest["rules"].items():
        command = was["command"].replace("-", "_")
        if not (PACKAGE / "cli" / f"{command}.py").is_file():
            changes[rule] = [f"cli/{command}.py is gone"]
            continue
        if code_digest(command) == was["code"]:
            continue
        modules = _changed(was["modules"], module_digests(command))
        changes[rule] = modules + versions(was["packages"], packages_used(command))
    return changes


def rule_changes(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Return what of a rule's code has changed from one manifest to another."""
    modules = _changed(before["modules"], now["modules"])
    return modules + versions(before["packages"], now["packages"])


def versions(before: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """Return the packages whose versions differ, as 'torch 2.12.0 -> 2.13.0'."""
    return [
        f"{name} {before.get(name, ABSENT)} -> {now.get(name, ABSENT)}"
        for name in sorted({*before, *now})
        if before.get(name) != now.get(name)
    ]


def settings(before: Any, now: Any, name: str = "") -> list[str]:
    """Return the settings that differ, as 'model.hidden: [128] -> [64]'."""
    if isinstance(before, Mapping) and isinstance(now, Mapping):
        return [
            line
            for key in sorted({*before, *now})
            for line in settings(
                before.get(key, ABSENT), now.get(key, ABSENT), f"{name}.{key}" if name else key
            )
        ]
    return [] if before == now else [f"{name}: {before} -> {now}"]


def environment_changes(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Return what differs in software between two environments, packages last.

    Nothing, if one of them was not recorded.
    """
    lines = _facts(before, now, SOFTWARE) + _blas_changes(before, now)
    if before.get("packages") and now.get("packages"):
        lines += versions(before["packages"], now["packages"])
    return lines


def hardware_changes(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Return what differs in hardware between two environments."""
    return _facts(before, now, HARDWARE)


def _facts(before: Mapping[str, Any], now: Mapping[str, Any], names: tuple[str, ...]) -> list[str]:
    # No GPU (an empty list) is a fact; None and '' only say that nobody could tell.
    unknown = (None, "")
    known = [n for n in names if before.get(n) not in unknown and now.get(n) not in unknown]
    return [line for name in known for line in settings(before[name], now[name], name)]


def _blas_changes(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Return what differs in the libraries that both processes had loaded; threads do not count."""
    then, here = _kernels(before), _kernels(now)
    lines = []
    for name in sorted({*then} & {*here}):
        gone, new = then[name] - here[name], here[name] - then[name]
        # NumPy and SciPy bring one each, and not every process loads both.
        if gone and new:
            lines.append(f"{name}: {', '.join(sorted(gone))} -> {', '.join(sorted(new))}")
    return lines


def _kernels(environment: Mapping[str, Any]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for each in environment.get("blas") or []:
        found.setdefault(each["library"], set()).add(f"{each['version']} ({each['kernel']})")
    return found


def _changed(before: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    lines = []
    for name in sorted({*before, *now}):
        if name not in now:
            lines.append(f"{name} is gone")
        elif name not in before:
            lines.append(f"{name} is new")
        elif before[name] != now[name]:
            lines.append(f"{name} was edited")
    return lines
