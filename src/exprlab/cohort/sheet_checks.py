"""Checks of a sample table: classes, patients, batches and a published split."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from exprlab.cohort.ids import is_absent
from exprlab.cohort.problems import SHOWN, Problems, listed
from exprlab.errors import did_you_mean
from exprlab.keys import BATCH, LABEL, PATIENT, SPLIT, SPLITS, TEST, TRAIN

# A class with fewer samples than this gives intervals too wide to conclude anything from.
FEW_SAMPLES = 30
# Labels that say that the class is not known, beside those that say that there is nothing.
UNKNOWN = frozenset({"?", ".", "unknown", "missing", "not available", "not reported", "tbd"})


@dataclass(frozen=True)
class SheetPlaces:
    """Where the samples of a table stand in the user's file.

    Attributes
    ----------
    path
        The file, the first one of several.
    names
        Column here (label, batch, ...) -> what the user's file calls it.
    rows
        File and row of each sample.
    ids
        The samples.
    """

    path: Path
    names: Mapping[str, str]
    rows: Sequence[tuple[Path, int]]
    ids: pd.Index

    def column(self, column: str) -> str:
        """Say which column."""
        return f"column '{self.names.get(column, column)}'"

    def cell(self, sample: int, column: str) -> tuple[Path, str]:
        """Return the file, and say which cell."""
        path, row = self.rows[sample]
        return path, f"row {row} (sample '{self.ids[sample]}'), {self.column(column)}"

    def report(
        self, found: Sequence[int], column: str, what: str, remedy: str, problems: Problems
    ) -> None:
        """Report the first of these samples as errors, and count the others."""
        for number, i in enumerate(found[:SHOWN], start=1):
            more = f" ({len(found) - SHOWN} more such samples)"
            more = more if number == SHOWN < len(found) else ""
            problems.error(*self.cell(int(i), column), f"{what}{more}", remedy)


def check_labels(
    samples: pd.DataFrame,
    classes: Sequence[str],
    places: SheetPlaces,
    problems: Problems,
    smallest_class: int,
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

    Returns
    -------
    list of str
        The classes with which nothing is wrong.
    """
    labels = samples[LABEL]
    unknown = np.flatnonzero(~labels.isin(classes).to_numpy())
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
    n_known = len(samples) - len(unknown)
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
        folded.setdefault(" ".join(name.split()).casefold(), []).append(name)
        if is_absent(name) or name.strip().casefold() in UNKNOWN:
            wrong.add(name)
            places.report(
                np.flatnonzero((labels == name).to_numpy()),
                LABEL,
                f"found '{name}', which names no class",
                "remove samples whose class is not known, or predict them as new samples",
                problems,
            )
    for alike in folded.values():
        if len(alike) > 1:
            *odd, _ = sorted(alike, key=lambda name: (int((labels == name).sum()), name))
            wrong.update(odd)
            problems.error(
                *places.cell(int(np.argmax((labels == odd[0]).to_numpy())), LABEL),
                f"found '{odd[0]}'; the classes {listed(alike)} differ only in case or blanks",
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


def check_filled(
    samples: pd.DataFrame, column: str, places: SheetPlaces, problems: Problems
) -> None:
    """Report samples whose cell of a column (patient, batch, split) is empty."""
    remedy = {
        PATIENT: "name the patient of every sample, or remove the column if each has its own",
        BATCH: "name the batch of every sample, or remove the column",
        SPLIT: "put every sample into a part of the split, or remove the sample",
    }
    if column in samples:
        empty = [i for i, name in enumerate(samples[column].astype(str)) if is_absent(name)]
        places.report(empty, column, "is empty", remedy[column], problems)


def check_spelling(
    samples: pd.DataFrame, column: str, places: SheetPlaces, problems: Problems
) -> None:
    """Report names of patients or batches that differ only in case or blanks."""
    if column not in samples:
        return
    names = samples[column].dropna().astype(str)
    unique = pd.Series(names.unique())
    for _, alike in unique.groupby(unique.map(lambda name: " ".join(name.split()).casefold())):
        if len(alike) > 1:
            rows = [int(np.argmax((samples[column].astype(str) == n).to_numpy())) for n in alike]
            problems.error(
                *places.cell(max(rows), column),
                f"found {listed(alike)}, which differ only in case or blanks",
                f"spell each {column} in one way",
            )


def check_split(
    samples: pd.DataFrame, classes: Sequence[str], places: SheetPlaces, problems: Problems
) -> None:
    """Check a published split: its names, its parts, and that no patient is in two of them.

    Each of the classes must be there to train and to test on.
    """
    if SPLIT not in samples:
        return
    split = samples[SPLIT].astype(str)
    filled = ~split.map(is_absent).astype(bool).to_numpy()
    for i in np.flatnonzero(filled & ~split.isin(SPLITS).to_numpy())[:SHOWN]:
        problems.error(
            *places.cell(int(i), SPLIT),
            f"found '{split.iloc[i]}'; allowed: {', '.join(SPLITS)}",
            f"correct it{did_you_mean(split.iloc[i].strip().casefold(), SPLITS)}",
        )
    for part in (TRAIN, TEST):
        members = samples[(split == part).to_numpy()]
        if not len(members):
            problems.error(
                places.path,
                places.column(SPLIT),
                f"no sample is in '{part}'",
                f"put samples into '{part}', or choose another design of evaluation",
            )
        elif LABEL in samples:
            absent = [name for name in classes if not (members[LABEL] == name).any()]
            if absent:
                problems.error(
                    places.path,
                    places.column(SPLIT),
                    f"'{part}' has no sample of class {listed(absent)}",
                    "each class must be there to train and to test on",
                )
    if PATIENT in samples:
        _check_crossing(samples[filled], np.flatnonzero(filled), places, problems)


def _check_crossing(
    samples: pd.DataFrame, rows: np.ndarray, places: SheetPlaces, problems: Problems
) -> None:
    parts = samples.groupby(samples[PATIENT].astype(str), sort=True)[SPLIT]
    crossing = [name for name, own in parts if own.nunique() > 1]
    for number, name in enumerate(crossing[:SHOWN], start=1):
        own = np.flatnonzero((samples[PATIENT].astype(str) == name).to_numpy())
        found = samples[SPLIT].iloc[own].astype(str)
        odd = own[int(np.argmax((found != found.iloc[0]).to_numpy()))]
        more = len(crossing) - SHOWN
        problems.error(
            *places.cell(int(rows[odd]), SPLIT),
            f"patient '{name}' is in several parts of the split: {listed(sorted(found.unique()))}"
            + (f" ({more} more such patients)" if number == SHOWN < len(crossing) else ""),
            "put all samples of a patient into the same part",
        )
