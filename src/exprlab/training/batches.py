"""How the samples of an epoch are dealt into batches, whoever trains on them."""

from __future__ import annotations

import numpy as np

from exprlab.data.streams import SHUFFLE, stream


def dealt(
    rows: np.ndarray, batch_size: int, seed: int | None = None, epoch: int = 0
) -> list[np.ndarray]:
    """Deal rows into batches of nearly equal size: none is dropped, no last batch is tiny.

    Parameters
    ----------
    rows
        Row numbers of the samples.
    batch_size
        Most samples of one batch.
    seed
        Shuffles anew in each epoch, as a function of seed and epoch alone, so that a resumed
        training meets the batches it would have met. None keeps the order.
    epoch
        Counted from 0.
    """
    if seed is not None:
        rows = stream(seed, SHUFFLE, epoch).permutation(rows)
    return np.array_split(rows, -(-len(rows) // batch_size))
