"""Facts in words, as the model cards and the checklist share them; plain text, not yet Markdown."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from exprlab.keys import TEST, TRAIN, VAL, told_apart
from exprlab.report.sentences import count, listing, number
from exprlab.report.words import layer_words

# An interval that is wider leaves too much open for a conclusion from the value alone.
WIDE = 0.1
THRESHOLD_RULES = {
    "youden": "the one with the largest Youden index, sensitivity + specificity - 1,",
    "accuracy": "the one with the largest accuracy",
}


def architecture_words(network: Mapping[str, Any]) -> str:
    """Return what lies between a model's inputs and its output."""
    architecture = network["architecture"]
    inputs = count(architecture["n_inputs"], "gene")
    outputs = len(told_apart(network["classes"]))
    between = ""
    if "hidden" in architecture:
        between = f"{layer_words(architecture)}, "
    elif "n_trees" in architecture:
        between = (
            f"{count(architecture['n_trees'] * outputs, 'tree')} with up to "
            f"{architecture['leaves']} leaves "
            f"each over {architecture['n_genes']:,} of these genes, "
        )
    return f"{inputs} in, {between}{count(outputs, 'logit')} out"


def tuning_words(network: Mapping[str, Any], settings: Mapping[str, Any]) -> list[str]:
    """Return how cross-validation made the model, where there were too few to validate on."""
    if not network.get("cross_validated"):
        return []
    words = [
        "Cross-validation: there were few validation samples, so all samples outside the test were "
        "dealt into folds, each judged by models that had not seen it. That decided when to stop "
        "and how to calibrate; the model itself learned from all of them."
    ]
    if network["architecture"].get("hidden", []) != settings.get("hidden", []):
        words.append(
            "Its hidden units are those of several networks side by side, each on another number "
            "of principal components of the genes; what they say is averaged."
        )
    return words


def regularisation_words(settings: Mapping[str, Any]) -> list[str]:
    """Return what holds a model back from learning its training samples by heart."""
    if settings["kind"] == "logistic":
        return [
            f"L2 penalty, the best of {count(len(settings['strengths']), 'strength')} by the loss "
            "on samples that were held out"
        ]
    if settings["kind"] == "boosting":
        return [
            "early stopping: as many trees are kept as have the smallest loss on held-out "
            f"samples, and no more grow after {count(settings['patience'], 'tree')} without a "
            "smaller one",
            f"each tree moves the logits by {settings['learning_rate']:g} of the best step, with "
            f"no leaf of fewer than {count(settings['min_leaf_samples'], 'training sample')}, or "
            "than a third of all of them where that is less",
            f"each branching chooses from {100 * settings['gene_fraction']:g} % of "
            f"{count(settings['n_genes'], 'gene')}, drawn at random",
        ]
    if settings["kind"] == "scratch_mlp":
        found = [
            "early stopping: the epoch with the smallest validation loss is kept, and training "
            f"ends after {count(settings['patience'], 'epoch')} without a smaller one"
        ]
        if settings["weight_decay"]:
            found.append(f"weight decay of {settings['weight_decay']:g}")
        return found
    if settings["kind"] != "mlp":
        return []
    found = [
        f"early stopping: the epoch with the best {settings['monitor']} on samples held out is "
        f"kept, and training ends after {count(settings['patience'], 'epoch')} without a better one"
    ]
    for key, words in (("dropout", "of the hidden units"), ("input_dropout", "of the genes")):
        if settings[key]:
            found.append(f"dropout of {100 * settings[key]:g} % {words}")
    if settings["weight_decay"]:
        found.append(f"weight decay of {settings['weight_decay']:g}")
    if settings["batch_norm"]:
        found.append("batch normalisation")
    return found


def cohort_words(checks: Mapping[str, Any]) -> str:
    """Return the size of a cohort and its classes, patients and batches as far as named."""
    classes = checks.get("n_per_class") or {}
    words = [count(checks["n_samples"], "sample")]
    if classes:
        words[0] += f" ({class_words(classes, checks['classes'])})"
    for key, noun in (("n_patients", "patient"), ("n_batches", "batch")):
        if checks.get(key) is not None:
            words.append(count(checks[key], noun).replace("batchs", "batches"))
    words.append(count(checks["n_genes"], "gene"))
    return listing(words)


def class_words(classes: Mapping[str, int], names: Sequence[str]) -> str:
    """Return e.g. '35 benign, 25 malignant; 41.7 % malignant'; the share is of two classes only."""
    total = sum(classes.values())
    words = ", ".join(f"{classes[name]:,} {name}" for name in names)
    if not total or len(names) != 2:
        return words
    return f"{words}; {100 * classes[names[-1]] / total:.1f} % {names[-1]}"


def size_words(*sizes: Mapping[str, int]) -> str:
    """Return how many samples each side of a split has, or from how many to how many of several."""
    train, val, test = (span(each[side] for each in sizes) for side in (TRAIN, VAL, TEST))
    return f"{train} for training, {val} for validation, {test} for test"


def patient_words(checks: Mapping[str, Any]) -> str:
    """Return whether patients are kept together, or why nobody can know."""
    if checks.get("n_patients") is None:
        return (
            "The sample table names no patients, so each sample was taken for a patient of its "
            "own; if patients gave several samples, these may stand on both sides of a split"
        )
    if checks["n_patients"] == checks["n_samples"]:
        return "Each patient gave one sample, so no patient is on two sides of a split"
    return (
        f"The {checks['n_samples']:,} samples come from {count(checks['n_patients'], 'patient')}; "
        "all samples of a patient are on the same side of a split"
    )


def decision_words(rule: str, n_classes: int) -> str:
    """Return how a class is called."""
    if n_classes > 2:
        return "Called is the class with the largest calibrated probability; there is no threshold"
    return f"The threshold of the calibrated probability is {threshold_words(rule)}"


def threshold_words(rule: str) -> str:
    """Return how the decision threshold of two classes is chosen."""
    if rule == "half":
        return "fixed beforehand"
    return f"{THRESHOLD_RULES.get(rule, f'the one by rule {rule}')} on held-out samples"


def is_wide(entry: Mapping[str, Any]) -> bool:
    """Return whether a metric's interval is wide, or not known at all."""
    low, high = entry["low"], entry["high"]
    # A comparison with NaN is false.
    return low is None or high is None or not high - low <= WIDE


def chance_words(evaluations: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Return a warning for each evaluation, by the name of its run, that may show guessing."""
    found = {name: _chance(evaluation) for name, evaluation in evaluations.items()}
    return [f"{name} {words}" for name, words in found.items() if words]


def many_chance_words(name: str, evaluations: Collection[Mapping[str, Any]]) -> list[str]:
    """Return in how many repeats a model may be guessing, each kind of doubt by itself."""
    found = Counter(words for words in map(_chance, evaluations) if words)
    return [
        f"{name}, in {n:,} of {len(evaluations):,} repeats: {words}"
        for words, n in sorted(found.items())
    ]


def _chance(evaluation: Mapping[str, Any]) -> str:
    auroc = evaluation["metrics"]["auroc"]
    if auroc["high"] is not None and auroc["high"] < 0.5:
        return "ranks samples worse than guessing (AUROC below 0.5)"
    if auroc["low"] is not None and auroc["low"] <= 0.5:
        return "cannot be told from guessing (the interval of its AUROC covers 0.5)"
    return ""


def span(values: Iterable[int]) -> str:
    """Return '3,233', or '3,233 to 3,240' if values differ."""
    found = list(values)
    low, high = min(found), max(found)
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"


def calibration_words(found: Mapping[str, Any], two: bool) -> str:
    """Say how a logit becomes a calibrated probability."""
    if found["calibration"] == "isotonic":
        return "a rising curve from log odds to probability (isotonic regression)"
    activation = "sigmoid" if two else "softmax"
    return (
        f"probability = {activation}(logit / temperature), temperature "
        f"{number(found['temperature'])}"
    )


def set_words(packed: Mapping[str, Any]) -> str:
    """Say from which probability on a class is in a prediction set."""
    sets = packed["prediction_sets"]
    cuts = listing([f"{name} from {number(cut)} on" for name, cut in sets["cuts"].items()])
    return f"at an error rate of {sets['error_rate']:.0%} they hold {cuts}, and the called class"
