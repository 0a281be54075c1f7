"""DOME's items on the evaluation."""

from __future__ import annotations

from itertools import combinations

from exprlab.cards import phrases
from exprlab.cards.facts import Experiment
from exprlab.cards.markdown import authors, escape
from exprlab.keys import METRICS, metric_title
from exprlab.many import are_many
from exprlab.report.sentences import (
    count,
    differences_words,
    key_sentence,
    listing,
    number,
    oriented,
    p_text,
    verdict,
)
from exprlab.report.words import design_words

# Beside AUROC, which the key sentence tells of, models are tested by their probabilities.
TESTED = "log_loss"
BASELINES = {"logistic": "logistic regression", "boosting": "gradient-boosted trees"}


def method(experiment: Experiment) -> list[str]:
    """Say on what models are judged."""
    tests = phrases.span(found["n_test"] for found in experiment.judged.values())
    return [
        f"{count(len(experiment.repeats), 'repeat')}; in each, models are judged on held-out test "
        f"samples of the same cohort ({tests} samples) that nothing was fitted or chosen on.",
        *(
            f"{escape(name)}: {escape(design_words(design, experiment.config['split']))}."
            for name, design in experiment.designs.items()
        ),
        "The new cohort of the workflow is predicted without looking at labels; it is no test.",
        authors("evaluation on an independent cohort, or by experiment, if there was any."),
    ]


def measures(experiment: Experiment) -> list[str]:
    """Give the means of all measures."""
    found = experiment.runs[0].evaluation["metrics"]
    names = [name for name in METRICS if name in found]
    answers = [
        f"{escape(listing([metric_title(name) for name in names]))}: they cover ranking, decisions "
        "at the threshold, and probabilities."
    ]
    for dataset, result in experiment.compared.items():
        for model in experiment.models:
            means = (_mean(result["models"][model][name], name) for name in names)
            answers.append(f"{escape(model)} on {escape(dataset)}: {', '.join(means)}.")
    spread = " ± standard deviation" if len(experiment.repeats) > 1 else ""
    return [
        *answers,
        f"Mean{spread} over {count(len(experiment.repeats), 'repeat')}, with intervals that "
        "resample whole patients. Of folds, AUROC and AUPRC compare samples of the same fold only.",
    ]


def _mean(entry: dict, name: str) -> str:
    sd = entry.get("sd")
    limits = f" ({number(entry['low'])} to {number(entry['high'])})" if "low" in entry else ""
    spread = "" if sd is None else f" ± {number(sd)}"
    return f"{metric_title(name)} {number(entry['mean'])}{limits}{spread}"


def comparison(experiment: Experiment) -> list[str]:
    """Say what is compared with what."""
    kinds = {run.model: run.network["kind"] for run in experiment.one_per("model")}
    baselines = [name for name, kind in kinds.items() if kind in BASELINES]
    if len(kinds) == 1:
        answer = "There is one model only; it was compared with nothing."
    elif baselines and len(baselines) < len(kinds):
        answer = (
            f"Yes, with simpler baselines on the same samples: "
            f"{escape(listing([f'{name} ({BASELINES[kinds[name]]})' for name in baselines]))}."
        )
    else:
        answer = (
            f"{escape(listing(list(kinds)))} were compared on the same samples; no simpler "
            "baseline is among them."
        )
    return [
        answer,
        "Published methods or benchmark data sets are no part of this experiment.",
        authors("comparison to published methods, if there was any."),
    ]


def confidence(experiment: Experiment) -> list[str]:
    """Say how sure the measures and the differences are."""
    settings = experiment.config["evaluation"]
    level = settings["confidence"]
    answers = [
        f"Yes: {100 * level:g} % bootstrap intervals "
        f"({count(settings['bootstrap'], 'resample')} of the tested patients, whole and within "
        f"classes)."
    ]
    for dataset, result in experiment.compared.items():
        chosen = {m: result["models"][m] for m in experiment.models}
        key = key_sentence(dataset, {**result, "models": chosen}, level)
        answers.append(escape(key))
        answers += _tests(result["pairs"], experiment.models, level)
    answers += [f"{escape(words)}." for words in _chances(experiment)]
    if any(phrases.is_wide(found["metrics"]["auroc"]) for found in experiment.judged.values()):
        answers.append(
            f"Some intervals of AUROC are wider than {phrases.WIDE:g}: there are too few test "
            "samples for a narrow one."
        )
    return [*answers, "p values are not corrected for the number of comparisons."]


def _chances(experiment: Experiment) -> list[str]:
    """Return which runs may show guessing; of many repeats of a model in how many."""
    answers = []
    for run in experiment.one_per("dataset", "model"):
        found = {
            "/".join(place): evaluation
            for place, evaluation in experiment.judged.items()
            if place[:2] == (run.dataset, run.model)
        }
        if are_many(found):
            name = f"{run.dataset}/{run.model}"
            answers += phrases.many_chance_words(name, found.values())
        else:
            answers += phrases.chance_words(found)
    return answers


def _tests(pairs: list[dict], models: list[str], level: float) -> list[str]:
    """Return the verdict of each paired test on probabilities; those on AUROC are told before."""
    answers = []
    for first, second in combinations(models, 2):
        found = oriented(pairs, first, second, TESTED)
        who = f"{first} minus {second}"
        if are_many(found):
            told = [f"{who}: in log loss, {differences_words(found, level)}"]
        else:
            told = [f"{who}, {_test(pair)}" for pair in found]
        answers += [f"{escape(words)}." for words in told]
    return answers


def _test(pair: dict) -> str:
    return (
        f"{pair['split']}: difference in log loss {number(pair['difference'])} "
        f"({number(pair['low'])} to {number(pair['high'])}), {p_text(pair['p_value'])}: "
        f"{verdict(pair)}"
    )


def availability(experiment: Experiment) -> list[str]:
    """Say where the raw files of the evaluation are."""
    return [
        "Each run's folder holds the predictions of the test samples (`predictions.parquet`), "
        "metrics, curves and confusion matrix (`evaluation.json`) and their figures; "
        "`results/report/comparison.json` holds all paired tests. The code of the statistics is "
        "`src/exprlab/evaluation/`.",
        "`exprlab archive results --output FILE.zip` packs them all.",
        authors("where that archive is deposited (URL or DOI), and the licence."),
    ]
