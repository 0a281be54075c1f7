"""The page about where and with what the trainings ran: facts that no result depends on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from exprlab.files import atomic_path
from exprlab.keys import ENVIRONMENT_FILE, STATUS_FILE
from exprlab.many import MANY_SPLITS, are_many, named
from exprlab.provenance.environment import required_packages
from exprlab.report.inputs import read_object
from exprlab.report.pages.render import render
from exprlab.report.trainings import (
    NOT_RECORDED,
    Names,
    heads,
    of_each_model,
    training_rows,
)

Facts = Mapping[str, Any]
# A fact, and of each of its values the trainings that have it; no names if all have the same.
Row = tuple[str, list[tuple[str, str]]]


def write_environment_page(results: Path, title: str, runs: Sequence[Names], output: Path) -> None:
    """Write the page.

    Parameters
    ----------
    results
        The folder of the files in docs/files.md.
    title
        The experiment's name.
    runs
        Data set, model and split of each training, in the order of the page.
    output
        The HTML file.

    Raises
    ------
    UserError
        If a side file is there and is not a JSON object. A missing one shows as "not recorded".
    """
    statuses = dict(_read(results, runs, STATUS_FILE))
    recorded = dict(_read(results, runs, ENVIRONMENT_FILE))
    environments = {"/".join(names): facts for names, facts in recorded.items()}
    wanted = required_packages()
    installed = {name for facts in environments.values() for name in facts.get("packages") or {}}
    direct = sorted(installed & wanted) or sorted(installed)
    page = render(
        "environment.html",
        title=title,
        not_recorded=NOT_RECORDED,
        columns=heads(),
        trainings=training_rows(statuses),
        summed_up=any(map(are_many, of_each_model(runs).values())),
        machine=_rows(environments, MACHINE),
        software=_rows(environments, SOFTWARE),
        lock=_lock_rows(environments),
        lock_known=any(facts.get("lock") for facts in environments.values()),
        packages=_rows(environments, {name: _package(name) for name in direct}),
        n_others=len(installed) - len(direct),
        commands=_commands(recorded),
    )
    with atomic_path(output) as temporary:
        temporary.write_text(page, encoding="utf-8")


def _read(results: Path, runs: Sequence[Names], file: str) -> Iterator[tuple[Names, Facts]]:
    """Yield each training's names and what its side file holds, nothing if there is none."""
    for names in runs:
        path = results.joinpath(*names, file)
        yield names, read_object(path) if path.exists() else {}


def _commands(environments: Mapping[Names, Facts]) -> list[tuple[str, str | None]]:
    """Return the command of each training, of many of a model that of the first one."""
    found = []
    for runs in of_each_model(list(environments)).values():
        shown = runs[:1] if are_many(runs) else runs
        more = f", one of {len(runs):,} that differ in split and seed" if are_many(runs) else ""
        found += [(f"{'/'.join(r)}{more}", _words(environments[r].get("command"))) for r in shown]
    return found


def _rows(environments: Mapping[str, Facts], readers: Mapping[str, Callable]) -> list[Row]:
    """Return each fact with its distinct values."""
    return [
        (name, _distinct({run: read(facts) for run, facts in environments.items()}))
        for name, read in readers.items()
    ]


def _distinct(values: Mapping[str, str | None]) -> list[tuple[str, str]]:
    """Return each distinct value with the trainings that have it, sorted by value."""
    groups: dict[str, list[str]] = {}
    for run, value in values.items():
        groups.setdefault(value or NOT_RECORDED, []).append(run)
    if len(groups) == 1:
        return [(next(iter(groups)), "")]
    found = [(value, ", ".join(named(runs))) for value, runs in sorted(groups.items())]
    if not are_many(found):
        return found
    more = f"{len(found) - MANY_SPLITS:,} other values"
    return [*found[:MANY_SPLITS], (more, "environment.json of each run has its own")]


def _lock_rows(environments: Mapping[str, Facts]) -> list[tuple[str, str, str, str]]:
    """Return each package that is not as locked: name, locked, installed, trainings."""
    found: dict[tuple[str, str, str], list[str]] = {}
    for run, facts in environments.items():
        for name, both in ((facts.get("lock") or {}).get("differences") or {}).items():
            key = (name, both.get("locked") or "not locked", both.get("installed") or "absent")
            found.setdefault(key, []).append(run)
    return [
        (*key, "all" if len(runs) == len(environments) else ", ".join(named(runs)))
        for key, runs in sorted(found.items())
    ]


def _words(value: Any) -> str | None:
    """Return a fact as text: lists are joined, empty ones are none."""
    if value is None:
        return None
    if isinstance(value, list):
        return " ".join(map(str, value)) or "none"
    return str(value)


def _fact(key: str) -> Callable[[Facts], str | None]:
    return lambda facts: (_words(facts[key]) or "none") if key in facts else None


def _package(name: str) -> Callable[[Facts], str | None]:
    return lambda facts: (facts.get("packages") or {}).get(name)


def _gpus(facts: Facts) -> str | None:
    gpus = facts.get("gpus")
    if gpus is None:
        return None
    return "; ".join(f"{gpu['name']} (driver {gpu['driver']})" for gpu in gpus) or "none"


def _memory(facts: Facts) -> str | None:
    return f"{facts['memory_gb']} GB" if facts.get("memory_gb") is not None else None


def _blas(facts: Facts) -> str | None:
    libraries = facts.get("blas")
    if libraries is None:
        return None
    words = (f"{b['library']} {b['version']} ({b['kernel']}, threads: {b['threads']})"
             for b in libraries)  # fmt: skip
    # They are listed in the order in which the process loaded them, which means nothing.
    return "; ".join(sorted(words)) or "none loaded"


def _switches(facts: Facts) -> str | None:
    switches = facts.get("switches")
    if switches is None:
        return None
    return "; ".join(f"{k}={'(not set)' if v is None else v}" for k, v in sorted(switches.items()))


def _commit(facts: Facts) -> str | None:
    if "git" not in facts:
        return None
    git = facts["git"] or {}
    if not git.get("commit"):
        return "not in git"
    changed = " with uncommitted changes (uncommitted.diff)" if git.get("dirty") else ""
    return f"{git['commit']}{changed}"


def _lock(facts: Facts) -> str | None:
    if "lock" not in facts:
        return None
    return (facts["lock"] or {}).get("sha256") or "no lock file beside the source"


MACHINE: dict[str, Callable[[Facts], str | None]] = {
    "host": _fact("host"),
    "operating system": _fact("os"),
    "processor": _fact("processor"),
    "its instruction sets": _fact("cpu_features"),
    "cores": _fact("cores"),
    "memory": _memory,
    "GPUs": _gpus,
    "SLURM job": _fact("slurm_job_id"),
}
SOFTWARE: dict[str, Callable[[Facts], str | None]] = {
    "git commit": _commit,
    "Python": _fact("python"),
    "BLAS": _blas,
    "switches of the libraries": _switches,
    "SHA-256 of requirements.lock": _lock,
    "how the workflow was called": _fact("workflow_command"),
}
