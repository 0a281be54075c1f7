"""Checks of the files of a cohort of one's own, as far as each of them can be read."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import numpy as np

from exprlab.cohort.checks import (
    Needs,
    check_cohort,
    check_samples,
    check_table,
    checks_json,
    class_names,
    report_no_label,
    sheet_places,
)
from exprlab.cohort.ids import check_ids, is_absent, near_miss
from exprlab.cohort.places import Places
from exprlab.cohort.problems import SHOWN, Problems, listed
from exprlab.cohort.read import assembled, read_tables
from exprlab.cohort.sheet import Sheet, classified, read_sheets
from exprlab.cohort.sheet_checks import SheetPlaces
from exprlab.cohort.table import Cohort
from exprlab.config.files import FilesDataset
from exprlab.errors import did_you_mean
from exprlab.keys import LABEL


def check_files(settings: FilesDataset, needs: Needs, problems: Problems) -> dict[str, Any]:
    """Read and check the files of a cohort.

    What can be read is checked even where another file cannot be read, so that all problems are
    told at once.

    Parameters
    ----------
    settings
        Of one cohort: `settings.of_cohort("new_samples")` for the samples to predict.
    needs
        What is needed of the cohort.
    problems
        Where to report.

    Returns
    -------
    dict
        What was found, as `checks_json` gives it; without sizes where there are errors in reading.
    """
    _, found, notes = _check(settings, needs, problems)
    return checks_json(found, notes, problems)


def read_checked(
    settings: FilesDataset, needs: Needs, problems: Problems, gene_ids: frozenset[str]
) -> Cohort:
    """Read a cohort and check it; `gene_ids` are genes that are looked for.

    Raises
    ------
    UserError
        With all errors, if there are any; warnings are left in `problems`.
    """
    cohort, _, _ = _check(settings, needs, problems, gene_ids)
    problems.raise_errors()
    assert cohort is not None, "what cannot be read is an error"
    return cohort


def _check(
    settings: FilesDataset,
    needs: Needs,
    problems: Problems,
    gene_ids: frozenset[str] = frozenset(),
) -> tuple[Cohort | None, dict[str, Any], list[str]]:
    """Return the cohort, as far as it can be read, what was found in it, and notes."""
    result = _checked(settings, needs, problems, gene_ids)
    # What is wrong with labels is found by all that need the classes.
    problems.errors = list(dict.fromkeys(problems.errors))
    return result


def _checked(
    settings: FilesDataset, needs: Needs, problems: Problems, gene_ids: frozenset[str]
) -> tuple[Cohort | None, dict[str, Any], list[str]]:
    sheet = read_sheets(settings, problems)
    if sheet is None and settings.samples:
        _check_values_alone(settings, problems)
        return None, {}, []
    tables = read_tables(settings, sheet, problems, gene_ids)
    damaged = {error.file for error in problems.errors}
    notes = list(sheet.notes) if sheet else []
    for table in tables:
        notes += check_table(table, settings.values, problems, table.path not in damaged)
    if sheet is not None:
        _check_sheet(sheet, settings, needs, problems)
    if len(tables) < len(settings.expression):
        return None, {}, notes
    cohort = assembled(tables, sheet, settings, problems)
    if cohort is None:
        return None, {}, notes
    _check_ends(cohort, problems)
    if not len(cohort.samples):
        return cohort, {}, notes
    if sheet is None:
        _check_own_samples(cohort, settings, needs, problems)
    found = check_cohort(cohort, needs, problems)
    return cohort, found, list(dict.fromkeys([*cohort.notes, *notes]))


def _check_own_samples(
    cohort: Cohort, settings: FilesDataset, needs: Needs, problems: Problems
) -> None:
    """Check what the files of values say themselves of their samples."""
    # That a column of another name is not there is reported when it is read.
    if needs.labels and LABEL not in cohort.samples and settings.columns.label == LABEL:
        problems.error(
            cohort.tables[0].path,
            "",
            "there is no sample table, and no column of classes beside the values",
            "give a sample table with ids and classes (`samples`)"
            f"{did_you_mean(LABEL, map(str, cohort.samples.columns))}",
        )
    classes = class_names(cohort.samples)
    check_samples(cohort.samples, classes, sheet_places(cohort), needs, problems)


def _check_sheet(sheet: Sheet, settings: FilesDataset, needs: Needs, problems: Problems) -> None:
    """Check a sample table by itself, samples without values included."""
    samples = classified(sheet, settings, problems)
    path = sheet.places[0][0]
    places = SheetPlaces(path, sheet.columns, sheet.places, sheet.samples.index)
    told: Collection[int] = ()
    if LABEL in samples:
        told = set(np.flatnonzero(sheet.samples[LABEL].notna() & samples[LABEL].isna()))
    elif needs.labels and settings.columns.label == LABEL:
        report_no_label(samples, places, problems)  # another name is reported when it is read
    check_samples(samples, class_names(samples), places, needs, problems, told)
    # That an id is in two rows is reported when they are read.
    check_ids(list(sheet.samples.index), "sample", path, sheet.where, problems, repeated=False)


def _check_values_alone(settings: FilesDataset, problems: Problems) -> None:
    """Report what is wrong with files of values where the sample table cannot be read."""
    found = Problems()
    read_tables(settings, None, found)
    # Without ids of samples it may not be clear where the genes are; that is no one's mistake.
    problems.errors += [error for error in found.errors if "genes_in" not in error.remedy]


def _check_ends(cohort: Cohort, problems: Problems) -> None:
    """Report samples that are in one table only.

    The sample table says which samples are meant: values of others are left out with a warning,
    but samples without values are an error.
    """
    sheets = listed(path.name for path in cohort.sheets)
    for table in cohort.tables:
        names = [name for path, name in cohort.without_row if path == table.path]
        if names:
            verb = "is" if len(names) == 1 else "are"
            problems.warn(
                table.path,
                Places.of(table).sample(list(table.sample_ids).index(names[0])),
                f"{listed(names)} {verb} not in the sample table {sheets} and {verb} left out",
                "add a row to the sample table for each sample that is to take part",
            )
    files = listed(table.path.name for table in cohort.tables)
    absent = [place for place in cohort.without_values if not is_absent(place[2])]
    others = [name for _, name in cohort.without_row]
    for number, (path, row, name) in enumerate(absent[:SHOWN], start=1):
        n_more = len(absent) - SHOWN
        problems.error(
            path,
            f"row {row} (sample '{name}')",
            f"the sample has no values in {files}"
            + (f" ({n_more} more such samples)" if number == SHOWN and n_more > 0 else ""),
            f"add its values, or remove the row{near_miss(name, others)}",
        )
