"""A classifier's outputs: logits, probabilities and decisions, for two classes or more.

Two classes need one number per sample, that of the positive class: shape (n_samples,). K > 2
classes need one each: shape (n_samples, K). Logits and probabilities have that shape wherever they
are kept; `by_class` gives every class its column.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit, softmax

from exprlab.keys import output_columns


def n_outputs(n_classes: int) -> int:
    """Return how many numbers per sample tell so many classes apart."""
    return 1 if n_classes == 2 else n_classes


def activate(logit: ArrayLike) -> NDArray[np.float64]:
    """Return sigmoid or softmax of logits, in their shape, without overflow at either end."""
    logit = np.asarray(logit, dtype=np.float64)
    return expit(logit) if logit.ndim == 1 else softmax(logit, axis=1)


def calibrate(logit: ArrayLike, temperature: float) -> NDArray[np.float64]:
    """Return the probabilities after temperature scaling: ``activate(logit / temperature)``."""
    return activate(np.asarray(logit, dtype=np.float64) / temperature)


def by_class(probability: ArrayLike) -> NDArray[np.float64]:
    """Return probabilities with a column for each class, (n_samples, n_classes)."""
    probability = np.asarray(probability, dtype=np.float64)
    if probability.ndim == 1:
        return np.column_stack([1 - probability, probability])
    return probability


def decide(probability: ArrayLike, threshold: float | None = None) -> NDArray[np.int8]:
    """Return the class that is called, (n_samples,).

    Of two classes the positive one (1) where its probability reaches the threshold; of more the
    most probable one, the first of equals.
    """
    probability = np.asarray(probability)
    if probability.ndim == 1:
        return (probability >= threshold).astype(np.int8)
    return probability.argmax(axis=1).astype(np.int8)


def spread(name: str, values: NDArray, classes: Sequence[str]) -> dict[str, NDArray]:
    """Return a model's output, (n_samples,) or (n_samples, n_classes), as columns of a table."""
    columns = values[:, None] if values.ndim == 1 else values
    return dict(zip(output_columns(name, classes), columns.T, strict=True))


def gathered(name: str, table: Mapping[str, ArrayLike]) -> NDArray:
    """Return what `spread` has laid out: (n_samples,) or (n_samples, n_classes)."""
    if name in table:
        return np.asarray(table[name])
    return np.column_stack([table[column] for column in table if column.startswith(f"{name}_")])
