"""Groups of equal values, found by a stable sort: the same on every processor.

NumPy's unstable sorts of indices take other instructions on other processors; those for AVX2 give
wrong orders where QEMU 7.2 emulates them, which reproducibility is tested with.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray


class Groups(NamedTuple):
    """The distinct values, sorted, and each value's place among them."""

    values: NDArray
    place: NDArray[np.intp]


def group_equal(values: ArrayLike) -> Groups:
    """Return the groups of equal values.

    Parameters
    ----------
    values : (n,) array, or (n, m) array whose rows are compared

    Returns
    -------
    Groups
        With (n_groups,) or (n_groups, m) values and (n,) places.
    """
    array = np.asarray(values)
    # An index is asked for because NumPy then sorts stably.
    found, _, place = np.unique(
        array, return_index=True, return_inverse=True, axis=0 if array.ndim > 1 else None
    )
    return Groups(found, place.ravel())
