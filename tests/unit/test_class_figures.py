"""Figures of more than two classes: a panel for each, its own curve in it, and nothing cut off."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.legend import Legend
from matplotlib.text import Text
from scipy.special import softmax

from exprlab.config.steps import EvaluationConfig
from exprlab.evaluation.evaluate import evaluate
from exprlab.evaluation.layout import top_label_curve
from exprlab.keys import class_names
from exprlab.plotting import comparison_figures, data_figures, new_cohort_figures, run_figures

METRICS = {"step": [0, 1], "epoch": [0, 1], "name": ["val/loss"] * 2, "value": [0.7, 0.5]}
NUMBERS = (3, 4, 5, 8)


def judged(n_classes: int, strength: float) -> dict[str, Any]:
    """Return the evaluation of a model on 400 samples."""
    rng = np.random.default_rng(n_classes)
    label = np.arange(400) % n_classes
    truth = label[:, None] == np.arange(n_classes)
    logit = strength * truth + rng.normal(size=truth.shape)
    few = EvaluationConfig(bootstrap=100)
    if n_classes == 2:
        return evaluate(label, logit[:, 1] - logit[:, 0], 1.0, 0.5, few, rng)
    return evaluate(label, logit, 1.0, None, few, rng, class_names(n_classes))


def overview(n_classes: int) -> dict[str, Any]:
    rng = np.random.default_rng(0)
    pca = {"x": rng.normal(size=400).tolist(), "y": rng.normal(size=400).tolist(),
           "explained": [0.5, 0.2]}  # fmt: skip
    return {
        "label": [class_names(n_classes)[i % n_classes] for i in range(400)],
        "classes": list(class_names(n_classes)),
        "batch": [f"B{i % 4}" for i in range(400)],
        "values": "counts",
        "level": rng.uniform(1e7, 4e7, 400).tolist(),
        "quality": rng.uniform(0.1, 0.3, 400).tolist(),
        "raw_pca": pca,
        "log_pca": pca,
    }


def drawn(n_classes: int) -> dict[str, Figure]:
    model, oracle = judged(n_classes, 1.0), judged(n_classes, 3.0)
    both = {"mlp": {"s": model}, "oracle": {"s": oracle}}
    scores = {"mlp": {"s": softmax(np.random.default_rng(1).normal(size=(50, 4)), axis=1).max(1)}}
    return {
        **run_figures.draw_run(METRICS, {"best_epoch": 1}, model, oracle=oracle),
        **data_figures.draw_overview(overview(n_classes)),
        "roc_overlay": comparison_figures.roc_overlay(both),
        "pr_overlay": comparison_figures.precision_recall_overlay(both),
        "calibration_overlay": comparison_figures.calibration_overlay(both),
        "new_cohort": new_cohort_figures.new_cohort_figure(scores, class_names(n_classes)),
    }


@pytest.fixture(scope="module", params=NUMBERS)
def figures(request: pytest.FixtureRequest) -> dict[str, Figure]:
    return {"n": request.param, **drawn(request.param)}


@pytest.mark.parametrize(
    ("name", "x", "y"),
    [
        ("roc", "fpr", "tpr"),
        ("precision_recall", "recall", "precision"),
        ("calibration", "predicted", "observed"),
    ],
)
def test_each_class_has_a_panel_with_its_curves(
    figures: dict[str, Any], name: str, x: str, y: str
) -> None:
    n = figures["n"]
    named = [axes for axes in figures[name].axes if axes.get_visible() and axes.get_title("left")]
    for label, axes in zip(class_names(n), named, strict=True):
        assert axes.get_title("left").startswith(label)
        for gid, strength in (("data", 1.0), ("oracle", 3.0)):
            (line,) = [line for line in axes.lines if line.get_gid() == gid]
            curve = judged(n, strength)["curves"][name][label]
            np.testing.assert_allclose(line.get_xdata(), curve[x])
            np.testing.assert_allclose(line.get_ydata(), curve[y])


def test_confusion_matrix_names_and_counts_all_classes(figures: dict[str, Any]) -> None:
    n = figures["n"]
    (axes,) = figures["confusion"].axes
    assert [text.get_text() for text in axes.get_xticklabels()] == list(class_names(n))
    counts = [int(t.get_text()) for t in axes.texts if t.get_text().isdigit()]
    assert len(counts) == n * n
    assert sum(counts) == 400


def test_nothing_is_cut_off(figures: dict[str, Any]) -> None:
    assert_whole({name: figure for name, figure in figures.items() if name != "n"})


@pytest.mark.parametrize("n_classes", [2, *NUMBERS])
def test_folds_together_say_what_is_compared_with_what(n_classes: int) -> None:
    """Their areas are of samples of the same fold, and the curves rank the samples of all."""
    folds = {**judged(n_classes, 1.0), "threshold": None, "folds": {}}
    found = run_figures.draw_run(METRICS, {"best_epoch": 1}, folds, oracle=judged(n_classes, 3.0))
    for name in ("roc", "precision_recall"):
        text = " ".join(part.get_text() for part in words(found[name]) if isinstance(part, Text))
        assert "same fold" in text
        (line,) = [line for line in found[name].axes[0].lines if line.get_gid() == "data"]
        assert line.get_label() == "models of all folds, ranked together"
    assert_whole(found)


def test_a_class_that_no_sample_is_of_has_no_area() -> None:
    found = json.loads(json.dumps(judged(3, 1.0)))
    empty = class_names(3)[1]
    for metric in ("auroc", "auprc"):
        found["by_class"][empty][metric] = None
    figures = run_figures.draw_run(METRICS, {"best_epoch": 1}, found)
    titles = [axes.get_title("left") for axes in figures["roc"].axes]
    assert f"{empty}: AUROC not defined" in titles


def assert_whole(figures: dict[str, Figure]) -> None:
    for name, figure in figures.items():
        figure.draw_without_rendering()
        whole = figure.bbox.padded(1)
        for part in words(figure):
            box = part.get_window_extent()
            assert whole.containsx(box.x0), (name, part)
            assert whole.containsx(box.x1), (name, part)
            assert whole.containsy(box.y0), (name, part)
            assert whole.containsy(box.y1), (name, part)


def words(figure: Figure) -> list[Legend | Text]:
    """Return a figure's legends, titles and names of axes."""
    found = [*figure.legends, *figure.texts]
    for axes in figure.axes:
        if axes.get_visible():
            # Titles on the left are among the children only.
            found += [part for part in axes.get_children() if isinstance(part, Text)]
            found += [axes.xaxis.label, axes.yaxis.label]
            found += [axes.legend_] if axes.legend_ else []
    return [part for part in found if isinstance(part, Legend) or part.get_text()]


@pytest.mark.parametrize("n_classes", NUMBERS)
def test_curves_of_many_splits_are_those_of_each_where_all_are_equal(n_classes: int) -> None:
    model = judged(n_classes, 1.0)
    splits = {"mlp": dict.fromkeys((f"seed-{i}" for i in range(12)), model)}
    for draw in (comparison_figures.roc_overlay, comparison_figures.precision_recall_overlay):
        few, many = draw({"mlp": {"seed-0": model}}), draw(splits)
        one, mean = (next(line for line in figure.axes[0].lines if line.get_gid() == "mlp/mean")
                     for figure in (few, many))  # fmt: skip
        np.testing.assert_allclose(mean.get_ydata(), one.get_ydata())
    figure = comparison_figures.calibration_overlay(splits)
    (pooled,) = [line for line in figure.axes[0].lines if line.get_gid() == "mlp/pooled"]
    curve = top_label_curve(model)
    np.testing.assert_allclose(pooled.get_xdata(), curve["predicted"])
    np.testing.assert_allclose(pooled.get_ydata(), curve["observed"])
