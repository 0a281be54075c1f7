"""From raw counts to comparable logarithms: sequencing depth is removed, then comes the log."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from exprlab.config.steps import PreprocessConfig
from exprlab.keys import MISSING_COUNT
from exprlab.preprocess.passes import Blocks
from exprlab.preprocess.size_factors import (
    GeometricMean,
    UndefinedSizeFactor,
    estimated_library_sizes,
    median_of_ratios,
    upper_quartiles,
)
from exprlab.preprocess.tmm import tmm_factors
from exprlab.preprocess.variable_genes import standardised_variance
from exprlab.preprocess.vst import TREND_SAMPLES, dispersion_trend, stabilised, trend_genes


@dataclass(frozen=True)
class CountScale:
    """What brings counts to a common scale, learnt from training samples.

    Attributes
    ----------
    size_factors, transform
        The settings.
    reference
        Of each used gene (n_used,): its geometric mean over the training samples, 0 where unused
        (median_of_ratios); its reads in the training sample that others are compared with (tmm);
        else 0.
    share
        Share of the training reads that each gene has (n_used,); sums to 1.
    library_size
        Mean reads of these genes per training sample. Other genes never count, so that a sample's
        inputs are the same whatever else was measured beside them.
    usual_factor
        Geometric mean over the training samples of what tmm or upper_quartile multiply a library
        size by, so that it is 1 in the middle of them.
    trend
        a0 and a1 of dispersion = a0 + a1 / mean, for the transform vst.
    """

    size_factors: str
    transform: str
    reference: np.ndarray
    share: np.ndarray
    library_size: float
    usual_factor: float = 1.0
    trend: tuple[float, float] | None = None

    @property
    def per_doubling(self) -> float:
        """How much a log value grows when a large count doubles."""
        return 1.0 if self.transform == "vst" else float(np.log(2))

    def depth(self, counts: np.ndarray) -> np.ndarray:
        """Return how deeply samples were sequenced, in reads; 0 where it cannot be told."""
        if self.size_factors == "none":
            return np.full(len(counts), self.library_size)
        if self.size_factors == "median_of_ratios":
            return median_of_ratios(counts, self.reference) * self.library_size
        sizes = np.maximum(estimated_library_sizes(counts, self.share), 1.0)
        if self.size_factors == "tmm":
            return sizes * tmm_factors(counts, sizes, self.reference) / self.usual_factor
        if self.size_factors == "upper_quartile":
            return upper_quartiles(counts) / self.usual_factor
        return sizes

    def log_values(self, counts: np.ndarray, keep: np.ndarray) -> np.ndarray:
        """Return log1p of counts per million at equal depth, or stabilised counts.

        Raises
        ------
        UndefinedSizeFactor
            If the depth of a sample cannot be told.
        """
        depth, kept = self._known_depth(counts), counts[:, keep]
        if self.trend is None:
            per_million = (1e6 / depth).astype(np.float32)
            values = np.log1p(np.maximum(kept, 0).astype(np.float32) * per_million[:, None])
        else:
            scale = self.library_size / depth[:, None]
            values = stabilised(np.maximum(kept, 0) * scale, self.trend).astype(np.float32)
        if (kept == MISSING_COUNT).any():
            values[kept == MISSING_COUNT] = np.nan
        return values

    def equal_depth(self, counts: np.ndarray, keep: np.ndarray) -> np.ndarray:
        """Return counts as of a sample of the mean library, float64, NaN where missing."""
        scale = self.library_size / self._known_depth(counts)
        kept = counts[:, keep]
        return np.where(kept == MISSING_COUNT, np.nan, kept * scale[:, None])

    def variability(self, blocks: Blocks, keep: np.ndarray) -> np.ndarray | None:
        """Return how variable genes are for their mean; None where log values tell it better."""
        if self.transform == "vst":
            return None
        return standardised_variance(lambda: (self.equal_depth(b, keep) for b in blocks()))

    def _known_depth(self, counts: np.ndarray) -> np.ndarray:
        depth = self.depth(counts)
        if not (depth > 0).all():
            row = int(np.argmin(depth > 0))
            median = self.size_factors == "median_of_ratios"
            n_genes = int((self.reference > 0).sum()) if median else len(self.share)
            raise UndefinedSizeFactor(row, f"sample {row + 1}", self.size_factors, n_genes)
        return depth

    def state(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """Return everything as JSON-ready values and arrays, to be saved."""
        values = {
            "size_factors": self.size_factors,
            "transform": self.transform,
            "library_size": self.library_size,
            "usual_factor": self.usual_factor,
            "trend": None if self.trend is None else list(self.trend),
        }
        return values, {"reference": self.reference, "share": self.share}

    @classmethod
    def from_state(cls, values: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> CountScale:
        """Build the scale that `state` described."""
        trend = values["trend"]
        return cls(
            **{**values, "trend": None if trend is None else (trend[0], trend[1])},
            reference=arrays["reference"],
            share=arrays["share"],
        )


class CountSums:
    """What the first pass over training counts tells of each gene.

    Attributes
    ----------
    seen, totals
        Samples with enough reads of it; all its reads (n_genes,).
    n_samples
        Number of samples so far.
    """

    def __init__(self, n_genes: int, config: PreprocessConfig) -> None:
        self._config = config
        self._mean = GeometricMean(n_genes) if config.size_factors == "median_of_ratios" else None
        self.seen, self.totals = (np.zeros(n_genes, dtype=np.int64) for _ in range(2))
        self.n_samples = 0

    def add(self, counts: np.ndarray) -> None:
        """Take in counts of shape (n_samples, n_genes)."""
        self.seen += (counts >= self._config.min_count).sum(axis=0)
        self.totals += np.maximum(counts, 0).sum(axis=0, dtype=np.int64)
        self.n_samples += len(counts)
        if self._mean:
            self._mean.add(counts)

    def fit(self, blocks: Blocks, keep: np.ndarray) -> tuple[CountScale, np.ndarray]:
        """Fit the scale, in as many further passes as the settings take.

        Parameters
        ----------
        blocks
            A pass over the training counts of all genes.
        keep
            Which genes pass the filter (n_genes,).

        Returns
        -------
        scale, used
            The scale, and which genes it needs: those kept and those that tell the depth.
        """
        reference = self._mean.value() if self._mean else np.zeros(len(keep))
        used = keep | (reference > 0)
        totals = self.totals[used]
        scale = CountScale(
            size_factors=self._config.size_factors,
            transform=self._config.transform,
            reference=reference[used],
            share=totals / max(totals.sum(), 1),
            library_size=float(totals.sum() / self.n_samples),
        )

        def used_counts() -> Iterator[np.ndarray]:
            return (block[:, used] for block in blocks())

        if scale.size_factors == "tmm":
            scale = replace(scale, reference=reference_sample(used_counts, scale.share))
        if scale.size_factors in ("tmm", "upper_quartile"):
            scale = replace(scale, usual_factor=usual_factor(scale, used_counts))
        if scale.transform == "vst":
            scale = replace(scale, trend=self._trend(scale, used_counts, keep[used], totals))
        return scale, used

    def _trend(
        self, scale: CountScale, used_counts: Blocks, keep: np.ndarray, totals: np.ndarray
    ) -> tuple[float, float]:
        """Fit the dispersion trend on evenly spaced genes and samples."""
        genes = trend_genes(np.where(keep, totals / self.n_samples, 0.0))
        every, start, counts, factors = -(-self.n_samples // TREND_SAMPLES), 0, [], []
        for block in used_counts():
            chosen = block[(np.arange(start, start + len(block)) % every) == 0]
            start += len(block)
            if len(chosen):
                counts.append(chosen[:, genes])
                factors.append(scale.depth(chosen) / scale.library_size)
        counts, factors = np.concatenate(counts), np.concatenate(factors)
        return dispersion_trend(counts[factors > 0], factors[factors > 0])


def usual_factor(scale: CountScale, used_counts: Blocks) -> float:
    """Return the geometric mean of depth over library size, of samples that have both."""
    logs = []
    for block in used_counts():
        depth, size = scale.depth(block), estimated_library_sizes(block, scale.share)
        known = (depth > 0) & (size > 0)
        logs.append(np.log(depth[known] / size[known]))
    return float(np.exp(np.concatenate(logs).mean())) if any(map(len, logs)) else 1.0


def reference_sample(used_counts: Blocks, share: np.ndarray) -> np.ndarray:
    """Return the counts of the training sample whose upper quartile is nearest to the mean one.

    Upper quartiles are of counts relative to the library; edgeR chooses its reference so.
    """
    relative = np.concatenate(
        [
            upper_quartiles(block) / np.maximum(estimated_library_sizes(block, share), 1.0)
            for block in used_counts()
        ]
    )
    place = int(np.argmin(np.abs(relative - relative.mean())))
    for block in used_counts():
        if place < len(block):
            return np.maximum(block[place], 0).astype(np.float64)
        place -= len(block)
    raise ValueError("the second pass had fewer samples than the first")
