"""The oracle's verdict on a whole cohort, a block of samples at a time."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from exprlab import keys
from exprlab.data.design import Design
from exprlab.data.oracle import Oracle, Sample
from exprlab.data.posterior import of_recorded_label
from exprlab.data.simulate import NEW_COHORT, Simulator
from exprlab.data.streams import ORACLE, stream

# Samples whose verdict is computed a second time, by importance sampling.
N_CHECKED = 20
CHECK_DRAWS = 400
# Probabilities are kept to this many digits: without signal they are equal up to rounding errors,
# whose order must not count as a ranking.
DECIMALS = 9


@dataclass(frozen=True)
class Verdict:
    """What the oracle says about the n samples and G genes of a cohort of C classes.

    Attributes
    ----------
    true_class
        p(true class | counts), (n, C).
    recorded
        p(recorded label | counts), which is flatter where labels are wrong at times, (n, C).
    blind
        p(recorded label | counts) for an oracle that does not know the batches, (n, C); None
        where training has seen the batches.
    saliency
        Mean over samples of |d log odds / d log count| times the sd of the log count, (G,).
    n_drawn
        Samples that took importance sampling.
    n_checked, mean_error, largest_error
        How far an independent importance sampling was from `true_class`, on so many samples.
    """

    true_class: np.ndarray
    recorded: np.ndarray
    blind: np.ndarray | None
    saliency: np.ndarray
    n_drawn: int
    n_checked: int
    mean_error: float
    largest_error: float

    def tables(
        self, sample_ids: pd.Index, gene_ids: pd.Index
    ) -> tuple[pd.DataFrame, pd.DataFrame, dict[str, Any]]:
        """Return what is said of each sample, of each gene, and of the computation."""
        samples = {
            f"{prefix}{name}": column
            for prefix, table in (
                (keys.ORACLE_TRUE, self.true_class),
                (keys.ORACLE_RECORDED, self.recorded),
                (keys.ORACLE_BLIND, self.blind),
            )
            if table is not None
            for name, column in zip(keys.class_names(table.shape[1]), table.T, strict=True)
        }
        numbers = ("n_drawn", "n_checked", "mean_error", "largest_error")
        return (
            pd.DataFrame(samples, index=sample_ids),
            pd.DataFrame({keys.SALIENCY: self.saliency}, index=gene_ids),
            {name: getattr(self, name) for name in numbers},
        )


def judge(
    simulator: Simulator,
    design: Design,
    blocks: Iterable[tuple[int, np.ndarray]],
    workers: int = 1,
) -> Verdict:
    """Compute the posterior of every sample of a cohort.

    Parameters
    ----------
    simulator, design
        The world, and the cohort as `Simulator.design` draws it, from its first sample on.
    blocks
        First row and counts (rows, G) of consecutive samples, as `CountsFile.blocks` gives.
    workers
        Threads; they change no result.
    """
    bench = _Bench(simulator, design)
    with threadpool_limits(1, user_api="blas"), ThreadPoolExecutor(workers) as pool:
        for first, counts in blocks:
            rows = range(first, first + len(counts))
            bench.add(counts, list(pool.map(bench.judge, rows, counts)))
            checked = range(first, min(first + len(counts), N_CHECKED))
            bench.errors += pool.map(bench.check, checked, counts)
    return bench.verdict()


class _Bench:
    """The oracles of a cohort's batches, and what they have found so far."""

    def __init__(self, simulator: Simulator, design: Design) -> None:
        self.simulator, self.design = simulator, design
        self.first = simulator.batches[design.cohort].first
        n_batches = simulator.config.n_batches
        self.oracles = [Oracle(simulator, design.cohort, b) for b in range(n_batches)]
        unseen = design.cohort == NEW_COHORT and simulator.config.new_batches
        self.blind = Oracle(simulator, design.cohort, None) if unseen else None
        self.samples: list[np.ndarray] = []
        self.blind_samples: list[np.ndarray] = []
        self.errors: list[np.ndarray] = []
        self.n_drawn = 0
        self.slope, self.total, self.square = (np.zeros(simulator.genes.n_genes) for _ in range(3))

    def judge(self, row: int, counts: np.ndarray) -> tuple[Sample, np.ndarray | None]:
        """Judge one sample, and judge it blind to its batch where that is called for."""
        kept = self._kept(row, counts)
        found = self._oracle(row).sample(counts, kept, self._stream(row, 0))
        if self.blind is None:
            return found, None
        return found, self.blind.sample(counts, kept, self._stream(row, 0)).probability

    def check(self, row: int, counts: np.ndarray) -> np.ndarray:
        """Return how far another way to compute it is from a sample's probabilities."""
        kept, rng = self._kept(row, counts), self._stream(row, 1)
        other = self._oracle(row).sample(counts, kept, rng, CHECK_DRAWS, always_draw=True)
        return np.abs(other.probability - self.samples[row])

    def add(self, counts: np.ndarray, found: list[tuple[Sample, np.ndarray | None]]) -> None:
        """Keep what was found about a block of samples."""
        depth = np.where(counts > 0, counts, 0).sum(axis=1, keepdims=True)
        level = self.simulator.config.library_size / np.maximum(depth, 1)
        log_counts = np.log1p(np.maximum(counts, 0) * level)
        self.total += log_counts.sum(axis=0)
        self.square += (log_counts**2).sum(axis=0)
        for sample, blind in found:
            self.samples.append(sample.probability)
            self.slope += np.abs(sample.sensitivity).mean(axis=0)
            self.n_drawn += sample.effective_draws > 0
            if blind is not None:
                self.blind_samples.append(blind)

    def verdict(self) -> Verdict:
        """Return what all samples say."""
        n, noise = len(self.samples), self.simulator.config.label_noise
        probability = np.array(self.samples)
        blind = of_recorded_label(np.array(self.blind_samples), noise) if self.blind else None
        variance = self.square / n - (self.total / n) ** 2
        errors = np.array(self.errors)
        return Verdict(
            true_class=probability.round(DECIMALS),
            recorded=of_recorded_label(probability, noise).round(DECIMALS),
            blind=None if blind is None else blind.round(DECIMALS),
            saliency=self.slope / n * np.sqrt(np.maximum(variance, 0)),
            n_drawn=int(self.n_drawn),
            n_checked=len(errors),
            mean_error=float(errors.mean()),
            largest_error=float(errors.max()),
        )

    def _oracle(self, row: int) -> Oracle:
        return self.oracles[self.design.batch[row] - self.first]

    def _stream(self, row: int, which: int) -> np.random.Generator:
        return stream(self.simulator.seed, ORACLE, self.design.cohort, row, which)

    def _kept(self, row: int, counts: np.ndarray) -> np.ndarray:
        kept = counts != keys.MISSING_COUNT
        if self.simulator.config.outlier_rate > 0:
            kept[self.simulator.outliers(self.design.cohort, row)] = False
        return kept
