"""What every gene is like: expression, dispersion, and the factors that move it.

Notation: G genes; P pathways and Q = lineages - 1 gate dimensions, together D signal factors;
K nuisance factors, dense ones first, then co-expression modules.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.random import Generator

from exprlab.config.simulator import SimulatorConfig
from exprlab.data.streams import BASELINE, NUISANCE, SIGNAL, stream
from exprlab.errors import UserError

# Roles of genes. Null genes are moved by dense factors, batches and noise, as all genes are.
LINEAR = "linear"  # in a pathway whose activity differs between the classes
INTERACTION = "interaction"  # in a pathway that differs only within a lineage
GATE = "gate"  # tells the lineages apart, which the interaction pathways need
NUISANCE_ROLE = "nuisance"  # in a module, in the stroma profile, or moved by an idle factor
NULL = "null"
ROLES = (LINEAR, INTERACTION, GATE, NUISANCE_ROLE, NULL)

SILENT_SD = 1.0  # of log2 CPM
SILENT_REACH = 3.0  # log2 CPM below the mean of silent genes that none falls short of
HIGHEST_LOG2_CPM = 14.5
EXPRESSED_CPM = 1.0  # only genes above it carry signal
DISPERSION_LIMITS = (1e-3, 8.0)
LOADING_SPREAD = 0.55  # sd of log |loading| in a pathway or module
LOADING_LIMIT = 1.5
DENSE_FRACTION = 0.7  # of the genes are moved by a dense factor
MODULE_UP_FRACTION = 0.8
TILT_REACH = 6.0  # log2 CPM from the middle beyond which genes are moved no further
BATCH_SENSITIVITY_SD = 0.4
FEWEST_GENES = 2  # of a group that is shrunk to fit a small world


@dataclass(frozen=True)
class Module:
    """Genes that rise and fall together, and how much: two arrays of shape (size,)."""

    genes: np.ndarray
    loadings: np.ndarray


@dataclass(frozen=True)
class Genes:
    """The genes of a simulated world.

    Attributes
    ----------
    log_share
        Natural log of the gene's share of the reads before any factor acts, (G,).
    cpm
        The same in counts per million, (G,).
    dispersion
        phi of variance = mean + phi * mean^2, (G,).
    factor
        Index of the only signal factor that moves the gene, -1 for none, (G,).
    loading
        Its effect per unit of activity, natural log, 0 for none, (G,).
    dense
        Loadings of the dense nuisance factors, natural log, (n_dense_factors, G).
    modules
        Co-expression modules; they overlap with each other and with everything else.
    stroma
        Log expression in stroma relative to tumour cells at rest, (G,).
    batch_sensitivity
        How strongly the gene answers to a batch; median 1, (G,).
    role
        One of `ROLES`, (G,).
    n_signal
        Number of signal factors D.
    """

    log_share: np.ndarray
    cpm: np.ndarray
    dispersion: np.ndarray
    factor: np.ndarray
    loading: np.ndarray
    dense: np.ndarray
    modules: tuple[Module, ...]
    stroma: np.ndarray
    batch_sensitivity: np.ndarray
    role: np.ndarray
    n_signal: int

    @property
    def n_genes(self) -> int:
        """Number of genes G."""
        return self.cpm.size

    @property
    def n_nuisance(self) -> int:
        """Number of nuisance factors K."""
        return len(self.dense) + len(self.modules)

    def log_share_at_rest(self) -> np.ndarray:
        """Return the log share less V^2 / 2, which keeps the mean under nuisance factors, (G,).

        E[exp(V u)] = exp(V^2 / 2) for u ~ N(0, 1).
        """
        share = self.log_share.copy()
        for loadings in self.dense:
            share -= loadings**2 / 2
        for module in self.modules:
            share[module.genes] -= module.loadings**2 / 2
        return share

    def signal_matrix(self) -> np.ndarray:
        """Return the signal loadings W, (G, D)."""
        matrix = np.zeros((self.n_genes, self.n_signal))
        moved = np.flatnonzero(self.factor >= 0)
        matrix[moved, self.factor[moved]] = self.loading[moved]
        return matrix

    def nuisance_matrix(self) -> np.ndarray:
        """Return the nuisance loadings V, (G, K)."""
        matrix = np.zeros((self.n_genes, self.n_nuisance))
        matrix[:, : len(self.dense)] = self.dense.T
        for k, module in enumerate(self.modules, start=len(self.dense)):
            matrix[module.genes, k] = module.loadings
        return matrix


def signal_strengths(config: SimulatorConfig) -> tuple[float, float]:
    """Return the distances between two classes in the linear and in the interaction block.

    Within a lineage the classes are d = sqrt(2) Phi^-1(target_auroc) standard deviations apart:
    two Gaussians at distance d have AUROC Phi(d / sqrt(2)). `nonlinear_share` of d^2 goes to the
    interaction block.
    """
    distance = 2**0.5 * NormalDist().inv_cdf(config.target_auroc)
    share = config.nonlinear_share
    return distance * (1 - share) ** 0.5, distance * share**0.5


def factor_roles(config: SimulatorConfig) -> list[str]:
    """Return the role of each signal factor's genes: linear, interaction, then gate factors.

    A block at distance 0 says nothing about the class, so its genes are nuisance; the gate is of
    use to the interaction block only. With one lineage that block is linear.
    """
    linear, interaction = signal_strengths(config)
    axes = config.n_classes - 1
    gated = INTERACTION if config.n_lineages > 1 else LINEAR
    return [
        *[LINEAR if linear > 0 else NUISANCE_ROLE] * (axes * config.copies_linear),
        *[gated if interaction > 0 else NUISANCE_ROLE] * (axes * config.copies_interaction),
        *[GATE if interaction > 0 else NUISANCE_ROLE] * (config.n_lineages - 1),
    ]


def draw_genes(config: SimulatorConfig, n_genes: int, seed: int) -> Genes:
    """Draw the genes of a world.

    Group sizes in `config` are meant for 20,000 genes. Where they do not fit, groups shrink: the
    signal groups by one factor, so that together they take half of the expressed genes; modules
    and stroma by another, so that together they take half of all genes. No group falls below
    `FEWEST_GENES`. At 200 genes a pathway has about 14 genes and a module 4.

    Raises
    ------
    UserError
        If the signal groups do not fit even so.
    """
    cpm, dispersion, sensitivity = _draw_baseline(config, n_genes, stream(seed, BASELINE))
    factor, loading = _draw_signal(config, cpm, stream(seed, SIGNAL))
    dense, modules, stroma = _draw_nuisance(config, n_genes, stream(seed, NUISANCE))
    dense[:1] += config.composition_tilt * _relative_expression(cpm)
    return Genes(
        log_share=np.log(cpm / 1e6),
        cpm=cpm,
        dispersion=dispersion,
        factor=factor,
        loading=loading,
        dense=dense,
        modules=modules,
        stroma=stroma,
        batch_sensitivity=sensitivity,
        role=_roles(config, factor, modules, stroma),
        n_signal=len(factor_roles(config)),
    )


def dispersion_trend(config: SimulatorConfig, cpm: np.ndarray) -> np.ndarray:
    """Return the median dispersion of genes at an expression, in counts per million."""
    fall = (cpm + 0.3) ** config.dispersion_slope
    return config.dispersion_floor + config.dispersion_level / fall


def _draw_baseline(
    config: SimulatorConfig, n_genes: int, rng: Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return CPM that sum to a million, dispersions and batch sensitivities."""
    upper = np.cumsum([config.silent_fraction, config.low_fraction])
    chosen = np.searchsorted(upper, rng.random(n_genes), side="right")
    means = np.array([config.silent_mean, config.low_mean, config.expressed_mean])
    sds = np.array([SILENT_SD, config.low_sd, config.expressed_sd])
    log2_cpm = means[chosen] + sds[chosen] * rng.standard_normal(n_genes)
    cpm = np.exp2(np.clip(log2_cpm, config.silent_mean - SILENT_REACH, HIGHEST_LOG2_CPM))
    cpm *= 1e6 / cpm.sum()
    spread = np.exp(config.dispersion_spread * rng.standard_normal(n_genes))
    dispersion = np.clip(dispersion_trend(config, cpm) * spread, *DISPERSION_LIMITS)
    return cpm, dispersion, np.exp(BATCH_SENSITIVITY_SD * rng.standard_normal(n_genes))


def _relative_expression(cpm: np.ndarray) -> np.ndarray:
    """Return log2 CPM less its median over expressed genes, within `TILT_REACH`."""
    log2_cpm = np.log2(cpm)
    return np.clip(log2_cpm - np.median(log2_cpm[cpm > EXPRESSED_CPM]), -TILT_REACH, TILT_REACH)


def _shrink(sizes: list[int], room: float) -> list[int]:
    """Return group sizes that together take about `room` genes at most."""
    scale = min(1.0, room / max(1, sum(sizes)))
    return [min(size, max(FEWEST_GENES, round(size * scale))) for size in sizes]


def _draw_signal(
    config: SimulatorConfig, cpm: np.ndarray, rng: Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Return each gene's signal factor and its loading; the factors' genes are disjoint."""
    n_gates = config.n_lineages - 1
    n_pathways = len(factor_roles(config)) - n_gates
    wanted = [config.genes_per_pathway] * n_pathways
    wanted += [(config.gate_genes + k) // n_gates for k in range(n_gates)]
    expressed = rng.permutation(np.flatnonzero(cpm > EXPRESSED_CPM))
    sizes = _shrink(wanted, expressed.size / 2)
    if sum(sizes) > expressed.size:
        raise UserError(
            f"n_genes: {n_pathways} pathways and {n_gates} lineage factors need {sum(sizes)} "
            f"expressed genes, but only {expressed.size} of {cpm.size} genes are expressed; "
            "raise n_genes, or lower copies_linear, copies_interaction or n_lineages"
        )
    factor, loading = np.full(cpm.size, -1), np.zeros(cpm.size)
    groups = np.split(expressed[: sum(sizes)], np.cumsum(sizes)[:-1])
    for k, genes in enumerate(groups):
        factor[genes] = k
        if k < n_pathways:
            size = _effects(rng, config.pathway_loading, genes.size, config.pathway_up_fraction)
        else:
            size = config.gate_loading * _signs(rng, genes.size, 0.5)
        loading[genes] = np.clip(size, -LOADING_LIMIT, LOADING_LIMIT)
    return factor, loading


def _draw_nuisance(
    config: SimulatorConfig, n_genes: int, rng: Generator
) -> tuple[np.ndarray, tuple[Module, ...], np.ndarray]:
    """Return dense loadings, modules and the stroma profile, all blind to the signal genes."""
    rank = np.arange(1, config.n_dense_factors + 1)[:, None]
    dense = config.dense_factor_sd / np.sqrt(rank) * rng.standard_normal((rank.size, n_genes))
    dense *= rng.random(dense.shape) < DENSE_FRACTION
    wanted = [config.stroma_genes, *[config.module_genes] * config.n_modules]
    n_stroma, *sizes = _shrink(wanted, n_genes / 2)
    stroma = np.zeros(n_genes)
    chosen = rng.choice(n_genes, n_stroma, replace=False)
    stroma[chosen] = config.stroma_mean + config.stroma_sd * rng.standard_normal(n_stroma)
    modules = []
    for size in sizes:
        genes = np.sort(rng.choice(n_genes, size, replace=False))
        loadings = _effects(rng, config.module_loading, size, MODULE_UP_FRACTION)
        modules.append(Module(genes, loadings))
    return dense, tuple(modules), stroma


def _effects(rng: Generator, median: float, size: int, up_fraction: float) -> np.ndarray:
    """Return log-normal effects of random sign."""
    effects = median * np.exp(LOADING_SPREAD * rng.standard_normal(size))
    return effects * _signs(rng, size, up_fraction)


def _signs(rng: Generator, size: int, up_fraction: float) -> np.ndarray:
    return np.where(rng.random(size) < up_fraction, 1.0, -1.0)


def _roles(
    config: SimulatorConfig, factor: np.ndarray, modules: tuple[Module, ...], stroma: np.ndarray
) -> np.ndarray:
    """Return each gene's role; a signal factor outranks modules and stroma."""
    role = np.full(factor.size, NULL, dtype=object)
    for module in modules:
        role[module.genes] = NUISANCE_ROLE
    role[stroma != 0] = NUISANCE_ROLE
    moved = factor >= 0
    role[moved] = np.array(factor_roles(config), dtype=object)[factor[moved]]
    return role
