"""Whether the values give the label away: the label among the genes, or a sample twice."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
import pandas as pd

from exprlab.cohort.measure import blocks_of
from exprlab.cohort.places import JoinedPlaces, Places
from exprlab.cohort.problems import SHOWN, Problems, listed
from exprlab.keys import LABEL, PATIENT

# Of fewer genes, two samples may be equal by chance.
MIN_GENES = 10
# Columns that stand beside the genes where a table holds samples and values together.
ABOUT_SAMPLES = frozenset(
    {"label", "class", "diagnosis", "batch", "patient", "patient_id", "group", "condition", "age"}
    | {"sex", "gender", "sample", "sample_id", "split", "stage", "target", "outcome"}
)


def check_equal_samples(
    samples: pd.DataFrame,
    digests: Sequence[bytes],
    empty: np.ndarray,
    places: Places | JoinedPlaces,
    problems: Problems,
) -> None:
    """Report samples whose values are all equal: no two specimens measure alike in every gene.

    An error where the two could land in different parts of the split, which keeps the samples of a
    patient together, or where their labels differ.
    """
    if len(places.gene_ids) < MIN_GENES:
        return
    groups: dict[bytes, list[int]] = defaultdict(list)
    for i, digest in enumerate(digests):
        if not empty[i]:
            groups[digest].append(i)
    twins = [group for group in groups.values() if len(group) > 1]
    for number, group in enumerate(twins[:SHOWN], start=1):
        own = samples.iloc[group]
        names = listed(places.sample_ids[group])
        more = f" ({len(twins) - SHOWN} more such groups)" if number == SHOWN < len(twins) else ""
        what = f"samples {names} have the same value of every gene{more}"
        where = places.at_sample(group[1])
        if LABEL not in samples:
            problems.warn(*where, what, "remove all but one")
        elif own[LABEL].astype(str).nunique() > 1:
            labels = listed(dict.fromkeys(own[LABEL].astype(str)))
            problems.error(
                *where, f"{what}, but different labels: {labels}",
                "find out which label is right, and remove the other sample",
            )  # fmt: skip
        elif PATIENT in samples and own[PATIENT].nunique() == 1 and own[PATIENT].notna().all():
            problems.warn(
                *where, f"{what}; they are of one patient",
                "remove all but one, unless they are meant to count twice",
            )  # fmt: skip
        else:
            problems.error(
                *where,
                f"{what}, so a model could be tested on what it was trained on",
                "remove all but one, or give them the same patient",
            )  # fmt: skip


def check_label_genes(
    values: np.ndarray,
    samples: pd.DataFrame,
    classes: Sequence[str],
    places: Places | JoinedPlaces,
    problems: Problems,
) -> None:
    """Report genes that hold one value per class and another in each: the label itself."""
    labels = samples[LABEL].astype(str).to_numpy()
    members = [labels == name for name in classes]
    if min(member.sum() for member in members) < 3:
        return
    low = np.full((len(classes), values.shape[1]), np.inf)
    high = np.full((len(classes), values.shape[1]), -np.inf)
    for start, block in blocks_of(values):
        for k, member in enumerate(members):
            own = block[member[start : start + len(block)]]
            if len(own):
                low[k] = np.minimum(low[k], own.min(axis=0))
                high[k] = np.maximum(high[k], own.max(axis=0))
    with np.errstate(invalid="ignore"):
        ordered = np.sort(low, axis=0)
        is_label = (low == high).all(axis=0) & (np.diff(ordered, axis=0) > 0).all(axis=0)
    for gene in np.flatnonzero(is_label)[:SHOWN]:
        found = ", ".join(f"{low[k, gene]:g} = '{name}'" for k, name in enumerate(classes[:SHOWN]))
        problems.error(
            *places.at_gene(int(gene)),
            f"gene '{places.gene_ids[gene]}' has one value in each class ({found}), so it is the "
            "label and no gene",
            "remove it from the expression values",
        )


def check_gene_columns(
    samples: pd.DataFrame, places: Places | JoinedPlaces, problems: Problems
) -> None:
    """Report genes that are called like what a sample table tells of samples."""
    columns = {str(name).strip().casefold() for name in samples.columns}
    names = [str(name).strip().casefold() for name in places.gene_ids]
    found = [i for i, name in enumerate(names) if name in ABOUT_SAMPLES]
    for gene in found[:SHOWN]:
        problems.error(
            *places.at_gene(gene),
            f"'{places.gene_ids[gene]}' is what is known of the samples and no gene",
            "move it from the expression values to the sample table",
        )
    also = [i for i, name in enumerate(names) if name in columns - ABOUT_SAMPLES]
    if also:
        problems.warn(
            *places.at_gene(also[0]),
            f"{listed(places.gene_ids[also])} {'is' if len(also) == 1 else 'are'} the name of a "
            "column of the sample table as well",
            "remove it from the expression values if it is no gene",
        )
