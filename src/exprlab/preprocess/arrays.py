"""From TPM, logarithms and intensities to comparable logarithms."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.stats import rankdata

from exprlab.config.steps import PreprocessConfig
from exprlab.data.floor import Floor
from exprlab.keys import INTENSITY, TPM
from exprlab.preprocess.passes import Blocks


@dataclass(frozen=True)
class ValueScale:
    """What brings values that are no counts to a common scale, learnt from training samples.

    Attributes
    ----------
    values
        Their kind: tpm, log2 or intensity.
    normalisation
        How arrays are made comparable: quantile, median or none.
    floor
        Intensity that smaller ones are raised to before the logarithm; 0 for other kinds.
    target
        What arrays are brought to (n_target,): the quantiles of a training array, in increasing
        order, the mean median of the training arrays, or nothing.
    """

    values: str
    normalisation: str
    floor: float
    target: np.ndarray

    @property
    def per_doubling(self) -> float:
        """How much a log value grows when a large value doubles."""
        return float(np.log(2)) if self.values == TPM else 1.0

    def depth(self, values: np.ndarray) -> np.ndarray:
        """Return 1 for each sample of which something is known and 0 for the others."""
        return (~np.isnan(values)).any(axis=1).astype(np.float64)

    def log_values(self, values: np.ndarray, keep: np.ndarray) -> np.ndarray:
        """Return log1p of TPM, or log2 values after normalisation between arrays."""
        if self.values == TPM:
            return np.log1p(np.maximum(values[:, keep], 0)).astype(np.float32)
        logs = self._logs(values)
        if self.normalisation == "quantile":
            logs = _with_quantiles(logs, self.target)
        elif self.normalisation == "median":
            logs = logs - (_medians(logs) - self.target[0])[:, None]
        return logs[:, keep].astype(np.float32)

    def variability(self, blocks: Blocks, keep: np.ndarray) -> None:
        """Leave it to the variance of log values to tell how variable genes are."""

    def _logs(self, values: np.ndarray) -> np.ndarray:
        values = values.astype(np.float64)
        return np.log2(np.maximum(values, self.floor)) if self.values == INTENSITY else values

    def fitted(self, blocks: Blocks) -> ValueScale:
        """Return the scale with the target that the training samples give it, in one pass."""
        if self.normalisation == "none" or self.values == TPM:
            return self
        total: Any = 0.0
        n = 0
        for block in blocks():
            logs = self._logs(block)
            logs = logs[~np.isnan(logs).all(axis=1)]
            of_samples = _quantiles(logs) if self.normalisation == "quantile" else _medians(logs)
            total, n = total + of_samples.sum(axis=0), n + len(logs)
        target = np.atleast_1d(total / max(n, 1))
        return ValueScale(self.values, self.normalisation, self.floor, target)

    def state(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """Return everything as JSON-ready values and arrays, to be saved."""
        values = {"normalisation": self.normalisation, "floor": self.floor}
        return values, {"target": self.target}

    @classmethod
    def from_state(
        cls, kind: str, values: Mapping[str, Any], arrays: Mapping[str, np.ndarray]
    ) -> ValueScale:
        """Build the scale that `state` described, of a kind of values."""
        return cls(values=kind, **values, target=arrays["target"])


class ValueSums:
    """What the first pass over training values tells: genes that were measured, and the floor.

    Attributes
    ----------
    seen
        Samples in which each gene counts as seen (n_genes,): of TPM those with enough, of others
        those in which it is not missing.
    n_samples
        Number of samples so far.
    """

    def __init__(self, n_genes: int, config: PreprocessConfig, values: str) -> None:
        self._config, self._values = config, values
        self._floor = Floor()
        self.seen = np.zeros(n_genes, dtype=np.int64)
        self.n_samples = 0

    def add(self, values: np.ndarray) -> None:
        """Take in values of shape (n_samples, n_genes)."""
        seen = values >= self._config.min_tpm if self._values == TPM else ~np.isnan(values)
        self.seen += seen.sum(axis=0)
        self.n_samples += len(values)
        if self._values == INTENSITY:
            self._floor.add(values)

    def fit(self, blocks: Blocks, keep: np.ndarray) -> tuple[ValueScale, np.ndarray]:
        """Fit the scale; the genes kept are all that it needs."""
        floor = self._floor.value() if self._values == INTENSITY else 0.0
        normalisation = "none" if self._values == TPM else self._config.array_normalisation
        scale = ValueScale(self._values, normalisation, floor, np.zeros(0))

        def kept() -> Iterator[np.ndarray]:
            return (block[:, keep] for block in blocks())

        return scale.fitted(kept), keep


def _medians(logs: np.ndarray) -> np.ndarray:
    """Return the median of each row's known values; 0 where none is known."""
    found = np.zeros(len(logs))
    known = ~np.isnan(logs).all(axis=1)
    found[known] = np.nanmedian(logs[known], axis=1)
    return found


def _quantiles(logs: np.ndarray) -> np.ndarray:
    """Return each row sorted; one with missing values is stretched over the whole length."""
    ordered = np.sort(logs, axis=1)  # NaN last
    known = (~np.isnan(logs)).sum(axis=1)
    place = np.linspace(0, 1, logs.shape[1])
    for row in np.flatnonzero(known < logs.shape[1]):
        values = ordered[row, : known[row]]
        ordered[row] = np.interp(place, np.linspace(0, 1, len(values)), values)
    return ordered


def _with_quantiles(logs: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Return values that have the ranks of each row and the quantiles of the target.

    Equal values share the mean of their ranks, as in limma's normalizeQuantiles.
    """
    rank = rankdata(logs, axis=1, nan_policy="omit")
    known = (~np.isnan(logs)).sum(axis=1, keepdims=True)
    place = np.where(known > 1, (rank - 1) / np.maximum(known - 1, 1), 0.5)
    found = np.interp(place, np.linspace(0, 1, len(target)), target)
    return np.where(np.isnan(logs), np.nan, found)
