"""Settings of the simulator that make it like a cohort of counts.

Depth, expression and the trend of the dispersion can be read off a cohort; how much of its
variation is shared between genes (factors) and how much is each gene's own (dispersion) cannot,
since both show in the same counts. So a cohort is simulated, measured in the same way as the real
one, and the settings are corrected by the difference, a few times over (indirect inference).
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
from scipy.optimize import least_squares

from exprlab.config.simulator import SimulatorConfig
from exprlab.data.count_features import (
    MOST_SAMPLES,
    Cohort,
    GeneMoments,
    gene_correlations,
    gene_moments,
    log2_cpm,
    make_cohort,
    normalisation_factors,
    within_classes,
)
from exprlab.data.expression import fit_expression
from exprlab.data.simulate import TRAINING_COHORT, Simulator

ROUNDS = 10
SEED = 1  # of the worlds that are simulated on the way
GAIN_SAMPLES = 100  # at least, to tell from how many reads a sample of some depth has
MANY_SAMPLES = 1000  # whose depth is drawn, without counts
DIGITS = 4
TREND_BINS = 12
SMALLEST = 1e-4  # dispersion of the trend, so that its logarithm exists
STEP = 2.0  # by which a round multiplies or divides loadings at most
FIRST_TILT = 0.02
OWN_SHARE = 0.1  # of a gene's variation that no factor explains, at least
FACTOR_SETTINGS = ("dense_factor_sd", "module_loading")


@dataclass(frozen=True)
class Summary:
    """What is matched.

    Attributes
    ----------
    library_median, library_sd
        Median of the reads per sample, and sd of their logarithm.
    moments
        Mean and dispersion of the expressed genes.
    spread
        Half the distance between the quantiles 0.16 and 0.84 of log dispersion around its trend.
    shared
        Mean squared correlation between genes, less what chance alone makes.
    composition
        sd of log normalisation factors within classes.
    """

    library_median: float
    library_sd: float
    moments: GeneMoments
    spread: float
    shared: float
    composition: float


def estimate_settings(
    counts: np.ndarray, labels: np.ndarray | None, base: SimulatorConfig, source: str
) -> dict[str, float]:
    """Return the settings of the simulator that a cohort tells about.

    Parameters
    ----------
    counts
        Shape (n_samples, n_genes), missing entries -1.
    labels
        Class of each sample, or None; variation is then that over all samples.
    base
        All other settings: signal, purity, batches, ... cannot be read off counts.
    source
        What to call the cohort in messages.

    Returns
    -------
    dict
        Setting -> value, to lay over `base`.

    Raises
    ------
    UserError
        If the cohort is too small to see any variation.
    """
    real = make_cohort(counts, labels, source).thinned(MOST_SAMPLES)
    wanted, edges = summarise(real), _bin_edges(gene_moments(real))
    chosen = {
        "library_size": wanted.library_median,
        "library_sd": wanted.library_sd,
        "missing_rate": float((counts < 0).mean()),
        "composition_tilt": FIRST_TILT,
        **fit_expression(real.counts),
    }
    config = base.model_copy(update=chosen)
    for _ in range(ROUNDS):
        trial = _simulated(config, real, labels is not None)
        changes = _corrected(config, wanted, summarise(trial.cohort), edges)
        changes |= _corrected_library(config, wanted, trial)
        chosen |= changes
        config = config.model_copy(update=changes)
    return {name: float(f"{value:.{DIGITS}g}") for name, value in chosen.items()}


def summarise(cohort: Cohort) -> Summary:
    """Return what is matched of a cohort."""
    library = cohort.counts.sum(axis=1, dtype=np.int64)
    moments = gene_moments(cohort)
    log_dispersion = np.log(moments.dispersion)
    low, high = np.quantile(log_dispersion - _running_median(moments), (0.16, 0.84))
    residuals = within_classes(log2_cpm(cohort.counts)[:, moments.column], cohort.groups)
    free = len(residuals) - np.unique(cohort.groups).size
    factors = np.log(normalisation_factors(cohort.counts))[:, None]
    return Summary(
        library_median=float(np.median(library)),
        library_sd=float(np.log(library).std(ddof=1)),
        moments=moments,
        spread=float(high - low) / 2,
        shared=max(1e-6, float((gene_correlations(residuals) ** 2).mean()) - 1 / free),
        composition=float((within_classes(factors, cohort.groups) ** 2).sum() / free) ** 0.5,
    )


@dataclass(frozen=True)
class Trial:
    """A cohort that was simulated with some settings, no entry missing.

    Attributes
    ----------
    cohort
        As many samples and genes as the real one has.
    gain
        Log of reads over depth, of at least `GAIN_SAMPLES`: factors add reads and spread.
    log_depth
        Log depth of many samples.
    """

    cohort: Cohort
    gain: np.ndarray
    log_depth: np.ndarray


def _simulated(config: SimulatorConfig, like: Cohort, by_class: bool) -> Trial:
    n, n_genes = like.counts.shape
    simulator = Simulator(config.model_copy(update={"missing_rate": 0.0}), n_genes, SEED)
    design = simulator.design(TRAINING_COHORT, MANY_SAMPLES)
    counts = simulator.counts(TRAINING_COHORT, max(n, GAIN_SAMPLES))
    labels = design.label[:n] if by_class else None
    gain = np.log(counts.sum(axis=1, dtype=np.int64)) - design.log_library[: len(counts)]
    return Trial(make_cohort(counts[:n], labels, "the simulated cohort"), gain, design.log_library)


def _corrected_library(config: SimulatorConfig, wanted: Summary, trial: Trial) -> dict[str, float]:
    median = np.exp(np.median(trial.gain) + np.median(trial.log_depth))
    variance = trial.gain.var() + trial.log_depth.var()
    spread = config.library_sd**2 + wanted.library_sd**2 - variance
    return {
        "library_size": config.library_size * wanted.library_median / float(median),
        "library_sd": max(0.0, float(spread)) ** 0.5,
    }


def _corrected(
    config: SimulatorConfig, wanted: Summary, seen: Summary, edges: np.ndarray
) -> dict[str, float]:
    """Return settings that bring what is seen nearer to what is wanted."""
    cpm, needed, found = _binned(wanted.moments, seen.moments, edges)
    own = _trend((config.dispersion_floor, config.dispersion_level, config.dispersion_slope), cpm)
    made_by_factors = np.maximum(found - own, SMALLEST)
    # Correlations grow with the square of loadings, their squares with the fourth power; but
    # factors cannot make more variation than there is.
    limit = ((1 - OWN_SHARE) * np.quantile(needed / made_by_factors, 0.25)) ** 0.5
    factor = _step(min(limit, (wanted.shared / seen.shared) ** 0.25))
    left = np.maximum(needed - made_by_factors * factor**2, OWN_SHARE * needed)
    spread = config.dispersion_spread**2 + wanted.spread**2 - seen.spread**2
    return {
        **_fit_trend(cpm, left),
        "dispersion_spread": max(0.0, spread) ** 0.5,
        **{name: getattr(config, name) * factor for name in FACTOR_SETTINGS},
        "composition_tilt": config.composition_tilt * _step(wanted.composition / seen.composition),
    }


def _step(ratio: float) -> float:
    return float(np.clip(ratio, 1 / STEP, STEP))


def _binned(
    wanted: GeneMoments, seen: GeneMoments, edges: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return CPM and both median dispersions in the bins where there are genes of both."""
    rows = []
    for low, high in itertools.pairwise(edges):
        a, b = ((m.log2_cpm >= low) & (m.log2_cpm < high) for m in (wanted, seen))
        if a.any() and b.any():
            medians = np.median(wanted.dispersion[a]), np.median(seen.dispersion[b])
            rows.append((2 ** np.median(wanted.log2_cpm[a]), *medians))
    cpm, needed, found = np.array(rows).T
    return cpm, needed, found


def _fit_trend(cpm: np.ndarray, dispersion: np.ndarray) -> dict[str, float]:
    """Return the settings of the trend that comes nearest to the logarithm of some points."""
    names = ("dispersion_floor", "dispersion_level", "dispersion_slope")
    fit = least_squares(
        lambda p: np.log(_trend(p, cpm) / dispersion),
        (np.min(dispersion) / 2, np.max(dispersion), 0.5),
        bounds=([0, 0, 0], [8, 8, 2]),
    )
    return dict(zip(names, map(float, fit.x), strict=True))


def _trend(parameters: np.ndarray | tuple[float, ...], cpm: np.ndarray) -> np.ndarray:
    """Return the median dispersion at an expression; as `genes.dispersion_trend`, never 0."""
    floor, level, slope = parameters
    return floor + level / (cpm + 0.3) ** slope + SMALLEST


def _bin_edges(moments: GeneMoments) -> np.ndarray:
    """Return edges between which equally many genes lie, by expression."""
    inner = np.quantile(moments.log2_cpm, np.linspace(0, 1, TREND_BINS + 1)[1:-1])
    return np.concatenate([[-np.inf], inner, [np.inf]])


def _running_median(moments: GeneMoments) -> np.ndarray:
    """Return the median log dispersion of the genes in each gene's bin."""
    which = np.digitize(moments.log2_cpm, _bin_edges(moments)[1:-1])
    log_dispersion = np.log(moments.dispersion)
    medians = [np.median(log_dispersion[which == b]) for b in range(TREND_BINS)]
    return np.array(medians)[which]
