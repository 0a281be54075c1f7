"""Checks of exprlab's own cohort files: every mistake is named by its place, all at once."""

from __future__ import annotations

from pathlib import Path

import anndata
import h5py
import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from exprlab.cohort.canonical import check_counts, is_canonical
from exprlab.cohort.checks import Needs
from exprlab.cohort.problems import Problems
from exprlab.data.formats import open_counts, write_counts, write_tables

N, G = 80, 60


class Cohort:
    """A good cohort, for each test to spoil."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "cohort.h5ad"
        self.counts = np.random.default_rng(0).poisson(200, (N, G)).astype(np.int32)
        self.genes = [f"g{i}" for i in range(G)]
        self.samples = pd.DataFrame(
            {
                "label": ["benign", "malignant"] * (N // 2),
                "patient": [f"p{i // 2}" for i in range(N)],
                "batch": ["b1", "b1", "b2", "b2"] * (N // 4),
            },
            index=[f"s{i}" for i in range(N)],
        )

    def check(self, labels: bool = True) -> tuple[dict, Problems]:
        problems = Problems()
        samples = self.samples.astype("category")
        write_counts(self.path, samples, pd.DataFrame(index=self.genes), [(0, self.counts)])
        with open_counts(self.path) as counts:
            classes = ("benign", "malignant")
            found = check_counts(counts, Needs(labels=labels), problems, classes)
        return found, problems

    def warnings(self, labels: bool = True) -> list[str]:
        found, problems = self.check(labels)
        assert problems.errors == []
        return [warning.removeprefix("cohort.h5ad: ") for warning in found["warnings"]]

    def errors(self, labels: bool = True) -> list[str]:
        lines = [str(error) for error in self.check(labels)[1].errors]
        assert all(line.startswith(f"{self.path}: ") for line in lines)
        return [line.removeprefix(f"{self.path}: ") for line in lines]


@pytest.fixture
def cohort(tmp_path: Path) -> Cohort:
    return Cohort(tmp_path)


def test_good_cohort_is_summarised(cohort: Cohort) -> None:
    found, problems = cohort.check()
    assert problems.errors == []
    assert found == {
        "n_samples": N,
        "n_genes": G,
        "classes": ["benign", "malignant"],
        "n_per_class": {"benign": 40, "malignant": 40},
        "n_patients": 40,
        "n_batches": 2,
        "notes": [],
        "warnings": [],
        "problems": [],
    }


def test_new_samples_need_no_columns(cohort: Cohort) -> None:
    cohort.samples = cohort.samples[[]]
    found, problems = cohort.check(labels=False)
    assert problems.errors == problems.warnings == []
    assert found["n_samples"] == N
    assert "n_per_class" not in found


def test_own_files_are_known_by_their_indices(cohort: Cohort, tmp_path: Path) -> None:
    cohort.check()
    assert is_canonical(cohort.path)
    write_tables(tmp_path / "other.h5ad", pd.DataFrame(), pd.DataFrame(), {}, {}, {})
    # Of another program that calls its indices so, too.
    foreign = anndata.AnnData(
        sparse.csr_matrix(np.ones((2, 3), dtype=np.float32)),
        obs=pd.DataFrame(index=pd.Index(["a", "b"], name="sample_id")),
        var=pd.DataFrame(index=pd.Index(["x", "y", "z"], name="gene_id")),
    )
    foreign.write_h5ad(tmp_path / "foreign.h5ad")
    assert not is_canonical(tmp_path / "foreign.h5ad")
    assert not is_canonical(tmp_path / "absent.h5ad")


@pytest.mark.parametrize("what", ["sample", "gene"])
def test_ids_that_occur_twice(what: str, cohort: Cohort) -> None:
    if what == "sample":
        cohort.samples.index = ["s5", "s5", "s5", "s9", *cohort.samples.index[4:]]
        wanted = ["row 1 (sample 's5'): sample id 's5' occurs 4 times: also in row 2",
                  "row 4 (sample 's9'): sample id 's9' occurs 2 times: also in row 10"]  # fmt: skip
    else:
        cohort.genes[4] = "g2"
        wanted = ["column 3 (gene 'g2'): gene id 'g2' occurs 2 times: also in column 5"]
    lines = cohort.errors(labels=False)
    assert len(lines) == len(wanted)
    for line, start in zip(lines, wanted, strict=True):
        assert line.startswith(start)


def test_label_column_is_missing(cohort: Cohort) -> None:
    cohort.samples = cohort.samples.rename(columns={"label": "lable"})
    (line,) = cohort.errors()
    assert line.startswith("the sample table has no column 'label'; name the column")
    assert line.endswith("did you mean 'lable'?")


@pytest.mark.parametrize(
    ("value", "words"),
    [("malignent", "found 'malignent'; allowed: benign, malignant; name the class"),
     (None, "is empty; allowed: benign, malignant")],
)  # fmt: skip
def test_unknown_label(value: str | None, words: str, cohort: Cohort) -> None:
    cohort.samples.loc["s7", "label"] = value
    (line,) = cohort.errors()
    assert line.startswith(f"row 8 (sample 's7'), column 'label': {words}")


def test_one_class_is_no_cohort(cohort: Cohort) -> None:
    cohort.samples["label"] = "benign"
    (line,) = cohort.errors()
    assert "no sample of class 'malignant'; a classifier needs some of each" in line
    found, problems = cohort.check(labels=False)
    assert found["n_per_class"] == {"benign": N, "malignant": 0}
    assert problems.errors == []


def test_small_class_is_a_warning(cohort: Cohort) -> None:
    del cohort.samples["batch"]
    cohort.samples["label"] = ["benign"] * (N - 29) + ["malignant"] * 29
    (warning,) = cohort.warnings()
    assert (
        warning == "column 'label': class 'malignant' has only 29 samples; expect wide intervals."
    )
    cohort.samples["label"] = ["benign"] * (N - 30) + ["malignant"] * 30
    assert cohort.warnings() == []


def test_sample_without_patient(cohort: Cohort) -> None:
    cohort.samples.loc["s11", "patient"] = None
    (line,) = cohort.errors()
    assert line.startswith("row 12 (sample 's11'), column 'patient': is empty")


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (2.5, "2.5 is not a whole number"),
        (np.nan, "nan is no count"),
        (-3, "-3 is negative"),
        (np.inf, "inf is infinite"),
        (2.0**31, "2147483648 is larger than any count"),
    ],
)
def test_value_that_is_no_count(value: float, words: str, cohort: Cohort) -> None:
    """Exprlab's own files hold int32; floating-point numbers get there by other hands."""
    cohort.check()
    values = cohort.counts.astype(float)
    values[20, 3] = values[70, 1] = value
    with h5py.File(cohort.path, "a") as file:
        del file["layers/counts"]
        file["layers/counts"] = values
    problems = Problems()
    with open_counts(cohort.path) as counts:
        check_counts(counts, Needs(), problems)
    lines = [str(error) for error in problems.errors]
    assert len(lines) == 2
    assert f"row 21, column 4 (sample 's20', gene 'g3'): {words}" in lines[0]
    assert f"row 71, column 2 (sample 's70', gene 'g1'): {words}" in lines[1]


def test_missing_counts_are_a_warning(cohort: Cohort) -> None:
    cohort.counts[:8, 2] = -1
    (warning,) = cohort.warnings()
    assert "8 of 4,800 values are missing" in warning


def test_sample_without_reads(cohort: Cohort) -> None:
    cohort.counts[3] = 0
    cohort.counts[60] = -1
    cohort.counts[60, :5] = 0
    lines = cohort.errors()
    assert [line.split(";")[0] for line in lines] == [
        "row 4 (sample 's3'): the sample has no reads at all",
        "row 61 (sample 's60'): the sample has no reads at all",
    ]


def test_many_samples_without_reads_are_counted(cohort: Cohort) -> None:
    cohort.counts[10:50] = 0
    lines = cohort.errors()
    assert len(lines) == 3
    assert "the sample has no reads at all (37 more such samples)" in lines[2]


def test_all_problems_are_told_at_once(cohort: Cohort) -> None:
    cohort.genes[1] = "g0"
    cohort.samples.loc["s7", "label"] = "Benign"
    cohort.samples.loc["s2", "patient"] = None
    cohort.counts[5, 5] = -7
    places = ["(gene 'g0')", "(sample 's5', gene 'g5')", "(sample 's7'), column 'label'",
              "(sample 's2'), column 'patient'"]  # fmt: skip
    lines = cohort.errors()
    assert len(lines) == len(places)
    for line, place in zip(lines, places, strict=True):
        assert place in line
