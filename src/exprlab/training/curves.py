"""Training curves as plain files: what was measured (metrics.csv) and when (timing.csv)."""

from __future__ import annotations

import csv
import time
from pathlib import Path

from exprlab.keys import METRICS_FILE, TIMING_FILE

Row = tuple[int, int, str, float]


class CurveWriter:
    """Appends rows to a folder's metrics.csv and timing.csv and flushes each time.

    A killed training leaves what it had. Times have a file of their own, because equal runs have
    equal metrics.csv.

    Parameters
    ----------
    folder
        Where the two files are.
    last_epoch
        Rows of later epochs are dropped first: a resumed training writes them again. -1 starts
        anew.
    """

    def __init__(self, folder: Path, last_epoch: int = -1) -> None:
        self._metrics, self._timing = folder / METRICS_FILE, folder / TIMING_FILE
        kept = [row for row in _rows(self._metrics) if int(row[1]) <= last_epoch]
        steps = {row[0] for row in kept}
        times = [row for row in _rows(self._timing) if row[0] in steps]
        _rewrite(self._metrics, ("step", "epoch", "name", "value"), kept)
        _rewrite(self._timing, ("step", "unix_time"), times)

    def add(self, rows: list[Row], times: list[tuple[int, float]] | None = None) -> None:
        """Append (step, epoch, name, value) rows; steps without a time of their own get now."""
        if times is None:
            now = time.time()
            times = [(step, now) for step in sorted({row[0] for row in rows})]
        # First, so that whoever reads along finds a time for each row that is there.
        _append(self._timing, [(step, f"{moment:.3f}") for step, moment in times])
        _append(
            self._metrics, [(step, epoch, name, repr(value)) for step, epoch, name, value in rows]
        )


def _rows(path: Path) -> list[list[str]]:
    """Return the complete rows of a file; the last line of a killed writer may be cut off."""
    if not path.exists():
        return []
    lines = path.read_text().split("\n")[1:-1]
    return list(csv.reader(lines))


def _rewrite(path: Path, header: tuple[str, ...], rows: list[list[str]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(",".join(header) + "\n")
    _append(path, rows)


def _append(path: Path, rows: list) -> None:
    with path.open("a", newline="") as stream:
        csv.writer(stream, lineterminator="\n").writerows(rows)
