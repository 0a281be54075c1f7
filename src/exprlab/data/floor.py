"""The floor under the intensities of arrays, whose logarithm would otherwise magnify noise."""

from __future__ import annotations

import numpy as np

# Share of the positive intensities that lies below the floor.
FLOOR_SHARE = 0.01


class Floor:
    """The intensity below which differences are noise, told from intensities that come in blocks.

    It is a low percentile of the positive intensities. Where the background was subtracted and left
    negative values, these show how large noise is, and the floor is no lower than their root mean
    square; otherwise the logarithms of values just above 0 would be the largest differences of all.
    """

    def __init__(self) -> None:
        # A float's upper 16 bits are its size to within 1 part in 128, and sort like it.
        self._of_size = np.zeros(1 << 16, dtype=np.int64)
        self._square, self._n_negative = 0.0, 0

    def add(self, values: np.ndarray) -> None:
        """Take in intensities, any shape, NaN where missing."""
        positive = values[values > 0].astype(np.float32)
        bits = positive.view(np.uint32) >> 16
        self._of_size += np.bincount(bits, minlength=1 << 16)
        negative = values[values < 0].astype(np.float64)
        self._square += float(np.square(negative).sum())
        self._n_negative += negative.size

    def value(self) -> float:
        """Return the floor; 1 where no intensity is positive."""
        n = self._of_size.cumsum()
        if not n[-1]:
            return 1.0
        place = int(np.searchsorted(n, FLOOR_SHARE * n[-1], side="right"))
        low = float(np.array([place << 16], dtype=np.uint32).view(np.float32)[0])
        noise = np.sqrt(self._square / self._n_negative) if self._n_negative else 0.0
        return max(low, float(noise), float(np.finfo(np.float32).tiny))
