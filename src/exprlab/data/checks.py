"""Checks of counts and sample table before anything expensive: all problems at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from exprlab.data.formats import CountsFile, NotCounts, as_counts
from exprlab.errors import UserError, did_you_mean
from exprlab.keys import BATCH, CLASSES, LABEL, MISSING_COUNT, PATIENT

# A class with fewer samples than this gives intervals too wide to conclude anything from.
FEW_SAMPLES = 30


@dataclass
class _Findings:
    errors: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def check_counts(
    counts: CountsFile, needs_labels: bool = True, classes: Sequence[str] = CLASSES
) -> dict[str, Any]:
    """Check a cohort and summarise it.

    Parameters
    ----------
    counts
        The open counts file.
    needs_labels
        Whether every sample must have a label (a cohort to train on) or not (new samples).
    classes
        The labels that there may be; a cohort to train on has samples of each.

    Returns
    -------
    dict
        Sizes, classes and warnings, ready for JSON.

    Raises
    ------
    UserError
        With every error found, one line each.
    """
    found = _Findings()
    _check_ids(counts.samples.index, "sample", found)
    _check_ids(counts.genes.index, "gene", found)
    if needs_labels:
        _check_labels(counts.samples, classes, found)
        _check_patients(counts.samples, found)
    _check_values(counts, found)
    if found.errors:
        raise UserError("\n".join(f"{counts.path}: {line}" for line in found.errors))
    return _summary(counts, classes, found.warnings)


def _check_ids(ids: pd.Index, what: str, found: _Findings) -> None:
    twice = ids[ids.duplicated()].unique()
    if len(twice):
        found.errors.append(
            f"{len(twice)} {what} id(s) occur more than once, e.g. '{twice[0]}'; ids must be unique"
        )


def _check_labels(samples: pd.DataFrame, classes: Sequence[str], found: _Findings) -> None:
    if LABEL not in samples:
        hint = did_you_mean(LABEL, samples.columns)
        found.errors.append(f"the sample table has no column '{LABEL}'{hint}")
        return
    labels = samples[LABEL]
    for row in np.flatnonzero(~labels.isin(classes))[:1]:
        label = labels.iloc[row]
        found.errors.append(
            f"row {row + 1} (sample '{samples.index[row]}'), column '{LABEL}': found {label!r}; "
            f"allowed: {', '.join(classes)}{did_you_mean(label, classes)}"
        )
    for name in classes:
        n = int((labels == name).sum())
        if n == 0:
            found.errors.append(f"no sample of class '{name}'; a classifier needs some of each")
        elif n < FEW_SAMPLES:
            found.warnings.append(f"Class '{name}' has only {n} samples; expect wide intervals.")


def _check_patients(samples: pd.DataFrame, found: _Findings) -> None:
    """Without its patient, a sample could land in another split than the patient's others."""
    if PATIENT in samples and samples[PATIENT].isna().any():
        row = int(np.argmax(samples[PATIENT].isna()))
        found.errors.append(
            f"row {row + 1} (sample '{samples.index[row]}'), column '{PATIENT}': is empty; name "
            "the patient of every sample, or remove the column if each has its own"
        )


def _check_values(counts: CountsFile, found: _Findings) -> None:
    empty, missing = [], 0
    for start, stored in counts.stored_blocks():
        ids = counts.samples.index[start : start + len(stored)]
        try:
            block = as_counts(stored, ids, counts.genes.index, first_row=start)
        except NotCounts as error:
            found.errors.append(str(error))
            return
        missing += int((block == MISSING_COUNT).sum())
        empty += [start + int(i) for i in np.flatnonzero(~(block > 0).any(axis=1))]
    for row in empty[:3]:
        found.errors.append(
            f"row {row + 1} (sample '{counts.samples.index[row]}') has no reads at all; remove it"
        )
    if len(empty) > 3:
        found.errors.append(f"{len(empty) - 3} more samples have no reads at all")
    if missing:
        share = missing / (counts.shape[0] * counts.shape[1])
        found.warnings.append(f"{missing:,} counts ({share:.1%}) are missing.")


def _summary(counts: CountsFile, classes: Sequence[str], warnings: list[str]) -> dict[str, Any]:
    samples = counts.samples
    summary: dict[str, Any] = {
        "n_samples": counts.shape[0],
        "n_genes": counts.shape[1],
        "warnings": warnings,
    }
    if LABEL in samples:
        summary["classes"] = list(classes)
        summary["n_per_class"] = {name: int((samples[LABEL] == name).sum()) for name in classes}
    for column, key in ((PATIENT, "n_patients"), (BATCH, "n_batches")):
        if column in samples:
            summary[key] = int(samples[column].nunique())
    return summary
