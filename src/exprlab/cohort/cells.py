"""The cells of a sample table as text, from a file of text or a workbook. Without pandas."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

from exprlab.cohort.layout import find_layout, text_of
from exprlab.cohort.problems import listed
from exprlab.cohort.stream import Unreadable, magic

# Number of a row in its file, and its cells.
Row = tuple[int, list[str]]


def read_rows(path: Path) -> tuple[list[str], list[Row], list[str]]:
    """Read a table: header, rows that hold anything, and how it was understood.

    Raises
    ------
    Unreadable
        If it is no table, or a row has more fields than the header.
    """
    if path.suffix.lower() in (".xlsx", ".xlsm"):
        header, rows, notes = _workbook(path)
    else:
        layout = find_layout(path, numbers=False)
        header, notes = layout.header, layout.notes
        with text_of(path) as text:
            reader = csv.reader(text, delimiter=layout.separator)
            rows = [(reader.line_num, row) for row in reader]
        rows = [(line, row) for line, row in rows if line > layout.skipped + 1]
    rows = [(line, row) for line, row in rows if any(cell.strip() for cell in row)]
    if not rows:
        raise Unreadable("holds a header and no rows", "copy it again")
    for line, row in rows:
        if len(row) > len(header) and any(cell.strip() for cell in row[len(header) :]):
            raise Unreadable(
                f"found {len(row)} fields; the header has {len(header)}",
                "remove separators that are part of a text, or put it in quotes",
                f"row {line} ('{row[0]}')",
            )
    header = [name.strip() for name in header]
    return header, [(line, [*row, *[""] * len(header)][: len(header)]) for line, row in rows], notes


def column_called(name: str, header: Sequence[str]) -> str | None:
    """Return the column of a name, or the only one that differs from it in case alone."""
    if name in header:
        return name
    alike = [column for column in header if str(column).casefold() == name.casefold()]
    return alike[0] if len(alike) == 1 else None


def _workbook(path: Path) -> tuple[list[str], list[Row], list[str]]:
    """Return header, numbered rows and notes of the first visible sheet of an Excel workbook."""
    magic(path)  # says what is wrong if it is none at all
    try:
        title, others, rows = _first_sheet(path)
    except MemoryError:
        raise
    except Exception as error:  # what is raised depends on where the damage is
        reason = str(error).partition("\n")[0]
        raise Unreadable(f"is no Excel workbook ({reason})", "save it again as .xlsx") from None
    if title is None:
        raise Unreadable("has no visible sheet with cells", "save the table in the first sheet")
    rows = [(number, row) for number, row in rows if any(row)]
    if not rows:
        raise Unreadable(f"its sheet '{title}' is empty", "save the table in the first sheet")
    (_, header), *rows = rows
    used = max(i for i, name in enumerate(header) if name) + 1
    notes = [f"sheet '{title}' was read, and not {listed(others)}"] if others else []
    return header[:used], rows, notes


def _first_sheet(path: Path) -> tuple[str | None, list[str], list[Row]]:
    """Return title and rows of the first visible sheet, and the titles of the others."""
    from openpyxl import load_workbook

    book = load_workbook(path, read_only=True, data_only=True)
    try:
        sheet = next((s for s in book.worksheets if s.sheet_state == "visible"), None)
        if sheet is None:
            return None, [], []
        others = [s.title for s in book.worksheets if s is not sheet]
        rows = [
            (number, [_cell(value) for value in row])
            for number, row in enumerate(sheet.iter_rows(values_only=True), start=1)
        ]
        return sheet.title, others, rows
    finally:
        book.close()


def _cell(value: object) -> str:
    """Return a cell of a workbook as the text that its reader sees."""
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)
