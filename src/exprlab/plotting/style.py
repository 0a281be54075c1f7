"""The one look of all figures, and how a figure becomes bytes that depend on its inputs only."""

from __future__ import annotations

import functools
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter

from exprlab.files import atomic_path
from exprlab.keys import CLASSES, ORACLE

DPI = 150
INK = "#222222"
MUTED = "#6B6B6B"
GRID = "#DDDDDD"
LONGEST_LABEL = 24

# A user's matplotlibrc must not reach a figure, so matplotlib's own defaults come first. The
# backend and what newer versions deprecate are no part of a look.
_DEFAULTS = {
    key: value
    for key, value in matplotlib.rcParamsDefault.items()
    if not key.startswith(("backend", "interactive", "toolbar", "webagg"))
}
RC: dict[str, Any] = {
    **_DEFAULTS,
    "font.family": ["DejaVu Sans"],  # ships with matplotlib: the same glyphs on every machine
    "font.size": 10,
    "axes.titlesize": 11,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.labelsize": 10,
    "axes.edgecolor": MUTED,
    "axes.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.grid": True,
    "grid.color": GRID,
    "grid.linewidth": 0.7,
    "xtick.color": INK,
    "ytick.color": INK,
    "xtick.labelsize": 9,
    "ytick.labelsize": 9,
    "legend.fontsize": 9,
    "legend.framealpha": 0.9,
    "legend.edgecolor": GRID,
    "lines.linewidth": 1.8,
    "hatch.linewidth": 0.6,
    "text.parse_math": False,  # a `$` in a sample's or batch's name is a `$`
}


@dataclass(frozen=True)
class Style:
    """How one class or one model is drawn: told apart by more than its hue."""

    colour: str
    line: Any
    marker: str
    hatch: str


# Classes: after Okabe and Ito, with the second darkened so that the two are 30 apart in lightness;
# those that are close in lightness differ in their lines.
_CLASS_STYLES = (
    Style("#56B4E9", "-", "o", ""),
    Style("#9E2F00", "--", "s", "////"),
    Style("#E69F00", (0, (7, 1.5, 1.2, 1.5)), "^", "...."),
    Style("#000000", (0, (1.2, 1.2)), "D", "xxxx"),
    Style("#009E73", (0, (9, 2)), "v", "\\\\\\\\"),
    Style("#CC79A7", (0, (2.5, 1.2)), "P", "++++"),
    Style("#0072B2", (0, (6, 1.2, 1.2, 1.2, 1.2, 1.2)), "X", "oo"),
    Style("#6B6B6B", (0, (1.2, 3)), "*", "--"),
)
# All classes but the one that is told from them.
REST_STYLE = Style(MUTED, (0, (5, 1.6)), "x", "\\\\\\\\")
# The best possible classifier: a reference, so thin dots in the ink of the axes.
ORACLE_STYLE = Style(INK, (0, (1, 1.4)), "*", "")
# Models: 7 colours and 4 line styles share no divisor, so 28 models differ.
_MODEL_COLOURS = ("#0072B2", "#E69F00", "#000000", "#CC79A7", "#009E73", "#56B4E9", "#9E2F00")
_MODEL_LINES = ("-", (0, (5, 1.6)), (0, (7, 1.5, 1.2, 1.5)), (0, (1.2, 1.2)))
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
_MODEL_HATCHES = ("", "////", "....", "xxxx")

P = ParamSpec("P")
R = TypeVar("R")


def styled(draw: Callable[P, R]) -> Callable[P, R]:
    """Run a drawing function under the house style, whatever the caller's settings are."""

    @functools.wraps(draw)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
        with matplotlib.rc_context(RC):
            return draw(*args, **kwargs)

    return wrapper


def class_style(label: str | int, labels: Sequence[str] = CLASSES) -> Style:
    """Return the style of a class of some labels; benign and malignant always look the same."""
    known = CLASSES if set(labels) <= set(CLASSES) else labels
    index = label if isinstance(label, int) else list(known).index(label)
    return _CLASS_STYLES[index % len(_CLASS_STYLES)]


def named_style(model: str, index: int) -> Style:
    """Return the style of a model by its position, or the oracle's own."""
    return ORACLE_STYLE if model == ORACLE else model_style(index)


def model_style(index: int) -> Style:
    """Return the style of the model at a position of the experiment's list of models."""
    return Style(
        _MODEL_COLOURS[index % len(_MODEL_COLOURS)],
        _MODEL_LINES[index % len(_MODEL_LINES)],
        MARKERS[index % len(MARKERS)],
        _MODEL_HATCHES[index % len(_MODEL_HATCHES)],
    )


def lightness(colour: str) -> float:
    """Return CIE 1976 lightness L* of a colour (0 = black, 100 = white), as greyscale shows it."""
    rgb = np.asarray(to_rgb(colour))
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    y = float(linear @ (0.2126, 0.7152, 0.0722))
    return 116 * y ** (1 / 3) - 16 if y > (6 / 29) ** 3 else 903.3 * y


def short(name: object, longest: int = LONGEST_LABEL) -> str:
    """Return a name that fits a figure: one line, cut in the middle, never hidden.

    Long names of a family often share their beginning and differ at the end.
    """
    text = "".join(c if c.isprintable() else " " for c in str(name))
    if len(text) > longest:
        tail = (longest - 1) // 2
        text = f"{text[: longest - 1 - tail]}…{text[-tail:]}"
    # matplotlib leaves labels with a leading underscore out of legends.
    return f" {text}" if text.startswith("_") else text


@styled
def figure(width: float = 5.6, height: float = 4.2) -> Figure:
    """Return an empty figure (inches) with automatic layout and no global state."""
    result = Figure(figsize=(width, height), dpi=DPI, layout="constrained", facecolor="white")
    result.get_layout_engine().set(w_pad=0.09, h_pad=0.09)  # inches
    return result


@styled
def note_figure(text: str, width: float = 5.6, height: float = 1.6) -> Figure:
    """Return a small figure that says why there is nothing to draw."""
    result = figure(width, height)
    result.text(0.5, 0.5, text, ha="center", va="center", color=MUTED, wrap=True)
    return result


def legend_columns(labels: Sequence[str], width: float, most: int = 6) -> int:
    """Return how many columns of a legend fit a width (inches)."""
    # A letter takes 0.075 inches on average, marker and gaps 0.55.
    widest = max(0.075 * len(label) + 0.55 for label in labels)
    return max(1, min(most, len(labels), int(width / widest)))


def square(axes: Axes) -> None:
    """Give both axes the range of a fraction, with room for the line at 0 and 1."""
    axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))
    axes.set_aspect("equal")


def log_scale(axes: Axes) -> None:
    """Make the vertical axis logarithmic, with plain numbers: labels here are no formulas.

    To be called when all is drawn: over two powers of ten and more, only these are named.
    """
    axes.set_yscale("log")
    low, high = axes.get_ylim()
    steps = (1,) if high / low > 100 else (1, 2, 5)
    axes.yaxis.set_major_locator(LogLocator(subs=steps, numticks=10))
    axes.yaxis.set_major_formatter("{x:g}")
    axes.yaxis.set_minor_formatter(NullFormatter())


@styled
def png_bytes(result: Figure) -> bytes:
    """Return a figure as PNG without metadata that tells when or by what it was made."""
    stream = io.BytesIO()
    FigureCanvasAgg(result).print_png(stream, metadata={"Software": None})
    return stream.getvalue()


def save_png(result: Figure, path: str | Path) -> None:
    """Write a figure as PNG; the bytes depend on the figure only, and appear all at once."""
    content = png_bytes(result)
    with atomic_path(path) as temporary:
        temporary.write_bytes(content)
