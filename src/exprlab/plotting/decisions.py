"""Where a classifier of two inputs is sure of which class."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.contour import ContourSet
from numpy.typing import NDArray

from exprlab.plotting import style

MAP = "Greys"


def draw_probability(
    axes: Axes, first: NDArray, second: NDArray, probability: NDArray
) -> ContourSet:
    """Draw a probability over two axes, (len(second), len(first)), and the line where it is 1/2."""
    tenths = np.linspace(0, 1, 11)
    filled = axes.contourf(first, second, probability, levels=tenths, cmap=MAP, alpha=0.55)
    axes.contour(first, second, probability, levels=[0.5], colors=style.INK, linewidths=1.6)
    return filled
