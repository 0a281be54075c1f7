"""How many outputs a network has, as its labels want it."""

from __future__ import annotations

import numpy as np

from exprlab.config.models import refuse_output
from exprlab.errors import UserError
from exprlab.outputs import n_outputs


def outputs_of(labels: np.ndarray, output: str) -> int:
    """Return how many outputs tell the classes of these labels apart.

    Parameters
    ----------
    labels
        0, 1, ..., K - 1, each at least once.
    output
        The activation that was asked for: auto, sigmoid or softmax.

    Raises
    ------
    UserError
        If that does not fit so many classes.
    """
    n_classes = int(labels.max()) + 1
    try:
        refuse_output(output, n_classes)
    except ValueError as error:
        raise UserError(f"model.{error}") from None
    return n_outputs(n_classes)
