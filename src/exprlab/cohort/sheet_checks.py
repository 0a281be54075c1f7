"""Checks of a sample table: patients, batches and a published split."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from exprlab.cohort.ids import is_absent
from exprlab.cohort.problems import SHOWN, Problems, listed
from exprlab.errors import did_you_mean
from exprlab.keys import (
    BATCH,
    LABEL,
    PATIENT,
    SPLIT,
    SPLIT_WORDS,
    TEST,
    TRAIN,
    split_of_word,
)


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
    """Report names of patients or batches that differ only in how they are written."""
    if column not in samples:
        return
    names = samples[column].dropna().astype(str)
    unique = pd.Series(names.unique())
    for _, alike in unique.groupby(unique.map(same_name)):
        if len(alike) > 1:
            rows = [int(np.argmax((samples[column].astype(str) == n).to_numpy())) for n in alike]
            problems.error(
                *places.cell(max(rows), column),
                f"found {listed(alike)}, which differ only in case, blanks or zeros",
                f"write each {column} in one way",
            )


def same_name(name: str) -> str:
    """Return a name as it is however it is written: case, blanks, 7 as 007 or 7.0."""
    seen = "".join(c for c in name if unicodedata.category(c) != "Cf")
    bare = " ".join(seen.split()).casefold()
    number = re.fullmatch(r"0*(\d+)(?:\.0*)?", bare)
    return number[1] if number else bare


def check_split(
    samples: pd.DataFrame, classes: Sequence[str], places: SheetPlaces, problems: Problems
) -> None:
    """Check a published split: its names, its parts, and that no patient is in two of them.

    Each of the classes must be there to train and to test on.
    """
    if SPLIT not in samples:
        return
    found = samples[SPLIT].astype(str)
    filled = ~found.map(is_absent).astype(bool).to_numpy()
    split = found.map(split_of_word)
    unknown = np.flatnonzero(filled & split.isna().to_numpy())
    for number, i in enumerate(unknown[:SHOWN], start=1):
        more = f" ({len(unknown) - SHOWN} more such samples)"
        problems.error(
            *places.cell(int(i), SPLIT),
            f"found '{found.iloc[i]}'{more if number == SHOWN < len(unknown) else ''}; "
            f"allowed: {', '.join(SPLIT_WORDS)}",
            f"correct it{did_you_mean(found.iloc[i].strip().casefold(), SPLIT_WORDS)}",
        )
    for part in (TRAIN, TEST):
        members = samples[(split == part).to_numpy()]
        if not len(members) and not len(unknown):
            problems.error(
                places.path,
                places.column(SPLIT),
                f"no sample is in '{part}'",
                f"put samples into '{part}', or choose another design of evaluation",
            )
        elif LABEL in samples and len(members):
            absent = [name for name in classes if not (members[LABEL] == name).any()]
            if absent:
                problems.error(
                    places.path,
                    places.column(SPLIT),
                    f"'{part}' has no sample of class {listed(absent)}",
                    "each class must be there to train and to test on",
                )
    if PATIENT in samples:
        meant = samples.assign(**{SPLIT: split.fillna(found)})[filled]
        _check_crossing(meant, np.flatnonzero(filled), places, problems)


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
