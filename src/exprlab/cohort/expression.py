"""Reading expression values of any format: which one it is, its name and content say."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from exprlab.cohort.grid import Request
from exprlab.cohort.layout import SEPARATORS
from exprlab.cohort.orient import oriented
from exprlab.cohort.problems import Problems
from exprlab.cohort.stream import Unreadable, bare_name, magic, missing
from exprlab.cohort.table import ExpressionTable
from exprlab.cohort.text import read_text

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
    if name.endswith((".mtx", ".h5ad", ".parquet", *SEPARATORS)) or "." not in name:
        return _read_text
    raise Unreadable(f"unknown kind of file; read are {READ}", "save it as one of these")


def _folder_reader(path: Path) -> Reader:
    raise missing(path)


def _read_text(path: Path, request: Request, problems: Problems) -> ExpressionTable:
    return oriented(read_text(path, request, problems), request)
