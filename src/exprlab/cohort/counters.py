"""Reading what programs that count reads leave: a file for each sample, in one folder."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd

from exprlab.cohort.grid import Request, narrowed, text_index
from exprlab.cohort.layout import text_of
from exprlab.cohort.problems import SHOWN, Problems, listed
from exprlab.cohort.salmon import read_salmon
from exprlab.cohort.sample_files import SampleFiles, parse, sample_name
from exprlab.cohort.stream import Unreadable
from exprlab.cohort.table import ExpressionTable
from exprlab.keys import COUNTS

# Share of the reads on one strand beyond which a library is of it, and within which of neither.
STRANDED, UNSTRANDED = 0.8, (0.4, 0.6)


def read_samples(found: SampleFiles, request: Request, problems: Problems) -> ExpressionTable:
    """Read the counts of each sample and put them side by side.

    Raises
    ------
    Unreadable
        If samples do not have the same genes, or the files say nothing that fits `request`.
    """
    read: Mapping[str, Callable[..., tuple[dict[str, pd.Series], str]]] = {
        "STAR": _read_star,
        "salmon": read_salmon,
        "featureCounts": _read_feature_counts,
        "HTSeq-count": _read_htseq,
    }
    if request.values != COUNTS and found.program != "salmon":
        raise Unreadable(
            f"holds counts of {found.program}, but `values` says {request.values}",
            "set values: counts",
        )
    columns, how = read[found.program](found, request, problems)
    _require_same_genes(found, columns)
    first = next(iter(columns.values())).index
    values = np.stack([column.reindex(first).to_numpy() for column in columns.values()])
    sample_ids, gene_ids = text_index(columns), text_index(first)
    others = f"; {found.others} other files left aside" if found.others else ""
    return ExpressionTable(
        path=found.folder,
        values=narrowed(values),
        sample_ids=sample_ids,
        gene_ids=gene_ids,
        genes_in="rows",
        header_rows={"STAR": 4, "HTSeq-count": 0, "featureCounts": 2}.get(found.program, 1),
        id_columns=1,
        note=f"{found.program}, a file per sample: {len(sample_ids):,} samples x "
        f"{len(gene_ids):,} genes{how}{others}",
        genes=pd.DataFrame(index=gene_ids),
        samples=pd.DataFrame(index=sample_ids),
    )


def _require_same_genes(found: SampleFiles, columns: dict[str, pd.Series]) -> None:
    names = list(columns)
    first = columns[names[0]].index
    for name in names:
        index = columns[name].index
        if index.has_duplicates:
            raise Unreadable(
                f"gene '{index[index.duplicated()][0]}' occurs more than once",
                "count again with one annotation",
                str(found.files[name].relative_to(found.folder)),
            )
        if len(index) != len(first) or not index.isin(first).all():
            odd = [*index.difference(first), *first.difference(index)]
            raise Unreadable(
                f"has other genes than sample '{names[0]}': {listed(odd)}",
                "count all samples with one annotation; was the file cut off?",
                str(found.files[name].relative_to(found.folder)),
            )


def _read_star(
    found: SampleFiles, request: Request, problems: Problems
) -> tuple[dict[str, pd.Series], str]:
    """Read STAR's counts of the strand that most reads are of."""
    tables = {}
    for name, path in found.files.items():
        table = parse(path, found.folder, problems, last=3)
        if table.shape[1] != 3:
            raise Unreadable(
                f"has {table.shape[1] + 1} columns; STAR writes 4",
                "copy the file again",
                str(path.relative_to(found.folder)),
            )
        tables[name] = table[~table.index.str.startswith("N_")]
    shares = {name: _first_strand(table) for name, table in tables.items()}
    kinds = {name: _strand(share) for name, share in shares.items()}
    unclear = [name for name, kind in kinds.items() if kind is None]
    if unclear or len(set(kinds.values())) > 1:
        told = [f"{name} {shares[name]:.0%}" for name in (unclear or list(shares))[:SHOWN]]
        raise Unreadable(
            "it is not clear which strand was sequenced: of the reads on either strand, on the "
            f"first one are {', '.join(told)}",
            "make a table of the column that is right for each sample (2: either strand, 3: first, "
            "4: second)",
        )
    column = next(iter(kinds.values()))
    words = {0: "either strand", 1: "the first strand", 2: "the second strand"}[int(column or 0)]
    mean = float(np.mean(list(shares.values())))
    note = f", column {int(column or 0) + 2}, reads of {words} ({mean:.0%} are of the first one)"
    return {name: table.iloc[:, int(column or 0)] for name, table in tables.items()}, note


def _first_strand(table: pd.DataFrame) -> float:
    """Return which share of the reads of one strand are of the first one; 0.5 without any."""
    first, second = float(table.iloc[:, 1].sum()), float(table.iloc[:, 2].sum())
    return first / (first + second) if first + second else 0.5


def _strand(share: float) -> int | None:
    """Return the column (0 either, 1 first, 2 second strand) that a share speaks for, if any."""
    if share > STRANDED:
        return 1
    if share < 1 - STRANDED:
        return 2
    return 0 if UNSTRANDED[0] <= share <= UNSTRANDED[1] else None


def _read_htseq(
    found: SampleFiles, request: Request, problems: Problems
) -> tuple[dict[str, pd.Series], str]:
    # With --additional-attr the name of the gene stands between id and count.
    tables = {n: parse(p, found.folder, problems, last=1) for n, p in found.files.items()}
    special = {name: table.index.str.startswith("__") for name, table in tables.items()}
    return {name: table[~special[name]].iloc[:, 0] for name, table in tables.items()}, ""


def _read_feature_counts(
    found: SampleFiles, request: Request, problems: Problems
) -> tuple[dict[str, pd.Series], str]:
    columns = {}
    for name, path in found.files.items():
        with text_of(path) as text:
            header = next(line for line in text if not line.startswith("#"))
        names = header.rstrip("\r\n").split("\t")[6:]
        table = parse(path, found.folder, problems, names)
        here = {name: table.iloc[:, 0]}
        if len(names) > 1:
            here = {sample_name(one): table[one] for one in names}
        if twice := sorted(columns.keys() & here.keys()):
            raise Unreadable(
                f"holds sample '{twice[0]}', and a file before it does, too",
                "leave one column for each sample",
                str(path.relative_to(found.folder)),
            )
        columns |= here
    return columns, ""
