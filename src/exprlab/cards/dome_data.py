"""DOME's items on data."""

from __future__ import annotations

from exprlab.cards import phrases
from exprlab.cards.facts import Experiment, RunFacts
from exprlab.cards.markdown import authors, code, escape
from exprlab.many import are_many
from exprlab.report.words import design_words, source_words


def provenance(experiment: Experiment) -> list[str]:
    """Say where the data come from."""
    answers = []
    for run in experiment.one_per("dataset"):
        name, seed = escape(run.dataset), run.params["dataset"].get("seed")
        world = f"; the simulator's seed is {seed}" if run.simulated else ""
        answers.append(f"{name}: {escape(source_words(run.params['dataset']))}.")
        answers.append(f"{name}: {phrases.cohort_words(run.checks)}{world}.")
        answers += [f"{name}, warning of the checks: {escape(w)}" for w in run.checks["warnings"]]
    if not _all_simulated(experiment):
        answers.append(authors("database, accession and publication of the counts; consent."))
    return [*answers, authors("earlier work that used these data.")]


def splits(experiment: Experiment) -> list[str]:
    """Say how many samples are on each side, and their classes as far as known."""
    answers = []
    for first in experiment.one_per("dataset"):
        runs = experiment.like(first, "dataset", "model")
        if are_many(runs):
            answers.append(_many_splits(runs))
            continue
        answers += [
            f"{escape(run.dataset)}, {escape(run.split)}: {phrases.size_words(run.sizes)}. "
            f"{_classes(run)}"
            for run in runs
        ]
    return [
        *answers,
        "The validation samples serve early stopping or the choice of the regularisation (where "
        "they are few, folds of training and validation samples do, and the model trains on both), "
        "calibration and the decision threshold.",
        "Sequencing depth, zeros and principal components are plotted for the whole cohort by "
        f"class and batch ({code('results/report/report.html')}), not for each part.",
    ]


def _many_splits(runs: list[RunFacts]) -> str:
    """Return the sizes of many splits, and where each one is."""
    first = runs[0]
    classes = ", ".join(
        f"{phrases.span(run.evaluation['n_per_class'][name] for run in runs)} {escape(name)}"
        for name in first.evaluation["classes"]
    )
    return (
        f"{escape(first.dataset)}, {len(runs):,} splits: "
        f"{phrases.size_words(*(run.sizes for run in runs))}. Test: {classes}. The samples of "
        f"each split are in {code(f'results/{first.dataset}/splits/')}."
    )


def _classes(run: RunFacts) -> str:
    test = run.evaluation["n_per_class"]
    names = run.evaluation["classes"]
    words = f"Test: {phrases.class_words(test, names)}."
    every = run.checks.get("n_per_class")
    if not every:
        return words
    rest = {name: every.get(name, 0) - n for name, n in test.items()}
    return f"{words} Training and validation together: {phrases.class_words(rest, names)}."


def redundancy(experiment: Experiment) -> list[str]:
    """Say how the parts are kept apart."""
    split = experiment.config["split"]
    answers = [
        *(
            f"{escape(name)}: {escape(design_words(design, split))}."
            for name, design in experiment.designs.items()
        ),
        "Whole patients are dealt at random, so that each part has its share of each class, with "
        "one seed per repeat.",
        *(
            f"{escape(run.dataset)}: {escape(phrases.patient_words(run.checks))}."
            for run in experiment.one_per("dataset")
        ),
        "Gene filter, depth and scaling are learnt from training samples only. No test for nearly "
        "equal profiles of different patients was made.",
    ]
    if len(experiment.repeats) > 1:
        answers.append(
            f"The {len(experiment.repeats)} repeats divide the same samples anew; they are no "
            "independent experiments."
        )
    if _all_simulated(experiment):
        return [*answers, "Comparison to published data sets: not applicable to simulated counts."]
    return [*answers, authors("how the data compare to published data sets.")]


def availability(experiment: Experiment) -> list[str]:
    """Say which files hold data and splits."""
    answers = [
        "The splits are in `results/DATA/splits/`, one table for each seed; "
        "`results/manifest.json` lists the SHA-256 of every file."
    ]
    if any(run.simulated for run in experiment.one_per("dataset")):
        answers.append(
            "Simulated counts need no deposit: the same settings and code make the same bytes "
            "again (`exprlab verify results` proves it)."
        )
    return [*answers, authors("where data and splits are deposited (URL or DOI), and the licence.")]


def _all_simulated(experiment: Experiment) -> bool:
    return all(run.simulated for run in experiment.one_per("dataset"))
