"""Whether genes are in the rows or in the columns of a table."""

from __future__ import annotations

import re
from collections.abc import Iterable

import pandas as pd

from exprlab.cohort.grid import Grid, Request, narrowed
from exprlab.cohort.ids import near_miss
from exprlab.cohort.problems import SHOWN, listed
from exprlab.cohort.stream import Unreadable
from exprlab.cohort.table import ExpressionTable

# Ids of genes by which no sample is called: Ensembl, RefSeq, Affymetrix, Illumina.
GENE_ID_PATTERN = re.compile(
    r"ENS[A-Z]{0,6}[GT]\d{11}(\.\d+)?|[NX][MR]_\d+(\.\d+)?|[\w/-]+_at|ILMN_\d+", re.ASCII
)
# Genes that are in nearly every table of human or mouse genes.
COMMON_GENES = frozenset(
    {"ACTB", "GAPDH", "TP53", "B2M", "RPLP0", "MYC", "EGFR", "BRCA1", "BRCA2", "KRAS", "PTEN"}
    | {"CDKN1A", "CDKN2A", "VIM", "CDH1", "EPCAM", "STAT3", "JUN", "FOS", "HPRT1", "TBP", "UBC"}
    | {"PPIA", "MKI67", "ESR1", "ERBB2", "CD4", "CD8A", "PTPRC", "KRT5", "KRT8", "KRT18", "AKT1"}
)
# Of that many ids one is looked for among the common genes.
ENOUGH_COMMON = 3
# Numbers beside the values that are of a gene and no sample.
GENE_COLUMNS = frozenset(
    {"length", "gene_length", "genelength", "effective_length", "start", "end", "strand", "chr"}
    | {"chromosome", "width", "gc", "gc_content", "entrez", "entrezid", "entrezgene"}
    | {"entrez_id", "entrez_gene_id", "entrezgene_id", "gene_start", "gene_end"}
)


def oriented(grid: Grid, request: Request) -> ExpressionTable:
    """Return a grid with samples as rows.

    Raises
    ------
    Unreadable
        If neither the settings nor the ids say where the genes are.
    """
    genes_in, why = find_genes(grid, request)
    return placed(aside(grid, genes_in, request), genes_in, why)


def placed(grid: Grid, genes_in: str, why: str) -> ExpressionTable:
    """Return a grid whose genes are known to be in 'rows' or 'columns'."""
    rows, columns = grid.row_notes.set_axis(grid.row_ids), grid.column_notes
    columns = columns.set_axis(grid.column_ids)
    in_rows = genes_in == "rows"
    n_samples, n_genes = grid.values.shape[::-1] if in_rows else grid.values.shape
    notes = [
        *grid.notes,
        f"{n_samples:,} samples x {n_genes:,} genes, genes in {genes_in} ({why})",
    ]
    for noun, table in (("rows", rows), ("columns", columns)):
        if len(table.columns):
            notes.append(f"text beside the values describes {noun}: {listed(table.columns)}")
    return ExpressionTable(
        path=grid.path,
        values=narrowed(grid.values.T if in_rows else grid.values),
        sample_ids=grid.column_ids if in_rows else grid.row_ids,
        gene_ids=grid.row_ids if in_rows else grid.column_ids,
        genes_in=genes_in,
        header_rows=grid.header_rows,
        id_columns=grid.id_columns,
        note="; ".join(notes),
        genes=rows if in_rows else columns,
        samples=columns if in_rows else rows,
    )


def find_genes(grid: Grid, request: Request) -> tuple[str, str]:
    """Return 'rows' or 'columns', and why."""
    found = _by_samples(grid, request)
    if request.genes_in != "auto":
        if found and found[0] != request.genes_in:
            other = found[0]
            raise Unreadable(
                f"genes_in says that genes are in {request.genes_in}, but {found[1]}",
                f"set genes_in: {other} (or auto), or correct the sample table",
            )
        return request.genes_in, "as genes_in says"
    if found:
        return found
    if request.sample_ids:
        raise Unreadable(
            f"no id of the sample table, such as {listed(sorted(request.sample_ids), 2)}, is a "
            f"column (such as {listed(grid.column_ids, 2)}) or the first entry of a row (such as "
            f"{listed(grid.row_ids, 2)})",
            _meant_ids(grid, request),
        )
    return _by_known_genes(grid, request) or _by_genes(grid)


def _meant_ids(grid: Grid, request: Request) -> str:
    """Say which ids may have been meant where the sample table has none of those in a grid."""
    there = [*grid.column_ids, *grid.row_ids]
    for column, cells in request.others.items():
        if found := sorted(cells & set(there)):
            return f"set `id` of `columns` to '{column}', which holds {listed(found, 2)}"
    for name in sorted(request.sample_ids)[:SHOWN]:
        if hint := near_miss(name, there, typos=False):
            return f"make the ids of '{name}' and all others alike in both files{hint}"
    return "check the ids of the sample table (`id` of `columns` names their column)"


def _by_samples(grid: Grid, request: Request) -> tuple[str, str] | None:
    """Return where the genes are if the ids of the sample table tell."""
    for how, key in (("", str), (" but for case, blanks or punctuation", loose)):
        known = {key(name) for name in request.sample_ids}
        hits = {
            "columns": sum(key(name) in known for name in grid.row_ids),
            "rows": sum(key(name) in known for name in grid.column_ids),
        }
        fewer, more = sorted(hits, key=lambda side: hits[side])
        if not hits[more]:
            continue
        if request.genes_in == "auto" and hits[fewer] > hits[more] / 10:
            raise Unreadable(
                f"{hits['rows']} ids of the sample table are columns and {hits['columns']} are the "
                "first entry of a row, so it is not clear where the genes are",
                "set genes_in: rows or columns",
            )
        if hits[more] == hits[fewer]:
            return None
        return more, f"{hits[more]} ids of the sample table are {_side(more)}{how}"
    return None


def _side(genes_in: str) -> str:
    return "columns" if genes_in == "rows" else "rows"


def loose(name: str) -> str:
    """Return an id without what programs and people change: case, blanks, punctuation, R's X."""
    bare = re.sub(r"[\W_]+", ".", name.strip().casefold())
    return re.sub(r"^x(?=[\d.])", "", bare).strip(".")


def _by_known_genes(grid: Grid, request: Request) -> tuple[str, str] | None:
    """Return where the genes are if those that are looked for tell."""
    hits = {
        "rows": len(request.gene_ids.intersection(grid.row_ids)),
        "columns": len(request.gene_ids.intersection(grid.column_ids)),
    }
    fewer, more = sorted(hits, key=lambda side: hits[side])
    if not hits[more] or hits[fewer] > hits[more] / 10:
        return None
    return more, f"{hits[more]:,} genes that are looked for are {more}"


def _by_genes(grid: Grid) -> tuple[str, str]:
    """Return where the genes are by names that only genes have, or by the name of the ids."""
    likely = {"rows": _like_genes(grid.row_ids), "columns": _like_genes(grid.column_ids)}
    corner = grid.corner.strip().casefold()
    if likely["rows"] != likely["columns"]:
        side = "rows" if likely["rows"] else "columns"
        return side, f"names such as {listed(likely[side], 2)} are genes"
    if not likely["rows"]:
        if re.match(
            r"genes?\b|gene[_ -]?(id|name|symbol)?s?$|geneid|symbol|probe|ensembl|hgnc", corner
        ):
            return "rows", f"the ids of the rows are called '{grid.corner}'"
        if re.match(r"samples?\b|sample[_ -]?(id|name)?s?$|sampleid|patient|barcode", corner):
            return "columns", f"the ids of the rows are called '{grid.corner}'"
    raise Unreadable(
        f"it is not clear where the genes are: rows are called {listed(grid.row_ids, 2)}, columns "
        f"{listed(grid.column_ids, 2)}, and there is no sample table",
        "set genes_in: rows or columns, or give a sample table",
    )


def _like_genes(names: pd.Index) -> list[str]:
    """Return some of these names if they are names of genes."""
    found = [name for name in names if GENE_ID_PATTERN.fullmatch(name)]
    if found and len(found) > len(names) / 2:
        return found
    common = [name for name in names if name.upper() in COMMON_GENES]
    return common if len(common) >= ENOUGH_COMMON else []


def aside(grid: Grid, genes_in: str, request: Request) -> Grid:
    """Move columns of numbers that are no values out of the way and say so.

    Beside genes in rows these are e.g. lengths of genes, beside samples in rows columns of the
    sample table.
    """
    if genes_in == "rows":
        others = [
            name not in request.sample_ids and name.strip().casefold() in GENE_COLUMNS
            for name in grid.column_ids
        ]
    else:
        others = [name in request.columns for name in grid.column_ids]
    if not any(others) or all(others):
        return grid
    chosen = pd.Series(others).to_numpy()
    names = grid.column_ids[chosen]
    notes = grid.row_notes.assign(
        **{str(n): grid.values[:, i] for n, i in zip(names, chosen.nonzero()[0], strict=True)}
    )
    leading = int((~chosen).argmax())
    return Grid(
        path=grid.path,
        values=grid.values[:, ~chosen],
        row_ids=grid.row_ids,
        column_ids=grid.column_ids[~chosen],
        row_notes=notes,
        column_notes=grid.column_notes[~chosen].reset_index(drop=True),
        header_rows=grid.header_rows,
        id_columns=grid.id_columns + leading,
        corner=grid.corner,
        notes=[*grid.notes, f"{_plural(names)} no values and left aside"],
    )


def _plural(names: Iterable[str]) -> str:
    names = list(names)
    return f"column{'s' if names[1:] else ''} {listed(names)} {'are' if names[1:] else 'is'}"
