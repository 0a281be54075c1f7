"""Checks of a cohort in exprlab's own file, such as a simulated one, block by block."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from exprlab.cohort.check_values import report_odd
from exprlab.cohort.checks import (
    Needs,
    check_matrix,
    check_samples,
    check_together,
    checks_json,
    class_names,
    report_no_label,
    summary,
)
from exprlab.cohort.measure import Odd, measure
from exprlab.cohort.places import Places
from exprlab.cohort.problems import Problems
from exprlab.cohort.sheet_checks import SheetPlaces
from exprlab.data.formats import CountsFile
from exprlab.keys import COUNTS, GENE_ID, LABEL, MISSING_COUNT, SAMPLE_ID


def check_counts(
    counts: CountsFile, needs: Needs, problems: Problems, classes: Sequence[str] = ()
) -> dict[str, Any]:
    """Check a cohort and summarise it.

    Parameters
    ----------
    counts
        The open file; it says itself what kind its values are of.
    needs
        What is needed of the cohort.
    problems
        Where to report.
    classes
        The labels that there may be, of each of which a cohort to train on has samples; empty:
        those that there are.

    Returns
    -------
    dict
        What was found, as `checks_json` gives it.

    Raises
    ------
    UserError
        Where the file is damaged. What is wrong with its content is reported.
    """
    places = Places(counts.path, counts.samples.index, counts.genes.index)
    rows = [(counts.path, i + 1) for i in range(len(counts.samples))]
    sheet = SheetPlaces(counts.path, {}, rows, counts.samples.index)
    classes = tuple(classes) or class_names(counts.samples)
    not_a_number = Odd()
    measured = measure(_blocks(counts, not_a_number), counts.shape[1])
    report_odd(
        places,
        not_a_number,
        "is no count",
        f"a missing count is {MISSING_COUNT} in this file",
        problems,
    )
    notes = check_matrix(places, measured, counts.values, problems)
    if needs.labels and LABEL not in counts.samples:
        report_no_label(counts.samples, sheet, problems)
    check_samples(counts.samples, classes, sheet, needs, problems)
    check_together(counts.samples, measured, classes, places, sheet, needs, problems)
    return checks_json(summary(counts.samples, counts.shape[1], classes), notes, problems)


def is_canonical(path: Path) -> bool:
    """Return whether a file is one of exprlab's own, as its two indices and its values say."""
    try:
        with h5py.File(path, "r") as file:
            found = [file[name].attrs.get("_index") for name in ("obs", "var")]
            # Others may call their indices so, too; ours says what X is, or has dense counts.
            ours = "uns/values" in file or isinstance(file.get("layers/counts"), h5py.Dataset)
    except (OSError, KeyError):
        return False
    return found == [SAMPLE_ID, GENE_ID] and ours


def _blocks(counts: CountsFile, not_a_number: Odd) -> Iterator[tuple[int, np.ndarray]]:
    """Yield blocks with NaN where a value is missing; note counts that are NaN themselves."""
    for start, block in counts.stored_blocks(64):
        if counts.values == COUNTS:
            if block.dtype.kind == "f":
                not_a_number.add(np.isnan(block), block, start)
            missing = block == MISSING_COUNT
            if missing.any():
                block = np.where(missing, np.nan, block)
        yield start, block
