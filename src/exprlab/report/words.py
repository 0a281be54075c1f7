"""What was run, in words; the report, the model cards and the checklist say the same."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import PurePath
from typing import Any

from exprlab.config.designs import Design
from exprlab.keys import K_FOLD, LEAVE_ONE_BATCH_OUT, PUBLISHED
from exprlab.many import named
from exprlab.report.sentences import count, listing

Config = Mapping[str, Any]
SIMULATED = "simulate"
_KINDS = {
    "counts": "raw counts",
    "tpm": "TPM (transcripts per million)",
    "log2": "logarithms to base 2",
    "intensity": "intensities",
}


def in_words(
    config: Config, models: Sequence[str], repeats: Sequence[str], designs: Mapping[str, Design]
) -> list[str]:
    """Return what was run, one sentence each.

    Parameters
    ----------
    config
        The validated config, as plain values.
    models, repeats
        Their names.
    designs
        How the samples of each data set are divided.
    """
    datasets = list(designs)
    runs = sum(len(models) * len(design.splits_of(repeats)) for design in designs.values())
    sentences = [
        f"Experiment {config.get('experiment', {}).get('name', 'exprlab')}: "
        f"{count(len(models), 'model')} ({listing(models)}) on {count(len(datasets), 'data set')} "
        f"({listing(datasets)}), in {count(len(repeats), 'repeat')} "
        f"({listing(named(repeats))}): {count(runs, 'training')} in all.",
        *(
            f"{name}: {source_words(config.get('datasets', {}).get(name, {}))}."
            for name in datasets
        ),
    ]
    if sizes := config.get("experiment", {}).get("train_sizes"):
        sentences.append(
            "For learning curves each model was also trained on "
            f"{listing([f'{n:,}' for n in sizes])} of the training samples of each split, and "
            f"judged on the same test samples: {count(runs * len(sizes), 'further training')}."
        )
    sentences += [
        f"{name}: {design_words(design, config.get('split', {}))}."
        for name, design in designs.items()
    ]
    sentences.append(
        "All samples of a patient stay on the same side, and gene filter, scaling and all other "
        "steps were fitted on training samples only."
    )
    sentences += [
        f"{name}: {model_words(config.get('models', {}).get(name, {}))}." for name in models
    ]
    return sentences


def design_words(design: Design, split: Config) -> str:
    """Return how samples are divided in each repeat, given the config's section `split`."""
    val = f"{100 * split.get('val_fraction', 0):g} %"
    use = (
        "for validation (early stopping, calibration, decision threshold; where they are few, "
        "these are done in folds of them and the training samples, and the model trains on both)"
    )
    if design.name == K_FOLD:
        return (
            f"in each repeat the samples were dealt anew into {design.folds} folds, and each fold "
            f"was tested by a model trained without it; {val} of the other samples served {use}"
        )
    if design.name == LEAVE_ONE_BATCH_OUT:
        return (
            f"each of the {design.folds} batches was tested by a model trained on the others; "
            f"{val} of their samples served {use}"
        )
    if design.name == PUBLISHED:
        return (
            "samples were divided as the sample table says, so every repeat has the same test "
            f"samples; where it names none {use}, {val} of the training samples served so"
        )
    test = f"{100 * split.get('test_fraction', 0):g} %"
    return f"in each repeat {test} of the samples were kept for the test and {val} {use}"


def source_words(values: Config) -> str:
    """Return where a data set comes from, and what that means for the results."""
    if is_simulated(values):
        return (
            f"simulated counts (scenario {values.get('scenario')}), so these results say "
            "how well the methods work on such data, not anything about real patients"
        )
    files = [PurePath(path).name for path in values.get("expression", [])]
    kind = _KINDS.get(values.get("values", ""), "values")
    return f"{kind} of a cohort of one's own, from {listing(files)}"


def is_simulated(values: Config) -> bool:
    """Return whether a data set is simulated, so that its truth is known."""
    return values.get("source") == SIMULATED


def has_new_samples(values: Config) -> bool:
    """Return whether a data set has samples that the models predict."""
    return is_simulated(values) or bool(values.get("new_expression"))


def model_words(values: Config) -> str:
    """Return what kind of model the settings make, and how it is trained."""
    if values.get("kind") == "logistic":
        return (
            "logistic regression, the linear baseline; its regularisation is one of "
            f"{count(len(values.get('strengths', [])), 'strength')}, chosen on samples that "
            "were held out"
        )
    if values.get("kind") == "boosting":
        return (
            "gradient-boosted trees, the tree baseline: at most "
            f"{count(values.get('max_trees', 0), 'tree')} with up to {values.get('leaves')} "
            "leaves each, on the "
            f"{count(values.get('n_genes', 0), 'gene')} that vary most with others; their number "
            "is chosen on samples that were held out"
        )
    if values.get("kind") == "scratch_mlp":
        return (
            f"multilayer perceptron from scratch, in NumPy, with {layer_words(values)}, trained "
            f"for at most {count(values.get('max_epochs', 0), 'epoch')} of gradient descent; the "
            "epoch with the smallest validation loss is kept"
        )
    if values.get("kind") == "mlp":
        return (
            f"multilayer perceptron with {layer_words(values)}, trained for at most "
            f"{count(values.get('max_epochs', 0), 'epoch')} with {values.get('optimizer')}; the "
            f"epoch with the best {values.get('monitor')} is kept"
        )
    return f"a model of kind {values.get('kind', 'unknown')}"


def layer_words(values: Config) -> str:
    """Return the hidden layers of a network, from its settings or its architecture."""
    hidden = values.get("hidden", [])
    if not hidden:
        return "no hidden layer"
    return (
        f"{count(len(hidden), 'hidden layer')} of {listing(hidden)} units "
        f"({values.get('activation')})"
    )
