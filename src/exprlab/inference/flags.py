"""What is odd about a sample, in words."""

from __future__ import annotations

import numpy as np

from exprlab.inference.domain import Domain
from exprlab.keys import COUNTS
from exprlab.preprocess.preprocessor import Preprocessor

# A library this many times outside the range of the training samples is flagged.
LIBRARY_MARGIN = 2.0
# A share of genes at 0 that is this far outside the range of the training samples is flagged.
ZEROS_MARGIN = 0.05
# Up to this share of its values, a sample of a complete table is not flagged for those missing.
FEW_MISSING = 0.05
OUTSIDE = "outside what the model was trained on"


class Flags:
    """The checks of a sample against the training samples.

    Parameters
    ----------
    preprocessor, domain
        Of the model.
    n_missing
        How many of the model's genes the table lacks.
    """

    def __init__(self, preprocessor: Preprocessor, domain: Domain, n_missing: int) -> None:
        self._preprocessor, self._domain, self._n_missing = preprocessor, domain, n_missing

    def words(
        self,
        used: np.ndarray,
        complete: np.ndarray,
        readable: np.ndarray,
        distance: np.ndarray,
        batch: np.ndarray,
    ) -> list[str]:
        """Return each sample's flags, separated by "; ".

        Parameters
        ----------
        used
            Values of the model's genes (n_samples, n_genes).
        complete
            Whether so few of them are missing that the sample can be predicted (n_samples,).
        readable
            Whether the sample is complete and its depth can be told (n_samples,).
        distance
            From the training samples, NaN where not readable (n_samples,).
        batch
            Name of its batch, "" where it has none.
        """
        n = len(used)
        seen = self._preprocessor.batches.names
        new = ~np.isin(batch, seen) if seen else np.zeros(n, dtype=bool)
        missing = np.rint((1 - known_share(used)) * used.shape[1]).astype(int)
        # A value here and there may be missing, as in training.
        missing[missing <= FEW_MISSING * used.shape[1]] = self._n_missing
        flags = {
            OUTSIDE: self._domain.outside(distance),
            **{f"{k} genes missing": missing == k for k in sorted(set(missing.tolist()) - {0})},
            "too many genes missing to predict": ~complete,
            **self._of_libraries(used, readable),
            **self._of_zeros(used, readable),
            "batch not in training": new & (batch != ""),
            "batch not named": new & (batch == ""),
            "too few reads to predict": complete & ~readable,
        }
        return ["; ".join(word for word, found in flags.items() if found[row]) for row in range(n)]

    def _of_libraries(self, used: np.ndarray, readable: np.ndarray) -> dict[str, np.ndarray]:
        if self._preprocessor.values != COUNTS:  # other values have no library
            return {}
        low, high = self._preprocessor.library_range
        size = self._preprocessor.library_sizes(used)
        return {
            "library smaller than in training": readable & (size < low / LIBRARY_MARGIN),
            "library larger than in training": size > high * LIBRARY_MARGIN,
        }

    def _of_zeros(self, used: np.ndarray, readable: np.ndarray) -> dict[str, np.ndarray]:
        low, high = self._domain.zeros
        share = zero_share(used)
        return {
            "more genes at 0 than in training": readable & (share > high + ZEROS_MARGIN),
            "fewer genes at 0 than in training": readable & (share < low - ZEROS_MARGIN),
        }


def zero_share(used: np.ndarray) -> np.ndarray:
    """Return the share of the measured values that are 0 (n_samples,); 0 where none is measured."""
    return (used == 0).mean(axis=1) / np.maximum(known_share(used), 1e-9)


def known_share(values: np.ndarray) -> np.ndarray:
    """Return the share of the values that are not missing (n_samples,)."""
    known = values >= 0 if values.dtype.kind == "i" else ~np.isnan(values)
    return known.mean(axis=1)
