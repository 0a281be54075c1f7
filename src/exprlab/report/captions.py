"""What to conclude from each figure, said from the numbers behind it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from exprlab.evaluation.layout import table_of
from exprlab.keys import COUNTS, PREDICTION, SAMPLE_ID, TPM, TRAIN_LOSS, VAL_LOSS
from exprlab.many import are_many
from exprlab.plotting.bands import BAND_WORDS
from exprlab.plotting.data_figures import groups_of, labels_of
from exprlab.plotting.training_figures import curve
from exprlab.report.inputs import RepeatInputs, RunInputs
from exprlab.report.sentences import count, listing, number

Runs = Mapping[str, Mapping[str, RepeatInputs]]
# Medians of the classes that differ by more than this are worth a word.
LEVEL_DIFFERENCE = 0.1


def share_explained(values: np.ndarray, groups: np.ndarray) -> float:
    """Return the share of the variance of `values` that lies between groups (eta squared)."""
    total = float(((values - values.mean()) ** 2).sum())
    if total == 0:
        return 0.0
    means = ((values[groups == g].mean(), (groups == g).sum()) for g in np.unique(groups))
    return float(sum(n * (mean - values.mean()) ** 2 for mean, n in means)) / total


def levels(overview: Mapping[str, Any]) -> str:
    """Say how deep the classes were sequenced, or how bright they are, and whether they differ."""
    label, _ = groups_of(overview)
    level = np.asarray(overview["level"], float)
    medians = {name: float(np.median(level[label == name])) for name in labels_of(overview)}
    if overview["values"] == COUNTS:
        words = [f"{value / 1e6:.3g} million reads ({n})" for n, value in medians.items()]
        text, what = f"Median sequencing depth: {listing(words)}. ", "depth"
        known = min(medians.values()) > 0
        ratio = max(medians.values()) / min(medians.values()) - 1 if known else 0.0
    else:
        words = [f"{value:.3g} ({n})" for n, value in medians.items()]
        text, what = f"Median level on the scale of log2: {listing(words)}. ", "overall level"
        known, ratio = True, 2 ** (max(medians.values()) - min(medians.values())) - 1
    if len(medians) < 2 or not known:
        return text
    if ratio > LEVEL_DIFFERENCE:
        return text + (
            f"The classes differ by {100 * ratio:.0f} %: a model could learn {what} instead of "
            "biology, so normalisation matters here."
        )
    return text + f"The classes differ by {100 * ratio:.0f} % only: {what} does not give them away."


def quality(overview: Mapping[str, Any]) -> str:
    """Say how many genes are at 0 in a sample, or how widely its values spread."""
    found = np.asarray(overview["quality"], float)
    if overview["values"] not in (COUNTS, TPM):
        return (
            f"Half of the values of the median sample lie within {np.median(found):.2f} units of "
            f"log2 (from {found.min():.2f} to {found.max():.2f}). A sample or batch far from the "
            "others was labelled, washed or scanned differently."
        )
    have = "have no read" if overview["values"] == COUNTS else "are at 0 TPM"
    return (
        f"In the median sample {100 * np.median(found):.1f} % of the genes {have} (from "
        f"{100 * found.min():.1f} % to {100 * found.max():.1f} %). A sample or batch far above the "
        "others is of low quality or was sequenced less."
    )


def pca(overview: Mapping[str, Any]) -> str:
    """Say what the first component shows before and after normalisation."""
    label, batch = groups_of(overview)
    level, name = np.asarray(overview["level"], float), "the sample's median"
    if overview["values"] == COUNTS:
        level, name = np.log(np.maximum(level, 1)), "library size"
    parts = []
    for key, when in (("raw_pca", "before"), ("log_pca", "after")):
        first = np.asarray(overview[key]["x"], float)
        flat = np.ptp(first) == 0 or np.ptp(level) == 0
        r2 = 0.0 if flat else float(np.corrcoef(first, level)[0, 1] ** 2)
        facts = [f"{name} ({100 * r2:.0f} %)"]
        if len(set(label)) > 1:
            facts.append(f"class ({100 * share_explained(first, label):.0f} %)")
        if len(set(batch)) > 1:
            facts.append(f"batch ({100 * share_explained(first, batch):.0f} %)")
        parts.append(f"{when} normalisation {listing(facts)}")
    return (
        "Each point is a sample. How much of the first component's variance is explained by what: "
        f"{'; '.join(parts)}. {name[0].upper()}{name[1:]} should lose its share by normalisation; "
        "a large share of the batch afterwards is a reason for caution."
    )


def training(run: RunInputs) -> str:
    """Say when the best epoch was, why training stopped and whether it overfitted."""
    _, _, train = curve(run.metrics, TRAIN_LOSS)
    _, epoch, val = curve(run.metrics, VAL_LOSS)
    stopped = run.network.get("stopped")
    reason = f" Training ended: {stopped}." if stopped else ""
    if not len(train):
        if not len(val):
            return f"This model has no training curves.{reason}"
        return (
            f"No epochs: {count(len(val), 'regularisation strength')} tried; the smallest "
            f"validation loss is {number(val.min())}{f' ({stopped})' if stopped else ''}."
        )
    best = run.network.get("best_epoch")
    kept = val[epoch == best] if best is not None else val[:0]
    if not len(kept):
        return f"Validation loss ended at {number(val[-1])}.{reason}"
    trees = run.network.get("kind") == "boosting"
    of_each = " of each class" if len(run.classes) > 2 else ""
    what = f"The first {best} trees{of_each} were" if trees else f"Epoch {best} was"
    earlier = "fewer trees are" if trees else "an earlier epoch is"
    text = f"{what} kept (validation loss {number(kept[0])}).{reason}"
    rise = val[-1] - kept[0]
    if epoch[-1] > best and rise > 0.02 * kept[0]:
        return text + (
            f" After it the validation loss rose by {number(rise)} while the training loss reached "
            f"{number(train[-1])}: overfitting, which is why {earlier} kept."
        )
    if epoch[-1] == best:
        return text + f" It is the last one: more {'trees' if trees else 'epochs'} may still help."
    return text + " After it the validation loss no longer fell."


def ranking(runs: Runs, metric: str, title: str) -> str:
    """Say each model's mean of a ranking metric."""
    means = {m: _mean(r.evaluation["metrics"][metric]["value"] for r in s.values())
             for m, s in runs.items()}  # fmt: skip
    words = listing([f"{number(value)} ({model})" for model, value in means.items()])
    return f"Mean {title} over splits: {words}."


def roc(runs: Runs) -> str:
    """Say how to read the ROC curves and how the models rank."""
    return (
        "The further a curve bends to the upper left, the better the ranking; the diagonal "
        f"is guessing. {_mean_curve(runs)}{ranking(runs, 'auroc', 'AUROC')} {_spread_words(runs)}"
    )


def precision_recall(runs: Runs) -> str:
    """Say how to read the precision-recall curves and how the models rank."""
    classes = _classes(runs)
    what = (
        f"How many calls of {classes[1]} are right (precision) if a given fraction of the "
        f"{classes[1]} samples is to be found (recall)."
        if len(classes) == 2
        else "How many calls of a class are right (precision) if a given fraction of its samples "
        "is to be found (recall)."
    )
    band = f" {_spread_words(runs)}" if _many(runs) else ""
    return f"{what} {_mean_curve(runs)}{ranking(runs, 'auprc', 'AUPRC')}{band}"


def _many(runs: Runs) -> bool:
    return any(are_many(splits) for splits in runs.values())


def _spread_words(runs: Runs) -> str:
    """Say what a curve of one split is, and what that of all."""
    if _many(runs):
        return f"Band: {BAND_WORDS}; strong: the mean over all of them."
    return "Faint: each split; strong: their mean."


def _mean_curve(runs: Runs) -> str:
    if len(_classes(runs)) == 2:
        return ""
    return "A curve is the mean over classes, each told from all others. "


def _classes(runs: Runs) -> tuple[str, ...]:
    return next(iter(next(iter(runs.values())).values())).classes


def calibration(runs: Runs) -> str:
    """Say how far probabilities are from frequencies, before and after calibration."""
    words, sets = [], []
    for model, splits in runs.items():
        after = _mean(r.evaluation["metrics"]["ece"]["value"] for r in splits.values())
        before = _mean(
            (r.evaluation.get("uncalibrated", {}).get("ece") or {}).get("value")
            for r in splits.values()
        )
        words.append(f"{number(before)} → {number(after)} ({model})")
        found = [r.evaluation.get("prediction_sets") for r in splits.values()]
        if all(found):
            covered, size = (_mean(f[k] for f in found) for k in ("coverage", "mean_size"))
            sets.append(f"{covered:.0%} with {size:.2f} classes ({model})")
    classes = _classes(runs)
    meaning = (
        f"is {classes[1]}; below it the model is too sure of it"
        if len(classes) == 2
        else "is of the class that was predicted; below it the model is too sure of itself"
    )
    return (
        f"A point on the diagonal: of the samples given that probability, that fraction {meaning}. "
        f"Mean expected calibration error before → after calibration: {listing(words)}."
        + (
            " Prediction sets hold the true class of this share of the test samples, with so many "
            f"classes on average: {listing(sets)}."
            if sets
            else ""
        )
        + (
            f" Line: the test samples of all splits in bins of probability; band: {BAND_WORDS} in "
            "each bin, wide where a split has few samples."
            if _many(runs)
            else " Strong: the first split; faint: the others."
        )
    )


def confusion(run: RunInputs) -> str:
    """Say how many samples of each class were missed."""
    table, classes = table_of(run.evaluation), run.classes
    if len(classes) == 2:
        (tn, fp), (fn, tp) = table
        return (
            f"Of {count(tp + fn, f'{classes[1]} sample')} {fn} "
            f"{'was' if fn == 1 else 'were'} missed; of {count(tn + fp, f'{classes[0]} sample')} "
            f"{fp} {'was' if fp == 1 else 'were'} called {classes[1]}."
        )
    missed = [
        f"{sum(row) - row[k]} of {count(sum(row), f'{name} sample')}"
        for k, (name, row) in enumerate(zip(classes, table, strict=True))
    ]
    return f"Called another class: {listing(missed)}."


def new_cohort(runs: Runs) -> str:
    """Say how sure the models are on new samples and how often they agree."""
    chosen = {m: list(s.values()) if are_many(s) else [next(iter(s.values()))]
              for m, s in runs.items()}  # fmt: skip
    sure = [
        f"{100 * _mean(map(_share_sure, each)):.0f} % ({model})" for model, each in chosen.items()
    ]
    two = len(_classes(runs)) == 2
    where = "a probability below 0.1 or above 0.9" if two else "a class whose probability is > 0.9"
    mean = ", mean over splits" if _many(runs) else ""
    text = f"Samples with {where}{mean}: {listing(sure)}. "
    lines = (
        f" Filled: the mean over splits; lines: {BAND_WORDS}."
        if _many(runs)
        else " Filled: the first split; lines: the others."
    )
    shares = [_share_agreed(found) for found in zip(*chosen.values(), strict=True)]
    if len(runs) < 2 or None in shares:
        return text + lines
    agreed = f"The models agree on {100 * _mean(shares):.0f} % of the samples{mean}."
    return text + agreed + lines


def _share_sure(run: RepeatInputs) -> float:
    """Return the share of the new samples whose class the model is sure of."""
    scores = np.asarray(run.new_probability, float)
    far = scores > 0.9
    if len(run.classes) == 2:
        far |= scores < 0.1
    return float(np.mean(far)) if len(scores) else float("nan")


def _share_agreed(runs: Sequence[RepeatInputs]) -> float | None:
    """Return the share of the new samples that all models call the same; None without samples."""
    calls = [
        dict(zip(r.new_samples[SAMPLE_ID], r.new_samples[PREDICTION], strict=True)) for r in runs
    ]
    if not calls[0]:
        return None
    return sum(len({c.get(sample) for c in calls}) == 1 for sample in calls[0]) / len(calls[0])


def _mean(values: Any) -> float:
    known = [v for v in values if v is not None]
    return float(np.mean(known)) if known else float("nan")
