"""The report: one self-contained HTML file that a biologist can read."""

from __future__ import annotations

import base64
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from exprlab.config.designs import Design
from exprlab.evaluation.layout import curves_of, table_of
from exprlab.files import atomic_path
from exprlab.keys import ENVIRONMENT_PAGE, ORACLE, SPLITS, metric_title
from exprlab.plotting import comparison_figures, data_figures, run_figures, style
from exprlab.report import captions, genes, gradients, learning, sentences, settings, tables, words
from exprlab.report.glossary import glossary
from exprlab.report.inputs import (
    DatasetInputs,
    RunInputs,
    read_comparison,
    read_dataset,
    reading,
)
from exprlab.report.pages.render import render

# A figure is drawn with 150 dots per inch and shown with 100, so that it stays sharp on screens
# with small pixels and in print.
SCREEN_DPI = 100
# Inches from which on a figure takes a row of its own.
WIDE = 6.5
# The two that models are compared by: the order of the samples, and their probabilities.
FOREST_METRICS = ("auroc", "log_loss")
# Of more splits than these a reader is shown the first ones; the figures of all are in results/.
SHOWN_SPLITS = 5


def write_report(
    results: Path,
    config: dict[str, Any],
    datasets: list[str],
    models: list[str],
    splits: list[str],
    comparison: Path,
    rankings: Path,
    curves: Path | None,
    output: Path,
    designs: Mapping[str, Design] | None = None,
) -> None:
    """Write the report of an experiment.

    The same files give the same bytes: what differs between two equal experiments (time, host,
    device) stands on a page of its own (`exprlab.report.environment`).

    Parameters
    ----------
    results
        The folder of the files in docs/files.md.
    config
        The validated config, as plain values.
    datasets, models, splits
        What to report, in this order; of splits the repeats, each of which may have folds.
    comparison
        comparison.json.
    rankings
        genes.json.
    curves
        learning_curves.json; None where no smaller training parts were asked for.
    output
        The HTML file.
    designs
        How the samples of each data set are divided; once, where it is not named.

    Raises
    ------
    UserError
        If a file is missing or is not as docs/files.md describes it; the message names it.
    """
    compared = read_comparison(Path(comparison), datasets, models)
    ranked = genes.read_genes(Path(rankings), datasets)
    learnt = learning.read_curves(curves, datasets) if curves else {}
    sources = config.get("datasets", {})
    designed = {name: (designs or {}).get(name, Design()) for name in datasets}
    inputs = [
        read_dataset(
            Path(results),
            name,
            models,
            splits,
            designed[name],
            simulated=words.is_simulated(sources[name]),
            has_new_samples=words.has_new_samples(sources[name]),
        )
        for name in datasets
    ]
    level = float(config.get("evaluation", {}).get("confidence", 0.95))
    shown = []
    for data in inputs:
        result = compared[data.name]
        rows = [*models, *([ORACLE] if data.oracle else [])]
        result["models"] = {m: result["models"][m] for m in rows}
        with reading(Path(comparison)):
            compared_part = _comparison_part(data, result, level)
        with reading(Path(rankings)):
            gene_part = genes.genes_part(data.name, ranked[data.name])
            figures = genes.gene_figures(data.name, ranked[data.name])
            gene_part["gene_figures"] = [picture(*figure) for figure in figures]
        learning_part = _learning_part(data.name, curves, learnt, level)
        parts = (_data_part(Path(results), data), _run_part(data), _new_cohort_part(data),
                 compared_part, learning_part, gene_part)  # fmt: skip
        shown.append({key: value for part in parts for key, value in part.items()})
    page = render(
        "report.html",
        title=str(config.get("experiment", {}).get("name", "exprlab")),
        words=words.in_words(config, models, splits, designed),
        settings=settings.settings_rows(config, datasets, models),
        config_text=settings.config_text(config),
        datasets=shown,
        new_cohort=any("new_rows" in data for data in shown),
        curves=bool(curves),
        models=models,
        splits=splits,
        sides=SPLITS,
        confidence=f"{100 * level:g} %",
        code=tables.code_rows(inputs),
        environment_page=ENVIRONMENT_PAGE,
        example_run=f"{datasets[0]}/{models[0]}/{next(iter(inputs[0].split_tables))}",
        glossary=glossary([data.classes for data in inputs]),
    )
    with atomic_path(output) as temporary:
        temporary.write_text(page, encoding="utf-8")


def picture(content: bytes | Figure, alt: str, caption: str) -> dict[str, Any]:
    """Return an image for the template: the PNG in base64, its size on the screen, its texts."""
    png = style.png_bytes(content) if isinstance(content, Figure) else content
    width, height = struct.unpack(">II", png[16:24])  # of the header chunk, which comes first
    return {
        "data": base64.b64encode(png).decode(),
        "width": round(width * SCREEN_DPI / style.DPI),
        "height": round(height * SCREEN_DPI / style.DPI),
        "wide": width > WIDE * style.DPI,
        "alt": alt,
        "caption": caption,
    }


def _data_part(results: Path, data: DatasetInputs) -> dict[str, Any]:
    """Return the data overview: counts, warnings and figures."""
    path = results / data.name / "data" / "overview.json"
    with reading(path):
        figures = data_figures.draw_overview(data.overview)
        overview = [
            picture(
                figures["levels"],
                f"Box plots of the level of samples by class and batch, data set {data.name}",
                captions.levels(data.overview),
            ),
            picture(
                figures["quality"],
                f"Box plots of the quality of samples by class and batch, data set {data.name}",
                captions.quality(data.overview),
            ),
        ]
        components = picture(
            figures["pca"],
            f"Samples on two principal components before and after normalisation, {data.name}",
            captions.pca(data.overview),
        )
    return {
        "name": data.name,
        "classes": data.classes,
        "counts": tables.data_rows(data),
        "batches": tables.batch_rows(data.overview),
        "warnings": [("cohort", w) for w in data.checks["warnings"]]
        + [("new cohort", w) for w in (data.new_checks or {"warnings": []})["warnings"]],
        "cohorts": ["cohort", *(["new cohort"] if data.new_checks else [])],
        "split_sizes": tables.split_sizes(data),
        "overview": overview,
        "components": components,
    }


def _run_part(data: DatasetInputs) -> dict[str, Any]:
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
                captions.calibration(data.repeats) + " Strong: the first split; faint: the others.",
            ),
        ]
    return {
        "training": _training_figures(data),
        "gradients": picture(*layers) if layers else None,
        "further": max(0, len(data.split_tables) - SHOWN_SPLITS),
        "curves": curves,
        "confusion": _confusion_figures(data),
    }


def _new_cohort_part(data: DatasetInputs) -> dict[str, Any]:
    """Return what the models predict for the new samples, nothing where there are none."""
    if data.new_evaluation is None:
        return {}
    probabilities = {
        m: {r: found.new_probability for r, found in repeats.items()}
        for m, repeats in data.repeats.items()
    }
    first = next(iter(next(iter(data.repeats.values())).values()))
    header, rows = tables.first_rows(first)
    names = sentences.listing(list(data.runs))
    return {
        "new_rows": tables.new_cohort_rows(data),
        "new_heads": [metric_title(metric) for metric in tables.NEW_METRICS],
        "new_metrics": tables.new_metric_rows(data),
        "new_sentence": sentences.new_cohort_sentence(data.evaluations(), data.new_evaluation),
        "new_header": header,
        "new_first": rows,
        "new_example": f"{first.model}, {first.repeat}",
        "new_figure": picture(
            comparison_figures.new_cohort_figure(probabilities, data.classes),
            f"Histograms of the probabilities that {names} predict for new samples",
            captions.new_cohort(data.repeats) + " Filled: the first split; lines: the others.",
        ),
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


Group = list[tuple[str, list[dict[str, Any]]]]


def _training_figures(data: DatasetInputs) -> Group:
    """Return the figures of the first trainings, by split, models side by side."""
    return [
        (split, [_of_run(runs[split], "training") for runs in data.runs.values()])
        for split in list(data.split_tables)[:SHOWN_SPLITS]
    ]


def _confusion_figures(data: DatasetInputs) -> Group:
    """Return the confusion matrices by repeat, models side by side."""
    first = next(iter(data.repeats.values()))
    return [
        (repeat, [_confusion(data, model, repeat) for model in data.repeats])
        for repeat in list(first)[:SHOWN_SPLITS]
    ]


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


def _comparison_part(data: DatasetInputs, result: dict[str, Any], level: float) -> dict[str, Any]:
    """Return the key sentence, the tables and the figures of the comparison."""
    models, order = result["models"], list(result["models"])
    forests = [
        picture(
            comparison_figures.forest_figure(models, order, metric),
            f"{metric_title(metric)} of each model and split, with intervals",
            f"Values of {metric_title(metric)} with "
            f"{100 * level:g} % intervals; diamonds and vertical lines: means over splits. "
            "Overlapping intervals do not show that two models are equal; the paired differences "
            "do the comparing.",
        )
        for metric in FOREST_METRICS
        if metric in tables.metric_names(models)
    ]
    rows = tables.pair_rows(result["pairs"], order)
    if rows:
        forests.append(
            picture(
                comparison_figures.difference_figure(rows, "auroc"),
                f"Paired differences in AUROC between models on {data.name}",
                "Difference in AUROC on the same test samples. An interval that crosses the line "
                f"at 0: the two models {sentences.CANNOT_TELL} in that split.",
            )
        )
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
        "split_heads": [(m, list(models[m]["auroc"]["per_split"])) for m in order],
        "split_rows": tables.split_rows(models),
        "pairs": rows,
        "forests": forests,
    }


def _learning_part(
    dataset: str, path: Path | None, learnt: dict[str, Any], level: float
) -> dict[str, Any]:
    """Return the learning curves, nothing where there are none."""
    if path is None:
        return {}
    with reading(path):
        figure = picture(*learning.learning_curve_figure(dataset, learnt[dataset], level))
        return {"learning": {**learning.learning_part(learnt[dataset]), "figure": figure}}
