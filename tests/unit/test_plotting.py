"""Figures: they show the numbers they are given, alike for every reader and on every run."""

from __future__ import annotations

import itertools
import subprocess
import sys
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from exprlab.keys import CLASSES
from exprlab.plotting import comparison_figures as comparison
from exprlab.plotting import data_figures as data
from exprlab.plotting import run_figures, style
from exprlab.plotting.bands import pooled_calibration
from exprlab.plotting.learning_figures import learning_figure
from exprlab.plotting.new_cohort_figures import new_cohort_figure
from exprlab.plotting.spread_figures import difference_spread_figure, spread_figure
from exprlab.plotting.training_figures import gradient_norms, layers_figure, training_figure

CLASS_LIGHTNESS_GAP = 30
MODELS, SPLITS = ["mlp", "logistic"], ["seed-0", "seed-1"]
EVALUATION: dict[str, Any] = {
    "classes": ["benign", "malignant"],
    "n_per_class": {"benign": 40, "malignant": 60},
    "threshold": 0.4,
    "confidence": 0.95,
    "metrics": {m: {"value": 0.8, "low": 0.7, "high": 0.9} for m in ("auroc", "auprc", "ece")},
    "uncalibrated": {"ece": {"value": 0.2}},
    "confusion": {"tn": 30, "fp": 10, "fn": 6, "tp": 54},
    "curves": {
        "roc": {"fpr": [0, 0.25, 1], "tpr": [0, 0.9, 1]},
        "precision_recall": {"recall": [0, 0.9, 1], "precision": [1, 0.84, 0.6]},
        "calibration": {
            "predicted": [0.1, 0.5, 0.9],
            "observed": [0, 0.6, 1],
            "count": [30, 10, 60],
        },
        "scores": {"edges": [0, 0.5, 1], "benign": [32, 8], "malignant": [5, 55]},
    },
}
TRAINING = [
    (0, 0, "val/loss", 0.70), (0, 0, "val/auroc", 0.50),
    (1, 1, "train/loss_step", 0.69), (2, 1, "train/loss_step", 0.60), (2, 1, "train/loss", 0.65),
    (2, 1, "val/loss", 0.50), (2, 1, "val/auroc", 0.80),
    (3, 2, "train/loss_step", 0.40), (4, 2, "train/loss_step", 0.30), (4, 2, "train/loss", 0.35),
    (4, 2, "val/loss", 0.55), (4, 2, "val/auroc", 0.81),
    (2, 1, "train/gradient_norm/layer_1", 0.01), (4, 2, "train/gradient_norm/layer_1", 0.02),
    (2, 1, "train/gradient_norm/layer_2", 0.30), (4, 2, "train/gradient_norm/layer_2", 0.0),
]  # fmt: skip
PATH = [(0, 0, "val/loss", 0.6), (1, 0, "val/loss", 0.4), (2, 0, "val/loss", 0.5)]


def table(rows: list[tuple[int, int, str, float]]) -> dict[str, list[Any]]:
    columns = ("step", "epoch", "name", "value")
    return {c: [r[i] for r in rows] for i, c in enumerate(columns)}


def overview(n: int = 40) -> dict[str, Any]:
    rng = np.random.default_rng(3)
    pca = {"x": rng.normal(size=n).tolist(), "y": rng.normal(size=n).tolist(),
           "explained": [0.42, 0.13]}  # fmt: skip
    return {
        "sample_id": [f"s{i}" for i in range(n)],
        "label": [CLASSES[i % 2] for i in range(n)],
        "classes": ["benign", "malignant"],
        "batch": ["a", "a", "b"] * (n // 3) + ["b"] * (n % 3),
        "values": "counts",
        "level": rng.integers(10**7, 3 * 10**7, n).tolist(),
        "quality": rng.uniform(0.2, 0.4, n).tolist(),
        "raw_pca": pca,
        "log_pca": {**pca, "x": pca["y"], "y": pca["x"]},
    }


def evaluations() -> dict[str, dict[str, Any]]:
    return {m: dict.fromkeys(SPLITS, EVALUATION) for m in MODELS}


def models() -> dict[str, Any]:
    per_split = {s: {"value": v, "low": v - 0.1, "high": v + 0.05}
                 for s, v in zip(SPLITS, (0.8, 0.9), strict=True)}  # fmt: skip
    return {m: {"auroc": {"mean": 0.85, "sd": 0.07, "per_split": per_split}} for m in MODELS}


def pairs() -> list[dict[str, Any]]:
    return [{"model_a": "mlp", "model_b": "logistic", "split": s, "metric": "auroc",
             "difference": 0.02, "low": -0.01, "high": 0.05} for s in SPLITS]  # fmt: skip


def new_tables() -> dict[str, Any]:
    return {m: {s: [0.02, 0.03, 0.97] for s in SPLITS} for m in MODELS}


def many() -> list[str]:
    return [f"seed-{i}" for i in range(20)]


def many_evaluations() -> dict[str, dict[str, Any]]:
    return {m: dict.fromkeys(many(), EVALUATION) for m in MODELS}


def many_models() -> dict[str, Any]:
    per_split = {s: {"value": 0.6 + i / 100} for i, s in enumerate(many())}
    entry = {"mean": 0.695, "low": 0.5, "high": 0.8, "sd": 0.06, "per_split": per_split}
    return {m: {"auroc": entry} for m in MODELS}


def many_pairs() -> list[dict[str, Any]]:
    """Return differences of which 2 lie below 0 with their intervals, 15 cover it, 3 lie above."""
    return [{"model_a": "mlp", "model_b": "logistic", "split": s, "metric": "auroc",
             "difference": (i - 9) / 100, "low": (i - 16.5) / 100, "high": (i - 1.5) / 100}
            for i, s in enumerate(many())]  # fmt: skip


def curves() -> dict[str, Any]:
    """Return learning curves of two sizes."""
    entry = {**models()["mlp"]["auroc"], "low": 0.8, "high": 0.9}
    summary = {"auroc": entry, "log_loss": entry}
    points = [
        {"n_train": dict.fromkeys(SPLITS, n), "models": dict.fromkeys(MODELS, summary)}
        for n in (50, 400)
    ]
    return {"models": MODELS, "oracle": summary, "points": points}


def all_figures() -> dict[str, Figure]:
    return {
        **run_figures.draw_run(table(TRAINING), {"best_epoch": 1}, EVALUATION),
        "path": training_figure(table(PATH), {}, [1.0, 0.01, 0.1]),
        **data.draw_overview(overview()),
        "forest": comparison.forest_figure(models(), MODELS, "auroc"),
        "difference": comparison.difference_figure(pairs(), "auroc"),
        "roc_overlay": comparison.roc_overlay(evaluations()),
        "pr_overlay": comparison.precision_recall_overlay(evaluations()),
        "calibration_overlay": comparison.calibration_overlay(evaluations()),
        "new_cohort": new_cohort_figure(new_tables()),
        "spread": spread_figure(many_models(), MODELS, "auroc"),
        "difference_spread": difference_spread_figure(many_pairs(), "auroc"),
        "roc_band": comparison.roc_overlay(many_evaluations()),
        "pr_band": comparison.precision_recall_overlay(many_evaluations()),
        "calibration_band": comparison.calibration_overlay(many_evaluations()),
        "new_cohort_many": new_cohort_figure(
            {m: {s: [0.02] * (1 + i % 2) for i, s in enumerate(many())} for m in MODELS}
        ),
        "learning": learning_figure(curves()),
        "layers": layers_figure(
            {"relu": np.array([0.03, 0.04, 0.04]), "sigmoid": np.array([1e-5, 2e-3, 0.3])}
        ),
    }


@pytest.fixture(scope="module")
def figures() -> dict[str, Figure]:
    return all_figures()


def lines(figure: Figure, gid: str) -> list[Any]:
    return [line for axes in figure.axes for line in axes.lines if line.get_gid() == gid]


def assert_line(figure: Figure, gid: str, x: list[float], y: list[float]) -> None:
    (line,) = lines(figure, gid)
    np.testing.assert_allclose(line.get_xdata(), x)
    np.testing.assert_allclose(line.get_ydata(), y)


# ------------------------------------------------------------------------------------- bytes


def test_same_inputs_give_the_same_bytes(figures: dict[str, Figure]) -> None:
    first = {name: style.png_bytes(figure) for name, figure in figures.items()}
    # A user's own settings of matplotlib must not show.
    with matplotlib.rc_context({"font.size": 30, "axes.facecolor": "red", "savefig.dpi": 20}):
        again = {name: style.png_bytes(figure) for name, figure in all_figures().items()}
    assert [name for name in first if first[name] != again[name]] == []


def test_a_changed_number_changes_the_bytes(figures: dict[str, Figure]) -> None:
    changed = {**EVALUATION, "confusion": {"tn": 31, "fp": 9, "fn": 6, "tp": 54}}
    assert style.png_bytes(run_figures.confusion_figure(changed)) != style.png_bytes(
        figures["confusion"]
    )


def test_png_holds_no_metadata_and_the_fixed_resolution(
    figures: dict[str, Figure], tmp_path: Path
) -> None:
    from PIL import Image

    style.save_png(figures["roc"], tmp_path / "new" / "roc.png")
    with Image.open(tmp_path / "new" / "roc.png") as image:
        assert set(image.info) <= {"dpi"}
        assert image.info["dpi"] == pytest.approx((style.DPI, style.DPI), abs=0.1)
        assert image.width == round(figures["roc"].get_figwidth() * style.DPI)
    assert [p.name for p in (tmp_path / "new").iterdir()] == ["roc.png"]


# ----------------------------------------------------------------------------------- readers


def test_every_visible_axis_is_labelled(figures: dict[str, Figure]) -> None:
    missing = [
        (name, side)
        for name, figure in figures.items()
        for side in ("x", "y")
        for axes in figure.axes
        if not labelled(figure, axes, side)
    ]
    assert missing == []


def labelled(figure: Figure, axes: Axes, side: str) -> bool:
    whole = figure.get_supxlabel() if side == "x" else figure.get_supylabel()
    own = axes.get_xlabel() if side == "x" else axes.get_ylabel()
    # Panels above one another share the x axis of the lowest.
    shared = side == "x" and any(
        other.get_xlabel() for other in axes.get_shared_x_axes().get_siblings(axes)
    )
    return bool(own or whole or shared) or not axes.get_visible()


def test_axes_name_their_units(figures: dict[str, Figure]) -> None:
    def label(name: str, side: str, panel: int = 0) -> str:
        axes = figures[name].axes[panel]
        return axes.get_xlabel() if side == "x" else axes.get_ylabel()

    assert "nats" in label("training", "y")
    assert "reads" in label("levels", "y")
    assert "genes" in label("quality", "y")
    assert "samples" in label("scores", "y")
    assert label("pca", "x", 0) == "component 1 (42.0 % of variance)"
    assert label("pca", "y", 1) == "component 2 (13.0 % of variance)"


def test_classes_differ_in_greyscale_and_not_by_colour_alone() -> None:
    benign, malignant = (style.class_style(name) for name in CLASSES)
    gap = style.lightness(benign.colour) - style.lightness(malignant.colour)
    assert abs(gap) >= CLASS_LIGHTNESS_GAP
    assert benign.line != malignant.line
    assert benign.marker != malignant.marker
    assert benign.hatch != malignant.hatch


def test_lightness_is_that_of_cie() -> None:
    assert style.lightness("black") == 0
    assert style.lightness("white") == pytest.approx(100)
    assert style.lightness("#777777") == pytest.approx(50, abs=0.2)


def test_28_models_look_different() -> None:
    looks = [style.model_style(i) for i in range(28)]
    assert all(a != b for a, b in itertools.combinations(looks, 2))
    for a, b in itertools.pairwise(looks[:4]):
        assert abs(style.lightness(a.colour) - style.lightness(b.colour)) > 15


# -------------------------------------------------------------------------------------- data


def test_training_curves_are_the_table(figures: dict[str, Figure]) -> None:
    figure = figures["training"]
    assert_line(figure, "train/loss_step", [1, 2, 3, 4], [0.69, 0.60, 0.40, 0.30])
    assert_line(figure, "train/loss", [2, 4], [0.65, 0.35])
    assert_line(figure, "val/loss", [0, 2, 4], [0.70, 0.50, 0.55])
    assert_line(figure, "val/auroc", [0, 2, 4], [0.50, 0.80, 0.81])
    assert_line(figure, "train/gradient_norm/layer_1", [2, 4], [0.01, 0.02])
    # A logarithmic axis has no place for nothing at all.
    assert_line(figure, "train/gradient_norm/layer_2", [2, 4], [0.30, np.nan])
    marks = lines(figure, "best")
    assert len(marks) == len(figure.axes) == 3
    assert {mark.get_xdata()[0] for mark in marks} == {2}


def test_epoch_axis_says_the_epoch_of_the_table(figures: dict[str, Figure]) -> None:
    (above,) = figures["training"].axes[0].child_axes
    style.png_bytes(figures["training"])  # places the axis
    low, high = figures["training"].axes[0].get_xlim()
    assert above.get_xlim() == pytest.approx((low / 2, high / 2))


def test_a_path_is_drawn_over_the_sorted_strengths(figures: dict[str, Figure]) -> None:
    assert_line(figures["path"], "val/loss", [0.01, 0.1, 1.0], [0.6, 0.4, 0.5])
    assert lines(figures["path"], "best")[0].get_xdata()[0] == 0.1
    assert_line(training_figure(table(PATH), {}), "val/loss", [0, 1, 2], [0.6, 0.4, 0.5])


def test_a_model_without_curves_gives_a_note() -> None:
    figure = training_figure(table([]), {})
    assert "no training curves" in figure.texts[0].get_text()
    assert len(style.png_bytes(figure)) > 0


def test_gradients_that_are_no_numbers_leave_the_others_in_their_epochs() -> None:
    broken = [(s, e, n, np.inf if (e, n[-1]) == (1, "2") else v) for s, e, n, v in TRAINING]
    epochs, norms = gradient_norms(table(broken))
    assert epochs.tolist() == [1, 2]
    np.testing.assert_array_equal(norms, [[0.01, np.nan], [0.02, 0.0]])
    figure = training_figure(table(broken), {"best_epoch": 1})
    assert_line(figure, "train/gradient_norm/layer_1", [2, 4], [0.01, 0.02])
    assert len(style.png_bytes(figure)) > 0


def test_a_training_of_one_epoch_can_be_drawn() -> None:
    figure = training_figure(table(TRAINING[:7]), {"best_epoch": None})
    assert lines(figure, "best") == []
    assert len(style.png_bytes(figure)) > 0


def test_run_curves_are_those_of_the_evaluation(figures: dict[str, Figure]) -> None:
    curves = EVALUATION["curves"]
    assert_line(figures["roc"], "data", curves["roc"]["fpr"], curves["roc"]["tpr"])
    pr = curves["precision_recall"]
    assert_line(figures["precision_recall"], "data", pr["recall"], pr["precision"])
    bins = curves["calibration"]
    assert_line(figures["calibration"], "data", bins["predicted"], bins["observed"])
    bars = [b for b in figures["calibration"].axes[1].patches if b.get_gid() == "data"]
    assert [bar.get_height() for bar in bars] == bins["count"]


def test_threshold_lies_where_the_confusion_matrix_says(figures: dict[str, Figure]) -> None:
    def circle(name: str) -> tuple[float, float]:
        (line,) = [x for x in figures[name].axes[0].lines if "threshold" in str(x.get_label())]
        return line.get_xdata()[0], line.get_ydata()[0]

    assert circle("roc") == pytest.approx((10 / 40, 54 / 60))
    assert circle("precision_recall") == pytest.approx((54 / 60, 54 / 64))


def test_base_rate_is_the_fraction_of_malignant_samples(figures: dict[str, Figure]) -> None:
    base = figures["precision_recall"].axes[0].lines[0]
    assert list(base.get_ydata()) == [0.6, 0.6]


def test_confusion_matrix_shows_counts_and_row_percentages(figures: dict[str, Figure]) -> None:
    texts = [text.get_text() for text in figures["confusion"].axes[0].texts]
    assert texts == ["30", "75.0 %", "10", "25.0 %", "6", "10.0 %", "54", "90.0 %"]


def test_scores_are_the_histograms(figures: dict[str, Figure]) -> None:
    steps = {p.get_gid(): p.get_data() for p in figures["scores"].axes[0].patches if p.get_gid()}
    for name in CLASSES:
        assert list(steps[f"data-{name}"].values) == EVALUATION["curves"]["scores"][name]


def test_wilson_interval_is_that_of_the_paper() -> None:
    low, high = run_figures.wilson_interval(np.array([0.0, 0.5]), np.array([10.0, 10.0]))
    assert low == pytest.approx([0.0, 0.2366], abs=1e-4)
    assert high == pytest.approx([0.2775, 0.7634], abs=1e-4)


def test_pca_points_are_the_samples(figures: dict[str, Figure]) -> None:
    for axes, key in zip(figures["pca"].axes, ("raw_pca", "log_pca"), strict=True):
        drawn = np.concatenate([c.get_offsets() for c in axes.collections])
        expected = np.column_stack([overview()[key]["x"], overview()[key]["y"]])
        np.testing.assert_allclose(np.sort(drawn, axis=0), np.sort(expected, axis=0))


def test_boxes_hold_the_medians_of_class_and_batch(figures: dict[str, Figure]) -> None:
    shown = sorted(
        float(line.get_ydata()[0])
        for line in figures["levels"].axes[0].lines
        if line.get_linewidth() == 2
    )
    values = {k: np.array(overview()[k]) for k in ("level", "label", "batch")}
    expected = [
        np.median(values["level"][(values["label"] == c) & (values["batch"] == b)])
        for c in CLASSES
        for b in ("a", "b")
    ]
    assert shown == pytest.approx(sorted(expected))


def test_forest_shows_values_and_means(figures: dict[str, Figure]) -> None:
    values = [line.get_xdata()[0] for line in lines(figures["forest"], "value")]
    assert values == [0.8, 0.9, 0.8, 0.9]
    assert [line.get_xdata()[0] for line in lines(figures["forest"], "mean")] == [0.85, 0.85]


def test_mean_curve_of_equal_splits_is_the_curve_itself(figures: dict[str, Figure]) -> None:
    (mean,) = lines(figures["roc_overlay"], "mlp/mean")
    roc = EVALUATION["curves"]["roc"]
    inner = mean.get_xdata() > 0
    np.testing.assert_allclose(
        mean.get_ydata()[inner], np.interp(mean.get_xdata()[inner], roc["fpr"], roc["tpr"])
    )
    (mean,) = lines(figures["pr_overlay"], "mlp/mean")
    # A recall of 0.5 is first reached at the threshold with recall 0.9.
    assert mean.get_ydata()[100] == pytest.approx(0.84)


def test_new_cohort_counts_the_samples(figures: dict[str, Figure]) -> None:
    for patch in figures["new_cohort"].axes[0].patches:
        values = patch.get_data().values
        assert (values[0], values[-1], values.sum()) == (2, 1, 3)


def test_spread_shows_ends_halves_and_means(figures: dict[str, Figure]) -> None:
    for model in MODELS:
        (ends,) = lines(figures["spread"], f"{model}/ends")
        assert list(ends.get_xdata()) == pytest.approx([0.6, 0.79])
        (median,) = lines(figures["spread"], f"{model}/median")
        assert median.get_xdata()[0] == pytest.approx(0.695)
    assert [line.get_xdata()[0] for line in lines(figures["spread"], "mean")] == [0.695, 0.695]
    assert list(lines(figures["spread"], "interval")[0].get_xdata()) == [0.5, 0.8]


def test_spread_of_differences_counts_where_intervals_lie(figures: dict[str, Figure]) -> None:
    shares = {
        patch.get_gid(): patch.get_width() for patch in figures["difference_spread"].axes[1].patches
    }
    assert shares == pytest.approx({"below 0": 10, "covers 0": 75, "above 0": 15})
    (mean,) = lines(figures["difference_spread"], "mean")
    assert mean.get_xdata()[0] == pytest.approx(0.005)


@pytest.mark.parametrize("name", ["roc_band", "pr_band", "calibration_band"])
def test_many_splits_are_a_band_and_no_lines(figures: dict[str, Figure], name: str) -> None:
    gids = {artist.get_gid() for artist in figures[name].axes[0].get_children()}
    assert {f"{model}/band" for model in MODELS} <= gids
    assert not {f"{model}/{split}" for model in MODELS for split in many()} & gids


def test_pooled_calibration_is_that_of_all_samples() -> None:
    curves = [
        {"predicted": [0.12, 0.9], "observed": [0.5, 1.0], "count": [2, 5]},
        {"predicted": [0.18], "observed": [0.0], "count": [4]},
    ]
    predicted, observed, splits = pooled_calibration(curves, 10)
    assert predicted == pytest.approx([0.16, 0.9])
    assert observed == pytest.approx([1 / 6, 1.0])
    np.testing.assert_array_equal(splits, [[0.5, 1.0], [0.0, np.nan]])


def test_new_cohort_of_many_splits_is_their_mean(figures: dict[str, Figure]) -> None:
    (patch,) = figures["new_cohort_many"].axes[0].patches
    assert patch.get_data().values[0] == 1.5


def test_odd_names_are_shown_as_they_are() -> None:
    odd = {**overview(), "batch": ["_hidden $x_1$"] * 20 + ["a\nb"] * 20}
    figure = data.pca_figure(odd)
    shown = [text.get_text() for text in figure.legends[0].get_texts()]
    assert "batch  _hidden $x_1$" in shown
    assert len(style.png_bytes(figure)) > 0
    assert style.short("a" * 30 + "z") == "a" * 12 + "…" + "a" * 10 + "z"


def test_data_without_labels_batches_or_reads_can_be_drawn() -> None:
    bare = {**overview(), "label": None, "classes": [], "batch": None}
    bare["level"] = [0, *bare["level"][1:]]
    for figure in data.draw_overview(bare).values():
        assert len(style.png_bytes(figure)) > 0


def test_imports_stay_light() -> None:
    code = (
        "import sys;"
        "from exprlab.plotting import run_figures, data_figures, comparison_figures;"
        "heavy = ('torch','mlflow','sklearn','pytorch_lightning','pandas','matplotlib.pyplot');"
        "print([m for m in heavy if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
