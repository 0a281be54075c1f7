"""How the values of a cohort become inputs, in words; plain text, not yet Markdown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from exprlab.keys import COUNTS, INTENSITY, TPM
from exprlab.report.sentences import count

SIZE_FACTORS = {
    "median_of_ratios": "the median of the ratios to the geometric mean of the training samples",
    "tmm": "the trimmed mean of M values against one training sample",
    "upper_quartile": "the upper quartile",
    "cpm": "the total number of reads",
}
TRANSFORMS = {
    "log1p": "log(1 + counts per million)",
    "vst": "DESeq2's variance-stabilising transform",
}
ARRAYS = {
    "median": "brought to the same median",
    "quantile": "brought to the mean distribution of the training samples",
}
# What a model takes, as its card asks for it.
INPUTS = {
    COUNTS: "raw counts (whole numbers, not normalised)",
    TPM: "TPM (transcripts per million, not logged)",
    INTENSITY: "intensities (not logged)",
}


def input_words(values: str) -> str:
    """Return what the numbers of a sample have to be, of a kind of values."""
    return INPUTS.get(values, "logarithms to base 2")


def library_words(preprocessing: Mapping[str, Any]) -> list[str]:
    """Return the range of library sizes of a fitted preprocessing of counts, none of others."""
    low, high = preprocessing["library_range"]
    words = (
        f"Training samples had {low:,} to {high:,} reads of these genes; samples far outside are "
        "flagged, and their predictions are not to be relied on."
    )
    return [words] if preprocessing["values"] == COUNTS else []


def filter_words(settings: Mapping[str, Any], values: str) -> str:
    """Return which genes are kept, as what they have in how many training samples."""
    has = {
        COUNTS: f"at least {count(settings['min_count'], 'read')}",
        TPM: f"at least {settings['min_tpm']:g} TPM",
    }.get(values, "a value")
    return f"{has} in at least {100 * settings['min_fraction']:g} % of the training samples"


def encoding_words(settings: Mapping[str, Any], values: str) -> str:
    """Return how values of a kind become inputs."""
    most = settings["n_top_genes"]
    parts = [
        f"genes with {filter_words(settings, values)} are kept"
        + (f", of these the {most:,} that vary most" if most else ""),
        _scale_words(settings, values),
        "each gene is centred and scaled to standard deviation 1, and limited to "
        f"± {settings['clip']:g} standard deviations",
    ]
    if settings["batch_correction"] == "centre":
        parts.append("the shift of a named batch is removed")
    return "; ".join(parts)


def _scale_words(settings: Mapping[str, Any], values: str) -> str:
    if values == COUNTS:
        transform, depth = TRANSFORMS[settings["transform"]], settings["size_factors"]
        if depth == "none":
            return f"counts are given as {transform}, all samples taken as equally deep"
        return f"counts are brought to equal depth by {SIZE_FACTORS[depth]}, given as {transform}"
    if values == TPM:
        return "TPM are given as log(1 + TPM)"
    logs = "logarithms"
    if values == INTENSITY:
        logs = "intensities are given as logarithms above a floor learnt from training samples"
    how = ARRAYS.get(settings["array_normalisation"], "not normalised between samples")
    return f"{logs}, {how}" if values == INTENSITY else f"{logs} are {how}"
