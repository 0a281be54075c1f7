"""The report: one self-contained HTML file that a biologist can read."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from exprlab.config.designs import Design
from exprlab.files import atomic_path
from exprlab.keys import ENVIRONMENT_PAGE, ORACLE, SPLITS, metric_title
from exprlab.plotting import (
    data_figures,
    new_cohort_figures,
)
from exprlab.report import captions, genes, learning, sentences, settings, tables, words
from exprlab.report.comparison import comparison_part
from exprlab.report.glossary import glossary
from exprlab.report.inputs import DatasetInputs, read_comparison, read_dataset, reading
from exprlab.report.pages.render import render
from exprlab.report.pictures import picture
from exprlab.report.runs import run_part


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
            compared_part = comparison_part(data, result, level)
        with reading(Path(rankings)):
            gene_part = genes.genes_part(data.name, ranked[data.name])
            figures = genes.gene_figures(data.name, ranked[data.name])
            gene_part["gene_figures"] = [picture(*figure) for figure in figures]
        learning_part = _learning_part(data.name, curves, learnt, level)
        parts = (_data_part(Path(results), data), run_part(data), _new_cohort_part(data),
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
            new_cohort_figures.new_cohort_figure(probabilities, data.classes),
            f"Histograms of the probabilities that {names} predict for new samples",
            captions.new_cohort(data.repeats),
        ),
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
