"""Reading expression values of any format: which one it is, its name and content say."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from exprlab.cohort.containers import read_h5ad, read_matrix_market, read_parquet
from exprlab.cohort.counters import read_samples
from exprlab.cohort.grid import Grid, Request, text_index
from exprlab.cohort.layout import SEPARATORS
from exprlab.cohort.orient import aside, oriented, placed
from exprlab.cohort.problems import Problems, listed
from exprlab.cohort.sample_files import FEATURE_COUNTS, find_samples, sample_name
from exprlab.cohort.stream import Unreadable, bare_name, magic
from exprlab.cohort.table import ExpressionTable
from exprlab.cohort.text import read_text
from exprlab.files import files_below

READ = (
    "tables of text (.tsv, .csv, .txt), plain, .gz or .zst; .parquet; .h5ad; output of "
    "featureCounts; a folder with matrix.mtx, features.tsv and barcodes.tsv, or with the files of "
    "STAR, HTSeq-count, featureCounts or salmon of each sample"
)
Reader = Callable[[Path, Request, Problems], ExpressionTable]


def read_expression(path: Path, request: Request, problems: Problems) -> ExpressionTable | None:
    """Read the values of one file or folder; None where nothing can be read of it.

    All that is wrong is reported.
    """
    try:
        return _reader(path)(path, request, problems)
    except Unreadable as error:
        problems.error(path, error.where, error.what, error.remedy)
        return None


def _reader(path: Path) -> Reader:
    """Return what reads a file or folder."""
    if path.is_dir():
        return _folder_reader(path)
    name, start = bare_name(path), magic(path)
    if start.startswith(b"\x89HDF"):
        return read_h5ad
    if start.startswith(b"PAR1"):
        return _read_parquet
    if start.startswith(b"%%MatrixM") or name.endswith(".mtx"):
        return _read_matrix
    if name.endswith((".h5ad", ".parquet")):
        raise Unreadable(
            f"is no {name[name.rfind('.') :]} file, as its name says", "write it again"
        )
    if name.endswith(tuple(SEPARATORS)) or "." not in name:
        return _read_text
    raise Unreadable(f"unknown kind of file; read are {READ}", "save it as one of these")


def _folder_reader(path: Path) -> Reader:
    if not (inside := files_below(path)):
        raise Unreadable("is an empty folder", "check the path")
    matrices = [file for file in inside if bare_name(file).endswith(".mtx")]
    if len(matrices) > 1:
        raise Unreadable(
            f"holds {len(matrices)} matrices: {listed(file.name for file in matrices)}",
            "name one of them as the expression, or each of them, to join them",
        )
    if matrices:
        return lambda _, request, problems: _read_matrix(matrices[0], request, problems)
    found = find_samples(path)
    if found is None:
        raise Unreadable(
            f"is a folder of no known kind: {listed(f.name for f in inside)}; read are {READ}",
            "name the file itself, or several files",
        )
    return lambda _, request, problems: read_samples(found, request, problems)


def _read_text(path: Path, request: Request, problems: Problems) -> ExpressionTable:
    grid = read_text(path, request, problems)
    if grid.corner == FEATURE_COUNTS[0] and set(FEATURE_COUNTS[1:]) <= {
        *grid.row_notes,
        *grid.column_ids,
    }:
        grid = _without_paths(replace(grid, notes=["output of featureCounts"]), request)
        rows = replace(request, genes_in="rows")
        return placed(aside(grid, "rows", rows), "rows", "as featureCounts writes them")
    return oriented(grid, request)


def _without_paths(grid: Grid, request: Request) -> Grid:
    """Name samples by their alignments without folders and endings, if not known as they are."""
    names = [n if n in request.sample_ids or n in FEATURE_COUNTS else sample_name(n)
             for n in grid.column_ids]  # fmt: skip
    changed = [old for old, new in zip(grid.column_ids, names, strict=True) if old != new]
    if not changed or len(set(names)) < len(names):
        return grid
    note = f"samples called by their alignments without folder and ending, {listed(changed, 1)}"
    return replace(grid, column_ids=text_index(names), notes=[*grid.notes, note])


def _read_parquet(path: Path, request: Request, problems: Problems) -> ExpressionTable:
    return oriented(read_parquet(path, request, problems), request)


def _read_matrix(path: Path, request: Request, problems: Problems) -> ExpressionTable:
    grid = read_matrix_market(path.parent, path, problems)
    return placed(grid, "rows", "features.tsv names them")
