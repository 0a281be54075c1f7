"""From counts to network inputs: gene filter, size factors, log1p, scaling, batches.

Everything is learnt from training samples by `fit_preprocessor` and frozen in a `Preprocessor`,
so that validation, test and new samples cannot influence their own inputs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from exprlab.config.steps import PreprocessConfig
from exprlab.errors import UserError
from exprlab.keys import MISSING_COUNT
from exprlab.preprocess.batches import BatchShifts, BatchSums, no_shifts
from exprlab.preprocess.size_factors import (
    GeometricMean,
    UndefinedSizeFactor,
    estimated_library_sizes,
    library_sizes,
    median_of_ratios,
)

# A pass over the training counts: blocks of shape (n_samples, n_genes).
Blocks = Callable[[], Iterator[np.ndarray]]


@dataclass(frozen=True)
class Preprocessor:
    """A fitted, frozen preprocessing.

    Attributes
    ----------
    config
        The settings.
    genes
        Ids of the genes of an input sample that are used, in the order of the arrays below.
    reference
        Geometric mean count of each gene over the training samples, 0 where unused (n_used,).
    share
        Share of the training reads that each gene has (n_used,); sums to 1.
    keep
        Which of these genes become features (n_used,); the others serve the size factors only.
    mean, sd
        Of the log counts of each feature over the training samples, the shifts of their batches
        taken away (n_features,).
    batches
        The shifts of the batches.
    library_size
        Mean reads of these genes per training sample.
    library_range
        Least and most reads of these genes in a training sample. Other genes never count, so that
        a sample's inputs are the same whatever else was measured beside them.
    """

    config: PreprocessConfig
    genes: list[str]
    reference: np.ndarray
    share: np.ndarray
    keep: np.ndarray
    mean: np.ndarray
    sd: np.ndarray
    batches: BatchShifts
    library_size: float
    library_range: tuple[int, int]

    @property
    def features(self) -> list[str]:
        """Ids of the genes that become features."""
        return [gene for gene, kept in zip(self.genes, self.keep, strict=True) if kept]

    def depth(self, counts: np.ndarray) -> np.ndarray:
        """Return how deeply samples were sequenced, in reads; 0 where it cannot be told.

        Parameters
        ----------
        counts
            Of `genes`, shape (n_samples, n_used), missing entries -1.
        """
        if self.config.size_factors == "median_of_ratios":
            return median_of_ratios(counts, self.reference) * self.library_size
        return np.maximum(estimated_library_sizes(counts, self.share), 1.0)

    def log_counts(self, counts: np.ndarray) -> np.ndarray:
        """Return log1p of counts per million at equal depth, NaN where missing.

        Parameters
        ----------
        counts
            Of `genes`, shape (n_samples, n_used), missing entries -1.

        Returns
        -------
        numpy.ndarray
            float32 of shape (n_samples, n_features), natural logarithm.

        Raises
        ------
        UndefinedSizeFactor
            If the depth of a sample cannot be told.
        """
        depth = self.depth(counts)
        if not (depth > 0).all():
            row = int(np.argmin(depth > 0))
            raise UndefinedSizeFactor(row, f"sample {row + 1}", int((self.reference > 0).sum()))
        per_million = (1e6 / depth).astype(np.float32)
        kept = counts[:, self.keep]
        values = np.log1p(np.maximum(kept, 0).astype(np.float32) * per_million[:, None])
        if (kept == MISSING_COUNT).any():
            values[kept == MISSING_COUNT] = np.nan
        return values

    def transform(self, counts: np.ndarray) -> np.ndarray:
        """Return the network's inputs: log counts, centred, scaled and clipped.

        Shapes as in `log_counts`. A missing entry becomes 0, the training mean. The shift of a
        sample's batch is still in; `batches.remove` takes it away.
        """
        scaled = (self.log_counts(counts) - self.mean) / self.sd
        np.clip(scaled, -self.config.clip, self.config.clip, out=scaled)
        return np.nan_to_num(scaled, copy=False, nan=0.0)

    def state(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """Return everything as JSON-ready values and arrays, to be saved."""
        batches, shifts = self.batches.state()
        values = {
            "config": self.config.settings(),
            "genes": self.genes,
            "library_size": self.library_size,
            "library_range": list(self.library_range),
            "batches": batches,
        }
        names = ("reference", "share", "mean", "sd")
        arrays = {name: getattr(self, name) for name in names}
        return values, {**arrays, **shifts, "keep": self.keep.astype(np.uint8)}

    @classmethod
    def from_state(
        cls, values: Mapping[str, Any], arrays: Mapping[str, np.ndarray]
    ) -> Preprocessor:
        """Build the preprocessing that `state` described."""
        low, high = values["library_range"]
        return cls(
            config=PreprocessConfig(**values["config"]),
            genes=list(values["genes"]),
            reference=arrays["reference"],
            share=arrays["share"],
            keep=arrays["keep"].astype(bool),
            mean=arrays["mean"],
            sd=arrays["sd"],
            batches=BatchShifts.from_state(values["batches"], arrays),
            library_size=values["library_size"],
            library_range=(low, high),
        )


def fit_preprocessor(
    blocks: Blocks,
    genes: list[str],
    config: PreprocessConfig,
    groups: tuple[np.ndarray, np.ndarray] | None = None,
) -> Preprocessor:
    """Learn the preprocessing from training counts in two passes of bounded memory.

    Parameters
    ----------
    blocks
        Called once per pass; yields training counts of shape (n, n_genes), missing entries -1.
    genes
        Ids of the columns.
    config
        The settings.
    groups
        Names of each sample's batch and class, to correct for batches; None where batches are not
        known.

    Raises
    ------
    UserError
        If no gene passes the filter, or the size factors cannot be computed.
    """
    seen, reference, totals, n_samples = _first_pass(blocks, len(genes), config)
    # 7 of 100 samples are 7%, although 0.07 * 100 is a little more than 7.
    keep = seen >= config.min_fraction * n_samples * (1 - 1e-9)
    if not keep.any():
        raise UserError(
            f"preprocess: no gene has {config.min_count} reads in {config.min_fraction:.0%} of "
            "the training samples; lower preprocess.min_count or preprocess.min_fraction"
        )
    used = keep | (reference > 0)
    unscaled = Preprocessor(
        config=config,
        genes=[gene for gene, use in zip(genes, used, strict=True) if use],
        reference=reference[used],
        share=totals[used] / totals[used].sum(),
        keep=keep[used],
        mean=np.zeros(keep.sum(), dtype=np.float32),
        sd=np.ones(keep.sum(), dtype=np.float32),
        batches=no_shifts(keep.sum()),
        library_size=float(totals[used].sum() / n_samples),
        library_range=(0, 0),
    )
    sizes: list[np.ndarray] = []
    sums = BatchSums(*groups, keep.sum()) if _corrects(config, groups) else None

    def log_counts() -> Iterator[np.ndarray]:
        for block in blocks():
            counts = block[:, used]
            sizes.append(library_sizes(counts))
            values = unscaled.log_counts(counts)
            if sums:
                sums.add(values)
            yield values

    mean, sd = _moments(log_counts())
    # A gene that is constant in training carries nothing; scaling it by 1 keeps it at 0.
    sd = np.where(sd > 1e-6, sd, 1.0)
    batches = unscaled.batches
    if sums:
        batches, mean, sd = sums.fit(mean, sd)
    return replace(
        unscaled,
        mean=mean.astype(np.float32),
        sd=sd.astype(np.float32),
        batches=batches,
        library_range=(int(np.concatenate(sizes).min()), int(np.concatenate(sizes).max())),
    )


def _corrects(config: PreprocessConfig, groups: tuple[np.ndarray, np.ndarray] | None) -> bool:
    """Return whether there are batches to tell apart, and the settings want it."""
    return config.batch_correction == "centre" and groups is not None and len(set(groups[0])) > 1


def _first_pass(
    blocks: Blocks, n_genes: int, config: PreprocessConfig
) -> tuple[np.ndarray, np.ndarray, np.ndarray, int]:
    """Return per gene: samples with enough reads, reference, reads; and the number of samples."""
    seen, totals = np.zeros(n_genes, dtype=np.int64), np.zeros(n_genes, dtype=np.int64)
    mean = GeometricMean(n_genes)
    needs_reference = config.size_factors == "median_of_ratios"
    n_samples = 0
    for block in blocks():
        seen += (block >= config.min_count).sum(axis=0)
        totals += np.maximum(block, 0).sum(axis=0, dtype=np.int64)
        n_samples += len(block)
        if needs_reference:
            mean.add(block)
    if n_samples == 0:
        raise UserError("preprocess: there are no training samples")
    return seen, mean.value() if needs_reference else np.zeros(n_genes), totals, n_samples


def _moments(blocks: Iterator[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and standard deviation per column, NaN left out (Chan et al. 1979)."""
    n = mean = square = 0.0
    for block in blocks:
        values = block.astype(np.float64)
        known = ~np.isnan(values)
        n_block = known.sum(axis=0)
        mean_block = np.where(known, values, 0).sum(axis=0) / np.maximum(n_block, 1)
        square_block = (np.where(known, values - mean_block, 0) ** 2).sum(axis=0)
        total = np.maximum(n + n_block, 1)
        delta = mean_block - mean
        square = square + square_block + delta**2 * n * n_block / total
        mean = mean + delta * n_block / total
        n = n + n_block
    return mean, np.sqrt(square / np.maximum(n, 1))
