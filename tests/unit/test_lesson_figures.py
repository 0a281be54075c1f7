"""Figures of the lessons, and what lessons take from the output of commands."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Annotation

from exprlab.errors import UserError
from exprlab.lessons.commands import block_of, call, code_digests, done_jobs, without_times
from exprlab.nets.scratch import MLP
from exprlab.plotting import lesson_figures as figures
from exprlab.plotting import style
from exprlab.plotting.job_figures import jobs_figure
from exprlab.provenance.code import PACKAGE, code_digest

RNG = np.random.default_rng(0)
INPUTS, LABELS = RNG.normal(size=(40, 2)), np.arange(40) % 2
NETWORK = MLP.random(2, [2], 1, RNG)
DRAWN = {
    "decision": figures.decision_figure(
        {"one": lambda x: NETWORK.probabilities(x)[:, 1]}, INPUTS, LABELS
    ),
    "units": figures.units_figure(NETWORK, INPUTS, LABELS),
    "description": figures.description_figure(NETWORK, INPUTS, LABELS),
    "curves": figures.curves_figure({"a": ([1, 2], [0.1, 10])}, "step", "loss", log_y=True),
    "counts": figures.counts_figure(RNG.poisson(3, (40, 50)), LABELS),
    "strips": figures.strips_figure({"a": [0.4, 0.6]}, "AUROC", (0.5, "guessing")),
    "logits": figures.logits_figure(RNG.normal(size=40), LABELS, 1.5, 0.4),
}


@pytest.mark.parametrize("figure", DRAWN.values(), ids=DRAWN)
def test_axes_are_labelled(figure: Figure) -> None:
    assert len(style.png_bytes(figure)) > 1000
    first, *others = (axes for axes in figure.axes if axes.get_label() != "<colorbar>")
    assert first.get_xlabel()
    assert first.get_ylabel() or first.get_yticklabels()
    assert all(axes.get_xlabel() for axes in others)


def test_jobs_stand_below_what_they_need_and_detours_are_left_out() -> None:
    arrows = [("a", "b"), ("b", "c"), ("a", "c"), ("a", "d"), ("d", "c\nof d")]
    (axes,) = jobs_figure(arrows, again=["c"]).axes
    boxes = {text.get_text(): text for text in axes.texts if not isinstance(text, Annotation)}
    height = {name: box.get_position()[1] for name, box in boxes.items()}
    assert set(boxes) == {"a", "b", "c", "d", "c\nof d"}
    assert all(height[before] > height[after] for before, after in arrows)
    heads = [text for text in axes.texts if isinstance(text, Annotation)]
    assert len(heads) == 4  # that from a to c follows from two others
    dark = [name for name, box in boxes.items() if box.get_color() == "white"]
    assert dark == ["c"]
    with pytest.raises(ValueError, match="circle"):
        jobs_figure([("a", "b"), ("b", "a")])


def test_commands_are_run_and_failures_told(tmp_path: Path) -> None:
    assert "exprlab" in call("exprlab", "--version", folder=tmp_path)
    with pytest.raises(UserError, match="did you mean 'train'"):
        call("exprlab", "trian", folder=tmp_path)


def test_jobs_and_rules_are_found_in_text() -> None:
    said = "Finished jobid: 3 (Rule: train)\nx\nFinished jobid: 1 (Rule: split)\n"
    assert done_jobs(said + said) == {"train": 2, "split": 2}
    rules = "rule a:\n    input:\n\n        1\n\n\nrule ab:\n    output:\n        2\n"
    assert block_of(rules, "rule ab") == "rule ab:\n    output:\n        2"
    assert block_of(rules, "rule a:").endswith("        1")
    with pytest.raises(UserError, match="rule z"):
        block_of(rules, "rule z")
    assert without_times("3 jobs; about 2.1 s of job time last time\n") == "3 jobs"


def test_code_of_a_copy_has_the_digest_of_the_original() -> None:
    assert code_digests(PACKAGE, ["split"]) == {"split": code_digest("split")}
