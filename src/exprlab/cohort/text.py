"""Reading values from a table of text: TSV or CSV, plain or compressed."""

from __future__ import annotations

import csv
import re
import warnings
from pathlib import Path

import numpy as np
import pandas as pd

from exprlab.cohort.grid import Grid, Request, text_index
from exprlab.cohort.layout import (
    MISSING,
    NAMES,
    Layout,
    find_layout,
    is_number,
    text_columns,
    text_of,
)
from exprlab.cohort.problems import SHOWN, Problems
from exprlab.cohort.stream import Unreadable

# What a cell looks like that is no number, and what to do.
DAMAGES = (
    (
        re.compile(r"[-+]?\d+,(\d{1,2}|\d{4,})([eE][-+]?\d+)?|[-+]?0,\d+"),
        "it has a decimal comma: write 1.5, not 1,5 (in R write.csv, not write.csv2)",
    ),
    (
        re.compile(r"[-+]?\d{1,3}([ ',’ ]\d{3})+(\.\d*)?"),
        "it has a separator of thousands or a decimal comma: write 1234.5, with no comma",
    ),
    (
        re.compile(r"[<>≤≥]=?\s*\d.*"),
        "it is a limit of detection: write a number, or leave the cell empty",
    ),
    (
        re.compile(r".*", re.DOTALL),
        "write a number, or leave the cell empty if it is missing",
    ),
)


def read_text(path: Path, request: Request, problems: Problems) -> Grid:
    """Read a table of values.

    Cells that are no numbers, and rows with too few or too many fields, are reported; all else is
    read.

    Raises
    ------
    Unreadable
        If it is no table at all.
    """
    layout = find_layout(path)
    names = layout.header
    texts = text_columns(layout)
    values = [i for i in range(1, len(names)) if names[i] in request.sample_ids]
    if set(values or range(1, len(names))) <= set(texts):
        raise _no_numbers(layout, (values or texts)[0])
    # In the column of a sample, text is damage; so are numbers that are only spelled oddly.
    texts = [i for i in texts if i not in set(values) and not _misspelled(layout, i)]
    numeric = [i for i in range(1, len(names)) if i not in set(texts)]
    frame = _parse(path, layout, [0, *texts], problems)
    if not len(frame):
        raise Unreadable("holds no rows of values", "copy it again")
    empty = [i for i in numeric if not names[i].strip() and frame[i].isna().all()]
    numeric = [i for i in numeric if i not in set(empty)]
    rows = text_index(frame[0])
    values = _numbers(path, frame, numeric, layout, problems)
    _report_short_rows(path, frame, layout, problems)
    columns = np.array(numeric)
    return Grid(
        path=path,
        values=values,
        row_ids=rows,
        column_ids=text_index(names[i] for i in numeric),
        row_notes=pd.DataFrame({_name(names, i): frame[i] for i in texts}),
        column_notes=pd.DataFrame(
            {row[0] or f"row {n}": np.array(_padded(row, len(names)), dtype=object)[columns]
             for n, row in enumerate(layout.above, start=layout.skipped + 2)},
            index=range(len(numeric)),
        ),
        header_rows=layout.header_rows,
        id_columns=numeric[0],
        corner=names[0],
        notes=[f"table separated by {NAMES[layout.separator]}", *layout.notes],
    )  # fmt: skip


def _misspelled(layout: Layout, column: int) -> bool:
    """Return whether a column of text holds numbers for the most part, as a person reads them."""
    cells = [row[column].strip() for row in layout.rows if column < len(row)]
    cells = [cell for cell in cells if cell not in MISSING]
    odd = sum(any(pattern.fullmatch(cell) for pattern, _ in DAMAGES[:3]) for cell in cells)
    return odd > 0 and 2 * (odd + sum(map(is_number, cells))) > len(cells)


def _name(names: list[str], column: int) -> str:
    return names[column] or f"column {column + 1}"


def _padded(row: list[str], length: int) -> list[str]:
    return [*row, *[""] * length][:length]


def _no_numbers(layout: Layout, column: int) -> Unreadable:
    """Return the error that no column holds numbers, with what is in one of them."""
    cells = [row[column].strip() for row in layout.rows if column < len(row)]
    cell = next((cell for cell in cells if cell not in MISSING and not is_number(cell)), "")
    remedy = next(words for pattern, words in DAMAGES if pattern.fullmatch(cell))
    return Unreadable(
        f"its columns of values hold no numbers; found e.g. '{cell}'",
        remedy,
        f"column {column + 1} ('{layout.header[column]}')",
    )


def _parse(path: Path, layout: Layout, texts: list[int], problems: Problems) -> pd.DataFrame:
    """Read all rows; columns are numbered, and of text where there is any in them."""
    with text_of(path) as text, warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            frame = pd.read_csv(
                text,  # type: ignore[arg-type]
                sep=layout.separator,
                header=None,
                names=range(len(layout.header)),
                skiprows=layout.header_rows,
                converters=dict.fromkeys(texts, str),
                na_values=list(MISSING),
                keep_default_na=False,
                low_memory=False,
                # Each number is the nearest to its text, as float() gives it.
                float_precision="round_trip",
                on_bad_lines="warn",
            )
        except pd.errors.EmptyDataError:
            raise Unreadable("holds no rows of values", "copy it again") from None
        except pd.errors.ParserError as error:
            reason = str(error).rpartition("C error: ")[2].strip()
            raise Unreadable(
                f"cannot be read as a table ({reason})", "look for a quotation mark without partner"
            ) from None
    lines = [
        m
        for w in caught
        for m in re.findall(r"line (\d+): expected (\d+) fields, saw (\d+)", str(w.message))
    ]
    for number, (line, expected, saw) in enumerate(lines[:SHOWN], start=1):
        more = f" ({len(lines) - SHOWN} more such rows)" if number == SHOWN < len(lines) else ""
        problems.error(
            path, f"row {line}", f"found {saw} fields; the header has {expected}{more}",
            "remove separators that are part of a name, or put the name in quotes",
        )  # fmt: skip
    return frame


def _numbers(
    path: Path, frame: pd.DataFrame, columns: list[int], layout: Layout, problems: Problems
) -> np.ndarray:
    """Return the values of these columns; cells that are no numbers are reported and missing."""
    bad: list[tuple[int, int, str]] = []
    for column in columns:
        if frame[column].dtype.kind in "iuf":
            continue
        cells = frame[column].map(
            lambda cell: cell if isinstance(cell, float) else str(cell).strip()
        )
        found = pd.to_numeric(cells.where(~cells.isin(MISSING)), errors="coerce")
        wrong = found.isna() & cells.notna() & ~cells.isin(MISSING)
        bad += [(int(row), column, str(frame[column][row])) for row in np.flatnonzero(wrong)]
        frame[column] = found.astype(np.float64)
    _report_cells(path, sorted(bad), frame[0], layout, problems)
    return frame[columns].to_numpy()


def _report_cells(
    path: Path,
    bad: list[tuple[int, int, str]],
    ids: pd.Series,
    layout: Layout,
    problems: Problems,
) -> None:
    """Report the first cells of each kind of damage, and count the others."""
    rest = bad
    for pattern, remedy in DAMAGES:
        alike = [cell for cell in rest if pattern.fullmatch(cell[2].strip())]
        rest = [cell for cell in rest if not pattern.fullmatch(cell[2].strip())]
        for number, (row, column, found) in enumerate(alike[:SHOWN], start=1):
            more = f" ({len(alike) - SHOWN} more such cells)"
            more = more if number == SHOWN < len(alike) else ""
            place = f"row {row + layout.header_rows + 1} ('{ids[row]}'), column {column + 1} "
            place += f"('{layout.header[column]}')"
            problems.error(path, place, f"found '{found}', which is no number{more}", remedy)


def _report_short_rows(path: Path, frame: pd.DataFrame, layout: Layout, problems: Problems) -> None:
    """Report rows with fewer fields than the header; pandas fills them up silently."""
    last = frame[len(layout.header) - 1]
    if not (last.isna() | (last == "")).any():
        return
    width, found = len(layout.header), []
    with text_of(path) as text:
        reader = csv.reader(text, delimiter=layout.separator)
        for row in reader:
            if reader.line_num > layout.header_rows and row and len(row) < width and row != [""]:
                found.append((reader.line_num, row[0], len(row)))
    for number, (line, name, saw) in enumerate(found[:SHOWN], start=1):
        more = f" ({len(found) - SHOWN} more such rows)" if number == SHOWN < len(found) else ""
        problems.error(
            path, f"row {line} ('{name}')", f"found {saw} fields; the header has {width}{more}",
            "complete the row; was the file cut off?",
        )  # fmt: skip
