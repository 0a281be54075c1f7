"""The report's part about the runs: how they trained, their curves and their mistakes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from exprlab.evaluation.layout import curves_of, table_of
from exprlab.many import are_many, spread
from exprlab.plotting import comparison_figures, run_figures
from exprlab.report import captions, gradients, sentences
from exprlab.report.inputs import DatasetInputs, RepeatInputs, RunInputs, reading
from exprlab.report.pictures import picture
from exprlab.report.sentences import number

# Of more splits than these a reader is shown some; the figures of all are in results/.
SHOWN_SPLITS = 5
Group = list[tuple[str, list[dict[str, Any]]]]


def run_part(data: DatasetInputs) -> dict[str, Any]:
    """Return the figures of the runs, and the models' curves beside each other."""
    evaluations = data.evaluations()
    every = [run for runs in data.runs.values() for run in runs.values()]
    for run in every:
        with reading(run.folder / "evaluation.json"):
            _check_evaluation(run)
    first = next(iter(next(iter(data.runs.values())).values()))
    names = sentences.listing(list(data.runs))
    layers = gradients.gradients_figure(data.name, data.runs)
    with reading(first.folder / "evaluation.json"):
        curves = [
            picture(
                comparison_figures.roc_overlay(evaluations),
                f"ROC curves of {names} on {data.name}",
                captions.roc(data.repeats),
            ),
            picture(
                comparison_figures.precision_recall_overlay(evaluations),
                f"Precision-recall curves of {names} on {data.name}",
                captions.precision_recall(data.repeats),
            ),
            picture(
                comparison_figures.calibration_overlay(evaluations),
                f"Calibration curves of {names} on {data.name}",
                captions.calibration(data.repeats),
            ),
        ]
    return {
        "training": _training_figures(data),
        "gradients": picture(*layers) if layers else None,
        "examples": are_many(data.split_tables),
        "confusion_examples": are_many(next(iter(data.repeats.values()))),
        "further": max(0, len(data.split_tables) - SHOWN_SPLITS),
        "curves": curves,
        "confusion": _confusion_figures(data),
    }


def _check_evaluation(run: RunInputs) -> None:
    """Touch every value that figures and captions use, so that a wrong file is named."""
    evaluation = run.evaluation
    _ = [evaluation["metrics"][m]["value"] for m in ("auroc", "auprc", "ece")]
    _ = [count + 0 for row in table_of(evaluation) for count in row]
    for name, columns in {
        "roc": ("fpr", "tpr"),
        "precision_recall": ("recall", "precision"),
        "calibration": ("predicted", "observed", "count"),
    }.items():
        for curve in curves_of(evaluation, name).values():
            if len({len(curve[column]) for column in columns}) != 1:
                raise ValueError(f"curves.{name} has lists of different lengths")


def _training_figures(data: DatasetInputs) -> Group:
    """Return figures of trainings, by split, models side by side."""
    return [
        (title, [_of_run(runs[split], "training") for runs in data.runs.values()])
        for split, title in _shown(data.runs).items()
    ]


def _confusion_figures(data: DatasetInputs) -> Group:
    """Return confusion matrices by repeat, models side by side."""
    return [
        (title, [_confusion(data, model, repeat) for model in data.repeats])
        for repeat, title in _shown(data.repeats).items()
    ]


def _shown(runs: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """Return the splits that stand for all, each with its title.

    The first ones; of many those with the smallest, the middle and the largest AUROC, which is
    averaged over models so that all models are shown of the same splits.

    Parameters
    ----------
    runs
        Model -> split -> `RunInputs` or `RepeatInputs`.
    """
    splits = list(next(iter(runs.values())))
    first = {split: split for split in splits[:SHOWN_SPLITS]}
    if not are_many(splits):
        return first
    values = {split: _mean_auroc([found[split] for found in runs.values()]) for split in splits}
    found = spread(values)
    if found is None:
        return first
    mean = ", mean over models" if len(runs) > 1 else ""
    names = {"smallest": found.smallest, "middle": found.median, "largest": found.largest}
    return {
        split: f"{split}: of {len(splits):,} splits the {place} AUROC "
        f"({number(values[split])}{mean})"
        for place, split in names.items()
    }


def _mean_auroc(runs: Sequence[RunInputs | RepeatInputs]) -> float | None:
    values = [run.evaluation["metrics"]["auroc"]["value"] for run in runs]
    return None if None in values else sum(values) / len(values)


def _confusion(data: DatasetInputs, model: str, repeat: str) -> dict[str, Any]:
    if repeat in data.runs[model]:
        return _of_run(data.runs[model][repeat], "confusion")
    pooled = data.repeats[model][repeat]
    return picture(
        run_figures.confusion_figure(pooled.evaluation),
        f"Confusion figure of {model}, {repeat}",
        f"{model}, {repeat}. {captions.confusion(pooled)}",
    )


def _of_run(run: RunInputs, figure: str) -> dict[str, Any]:
    """Return a figure that the run has left."""
    content = run.training_png if figure == "training" else run.confusion_png
    text = captions.training(run) if figure == "training" else captions.confusion(run)
    alt = f"{figure.capitalize()} figure of {run.model}, {run.split}"
    return picture(content, alt, f"{run.model}, {run.split}. {text}")
