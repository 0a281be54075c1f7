"""The DOME checklist, filled from the facts of an experiment.

Walsh et al. (2021), DOME: recommendations for supervised machine learning validation in biology,
Nature Methods 18, 1122-1127. The items and their order are those of its table; the questions are
put shortly.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from exprlab.cards import dome_data, dome_evaluation, dome_model, dome_optimization
from exprlab.cards.facts import Experiment
from exprlab.cards.markdown import bullets, escape
from exprlab.files import atomic_path

Answer = Callable[[Experiment], list[str]]
# Section -> item, question, answer.
DOME: dict[str, list[tuple[str, str, Answer]]] = {
    "Data": [
        ("Provenance", "Where do the data come from, how many are there in each class, and have "
         "they been used before?", dome_data.provenance),
        ("Dataset splits", "How many samples train, validate and test, and do the parts differ?",
         dome_data.splits),
        ("Redundancy between data splits", "How were the parts divided, and how was it ensured "
         "that they are independent?", dome_data.redundancy),
        ("Availability of data", "Are data and splits public, where, and under which licence?",
         dome_data.availability),
    ],
    "Optimization": [
        ("Algorithm", "Which class of algorithm, is it new, and why was it chosen?",
         dome_optimization.algorithm),
        ("Meta-predictions", "Does the model take what other predictors say as input?",
         dome_optimization.meta_predictions),
        ("Data encoding", "How were the data encoded and preprocessed?",
         dome_optimization.encoding),
        ("Parameters", "How many parameters has the model, and how was their number chosen?",
         dome_optimization.parameters),
        ("Features", "How many features, were they selected, and on training samples only?",
         dome_optimization.features),
        ("Fitting", "Are there many more parameters than training samples, or many features, and "
         "how were over- and underfitting ruled out?", dome_optimization.fitting),
        ("Regularization", "What was done against overfitting?",
         dome_optimization.regularization),
        ("Availability of configuration", "Are settings, schedule and model files given, where, "
         "and under which licence?", dome_optimization.configuration),
    ],
    "Model": [
        ("Interpretability", "Black box or transparent?", dome_model.interpretability),
        ("Output", "Classification or regression?", dome_model.output),
        ("Execution time", "How long does a prediction take on a standard machine?",
         dome_model.execution_time),
        ("Availability of software", "Is the source released, can the method be run, where, and "
         "under which licence?", dome_model.software),
    ],
    "Evaluation": [
        ("Evaluation method", "How was the method evaluated?", dome_evaluation.method),
        ("Performance measures", "Which measures, and are they representative?",
         dome_evaluation.measures),
        ("Comparison", "Was the method compared to public methods and to simpler baselines?",
         dome_evaluation.comparison),
        ("Confidence", "Have the measures intervals, and are differences significant?",
         dome_evaluation.confidence),
        ("Availability of evaluation", "Are the raw files of the evaluation available, where, and "
         "under which licence?", dome_evaluation.availability),
    ],
}  # fmt: skip


def write_checklist(experiment: Experiment, output: Path) -> None:
    """Write the checklist of an experiment; its bytes depend on the facts alone."""
    with atomic_path(output) as temporary:
        temporary.write_text(checklist(experiment), encoding="utf-8")


def checklist(experiment: Experiment) -> str:
    """Return the checklist of an experiment, as Markdown."""
    name = escape(experiment.config["experiment"]["name"])
    lines = [
        f"# DOME checklist: {name}",
        "",
        "The items of Walsh et al. (2021), *DOME: recommendations for supervised machine learning "
        "validation in biology*, Nature Methods 18, 1122-1127, "
        "<https://doi.org/10.1038/s41592-021-01205-4>, answered by exprlab from the files of this "
        "experiment. What they cannot know is marked in bold.",
    ]
    for section, items in DOME.items():
        lines += ["", f"## {section}"]
        for item, question, answer in items:
            lines += ["", f"### {item}", "", f"*{question}*", "", *bullets(answer(experiment))]
    return "\n".join(lines) + "\n"
