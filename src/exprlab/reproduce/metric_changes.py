"""How the metrics of two runs or experiments differ."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from exprlab.files import read_json
from exprlab.keys import METRICS
from exprlab.reproduce.original import Original

EVALUATION = "evaluation.json"
COMPARISON = "report/comparison.json"
Table = dict[tuple[str, str], tuple[float | None, list[float]]]


@dataclass(frozen=True)
class MetricChange:
    """A metric in both; None where it is not there or not defined.

    `about` is the model of an experiment as 'dataset/model', '' for single runs. `spread` is the
    confidence interval [low, high] of a run, or the standard deviation over the splits [sd] of an
    experiment.
    """

    about: str
    metric: str
    before: float | None
    after: float | None
    difference: float | None
    spread_before: list[float]
    spread_after: list[float]


def metric_changes(before: Original, after: Original) -> list[MetricChange] | None:
    """Return the metrics that differ between two runs or two experiments, in the house's order.

    None if the files that hold them are not at hand.
    """
    tables = [_table(side) for side in (before, after)]
    if None in tables:
        return None
    old, new = tables
    changes = []
    for about, metric in _in_order({*old, *new}):
        a, b = old.get((about, metric), (None, [])), new.get((about, metric), (None, []))
        if a != b:
            known = a[0] is not None and b[0] is not None
            changes.append(
                MetricChange(about, metric, a[0], b[0], b[0] - a[0] if known else None, a[1], b[1])
            )
    return changes


def _in_order(names: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    ranks = {metric: rank for rank, metric in enumerate(METRICS)}
    return sorted(names, key=lambda name: (name[0], ranks.get(name[1], len(ranks)), name[1]))


def _table(original: Original) -> Table | None:
    """Return (about, metric) -> value and spread; None if the files are not at hand."""
    inside = Path(EVALUATION if original.run else COMPARISON)
    folder = original.fetched
    if original.folder:
        folder = original.folder.joinpath(*(original.run or ()), inside.parent)
    if folder is None or not (path := folder / inside.name).exists():
        return None
    content = read_json(path)
    if original.run:
        entries = content["metrics"]
        return {("", m): (e["value"], _known(e["low"], e["high"])) for m, e in entries.items()}
    return {
        (f"{dataset}/{model}", metric): (e["mean"], _known(e.get("sd")))
        for dataset, part in content["datasets"].items()
        for model, metrics in part["models"].items()
        for metric, e in metrics.items()
    }


def _known(*values: float | None) -> list[float]:
    return [value for value in values if value is not None]
