"""Figures of how like a real cohort a simulated one is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import EngFormatter, FormatStrFormatter, LogLocator, NullFormatter

from exprlab.plotting import style

COLUMNS = 3
# Told apart by hue, lightness and line: real data solid and dark, simulated dashed and lighter.
REAL = style.Style("#000000", "-", "o", "")
SIMULATED = style.Style("#E69F00", (0, (4, 1.6)), "^", "")
STYLES = {"real": REAL, "simulated": SIMULATED}
Values = Mapping[str, np.ndarray]


def draw_realism(result: Mapping[str, Any], simulated: Values, real: Values) -> dict[str, Figure]:
    """Draw every figure of a comparison, by name: features and relations.

    Parameters
    ----------
    result
        As `exprlab.data.realism.compare` returns it.
    simulated, real
        Feature -> its values.
    """
    return {
        "features": features_figure(result, {"real": real, "simulated": simulated}),
        "relations": relations_figure(result, {"real": real, "simulated": simulated}),
    }


@style.styled
def features_figure(result: Mapping[str, Any], values: Mapping[str, Values]) -> Figure:
    """Draw the cumulative distribution of each feature in both cohorts."""
    names = list(result["features"])
    rows = -(-len(names) // COLUMNS)
    figure = style.figure(9.2, 0.8 + 2.55 * rows)
    panels = figure.subplots(rows, COLUMNS, squeeze=False).ravel()
    for axes, name in zip(panels, names, strict=False):
        feature = result["features"][name]
        for who in STYLES:
            _draw_steps(axes, values[who][name], who, name)
        low, high = np.quantile(np.concatenate([v[name] for v in values.values()]), (0.002, 0.998))
        pad = 0.03 * (high - low) or 0.5
        axes.set(xlim=(low - pad, high + pad), ylim=(-0.02, 1.02))
        axes.set_xlabel(f"{feature['unit']}, per {feature['of']}", fontsize=9)
        axes.set_title(_first_capital(feature["title"]), fontsize=10)
        axes.text(
            0.97, 0.06, f"KS {feature['distance']:.2f}", transform=axes.transAxes, ha="right",
            fontsize=9, bbox={"facecolor": "white", "edgecolor": style.GRID, "pad": 2},
        )  # fmt: skip
    for axes in panels[len(names) :]:
        axes.set_axis_off()
    for axes in panels[::COLUMNS]:
        axes.set_ylabel("share at or below")
    figure.legend(handles=_handles(), loc="outside upper center", ncols=2)
    return figure


def _draw_steps(axes: Axes, values: np.ndarray, who: str, name: str) -> None:
    """Draw a cumulative distribution; many values are thinned to what can be seen."""
    look = STYLES[who]
    ordered = np.sort(values)
    height = np.arange(1, ordered.size + 1) / ordered.size
    shown = np.unique(np.linspace(0, ordered.size - 1, min(ordered.size, 2000)).round().astype(int))
    axes.step(
        ordered[shown], height[shown], where="post", color=look.colour, linestyle=look.line,
        linewidth=1.6, gid=f"data-{name}-{who}",
    )  # fmt: skip


@style.styled
def relations_figure(result: Mapping[str, Any], values: Mapping[str, Values]) -> Figure:
    """Draw dispersion by expression, and zeros by library size, in both cohorts."""
    figure = style.figure(9.2, 4.2)
    left, right = figure.subplots(1, 2)
    _draw_trend(left, result["trend"])
    for who, look in STYLES.items():
        right.scatter(
            10 ** values[who]["library_size"], values[who]["zeros_per_sample"], s=20,
            color=look.colour, marker=look.marker, alpha=0.7, linewidths=0,
            gid=f"data-library-{who}",
        )  # fmt: skip
    right.set_xscale("log")
    low, high = right.get_xlim()
    subs = (1.0, 1.5, 2.0, 3.0, 4.0, 6.0) if high / low < 20 else (1.0, 3.0)
    right.xaxis.set_major_locator(LogLocator(subs=subs))
    right.xaxis.set_major_formatter(EngFormatter(sep=" "))
    right.xaxis.set_minor_formatter(NullFormatter())
    right.set_xlabel("library size (reads)")
    right.set_ylabel("zero fraction (genes without a read)")
    right.set_title("Zeros and depth")
    figure.legend(handles=_handles(), loc="outside upper center", ncols=2)
    return figure


def _draw_trend(axes: Axes, trend: Mapping[str, Any]) -> None:
    axes.set_title("Dispersion and expression")
    if not trend["log2_cpm"]:
        axes.text(
            0.5, 0.5, "too few genes of equal expression\nto draw a trend",
            transform=axes.transAxes, ha="center", va="center", color=style.MUTED,
        )  # fmt: skip
        axes.set(xticks=[], yticks=[])
        return
    for who, look in STYLES.items():
        quartiles = trend[who]
        axes.fill_between(
            trend["log2_cpm"], quartiles["low"], quartiles["high"], color=look.colour, alpha=0.15,
            linewidth=0,
        )  # fmt: skip
        axes.plot(
            trend["log2_cpm"], quartiles["median"], color=look.colour, linestyle=look.line,
            marker=look.marker, markersize=5, gid=f"data-trend-{who}",
        )  # fmt: skip
    axes.set_yscale("log")
    axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axes.yaxis.set_major_formatter(FormatStrFormatter("%g"))
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.set_xlabel("expression (log2 CPM)")
    axes.set_ylabel("dispersion (median and quartiles)")


def _handles() -> list[Line2D]:
    return [
        Line2D(
            [], [], color=look.colour, linestyle=look.line, marker=look.marker, markersize=5,
            label=f"{who} cohort",
        )
        for who, look in STYLES.items()
    ]  # fmt: skip


def _first_capital(text: str) -> str:
    return text[:1].upper() + text[1:]
