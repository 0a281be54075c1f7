"""Checks of a cohort before anything expensive: all problems at once, then a summary."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import pandas as pd

from exprlab.cohort.check_values import check_values
from exprlab.cohort.classes import check_labels
from exprlab.cohort.confounding import check_batches, check_library_size, check_other_columns
from exprlab.cohort.gene_ids import check_gene_ids, check_sum_row
from exprlab.cohort.ids import check_ids
from exprlab.cohort.leakage import check_equal_samples, check_gene_columns, check_label_genes
from exprlab.cohort.measure import Measures, blocks_of, measure
from exprlab.cohort.places import JoinedPlaces, Places
from exprlab.cohort.problems import Problems
from exprlab.cohort.sheet_checks import (
    SheetPlaces,
    check_filled,
    check_spelling,
    check_split,
)
from exprlab.cohort.table import Cohort, ExpressionTable
from exprlab.config.designs import Design
from exprlab.errors import did_you_mean
from exprlab.keys import BATCH, COUNTS, LABEL, PATIENT, SPLIT, class_order


@dataclass(frozen=True)
class Needs:
    """What is needed of a cohort.

    Attributes
    ----------
    kind
        What its values are declared to be, one of `keys.VALUES`.
    labels
        Whether every sample must have a label: of samples to predict they may be missing.
    smallest_class
        How many patients (samples, where patients are not told) of each class the design of the
        evaluation needs.
    """

    kind: str = COUNTS
    labels: bool = True
    smallest_class: int = Design().smallest_class


def check_matrix(
    places: Places, measured: Measures, kind: str, problems: Problems, whole: bool = True
) -> list[str]:
    """Check one file's ids and values; return what is worth knowing and no problem.

    Of a file that is not `whole` some values could not be read and were reported; these are not
    reported again as missing.
    """
    ids = [str(name) for name in places.sample_ids]
    check_ids(ids, "sample", places.path, places.sample, problems)
    notes = check_gene_ids(places, problems)
    check_values(places, measured, kind, problems, whole)
    if kind == COUNTS:
        check_sum_row(places, measured, problems)
    return notes


def check_table(
    table: ExpressionTable, kind: str, problems: Problems, whole: bool = True
) -> list[str]:
    """Check one table that was read, as `check_matrix` does."""
    measured = measure(blocks_of(table.values), table.values.shape[1])
    return check_matrix(Places.of(table), measured, kind, problems, whole)


def check_cohort(cohort: Cohort, needs: Needs, problems: Problems) -> dict[str, Any]:
    """Check values and samples of a cohort against each other, and summarise it.

    Parameters
    ----------
    cohort
        Tables and sample table, joined; each has been checked by itself.
    needs
        What is needed of it.
    problems
        Where to report.

    Returns
    -------
    dict
        Sizes and classes, ready for JSON.
    """
    places, sheet = JoinedPlaces(cohort), sheet_places(cohort)
    measured = measure(blocks_of(cohort.values), len(cohort.genes))
    classes = class_names(cohort.samples)
    check_gene_columns(cohort.samples, places, problems)
    check_together(cohort.samples, measured, classes, places, sheet, needs, problems)
    if needs.labels and len(classes) > 1:
        check_label_genes(cohort.values, cohort.samples, classes, places, problems)
    return summary(cohort.samples, len(cohort.genes), classes)


def sheet_places(cohort: Cohort) -> SheetPlaces:
    """Return where the samples of a cohort stand in its sample table."""
    return SheetPlaces(cohort.places[0][0], cohort.columns, cohort.places, cohort.samples.index)


def class_names(samples: pd.DataFrame) -> tuple[str, ...]:
    """Return the classes of a sample table, in the order of their labels."""
    if LABEL not in samples:
        return ()
    labels = samples[LABEL]
    if isinstance(labels.dtype, pd.CategoricalDtype):
        return tuple(map(str, labels.cat.categories))
    return class_order(labels.dropna().astype(str))


def check_samples(
    samples: pd.DataFrame,
    classes: Sequence[str],
    sheet: SheetPlaces,
    needs: Needs,
    problems: Problems,
    told: Collection[int] = (),
) -> None:
    """Check a sample table by itself; of samples that were `told` the label has been reported."""
    if not needs.labels:
        return
    sound: Sequence[str] = ()
    if LABEL in samples:
        sound = check_labels(samples, classes, sheet, problems, needs.smallest_class, told)
    for column in (PATIENT, BATCH, SPLIT):
        check_filled(samples, column, sheet, problems)
    for column in (PATIENT, BATCH):
        check_spelling(samples, column, sheet, problems)
    check_split(samples, sound, sheet, problems)


def report_no_label(samples: pd.DataFrame, sheet: SheetPlaces, problems: Problems) -> None:
    """Report that a sample table has no column of classes."""
    problems.error(
        sheet.path,
        "",
        f"the sample table has no {sheet.column(LABEL)}",
        "name the column of the classes by `label` of `columns`"
        f"{did_you_mean(LABEL, map(str, samples.columns))}",
    )


def check_together(
    samples: pd.DataFrame,
    measured: Measures,
    classes: Sequence[str],
    places: Places | JoinedPlaces,
    sheet: SheetPlaces,
    needs: Needs,
    problems: Problems,
) -> None:
    """Check values and sample table against each other."""
    empty = ~(measured.largest > measured.smallest)
    known = samples if needs.labels else samples.drop(columns=LABEL, errors="ignore")
    check_equal_samples(known, measured.digests, empty, places, problems)
    if not needs.labels or LABEL not in samples or len(classes) < 2:
        return
    check_batches(samples, classes, sheet, problems)
    check_other_columns(samples, classes, sheet, problems)
    if needs.kind == COUNTS:
        check_library_size(samples, measured.total, classes, sheet, problems)


def summary(samples: pd.DataFrame, n_genes: int, classes: Sequence[str]) -> dict[str, Any]:
    """Return sizes and classes of a cohort, ready for JSON."""
    found: dict[str, Any] = {"n_samples": len(samples), "n_genes": n_genes}
    if LABEL in samples:
        found["classes"] = list(classes)
        found["n_per_class"] = {name: int((samples[LABEL] == name).sum()) for name in classes}
    for column, key in ((PATIENT, "n_patients"), (BATCH, "n_batches")):
        if column in samples:
            found[key] = int(samples[column].nunique())
    return found


def checks_json(found: dict[str, Any], notes: Sequence[str], problems: Problems) -> dict[str, Any]:
    """Return what the checks found as JSON: the summary, notes and warnings.

    Warnings are there twice: as sentences for a reader, who knows the files by their names, and in
    parts.
    """
    parts = [{**asdict(problem), "file": str(problem.file)} for problem in problems.warnings]
    sentences = [
        ": ".join(filter(None, [p.file.name, p.where, f"{p.what}; {p.remedy}."]))
        for p in problems.warnings
    ]
    return found | {"notes": list(notes), "warnings": sentences, "problems": parts}
