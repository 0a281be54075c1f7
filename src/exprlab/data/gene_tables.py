"""Tables with a row for each gene: importances, tests, and what is known of the truth."""

from __future__ import annotations

from pathlib import Path

import h5py
import pandas as pd
from anndata.io import read_elem

from exprlab.data.tables import write_blocks
from exprlab.errors import UserError
from exprlab.keys import GENE_ID


def write_genes(path: Path, table: pd.DataFrame) -> None:
    """Write a table whose index are the gene ids as TSV, numbers with six digits."""
    write_blocks(path, [table.rename_axis(GENE_ID)])


def read_genes(path: Path) -> pd.DataFrame:
    """Read a table of genes, indexed by their ids.

    Raises
    ------
    UserError
        If the file is missing, or has no column of gene ids.
    """
    try:
        # "NA" and "null" are names that genes may have.
        table = pd.read_csv(
            path, sep="\t", dtype={GENE_ID: str}, keep_default_na=False, na_values=[""]
        )
        return table.set_index(GENE_ID)
    except (OSError, KeyError, ValueError) as error:
        raise UserError(f"{path}: not a table with the column {GENE_ID} ({error})") from None


def read_gene_annotation(path: Path) -> pd.DataFrame:
    """Read the table of genes (`var`) of an .h5ad file, indexed by their ids.

    Raises
    ------
    UserError
        If the file is missing or damaged.
    """
    try:
        with h5py.File(path, "r") as file:
            return read_elem(file["var"])
    except (OSError, KeyError) as error:
        raise UserError(f"{path}: cannot be read as .h5ad ({error}); make it again") from None
