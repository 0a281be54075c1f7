"""Joining tables of several files or studies on their genes."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
import pandas as pd

from exprlab.cohort.problems import Problems, listed
from exprlab.cohort.table import ExpressionTable

VERSION = re.compile(r"\.\d+$")


def joined(
    tables: Sequence[ExpressionTable], how: str, problems: Problems
) -> tuple[np.ndarray, pd.Index, pd.DataFrame, list[str]] | None:
    """Put the samples of tables below each other, on the genes that they share.

    Parameters
    ----------
    tables
        One or more. Of a gene that a table names twice, the first column is taken where there are
        several tables; such genes are reported by the checks.
    how
        'intersection' or 'union' of the genes, in the order of the first table.
    problems
        Where samples that are in two tables, and tables that share no gene, are reported.

    Returns
    -------
    tuple or None
        Values (n_samples, n_genes), NaN where a table lacks a gene; sample ids; the table of
        genes; notes. None where no gene is shared.
    """
    if len(tables) == 1:
        table = tables[0]
        return table.values, table.sample_ids, table.genes.set_axis(table.gene_ids), []
    _report_shared_samples(tables, problems)
    own = [table.gene_ids[~table.gene_ids.duplicated()] for table in tables]
    genes = own[0]
    for other in own[1:]:
        if how == "union":
            genes = genes.append(other[~other.isin(genes)])
        else:
            genes = genes[genes.isin(other)]
    if not _share_genes(tables, own, genes, how, problems):
        return None
    values = np.concatenate(
        [_on(table, ids, genes) for table, ids in zip(tables, own, strict=True)]
    )
    sample_ids = tables[0].sample_ids.append([table.sample_ids for table in tables[1:]])
    notes = [_note(table, ids, genes, how) for table, ids in zip(tables, own, strict=True)]
    return values, sample_ids, _descriptions(tables, genes), notes


def _on(table: ExpressionTable, ids: pd.Index, genes: pd.Index) -> np.ndarray:
    """Return the values of a table in the columns `genes`, missing ones NaN."""
    columns = np.flatnonzero(~table.gene_ids.duplicated())
    found = ids.get_indexer(genes)
    values = table.values[:, columns[found]]
    if (found < 0).any():
        values = values.astype(np.float64)
        values[:, found < 0] = np.nan
    return values


def _note(table: ExpressionTable, ids: pd.Index, genes: pd.Index, how: str) -> str:
    shared = int(ids.isin(genes).sum())
    if how == "union":
        return (
            f"{table.path.name}: has {shared:,} of the {len(genes):,} genes of all files; of the "
            f"other {len(genes) - shared:,} its values are missing"
        )
    return (
        f"{table.path.name}: {shared:,} of its {len(ids):,} genes are in all files; the other "
        f"{len(ids) - shared:,} were left out"
    )


def _descriptions(tables: Sequence[ExpressionTable], genes: pd.Index) -> pd.DataFrame:
    """Return what the first table that describes a gene says of it."""
    found = pd.DataFrame(index=genes)
    for table in tables:
        described = table.genes.set_axis(table.gene_ids)
        described = described[~described.index.duplicated()].reindex(genes)
        for name in described:
            known = found[name] if name in found else described[name]
            found[name] = known.where(known.notna(), described[name])
    return found


def _report_shared_samples(tables: Sequence[ExpressionTable], problems: Problems) -> None:
    first: dict[str, ExpressionTable] = {}
    for table in tables:
        both: dict[str, list[str]] = {}
        for name in dict.fromkeys(table.sample_ids):
            if first.setdefault(name, table) is not table:
                both.setdefault(str(first[name].path), []).append(name)
        for other, names in both.items():
            problems.error(
                table.path,
                "",
                f"{len(names)} sample{'s' if names[1:] else ''} {listed(names)} "
                f"{'are' if names[1:] else 'is'} in {other}, too; ids must be unique",
                "leave each sample in one file, or rename those that are other samples",
            )


def _share_genes(
    tables: Sequence[ExpressionTable],
    own: Sequence[pd.Index],
    genes: pd.Index,
    how: str,
    problems: Problems,
) -> bool:
    """Return whether tables share genes; report where one shares none with the first."""
    if how == "intersection" and len(genes):
        return True
    shares = True
    for table, ids in zip(tables[1:], own[1:], strict=True):
        if not own[0].isin(ids).any():
            shares = False
            problems.error(
                table.path,
                "",
                f"shares no gene with {tables[0].path}: {listed(ids, 2)} here, "
                f"{listed(own[0], 2)} there",
                _hint(own[0], ids),
            )
    if shares and not len(genes):
        shares = False
        problems.error(
            tables[0].path, "", f"no gene is in all {len(tables)} files", "set join: union"
        )
    return shares


def _hint(first: pd.Index, second: pd.Index) -> str:
    """Say what to do about gene ids that are not alike."""
    bare = [{VERSION.sub("", name).casefold() for name in ids} for ids in (first, second)]
    if bare[0] & bare[1]:
        return "they differ in versions (ENSG00000139618.12) or case only: name genes alike"
    ensembl = [sum(name.startswith("ens") for name in names) > len(names) / 2 for names in bare]
    if ensembl[0] != ensembl[1]:
        return "one names genes by Ensembl ids, the other by symbols or other ids: name them alike"
    return "name genes alike in all files"
