"""Reading a cohort to look at: counts as .h5ad or as a table of text, and a class per sample."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from exprlab.data.count_features import spread_rows
from exprlab.data.formats import NotCounts, as_counts, open_counts
from exprlab.errors import UserError, did_you_mean
from exprlab.groups import group_equal
from exprlab.keys import LABEL

SEPARATORS = {".csv": ",", ".tsv": "\t", ".txt": "\t"}
# No gene of raw RNA-seq counts is always below this; logarithms of counts are.
HIGHEST_LOGARITHM = 40


@dataclass(frozen=True)
class CountTable:
    """A cohort as it was read.

    Attributes
    ----------
    counts
        int32 (n_samples, n_genes), missing entries -1; of a large .h5ad some samples only.
    labels
        Class of each sample, or None.
    note
        How the file was understood, in a sentence.
    """

    counts: np.ndarray
    labels: np.ndarray | None
    note: str


def read_count_table(
    path: Path, sheet: Path | None, label: str | None, samples_in: str | None
) -> CountTable:
    """Read counts.

    Parameters
    ----------
    path
        .h5ad, or .csv, .tsv or .txt (.gz or not) with a header and ids in the first column.
    sheet
        Sample table (text, ids in the first column) with the classes, or None: obs of the .h5ad.
    label
        Column with the classes; None is `label`, if there is one.
    samples_in
        'rows' or 'columns' of a text table; None is as the sample table's ids say or, without
        one, the shorter side.

    Raises
    ------
    UserError
        If the file is no table of counts, or ids or columns are not found.
    """
    samples = None if sheet is None else _read_text(sheet, dtype=str)
    if path.suffix == ".h5ad":
        return _read_h5ad(path, samples, sheet, label)
    frame = _read_text(path)
    in_columns = _samples_in_columns(frame, samples, path, samples_in)
    frame = frame.T if in_columns else frame
    counts = _as_counts(frame, path)
    labels = None if samples is None else _labels(samples, frame.index, sheet, label)
    where = "columns" if in_columns else "rows"
    other = "rows" if in_columns else "columns"
    note = (
        f"{path.name}: {counts.shape[0]:,} samples in {where}, {counts.shape[1]:,} genes in "
        f"{other}{_class_note(labels)} (if it is the other way round, say --samples-in {other})"
    )
    return CountTable(counts, labels, note)


def _read_h5ad(
    path: Path, samples: pd.DataFrame | None, sheet: Path | None, label: str | None
) -> CountTable:
    with open_counts(path) as file:
        ids = file.samples.index
        table, source = (file.samples, path) if samples is None else (samples, sheet)
        labels = _labels(table, ids, source, label)
        groups = np.zeros(len(ids)) if labels is None else group_equal(labels).place
        chosen = spread_rows(groups)
        parts = [
            block[chosen[(chosen >= start) & (chosen < start + len(block))] - start]
            for start, block in file.blocks()
        ]
    counts = np.concatenate(parts)
    labels = None if labels is None else labels[chosen]
    note = f"{path.name}: {len(ids):,} samples, {counts.shape[1]:,} genes{_class_note(labels)}"
    if len(counts) < len(ids):
        note += f"; {len(counts)} samples, spread evenly, are looked at"
    return CountTable(counts, labels, note)


def _read_text(path: Path, dtype: type | None = None) -> pd.DataFrame:
    """Read a table whose first column holds ids."""
    ending = path.with_suffix("").suffix if path.suffix == ".gz" else path.suffix
    if ending not in SEPARATORS:
        raise UserError(
            f"{path}: unknown kind of file; allowed: .h5ad, {', '.join(SEPARATORS)}, and these "
            "with .gz"
        )
    if not path.is_file():
        raise UserError(f"{path}: no such file")
    try:
        frame = pd.read_csv(path, sep=SEPARATORS[ending], index_col=0, dtype=dtype)
    except (ValueError, EOFError, OSError) as error:  # ValueError: wrong encoding or lines
        raise UserError(f"{path}: cannot be read as a table ({error})") from None
    frame.index, frame.columns = frame.index.astype(str), frame.columns.astype(str)
    if frame.size == 0:
        raise UserError(
            f"{path}: found {frame.shape[0]} rows and {frame.shape[1]} columns after the ids; "
            f"{ending} files have a header and separate by {SEPARATORS[ending]!r}"
        )
    return frame


def _samples_in_columns(
    frame: pd.DataFrame, samples: pd.DataFrame | None, path: Path, samples_in: str | None
) -> bool:
    if samples_in is not None:
        return samples_in == "columns"
    if samples is None:
        return frame.shape[0] > frame.shape[1]
    known = set(samples.index)
    hits = {"columns": len(known & set(frame.columns)), "rows": len(known & set(frame.index))}
    if not any(hits.values()):
        raise UserError(
            f"{path}: no id of the sample table, such as '{samples.index[0]}', is a column (such "
            f"as '{frame.columns[0]}') or the first entry of a row (such as '{frame.index[0]}')"
        )
    return hits["columns"] > hits["rows"]


def _as_counts(frame: pd.DataFrame, path: Path) -> np.ndarray:
    values = frame.to_numpy()
    if values.dtype.kind not in "iuf":
        numbers = pd.to_numeric(pd.Series(values.ravel()), errors="coerce").isna()
        row, column = divmod(int(numbers.argmax()), values.shape[1])
        raise UserError(
            f"{path}: sample '{frame.index[row]}', gene '{frame.columns[column]}': found "
            f"{values[row, column]!r}; allowed: ids in the first column, and nothing but raw "
            "counts after it"
        )
    try:
        return as_counts(values, frame.index, frame.columns)
    except NotCounts as error:
        looks_logged = values.dtype.kind == "f" and np.nanmax(values) < HIGHEST_LOGARITHM
        hint = "; these look like logarithms, go back to the raw counts" if looks_logged else ""
        raise UserError(f"{path}: {error}{hint}") from None


def _labels(
    table: pd.DataFrame, ids: pd.Index, source: Path | None, label: str | None
) -> np.ndarray | None:
    """Return the class of each sample, or None if none was asked for and there is no `label`."""
    column = LABEL if label is None else label
    if column not in table:
        if label is None:
            return None
        hint = did_you_mean(label, table.columns)
        raise UserError(f"{source}: has no column '{label}'{hint or _listed(table.columns)}")
    unknown = ids.difference(table.index)
    if len(unknown):
        raise UserError(f"{source}: {len(unknown)} samples are not in it, e.g. '{unknown[0]}'")
    if table.index.has_duplicates:
        twice = table.index[table.index.duplicated()][0]
        raise UserError(f"{source}: sample '{twice}' occurs more than once; ids must be unique")
    values = table[column].loc[ids]
    if values.isna().any():
        raise UserError(
            f"{source}: sample '{ids[int(values.isna().argmax())]}' has no '{column}'; name the "
            "class of every sample"
        )
    return values.astype(str).to_numpy(dtype=object)


def _listed(columns: pd.Index) -> str:
    return f"; found: {', '.join(map(str, columns))}"


def _class_note(labels: np.ndarray | None) -> str:
    if labels is None:
        return "; no classes, so all variation counts"
    return f"; variation within {', '.join(sorted(set(labels)))}"
