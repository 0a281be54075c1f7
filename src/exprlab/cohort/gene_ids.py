"""Checks of gene ids: damaged ones, those that differ in next to nothing, and rows of no gene."""

from __future__ import annotations

import re
from collections import Counter

import numpy as np

from exprlab.cohort.ids import check_ids, is_absent
from exprlab.cohort.measure import Measures
from exprlab.cohort.places import Places
from exprlab.cohort.problems import SHOWN, Problems, listed

_MONTH = "(?:jan|feb|mar|apr|may|jun|jul|aug|sep|sept|oct|nov|dec)[a-z]{0,6}"
# Genes of worms are called apr-1 and sep-1, so a month in front needs two digits behind it.
# What spreadsheets make of gene names such as MARCH1 and SEPT2 (Ziemann et al. 2016, Genome Biology
# 17:177) and of RIKEN ids such as 2310009E13 (Zeeberg et al. 2004, BMC Bioinformatics 5:80).
DATE = re.compile(
    rf"\d{{1,2}}[-/. ]{_MONTH}(?:[-/. ]\d{{2,4}})?|{_MONTH}[-/. ]\d{{2,4}}"
    r"|\d{4}[-/]\d{1,2}[-/]\d{1,2}(?:[ T][\d:.]+)?|\d{1,2}[-/]\d{1,2}[-/]\d{2,4}",
    re.IGNORECASE,
)
POWER = re.compile(r"\d+(?:[.,]\d+)?e[+-]?\d+", re.IGNORECASE)
# RIKEN ids have ten characters, the eighth a letter; what is left of them has a plus sign or a dot.
RIKEN = re.compile(r"[0-9A-Z]{7}[A-Z]\d{2}(?:Rik)?", re.IGNORECASE)
FORMULA = re.compile(r"#(?:REF!|NAME\?|VALUE!|NUM!|DIV/0!|NULL!)", re.IGNORECASE)
NUMBER = re.compile(r"[+-]?\d+[.,]\d+")
# What counting programs write below the genes, and what spreadsheets add.
SUMMARY = re.compile(
    r"__(?:no_feature|ambiguous|too_low_aQual|not_aligned|alignment_not_unique)"
    r"|N_(?:unmapped|multimapping|noFeature|ambiguous)"
    r"|(?:grand[ _])?(?:total|sum)(?:[ _](?:reads|counts|mapped|unmapped))?"
    r"|(?:mean|average|median|library[ _]?size|unassigned\w*|no_feature|not_aligned|ambiguous)",
    re.IGNORECASE,
)
CONTROL = re.compile(r"AFFX[-_].*|ERCC-\d{5}|(?:NEG|POS)_[A-Z0-9]+", re.IGNORECASE)
# Kinds of ids: the first pattern that matches says which.
KINDS = {
    "Ensembl transcripts": re.compile(r"ENS[A-Z]{0,4}T\d{11}(?:\.\d+)?"),
    "human Ensembl genes": re.compile(r"ENSG\d{11}(?:\.\d+)?(?:_PAR_Y)?"),
    "Ensembl genes of other species": re.compile(r"ENS[A-Z]{3,4}G\d{11}(?:\.\d+)?"),
    "RefSeq transcripts": re.compile(r"[NX][MR]_\d+(?:\.\d+)?"),
    "Affymetrix probe sets": re.compile(r"\S+_at"),
    "Illumina probes": re.compile(r"ILMN_\d+"),
    "numbers (Entrez ids)": re.compile(r"\d+"),
}
VERSION = re.compile(r"(ENS[A-Z]*\d{11}|[NX][MR]_\d+)\.\d+")
# So large a share of another kind of id is no handful of controls or of genes without a name.
MIXED = 0.02
FEWEST_GENES = 50


def check_gene_ids(places: Places, problems: Problems) -> list[str]:
    """Check a file's gene ids.

    Parameters
    ----------
    places
        Where they stand.
    problems
        Where to report.

    Returns
    -------
    list of str
        What is worth knowing and no problem: control probes.
    """
    ids = [str(name) for name in places.gene_ids]
    check_ids(ids, "gene", places.path, places.gene, problems, _without_version)
    _check_spreadsheet(places, ids, problems)
    _check_numbers(places, ids, problems)
    _report(
        places,
        [i for i, name in enumerate(ids) if SUMMARY.fullmatch(name.strip())],
        "is a summary of other rows and no gene",
        "remove it: as a gene it would weigh as much as all others",
        problems,
    )
    _check_kinds(places, ids, problems)
    if len(ids) < FEWEST_GENES:
        problems.warn(
            places.path,
            "",
            f"there {'is' if len(ids) == 1 else 'are'} only {len(ids)} "
            f"gene{'' if len(ids) == 1 else 's'}: {listed(ids)}; a profile has thousands, a panel "
            f"at least {FEWEST_GENES}",
            "check that genes are where you say (genes_in), and that the file is whole",
        )
    controls = [name for name in ids if CONTROL.fullmatch(name)]
    if not controls:
        return []
    return [f"{places.path.name}: {len(controls)} control probes are kept: {listed(controls)}."]


def check_sum_row(places: Places, measured: Measures, problems: Problems) -> None:
    """Report a gene that has as many reads as all others together, for it is their sum."""
    total = measured.gene_total
    if len(total) > 2 and total.sum() > 0:
        half = np.flatnonzero(np.abs(total * 2 - total.sum()) <= 1e-9 * total.sum())
        named = {i for i in half if SUMMARY.fullmatch(str(places.gene_ids[i]).strip())}
        _report(
            places,
            [int(i) for i in half if i not in named],
            "holds the sum of all other genes",
            "remove it: as a gene it would weigh as much as all others",
            problems,
        )


def _without_version(name: str) -> str:
    """Return an id without its version; the copy on the Y chromosome is a gene of its own."""
    match = VERSION.fullmatch(name)
    return match[1] if match else name


def _check_spreadsheet(places: Places, ids: list[str], problems: Problems) -> None:
    stripped = [name.strip() for name in ids]
    _report(
        places,
        [i for i, name in enumerate(stripped) if DATE.fullmatch(name)],
        "is a date that a spreadsheet has made of a gene name (such as MARCHF1, SEPTIN2, DELEC1)",
        "restore the names from the original file, and import that column as text",
        problems,
    )
    _report(
        places,
        [
            i
            for i, name in enumerate(stripped)
            if POWER.fullmatch(name) and not RIKEN.fullmatch(name)
        ],
        "is a number that a spreadsheet has made of an id (such as RIKEN 2310009E13)",
        "restore the names from the original file, and import that column as text",
        problems,
    )
    _report(
        places,
        [i for i, name in enumerate(stripped) if FORMULA.fullmatch(name)],
        "is an error of a spreadsheet and no gene id",
        "restore the names from the original file",
        problems,
    )


def _check_numbers(places: Places, ids: list[str], problems: Problems) -> None:
    """Report ids that are values or the numbers of the rows."""
    numbers = [i for i, name in enumerate(ids) if NUMBER.fullmatch(name.strip())]
    _report(
        places,
        numbers,
        "is a number with decimals and no gene id",
        "check that the first row and the first column hold the ids, and whether the header is "
        "shifted by one column",
        problems,
    )
    first = 1 if ids[:1] == ["1"] else 0
    if len(ids) > 2 and ids == [str(i + first) for i in range(len(ids))]:
        problems.warn(
            places.path,
            places.gene(0),
            f"the gene ids are the numbers from {first} to {len(ids) - 1 + first}, so these seem "
            "to be numbers of rows",
            "give gene names; without them the genes of new samples cannot be recognised",
        )


def _check_kinds(places: Places, ids: list[str], problems: Problems) -> None:
    """Report ids of several naming systems; symbols and all else count as names."""
    kinds = [gene_kind(name.strip()) for name in ids]
    counts = Counter(kind for kind in kinds if kind != "none")
    common = {k: n for k, n in counts.items() if n > max(1, MIXED * len(ids))}
    if len(common) > 1:
        found = [f"{n:,} {kind} ('{ids[kinds.index(kind)]}')" for kind, n in sorted(common.items())]
        problems.warn(
            places.path,
            places.gene(kinds.index(min(common, key=lambda kind: (common[kind], kind)))),
            f"gene ids are of several kinds: {', '.join(found)}",
            "use one kind, so that no gene is there twice under different names",
        )
    for kind in ("Ensembl transcripts", "RefSeq transcripts"):
        if counts[kind] > len(ids) / 2:
            problems.warn(
                places.path,
                places.gene(kinds.index(kind)),
                f"{counts[kind]:,} of {len(ids):,} ids are {kind}, several of which belong to one "
                "gene",
                "sum transcripts to genes (tximport does), unless transcripts are meant",
            )


def gene_kind(name: str) -> str:
    """Return the naming system of a gene id, "none" of one that is damaged or names no gene."""
    if CONTROL.fullmatch(name) or is_absent(name):
        return "none"
    if any(form.fullmatch(name) for form in (DATE, POWER, FORMULA, SUMMARY)):
        return "none"
    return next((kind for kind, form in KINDS.items() if form.fullmatch(name)), "names")


def _report(places: Places, found: list[int], what: str, remedy: str, problems: Problems) -> None:
    for number, gene in enumerate(found[:SHOWN], start=1):
        more = f" ({len(found) - SHOWN} more such ids)" if number == SHOWN < len(found) else ""
        problems.error(
            places.path,
            places.gene(gene),
            f"'{places.gene_ids[gene]}' {what}{more}",
            remedy,
        )
