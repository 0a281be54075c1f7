"""The report's part about learning curves: what more samples do, and from which size depth pays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from exprlab.keys import ORACLE, metric_title
from exprlab.plotting.learning_figures import learning_figure
from exprlab.report.inputs import read_object, reading
from exprlab.report.sentences import listing, number, oriented

# ``datasets[name]`` of learning_curves.json, and one of its points.
Curves = Mapping[str, Any]
Point = Mapping[str, Any]
AHEAD, BEHIND, OPEN = "ahead", "behind", "open"
CAPTION = (
    "Each line is a model's mean over repeats, each small mark a repeat. Bands: {level} "
    "intervals that resample patients; they tell what the choice of test samples does, while the "
    "marks tell what the choice of training samples does. Dotted: the oracle, which no model can "
    "expect to pass."
)


def read_curves(path: Path, datasets: Sequence[str]) -> dict[str, Any]:
    """Read learning_curves.json and check that it covers the data sets of the report."""
    value = read_object(path, ("datasets",))
    with reading(path):
        return {name: value["datasets"][name] for name in datasets}


def learning_part(curves: Curves) -> dict[str, Any]:
    """Return the table that the template shows of a data set."""
    distance = "excess_log_loss" if curves["oracle"] else "log_loss"
    shown = ("auroc", distance)
    return {
        "models": curves["models"],
        "heads": [metric_title(metric) for metric in shown],
        "rows": [
            (
                f"{size_of(point):,.0f}",
                [point["models"][m][metric] for m in curves["models"] for metric in shown],
            )
            for point in curves["points"]
        ],
    }


def learning_curve_figure(dataset: str, curves: Curves, level: float) -> tuple[Any, str, str]:
    """Return the figure with its alternative text and caption."""
    text = f"AUROC and log loss over the number of training samples, data set {dataset}"
    caption = [*learning_sentences(dataset, curves), CAPTION.format(level=f"{100 * level:g} %")]
    return learning_figure(curves), text, " ".join(caption)


def size_of(point: Point) -> float:
    """Return how many samples trained, averaged over splits."""
    return float(np.mean(list(point["n_train"].values())))


def learning_sentences(dataset: str, curves: Curves) -> list[str]:
    """Say from which size on the first model is ahead of each other one, and what is left to gain.

    One model is ahead of another at a size if in every split the interval of their paired
    difference in AUROC lies on its side of 0.
    """
    first, *others = curves["models"]
    found = [_lead_sentence(dataset, first, other, curves["points"]) for other in others]
    if curves["oracle"]:
        found.append(_gap_sentence(curves))
    return found


def _lead_sentence(dataset: str, first: str, other: str, points: Sequence[Point]) -> str:
    standings = [(size_of(point), _standing(point["pairs"], first, other)) for point in points]
    n_last = next((i for i, (_, s) in enumerate(reversed(standings)) if s != AHEAD), len(points))
    start = len(points) - n_last
    if start == 0:
        return (
            f"On {dataset}, {first} has a higher AUROC than {other} in every split at every size "
            f"of the training part, from {standings[0][0]:,.0f} samples on."
        )
    if n_last:
        text = (
            f"On {dataset}, {first} has a higher AUROC than {other} in every split from "
            f"{standings[start][0]:,.0f} training samples on"
        )
    else:
        text = (
            f"On {dataset}, up to {standings[-1][0]:,.0f} training samples there is no size from "
            f"which on {first} has a higher AUROC than {other} in every split"
        )
    return f"{text}; with {_others(first, other, standings[:start])}."


def _standing(pairs: Sequence[Mapping[str, Any]], first: str, other: str) -> str:
    """Return who of two models is ahead at a size; OPEN unless all splits agree."""
    found = oriented(pairs, first, other, "auroc")
    if found and all(pair["low"] > 0 for pair in found):
        return AHEAD
    return BEHIND if found and all(pair["high"] < 0 for pair in found) else OPEN


def _others(first: str, other: str, standings: Sequence[tuple[float, str]]) -> str:
    """Say how two models stand at the sizes at which the first is not ahead for good."""
    words = {
        OPEN: "the splits do not agree that either is better",
        BEHIND: f"{other} has a higher AUROC in every split",
        AHEAD: f"{first} has a higher AUROC in every split",
    }
    groups = {
        standing: [f"{size:,.0f}" for size, each in standings if each == standing]
        for standing in words
    }
    return "; with ".join(
        f"{listing(sizes)} {words[standing]}" for standing, sizes in groups.items() if sizes
    )


def _gap_sentence(curves: Curves) -> str:
    last, best = curves["points"][-1], curves["oracle"]["auroc"]["mean"]
    gaps = [
        f"{number(best - last['models'][model]['auroc']['mean'])} ({model})"
        for model in curves["models"]
    ]
    return (
        f"With all {size_of(last):,.0f} training samples the {ORACLE}, whose mean AUROC is "
        f"{number(best)}, is ahead by {listing(gaps)}."
    )
