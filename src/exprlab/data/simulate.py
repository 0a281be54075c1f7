"""The simulator: counts of a cohort in blocks of samples, and the truth behind them.

    x_ig ~ NB(mean mu_ig, variance mu_ig + phi_g mu_ig^2)
    mu_ig = s_i share_g exp(o_bg + V_g u_i - |V_g|^2 / 2) (pi_i exp(W_g z_i) + (1 - pi_i) exp(S_g))

with depth s, batch offset o, nuisance V u, purity pi, signal W z and stroma S; `genes` and
`design` say where each comes from. Sums run factor by factor in float64: a matrix product would
depend on the BLAS library and its threads. exp differs in the last bit between processors; that
moves log means by less than 1e-14, and no count in four million changed.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from exprlab import keys
from exprlab.config.simulator import SimulatorConfig
from exprlab.data.design import Batches, Design, class_means, draw_batches, draw_design, signal_sds
from exprlab.data.genes import Genes, draw_genes
from exprlab.data.streams import COUNTS, MISSING, OUTLIERS, stream

TRAINING_COHORT = 0
NEW_COHORT = 1
# By the name of their files.
COHORTS = {"cohort": TRAINING_COHORT, "new_samples": NEW_COHORT}
# First letter of the cohort's sample and patient names.
COHORT_LETTERS = ("S", "N")
# Cap of Poisson means, and of counts after outliers; a draw at the cap has sd 45,000, and the
# largest int32 is 3,000 of these away.
MAX_COUNT = 2_000_000_000
OUTLIER_FACTORS = (5.0, 10.0)


@dataclass(frozen=True)
class Truth:
    """What the simulator knows, laid out like the fields of an AnnData of the same name.

    Attributes
    ----------
    obs
        Per sample: true_label, label_flipped, lineage, purity, log_library.
    obsm
        signal_factors z (n, D), nuisance_factors u (n, K).
    var
        Per gene: role, log2_fold_change (see `Simulator.log2_fold_change`), cpm, dispersion,
        stroma, batch_sensitivity.
    varm
        signal_loadings W (G, D), nuisance_loadings V (G, K), batch_offsets (G, B).
    uns
        batches: name, log_depth, malignant_fraction (B,), factor_shift, signal_shift; class_means
        (classes, lineages, D).
    """

    obs: pd.DataFrame
    obsm: dict[str, np.ndarray]
    var: pd.DataFrame
    varm: dict[str, np.ndarray]
    uns: dict[str, Any]


class Simulator:
    """A simulated world: its genes are fixed by the seed, its cohorts are drawn on demand.

    Parameters
    ----------
    config
        What the world is like.
    n_genes
        Number of genes G.
    seed
        Another seed is another world. The two cohorts of a world share genes and, unless
        `config.new_batches`, batches; patients and samples are their own.
    """

    def __init__(self, config: SimulatorConfig, n_genes: int, seed: int) -> None:
        self.config = config
        self.seed = seed
        self.genes: Genes = draw_genes(config, n_genes, seed)
        training = draw_batches(config, self.genes, seed, unseen=False)
        unseen = draw_batches(config, self.genes, seed, unseen=True)
        self.batches: tuple[Batches, Batches] = (
            training,
            unseen if config.new_batches else training,
        )

    def design(self, cohort: int, n_samples: int) -> Design:
        """Draw samples 0 .. n_samples - 1 of a cohort, without their counts."""
        return self._design(cohort, range(n_samples))

    def _design(self, cohort: int, rows: range) -> Design:
        batches = self.batches[cohort]
        return draw_design(self.config, self.genes, batches, self.seed, cohort, rows)

    def blocks(
        self, cohort: int, n_samples: int, chunk_rows: int = 64, workers: int = 1
    ) -> Iterator[tuple[int, np.ndarray]]:
        """Draw the counts of a cohort, a block of samples at a time.

        Parameters
        ----------
        cohort
            `TRAINING_COHORT` or `NEW_COHORT`.
        n_samples
            Samples in all.
        chunk_rows
            Samples in a block; memory is this many rows of counts and a little per worker.
        workers
            Threads. Neither they nor `chunk_rows` change a count.

        Yields
        ------
        tuple[int, numpy.ndarray]
            The block's first sample, and its counts, int32 (rows, G), missing = -1.
        """
        counter = _Counter(self.config, self.genes, self.batches[cohort], self.seed)
        with ThreadPoolExecutor(workers) as pool:
            for first in range(0, n_samples, chunk_rows):
                rows = range(first, min(first + chunk_rows, n_samples))
                design = self._design(cohort, rows)
                counts = np.empty((len(rows), self.genes.n_genes), dtype=np.int32)
                parts = np.array_split(np.arange(len(rows)), workers)
                # list() waits for all parts and raises what went wrong in them.
                list(pool.map(lambda part, d=design, c=counts: counter.fill(d, part, c), parts))
                yield first, counts

    def counts(self, cohort: int, n_samples: int) -> np.ndarray:
        """Return the counts of a small cohort at once, int32 (n_samples, G)."""
        return np.concatenate([block for _, block in self.blocks(cohort, n_samples)])

    def outliers(self, cohort: int, sample: int) -> np.ndarray:
        """Return which genes of a sample are outliers."""
        rng = stream(self.seed, OUTLIERS, cohort, sample)
        return _some(rng, self.genes.n_genes, self.config.outlier_rate)

    def log2_fold_change(self) -> np.ndarray:
        """Return log2 of expected expression, malignant over benign, at equal depth, (G,).

        Marginal over subtype, lineage, z and purity, without batches: with the mean purity p and
        the mean m and sd s of z, E = p mean_l exp(W m + W^2 s^2 / 2) + (1 - p) exp(S). It is 0
        for interaction genes where lineages are a multiple of classes.
        """
        genes, config = self.genes, self.config
        mean_purity = config.purity_a / (config.purity_a + config.purity_b)
        moved = np.flatnonzero(genes.factor >= 0)
        loading, factor = genes.loading[moved], genes.factor[moved]
        sds = signal_sds(config, genes.n_signal)[factor]
        means = class_means(config)[:, :, factor]
        tumour = np.exp(loading * means + (loading * sds) ** 2 / 2).mean(axis=1)
        expected = mean_purity * tumour + (1 - mean_purity) * np.exp(genes.stroma[moved])
        benign, malignant = expected[0], expected[1:].mean(axis=0)
        change = np.zeros(genes.n_genes)
        change[moved] = np.log2(malignant / benign)
        return change

    def truth(self, design: Design) -> Truth:
        """Return the truth about a cohort and the genes."""
        genes, batches = self.genes, self.batches[design.cohort]
        return Truth(
            obs=_sample_truth(design, self.config.n_classes),
            obsm={"signal_factors": design.z, "nuisance_factors": design.u},
            var=self._gene_truth(),
            varm={
                "signal_loadings": genes.signal_matrix(),
                "nuisance_loadings": genes.nuisance_matrix(),
                "batch_offsets": batches.offset.T,
            },
            uns={
                "batches": {
                    "name": batch_names(batches.first + np.arange(self.config.n_batches)),
                    "log_depth": batches.log_depth,
                    "malignant_fraction": batches.malignant_fraction,
                    "factor_shift": batches.factor_shift,
                    "signal_shift": batches.signal_shift,
                },
                "class_means": class_means(self.config),
            },
        )

    def _gene_truth(self) -> pd.DataFrame:
        genes = self.genes
        return pd.DataFrame(
            {
                "role": genes.role,
                "log2_fold_change": self.log2_fold_change(),
                "cpm": genes.cpm,
                "dispersion": genes.dispersion,
                "stroma": genes.stroma,
                "batch_sensitivity": genes.batch_sensitivity,
            },
            index=gene_ids(genes.n_genes),
        )


class _Counter:
    """Draws counts of samples; holds what all samples of a cohort have in common."""

    def __init__(self, config: SimulatorConfig, genes: Genes, batches: Batches, seed: int) -> None:
        self.config, self.genes, self.batches, self.seed = config, genes, batches, seed
        self.shape = 1 / genes.dispersion
        self.log_share = genes.log_share_at_rest()
        # Purity matters to these genes only; for all others the mixture is exactly 1.
        self.mixed = np.flatnonzero((genes.factor >= 0) | (genes.stroma != 0))
        self.loading = genes.loading[self.mixed]
        # Stroma genes without a signal factor have loading 0, so any factor will do for them.
        self.factor = np.maximum(genes.factor[self.mixed], 0)
        self.stroma = np.exp(genes.stroma[self.mixed])

    def fill(self, design: Design, rows: np.ndarray, counts: np.ndarray) -> None:
        """Draw the counts of some of a design's samples into the same rows of `counts`."""
        mean, scratch = np.empty(self.genes.n_genes), np.empty(self.genes.n_genes)
        for row in rows.tolist():
            self._write_mean(design, row, mean, scratch)
            rng = stream(self.seed, COUNTS, design.cohort, design.first + row)
            # Gamma-Poisson: mean * phi * Gamma(1 / phi) has mean `mean`, variance phi * mean^2.
            rng.standard_gamma(self.shape, out=scratch)
            mean *= scratch
            mean *= self.genes.dispersion
            counts[row] = rng.poisson(np.minimum(mean, MAX_COUNT, out=mean))
            self._corrupt(counts[row], design.cohort, design.first + row)

    def _write_mean(self, design: Design, row: int, mean: np.ndarray, scratch: np.ndarray) -> None:
        """Write mu of one sample to `mean`; `scratch` is of the same shape."""
        genes, u = self.genes, design.u[row]
        np.add(self.log_share, self.batches.offset[design.batch[row] - self.batches.first], mean)
        mean += design.log_library[row]
        for loadings, activity in zip(genes.dense, u[: len(genes.dense)], strict=True):
            mean += np.multiply(loadings, activity, out=scratch)
        for module, activity in zip(genes.modules, u[len(genes.dense) :], strict=True):
            mean[module.genes] += module.loadings * activity
        np.exp(mean, out=mean)
        purity = design.purity[row]
        tumour = np.exp(self.loading * design.z[row][self.factor])
        mean[self.mixed] *= purity * tumour + (1 - purity) * self.stroma

    def _corrupt(self, counts: np.ndarray, cohort: int, sample: int) -> None:
        """Spoil entries of one sample in place: outliers first, then missing ones."""
        config = self.config
        if config.outlier_rate > 0:
            rng = stream(self.seed, OUTLIERS, cohort, sample)
            spoiled = _some(rng, counts.size, config.outlier_rate)
            factor = rng.uniform(*OUTLIER_FACTORS, spoiled.size)
            factor = np.where(rng.random(spoiled.size) < 0.5, factor, 1 / factor)
            counts[spoiled] = np.minimum(np.rint(counts[spoiled] * factor), MAX_COUNT)
        if config.missing_rate > 0:
            rng = stream(self.seed, MISSING, cohort, sample)
            counts[_some(rng, counts.size, config.missing_rate)] = keys.MISSING_COUNT


def _some(rng: np.random.Generator, size: int, rate: float) -> np.ndarray:
    """Return the positions of entries that are each chosen with probability `rate`."""
    return rng.choice(size, rng.binomial(size, rate), replace=False, shuffle=False)


def gene_ids(n_genes: int) -> pd.Index:
    """Return the names of the simulated genes: G000001, G000002, ..."""
    return pd.Index([f"G{g:06d}" for g in range(1, n_genes + 1)], name=keys.GENE_ID)


def sample_ids(design: Design) -> pd.Index:
    """Return the names of the samples, which differ between cohorts: S0000001, N0000001, ..."""
    letter = COHORT_LETTERS[design.cohort]
    numbers = range(design.first + 1, design.first + design.patient.size + 1)
    return pd.Index([f"{letter}{i:07d}" for i in numbers], name=keys.SAMPLE_ID)


def batch_names(batch: np.ndarray) -> np.ndarray:
    """Return the names of batches: B1, B2, ..."""
    return np.array([f"B{b + 1}" for b in batch.tolist()], dtype=object)


def samples_table(design: Design, n_classes: int = 2) -> pd.DataFrame:
    """Return the sample sheet: recorded label, batch and patient by sample id."""
    letter = COHORT_LETTERS[design.cohort]
    return pd.DataFrame(
        {
            keys.LABEL: class_labels(design.label, n_classes),
            keys.BATCH: batch_names(design.batch),
            keys.PATIENT: [f"{letter}P{p + 1:07d}" for p in design.patient.tolist()],
        },
        index=sample_ids(design),
    )


def class_labels(label: np.ndarray, n_classes: int) -> np.ndarray:
    """Return the names of classes given by their indices."""
    return np.array(keys.class_names(n_classes), dtype=object)[label]


def _sample_truth(design: Design, n_classes: int) -> pd.DataFrame:
    """Return what the sample sheet does not tell."""
    return pd.DataFrame(
        {
            "true_label": class_labels(design.true_label, n_classes),
            "label_flipped": design.label != design.true_label,
            "lineage": design.lineage,
            "purity": design.purity,
            "log_library": design.log_library,
        },
        index=sample_ids(design),
    )
