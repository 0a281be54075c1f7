"""DOME's items on the model."""

from __future__ import annotations

from exprlab import __version__
from exprlab.cards import phrases
from exprlab.cards.facts import Experiment
from exprlab.cards.markdown import authors, code, escape
from exprlab.keys import CLASSES


def interpretability(experiment: Experiment) -> list[str]:
    """Say which models can be read."""
    answers = []
    for run in experiment.one_per("model"):
        if run.network["kind"] == "logistic":
            words = (
                "transparent: one weight per gene, on scaled log counts; a positive weight speaks "
                f"for {CLASSES[-1]} (tensor `network.weight` of `model/model.safetensors`)"
            )
        else:
            words = "a black box; no attribution to genes was computed"
        answers.append(f"{escape(run.model)}: {words}.")
    return answers


def output(experiment: Experiment) -> list[str]:
    """Say what a model gives."""
    rule = phrases.threshold_words(experiment.config["evaluation"]["threshold"])
    return [
        f"Classification into {' and '.join(CLASSES)}: a logit, a probability before and after "
        "temperature scaling, and a class. Samples unlike the training samples are flagged.",
        f"The threshold of the calibrated probability is {escape(rule)}; the model card of a run "
        "gives its value.",
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
