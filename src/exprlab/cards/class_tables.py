"""What a model card says of each class: who is taken for whom, and each class against the rest."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from exprlab.cards.facts import RunFacts
from exprlab.cards.markdown import escape, table
from exprlab.evaluation.layout import table_of
from exprlab.keys import METRICS, metric_title
from exprlab.report.sentences import listing, number


def class_tables(facts: RunFacts) -> list[str]:
    """Return the confusion matrix and, of more than two classes, the metrics of each."""
    threshold = facts.evaluation["threshold"]
    where = "" if threshold is None else f" at the threshold {number(threshold)}"
    names = [escape(name) for name in facts.classes]
    rows = [
        [f"truly {name}", *(f"{n:,}" for n in row)]
        for name, row in zip(names, table_of(facts.evaluation), strict=True)
    ]
    head = ["", *(f"predicted {name}" for name in names)]
    lines = [f"Confusion matrix of the test samples{where}:", "", *table(head, rows)]
    each = facts.evaluation.get("by_class")
    if each is None:
        return lines
    metrics = [metric for metric in METRICS if metric in each[facts.classes[0]]]
    rows = [
        [escape(name), *(number(each[name][metric]) for metric in metrics)]
        for name in facts.classes
    ]
    head = ["class", *(escape(metric_title(metric)) for metric in metrics)]
    return [*lines, "", "Each class against the rest:", "", *table(head, rows)]


def set_results(found: Mapping[str, Any]) -> list[str]:
    """Say how the prediction sets did on the test samples, as a paragraph."""
    sets = found.get("prediction_sets")
    if not sets:
        return []
    each = [
        f"{escape(name)} {share:.0%}"
        for name, share in sets["coverage_by_class"].items()
        if share is not None
    ]
    return [
        f"Prediction sets, meant to miss at most {sets['error_rate']:.0%} of each class, hold the "
        f"true class of {sets['coverage']:.0%} of the test samples ({listing(each)}) and name "
        f"{sets['mean_size']:.2f} classes on average; {sets['share_of_one']:.0%} name one.",
        "",
    ]
