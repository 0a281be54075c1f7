"""The training figure of one run: how the loss fell, and where the best epoch was."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from exprlab.keys import (
    GRADIENT_NORM,
    TRAIN_LOSS,
    TRAIN_STEP_LOSS,
    VAL_AUROC,
    VAL_LOSS,
    gradient_norm,
)
from exprlab.plotting import style

TRAIN_LOOK = {"color": style.model_style(0).colour, "linestyle": "-"}
VAL_LOOK = {
    "color": style.model_style(6).colour,
    "linestyle": (0, (5, 1.6)),
    "marker": "o",
    "markersize": 3.5,
}
BEST_LOOK = {"color": style.INK, "linewidth": 1.3, "linestyle": ":"}
# The first steps of a training may lose 50 times as much as all later ones; they would flatten
# everything else, so the axis ends where all but this share of the steps fit.
STEP_LOSS_QUANTILE = 0.98
MOST_MARKERS = 60
LAYER_LINES = ("-", (0, (5, 1.6)), (0, (1.2, 1.2)))
MOST_NAMED = 5  # layers of a legend


def curve(metrics: Mapping[str, Sequence[Any]], name: str) -> tuple[np.ndarray, ...]:
    """Return (step, epoch, value) of one curve of metrics.csv, by step; undefined values left out.

    Parameters
    ----------
    metrics
        Columns ``step``, ``epoch``, ``name``, ``value``: a mapping of lists or a DataFrame.
    name
        The curve, e.g. ``val/loss``.
    """
    chosen = np.asarray(metrics["name"], dtype=object) == name
    step, epoch, value = (
        np.asarray(metrics[column], dtype=object)[chosen].astype(float)
        for column in ("step", "epoch", "value")
    )
    order = np.argsort(step, kind="stable")
    order = order[np.isfinite(value[order])]
    return step[order], epoch[order], value[order]


@style.styled
def training_figure(
    metrics: Mapping[str, Sequence[Any]],
    network: Mapping[str, Any],
    strengths: Sequence[float] | None = None,
) -> Figure:
    """Draw the curves of a training, or the validation path of a model that has no epochs.

    Parameters
    ----------
    metrics
        Columns of metrics.csv.
    network
        network.json, of which ``best_epoch`` and ``stopped`` are used.
    strengths
        The values that a logistic regression chose from; the step in metrics.csv is the position
        in this list once it is sorted. Without it the position itself is shown.
    """
    if len(curve(metrics, TRAIN_LOSS)[0]) == 0:
        return _path_figure(metrics, strengths)
    return _curves_figure(metrics, network)


def gradient_norms(metrics: Mapping[str, Sequence[Any]]) -> tuple[np.ndarray, np.ndarray]:
    """Return the epochs, (n_epochs,), and each layer's gradient norm, (n_epochs, n_layers).

    Norms that were not finite, as of a training that diverged, are NaN.
    """
    found: dict[int, dict[int, float]] = {}
    for epoch, name, value in zip(*(metrics[c] for c in ("epoch", "name", "value")), strict=True):
        if name.startswith(GRADIENT_NORM):
            norm = float(value) if np.isfinite(float(value)) else np.nan
            found.setdefault(int(epoch), {})[int(name.rsplit("_", 1)[1])] = norm
    epochs = sorted(found)
    n_layers = max((max(layers) for layers in found.values()), default=0)
    norms = [[found[e].get(n, np.nan) for n in range(1, n_layers + 1)] for e in epochs]
    return np.array(epochs), np.reshape(norms, (len(epochs), n_layers))


def _curves_figure(metrics: Mapping[str, Sequence[Any]], network: Mapping[str, Any]) -> Figure:
    draw = [_draw_losses]
    if len(curve(metrics, VAL_AUROC)[0]):
        draw.append(_draw_auroc)
    if np.isfinite(gradient_norms(metrics)[1]).any():
        draw.append(_draw_gradients)
    result = style.figure(5.6, 2.4 + 1.4 * len(draw))
    heights = (2, 1.2, 1.2)[: len(draw)]
    panels = result.subplots(len(draw), sharex=True, squeeze=False, height_ratios=heights)[:, 0]
    for axes, panel in zip(panels, draw, strict=True):
        panel(axes, metrics)
    # The steps of a boosted model are its trees; it has no epochs.
    trees = network.get("kind") == "boosting"
    panels[-1].set_xlabel("trees" if trees else "optimisation step")
    _mark_best_epoch(
        panels, metrics, network.get("best_epoch"), "number of trees" if trees else "epoch"
    )
    if not trees:
        _add_epoch_axis(panels[0], metrics)
    handles, labels = panels[0].get_legend_handles_labels()
    result.legend(handles, labels, loc="outside lower center", ncols=2)
    result.align_ylabels()
    return result


def _draw_auroc(axes: Axes, metrics: Mapping[str, Sequence[Any]]) -> None:
    step, _, auroc = curve(metrics, VAL_AUROC)
    axes.plot(step, auroc, gid=VAL_AUROC, **VAL_LOOK, **_sparse(auroc))
    axes.set_ylabel("validation AUROC")
    axes.set_ylim(top=min(1.005, auroc.max() + 0.1 * max(np.ptp(auroc), 0.05)))


def _draw_gradients(axes: Axes, metrics: Mapping[str, Sequence[Any]]) -> None:
    """Draw each layer's gradient, the darker the nearer to the inputs; of many, some are named."""
    epochs, norms = gradient_norms(metrics)
    step, epoch, _ = curve(metrics, TRAIN_LOSS)
    place = dict(zip(epoch, step, strict=True))
    n_layers = norms.shape[1]
    named = set(np.linspace(1, n_layers, min(n_layers, MOST_NAMED)).round())
    for layer, norm in enumerate(_on_log_axis(norms).T, start=1):
        axes.plot(
            [place.get(e, np.nan) for e in epochs], norm, gid=gradient_norm(layer),
            color=str(0.65 * (layer - 1) / max(1, n_layers - 1)), linewidth=1.2, marker=".",
            markersize=3, linestyle=LAYER_LINES[layer % len(LAYER_LINES)],
            label=str(layer) if layer in named else None, **_sparse(norm),
        )  # fmt: skip
    axes.set_ylabel("gradient norm")
    style.log_scale(axes)
    axes.legend(
        fontsize=7, loc="center left", bbox_to_anchor=(1, 0.5), title="layer", title_fontsize=7
    )


def _on_log_axis(norms: np.ndarray) -> np.ndarray:
    """Return norms without those that a logarithmic axis cannot show: no gradient at all."""
    return np.where(norms > 0, norms, np.nan)


@style.styled
def layers_figure(norms: Mapping[str, np.ndarray]) -> Figure:
    """Draw how long the gradient is that reaches each layer of several networks.

    Parameters
    ----------
    norms
        Model -> norm of each layer, (n_layers,).
    """
    result = style.figure(6.2, 4.2)
    axes = result.subplots()
    for number, (model, norm) in enumerate(norms.items()):
        look = style.model_style(number)
        axes.plot(np.arange(1, len(norm) + 1), _on_log_axis(norm), gid=model,
                  color=look.colour, linestyle=look.line, marker=look.marker,
                  label=style.short(model))  # fmt: skip
    deepest = max(len(norm) for norm in norms.values())
    axes.set_xticks(range(1, deepest + 1))
    axes.set(xlabel="layer (1 meets the inputs)", ylabel="gradient norm in the first epoch")
    style.log_scale(axes)
    columns = style.legend_columns(list(norms), 6.2, most=3)
    result.legend(loc="outside lower center", ncols=columns)
    return result


def _draw_losses(axes: Axes, metrics: Mapping[str, Sequence[Any]]) -> None:
    step, _, loss = curve(metrics, TRAIN_STEP_LOSS)
    train_step, _, train = curve(metrics, TRAIN_LOSS)
    val_step, _, val = curve(metrics, VAL_LOSS)
    if len(loss):
        axes.plot(
            step, loss, gid=TRAIN_STEP_LOSS, color=TRAIN_LOOK["color"], alpha=0.3, linewidth=0.8,
            label="training loss of each step",
        )  # fmt: skip
    whole = "training loss of the epoch" if len(loss) else "training loss"
    axes.plot(train_step, train, gid=TRAIN_LOSS, label=whole, **TRAIN_LOOK)
    axes.plot(val_step, val, gid=VAL_LOSS, label="validation loss", **VAL_LOOK, **_sparse(val))
    ceiling = np.quantile(loss, STEP_LOSS_QUANTILE) if len(loss) else 0.0
    highest = max(ceiling, train.max(initial=0), val.max(initial=0))
    axes.set_ylim(0, 1.06 * highest if highest > 0 else 1)
    axes.set_ylabel("loss (cross-entropy, nats)")


def _sparse(values: np.ndarray) -> dict[str, int]:
    """Leave out so many markers of a long curve that those which stay can be told apart."""
    return {"markevery": max(1, len(values) // MOST_MARKERS)}


def _mark_best_epoch(
    panels: Sequence[Axes], metrics: Mapping[str, Sequence[Any]], best: int | None, unit: str
) -> None:
    step, epoch, _ = curve(metrics, VAL_LOSS)
    at = step[epoch == best] if best is not None else step[:0]
    if not len(at):
        return
    for number, axes in enumerate(panels):
        label = f"best {unit} ({best}), kept" if number == 0 else None
        axes.axvline(at[0], gid="best", label=label, **BEST_LOOK)


def _add_epoch_axis(axes: Axes, metrics: Mapping[str, Sequence[Any]]) -> None:
    """Show the epoch, as numbered in metrics.csv, above the step."""
    step, epoch, _ = curve(metrics, TRAIN_LOSS)
    if len(step) < 2 or epoch[-1] == epoch[0] or step[-1] == step[0]:
        return
    per_epoch = (step[-1] - step[0]) / (epoch[-1] - epoch[0])
    above = axes.secondary_xaxis(
        "top",
        functions=(
            lambda x: (x - step[0]) / per_epoch + epoch[0],
            lambda e: (e - epoch[0]) * per_epoch + step[0],
        ),
    )
    above.set_xlabel("epoch")
    above.xaxis.get_major_locator().set_params(integer=True)


def _path_figure(metrics: Mapping[str, Sequence[Any]], strengths: Sequence[float] | None) -> Figure:
    """Draw validation loss and AUROC against the regularisation strength."""
    step, _, loss = curve(metrics, VAL_LOSS)
    if not len(loss):
        return style.note_figure("This model has no training curves.")
    auroc_step, _, auroc = curve(metrics, VAL_AUROC)
    known = strengths is not None and step.max() < len(strengths)
    values = np.array(sorted(strengths), float) if known else np.arange(step.max() + 1)
    rows = 2 if len(auroc) else 1
    result = style.figure(5.6, 5.2 if rows == 2 else 3.8)
    panels = result.subplots(rows, sharex=True, squeeze=False, height_ratios=(2, 1.2)[:rows])[:, 0]
    panels[0].plot(
        values[step.astype(int)], loss, gid=VAL_LOSS, label="validation loss", **VAL_LOOK
    )
    panels[0].set_ylabel("loss (cross-entropy, nats)")
    if len(auroc):
        panels[1].plot(values[auroc_step.astype(int)], auroc, gid=VAL_AUROC, **VAL_LOOK)
        panels[1].set_ylabel("validation AUROC")
    best = values[int(step[np.argmin(loss)])]
    label = f"smallest loss: {'C = ' if known else 'setting '}{best:g}"
    for number, axes in enumerate(panels):
        axes.axvline(best, gid="best", label=None if number else label, **BEST_LOOK)
    _label_strengths(panels[-1], values, known)
    result.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=2)
    result.align_ylabels()
    return result


def _label_strengths(axes: Axes, values: np.ndarray, known: bool) -> None:
    if not known:
        axes.set_xlabel("regularisation setting (position in the list)")
        axes.set_xticks(values)
        return
    axes.set_xscale("log")
    axes.set_xticks(values, [f"{value:g}" for value in values])
    axes.minorticks_off()
    axes.set_xlabel("inverse regularisation strength C (smaller = stronger)")
