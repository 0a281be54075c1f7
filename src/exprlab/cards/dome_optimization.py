"""DOME's items on optimization."""

from __future__ import annotations

from exprlab.cards import phrases
from exprlab.cards.encoding import encoding_words, filter_words, input_words
from exprlab.cards.facts import Experiment
from exprlab.cards.markdown import authors, code, escape
from exprlab.keys import TRAIN
from exprlab.report.sentences import count
from exprlab.report.words import model_words

ESTABLISHED = frozenset({"mlp", "scratch_mlp", "logistic", "boosting"})
# From these on DOME asks how overfitting was ruled out.
MANY_FEATURES = 100


def algorithm(experiment: Experiment) -> list[str]:
    """Say what the models are."""
    answers = [
        f"{escape(run.model)}: {escape(model_words(run.params['model']))}."
        for run in experiment.one_per("model")
    ]
    new = [r for r in experiment.one_per("model") if r.network["kind"] not in ESTABLISHED]
    if not new:
        answers.append("No algorithm is new.")
    return [*answers, authors("why these algorithms were chosen.")]


def meta_predictions(experiment: Experiment) -> list[str]:
    """Say that no other predictor is behind the inputs."""
    return ["No. The only inputs are expression values; no model uses the output of another one."]


def encoding(experiment: Experiment) -> list[str]:
    """Say how values become inputs."""
    settings = experiment.config["preprocess"]
    kinds = dict.fromkeys(run.values for run in experiment.one_per("dataset"))
    words = [(input_words(kind), encoding_words(settings, kind)) for kind in kinds]
    return [
        *(f"{escape(what[0].upper() + what[1:])}: {escape(how)}." for what, how in words),
        "All of it is fitted on training samples and applied unchanged to all others.",
        *dict.fromkeys(
            f"Labels: {escape(', '.join(f'{name} = {k}' for k, name in enumerate(run.classes)))}."
            for run in experiment.one_per("dataset")
        ),
    ]


def parameters(experiment: Experiment) -> list[str]:
    """Say how many parameters there are."""
    answers = []
    for first in experiment.one_per("dataset", "model"):
        same = experiment.like(first, "dataset", "model")
        answers.append(
            f"{escape(first.model)} on {escape(first.dataset)}: "
            f"{phrases.span(run.network['n_parameters'] for run in same)} parameters "
            f"({escape(phrases.architecture_words(first.network))}, in {escape(first.split)})."
        )
    return [
        *answers,
        "Their number follows from the genes kept and from the layers in the config; exprlab does "
        "not search over it.",
        authors("how the layers were chosen, and whether others were tried."),
    ]


def features(experiment: Experiment) -> list[str]:
    """Say how many genes reach the models."""
    settings = experiment.config["preprocess"]
    answers = [
        f"{escape(run.dataset)}: "
        f"{phrases.span(r.n_inputs for r in experiment.like(run, 'dataset'))} of "
        f"{count(run.checks['n_genes'], 'gene')}."
        for run in experiment.one_per("dataset")
    ]
    return [
        *answers,
        *(
            f"Genes were filtered without looking at labels, by what training samples have of them "
            f"({escape(filter_words(settings, kind))})."
            for kind in dict.fromkeys(run.values for run in experiment.one_per("dataset"))
        ),
    ]


def fitting(experiment: Experiment) -> list[str]:
    """Set parameters and features against training samples."""
    answers = []
    for run in experiment.one_per("dataset", "model"):
        n, p, f = run.sizes[TRAIN], run.network["n_parameters"], run.n_inputs
        more = f"{p / n:,.1f} times as many" if p > n else "no more"
        many = "more than" if f > MANY_FEATURES else "at most"
        answers.append(
            f"{escape(run.model)} on {escape(run.dataset)}, {escape(run.split)}: {p:,} parameters, "
            f"{more} as training samples ({n:,}); {f:,} features, {many} {MANY_FEATURES}."
        )
    return [
        *answers,
        "Against overfitting: see Regularization. Whether it helped is judged on test samples that "
        "nothing was fitted or chosen on (see Performance measures); training curves are in "
        "`metrics.csv` of each run.",
        _underfitting(experiment),
    ]


def _underfitting(experiment: Experiment) -> str:
    kinds = {run.network["kind"] for run in experiment.runs}
    if {"logistic"} < kinds:
        return (
            "Against underfitting: a linear model and more flexible ones are compared on the same "
            "test samples (see Confidence)."
        )
    return "Underfitting was not ruled out: models of one kind only were trained."


def regularization(experiment: Experiment) -> list[str]:
    """Say what is done against overfitting."""
    answers = []
    for run in experiment.one_per("model"):
        words = phrases.regularisation_words(run.params["model"])
        answers.append(f"{escape(run.model)}: {escape('; '.join(words) or 'nothing')}.")
    return answers


def configuration(experiment: Experiment) -> list[str]:
    """Say where settings and models are."""
    first = experiment.runs[0]
    return [
        "Yes. `results/manifest.json` holds the whole config; each run's folder, e.g. "
        f"{code(f'results/{first.name}')}, holds its settings (`params.json`), training curves "
        "(`metrics.csv`), model (`model/`) and model card (`model_card.md`).",
        "`exprlab archive results --output FILE.zip` packs them with the source into one RO-Crate.",
        authors("where that archive is deposited (URL or DOI), and the licence."),
    ]
