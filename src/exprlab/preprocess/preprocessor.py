"""From values of a cohort to a model's inputs: gene filter, common scale, standardising, batches.

Everything is learnt from training samples by `fit_preprocessor` and frozen in a `Preprocessor`,
so that validation, test and new samples cannot influence their own inputs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from exprlab.config.steps import PreprocessConfig
from exprlab.errors import UserError
from exprlab.keys import COUNTS, TPM
from exprlab.preprocess.arrays import ValueScale, ValueSums
from exprlab.preprocess.batches import BatchShifts, BatchSums, no_shifts
from exprlab.preprocess.counts import CountScale, CountSums
from exprlab.preprocess.passes import Blocks, moments, regrouped
from exprlab.preprocess.size_factors import estimated_library_sizes, library_sizes
from exprlab.preprocess.variable_genes import most_variable


@dataclass(frozen=True)
class Preprocessor:
    """A fitted, frozen preprocessing.

    Attributes
    ----------
    values
        What the numbers of a sample are, one of `keys.VALUES`: int32 counts with missing entries
        -1, or float32 of another kind with missing entries NaN.
    config
        The settings.
    genes
        Ids of the genes of an input sample that are used, in the order of the arrays below.
    scale
        How their values become comparable logarithms.
    keep
        Which of these genes become features (n_used,); the others serve the scale only.
    mean, sd
        Of the log values of each feature over the training samples, the shifts of their batches
        taken away (n_features,).
    batches
        The shifts of the batches.
    library_range
        Least and most reads of these genes in a training sample; (0, 0) if values are no counts.
    """

    values: str
    config: PreprocessConfig
    genes: list[str]
    scale: CountScale | ValueScale
    keep: np.ndarray
    mean: np.ndarray
    sd: np.ndarray
    batches: BatchShifts
    library_range: tuple[int, int]

    @property
    def features(self) -> list[str]:
        """Ids of the genes that become features."""
        return [gene for gene, kept in zip(self.genes, self.keep, strict=True) if kept]

    def depth(self, values: np.ndarray) -> np.ndarray:
        """Return how deeply samples were sequenced, in reads; 0 where it cannot be told.

        Of other values than counts 1, and 0 for a sample of which nothing is known.

        Parameters
        ----------
        values
            Of `genes`, shape (n_samples, n_used).
        """
        return self.scale.depth(values)

    def library_sizes(self, counts: np.ndarray) -> np.ndarray:
        """Return the reads that samples would have without missing entries; only of counts."""
        return estimated_library_sizes(counts, self.scale.share)

    def log_values(self, values: np.ndarray) -> np.ndarray:
        """Return the values as comparable logarithms, NaN where missing.

        Parameters
        ----------
        values
            Of `genes`, shape (n_samples, n_used).

        Returns
        -------
        numpy.ndarray
            float32 of shape (n_samples, n_features); `scale.per_doubling` tells the base.

        Raises
        ------
        UndefinedSizeFactor
            If the depth of a sample cannot be told.
        """
        return self.scale.log_values(values, self.keep)

    def transform(self, values: np.ndarray) -> np.ndarray:
        """Return the model's inputs: log values, centred, scaled and clipped.

        Shapes as in `log_values`. A missing entry becomes 0, the training mean. The shift of a
        sample's batch is still in; `batches.remove` takes it away.
        """
        scaled = (self.log_values(values) - self.mean) / self.sd
        np.clip(scaled, -self.config.clip, self.config.clip, out=scaled)
        return np.nan_to_num(scaled, copy=False, nan=0.0)

    def state(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """Return everything as JSON-ready values and arrays, to be saved."""
        batches, shifts = self.batches.state()
        scale, learnt = self.scale.state()
        values = {
            "values": self.values,
            "config": self.config.settings(),
            "genes": self.genes,
            "scale": scale,
            "library_range": list(self.library_range),
            "batches": batches,
        }
        arrays = {"mean": self.mean, "sd": self.sd, "keep": self.keep.astype(np.uint8)}
        return values, {**arrays, **learnt, **shifts}

    @classmethod
    def from_state(
        cls, values: Mapping[str, Any], arrays: Mapping[str, np.ndarray]
    ) -> Preprocessor:
        """Build the preprocessing that `state` described."""
        kind, scale = values["values"], values["scale"]
        low, high = values["library_range"]
        return cls(
            values=kind,
            config=PreprocessConfig(**values["config"]),
            genes=list(values["genes"]),
            scale=CountScale.from_state(scale, arrays)
            if kind == COUNTS
            else ValueScale.from_state(kind, scale, arrays),
            keep=arrays["keep"].astype(bool),
            mean=arrays["mean"],
            sd=arrays["sd"],
            batches=BatchShifts.from_state(values["batches"], arrays),
            library_range=(low, high),
        )


def fit_preprocessor(
    blocks: Blocks,
    genes: list[str],
    config: PreprocessConfig,
    groups: tuple[np.ndarray, np.ndarray] | None = None,
    values: str = COUNTS,
) -> Preprocessor:
    """Learn the preprocessing from training samples in a few passes of bounded memory.

    Parameters
    ----------
    blocks
        Called once per pass; yields training samples of shape (n, n_genes). How many samples a
        block has changes no bit of what is learnt.
    genes
        Ids of the columns.
    config
        The settings.
    groups
        Names of each sample's batch and class, to correct for batches; None where batches are not
        known.
    values
        What the numbers are, one of `keys.VALUES`.

    Raises
    ------
    UserError
        If no gene passes the filter, or the size factors cannot be computed.
    """

    def again() -> Iterator[np.ndarray]:
        return regrouped(blocks())

    n_genes = len(genes)
    sums = CountSums(n_genes, config) if values == COUNTS else ValueSums(n_genes, config, values)
    for block in again():
        sums.add(block)
    keep = _kept(sums.seen, sums.n_samples, config, values)
    scale, used = sums.fit(again, keep)

    def used_values() -> Iterator[np.ndarray]:
        return (block[:, used] for block in again())

    start = Preprocessor(
        values=values,
        config=config,
        genes=[gene for gene, use in zip(genes, used, strict=True) if use],
        scale=scale,
        keep=_variable(scale, keep[used], used_values, config.n_top_genes),
        mean=np.zeros(0, dtype=np.float32),
        sd=np.zeros(0, dtype=np.float32),
        batches=no_shifts(0),
        library_range=(0, 0),
    )
    return _standardised(start, used_values, groups)


def _kept(seen: np.ndarray, n_samples: int, config: PreprocessConfig, values: str) -> np.ndarray:
    """Return which genes enough training samples have."""
    if n_samples == 0:
        raise UserError("preprocess: there are no training samples")
    # 7 of 100 samples are 7%, although 0.07 * 100 is a little more than 7.
    keep = seen >= config.min_fraction * n_samples * (1 - 1e-9)
    if not keep.any():
        has, lower = {
            COUNTS: (f"{config.min_count} reads", "preprocess.min_count or "),
            TPM: (f"{config.min_tpm:g} TPM", "preprocess.min_tpm or "),
        }.get(values, ("a value", ""))
        raise UserError(
            f"preprocess: no gene has {has} in {config.min_fraction:.0%} of the training samples; "
            f"lower {lower}preprocess.min_fraction"
        )
    return keep


def _variable(
    scale: CountScale | ValueScale, keep: np.ndarray, used_values: Blocks, n_top_genes: int
) -> np.ndarray:
    """Return which genes are kept of those that pass the filter."""
    if not 0 < n_top_genes < keep.sum():
        return keep
    score = scale.variability(used_values, keep)
    if score is None:
        score = moments(scale.log_values(block, keep) for block in used_values())[1]
    chosen = keep.copy()
    chosen[keep] = most_variable(score, n_top_genes)
    return chosen


def _standardised(
    start: Preprocessor, used_values: Blocks, groups: tuple[np.ndarray, np.ndarray] | None
) -> Preprocessor:
    """Learn mean, standard deviation and the shifts of batches in one pass."""
    sizes: list[np.ndarray] = []
    sums = BatchSums(*groups, int(start.keep.sum())) if _corrects(start.config, groups) else None

    def log_values() -> Iterator[np.ndarray]:
        for block in used_values():
            sizes.append(library_sizes(block) if start.values == COUNTS else np.zeros(1))
            values = start.log_values(block)
            if sums:
                sums.add(values)
            yield values

    mean, sd, _ = moments(log_values())
    # A gene that is constant in training carries nothing; scaling it by 1 keeps it at 0.
    sd = np.where(sd > 1e-6, sd, 1.0)
    batches = no_shifts(len(mean))
    if sums:
        batches, mean, sd = sums.fit(mean, sd)
    size = np.concatenate(sizes)
    return replace(
        start,
        mean=mean.astype(np.float32),
        sd=sd.astype(np.float32),
        batches=batches,
        library_range=(int(size.min()), int(size.max())),
    )


def _corrects(config: PreprocessConfig, groups: tuple[np.ndarray, np.ndarray] | None) -> bool:
    """Return whether there are batches to tell apart, and the settings want it."""
    return config.batch_correction == "centre" and groups is not None and len(set(groups[0])) > 1
