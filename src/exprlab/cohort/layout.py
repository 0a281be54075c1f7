"""How a table of text is laid out: separator, header, and which columns hold text."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

from exprlab.cohort.stream import BINARIES, Unreadable, bare_name, opened

SEPARATORS = {".csv": ",", ".tsv": "\t", ".txt": "\t", ".tab": "\t", ".gct": "\t"}
NAMES = {",": "commas", "\t": "tabs", ";": "semicolons", " ": "blanks", "|": "bars"}
# How programs spell that there is no value.
MISSING = ("", "NA", "NaN", "nan", "N/A", "n/a", "#N/A", "<NA>", "NULL", "Null", "null", "None")
# So many rows, and cells, are looked at to find out how the rest is.
LOOKED_AT_ROWS, LOOKED_AT_CELLS = 50, 400_000
# What a column of ids is called, without case, blanks and dashes.
ID_NAMES = frozenset(
    ["gene", "genes", "geneid", "geneids", "genename", "genesymbol", "symbol", "hgncsymbol", "id",
     "ensembl", "ensemblid", "ensemblgeneid", "entrez", "entrezid", "probe", "probeid", "probeset",
     "feature", "featureid", "transcript", "transcriptid", "targetid", "sample", "samples",
     "sampleid", "samplename", "name", "accession", "barcode", "run", "patient", "patientid"]
)  # fmt: skip
# How laboratories write that too little was there to be measured.
BELOW_LIMIT = re.compile(r"\s*([<≤].*\d|n\.?d\.?|bdl|lod|lloq)\s*$", re.IGNORECASE)
# Columns of one file.
csv.field_size_limit(2**31 - 1)


@dataclass(frozen=True)
class Layout:
    """How a table of text is laid out.

    Attributes
    ----------
    separator
        Between fields.
    skipped
        Lines above the header: comments, and blank ones.
    header
        Names of all columns, that of the ids first.
    above
        Rows of text below the header that describe the columns, and no values.
    rows
        The first rows below them.
    notes
        What is unusual.
    """

    separator: str
    skipped: int
    header: list[str]
    above: list[list[str]]
    rows: list[list[str]]
    notes: list[str]

    @property
    def header_rows(self) -> int:
        """Return how many lines stand before the first row of values."""
        return self.skipped + 1 + len(self.above)


@contextmanager
def text_of(path: Path) -> Iterator[io.TextIOBase]:
    """Open a file as text; a byte order mark is no part of it."""
    with opened(path) as stream:
        whole = io.BufferedReader(_WithoutZeros(stream), 1 << 18)
        yield io.TextIOWrapper(whole, encoding="utf-8-sig", newline="")


class _WithoutZeros(io.RawIOBase):
    """Bytes of a text; zero bytes, which some readers skip, are refused wherever they stand."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        found = self._stream.read(len(buffer))
        if b"\0" in found:
            raise Unreadable(
                "is no text: it holds zero bytes", "the file is damaged: copy it again"
            )
        buffer[: len(found)] = found
        return len(found)


def find_layout(path: Path, numbers: bool = True) -> Layout:
    """Look at the first lines of a table of text.

    Parameters
    ----------
    path
        The file.
    numbers
        Whether the table holds values: rows of text below the header are then no values.

    Raises
    ------
    Unreadable
        If it is no table.
    """
    _refuse_binary(path)
    with text_of(path) as text:
        skipped, first = _first_line(text)
        separator, notes = _separator(path, first)
        reader = csv.reader(_chain(first, text), delimiter=separator)
        header = next(reader)
        most = max(5, min(LOOKED_AT_ROWS, LOOKED_AT_CELLS // max(1, len(header))))
        rows = [row for row in islice(reader, most) if row and row != [""]]
    if not rows:
        raise Unreadable("holds a header and no rows", "copy it again")
    if {len(row) for row in rows} == {len(header) + 1}:
        _refuse_unless_of_r(header, rows)
        header = ["", *header]
        notes.append("the header does not name the column of ids")
    above = []
    while numbers and len(rows) > 1 and _describes(rows[0]) and not _describes(rows[-1]):
        above.append(rows.pop(0))
    return Layout(separator, skipped, header, above, rows, notes)


def _refuse_unless_of_r(header: list[str], rows: list[list[str]]) -> None:
    """Refuse rows with a field more than the header, unless the one without a name is the first.

    R's write.table writes such tables. Taken for one of them, any other would be shifted by a
    column.
    """
    first = re.sub(r"[ _.#-]", "", header[0].casefold())
    ends_empty = all(not row[-1].strip() for row in rows)
    if ends_empty or first in ID_NAMES:
        raise Unreadable(
            f"its rows have {len(header) + 1} fields, the header {len(header)}",
            "remove the separator at the end of the rows"
            if ends_empty
            else "name every column in the header",
            "header",
        )


def _refuse_binary(path: Path) -> None:
    with opened(path) as stream:
        start = stream.read(4096)
    for magic, what in BINARIES.items():
        if start.startswith(magic):
            raise Unreadable(f"is {what}, not a table of text", "save it as .tsv or .csv in UTF-8")
    if b"\0" in start:
        raise Unreadable("is no text: it holds zero bytes", "save it as .tsv or .csv in UTF-8")


def _first_line(text: io.TextIOBase) -> tuple[int, str]:
    """Return how many lines are comments or blank, and the first other line."""
    for number, line in enumerate(text):
        if line.strip() and not line.startswith("#"):
            return number, line
        if line.startswith("#1.3"):
            raise Unreadable(
                "is GCT 1.3, whose rows and columns of annotation are not understood",
                "save it as GCT 1.2, or as a table of ids and values",
            )
        if line.startswith("#1.2"):  # Broad's GCT: after the version the sizes of the table
            next(text, None)
            return number + 2, next(text, "")
        if line.startswith("#") and not line.startswith("##") and _is_header(line):
            return number, line[1:]
    raise Unreadable("holds no table, only blank lines or comments", "copy it again")


def _is_header(line: str) -> bool:
    """Return whether a line that begins with # names columns, such as '#gene\\tS1\\tS2'."""
    return line.count("\t") >= 2 and " " not in line.split("\t")[0]


def _chain(first: str, text: io.TextIOBase) -> Iterator[str]:
    yield first
    yield from text


def _separator(path: Path, line: str) -> tuple[str, list[str]]:
    """Return what separates the fields, and a note if the name of the file says otherwise."""
    name = bare_name(path)
    expected = SEPARATORS.get(name[name.rfind(".") :], "\t")
    outside = "".join(line.split('"')[::2])
    counts = Counter({sign: outside.count(sign) for sign in NAMES})
    if counts[expected]:
        return expected, []
    found = max(",\t;| ", key=lambda sign: counts[sign])
    if not counts[found]:
        raise Unreadable(
            f"its header '{line.strip()[:40]}' has one field only; {NAMES[expected]} were expected "
            "between fields",
            "save it as a table separated by tabs (.tsv) or commas (.csv)",
        )
    return found, [
        f"fields are separated by {NAMES[found]}, not {NAMES[expected]} as the name says"
    ]


def is_number(text: str) -> bool:
    """Return whether a cell is a number."""
    try:
        float(text)
    except ValueError:
        return False
    return "_" not in text


def _describes(row: list[str]) -> bool:
    """Return whether a row holds text only, beside its id."""
    cells = [cell for cell in row[1:] if cell.strip() not in MISSING]
    return bool(cells) and not any(is_number(cell) or BELOW_LIMIT.match(cell) for cell in cells)


def text_columns(layout: Layout) -> list[int]:
    """Return which columns after the ids hold text in most of their first rows."""
    found = []
    for column in range(1, len(layout.header)):
        cells = [row[column].strip() for row in layout.rows if column < len(row)]
        cells = [cell for cell in cells if cell not in MISSING]
        if cells and sum(map(is_number, cells)) * 2 < len(cells):
            found.append(column)
    return found
