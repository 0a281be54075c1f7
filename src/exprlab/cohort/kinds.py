"""Whether numbers can be what they are declared to be: counts, TPM, logarithms or intensities."""

from __future__ import annotations

import numpy as np

from exprlab.cohort.measure import LARGEST_LOG, Measures
from exprlab.cohort.places import Places
from exprlab.cohort.problems import SHOWN, Problems, listed
from exprlab.keys import COUNTS

WORDS = {
    COUNTS: "raw counts, which are whole numbers from 0 on",
    "tpm": "TPM, which are at least 0 and sum to a million in each sample",
    "log2": f"logarithms to base 2, which stay within {LARGEST_LOG:g}",
    "intensity": "intensities on their own scale, which are above 0",
}
# What TPM of a sample sum to, and how far rounding may take them from it.
MILLION, ROUNDING = 1e6, 0.02
# If fewer values than this are at odds with the kind, these are damaged and the kind is right.
FEW = 0.01
# Of so few genes nothing can be told from sums and extremes.
MIN_GENES = 20
# Raw counts of a gene reach hundreds in some sample; rounded logarithms do not.
SMALL_COUNT = 25


def likeliest_kind(measured: Measures) -> tuple[str, str] | None:
    """Return what kind of values these look like, one of `keys.VALUES`, and why.

    None where there are too few to tell.
    """
    odd = measured.odd
    if measured.shape[1] < MIN_GENES or not np.isfinite(measured.top):
        return None
    if measured.top <= LARGEST_LOG:
        if not odd["fraction"].n:
            return None
        return "log2", f"the largest is {measured.top:.4g}, so these look like logarithms"
    if odd["negative"].n:
        return None
    if not odd["fraction"].n:
        return COUNTS, f"all are whole numbers, up to {measured.top:,.0f}"
    if sums_to_million(measured).all():
        return "tpm", "each sample sums to a million"
    if measured.share("fraction") > FEW:
        return "intensity", f"they are no whole numbers and reach {measured.top:,.5g}"
    return None


def sums_to_million(measured: Measures) -> np.ndarray:
    """Return which samples sum to a million, within rounding."""
    return np.abs(measured.total / MILLION - 1) < ROUNDING


def check_kind(places: Places, measured: Measures, kind: str, problems: Problems) -> bool:
    """Report values of another kind than declared; return whether the kind can be right."""
    found = likeliest_kind(measured)
    if found is None or found[0] == kind:
        return True
    other, why = found
    if not _contradicts(measured, kind, other):
        return True
    sample, gene, value = _witness(measured, kind, other)
    remedy = f"set values: {other}"
    if kind == COUNTS:
        remedy += ", or give the raw counts"
    if kind == COUNTS and other == "intensity":
        remedy = (
            "give the raw counts; round expected counts (RSEM, salmon) to whole numbers; or set "
            "values: tpm or intensity if they are normalised"
        )
    problems.error(
        places.path,
        places.value(sample, gene),
        f"found {value:.10g} among values declared as {kind}; {why}; allowed: {WORDS[kind]}",
        remedy,
    )
    return False


def _contradicts(measured: Measures, kind: str, other: str) -> bool:
    """Return whether values that look like `other` cannot be what they are declared as."""
    if kind == COUNTS:
        return measured.share("fraction") > FEW
    if kind == "tpm":
        return other == COUNTS or (other == "log2") or _above_million(measured).mean() > 0.5
    if kind == "log2":
        return measured.share("beyond_log") > FEW
    # Ratios on their own scale lie around 1, the logarithms of intensities far above.
    mean = measured.total.sum() / max(measured.n_values, 1)
    return other == "log2" and (measured.odd["negative"].n > 0 or mean > 2)


def _witness(measured: Measures, kind: str, other: str) -> tuple[int, int, float]:
    """Return a value that shows it: (sample, gene, value)."""
    sorts = {COUNTS: ["fraction"], "log2": ["beyond_log"]}.get(kind, ["negative", "fraction"])
    for sort in [*sorts, "beyond_log"]:
        if measured.odd[sort].first:
            return measured.odd[sort].first[0]
    raise ValueError(f"no value speaks against {kind}")


def _above_million(measured: Measures) -> np.ndarray:
    return measured.total > MILLION * (1 + ROUNDING)


def check_plausible(places: Places, measured: Measures, kind: str, problems: Problems) -> None:
    """Report what speaks against the declared kind although no value is impossible."""
    if measured.shape[1] < MIN_GENES or not np.isfinite(measured.top):
        return
    {
        COUNTS: _plausible_counts,
        "tpm": _plausible_tpm,
        "log2": _plausible_logs,
        "intensity": _plausible_intensities,
    }[kind](places, measured, problems)


def _plausible_counts(places: Places, measured: Measures, problems: Problems) -> None:
    if measured.odd["fraction"].n or measured.odd["negative"].n:
        return
    if sums_to_million(measured).all() and len(measured.total) > 2:
        problems.warn(
            places.path,
            "",
            "every sample sums to a million, so these look like TPM or counts per million that "
            "were rounded; raw counts differ in their sums",
            "set values: tpm if they are normalised, or give the raw counts",
        )
    elif 0 < measured.top <= SMALL_COUNT:
        problems.warn(
            places.path,
            "",
            f"the largest count is {measured.top:.0f}, so these look like rounded logarithms; raw "
            "counts of a gene reach hundreds",
            "set values: log2 if they are logarithms, or give the raw counts",
        )


def _plausible_tpm(places: Places, measured: Measures, problems: Problems) -> None:
    above = np.flatnonzero(_above_million(measured))
    for sample in above[:SHOWN]:
        problems.error(
            places.path,
            places.sample(int(sample)),
            f"the values sum to {measured.total[sample]:,.0f}; TPM sum to a million"
            + _others(len(above) - SHOWN, sample == above[min(SHOWN, len(above)) - 1]),
            "give TPM, or set values: intensity for other positive values, counts for raw counts",
        )
    below = np.flatnonzero(measured.total < MILLION / 2)
    if len(below) and not len(above):
        problems.warn(
            places.path,
            "",
            f"{_named(places, below)}: the values sum to less than half a million (least: "
            f"{measured.total.min():,.0f}); TPM of all genes sum to a million",
            "set values: intensity for FPKM and other positive values; nothing to do if these are "
            "TPM and you have left out genes",
        )


def _plausible_logs(places: Places, measured: Measures, problems: Problems) -> None:
    if not measured.odd["fraction"].n:
        problems.warn(
            places.path,
            "",
            f"all values are whole numbers (largest: {measured.top:.0f}); logarithms are not",
            "set values: counts if they are raw counts, or give logarithms that are not rounded",
        )

    n = measured.shape[0] - measured.gene_n_missing
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = measured.gene_total / n
        sd = np.sqrt(measured.gene_squares / n - mean**2)
        scaled = (np.abs(mean) < 1e-3) & (np.abs(sd - 1) < 1 / measured.shape[0] + 1e-3)
    if scaled.mean() > 0.9:
        problems.warn(
            places.path,
            "",
            "each gene has mean 0 and standard deviation 1 over all samples, so the test samples "
            "took part in scaling the training samples",
            "give values from before the scaling; preprocessing scales by training samples alone",
        )


def _plausible_intensities(places: Places, measured: Measures, problems: Problems) -> None:
    odd = measured.odd
    if odd["zero"].n and not (odd["fraction"].n or odd["negative"].n):
        problems.warn(
            places.path,
            "",
            f"all values are whole numbers from 0 on ({odd['zero'].n:,} are 0), so these look "
            "like raw counts",
            "set values: counts if they are reads",
        )
    elif sums_to_million(measured).all():
        problems.warn(
            places.path,
            "",
            "every sample sums to a million, so these look like TPM",
            "set values: tpm if they are",
        )
    low = np.flatnonzero(measured.largest <= LARGEST_LOG)
    if measured.top > 10 * LARGEST_LOG and 0 < len(low) < len(measured.largest):
        problems.error(
            places.path,
            "",
            f"{_named(places, low)}: no value above {np.nanmax(measured.largest[low]):.4g}, while "
            f"other samples reach {measured.top:,.5g}, so some samples look log-transformed",
            "give all samples on the same scale",
        )


def _named(places: Places, samples: np.ndarray) -> str:
    noun = "sample" if len(samples) == 1 else f"{len(samples)} samples:"
    return f"{noun} {listed(places.sample_ids[samples])}"


def _others(n_more: int, is_last: bool) -> str:
    return f" (so do those of {n_more} more samples)" if n_more > 0 and is_last else ""
