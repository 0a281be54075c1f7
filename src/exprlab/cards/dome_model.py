"""DOME's items on the model."""

from __future__ import annotations

from exprlab import __version__
from exprlab.cards import phrases
from exprlab.cards.facts import Experiment
from exprlab.cards.markdown import authors, code, escape
from exprlab.report.sentences import listing


def interpretability(experiment: Experiment) -> list[str]:
    """Say which models can be read."""
    answers = []
    for run in experiment.one_per("model"):
        if run.network["kind"] == "logistic":
            words = (
                "transparent: one weight per gene, on scaled log values; a positive weight speaks "
                f"for {run.classes[-1]} (tensor `network.weight` of `model/model.safetensors`)"
                if len(run.classes) == 2
                else "transparent: one weight per gene and class, on scaled log values (tensor "
                "`network.weight` of `model/model.safetensors`)"
            )
        else:
            words = (
                "a black box; `attribution.tsv` in a run's folder has what methods that ask it say "
                "of each gene"
            )
        answers.append(f"{escape(run.model)}: {words}.")
    return answers


def output(experiment: Experiment) -> list[str]:
    """Say what a model gives."""
    rule = experiment.config["evaluation"]["threshold"]
    answers = []
    for run in experiment.one_per("dataset"):
        each = "" if len(run.classes) == 2 else " of each class"
        answers += [
            f"{escape(run.dataset)}: classification into {escape(listing(run.classes))}: a "
            f"logit{each}, a probability{each} before and after calibration, a class, and "
            "the set of classes that cannot be excluded.",
            f"{escape(phrases.decision_words(rule, len(run.classes)))}.",
        ]
    return [
        *dict.fromkeys(answers),
        "Samples unlike the training samples are flagged. The model card of a run gives "
        "calibration, threshold and prediction sets.",
    ]


def execution_time(experiment: Experiment) -> list[str]:
    """Say where the times are; they differ between equal experiments, so this file has none."""
    return [
        "Times differ between equal experiments, so this file, which does not, holds none. "
        "`results/benchmarks/predict_samples/` has the seconds and the memory of predicting all "
        "new samples, start of the program included, as Snakemake measured them for each model; "
        "`results/report/environment.html` names the machine.",
        authors("the time of one prediction, and on which machine."),
    ]


def software(experiment: Experiment) -> list[str]:
    """Say what the software is and how it is run."""
    first = experiment.runs[0]
    return [
        f"exprlab {__version__}, source under the MIT licence: a Python package and a Snakemake "
        "workflow, with exact versions of all packages in `requirements.lock`.",
        f"New samples: {code(f'exprlab predict --model results/{first.name}/model ...')}; the "
        "archive of `exprlab archive` holds the source that ran.",
        authors("where this version is deposited (URL or DOI)."),
    ]
