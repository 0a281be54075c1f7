"""What was run, in words; the report, the model cards and the checklist say the same."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import PurePath
from typing import Any

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
    config: Config, datasets: Sequence[str], models: Sequence[str], splits: Sequence[str]
) -> list[str]:
    """Return what was run, one sentence each."""
    runs = len(datasets) * len(models) * len(splits)
    split = config.get("split", {})
    sentences = [
        f"Experiment {config.get('experiment', {}).get('name', 'exprlab')}: "
        f"{count(len(models), 'model')} ({listing(models)}) on {count(len(datasets), 'data set')} "
        f"({listing(datasets)}), each trained on {count(len(splits), 'split')} "
        f"({listing(splits)}): {count(runs, 'training')} in all.",
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
    if "test_fraction" in split and "val_fraction" in split:
        sentences.append(
            f"In each split {100 * split['test_fraction']:g} % of the samples were kept for the "
            f"test and {100 * split['val_fraction']:g} % for validation (early stopping, "
            "calibration, decision threshold); all samples of a patient are on the same side, and "
            "gene filter and scaling were fitted on training samples only."
        )
    sentences += [
        f"{name}: {model_words(config.get('models', {}).get(name, {}))}." for name in models
    ]
    return sentences


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
            f"{count(len(values.get('strengths', [])), 'strength')}, chosen on the validation "
            "samples"
        )
    if values.get("kind") == "boosting":
        return (
            "gradient-boosted trees, the tree baseline: at most "
            f"{count(values.get('max_trees', 0), 'tree')} with up to {values.get('leaves')} "
            "leaves each, on the "
            f"{count(values.get('n_genes', 0), 'gene')} that vary most with others; their number "
            "is chosen on the validation samples"
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
