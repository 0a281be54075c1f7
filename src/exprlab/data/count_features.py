"""What a count matrix is like: the features by which simulated and real cohorts are compared.

They are those of countsimQC (Soneson and Robinson 2018, Bioinformatics 34:691). Where samples have
a class, variation is that within classes: how far tumour and normal lie apart says nothing about
the noise. With one class for all samples it is the variation over all.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.stats import rankdata

from exprlab.errors import UserError
from exprlab.groups import group_equal
from exprlab.keys import MISSING_COUNT

# More samples sharpen no distribution that is looked at, and cost memory.
MOST_SAMPLES = 200
FEWEST_SAMPLES = 4
# Reads per sample on average from which a gene's dispersion stands out from Poisson noise.
EXPRESSED_COUNT = 10.0
LOWEST_DISPERSION = 1e-3  # what is below, or negative by chance, is shown as this
CORRELATED_GENES = 500
# Added to CPM before the logarithm: 2 reads at 20 million, as in countsimQC, but the same for all
# cohorts, so that genes without a read have the same value in each.
PRIOR_CPM = 0.1
FEWEST_EXPRESSED = 20


@dataclass(frozen=True)
class Feature:
    """What a feature is, and of what there is one value: sample, gene, or pair of either."""

    title: str
    unit: str
    of: str


FEATURES = {
    "library_size": Feature("library size", "log10 reads", "sample"),
    "normalisation_factor": Feature("normalisation factor", "log2", "sample"),
    "zeros_per_sample": Feature("zeros per sample", "fraction of genes", "sample"),
    "mean_log2_cpm": Feature("mean expression", "log2 CPM", "gene"),
    "zeros_per_gene": Feature("zeros per gene", "fraction of samples", "gene"),
    "dispersion": Feature("dispersion", "log10", "gene"),
    "sd_log2_cpm": Feature("standard deviation of expression", "log2 CPM", "gene"),
    "sample_correlation": Feature("correlation of samples", "Spearman", "pair of samples"),
    "gene_correlation": Feature("correlation of genes", "Spearman", "pair of genes"),
}


@dataclass(frozen=True)
class Cohort:
    """Counts of a cohort and the class of each sample.

    Attributes
    ----------
    counts
        Whole numbers (n_samples, n_genes) without missing entries.
    groups
        Index of the class of each sample; all 0 where classes are unknown or of no interest.
    """

    counts: np.ndarray
    groups: np.ndarray

    def thinned(self, most: int) -> Cohort:
        """Return at most so many samples, spread evenly over classes and the order of the file."""
        chosen = spread_rows(self.groups, most)
        return Cohort(self.counts[chosen], self.groups[chosen])


def spread_rows(groups: np.ndarray, most: int = MOST_SAMPLES) -> np.ndarray:
    """Return the rows of at most so many samples, spread evenly over classes and rows."""
    n = len(groups)
    by_class = np.argsort(groups, kind="stable")
    return np.sort(by_class[np.linspace(0, n - 1, min(n, most)).round().astype(int)])


def make_cohort(counts: np.ndarray, labels: np.ndarray | None, source: str) -> Cohort:
    """Return a cohort to look at, missing entries filled with what the gene's share lets expect.

    Parameters
    ----------
    counts
        Shape (n_samples, n_genes), missing entries -1.
    labels
        Class of each sample, or None.
    source
        What to call the cohort in messages.

    Raises
    ------
    UserError
        If there are too few samples or expressed genes to see any variation, or a sample has no
        reads.
    """
    n = len(counts)
    groups = np.zeros(n, int) if labels is None else group_equal(labels).place
    free = n - (int(groups.max(initial=-1)) + 1)
    if n < FEWEST_SAMPLES or free < FEWEST_SAMPLES - 1:
        raise UserError(
            f"{source}: found {n} samples in {n - free} classes; variation within a class takes "
            f"{FEWEST_SAMPLES} samples at least, and {FEWEST_SAMPLES - 1} more than classes"
        )
    empty = np.flatnonzero(~(counts > 0).any(axis=1))
    if empty.size:
        raise UserError(f"{source}: row {empty[0] + 1} has no reads at all; remove the sample")
    cohort = Cohort(_filled(counts), groups)
    n_expressed = int((cohort.counts.mean(axis=0) >= EXPRESSED_COUNT).sum())
    if n_expressed < FEWEST_EXPRESSED:
        raise UserError(
            f"{source}: found {n_expressed} genes with {EXPRESSED_COUNT:g} reads per sample on "
            f"average; it takes {FEWEST_EXPRESSED} to see how expression varies"
        )
    return cohort


def _filled(counts: np.ndarray) -> np.ndarray:
    missing = counts == MISSING_COUNT
    if not missing.any():
        return counts
    known = np.where(missing, 0, counts)
    cpm = known.sum(axis=0) / np.maximum((~missing * known.sum(axis=1)[:, None]).sum(axis=0), 1)
    depth = known.sum(axis=1) / np.maximum((~missing * cpm).sum(axis=1), 1e-12)
    return np.where(missing, np.rint(cpm * depth[:, None]), counts).astype(counts.dtype)


@dataclass(frozen=True)
class GeneMoments:
    """Mean and dispersion of the genes with at least `EXPRESSED_COUNT` reads on average.

    Attributes
    ----------
    column
        Which genes these are.
    log2_cpm
        log2 of the mean CPM.
    dispersion
        By moments, phi of variance = mean + phi mean^2 within classes; not below
        `LOWEST_DISPERSION`.
    """

    column: np.ndarray
    log2_cpm: np.ndarray
    dispersion: np.ndarray


def normalisation_factors(counts: np.ndarray) -> np.ndarray:
    """Return how much deeper a sample was sequenced than its library size says, (n_samples,).

    The median over expressed genes of CPM over the gene's geometric mean: it withstands the few
    genes that take many reads in one sample and so few are left for the others. Geometric mean 1.
    """
    library = counts.sum(axis=1, dtype=np.int64)
    expressed = np.flatnonzero(counts.mean(axis=0) >= EXPRESSED_COUNT)
    values = _log2_cpm(counts[:, expressed], library)
    factors = np.median(values - values.mean(axis=0), axis=1)
    return np.exp2(factors - factors.mean())


def effective_library(counts: np.ndarray) -> np.ndarray:
    """Return library sizes times normalisation factors, (n_samples,)."""
    return counts.sum(axis=1, dtype=np.int64) * normalisation_factors(counts)


def gene_moments(cohort: Cohort) -> GeneMoments:
    """Return mean and dispersion of each expressed gene.

    Counts are divided by size factors h (effective library size over its geometric mean). Within a
    class of n samples with mean m and variance v of what results, E[v] = m mean(1 / h) + phi m^2;
    classes are added up with weights n - 1.
    """
    library = effective_library(cohort.counts)
    typical = np.exp(np.log(library).mean())
    size = library / typical
    column = np.flatnonzero(cohort.counts.mean(axis=0) >= EXPRESSED_COUNT)
    values = cohort.counts[:, column] / size[:, None]
    excess, square = np.zeros(column.size), np.zeros(column.size)
    for group in np.unique(cohort.groups):
        rows = cohort.groups == group
        mean, free = values[rows].mean(axis=0), rows.sum() - 1
        excess += ((values[rows] - mean) ** 2).sum(axis=0) - free * mean * (1 / size[rows]).mean()
        square += free * mean**2
    dispersion = np.divide(excess, square, out=np.zeros_like(excess), where=square > 0)
    return GeneMoments(
        column=column,
        log2_cpm=np.log2(values.mean(axis=0) * 1e6 / typical),
        dispersion=np.maximum(dispersion, LOWEST_DISPERSION),
    )


def log2_cpm(counts: np.ndarray) -> np.ndarray:
    """Return log2 of normalised counts per million plus `PRIOR_CPM`."""
    return _log2_cpm(counts, effective_library(counts))


def _log2_cpm(counts: np.ndarray, library: np.ndarray) -> np.ndarray:
    return np.log2(counts * (1e6 / library)[:, None] + PRIOR_CPM)


def within_classes(values: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """Return values (n_samples, n_genes) less the mean of their class."""
    result = values.copy()
    for group in np.unique(groups):
        result[groups == group] -= values[groups == group].mean(axis=0)
    return result


def sample_features(cohort: Cohort) -> dict[str, np.ndarray]:
    """Return the features that have a value per sample or pair of samples (of one class)."""
    counts, groups = cohort.counts, cohort.groups
    pairs = _upper_triangle(_correlations(rankdata(counts, axis=1)))
    return {
        "library_size": np.log10(counts.sum(axis=1, dtype=np.int64)),
        "normalisation_factor": np.log2(normalisation_factors(counts)),
        "zeros_per_sample": (counts == 0).mean(axis=1),
        "sample_correlation": pairs[_upper_triangle(groups[:, None] == groups)],
    }


def gene_features(cohort: Cohort) -> dict[str, np.ndarray]:
    """Return the features that have a value per gene or pair of genes.

    They depend on the number of samples; compare cohorts of equally many.
    """
    moments = gene_moments(cohort)
    values = log2_cpm(cohort.counts)
    residuals = within_classes(values, cohort.groups)
    free = len(values) - np.unique(cohort.groups).size
    return {
        "mean_log2_cpm": values.mean(axis=0),
        "zeros_per_gene": (cohort.counts == 0).mean(axis=0),
        "dispersion": np.log10(moments.dispersion),
        "sd_log2_cpm": np.sqrt((residuals**2).sum(axis=0) / free),
        "gene_correlation": gene_correlations(residuals[:, moments.column]),
    }


def gene_correlations(residuals: np.ndarray) -> np.ndarray:
    """Return Spearman correlations between genes, of at most `CORRELATED_GENES` of them.

    Parameters
    ----------
    residuals
        Log expression of the expressed genes within classes, (n_samples, n_genes).
    """
    n_genes = residuals.shape[1]
    rng = np.random.default_rng(1)
    chosen = rng.choice(n_genes, min(CORRELATED_GENES, n_genes), replace=False)
    return _upper_triangle(_correlations(rankdata(residuals[:, chosen], axis=0).T))


def _correlations(rows: np.ndarray) -> np.ndarray:
    """Return Pearson correlations between rows; a constant row correlates with none."""
    centred = rows - rows.mean(axis=1, keepdims=True)
    norm = np.linalg.norm(centred, axis=1, keepdims=True)
    centred /= np.where(norm > 0, norm, 1)
    return centred @ centred.T


def _upper_triangle(square: np.ndarray) -> np.ndarray:
    return square[np.triu_indices(len(square), 1)]
