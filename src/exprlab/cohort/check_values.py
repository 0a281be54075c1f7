"""Checks of the values of a matrix: what no measurement gives, and what is empty."""

from __future__ import annotations

import numpy as np

from exprlab.cohort.kinds import MIN_GENES, WORDS, check_kind, check_plausible
from exprlab.cohort.measure import Measures, Odd
from exprlab.cohort.places import Places
from exprlab.cohort.problems import SHOWN, Problems, listed
from exprlab.keys import COUNTS

# A sample whose reads differ from the median by this factor was hardly sequenced, or is no sample.
UNEVEN = 50
# No gene has more than this share of all reads.
MOST = 0.55
# A sample that lacks more than this share of the genes hardly has a profile.
MOSTLY_MISSING = 0.5
# Sort of odd value -> why it is wrong and what to do, for every kind of values.
_NEVER = {
    "infinite": (
        "is infinite",
        "a logarithm of 0 or a division by 0 makes it: take log2(x + 1), or leave the cell empty "
        "if the value is missing",
    ),
    "beyond_float": ("is too large for a measured value", "correct it in the file"),
}
_OF_COUNTS = {
    "fraction": (
        "is not a whole number",
        "correct it; if these are no raw counts, say so by values: tpm, log2 or intensity",
    ),
    "negative": ("is negative", "correct it; leave the cell empty if the count is missing"),
    "too_large_count": ("is larger than any count of reads", "correct it in the file"),
}
_OF_TPM = {"negative": ("is negative", "correct it; set values: log2 if these are logarithms")}
_OF_LOGS = {
    "beyond_log": (
        "is no logarithm to base 2: 2 to this power is beyond any measured value",
        "correct it; set values: counts, tpm or intensity if these are no logarithms",
    )
}
_ODD = {COUNTS: _OF_COUNTS, "tpm": _OF_TPM, "log2": _OF_LOGS, "intensity": {}}


def check_values(
    places: Places, measured: Measures, kind: str, problems: Problems, whole: bool = True
) -> None:
    """Check a file's values against what they are declared to be.

    Parameters
    ----------
    places
        Where its values stand.
    measured
        What was measured of them.
    kind
        What they are declared to be, one of `keys.VALUES`.
    problems
        Where to report.
    whole
        Whether all values could be read, so that one that is missing is missing in the file.
    """
    right_kind = check_kind(places, measured, kind, problems)
    wrong = _NEVER | (_ODD[kind] if right_kind else {})
    for sort, (why, remedy) in wrong.items():
        if sort == "beyond_float" and kind in (COUNTS, "log2") and right_kind:
            continue  # told as too large a count or logarithm
        report_odd(places, measured.odd[sort], f"{why}; allowed: {WORDS[kind]}", remedy, problems)
    if right_kind:
        check_plausible(places, measured, kind, problems)
        if kind == "intensity":
            _check_positive(places, measured, problems)
    if whole:
        _check_missing(places, measured, problems)
        _check_empty_samples(places, measured, kind, problems)
    if kind == COUNTS and right_kind:
        _check_depth(places, measured, problems)
    _check_constant_genes(places, measured, kind, problems)


def report_odd(places: Places, odd: Odd, why: str, remedy: str, problems: Problems) -> None:
    """Report the first values of an odd sort as errors, and count the others."""
    for number, (sample, gene, value) in enumerate(odd.first, start=1):
        more = f" ({odd.n - SHOWN:,} more such values)" if number == SHOWN < odd.n else ""
        problems.error(places.path, places.value(sample, gene), f"{value:.10g} {why}{more}", remedy)


def _check_positive(places: Places, measured: Measures, problems: Problems) -> None:
    n = measured.odd["negative"].n + measured.odd["zero"].n
    if n:
        odd = measured.odd["negative" if measured.odd["negative"].n else "zero"]
        sample, gene, value = odd.first[0]
        problems.warn(
            places.path,
            places.value(sample, gene),
            f"{value:.10g} is not above 0; {n:,} of {measured.n_values:,} "
            "values are like it; these have no logarithm",
            "preprocessing lifts them; if they are log ratios, set values: log2",
        )


def _check_missing(places: Places, measured: Measures, problems: Problems) -> None:
    odd = measured.odd["missing"]
    if not odd.n:
        return
    n_samples, n_genes = measured.shape
    sample, gene, _ = odd.first[0]
    problems.warn(
        places.path,
        f"{places.value(sample, gene)} and others" if odd.n > 1 else places.value(sample, gene),
        f"{odd.n:,} of {n_samples * n_genes:,} values {'are' if odd.n > 1 else 'is'} missing",
        "check that none of them is a zero or was lost on the way",
    )
    for row in np.flatnonzero(measured.n_missing > MOSTLY_MISSING * n_genes)[:SHOWN]:
        if measured.n_missing[row] < n_genes:
            problems.warn(
                places.path,
                places.sample(int(row)),
                f"{measured.n_missing[row] / n_genes:.0%} of the sample's values are missing",
                "leave the sample out",
            )
    absent = np.flatnonzero(measured.gene_n_missing == n_samples)
    if len(absent):
        problems.warn(
            places.path,
            places.gene(int(absent[0])),
            f"no sample has a value of {_genes(places, absent)}",
            "remove these genes",
        )


def _check_empty_samples(places: Places, measured: Measures, kind: str, problems: Problems) -> None:
    n_genes = measured.shape[1]
    if kind == COUNTS:
        empty = ~(measured.largest > 0)
        what = "the sample has no reads at all"
    else:
        constant = (measured.smallest == measured.largest) & (n_genes > 1)
        empty = constant | np.isnan(measured.largest)
        what = "the sample has the same value for every gene, or none at all"
    rows = np.flatnonzero(empty)
    for number, row in enumerate(rows[:SHOWN], start=1):
        more = f" ({len(rows) - SHOWN} more such samples)" if number == SHOWN < len(rows) else ""
        problems.error(
            places.path,
            places.sample(int(row)),
            f"{what}{more}; found {measured.largest[row]:g} as its largest value",
            "remove the sample, or correct its values",
        )


def _check_depth(places: Places, measured: Measures, problems: Problems) -> None:
    """Report samples with far fewer or more reads than others, and a gene that has most of them."""
    median = float(np.median(measured.total))
    read = measured.largest > 0
    odd = read & ((measured.total < median / UNEVEN) | (measured.total > median * UNEVEN))
    for row in np.flatnonzero(odd)[:SHOWN]:
        problems.warn(
            places.path,
            places.sample(int(row)),
            f"the sample has {measured.total[row]:,.0f} reads, the median sample {median:,.0f}",
            "leave the sample out, unless its depth is meant to be so different",
        )
    share = measured.gene_total / max(measured.total.sum(), 1)
    for gene in np.flatnonzero(share > MOST) if len(share) >= MIN_GENES else ():
        problems.warn(
            places.path,
            places.gene(int(gene)),
            f"the gene has {share[gene]:.0%} of all reads",
            "check its values; remove it if it is no gene, or ribosomal RNA",
        )


def _check_constant_genes(
    places: Places, measured: Measures, kind: str, problems: Problems
) -> None:
    n_samples, n_genes = measured.shape
    if n_samples < 2:
        return
    constant = measured.gene_smallest == measured.gene_largest
    if constant.all() and np.unique(measured.digests).size == 1:
        problems.error(
            places.path,
            "",
            f"all {n_samples} samples have the same value of every gene, e.g. "
            f"{measured.gene_largest[0]:g} of gene '{places.gene_ids[0]}'",
            "give measured values; was a column copied?",
        )
        return
    zero = constant & (measured.gene_largest == 0)
    for mask, what in (
        (zero, "no read in any sample" if kind == COUNTS else "the value 0 in every sample"),
        (constant & ~zero, "one and the same value in every sample"),
    ):
        genes = np.flatnonzero(mask)
        if len(genes):
            problems.warn(
                places.path,
                places.gene(int(genes[0])),
                f"{len(genes):,} of {n_genes:,} genes have {what}: "
                f"{listed(places.gene_ids[genes])}",
                "nothing to do if you expect this: such genes tell nothing about samples",
            )


def _genes(places: Places, genes: np.ndarray) -> str:
    noun = "gene" if len(genes) == 1 else f"{len(genes):,} genes:"
    return f"{noun} {listed(places.gene_ids[genes])}"
