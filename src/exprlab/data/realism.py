"""How like a real cohort a simulated one is: distances between the distributions of features."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from scipy.stats import ks_2samp, spearmanr

from exprlab.data.count_features import (
    CORRELATED_GENES,
    FEATURES,
    MOST_SAMPLES,
    Cohort,
    gene_features,
    gene_moments,
    sample_features,
)

# Kolmogorov-Smirnov distance up to which distributions are called alike.
TARGET = 0.2
# Two samples of one law are farther apart than this over the root of their size in 5 % of cases.
CHANCE = 1.358
DECIMALS = 4
TREND_BIN = 1.0  # log2 CPM
FEWEST_IN_BIN = 20


@dataclass(frozen=True)
class View:
    """One cohort as it is compared.

    Attributes
    ----------
    values
        Feature -> its values.
    log2_cpm, log10_dispersion
        Of the expressed genes, in one order.
    n_samples, n_gene_samples, n_genes
        Samples behind the features of samples, and of genes; all genes.
    """

    values: dict[str, np.ndarray]
    log2_cpm: np.ndarray
    log10_dispersion: np.ndarray
    n_samples: int
    n_gene_samples: int
    n_genes: int


def view_pair(simulated: Cohort, real: Cohort) -> tuple[View, View]:
    """Return both cohorts' features; those of genes from equally many samples of each."""
    both = [cohort.thinned(MOST_SAMPLES) for cohort in (simulated, real)]
    n = min(len(cohort.groups) for cohort in both)
    first, second = (_view(cohort, cohort.thinned(n)) for cohort in both)
    return first, second


def _view(cohort: Cohort, equal: Cohort) -> View:
    moments = gene_moments(equal)
    return View(
        values=sample_features(cohort) | gene_features(equal),
        log2_cpm=moments.log2_cpm,
        log10_dispersion=np.log10(moments.dispersion),
        n_samples=len(cohort.groups),
        n_gene_samples=len(equal.groups),
        n_genes=cohort.counts.shape[1],
    )


def compare(simulated: View, real: View) -> dict[str, Any]:
    """Return the distance of each feature and the relations between features, ready for JSON.

    Returns
    -------
    dict
        `n_samples`, `n_gene_samples`, `n_genes` of `simulated` and `real`; `target`; `features` ->
        name -> `title`, `unit`, `of`, `distance` (Kolmogorov-Smirnov), `chance` (what two cohorts
        of one law exceed in 5 % of cases, as if values were independent), `median_simulated`,
        `median_real`, `sd_simulated`, `sd_real`; `relations` -> name -> `simulated`, `real`
        (Spearman correlations); `trend`, the dispersion by expression.
    """
    sizes = ("n_samples", "n_gene_samples", "n_genes")
    views = {"simulated": simulated, "real": real}
    return {
        **{name: {who: getattr(view, name) for who, view in views.items()} for name in sizes},
        "target": TARGET,
        "features": {name: _distance(name, simulated, real) for name in FEATURES},
        "relations": {
            name: {who: _round(_relation(name, view)) for who, view in views.items()}
            for name in ("library_zeros", "mean_dispersion")
        },
        "trend": dispersion_trends(simulated, real),
    }


def _distance(name: str, simulated: View, real: View) -> dict[str, Any]:
    a, b = simulated.values[name], real.values[name]
    units = [_independent(name, view) for view in (simulated, real)]
    return {
        **asdict(FEATURES[name]),
        "distance": _round(ks_distance(a, b)),
        "chance": _round(CHANCE * (sum(1 / n for n in units)) ** 0.5),
        "median_simulated": _round(np.median(a)),
        "median_real": _round(np.median(b)),
        "sd_simulated": _round(np.std(a)),
        "sd_real": _round(np.std(b)),
    }


def ks_distance(a: np.ndarray, b: np.ndarray) -> float:
    """Return the largest difference between the cumulative distributions of two samples."""
    return float(ks_2samp(a, b, method="asymp").statistic)


def _independent(name: str, view: View) -> int:
    """Return how many independent things stand behind a feature's values."""
    if FEATURES[name].of in ("sample", "pair of samples"):
        return view.n_samples
    n_genes = view.values[name].size if FEATURES[name].of == "gene" else view.log2_cpm.size
    return min(n_genes, CORRELATED_GENES) if FEATURES[name].of == "pair of genes" else n_genes


def _relation(name: str, view: View) -> float:
    """Return a Spearman correlation: of library size and zeros, or of mean and dispersion."""
    pairs = {
        "library_zeros": (view.values["library_size"], view.values["zeros_per_sample"]),
        "mean_dispersion": (view.log2_cpm, view.log10_dispersion),
    }
    x, y = pairs[name]
    return float(spearmanr(x, y).statistic) if np.ptp(x) and np.ptp(y) else 0.0


def dispersion_trends(simulated: View, real: View) -> dict[str, Any]:
    """Return the quartiles of the dispersion in bins of expression where both have genes.

    Returns
    -------
    dict
        `log2_cpm` (centres of the bins); `simulated` and `real`, each with `low`, `median` and
        `high` (quantiles 0.25, 0.5 and 0.75).
    """
    views = {"simulated": simulated, "real": real}
    lowest = min(view.log2_cpm.min() for view in views.values())
    highest = max(view.log2_cpm.max() for view in views.values())
    centres, rows = [], []
    for low in np.arange(np.floor(lowest), highest + TREND_BIN, TREND_BIN):
        parts = [
            view.log10_dispersion[(view.log2_cpm >= low) & (view.log2_cpm < low + TREND_BIN)]
            for view in views.values()
        ]
        if min(map(len, parts)) >= FEWEST_IN_BIN:
            centres.append(low + TREND_BIN / 2)
            rows.append([10 ** np.quantile(part, (0.25, 0.5, 0.75)) for part in parts])
    quartiles = np.reshape(rows, (-1, 2, 3)).transpose(1, 2, 0)
    return {
        "log2_cpm": centres,
        **{
            who: {
                name: [_round(value) for value in values]
                for name, values in zip(("low", "median", "high"), of, strict=True)
            }
            for who, of in zip(views, quartiles, strict=True)
        },
    }


def _round(value: float) -> float:
    return round(float(value), DECIMALS) + 0.0
