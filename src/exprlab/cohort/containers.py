"""Reading values from containers: AnnData (.h5ad), Parquet, and folders of Matrix Market."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pandas as pd

from exprlab.cohort.grid import Grid, Request, narrowed, text_index
from exprlab.cohort.layout import MISSING, text_of
from exprlab.cohort.problems import SHOWN, Problems, listed
from exprlab.cohort.stream import Unreadable, bare_name, opened
from exprlab.cohort.table import ExpressionTable
from exprlab.keys import COUNTS, MISSING_COUNT


def read_h5ad(path: Path, request: Request, problems: Problems) -> ExpressionTable:
    """Read an AnnData file: layers/counts if values are counts and it is there, else X.

    Samples are its rows. Of exprlab's own files -1 is a missing count.

    Raises
    ------
    Unreadable
        If it is no AnnData file, or damaged.
    """
    import h5py
    from anndata.io import read_elem

    try:
        with h5py.File(path) as file:
            if "obs" not in file or "var" not in file:
                kind = "a 10x .h5 file" if "matrix" in file else "HDF5, but no AnnData file"
                raise Unreadable(
                    f"is {kind}: it has no obs and var",
                    "save it as .h5ad (scanpy.read_10x_h5 reads files of 10x)",
                )
            place = _matrix_place(file, request)
            matrix = read_elem(file[place])
            samples, genes = read_elem(file["obs"]), read_elem(file["var"])
            if not isinstance(matrix, np.ndarray):
                # Damaged indices would be written to wherever they point.
                matrix.check_format(full_check=True)
    except (Unreadable, MemoryError):
        raise
    except Exception as error:  # what h5py and anndata raise depends on where the damage is
        reason = (str(error).partition("\n")[0] or type(error).__name__).strip("'\"")
        raise Unreadable(
            f"cannot be read as .h5ad ({reason})", "the file is damaged or cut off: copy it again"
        ) from None
    if not (isinstance(samples, pd.DataFrame) and isinstance(genes, pd.DataFrame)):
        raise Unreadable("was written by an anndata before 0.7", "read it there and write it again")
    sparse = not isinstance(matrix, np.ndarray)
    values = matrix.toarray() if sparse else matrix
    if values.ndim != 2 or values.dtype.kind not in "iufb":
        raise Unreadable(f"its {place} holds no table of numbers", "store numbers there")
    if values.shape != (len(samples), len(genes)):
        raise Unreadable(
            f"its {place} has {values.shape[0]:,} rows and {values.shape[1]:,} columns, but there "
            f"are {len(samples):,} entries of obs and {len(genes):,} of var",
            "write the file again",
        )
    if not values.size:
        raise Unreadable(
            f"holds {len(samples):,} samples and {len(genes):,} genes", "write the file again"
        )
    if request.values == COUNTS and place == "layers/counts" and values.dtype.kind == "i":
        missing = values == MISSING_COUNT
        values = np.where(missing, np.nan, values) if missing.any() else values
    if request.genes_in == "rows":
        raise Unreadable(
            "genes_in says that genes are in rows, but the rows of an .h5ad are samples",
            "remove genes_in, or transpose the file (adata.T)",
        )
    sample_ids, gene_ids = text_index(samples.index), text_index(genes.index)
    return ExpressionTable(
        path=path,
        values=narrowed(values),
        sample_ids=sample_ids,
        gene_ids=gene_ids,
        genes_in="columns",
        header_rows=0,
        id_columns=0,
        note=f"AnnData, {'sparse ' if sparse else ''}{place}: {values.shape[0]:,} samples x "
        f"{values.shape[1]:,} genes, genes in columns",
        genes=genes.set_axis(gene_ids),
        samples=samples.set_axis(sample_ids),
    )


def _matrix_place(file: object, request: Request) -> str:
    """Return where the values are."""
    layers = list(file["layers"]) if "layers" in file else []  # type: ignore[index,operator]
    if request.values == COUNTS and "counts" in layers:
        return "layers/counts"
    if "X" in file:  # type: ignore[operator]
        return "X"
    raise Unreadable(
        f"has no X{' and no layers/counts' if request.values == COUNTS else ''}; its layers: "
        f"{listed(layers, 8) or 'none'}",
        "store the values in X" + (" or layers['counts']" if request.values == COUNTS else ""),
    )


def read_parquet(path: Path, request: Request, problems: Problems) -> Grid:
    """Read a Parquet table: ids in its index or its first column of text, numbers in the others.

    Raises
    ------
    Unreadable
        If it is no Parquet file, or holds no numbers.
    """

    try:
        frame = pd.read_parquet(path, use_threads=False, pre_buffer=False)
    except MemoryError:
        raise
    except Exception as error:  # what is raised depends on where the damage is
        raise Unreadable(
            f"cannot be read as Parquet ({str(error).partition(chr(10))[0]})", "write it again"
        ) from None
    if isinstance(frame.index, pd.MultiIndex):
        raise Unreadable(
            f"its rows have {frame.index.nlevels} names each: {listed(frame.index.names, 4)}",
            "keep one of them as the index, and the others as columns of text",
        )
    corner = str(frame.index.name or "")
    # What is left of row numbers when rows were dropped is no name of genes either.
    numbered = frame.index.name is None and frame.index.dtype.kind in "iu"
    if numbered and len(frame.columns):
        corner = str(frame.columns[0])
        frame = frame.set_index(frame.columns[0])
    kinds = [frame.dtypes.iloc[i].kind for i in range(len(frame.columns))]
    texts = [
        i for i, kind in enumerate(kinds)
        if kind not in "iufb"
        and str(frame.columns[i]) not in request.sample_ids
        and not _holds_numbers(frame.iloc[:, i])
    ]  # fmt: skip
    numeric = [i for i in range(len(kinds)) if i not in set(texts)]
    if not numeric or not len(frame):
        raise Unreadable(
            f"holds {len(frame)} rows and no column of numbers", "store the values as numbers"
        )
    rows = text_index(frame.index)
    values = np.column_stack([_column(path, frame, i, problems) for i in numeric])
    notes = {str(frame.columns[i]): frame.iloc[:, i].to_numpy(dtype=object) for i in texts}
    return Grid(
        path=path,
        values=values,
        row_ids=rows,
        column_ids=text_index(frame.columns[i] for i in numeric),
        row_notes=pd.DataFrame(notes, index=range(len(frame))),
        column_notes=pd.DataFrame(index=range(len(numeric))),
        header_rows=0,
        id_columns=0,
        corner=corner,
        notes=["Parquet"],
    )


def _holds_numbers(cells: pd.Series) -> bool:
    """Return whether most cells of a column that is stored as text or objects are numbers."""
    known = cells.dropna()
    return bool(len(known)) and pd.to_numeric(known, errors="coerce").notna().mean() > 0.5


def _column(path: Path, frame: pd.DataFrame, number: int, problems: Problems) -> np.ndarray:
    """Return a column as numbers; what is none is reported and missing."""
    cells = frame.iloc[:, number]
    found = pd.to_numeric(cells, errors="coerce")
    bad = np.flatnonzero(found.isna() & cells.notna() & ~cells.astype(str).isin(MISSING))
    for shown, row in enumerate(bad[:SHOWN], start=1):
        more = f" ({len(bad) - SHOWN} more such cells)" if shown == SHOWN < len(bad) else ""
        problems.error(
            path,
            f"row {row + 1} ('{frame.index[row]}'), column '{frame.columns[number]}'",
            f"found '{cells.iloc[row]}', which is no number{more}",
            "store numbers, missing ones as null",
        )
    missing = found.isna().any()
    return found.to_numpy(np.float64, na_value=np.nan) if missing else found.to_numpy()


def read_matrix_market(folder: Path, matrix: Path, problems: Problems) -> Grid:
    """Read a folder as 10x writes it: a matrix, and the names of its rows and columns.

    Raises
    ------
    Unreadable
        If a file of names is not there, or the sizes do not fit.
    """
    from scipy.io import mmread
    from scipy.sparse import issparse

    ours = bare_name(matrix).endswith("matrix.mtx")
    prefix = matrix.name[: bare_name(matrix).find("matrix.mtx")] if ours else ""
    features = _names(folder, prefix, ("features.tsv", "genes.tsv", "features.txt", "genes.txt"))
    barcodes = _names(folder, prefix, ("barcodes.tsv", "samples.tsv", "barcodes.txt"))
    try:
        with opened(matrix) as stream:
            found = mmread(stream)
    except (ValueError, OverflowError) as error:
        raise Unreadable(
            f"{matrix.name} is no Matrix Market file ({error})", "copy it again"
        ) from None
    values = found.toarray() if issparse(found) else np.asarray(found)
    sizes = (len(features), len(barcodes))
    if values.shape == sizes[::-1] and sizes[0] != sizes[1]:
        values, turned = values.T, True
    else:
        turned = False
    if values.shape != sizes:
        raise Unreadable(
            f"{matrix.name} has {found.shape[0]:,} rows and {found.shape[1]:,} columns, but there "
            f"are {sizes[0]:,} features and {sizes[1]:,} barcodes",
            "copy the three files again from one and the same run",
        )
    side = "columns" if turned else "rows"
    return Grid(
        path=folder,
        values=values,
        row_ids=text_index(row[0] for row in features),
        column_ids=text_index(row[0] for row in barcodes),
        row_notes=_described(features),
        column_notes=pd.DataFrame(index=range(sizes[1])),
        header_rows=0,
        id_columns=0,
        notes=[f"Matrix Market of 10x, features in the {side} of {matrix.name}"],
    )


def _names(folder: Path, prefix: str, candidates: tuple[str, ...]) -> list[list[str]]:
    """Return the rows of the file of names in a folder."""
    for path in sorted(folder.iterdir()):
        if bare_name(path) in [(prefix + name).lower() for name in candidates]:
            with text_of(path) as text:
                return [row for row in csv.reader(text, delimiter="\t") if row]
    raise Unreadable(
        f"has a matrix, but neither {prefix}{candidates[0]} nor {prefix}{candidates[1]} (.gz)",
        "put the file of names beside the matrix",
    )


def _described(features: list[list[str]]) -> pd.DataFrame:
    """Return what a file of features says beside the ids: symbols and kinds."""
    names = ("symbol", "feature_type")
    width = min((len(row) for row in features), default=1)
    columns = {name: [row[i] for row in features] for i, name in enumerate(names, 1) if i < width}
    return pd.DataFrame(columns, index=range(len(features)), dtype=object)
