"""How far a sample lies from what a model was trained on (its applicability domain)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.linalg import eigh
from threadpoolctl import threadpool_limits

# Directions, at most; and training samples for each, at least.
MAX_COMPONENTS, SAMPLES_PER_COMPONENT = 20, 5
FOLDS = 5
# Of samples like those in training, the share that is flagged, if there are enough validation
# samples to tell.
FLAGGED = 0.01
# Where there are not enough, a flagged sample has to be so far as well: in standard deviations.
FAR = 3.0
TINY = 1e-12


@dataclass(frozen=True)
class Domain:
    """Where the training samples lie in the space of a model's features.

    Attributes
    ----------
    components
        The principal directions of the training samples, float32 of (n_components, n_features).
    variance
        Of the training samples along each (n_components,).
    centre, scale
        Mean and standard deviation of the logarithms of both squared distances, along the
        directions and off them, of training samples that the directions were not made from (2,).
    reference
        The distances of the validation samples, rising (n_val,).
    zeros
        Least and largest share of the measured genes that are 0 in a training sample.
    """

    components: np.ndarray
    variance: np.ndarray
    centre: np.ndarray
    scale: np.ndarray
    reference: np.ndarray
    zeros: tuple[float, float]

    def distance(self, features: np.ndarray, measured: np.ndarray) -> np.ndarray:
        """Return how far samples are from the training samples, (n_samples,).

        In standard deviations from the mean distance of a sample like them: 0 is usual, 3 is far.
        It is the larger of two: along the principal directions (Mahalanobis distance), where a
        sample is an extreme one of its kind, and off them, where it is of another kind.

        Parameters
        ----------
        features
            Shape (n_samples, n_features).
        measured
            Share of the features that is not missing; missing ones are 0 and would make a sample
            look closer than it is.
        """
        # What the missing ones would have added is as the others are, so sums grow by their share.
        share = np.maximum(measured, TINY)
        along = (features @ self.components.T).astype(np.float64) / share[:, None]
        squares = np.einsum("ij,ij->i", features, features, dtype=np.float64) / share
        both = _log_squares(along, squares, self.variance)
        return ((both - self.centre) / self.scale).max(axis=1)

    def typicality(self, distance: np.ndarray) -> np.ndarray:
        """Return the share of samples like those in training that are at least so far.

        A p-value: one plus the validation samples at least as far, over one plus their number
        [1]_. Exchangeable samples get a value of at most p with a probability of at most p.

        References
        ----------
        .. [1] Vovk, Gammerman and Shafer (2005), Algorithmic learning in a random world.
        """
        n = len(self.reference)
        farther = n - np.searchsorted(self.reference, distance, side="left")
        return np.where(np.isnan(distance), np.nan, (1 + farther) / (1 + n))

    def outside(self, distance: np.ndarray) -> np.ndarray:
        """Return which samples are outside of what the model was trained on, (n_samples,).

        Those whose typicality is that of one in a hundred. Fewer than 99 validation samples cannot
        tell: of n, one sample in n + 1 is farther than all of them, so such a sample has to be far
        from the training samples, too.
        """
        least = 1 / (1 + len(self.reference))
        flagged = self.typicality(distance) <= max(FLAGGED, least) * (1 + 1e-9)
        return flagged & ((least <= FLAGGED) | (distance >= FAR))

    def state(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """Return everything as JSON-ready values and arrays, to be saved."""
        names = ("components", "variance", "centre", "scale", "reference")
        values = {"zeros": list(self.zeros), "n_reference": len(self.reference)}
        return values, {name: getattr(self, name) for name in names}

    @classmethod
    def from_state(cls, values: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> Domain:
        """Build the domain that `state` described."""
        low, high = values["zeros"]
        return cls(**arrays, zeros=(low, high))


def fit_domain(
    train: np.ndarray, val: np.ndarray, measured: np.ndarray, zeros: tuple[float, float]
) -> Domain:
    """Learn where the training samples lie.

    Parameters
    ----------
    train, val
        Features of the training and validation samples, float32 of (n, n_features), 0 being the
        training mean. Validation samples serve as the reference alone: they are new to the
        preprocessing and to the directions, as a sample to predict is.
    measured
        Share of the features that is not missing in each validation sample (n_val,).
    zeros
        As in `Domain`.

    Notes
    -----
    With more genes than samples, training samples lie farther along the directions that were made
    from them, and nearer to these, than any other sample. What is usual is therefore told from
    training samples left out in turn, in five parts.
    """
    n, n_features = train.shape
    k = max(1, min(MAX_COMPONENTS, n // SAMPLES_PER_COMPONENT, n_features))
    # Sums of several threads depend on their number in the last bit.
    with threadpool_limits(1):
        gram = (train @ train.T).astype(np.float64)
        directions, variance = _directions(gram, k)
        components = (directions.T.astype(np.float32) @ train).astype(np.float32)
        left_out = _left_out(gram, k)
        domain = Domain(
            components=components,
            variance=variance,
            centre=left_out.mean(axis=0),
            # A cohort whose samples are all alike must not make a hair's breadth far.
            scale=np.maximum(left_out.std(axis=0), 0.01),
            reference=np.empty(0),
            zeros=zeros,
        )
        reference = np.sort(domain.distance(val, measured))
    return Domain(**{**vars(domain), "reference": reference})


def _directions(gram: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Return weights of the samples that make unit directions (n, k), and variances (k,)."""
    n = len(gram)
    values, vectors = eigh(gram, subset_by_index=(n - k, n - 1))
    values = np.maximum(values, TINY * max(values[-1], TINY))
    # The sign of an eigenvector is arbitrary; a fixed one keeps the file the same.
    vectors = vectors * np.where(vectors.sum(axis=0) < 0, -1, 1)
    return (vectors / np.sqrt(values))[:, ::-1], values[::-1] / n


def _left_out(gram: np.ndarray, k: int) -> np.ndarray:
    """Return both log squares of samples left out in turn (n, 2)."""
    n = len(gram)
    if n < 2 * FOLDS:
        directions, variance = _directions(gram, k)
        return _log_squares(gram @ directions, np.diag(gram), variance)
    part = np.arange(n) % FOLDS
    found = np.empty((n, 2))
    for i in range(FOLDS):
        own, others = np.flatnonzero(part == i), np.flatnonzero(part != i)
        directions, variance = _directions(gram[np.ix_(others, others)], min(k, len(others)))
        along = gram[np.ix_(own, others)] @ directions
        found[own] = _log_squares(along, np.diag(gram)[own], variance)
    return found


def _log_squares(along: np.ndarray, squares: np.ndarray, variance: np.ndarray) -> np.ndarray:
    """Return the logarithms of the squared distances along and off the directions (n, 2)."""
    inside = (along**2 / variance).sum(axis=1)
    off = squares - (along**2).sum(axis=1)
    return np.log(np.maximum(np.column_stack([inside, off]), TINY))
