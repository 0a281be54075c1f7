"""The tables of the report, as rows that the template prints."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from exprlab.keys import (
    BATCH,
    FLAGS,
    LOSSES,
    METRICS,
    ORACLE,
    PREDICTION,
    SPLIT,
    SPLITS,
    TRUTH_METRICS,
    metric_title,
)
from exprlab.many import are_many, in_order
from exprlab.report.inputs import DatasetInputs, RepeatInputs
from exprlab.report.sentences import number, p_text, verdict

FIRST_ROWS = 10
# Of which the share of the way from the linear baseline to the oracle is told.
GAP_METRICS = ("auroc", "log_loss")
# What is told of the new cohort: the order of samples, the calls, the probabilities.
NEW_METRICS = ("auroc", "accuracy", "log_loss", "ece")


def metric_names(models: Mapping[str, Any]) -> list[str]:
    """Return the metrics that all models have, in the house's order, unknown ones last."""
    common = set.intersection(*(set(entry) for entry in models.values()))
    return [m for m in METRICS if m in common] + sorted(common - set(METRICS))


def mean_rows(models: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return a row for each metric: mean over repeats, limits and sd, the best one marked."""
    rows = []
    for metric in metric_names(models):
        entries = [models[m][metric] for m in models]
        # The oracle is out of competition.
        competing = (models[m][metric]["mean"] for m in models if m != ORACLE)
        means = [mean for mean in competing if mean is not None]
        differ = len(set(means)) > 1
        best = (min if metric in LOSSES else max)(means, default=None)
        cells = [
            {
                "mean": e["mean"],
                "sd": e.get("sd"),
                "low": e.get("low"),
                "high": e.get("high"),
                "best": differ and e["mean"] == best and m != ORACLE,
            }
            for m, e in zip(models, entries, strict=True)
        ]
        rows.append({"metric": metric, "title": metric_title(metric), "cells": cells})
    return rows


def truth_rows(result: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return how far each model is from the oracle: a row of `truth_heads` for each."""
    shares = result.get("share_of_gap_closed", {})
    return [
        {
            "model": model,
            "distances": [entry[metric] for metric in TRUTH_METRICS],
            "shares": [shares.get(model, {}).get(metric) for metric in GAP_METRICS],
        }
        for model, entry in result.get("truth", {}).items()
    ]


def truth_heads() -> list[str]:
    """Return the columns of the distance from the oracle."""
    shares = [f"share of the gap closed, {metric_title(metric)}" for metric in GAP_METRICS]
    return [*map(metric_title, TRUTH_METRICS), *shares]


def class_rows(data: DatasetInputs) -> list[dict[str, Any]]:
    """Return each class's metrics against the rest: means over repeats; none of two classes."""
    if len(data.classes) == 2:
        return []
    rows = []
    for label in data.classes:
        for model, runs in data.evaluations().items():
            found = [evaluation["by_class"][label] for evaluation in runs.values()]
            means = {metric_title(m): _mean(f[m] for f in found) for m in METRICS if m in found[0]}
            rows.append({"label": label, "model": model, "means": means})
    return rows


def _mean(values: Iterable[float | None]) -> float | None:
    """Return the mean of what is defined."""
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


def split_rows(models: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return a row for each metric: value and interval of each model in each repeat."""
    return [
        {
            "title": metric_title(metric),
            "cells": [e for m in models for e in models[m][metric]["per_split"].values()],
        }
        for metric in metric_names(models)
    ]


def pair_rows(pairs: Sequence[Mapping[str, Any]], models: Sequence[str]) -> list[dict[str, Any]]:
    """Return the paired tests between models of the report, each with its verdict."""
    return [
        {
            **p,
            "title": metric_title(p["metric"]),
            "p": p_text(p["p_value"]).removeprefix("p ").removeprefix("= "),
            "verdict": verdict(p),
        }
        for p in pairs
        if p["model_a"] in models and p["model_b"] in models
    ]


def data_rows(data: DatasetInputs) -> list[tuple[str, ...]]:
    """Return what the checks counted: name, then the cohort's number, then the new cohort's."""
    checks = [c for c in (data.checks, data.new_checks) if c is not None]
    rows = [("samples", *(_amount(c["n_samples"]) for c in checks))]
    rows.append(("genes", *(_amount(c["n_genes"]) for c in checks)))
    rows.extend(
        (f"{name} samples", *(_amount((c.get("n_per_class") or {}).get(name)) for c in checks))
        for name in data.classes
    )
    for key in ("n_patients", "n_batches"):
        rows.append((key.removeprefix("n_"), *(_amount(c.get(key)) for c in checks)))
    return rows


def _amount(value: int | None) -> str:
    return "not given" if value is None else f"{value:,}"


def batch_rows(overview: Mapping[str, Any]) -> list[tuple[str, int]]:
    """Return the samples of each batch; none if the cohort names no batches."""
    return sorted(Counter(map(str, overview[BATCH] or [])).items())


def split_sizes(data: DatasetInputs) -> list[tuple[str, list[str]]]:
    """Return how many samples each split trains, validates and tests on; of many their range."""
    found = {split: Counter(table[SPLIT]) for split, table in data.split_tables.items()}
    if not are_many(found):
        return [(split, [f"{n[name]:,}" for name in SPLITS]) for split, n in found.items()]
    return [(f"{len(found)} splits", [_span([n[name] for n in found.values()]) for name in SPLITS])]


def _span(values: Sequence[int]) -> str:
    low, high = min(values), max(values)
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"


def new_cohort_rows(data: DatasetInputs) -> list[dict[str, Any]]:
    """Return the predicted classes and the flags on the new cohort: of each run, or their range."""
    rows = []
    for model, runs in data.repeats.items():
        counts = {s: _called(run, data.classes) for s, run in runs.items()}
        flags = {s: _flags(run) for s, run in runs.items()}
        if not are_many(runs):
            rows += [
                {
                    "model": model,
                    "split": split,
                    "counts": [f"{n:,}" for n in counts[split]],
                    "flags": "; ".join(f"{flag} ({n})" for flag, n in sorted(found.items())),
                }
                for split, found in flags.items()
            ]
            continue
        names = sorted({flag for found in flags.values() for flag in found})
        rows.append(
            {
                "model": model,
                "split": f"{len(runs)} splits",
                "counts": [_span(column) for column in zip(*counts.values(), strict=True)],
                "flags": "; ".join(
                    f"{name} ({_span([found[name] for found in flags.values()])})" for name in names
                ),
            }
        )
    return rows


def _called(run: RepeatInputs, classes: Sequence[str]) -> list[int]:
    found = Counter(run.new_samples[PREDICTION])
    return [found[name] for name in classes]


def _flags(run: RepeatInputs) -> Counter[str]:
    """Return how many new samples have each flag."""
    cells = (cell.split(";") for cell in run.new_samples[FLAGS])
    return Counter(flag.strip() for flags in cells for flag in flags if flag.strip())


def new_metric_rows(data: DatasetInputs) -> list[dict[str, Any]]:
    """Return what each run and the oracle reach on the new cohort, and had reached on the test.

    Of many splits the means, with the limits of their intervals averaged.
    """
    tests, judged = data.evaluations(), data.new_evaluation["models"]
    # JSON sorts by name; a reader meets the models in the order of the config, the oracle last.
    order = [*(m for m in data.runs if m in judged), *(m for m in judged if m not in data.runs)]
    rows = []
    for model in order:
        found = [
            (split, _new_cells(found, tests.get(model, {}).get(split, {}).get("metrics", {})))
            for split, found in in_order(judged[model]).items()
        ]
        if are_many(found):
            columns = zip(*(cells for _, cells in found), strict=True)
            found = [(f"mean of {len(found)}", [_mean_cell(column) for column in columns])]
        rows += [{"model": model, "split": split, "cells": cells} for split, cells in found]
    return rows


def _new_cells(found: Mapping[str, Any], test: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [
        {"new": found["metrics"][metric], "test": test.get(metric, {}).get("value")}
        for metric in NEW_METRICS
    ]


def _mean_cell(cells: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    new = {key: _mean(cell["new"][key] for cell in cells) for key in ("value", "low", "high")}
    return {"new": new, "test": _mean(cell["test"] for cell in cells)}


def first_rows(run: RepeatInputs) -> tuple[list[str], list[list[str]]]:
    """Return header and first rows of new_samples.tsv, numbers with three decimals."""
    header = list(run.new_samples)
    columns = [run.new_samples[name][:FIRST_ROWS] for name in header]
    rows = [
        [number(v) if isinstance(v, float) else _number_text(v) for v in row]
        for row in zip(*columns, strict=True)
    ]
    return header, rows


def _number_text(text: str) -> str:
    """Round text that is a decimal number; leave every other text, an id above all, as it is."""
    try:
        return number(float(text)) if "." in text else text
    except ValueError:
        return text


def code_rows(data: Sequence[DatasetInputs]) -> list[tuple[str, str]]:
    """Return each training with the digest of the code that it ran; many of a model in one row."""
    rows = []
    for dataset in data:
        for model, runs in dataset.runs.items():
            codes = {s: str(run.record.get("code") or "not recorded") for s, run in runs.items()}
            if are_many(codes) and len(set(codes.values())) == 1:
                rows.append((f"{dataset.name}/{model}/*", next(iter(codes.values()))))
            else:
                rows += [(f"{dataset.name}/{model}/{split}", c) for split, c in codes.items()]
    return rows
