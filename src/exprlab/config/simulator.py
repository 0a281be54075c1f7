"""Settings of the simulator: what a simulated tumour cohort is like."""

from __future__ import annotations

from typing import NamedTuple

from pydantic import model_validator

from exprlab.config.section import Section, setting


class SimulatorConfig(Section):
    """Parameters of the simulated cohort; the scenario sets them, `simulator:` overrides them."""

    # The classes and the signal.
    n_classes: int = setting(
        2, "benign and malignant, or from 3 on benign and so many subtypes less one", ge=2, le=8
    )
    target_auroc: float = setting(
        0.985,
        "AUROC between any two classes of the best classifier that knows the latent factors; "
        "0.5 = no signal",
        ge=0.5,
        lt=1.0,
    )
    nonlinear_share: float = setting(
        0.65,
        "share of the signal that shows within a lineage only (XOR); 0 = all is linear",
        ge=0,
        le=1,
    )
    malignant_fraction: float = setting(
        0.5, "fraction of malignant patients; subtypes share it evenly", gt=0, lt=1
    )
    n_lineages: int = setting(2, "tissues of origin, not recorded in the sample sheet", ge=1, le=8)
    copies_linear: int = setting(2, "pathways that carry the linear signal", ge=1, le=8)
    copies_interaction: int = setting(2, "pathways that carry the lineage-gated signal", ge=1, le=8)
    genes_per_pathway: int = setting(300, "genes that a pathway moves", "genes", ge=1)
    pathway_loading: float = setting(
        0.28, "median effect of a pathway on its genes per unit of activity", "natural log", gt=0
    )
    pathway_up_fraction: float = setting(
        0.6, "fraction of a pathway's genes that go up", ge=0, le=1
    )
    gate_genes: int = setting(800, "genes that tell the lineages apart", "genes", ge=0)
    gate_loading: float = setting(
        0.45, "effect of the lineage on its genes per unit", "natural log", gt=0
    )
    gate_sd: float = setting(0.3, "spread of the lineage factor within a lineage", gt=0)
    lineage_distance: float = setting(2.0, "distance between the lineages' centres", ge=0)
    # Everything else that moves genes.
    n_dense_factors: int = setting(8, "nuisance factors that move most genes a little", ge=0)
    dense_factor_sd: float = setting(
        0.19,
        "spread of the first dense factor's loadings; the k-th has 1/sqrt(k) of it",
        "natural log",
        ge=0,
    )
    composition_tilt: float = setting(
        0.0,
        "how much more the first dense factor moves a gene than one of half its expression; "
        "samples then differ in composition, as RNA of different quality does; 0.02 to 0.05 in "
        "tumours",
        "natural log",
        ge=0,
    )
    n_modules: int = setting(24, "co-expression modules unrelated to the label", ge=0)
    module_genes: int = setting(250, "genes in a module", "genes", ge=1)
    module_loading: float = setting(
        0.25, "median effect of a module on its genes", "natural log", ge=0
    )
    # A gene. Mean log2 CPM are scaled together so that CPM sum to a million; the rest of the genes
    # is expressed.
    silent_fraction: float = setting(
        0.06, "fraction of genes with hardly a read in any sample", ge=0, le=1
    )
    silent_mean: float = setting(-8.0, "their mean expression; its spread is 1", "log2 CPM")
    low_fraction: float = setting(0.24, "fraction of genes with few reads", ge=0, le=1)
    low_mean: float = setting(-1.5, "their mean expression", "log2 CPM")
    low_sd: float = setting(2.3, "gene-to-gene spread of their expression", "log2 CPM", gt=0)
    expressed_mean: float = setting(4.6, "mean expression of all other genes", "log2 CPM")
    expressed_sd: float = setting(1.75, "gene-to-gene spread of their expression", "log2 CPM", gt=0)
    dispersion_floor: float = setting(
        0.01,
        "dispersion that the highest genes keep; variance = mean + dispersion x mean^2",
        ge=0,
    )
    dispersion_level: float = setting(
        0.38, "dispersion above the floor of a gene of 1 CPM, roughly (of 0.7 CPM exactly)", ge=0
    )
    dispersion_slope: float = setting(
        0.58, "how fast that falls with expression: as (CPM + 0.3)^-slope", ge=0, le=2
    )
    dispersion_spread: float = setting(
        1.0, "gene-to-gene spread of the log dispersion around its trend", "natural log", ge=0
    )
    stroma_genes: int = setting(800, "genes that differ between tumour cells and stroma", ge=0)
    stroma_mean: float = setting(0.8, "mean of the stroma profile on these genes", "natural log")
    stroma_sd: float = setting(
        0.7, "spread of the stroma profile on these genes", "natural log", ge=0
    )
    # A sample.
    purity_a: float = setting(7.0, "first shape of the Beta law of tumour purity", gt=0)
    purity_b: float = setting(
        3.0, "second shape of the Beta law of tumour purity; mean = a / (a + b)", gt=0
    )
    library_size: float = setting(25e6, "median sequencing depth", "reads", gt=0)
    library_sd: float = setting(0.25, "spread of the log library size", "natural log", ge=0)
    samples_per_patient: int = setting(1, "replicate samples of each patient", ge=1)
    label_noise: float = setting(0.0, "probability that a recorded label is wrong", ge=0, lt=1)
    # Batches.
    n_batches: int = setting(4, "sequencing batches", ge=1)
    batch_sd: float = setting(0.10, "gene-wise shift of a batch", "natural log", ge=0)
    batch_factor_sd: float = setting(0.25, "shift of the dense factors' means by a batch", ge=0)
    batch_depth_sd: float = setting(0.10, "shift of the log depth by a batch", "natural log", ge=0)
    batch_signal_sd: float = setting(
        0.0, "shift along the pathways by a batch: an artefact that mimics the signal", ge=0
    )
    batch_confounding: float = setting(
        0.0, "how far batches differ in their share of malignant patients; 1 = most", ge=0, le=1
    )
    new_batches: bool = setting(
        False, "whether the new cohort comes from batches the training cohort has not seen"
    )
    # Corruption.
    outlier_rate: float = setting(
        1e-4, "probability that an entry is multiplied or divided by 5 to 10", ge=0, le=1
    )
    missing_rate: float = setting(
        0.0, "probability that an entry is missing (stored as -1)", ge=0, lt=1
    )

    @model_validator(mode="after")
    def _some_genes_are_expressed(self) -> SimulatorConfig:
        unexpressed = self.silent_fraction + self.low_fraction
        if unexpressed >= 1:
            raise ValueError(
                f"silent_fraction + low_fraction: found {unexpressed:g} together; allowed: less "
                "than 1, since some genes must be expressed"
            )
        return self


# The batches of a lab that changed its kit: strong offsets that mimic the pathways.
_STRONG_BATCHES = {
    "batch_sd": 0.30,
    "batch_factor_sd": 0.8,
    "batch_depth_sd": 0.25,
    "batch_signal_sd": 0.8,
    "batch_confounding": 0.6,
}


class Scenario(NamedTuple):
    """A kind of cohort: what it is, what to expect, and what differs from the defaults."""

    what: str
    expected: str
    simulator: dict[str, object] = {}  # noqa: RUF012 (nothing writes to it)
    n_samples: int = 3000


SCENARIOS: dict[str, Scenario] = {
    "nonlinear": Scenario(
        "Part of the signal is an XOR of lineage and pathway activity.",
        "A linear model stays below AUROC 0.90, however many samples; with 3,000 of them the "
        "network comes within 0.01 of the best possible 0.98.",
    ),
    "easy-linear": Scenario(
        "All of the signal is linear, one batch, no outliers.",
        "Every model comes close to the best possible one.",
        {"target_auroc": 0.995, "nonlinear_share": 0.0, "n_batches": 1, "outlier_rate": 0.0},
    ),
    "subtypes": Scenario(
        "Benign tissue and three tumour subtypes; half of the signal is gated by the lineage.",
        "Of more than two classes each is told from the rest: mean AUROC 0.94 by a linear model, "
        "0.97 by the network, 0.99 at best.",
        {
            "n_classes": 4,
            "malignant_fraction": 0.6,
            "copies_linear": 1,
            "copies_interaction": 1,
            "target_auroc": 0.99,
            "nonlinear_share": 0.5,
        },
    ),
    "batch-shift": Scenario(
        "The new cohort comes from batches that training has not seen; batches mimic the pathways.",
        "The shifts of the new batches are estimated from their own samples, so the network is as "
        "good on them (AUROC 0.98) as on the test samples; with `preprocess.batch_correction: "
        "none` it falls to 0.91, and accuracy from 0.93 to 0.83.",
        {**_STRONG_BATCHES, "new_batches": True},
    ),
    "confounded-batch": Scenario(
        "Batches differ in their share of malignant patients, so that a batch tells the class.",
        "Test metrics on the same batches are too good (AUROC 0.96 by the linear model); the new "
        "cohort, of new batches, tells (0.88). The network loses less (0.98 and 0.97).",
        {**_STRONG_BATCHES, "batch_confounding": 1.0, "batch_signal_sd": 0.0, "new_batches": True},
    ),
    "label-noise": Scenario(
        "One label in five is wrong.",
        "Metrics on recorded labels are bounded near AUROC 0.79.",
        {"label_noise": 0.2},
    ),
    "low-purity": Scenario(
        "Most of each sample is stroma, and pathways are weaker.",
        "All models lose, trees and linear ones more than the network.",
        {"purity_a": 2.5, "purity_b": 5.0, "pathway_loading": 0.22},
    ),
    "imbalanced": Scenario(
        "One patient in twenty is malignant.",
        "Accuracy is 0.95 without looking; AUPRC and sensitivity show what a model can do.",
        {"malignant_fraction": 0.05},
    ),
    "small-n": Scenario(
        "100 samples are all there is.",
        "Intervals are wide, and simple models beat the network, which is near guessing.",
        n_samples=100,
    ),
    "null": Scenario(
        "No gene has anything to do with the label.",
        "An honest pipeline gives AUROC 0.5; anything better is leakage.",
        {"target_auroc": 0.5},
    ),
    "replicates": Scenario(
        "Each patient gave three samples.",
        "A split by sample leaks: a patient's other samples give the label away. A split by "
        "patient, as here, does not.",
        {"samples_per_patient": 3},
    ),
}
