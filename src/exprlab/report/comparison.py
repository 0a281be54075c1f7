"""The report's part about the comparison of models."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from matplotlib.figure import Figure

from exprlab.keys import metric_title
from exprlab.many import are_many
from exprlab.plotting import comparison_figures, spread_figures
from exprlab.report import sentences, summaries, tables
from exprlab.report.inputs import DatasetInputs
from exprlab.report.pictures import picture

# The two that models are compared by: the order of the samples, and their probabilities.
FOREST_METRICS = ("auroc", "log_loss")
OVERLAP = (
    "Overlapping intervals do not show that two models are equal; the paired differences do the "
    "comparing."
)
# ``models`` and ``pairs`` of a data set in comparison.json; figure, alternative text, caption.
Models = Mapping[str, Any]
Pairs = Sequence[Mapping[str, Any]]
Described = tuple[Figure, str, str]


def comparison_part(data: DatasetInputs, result: dict[str, Any], level: float) -> dict[str, Any]:
    """Return the key sentence, the tables and the figures of the comparison."""
    models, order = result["models"], list(result["models"])
    rows = tables.pair_rows(result["pairs"], order)
    many = are_many(next(iter(data.repeats.values())))
    figures = many_figures if many else few_figures
    return {
        "key": sentences.key_sentence(data.name, result, level),
        "truth": sentences.truth_sentence(data.name, result),
        "interval": sentences.interval_sentence(data.repeats, data.checks),
        "guard": sentences.guard_sentence(data.guards),
        "truth_heads": tables.truth_heads(),
        "truth_rows": tables.truth_rows(result),
        "order": order,
        "class_rows": tables.class_rows(data),
        "mean_rows": tables.mean_rows(models),
        "many": many,
        "split_heads": [(m, list(models[m]["auroc"]["per_split"])) for m in order],
        "split_rows": (summaries.split_summary_rows if many else tables.split_rows)(models),
        "pairs": summaries.pair_summary_rows(rows) if many else rows,
        "forests": [picture(*found) for found in figures(data.name, models, rows, level)],
    }


def few_figures(dataset: str, models: Models, pairs: Pairs, level: float) -> Iterator[Described]:
    """Yield figures with a row for each split, their alternative texts and captions."""
    for metric in _forest_metrics(models):
        yield (
            comparison_figures.forest_figure(models, list(models), metric),
            f"{metric_title(metric)} of each model and split, with intervals",
            f"Values of {metric_title(metric)} with "
            f"{100 * level:g} % intervals; diamonds and vertical lines: means over splits. "
            f"{OVERLAP}",
        )
    if pairs:
        yield (
            comparison_figures.difference_figure(pairs, "auroc"),
            f"Paired differences in AUROC between models on {dataset}",
            "Difference in AUROC on the same test samples. An interval that crosses the line "
            f"at 0: the two models {sentences.CANNOT_TELL} in that split.",
        )


def many_figures(dataset: str, models: Models, pairs: Pairs, level: float) -> Iterator[Described]:
    """Yield figures of how many splits are spread, their alternative texts and captions."""
    n = max(len(entry["auroc"]["per_split"]) for entry in models.values())
    for metric in _forest_metrics(models):
        yield (
            spread_figures.spread_figure(models, list(models), metric),
            f"Spread of {metric_title(metric)} over splits, of each model",
            f"How {metric_title(metric)} of {n:,} splits is spread: a wide box says that much "
            "hangs on how the samples were divided. Diamonds: means over splits with "
            f"their {100 * level:g} % intervals. {OVERLAP}",
        )
    if pairs:
        yield (
            spread_figures.difference_spread_figure(pairs, "auroc"),
            f"Spread of the paired differences in AUROC between models on {dataset}",
            "Difference in AUROC on the same test samples. Left: how it is spread over splits. "
            f"Right: in how many of them the {100 * level:g} % interval covers 0, so that the two "
            f"models {sentences.CANNOT_TELL}, or lies on one side of it. Even of two equally good "
            "models some intervals lie on one side, by chance.",
        )


def _forest_metrics(models: Models) -> list[str]:
    return [metric for metric in FOREST_METRICS if metric in tables.metric_names(models)]
