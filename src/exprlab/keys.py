"""Names of columns, classes, splits, metrics and files, each spelled once."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

# Columns of sample tables and predictions.
SAMPLE_ID = "sample_id"
GENE_ID = "gene_id"
LABEL = "label"
BATCH = "batch"
PATIENT = "patient"
SPLIT = "split"
LOGIT = "logit"
# Whether a logit is of a model that did not see the sample.
HELD_OUT = "held_out"
PROBABILITY = "probability"
CALIBRATED = "calibrated_probability"
PREDICTION = "prediction"
PREDICTION_SET = "prediction_set"
DISTANCE = "distance"
TYPICALITY = "typicality"
FLAGS = "flags"
MODEL_ID = "model_id"
# Between the classes of a prediction set; no class may hold it.
SET_SEPARATOR = "|"

# Classes: the position is the integer label; of two, the last one is the positive class.
CLASSES = ("benign", "malignant")
# Classes of a simulated cohort with subtypes: benign and subtype-1, subtype-2, ...
SUBTYPE = "subtype"
# What the numbers of a cohort are: raw counts of reads; transcripts per million; logarithms to base
# 2, or log ratios, which may be negative; intensities of a microarray on their own scale.
COUNTS, TPM, LOG2, INTENSITY = VALUES = ("counts", "tpm", "log2", "intensity")
# How a missing entry of an integer count matrix is stored; one of the other kinds is NaN.
MISSING_COUNT = -1

# The oracle's tables: a column per class after each prefix (true class, recorded label, recorded
# label without knowing the batch), and per gene what its verdict hangs on.
ORACLE_TRUE = "true_"
ORACLE_RECORDED = "recorded_"
ORACLE_BLIND = "blind_"
SALIENCY = "saliency"

# Tables of genes: beside the importance by a method its direction; Welch's test.
DIRECTION = "_direction"
MEAN_PREFIX = "mean_"
STATISTIC = "welch_f"
P_VALUE = "p_value"
Q_VALUE = "q_value"
# A ranking of genes that no model makes.
TEST_RANKING = "Welch's test"

# Splits.
TRAIN = "train"
VAL = "val"
TEST = "test"
SPLITS = (TRAIN, VAL, TEST)
# What a published split may call them; capitals do not matter.
SPLIT_WORDS = {
    TRAIN: TRAIN,
    "training": TRAIN,
    VAL: VAL,
    "valid": VAL,
    "validation": VAL,
    "dev": VAL,
    TEST: TEST,
    "testing": TEST,
}
# Samples that neither train nor test: those that a smaller training part (experiment.train_sizes)
# leaves out, and other samples of a test batch's patients.
UNUSED = "unused"

# How samples are divided: once; into folds that are tested in turn, at random or batch by batch; as
# published; and by whichever of these fits the cohort.
HOLDOUT = "holdout"
K_FOLD = "k_fold"
LEAVE_ONE_BATCH_OUT = "leave_one_batch_out"
PUBLISHED = "published"
DESIGNS = ("auto", HOLDOUT, K_FOLD, LEAVE_ONE_BATCH_OUT, PUBLISHED)
# Of pooled predictions: which fold tested the sample.
FOLD = "fold"

# Test metrics, in the order in which a reader meets them.
METRICS = (
    "auroc",
    "auprc",
    "accuracy",
    "balanced_accuracy",
    "sensitivity",
    "specificity",
    "f1",
    "mcc",
    "brier",
    "log_loss",
    "ece",
)
# Of these, smaller is better.
LOSSES = frozenset({"brier", "log_loss", "ece"})
# What a reader calls those of them whose name is not what is read.
METRIC_TITLES = {
    "auroc": "AUROC",
    "auprc": "AUPRC",
    "f1": "F1",
    "mcc": "MCC",
    "brier": "Brier score",
    "log_loss": "log loss (nats)",
    "ece": "expected calibration error",
    "auroc_gap": "AUROC gap to the oracle",
    "excess_log_loss": "excess log loss (nats)",
    "probability_error": "mean |p − p_true|",
}

# The Bayes-optimal classifier of a simulated cohort, where it stands beside the models.
ORACLE = "oracle"
# How far a model is from it; smaller is better.
TRUTH_METRICS = ("auroc_gap", "excess_log_loss", "probability_error")

# Training curves.
TRAIN_LOSS = "train/loss"
TRAIN_STEP_LOSS = "train/loss_step"
VAL_LOSS = "val/loss"
VAL_AUROC = "val/auroc"
LEARNING_RATE = "train/learning_rate"
GRADIENT_NORM = "train/gradient_norm"


def gradient_norm(layer: int) -> str:
    """Name the curve of a layer's gradient; layers count from 1, which meets the inputs."""
    return f"{GRADIENT_NORM}/layer_{layer}"


# Files of a run's folder, results/{dataset}/{model}/{split}/.
WEIGHTS_FILE = "weights.safetensors"
NETWORK_FILE = "network.json"
LOGITS_FILE = "logits.parquet"
METRICS_FILE = "metrics.csv"
PARAMS_FILE = "params.json"
RECORD_FILE = "record.json"
ATTRIBUTION_FILE = "attribution.tsv"
# Side files: they may differ between two equal runs, so nothing scientific reads them.
STATUS_FILE = "status.json"
TIMING_FILE = "timing.csv"
ENVIRONMENT_FILE = "environment.json"
DIFF_FILE = "uncommitted.diff"
ENVIRONMENT_PAGE = "environment.html"
SIDE_FILES = frozenset({STATUS_FILE, TIMING_FILE, ENVIRONMENT_FILE, DIFF_FILE, ENVIRONMENT_PAGE})

# Files of the self-contained model folder.
MODEL_JSON = "model.json"
MODEL_WEIGHTS = "model.safetensors"


def split_of_word(word: object) -> str | None:
    """Return the split that a word of a published split means, None if it means none."""
    return SPLIT_WORDS.get(str(word).strip().lower())


# A split is one division of the samples; a repeat is all that a seed makes: one split, or several
# folds whose test samples together are all samples.
REPEAT_PATTERN = r"seed-\d+"
WHOLE_SPLIT_PATTERN = REPEAT_PATTERN + r"(-fold-\d+)?"
SPLIT_PATTERN = WHOLE_SPLIT_PATTERN + r"(-n-\d+)?"
_SPLIT_NAME = re.compile(r"seed-(\d+)(?:-fold-(\d+))?(?:-n-(\d+))?")


class SplitParts(NamedTuple):
    """What a split's name says; `fold` is None without folds, `size` where all samples train."""

    seed: int
    fold: int | None
    size: int | None

    @property
    def repeat(self) -> str:
        """Return the name of all folds of the seed together, or of the split where it is alone."""
        return split_name(self.seed, self.size)


def split_name(seed: int, size: int | None = None, fold: int | None = None) -> str:
    """Return a split's name.

    ``seed-0``; ``seed-0-fold-1`` of the first fold; ``seed-0-n-100`` and ``seed-0-fold-1-n-100``
    with 100 of the training samples.
    """
    of_fold = "" if fold is None else f"-fold-{fold}"
    return f"seed-{seed}{of_fold}" + ("" if size is None else f"-n-{size}")


def split_parts(split: str) -> SplitParts:
    """Return seed, fold and size of a split's name."""
    found = _SPLIT_NAME.fullmatch(split)
    if found is None:
        raise ValueError(f"'{split}' is no name of a split, such as seed-0 or seed-0-fold-1")
    seed, fold, size = (None if part is None else int(part) for part in found.groups())
    return SplitParts(seed, fold, size)


def metric_title(metric: str) -> str:
    """Return a metric's name as a reader meets it, e.g. ``AUROC`` or ``balanced accuracy``."""
    return METRIC_TITLES.get(metric, metric.replace("_", " "))


def class_names(n_classes: int) -> tuple[str, ...]:
    """Return the classes of a simulated cohort, benign first."""
    if n_classes == len(CLASSES):
        return CLASSES
    return (CLASSES[0], *(f"{SUBTYPE}-{k}" for k in range(1, n_classes)))


def class_order(names: Iterable[str], positive: str = "") -> tuple[str, ...]:
    """Return the classes among these names in the order of their labels.

    The positive class last, benign first, all others by name.
    """
    return tuple(sorted(set(names), key=lambda name: (name == positive, name != CLASSES[0], name)))


def told_apart(classes: Sequence[str]) -> list[str]:
    """Return the classes that are told from the rest: the positive one of two, each of more."""
    return list(classes[1:] if len(classes) == 2 else classes)


def output_columns(name: str, classes: Sequence[str]) -> list[str]:
    """Return the columns of a model's output: `name` for two classes, one for each of more."""
    return [name] if len(classes) == 2 else [f"{name}_{label}" for label in classes]
