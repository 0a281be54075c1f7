"""Training curves of a run: metrics.csv joined with the times in timing.csv."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import NamedTuple

from exprlab.errors import UserError
from exprlab.keys import METRICS_FILE, TIMING_FILE

COLUMNS = ["step", "epoch", "name", "value"]


class Point(NamedTuple):
    """One value of a curve; `time` is in milliseconds since 1970, as MLflow counts."""

    name: str
    value: float
    step: int
    time: int


def read_curves(folder: Path, started: int, whole: bool) -> tuple[Point, ...]:
    """Read the curves of a run's folder, in the order of the file.

    Parameters
    ----------
    folder : Path
        Holds metrics.csv and, where times are known, timing.csv.
    started : int
        Milliseconds since 1970; the time of a step that has none of its own.
    whole : bool
        Whether the writer had finished. The last line of a killed one may be cut off and is left
        out then.

    Raises
    ------
    UserError
        If a finished file has a line that is none of its format.
    """
    rows = _rows(folder / METRICS_FILE, 4, whole)
    # Read afterwards: a training that goes on writes the time of a row before the row.
    times = {
        int(row[0]): round(float(row[1]) * 1000) for row in _rows(folder / TIMING_FILE, 2, False)
    }
    found: dict[tuple[str, int], Point] = {}
    for step, _, name, value in rows:
        # A resumed training may have written a step twice; the later one is what happened.
        found[name, int(step)] = Point(name, float(value), int(step), times.get(int(step), started))
    return tuple(found.values())


def _rows(path: Path, n_columns: int, whole: bool) -> list[list[str]]:
    """Return the well-formed rows below the header; none where there is no file."""
    if not path.exists():
        return []
    with path.open(newline="", encoding="utf-8", errors="replace") as stream:
        text = stream.read()
    # Without its newline a last line may be half a number that still reads as a number.
    complete = text if whole else text[: text.rfind("\n") + 1]
    kept = []
    for number, row in enumerate(csv.reader(complete.splitlines()), start=1):
        if number == 1:
            continue
        if _readable(row, n_columns):
            kept.append(row)
        elif whole:
            raise UserError(
                f"{path}, line {number}: found {','.join(row)!r}; expected "
                f"{','.join(COLUMNS[:n_columns])}. Was the file cut off? Run the training again"
            )
    return kept


def _readable(row: list[str], n_columns: int) -> bool:
    try:
        int(row[0]), float(row[-1])
    except (ValueError, IndexError):
        return False
    return len(row) == n_columns
