"""Checks of a cohort: every mistake is named by its place, all in one message."""

from __future__ import annotations

import warnings
from pathlib import Path

import anndata
import numpy as np
import pandas as pd
import pytest

from exprlab.data.checks import check_counts
from exprlab.data.formats import open_counts
from exprlab.errors import UserError

N, G = 80, 10


class Cohort:
    """A good cohort, for each test to spoil."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "cohort.h5ad"
        self.counts = np.random.default_rng(0).poisson(20, (N, G)).astype(np.float32)
        self.genes = [f"g{i}" for i in range(G)]
        self.samples = pd.DataFrame(
            {
                "label": ["benign", "malignant"] * (N // 2),
                "patient": [f"p{i // 2}" for i in range(N)],
                "batch": ["b1", "b2", "b3", "b4"] * (N // 4),
            },
            index=[f"s{i}" for i in range(N)],
        )

    def check(self, needs_labels: bool = True) -> dict:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # anndata's, of names that occur twice
            genes = pd.DataFrame(index=self.genes)
            anndata.AnnData(self.counts, self.samples, genes).write_h5ad(self.path)
        with open_counts(self.path) as counts:
            return check_counts(counts, needs_labels)

    def problems(self, needs_labels: bool = True) -> list[str]:
        with pytest.raises(UserError) as caught:
            self.check(needs_labels)
        lines = str(caught.value).split("\n")
        assert all(line.startswith(f"{self.path}: ") for line in lines)
        return [line.removeprefix(f"{self.path}: ") for line in lines]


@pytest.fixture
def cohort(tmp_path: Path) -> Cohort:
    return Cohort(tmp_path)


def test_good_cohort_is_summarised(cohort: Cohort) -> None:
    assert cohort.check() == {
        "n_samples": N,
        "n_genes": G,
        "classes": ["benign", "malignant"],
        "n_per_class": {"benign": 40, "malignant": 40},
        "n_patients": 40,
        "n_batches": 4,
        "warnings": [],
    }


def test_new_samples_need_no_columns(cohort: Cohort) -> None:
    cohort.samples = cohort.samples[[]]
    assert cohort.check(needs_labels=False) == {"n_samples": N, "n_genes": G, "warnings": []}


@pytest.mark.parametrize("what", ["sample", "gene"])
def test_ids_that_occur_twice(what: str, cohort: Cohort) -> None:
    if what == "sample":
        cohort.samples.index = ["s5", "s5", "s5", "s9", *cohort.samples.index[4:]]
        wanted = "2 sample id(s) occur more than once, e.g. 's5'"
    else:
        cohort.genes[4] = "g2"
        wanted = "1 gene id(s) occur more than once, e.g. 'g2'"
    (line,) = cohort.problems(needs_labels=False)
    assert line.startswith(wanted)


def test_label_column_is_missing(cohort: Cohort) -> None:
    cohort.samples = cohort.samples.rename(columns={"label": "lable"})
    assert cohort.problems() == ["the sample table has no column 'label'; did you mean 'lable'?"]


@pytest.mark.parametrize(
    ("value", "words"),
    [("malignent", "found 'malignent'; allowed: benign, malignant; did you mean 'malignant'?"),
     (None, "found nan; allowed: benign, malignant")],
)  # fmt: skip
def test_unknown_label(value: str | None, words: str, cohort: Cohort) -> None:
    cohort.samples.loc["s7", "label"] = value
    assert cohort.problems() == [f"row 8 (sample 's7'), column 'label': {words}"]


def test_one_class_is_no_cohort(cohort: Cohort) -> None:
    cohort.samples["label"] = "benign"
    assert cohort.problems() == ["no sample of class 'malignant'; a classifier needs some of each"]
    assert cohort.check(needs_labels=False)["n_per_class"] == {"benign": N, "malignant": 0}


def test_small_class_is_a_warning(cohort: Cohort) -> None:
    cohort.samples["label"] = ["benign"] * (N - 29) + ["malignant"] * 29
    (warning,) = cohort.check()["warnings"]
    assert warning == "Class 'malignant' has only 29 samples; expect wide intervals."
    cohort.samples["label"] = ["benign"] * (N - 30) + ["malignant"] * 30
    assert cohort.check()["warnings"] == []


def test_sample_without_patient(cohort: Cohort) -> None:
    cohort.samples.loc["s11", "patient"] = None
    (line,) = cohort.problems()
    assert line.startswith("row 12 (sample 's11'), column 'patient': is empty")
    assert cohort.check(needs_labels=False)["n_patients"] == 40


@pytest.mark.parametrize(
    ("value", "words"),
    [(2.5, "2.5 is not a whole number"), (np.nan, "nan is not"), (-3, "-3.0 is negative")],
)
def test_value_that_is_no_count(value: float, words: str, cohort: Cohort) -> None:
    cohort.counts[20, 3] = cohort.counts[70, 1] = value
    (line,) = cohort.problems()
    assert line.startswith(f"row 21 (sample 's20'), column 4 (gene 'g3'): {words}")


def test_missing_counts_are_a_warning(cohort: Cohort) -> None:
    cohort.counts[:8, 2] = -1
    cohort.counts = cohort.counts.astype(np.int32)
    assert cohort.check()["warnings"] == ["8 counts (1.0%) are missing."]


def test_sample_without_reads(cohort: Cohort) -> None:
    cohort.counts[3] = 0
    cohort.counts[60] = -1
    cohort.counts[60, :5] = 0
    assert cohort.problems() == [
        "row 4 (sample 's3') has no reads at all; remove it",
        "row 61 (sample 's60') has no reads at all; remove it",
    ]


def test_many_samples_without_reads_are_counted(cohort: Cohort) -> None:
    cohort.counts[10:50] = 0
    assert cohort.problems()[2:] == [
        "row 13 (sample 's12') has no reads at all; remove it",
        "37 more samples have no reads at all",
    ]


def test_all_problems_are_told_at_once(cohort: Cohort) -> None:
    cohort.genes[1] = "g0"
    cohort.samples.loc["s7", "label"] = "Benign"
    cohort.samples.loc["s2", "patient"] = None
    cohort.counts[5, 5] = 0.1
    places = ["gene id(s)", "(sample 's7'), column 'label'", "(sample 's2'), column 'patient'",
              "(sample 's5'), column 6 (gene 'g5')"]  # fmt: skip
    lines = cohort.problems()
    assert len(lines) == len(places)
    for line, place in zip(lines, places, strict=True):
        assert place in line
