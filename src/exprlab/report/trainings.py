"""How trainings went: a row for each, of many splits of a model one row for all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from statistics import median
from typing import Any

from exprlab.many import MANY_SPLITS, are_many, named

Status = Mapping[str, Any]
# Data set, model and split of a training.
Names = tuple[str, str, str]
Rows = list[tuple[str, list[str]]]
NOT_RECORDED = "not recorded"
COLUMNS = {
    "state": "state", "device": "device", "accelerator": "accelerator", "precision": "precision",
    "threads": "threads", "peak_memory_mb": "peak memory (MB)", "attempt": "attempt",
    "resumed_from_epoch": "resumed from epoch", "host": "host",
}  # fmt: skip
# Of many trainings told by the median and the ends.
MEASURED = ("peak_memory_mb",)
# So few trainings are named where they differ from the others of their model.
FEW = 3


def heads() -> list[str]:
    """Return the columns of the table of trainings after their name."""
    return ["started (UTC)", "duration (s)", *COLUMNS.values()]


def of_each_model(runs: Sequence[Names]) -> dict[tuple[str, str], list[Names]]:
    """Return the trainings of each data set and model."""
    found: dict[tuple[str, str], list[Names]] = {}
    for names in runs:
        found.setdefault(names[:2], []).append(names)
    return found


def training_rows(statuses: Mapping[Names, Status]) -> Rows:
    """Return name and cells of each row."""
    rows: Rows = []
    for model, runs in of_each_model(list(statuses)).items():
        found = {names: statuses[names] for names in runs}
        if are_many(found):
            by_split = {names[2]: status for names, status in found.items()}
            rows.append((f"{'/'.join(model)}: {len(runs):,} trainings", _summary(by_split)))
        else:
            rows += [("/".join(names), _training(status)) for names, status in found.items()]
    return rows


def _training(status: Status) -> list[str]:
    started, duration = status.get("started"), _duration(status)
    values = [None if started is None else _time(started)]
    values.append(None if duration is None else f"{duration:.1f}")
    values += [status.get(key) for key in COLUMNS]
    # A training that was never interrupted has resumed from nowhere.
    empty = "" if status else NOT_RECORDED
    return [empty if value is None else str(value) for value in values]


def _summary(statuses: Mapping[str, Status]) -> list[str]:
    """Return the cells of many trainings of a model, by split."""
    known = [status for status in statuses.values() if status]
    if not known:
        return [NOT_RECORDED] * len(heads())
    started = [s["started"] for s in known if s.get("started") is not None]
    durations = [d for d in map(_duration, known) if d is not None]
    begin = [_time(find(started)) for find in (min, max)] if started else []
    cells = [" to ".join(dict.fromkeys(begin)), _spread(durations, 1)]
    for key in COLUMNS:
        if key in MEASURED:
            cells.append(_spread([s[key] for s in known if s.get(key) is not None], 0))
        else:
            cells.append("; ".join(_tally(statuses, key)))
    return cells


def _tally(statuses: Mapping[str, Status], key: str) -> Iterator[str]:
    """Yield each value with the number of trainings that have it, and who has a rare one."""
    values = {split: _text(status, key) for split, status in statuses.items()}
    found = Counter(value for value in values.values() if value)
    if len(found) == 1 and len(values) == found.total():
        yield next(iter(found))
        return
    for value, n in found.most_common(MANY_SPLITS):
        splits = [split for split, own in values.items() if own == value]
        who = f": {', '.join(named(splits))}" if n <= FEW else ""
        yield f"{value} ({n:,}{who})"
    if are_many(found):
        yield f"{len(found) - MANY_SPLITS:,} other values"


def _text(status: Status, key: str) -> str:
    if not status:
        return NOT_RECORDED
    return "" if status.get(key) is None else str(status[key])


def _spread(values: Sequence[float], digits: int) -> str:
    if not values:
        return ""
    middle, low, high = (f"{v:.{digits}f}" for v in (median(values), min(values), max(values)))
    return middle if low == high else f"median {middle}, {low} to {high}"


def _duration(status: Status) -> float | None:
    started, ended = status.get("started"), status.get("ended")
    return None if started is None or ended is None else ended - started


def _time(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S}"
