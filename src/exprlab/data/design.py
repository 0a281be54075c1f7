"""Who is in a cohort: batches, patients and samples, before any read is counted.

A patient has a batch, a class, a lineage (tissue of origin), signal factors z and nuisance
factors u; all samples of the patient share them. Each sample has its own purity and depth.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from exprlab.config.simulator import SimulatorConfig
from exprlab.data.genes import Genes, signal_strengths
from exprlab.data.streams import BATCH, PATIENT, SAMPLE, stream
from exprlab.groups import group_equal


@dataclass(frozen=True)
class Batches:
    """What the B batches of a cohort do to their samples.

    Attributes
    ----------
    first
        Index of the first one; unseen batches are numbered on after the training cohort's.
    offset
        Shift of the log mean of each gene, natural log, (B, G).
    factor_shift
        Shift of the dense nuisance factors' means, (B, n_dense_factors).
    signal_shift
        Activity of each pathway that the batch feigns; part of `offset`, (B, P).
    log_depth
        Shift of the log library size, natural log, (B,).
    malignant_fraction
        Probability that a patient of the batch is malignant, (B,).
    """

    first: int
    offset: np.ndarray
    factor_shift: np.ndarray
    signal_shift: np.ndarray
    log_depth: np.ndarray
    malignant_fraction: np.ndarray


@dataclass(frozen=True)
class Design:
    """Samples `first`, `first` + 1, ... of a cohort; every array has one row per sample.

    Attributes
    ----------
    cohort, first
        Which samples these are.
    patient, batch, lineage
        Indices, (n,).
    label
        Index of the class as recorded, 0 = benign, (n,).
    true_label
        The same without label noise, (n,).
    z
        Signal factors, (n, D).
    u
        Nuisance factors, (n, K).
    purity
        Share of tumour cells, (n,).
    log_library
        Log of the depth s, (n,); expected totals are somewhat higher, since factors act on the
        log scale and s multiplies what they have done.
    """

    cohort: int
    first: int
    patient: np.ndarray
    batch: np.ndarray
    lineage: np.ndarray
    label: np.ndarray
    true_label: np.ndarray
    z: np.ndarray
    u: np.ndarray
    purity: np.ndarray
    log_library: np.ndarray


def simplex(n: int) -> np.ndarray:
    """Return n points at distance 1 from each other around the origin, (n, n - 1)."""
    points = np.zeros((n, n - 1))
    for k in range(1, n):
        # Point k sits on the axis through the centre of points 0 .. k - 1; height of a simplex.
        height = ((k + 1) / (2 * k)) ** 0.5
        points[k, k - 1] = height
        points[: k + 1, k - 1] -= height / (k + 1)
    return points


def class_means(config: SimulatorConfig) -> np.ndarray:
    """Return the mean of z in each class and lineage, (classes, lineages, D).

    A linear pathway follows the class; an interaction pathway follows class + lineage modulo the
    number of classes, so that its class means are equal once lineages are averaged (exactly so
    where the number of lineages is a multiple of the number of classes).
    """
    n_classes, n_lineages = config.n_classes, config.n_lineages
    linear, interaction = signal_strengths(config)
    vertices, lineages = simplex(n_classes), simplex(n_lineages) * config.lineage_distance
    means = []
    for y in range(n_classes):
        for lineage in range(n_lineages):
            straight = vertices[y] * (linear / config.copies_linear**0.5)
            crossed = vertices[(y + lineage) % n_classes]
            crossed = crossed * (interaction / config.copies_interaction**0.5)
            means.append(
                np.concatenate(
                    [
                        np.tile(straight, config.copies_linear),
                        np.tile(crossed, config.copies_interaction),
                        lineages[lineage],
                    ]
                )
            )
    return np.reshape(means, (n_classes, n_lineages, -1))


def signal_sds(config: SimulatorConfig, n_signal: int) -> np.ndarray:
    """Return the sd of z around its mean: 1 for pathways, `gate_sd` for the gate, (D,)."""
    sds = np.ones(n_signal)
    sds[n_signal - (config.n_lineages - 1) :] = config.gate_sd
    return sds


def draw_batches(config: SimulatorConfig, genes: Genes, seed: int, unseen: bool) -> Batches:
    """Draw the batches of the training cohort or, if `unseen`, as many others.

    Classes are confounded with batches in the training cohort only: the fraction of malignant
    patients then rises evenly from the first batch to the last, around `malignant_fraction`.
    """
    first = config.n_batches if unseen else 0
    n_pathways = genes.n_signal - (config.n_lineages - 1)
    rngs = [stream(seed, BATCH, first + b) for b in range(config.n_batches)]
    depth = config.batch_depth_sd * np.array([rng.standard_normal() for rng in rngs])
    factor = [rng.standard_normal(config.n_dense_factors) for rng in rngs]
    signal = config.batch_signal_sd * np.array([rng.standard_normal(n_pathways) for rng in rngs])
    noise = np.array([rng.standard_normal(genes.n_genes) for rng in rngs])
    offset = config.batch_sd * genes.batch_sensitivity * noise
    in_pathway = np.flatnonzero((genes.factor >= 0) & (genes.factor < n_pathways))
    offset[:, in_pathway] += genes.loading[in_pathway] * signal[:, genes.factor[in_pathway]]
    fraction = config.malignant_fraction
    tilt = np.linspace(-1, 1, config.n_batches) if config.n_batches > 1 else np.zeros(1)
    reach = 0.0 if unseen else config.batch_confounding * min(fraction, 1 - fraction)
    return Batches(
        first=first,
        offset=offset,
        factor_shift=config.batch_factor_sd * np.array(factor),
        signal_shift=signal,
        log_depth=depth,
        malignant_fraction=fraction + reach * tilt,
    )


def draw_design(
    config: SimulatorConfig,
    genes: Genes,
    batches: Batches,
    seed: int,
    cohort: int,
    rows: range,
) -> Design:
    """Draw the samples `rows` (without gaps) of a cohort.

    Patient p owns the samples p * samples_per_patient and following. Label noise acts on the
    patient: a wrong diagnosis is wrong for all of the patient's samples.
    """
    patient = np.arange(rows.start, rows.stop) // config.samples_per_patient
    patients, of_sample = group_equal(patient)
    uniform, z, u = _draw_patients(genes, seed, cohort, patients)
    batch = (uniform[:, 0] * config.n_batches).astype(np.int64)
    true_label = _one_of(uniform[:, 1], batches.malignant_fraction[batch], config.n_classes - 1)
    lineage = (uniform[:, 2] * config.n_lineages).astype(np.int64)
    step = _one_of(uniform[:, 3], np.full(batch.size, config.label_noise), config.n_classes - 1)
    label = (true_label + step) % config.n_classes
    z = class_means(config)[true_label, lineage] + z * signal_sds(config, genes.n_signal)
    u[:, : config.n_dense_factors] += batches.factor_shift[batch]
    purity, log_library = _draw_samples(config, seed, cohort, rows)
    return Design(
        cohort=cohort,
        first=rows.start,
        patient=patient,
        batch=batches.first + batch[of_sample],
        lineage=lineage[of_sample],
        label=label[of_sample],
        true_label=true_label[of_sample],
        z=z[of_sample],
        u=u[of_sample],
        purity=purity,
        log_library=log_library + batches.log_depth[batch[of_sample]],
    )


def _one_of(uniform: np.ndarray, probability: np.ndarray, n: int) -> np.ndarray:
    """Return 0, or 1 .. n, equally likely, with `probability` together."""
    part = np.divide(uniform, probability, out=np.ones_like(uniform), where=probability > 0)
    return np.where(part < 1, 1 + np.minimum((part * n).astype(np.int64), n - 1), 0)


def class_priors(config: SimulatorConfig, malignant_fraction: np.ndarray) -> np.ndarray:
    """Return the probability of each class in batches with these fractions, (B, classes)."""
    fraction = np.asarray(malignant_fraction)[:, None]
    subtypes = np.repeat(fraction / (config.n_classes - 1), config.n_classes - 1, axis=1)
    return np.hstack([1 - fraction, subtypes])


def _draw_patients(
    genes: Genes, seed: int, cohort: int, patients: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return uniforms for batch, class, lineage and label noise, and standard normal z and u."""
    uniform = np.empty((patients.size, 4))
    normal = np.empty((patients.size, genes.n_signal + genes.n_nuisance))
    for row, p in enumerate(patients.tolist()):
        rng = stream(seed, PATIENT, cohort, p)
        rng.random(out=uniform[row])
        rng.standard_normal(out=normal[row])
    return uniform, normal[:, : genes.n_signal], normal[:, genes.n_signal :]


def _draw_samples(
    config: SimulatorConfig, seed: int, cohort: int, rows: range
) -> tuple[np.ndarray, np.ndarray]:
    """Return purity and log library size of each sample, without its batch's depth."""
    purity, normal = np.empty(len(rows)), np.empty(len(rows))
    for row, i in enumerate(rows):
        rng = stream(seed, SAMPLE, cohort, i)
        # Depth first: a beta draw takes a varying number of steps, which would change the depth.
        normal[row] = rng.standard_normal()
        purity[row] = rng.beta(config.purity_a, config.purity_b)
    return purity, np.log(config.library_size) + config.library_sd * normal
