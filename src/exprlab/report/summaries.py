"""Tables of many splits: one row for each metric, with the ends by name."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from exprlab.keys import metric_title
from exprlab.many import spread
from exprlab.plotting.spread_figures import of_each_pair
from exprlab.report.sentences import CANNOT_TELL, verdict
from exprlab.report.tables import metric_names

# Value, and the split that has it.
End = tuple[float, str]


def split_summary_rows(models: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return a row for each metric: of each model the smallest, middle and largest split."""
    return [
        {
            "title": metric_title(metric),
            "cells": [_ends(entry[metric]["per_split"]) for entry in models.values()],
        }
        for metric in metric_names(models)
    ]


def _ends(per_split: Mapping[str, Mapping[str, Any]]) -> list[End] | None:
    """Return the splits with the smallest, the middle and the largest value, if there is any."""
    values = {split: entry["value"] for split, entry in per_split.items()}
    found = spread(values)
    if found is None:
        return None
    return [(values[name], name) for name in (found.smallest, found.median, found.largest)]


def pair_summary_rows(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return a row for each pair of models and metric, made of `tables.pair_rows`."""
    return [
        _pair_row([row for row in found if row["metric"] == metric])
        for found in of_each_pair(rows).values()
        for metric in dict.fromkeys(row["metric"] for row in found)
    ]


def _pair_row(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    first = rows[0]
    values = {row["split"]: row["difference"] for row in rows}
    found, verdicts = spread(values), Counter(verdict(row) for row in rows)
    return {
        **{key: first[key] for key in ("model_a", "model_b", "title", "test")},
        "n": len(rows),
        "mean": found and found.mean,
        "ends": [(values[name], name) for name in (found.smallest, found.largest)] if found else [],
        "a_better": verdicts[f"{first['model_a']} is better"],
        "b_better": verdicts[f"{first['model_b']} is better"],
        "open": verdicts[CANNOT_TELL],
    }
