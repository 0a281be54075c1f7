"""Checks of the classes of a cohort: what they are called, and whether each has enough samples."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np
import pandas as pd

from exprlab.cohort.ids import is_absent
from exprlab.cohort.problems import SHOWN, Problems, listed
from exprlab.cohort.sheet_checks import SheetPlaces, same_name
from exprlab.errors import did_you_mean
from exprlab.keys import LABEL, PATIENT, SET_SEPARATOR

# A class with fewer samples than this gives intervals too wide to conclude anything from.
FEW_SAMPLES = 30
# Labels that say that the class is not known, beside those that say that there is nothing.
UNKNOWN = frozenset(
    {"?", ".", "unknown", "missing", "not available", "not reported", "tbd"}
    | {"#ref!", "#name?", "#value!", "#num!", "#div/0!", "#null!"}
)


def check_labels(
    samples: pd.DataFrame,
    classes: Sequence[str],
    places: SheetPlaces,
    problems: Problems,
    smallest_class: int,
    told: Collection[int] = (),
) -> list[str]:
    """Check that every sample has a class, and every class enough samples.

    Parameters
    ----------
    samples
        Has the column `label`, and maybe `patient`.
    classes
        Those that there must be.
    places
        Where the samples stand.
    problems
        Where to report.
    smallest_class
        How many patients (samples, where patients are not told) of each class the design needs.
    told
        Samples whose label has been reported already.

    Returns
    -------
    list of str
        The classes with which nothing is wrong.
    """
    labels = samples[LABEL]
    unknown = np.flatnonzero(~labels.isin(classes).to_numpy())
    n_known = len(samples) - len(unknown)
    unknown = [i for i in unknown if i not in told]
    if not n_known and len(unknown) == len(samples):
        problems.error(
            places.path,
            places.column(LABEL),
            "no sample has a label",
            "name the class of every sample, or another column (`label` of `columns`)",
        )
        return []
    for number, i in enumerate(unknown[:SHOWN], start=1):
        more = f" ({len(unknown) - SHOWN} more such samples)"
        found = labels.iloc[i]
        told = "is empty" if is_absent(found) else f"found '{found}'"
        problems.error(
            *places.cell(int(i), LABEL),
            f"{told}{more if number == SHOWN < len(unknown) else ''}; "
            f"allowed: {', '.join(classes)}",
            f"name the class of every sample, or remove the sample{did_you_mean(found, classes)}",
        )
    if len(classes) < 2:
        problems.error(
            places.path,
            places.column(LABEL),
            f"found one class only: {listed(classes)}; a classifier needs samples of two or more",
            "check that this is the column of the classes",
        )
        return []
    if len(classes) > max(2, n_known / 3):
        problems.error(
            places.path,
            places.column(LABEL),
            f"found {len(classes)} classes among {n_known} samples: {listed(classes)}; a class "
            "needs several samples",
            "check that this is the column of the classes, or map labels to classes with `classes`",
        )
        return []
    wrong = _check_class_names(classes, labels, places, problems)
    named = [name for name in classes if name not in wrong]
    wrong |= _check_sizes(samples, named, places, problems, smallest_class)
    return [name for name in named if name not in wrong]


def _check_class_names(
    classes: Sequence[str], labels: pd.Series, places: SheetPlaces, problems: Problems
) -> set[str]:
    """Report names of classes that are no class or another's misspelled; return them."""
    wrong = set()
    folded: dict[str, list[str]] = {}
    for name in classes:
        folded.setdefault(same_name(name), []).append(name)
        if is_absent(name) or name.strip().casefold() in UNKNOWN:
            wrong.add(name)
            places.report(
                np.flatnonzero((labels == name).to_numpy()),
                LABEL,
                f"found '{name}', which names no class",
                "remove samples whose class is not known, or predict them as new samples",
                problems,
            )
        elif SET_SEPARATOR in name:
            wrong.add(name)
            places.report(
                np.flatnonzero((labels == name).to_numpy()),
                LABEL,
                f"found '{name}'; '{SET_SEPARATOR}' stands between the classes of a prediction set",
                "name the class without it, or map it with `classes`",
                problems,
            )
    for alike in folded.values():
        if len(alike) > 1:
            *odd, _ = sorted(alike, key=lambda name: (int((labels == name).sum()), name))
            wrong.update(odd)
            problems.error(
                *places.cell(int(np.argmax((labels == odd[0]).to_numpy())), LABEL),
                f"found '{odd[0]}'; the classes {listed(alike)} differ only in case, blanks or "
                "zeros",
                "spell the class in one way, or map both with `classes`",
            )
    return wrong


def _check_sizes(
    samples: pd.DataFrame,
    classes: Sequence[str],
    places: SheetPlaces,
    problems: Problems,
    smallest_class: int,
) -> set[str]:
    """Report classes with too few samples; return them."""
    own = {name: samples[(samples[LABEL] == name).to_numpy()] for name in classes}
    absent = [name for name in classes if not len(own[name])]
    for name in absent:
        problems.error(
            places.path,
            places.column(LABEL),
            f"no sample of class '{name}'; a classifier needs some of each",
            "add samples of it, or leave the class out",
        )
    tiny, small = [], []
    for name in classes:
        n_units, unit = len(own[name]), "sample"
        if PATIENT in samples and own[name][PATIENT].nunique() < n_units:
            n_units, unit = int(own[name][PATIENT].nunique()), "patient"
        if 0 < n_units < smallest_class:
            tiny.append(f"'{name}' has only {n_units} {unit}{'' if n_units == 1 else 's'}")
            absent.append(name)
        elif 0 < len(own[name]) < FEW_SAMPLES:
            small.append(f"'{name}' has only {len(own[name])} samples")
    if tiny:
        problems.error(
            places.path,
            places.column(LABEL),
            f"class {_few(tiny)}; the split needs {smallest_class} or more of each class",
            "add samples, leave the class out, or join it with another through `classes`",
        )
    if small:
        problems.warn(
            places.path, places.column(LABEL), f"class {_few(small)}", "expect wide intervals"
        )
    return set(absent)


def _few(told: Sequence[str]) -> str:
    more = f" and {len(told) - 5} more classes are as small" if len(told) > 5 else ""
    return ", ".join(told[:5]) + more
