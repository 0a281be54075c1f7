"""A panel for each class that is told from the rest, and the words on its axes.

Of two classes only the positive one is told from the other, so there is one panel.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from exprlab.plotting import style


class Words(NamedTuple):
    """What the axes of a figure call the class that is told from the rest.

    The last two are of the event whose probability is judged (`top_label_curve`).
    """

    false_positives: str
    found: str
    right: str
    probability: str
    observed: str
    top_probability: str
    top_observed: str


def words_of(classes: Sequence[str]) -> Words:
    """Return the words for the classes of a run."""
    if len(classes) > 2:
        return Words(
            false_positives="fraction of other samples called the class",
            found="fraction of the class found",
            right="fraction of its calls that are right",
            probability="calibrated probability of the class",
            observed="observed fraction of the class",
            top_probability="calibrated probability of the predicted class",
            top_observed="observed fraction of right calls",
        )
    rest, own = map(style.short, classes)
    return Words(
        false_positives=f"fraction of {rest} samples called {own}",
        found=f"fraction of {own} samples found",
        right=f"fraction of {own} calls that are right",
        probability=f"predicted probability of {own} (calibrated)",
        observed=f"observed fraction {own}",
        top_probability=f"predicted probability of {own} (calibrated)",
        top_observed=f"observed fraction {own}",
    )


def panels(
    n: int, width: float, height: float, ratios: Sequence[float] = (1,)
) -> tuple[Figure, list[tuple[Axes, ...]]]:
    """Return a figure with n panels, each of so many axes below each other as there are ratios.

    A single panel takes `width` x `height` inches; several are somewhat smaller each.
    """
    columns = 1 if n == 1 else 2 if n in (2, 4) else 3
    rows = -(-n // columns)
    scale = 1.0 if n == 1 else 0.72
    result = style.figure(scale * width * columns, scale * height * rows)
    grid = result.subplots(
        rows * len(ratios), columns, squeeze=False, sharex=True, height_ratios=(*ratios,) * rows
    )
    found = [
        tuple(grid[row * len(ratios) + part, column] for part in range(len(ratios)))
        for row in range(rows)
        for column in range(columns)
    ]
    for unused in found[n:]:
        for axes in unused:
            axes.set_visible(False)
    for axes in grid.ravel():
        axes.xaxis.set_tick_params(labelbottom=axes in [panel[-1] for panel in found])
    return result, found[:n]


def name_axes(
    result: Figure, found: Sequence[tuple[Axes, ...]], x: str, y: str, legend: str | None = None
) -> None:
    """Name the axes of panels; explain the lines in the only panel there, or below several."""
    first = found[0][0]
    columns = first.get_gridspec().ncols
    for number, panel in enumerate(found):
        if number + columns >= len(found):
            panel[-1].set_xlabel(x)
        if number % columns == 0:
            panel[0].set_ylabel(y)
    if legend and len(found) == 1:
        first.legend(loc=legend)
    elif legend:
        result.legend(*first.get_legend_handles_labels(), loc="outside lower center", ncols=3)
    result.align_ylabels()
