"""What a sequencing batch shifts in every gene: learnt in training, removed from all samples.

A mixed model per gene: the log value of a sample is the mean of its class (fixed), plus the shift
of its batch (random, normal around 0), plus noise. Because classes are in the model, a batch that
holds more malignant patients does not have their signal taken away as if it were its shift; and
because shifts are random, those of small batches shrink towards 0, and all vanish in data whose
batches do not differ.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy.optimize import minimize_scalar

from exprlab.groups import group_equal

# Between which variances of a shift, relative to that of the noise, the likeliest is looked for.
RATIO_RANGE = (1e-6, 1e2)


@dataclass(frozen=True)
class BatchShifts:
    """Shifts of the batches seen in training, and what is needed to tell that of a new one.

    A shift is what a batch adds to the mean of a sample's classes; over batches its mean is 0.

    Attributes
    ----------
    names
        Of the batches; none where there is nothing to correct.
    shift
        Of each batch and feature, in standard deviations of the feature (n_batches, n_features).
    classes
        Their names.
    fraction
        Share of each class among the training samples (n_classes,).
    effect
        Mean of a class minus that of all training samples, same unit (n_classes, n_features).
    ratio
        Variance of a shift over the variance of noise, common to all features; 0 = no shifts.
    """

    names: list[str]
    shift: np.ndarray
    classes: list[str]
    fraction: np.ndarray
    effect: np.ndarray
    ratio: float

    def remove(self, features: np.ndarray, batch: np.ndarray) -> np.ndarray:
        """Take the shift of its batch away from each sample; of a batch not seen, nothing.

        Parameters
        ----------
        features
            Shape (n_samples, n_features), in standard deviations.
        batch
            Name of each sample's batch (n_samples,).
        """
        position = {name: i for i, name in enumerate(self.names)}
        row = np.array([position.get(name, -1) for name in batch], dtype=np.int64)
        if (row < 0).all():
            return features
        corrected = features.copy()
        corrected[row >= 0] -= self.shift[row[row >= 0]]
        return corrected

    def extended(self, new: Mapping[str, np.ndarray]) -> BatchShifts:
        """Return the shifts with those of further batches, by name, beside them."""
        shift = np.concatenate([self.shift, *(vector[None] for vector in new.values())])
        return replace(self, names=[*self.names, *new], shift=shift)

    def shift_of(self, mean: np.ndarray, fraction: np.ndarray, n_samples: int) -> np.ndarray:
        """Predict the shift of a batch that was not seen in training.

        Parameters
        ----------
        mean
            Of its samples' features (n_features,).
        fraction
            Share of each class among them (n_classes,).
        n_samples
            How many they are; the fewer, the closer the shift is to 0.

        Returns
        -------
        numpy.ndarray
            The best linear unbiased prediction (BLUP), float32 of shape (n_features,).
        """
        weight = n_samples * self.ratio / (n_samples * self.ratio + 1)
        expected = (fraction - self.fraction) @ self.effect
        return (weight * (mean - expected)).astype(np.float32)

    def state(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """Return everything as JSON-ready values and arrays, to be saved."""
        values = {
            "names": self.names,
            "classes": self.classes,
            "fraction": self.fraction.tolist(),
            "ratio": self.ratio,
        }
        return values, {"batch_shift": self.shift, "class_effect": self.effect}

    @classmethod
    def from_state(cls, values: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> BatchShifts:
        """Build the shifts that `state` described."""
        return cls(
            names=list(values["names"]),
            shift=arrays["batch_shift"],
            classes=list(values["classes"]),
            fraction=np.array(values["fraction"]),
            effect=arrays["class_effect"],
            ratio=values["ratio"],
        )


def no_shifts(n_features: int) -> BatchShifts:
    """Return the correction that changes nothing."""
    none = np.zeros((0, n_features), dtype=np.float32)
    return BatchShifts([], none, [], np.zeros(0), none, 0.0)


class BatchSums:
    """Sums of log values over the classes of each batch: all that the mixed model needs.

    Parameters
    ----------
    batch, label
        Names of each training sample's batch and class, in the order in which samples will come.
    n_features
        Number of features.
    """

    def __init__(self, batch: np.ndarray, label: np.ndarray, n_features: int) -> None:
        self.batches, self._batch = group_equal(batch)
        self.classes, self._label = group_equal(label)
        pairs = self._batch * len(self.classes) + self._label
        self._pairs, self._pair = group_equal(pairs)
        self._done = 0
        self._sums, self._known = (np.zeros((len(self._pairs), n_features)) for _ in range(2))

    def add(self, values: np.ndarray) -> None:
        """Add the next training samples, (n, n_features), NaN where missing."""
        pairs = self._pair[self._done : self._done + len(values)]
        self._done += len(values)
        for pair in np.unique(pairs):
            members = values[pairs == pair].astype(np.float64)
            self._sums[pair] += np.nansum(members, axis=0)
            self._known[pair] += (~np.isnan(members)).sum(axis=0)

    def fit(self, mean: np.ndarray, sd: np.ndarray) -> tuple[BatchShifts, np.ndarray, np.ndarray]:
        """Fit the mixed model.

        Parameters
        ----------
        mean, sd
            Of the log values of each feature over the training samples (n_features,).

        Returns
        -------
        shifts, mean, sd
            The shifts, and the moments of the training samples' log values without them.
        """
        model = _MixedModel(self._batch, self._label, *self._standardised(mean, sd))
        ratio = model.likeliest_ratio()
        if ratio == 0:
            return no_shifts(len(mean)), mean, sd
        shift, effect = model.solve(ratio)
        centre, left = model.moments_without(shift)
        fraction = np.bincount(self._label) / len(self._label)
        shifts = BatchShifts(
            names=[str(name) for name in self.batches],
            shift=(shift / left).astype(np.float32),
            classes=[str(name) for name in self.classes],
            fraction=fraction,
            effect=((effect - fraction @ effect) / left).astype(np.float32),
            ratio=ratio,
        )
        return shifts, mean + centre * sd, left * sd

    def _standardised(self, mean: np.ndarray, sd: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return sums over batches, then classes, of standardised values, and of their squares.

        A missing entry counts as the mean of its class in its batch, or as that of all samples.
        """
        size = np.bincount(self._pair)[:, None]
        known = self._known
        of_pair = np.where(known > 0, self._sums / np.maximum(known, 1) - mean, 0) / sd
        sums = np.zeros((len(self.batches) + len(self.classes), len(mean)))
        batch, label = np.divmod(self._pairs, len(self.classes))
        np.add.at(sums, batch, size * of_pair)
        np.add.at(sums, len(self.batches) + label, size * of_pair)
        return sums, (known + (size - known) * of_pair**2).sum(axis=0)


class _MixedModel:
    """Henderson's equations [1]_ for many features with one design: batches random, classes fixed.

    Parameters
    ----------
    batch, label
        Numbers of each sample's batch and class.
    sums
        Of the values over each batch and then each class (n_batches + n_classes, n_features).
    square
        Sum of their squares (n_features,), that of a constant feature as if it varied.

    References
    ----------
    .. [1] Henderson (1975), Best linear unbiased estimation and prediction under a selection
       model, Biometrics 31.
    """

    def __init__(
        self, batch: np.ndarray, label: np.ndarray, sums: np.ndarray, square: np.ndarray
    ) -> None:
        self._n, self._sums, self._square = len(batch), sums, square
        self._in_batch = np.bincount(batch).astype(np.float64)
        self._joint = np.zeros((len(self._in_batch), label.max() + 1))
        np.add.at(self._joint, (batch, label), 1.0)
        self._in_class = self._joint.sum(axis=0)
        # A feature that is constant says nothing of the variances.
        varies = (sums != 0).any(axis=0)
        self._varying, self._square_of_varying = sums[:, varies], square[varies]

    def _equations(self, ratio: float) -> np.ndarray:
        shrunk = np.diag(self._in_batch + 1 / ratio)
        return np.block([[shrunk, self._joint], [self._joint.T, np.diag(self._in_class)]])

    def solve(self, ratio: float) -> tuple[np.ndarray, np.ndarray]:
        """Return the shift of each batch and the mean of each class, per feature."""
        solution = np.linalg.solve(self._equations(ratio), self._sums)
        return solution[: len(self._in_batch)], solution[len(self._in_batch) :]

    def likeliest_ratio(self) -> float:
        """Return the ratio of variances with the largest restricted likelihood (REML)."""
        low, high = np.log(RATIO_RANGE)
        found = minimize_scalar(lambda x: self._deviance(np.exp(x)), bounds=(low, high))
        # Where batches and classes are the same, every ratio is as likely as none.
        gain = self._deviance(0.0) - found.fun
        return float(np.exp(found.x)) if gain > 1e-3 else 0.0

    def _deviance(self, ratio: float) -> float:
        """Return -2 log restricted likelihood, averaged over features, noise profiled out."""
        if ratio > 0:
            solution = np.linalg.solve(self._equations(ratio), self._varying)
            weight = self._joint.T / (self._in_batch + 1 / ratio) @ self._joint
        else:
            n_batches = len(self._in_batch)
            solution = np.zeros_like(self._varying)
            solution[n_batches:] = self._varying[n_batches:] / self._in_class[:, None]
            weight = np.zeros((len(self._in_class),) * 2)
        left = self._square_of_varying - (self._varying * solution).sum(axis=0)
        volume = np.log1p(ratio * self._in_batch).sum()
        volume += np.linalg.slogdet(np.diag(self._in_class) - weight)[1]
        degrees = self._n - len(self._in_class)
        return float(degrees * np.log(np.maximum(left, 1e-9)).mean() + volume)

    def moments_without(self, shift: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return mean and standard deviation of the values once the shifts are taken away."""
        size, sums = self._in_batch[:, None], self._sums[: len(shift)]
        centre = (sums - size * shift).sum(axis=0) / self._n
        square = self._square + (size * shift**2 - 2 * shift * sums).sum(axis=0)
        variance = square / self._n - centre**2
        return centre, np.sqrt(np.maximum(variance, 1e-12))
