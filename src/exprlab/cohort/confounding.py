"""Whether something other than expression tells the classes: batch, library size, other columns."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy import stats

from exprlab.cohort.problems import Problems, listed
from exprlab.cohort.sheet_checks import SheetPlaces
from exprlab.keys import BATCH, LABEL, PATIENT, SPLIT

# What could be chance is not told, nor what is too weak to matter, however many samples show it.
P_VALUE = 0.001
STRONG = 0.3
# AUROC of telling two classes by the size of the library alone.
TELLING = 0.8


def cramers_v(table: np.ndarray) -> tuple[float, float]:
    """Return Cramer's V of a contingency table and the p-value of Pearson's chi-squared test.

    V is sqrt(chi2 / (n (min(rows, columns) - 1))): 0 without, 1 with perfect association (Cramer
    1946, Mathematical Methods of Statistics, 21.9).
    """
    chi2, p, *_ = stats.chi2_contingency(table, correction=False)
    return float(np.sqrt(chi2 / (table.sum() * (min(table.shape) - 1)))), float(p)


def check_batches(
    samples: pd.DataFrame, classes: Sequence[str], places: SheetPlaces, problems: Problems
) -> None:
    """Report batches of one sample, and batches that go with the classes."""
    if BATCH not in samples:
        return
    known = samples[samples[LABEL].isin(classes).to_numpy() & samples[BATCH].notna().to_numpy()]
    table = pd.crosstab(known[BATCH].astype(str), known[LABEL].astype(str))
    if min(table.shape, default=0) < 2:
        return
    sizes = table.sum(axis=1)
    if (sizes == 1).mean() > 0.5:
        problems.warn(
            places.path,
            places.column(BATCH),
            f"{int((sizes == 1).sum())} of {len(sizes)} batches have one sample only, e.g. "
            f"{listed(sizes.index[sizes == 1])}",
            "name larger batches (a plate, a day, a study), or remove the column",
        )
        return
    v, p = cramers_v(table.to_numpy())
    pure = (table > 0).sum(axis=1) == 1
    if pure.all():
        rows = [f"'{batch}' has {_shares(table, batch)}" for batch in table.index[:3]]
        problems.warn(
            places.path,
            places.column(BATCH),
            f"labels are confounded with batches: each of the {len(table)} batches holds one class "
            f"only ({', '.join(rows)}), so whether a model has learned the class or the batch "
            "cannot be told",
            "do not trust predictions from this cohort; measure batches that hold all classes",
        )
    elif v >= STRONG and p < P_VALUE:
        odd = (table.div(sizes, axis=0) - table.sum() / table.to_numpy().sum()).abs().max(axis=1)
        batch = (odd * np.sqrt(sizes)).idxmax()
        problems.warn(
            places.path,
            places.column(BATCH),
            f"labels go with batches (Cramer's V {v:.2f}, p = {p:.1g}): batch '{batch}' has "
            f"{_shares(table, batch)}; {int(pure.sum())} of {len(table)} batches hold one class",
            "a model may learn the batch; judge it by leaving one batch out",
        )


def _shares(table: pd.DataFrame, batch: str) -> str:
    row = table.loc[batch]
    return ", ".join(f"{n} '{name}'" for name, n in row.items() if n)


def check_library_size(
    samples: pd.DataFrame,
    sizes: np.ndarray,
    classes: Sequence[str],
    places: SheetPlaces,
    problems: Problems,
) -> None:
    """Report classes that differ in the size of their libraries.

    Parameters
    ----------
    samples
        Has the column `label`.
    sizes
        Reads of each sample, shape (n_samples,).
    classes
        The classes.
    places, problems
        Where the samples stand, and where to report.
    """
    groups = [sizes[(samples[LABEL] == name).to_numpy() & (sizes > 0)] for name in classes]
    groups = [group for group in groups if len(group) > 1]
    if len(groups) < 2 or len(np.unique(np.concatenate(groups))) < 2:
        return
    p = float(stats.kruskal(*groups).pvalue)
    auroc = max(_auroc(a, b) for i, a in enumerate(groups) for b in groups[:i])
    if p < P_VALUE and auroc >= TELLING:
        medians = [
            f"{np.median(sizes[(samples[LABEL] == name).to_numpy()]):,.0f} in '{name}'"
            for name in classes
        ]
        problems.warn(
            places.path,
            places.column(LABEL),
            "the number of reads of a sample tells the classes, with an AUROC of "
            f"{auroc:.2f} (p = {p:.1g}; medians: {', '.join(medians)})",
            "find out why; a model may learn the depth of sequencing instead of the class",
        )


def _auroc(a: np.ndarray, b: np.ndarray) -> float:
    """Return how often a sample of one group is beyond one of the other, 0.5 to 1."""
    share = float(stats.mannwhitneyu(a, b).statistic) / (len(a) * len(b))
    return max(share, 1 - share)


def check_other_columns(
    samples: pd.DataFrame, classes: Sequence[str], places: SheetPlaces, problems: Problems
) -> None:
    """Report columns of the sample table that say the same as the label."""
    known = samples[samples[LABEL].isin(classes).to_numpy()]
    labels = known[LABEL].astype(str)
    for column in known.columns:
        if column in (LABEL, BATCH, PATIENT, SPLIT) or labels.nunique() < 2:
            continue
        values = known[column].astype(str)
        pairs = len(set(zip(values, labels, strict=True)))
        if values.nunique() == pairs == labels.nunique():
            example = ", ".join(
                f"'{values[(labels == name).to_numpy()].iloc[0]}' = '{name}'"
                for name in classes[:3]
                if (labels == name).any()
            )
            problems.warn(
                places.path,
                places.column(str(column)),
                f"says the same as the label ({example})",
                "nothing to do, for columns of the sample table are no inputs; never make it one",
            )
