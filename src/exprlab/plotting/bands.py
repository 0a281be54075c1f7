"""Curves of many splits as a band: a line for each would be one dark patch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import ArrayLike, NDArray

from exprlab.plotting import style

# Percentiles over splits between which a band lies, and what its caption says of it.
BAND = (5, 95)
BAND_WORDS = f"the middle {BAND[1] - BAND[0]} % of the splits"


def draw_band(axes: Axes, x: ArrayLike, curves: ArrayLike, look: style.Style, gid: str) -> None:
    """Draw where most splits lie.

    Parameters
    ----------
    axes
        Where to.
    x : (n,) array
        Of no split, so the same for all.
    curves : (n_splits, n) array
        NaN where a split has no value.
    look, gid
        Of the model.
    """
    low, high = np.nanpercentile(np.asarray(curves, float), BAND, axis=0)
    axes.fill_between(x, low, high, color=look.colour, alpha=0.14, linewidth=0, gid=f"{gid}/band")
    for edge in (low, high):
        axes.plot(x, edge, color=look.colour, linestyle=look.line, linewidth=0.7, alpha=0.7)


def pooled_calibration(
    curves: Sequence[Mapping[str, Any]], n_bins: int
) -> tuple[NDArray, NDArray, NDArray]:
    """Return the calibration curve of the test samples of all splits, and those of the splits.

    Parameters
    ----------
    curves
        Of each split the bins that hold samples: mean probability `predicted`, fraction
        `observed`, `count`.
    n_bins
        Bins of equal width that are pooled.

    Returns
    -------
    predicted, observed : (n_filled,) arrays
    splits : (n_splits, n_filled) array
        What each split observed; NaN where it has no sample in the bin.
    """
    sums = np.zeros((len(curves), n_bins, 3))
    for row, curve in zip(sums, curves, strict=True):
        predicted, observed, count = (np.asarray(curve[k], float) for k in
                                      ("predicted", "observed", "count"))  # fmt: skip
        place = np.clip((predicted * n_bins).astype(int), 0, n_bins - 1)
        np.add.at(row, place, np.stack([count, predicted * count, observed * count], axis=1))
    total = sums.sum(axis=0)
    filled = total[:, 0] > 0
    count, predicted, observed = total[filled].T
    n, _, found = np.moveaxis(sums[:, filled], -1, 0)
    splits = np.divide(found, n, out=np.full_like(found, np.nan), where=n > 0)
    return predicted / count, observed / count, splits
