"""Reading salmon's estimates of transcripts, summed per gene."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import pandas as pd

from exprlab.cohort.grid import Request
from exprlab.cohort.layout import text_of
from exprlab.cohort.problems import Problems, listed
from exprlab.cohort.sample_files import SampleFiles, parse
from exprlab.cohort.stream import Unreadable, bare_name
from exprlab.keys import COUNTS

VERSION = re.compile(r"\.\d+$")
COLUMNS = {COUNTS: "NumReads", "tpm": "TPM"}


def read_salmon(
    found: SampleFiles, request: Request, problems: Problems
) -> tuple[dict[str, pd.Series], str]:
    """Read counts or TPM per gene: of quant.genes.sf, else of quant.sf and a table of transcripts.

    Raises
    ------
    Unreadable
        If the values are neither, or it is not known which gene a transcript is of.
    """
    if request.values not in COLUMNS:
        raise Unreadable(
            f"holds estimates of salmon, but `values` says {request.values}",
            "set values: counts (NumReads) or values: tpm (TPM)",
        )
    column = COLUMNS[request.values]
    genes = {name: _genes_file(path) for name, path in found.files.items()}
    if all(genes.values()):
        read = {
            n: parse(p, found.folder, problems, [column])[column] for n, p in genes.items() if p
        }
        how = f", {column} of quant.genes.sf"
    elif request.transcripts is None:
        raise Unreadable(
            "salmon's estimates are of transcripts, and it is not known of which gene each is",
            "set `transcripts` to a table of transcripts (first column) and their genes (second "
            "column), or run salmon with --geneMap, which writes quant.genes.sf",
        )
    else:
        gene_of = _gene_of(request.transcripts)
        each = {
            name: parse(path, found.folder, problems, [column])[column]
            for name, path in found.files.items()
        }
        read = {name: _summed(values, gene_of) for name, values in each.items()}
        first, *others = each.items()
        _report_unknown(found, first[1].index, gene_of, request.transcripts, problems)
        for name, values in others:
            _require_same_transcripts(first, (name, values))
        how = f", {column} of transcripts summed per gene by {request.transcripts.name}"
    if request.values == COUNTS:
        # Estimates have fractions: a read that fits several transcripts is divided among them.
        read = {name: values.round() for name, values in read.items()}
        how += ", rounded to whole numbers"
    return read, how


def _genes_file(path: Path) -> Path | None:
    beside = [p for p in sorted(path.parent.iterdir()) if bare_name(p) == "quant.genes.sf"]
    return beside[0] if beside else None


def _gene_of(path: Path) -> dict[str, str]:
    """Return the gene of each transcript, with and without its version."""
    try:
        with text_of(path) as text:
            first = text.readline()
            separator = "\t" if "\t" in first else ","
            rows = [row for row in csv.reader([first, *text], delimiter=separator) if len(row) > 1]
    except Unreadable as error:
        raise Unreadable(f"`transcripts` is {path}, which {error.what}", error.remedy) from None
    if not rows:
        raise Unreadable(
            f"{path} has no two columns", "give transcripts in the first and genes in the second"
        )
    exact: dict[str, str] = {}
    for row in rows:
        if exact.setdefault(row[0], row[1]) != row[1]:
            raise Unreadable(
                f"{path} says that transcript '{row[0]}' is of gene '{exact[row[0]]}' and of "
                f"'{row[1]}'",
                "leave one line for each transcript",
            )
    return {VERSION.sub("", name): gene for name, gene in exact.items()} | exact


def _key(name: str, gene_of: dict[str, str]) -> str:
    """Return a transcript as the table names it: GENCODE's names go on behind a bar."""
    name = name.partition("|")[0]
    return name if name in gene_of else VERSION.sub("", name)


def _summed(values: pd.Series, gene_of: dict[str, str]) -> pd.Series:
    genes = pd.Series([gene_of.get(_key(name, gene_of)) for name in values.index])
    return values.set_axis(pd.Index(genes)).groupby(level=0, sort=False).sum()


def _require_same_transcripts(first: tuple[str, pd.Series], other: tuple[str, pd.Series]) -> None:
    """Refuse samples that were counted on other transcripts: their sums are of other things."""
    differing = first[1].index.symmetric_difference(other[1].index)
    if len(differing):
        raise Unreadable(
            f"samples '{first[0]}' and '{other[0]}' have {len(differing):,} transcripts that the "
            f"other lacks, such as {listed(differing, 2)}",
            "run salmon with the same index on every sample",
        )


def _report_unknown(
    found: SampleFiles, names: pd.Index, gene_of: dict[str, str], table: Path, problems: Problems
) -> None:
    unknown = [name for name in names if _key(name, gene_of) not in gene_of]
    if len(unknown) == len(names):
        raise Unreadable(
            f"no transcript, such as {listed(names, 2)}, is in {table}, which has "
            f"{listed(gene_of, 2)}",
            "give the table of the annotation that salmon's index was made of",
        )
    if unknown:
        problems.warn(
            table,
            "",
            f"lacks {len(unknown):,} of the {len(names):,} transcripts of {found.folder}, which "
            f"were left out: {listed(unknown)}",
            "give the table of the annotation that salmon's index was made of",
        )
