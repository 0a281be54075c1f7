"""Reading a cohort: values and sample tables, joined."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from exprlab.cohort.expression import read_expression
from exprlab.cohort.grid import Request, narrowed
from exprlab.cohort.join import joined
from exprlab.cohort.orient import loose
from exprlab.cohort.problems import SHOWN, Problems
from exprlab.cohort.sheet import Sheet, classified, read_sheets, sheet_of
from exprlab.cohort.table import Cohort, ExpressionTable
from exprlab.config.files import FilesDataset


def read_cohort(settings: FilesDataset, problems: Problems) -> Cohort | None:
    """Read all files of a cohort and join them.

    Parameters
    ----------
    settings
        Of one cohort: `settings.of_cohort("new_samples")` for the samples to predict.
    problems
        Where all that is wrong with the files is reported. Where values are missing, and ids
        repeated, is left to the checks.

    Returns
    -------
    Cohort or None
        Samples in the order of the values (first file first), genes in that of the first file.
        None where a file cannot be read at all, or nothing is left of the cohort.
    """
    sheet = read_sheets(settings, problems)
    if sheet is None and settings.samples:
        # Without the ids of the samples nothing can be said of the values.
        return None
    tables = read_tables(settings, sheet, problems)
    if len(tables) < len(settings.expression):
        return None
    return assembled(tables, sheet, settings, problems)


def read_tables(
    settings: FilesDataset,
    sheet: Sheet | None,
    problems: Problems,
    gene_ids: frozenset[str] = frozenset(),
) -> list[ExpressionTable]:
    """Read the values of all files that can be read; `gene_ids` are genes that are looked for."""
    request = Request(
        values=settings.values,
        genes_in=settings.genes_in,
        gene_ids=gene_ids,
        sample_ids=frozenset() if sheet is None else frozenset(sheet.samples.index),
        columns=frozenset() if sheet is None else frozenset(sheet.samples.columns),
        others={} if sheet is None else _unique_texts(sheet),
        transcripts=Path(settings.transcripts) if settings.transcripts else None,
    )
    found = [read_expression(Path(path), request, problems) for path in settings.expression]
    return [table for table in found if table is not None]


def _unique_texts(sheet: Sheet) -> dict[str, frozenset[str]]:
    """Return the columns that could hold ids: all their cells differ. By the user's names."""
    return {
        str(name).removeprefix("other_"): frozenset(cells.astype(str))
        for name, cells in sheet.samples.items()
        if cells.is_unique
    }


def assembled(
    tables: Sequence[ExpressionTable],
    sheet: Sheet | None,
    settings: FilesDataset,
    problems: Problems,
) -> Cohort | None:
    """Join tables with each other and with the sample table."""
    join = joined(tables, settings.join, problems)
    if sheet is None:
        sheet = _own_sheet(tables, settings, problems)
    if join is None:
        return None
    values, sample_ids, genes, notes = join
    table_of = [i for i, table in enumerate(tables) for _ in table.sample_ids]
    first_row = {name: i for i, name in reversed(list(enumerate(sheet.samples.index)))}
    near = _near_misses(tables, sample_ids, table_of, sheet, problems)
    kept = np.array([name in first_row for name in sample_ids], dtype=bool)
    rows = [first_row[name] for name in sample_ids[kept]]
    there = set(sample_ids)
    values = values if kept.all() else values[kept]
    return Cohort(
        values=narrowed(values),
        samples=classified(sheet, settings, problems).iloc[rows],
        genes=genes,
        tables=tuple(tables),
        sheets=sheet.paths,
        notes=(*(f"{table.path.name}: {table.note}" for table in tables), *sheet.notes, *notes),
        columns=sheet.columns,
        places=tuple(sheet.places[row] for row in rows),
        without_row=tuple(
            (tables[table_of[i]].path, sample_ids[i])
            for i in np.flatnonzero(~kept)
            if sample_ids[i] not in near
        ),
        without_values=tuple(
            (*sheet.places[i], name)
            for i, name in enumerate(sheet.samples.index)
            if name not in there and name not in near
        ),
    )


def _own_sheet(
    tables: Sequence[ExpressionTable], settings: FilesDataset, problems: Problems
) -> Sheet:
    """Return what the files of values say themselves about their samples."""
    samples = pd.concat([table.samples.set_axis(table.sample_ids) for table in tables])
    sheet = sheet_of(samples, tables[0].path, settings.columns, problems)
    places = tuple(
        (table.path, row) for table in tables for row in range(1, len(table.sample_ids) + 1)
    )
    return Sheet(sheet.samples, places, sheet.columns, ())


def _near_misses(
    tables: Sequence[ExpressionTable],
    sample_ids: pd.Index,
    table_of: Sequence[int],
    sheet: Sheet,
    problems: Problems,
) -> set[str]:
    """Report samples whose ids in values and sample table are nearly the same; return these ids."""
    known, there = set(sheet.samples.index), set(sample_ids)
    alike = defaultdict(list)
    for i, name in enumerate(sheet.samples.index):
        if name not in there:
            alike[loose(name)].append(i)
    pairs = [
        (i, alike[loose(name)][0])
        for i, name in enumerate(sample_ids)
        if name not in known and len(alike.get(loose(name), ())) == 1
    ]
    for number, (i, row) in enumerate(pairs[:SHOWN], start=1):
        found, meant = sample_ids[i], sheet.samples.index[row]
        more = f" ({len(pairs) - SHOWN} more such samples)"
        path, line = sheet.places[row]
        problems.error(
            tables[table_of[i]].path,
            f"sample '{found}'",
            f"is not in the sample table, where row {line} of {path.name} has '{meant}': they "
            f"differ in {_difference(found, meant)}{more if number == SHOWN < len(pairs) else ''}",
            f"spell the ids alike in both files: did you mean '{meant}'?",
        )
    return {name for i, row in pairs for name in (sample_ids[i], sheet.samples.index[row])}


def _difference(found: str, meant: str) -> str:
    """Say in what two ids differ that are alike but for what `loose` takes away."""
    if found.strip() == meant.strip():
        return "blanks around them"
    if found.strip().casefold() == meant.strip().casefold():
        return "case"
    if found.strip() == "X" + meant.strip():
        return "the X that R puts before a digit (read.csv with check.names=FALSE does not)"
    if found.replace(".", "-") == meant.replace(".", "-"):
        return "'.' for '-', as R changes names (read.csv with check.names=FALSE does not)"
    return "punctuation, case or blanks"
