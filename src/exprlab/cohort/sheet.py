"""Reading sample tables: ids, labels, batches, patients and a published split."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from exprlab.cohort.cells import column_called, read_rows
from exprlab.cohort.layout import MISSING
from exprlab.cohort.problems import SHOWN, Problems, listed
from exprlab.cohort.stream import Unreadable
from exprlab.config.files import Columns, FilesDataset
from exprlab.errors import did_you_mean
from exprlab.keys import BATCH, LABEL, PATIENT, SAMPLE_ID, SPLIT, class_order

ROLES = (LABEL, BATCH, PATIENT, SPLIT)
# How others call these columns, without case, blanks and dashes.
NEAR_NAMES = {
    PATIENT: {"patientid", "subject", "subjectid", "donor", "donorid", "individual", "caseid"},
    BATCH: {"batchid", "plate", "center", "centre", "study"},
    SPLIT: {"partition", "traintest"},
}


@dataclass(frozen=True)
class Sheet:
    """One sample table, or several one below the other.

    Attributes
    ----------
    samples
        Indexed by id, as found: columns label, batch, patient, split as far as there are, then all
        others. Text, except for the others that hold numbers only; missing entries NaN.
    places
        File and row of each sample.
    columns
        What the user's files call the columns label, batch, patient and split.
    notes
        How the files were understood.
    """

    samples: pd.DataFrame
    places: tuple[tuple[Path, int], ...]
    columns: dict[str, str]
    notes: tuple[str, ...]

    @property
    def paths(self) -> tuple[Path, ...]:
        """Return the files, in order."""
        return tuple(dict.fromkeys(path for path, _ in self.places))

    def where(self, sample: int) -> str:
        """Say in which row of its file the sample of this number stands."""
        return f"row {self.places[sample][1]} (sample '{self.samples.index[sample]}')"


def read_sheets(settings: FilesDataset, problems: Problems) -> Sheet | None:
    """Read the sample tables of a cohort; None where there are none, or none can be read."""
    found = [_read_sheet(Path(path), settings.columns, problems) for path in settings.samples]
    sheets = [sheet for sheet in found if sheet is not None]
    if not sheets:
        return None
    sheet = _stacked(sheets)
    _report_repeated(sheet, problems)
    return sheet


def sheet_of(samples: pd.DataFrame, path: Path, columns: Columns, problems: Problems) -> Sheet:
    """Return what a file of values says itself about its samples (obs of an .h5ad) as a sheet."""
    free = next(n for n in (SAMPLE_ID, "index", "obs_names", "row names") if n not in samples)
    frame = samples.reset_index(names=free)
    frame = frame.astype(object).where(frame.notna(), "").map(str)
    rows = list(range(1, len(frame) + 1))
    sheet = _arranged(frame, rows, path, columns, [], problems)
    assert sheet is not None, "the index is there"
    return sheet


def _read_sheet(path: Path, columns: Columns, problems: Problems) -> Sheet | None:
    try:
        frame, rows, notes = read_cells(path)
    except Unreadable as error:
        problems.error(path, error.where, error.what, error.remedy)
        return None
    return _arranged(frame, rows, path, columns, notes, problems)


def read_cells(path: Path) -> tuple[pd.DataFrame, list[int], list[str]]:
    """Read a table as text: its cells, the row of the file of each of its rows, and notes.

    Raises
    ------
    Unreadable
        If it is no table, or columns have no or the same names.
    """
    header, rows, notes = read_rows(path)
    frame = pd.DataFrame([row for _, row in rows], columns=header, dtype=object)
    frame = frame.loc[:, [bool(n.strip()) or i == 0 for i, n in enumerate(header)]]
    twice = frame.columns[frame.columns.duplicated()]
    if len(twice):
        raise Unreadable(f"has two columns '{twice[0]}'", "rename one of them", "header")
    return frame, [line for line, _ in rows], notes


def _arranged(
    frame: pd.DataFrame,
    rows: list[int],
    path: Path,
    columns: Columns,
    notes: list[str],
    problems: Problems,
) -> Sheet | None:
    """Return a table with the columns under exprlab's names; columns not found are reported."""
    first = str(frame.columns[0])
    header = [str(name) for name in frame.columns]
    wanted = {SAMPLE_ID: columns.id or first} | {
        role: getattr(columns, role) or column_called(role, header) or role for role in ROLES
    }
    notes = [*notes, *_taken_as(wanted, columns)]
    _warn_of_near_names(header, wanted, path, problems)
    absent = [
        key for key in (SAMPLE_ID, *ROLES)
        if wanted[key] not in frame and getattr(columns, "id" if key == SAMPLE_ID else key)
        # Of samples to predict labels may be unknown; whether they are needed is checked later.
        and (key != LABEL or columns.label != LABEL)
    ]  # fmt: skip
    for key in absent:
        setting = "id" if key == SAMPLE_ID else key
        hint = did_you_mean(wanted[key], frame.columns)
        problems.error(
            path,
            "header",
            f"has no column '{wanted[key]}', which columns.{setting} names{hint}; found: "
            f"{listed(frame.columns, 8)}",
            f"set columns.{setting} to the name of a column",
        )
    if SAMPLE_ID in absent:
        return None
    ids = pd.Index(frame[wanted[SAMPLE_ID]].map(str), dtype=object, name=SAMPLE_ID)
    names = {role: wanted[role] for role in ROLES if wanted[role] in frame}
    clean = {role: _known(frame[name]) for role, name in names.items()}
    taken = {wanted[SAMPLE_ID], *names.values()}
    # A column that only happens to be called as one of exprlab's own.
    others = {
        f"other_{name}" if name in (*ROLES, SAMPLE_ID) else name: _numbers(_known(frame[name]))
        for name in frame
        if name not in taken
    }
    samples = pd.DataFrame(clean | others).set_axis(ids)
    return Sheet(samples, tuple((path, row) for row in rows), names, tuple(notes))


def _taken_as(wanted: dict[str, str], columns: Columns) -> list[str]:
    """Say which columns were found although they are spelled another way."""
    return [
        f"column '{name}' is taken as {role}"
        for role, name in wanted.items()
        if role in ROLES and name != role and not getattr(columns, role)
    ]


def _warn_of_near_names(
    header: Sequence[str], wanted: dict[str, str], path: Path, problems: Problems
) -> None:
    """Warn of columns that look like patients, batches or a split and are not used as such."""
    for role, names in NEAR_NAMES.items():
        for name in header:
            plain = re.sub(r"[ _.-]", "", name.casefold())
            used = wanted[role] in header or name in wanted.values()
            if plain in names and not used:
                problems.warn(
                    path,
                    f"column '{name}'",
                    f"is not used as {role}, though its name says so",
                    f"set columns.{role}: {name}, or name it '{role}', if it is",
                )


def _known(cells: pd.Series) -> pd.Series:
    return cells.where(~cells.isin(MISSING), np.nan)


def _numbers(cells: pd.Series) -> pd.Series:
    """Return a column as numbers if all of it that is known is numbers, else as text.

    What begins with a zero, such as 07, is a code.
    """
    if cells.str.match(r"0\d", na=False).any():
        return cells
    try:
        return pd.to_numeric(cells)
    except (ValueError, TypeError):
        return cells


def _stacked(sheets: Sequence[Sheet]) -> Sheet:
    """Put tables below each other, their columns aligned by name."""
    if len(sheets) == 1:
        return sheets[0]
    samples = pd.concat([sheet.samples for sheet in sheets])
    order = [role for role in ROLES if role in samples]
    order += [name for name in samples if name not in order]
    return Sheet(
        samples[order],
        tuple(place for sheet in sheets for place in sheet.places),
        {role: name for sheet in sheets for role, name in sheet.columns.items()},
        tuple(note for sheet in sheets for note in sheet.notes),
    )


def _report_repeated(sheet: Sheet, problems: Problems) -> None:
    ids = sheet.samples.index
    repeated = np.flatnonzero(ids.duplicated())
    for number, i in enumerate(repeated[:SHOWN], start=1):
        more = f" ({len(repeated) - SHOWN} more such rows)"
        more = more if number == SHOWN < len(repeated) else ""
        path, row = sheet.places[int(np.flatnonzero(ids == ids[i])[0])]
        problems.error(
            sheet.places[i][0],
            sheet.where(int(i)),
            f"the id is in row {row} of {path.name} too{more}; ids must be unique",
            "keep one row per sample, or rename the other if it is another sample",
        )


def classified(sheet: Sheet, settings: FilesDataset, problems: Problems) -> pd.DataFrame:
    """Return the samples with the label as an ordered Categorical of the classes.

    Labels that the mapping `classes` does not list are reported and become missing.
    """
    samples = sheet.samples
    if LABEL not in samples:
        return samples
    found = samples[LABEL]
    if settings.classes:
        _report_unlisted(sheet, settings.classes, problems)
        found = found.map(settings.classes)
        names = set(settings.classes.values())
    else:
        names = set(found.dropna())
    if settings.positive and settings.positive not in names:
        hint = did_you_mean(settings.positive, names)
        problems.error(
            sheet.paths[0],
            f"column '{sheet.columns[LABEL]}'",
            f"holds no class '{settings.positive}', which `positive` names{hint}; found: "
            f"{listed(sorted(names), 8)}",
            "set `positive` to one of the classes",
        )
    classes = class_order(names, settings.positive)
    return samples.assign(**{LABEL: pd.Categorical(found, categories=classes, ordered=True)})


def _report_unlisted(sheet: Sheet, classes: dict[str, str], problems: Problems) -> None:
    labels = sheet.samples[LABEL]
    unlisted = labels.notna() & ~labels.isin(list(classes))
    for label in labels[unlisted].unique():
        here = np.flatnonzero((labels == label).to_numpy())
        problems.error(
            sheet.places[here[0]][0],
            f"{sheet.where(int(here[0]))}, column '{sheet.columns[LABEL]}'",
            f"found label '{label}' ({len(here)} samples), which `classes` does not list"
            f"{did_you_mean(label, classes)}; listed: {listed(classes, 8)}",
            "add it to `classes`, or remove these samples",
        )
