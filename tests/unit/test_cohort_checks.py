"""What the checks of a cohort measure and conclude, against second formulas."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats.contingency import association

from exprlab.cohort.check_values import check_values
from exprlab.cohort.confounding import check_batches, check_library_size, cramers_v
from exprlab.cohort.gene_ids import check_gene_ids, gene_kind
from exprlab.cohort.ids import near_miss
from exprlab.cohort.kinds import likeliest_kind
from exprlab.cohort.measure import blocks_of, measure
from exprlab.cohort.places import Places
from exprlab.cohort.problems import Problems
from exprlab.cohort.sheet_checks import SheetPlaces
from exprlab.keys import VALUES

PATH = Path("values.tsv")
SHEET = SheetPlaces(Path("samples.tsv"), {}, [], pd.Index([]))
NUMBERS = st.floats(-1e6, 1e6) | st.integers(-50, 50).map(float) | st.sampled_from([np.nan, np.inf])


def reads(n_samples: int, n_genes: int, seed: int = 0) -> np.ndarray:
    """Return counts as of RNA-seq: means over four orders of magnitude, and overdispersed."""
    rng = np.random.default_rng(seed)
    mean = np.exp(rng.normal(4, 2, n_genes)) * np.exp(rng.normal(0, 0.3, (n_samples, 1)))
    return rng.poisson(mean * rng.gamma(4, 0.25, (n_samples, n_genes)))


def places(n_samples: int, n_genes: int) -> Places:
    samples = pd.Index([f"s{i}" for i in range(n_samples)])
    return Places(PATH, samples, pd.Index([f"GENE{i}" for i in range(n_genes)]), "rows", 1, 1)


@given(arrays(np.float64, st.tuples(st.integers(1, 9), st.integers(1, 6)), elements=NUMBERS),
       st.integers(1, 4))  # fmt: skip
def test_measures_are_those_of_the_whole_matrix(values: np.ndarray, rows: int) -> None:
    found = measure(blocks_of(values, rows), values.shape[1])
    finite = np.where(np.isfinite(values), values, np.nan)
    # Sums in another order leave other remainders where large numbers cancel.
    rest = 1e-12 * np.nansum(np.abs(finite))
    np.testing.assert_allclose(found.total, np.nansum(finite, axis=1), atol=rest)
    np.testing.assert_allclose(found.gene_total, np.nansum(finite, axis=0), atol=rest)
    np.testing.assert_allclose(found.gene_squares, np.nansum(finite**2, axis=0))
    for own, axis in ((found.smallest, 1), (found.gene_smallest, 0)):
        expected = [np.nan if np.isnan(x).all() else np.nanmin(x)
                    for x in (finite if axis else finite.T)]  # fmt: skip
        np.testing.assert_array_equal(own, expected)
    assert found.odd["missing"].n == np.isnan(values).sum() == found.n_missing.sum()
    assert found.odd["infinite"].n == np.isinf(values).sum()
    assert found.odd["negative"].n == (finite < 0).sum()
    assert found.odd["fraction"].n == sum(
        not float(x).is_integer() for x in finite[~np.isnan(finite)]
    )
    for sample, gene, value in found.odd["negative"].first:
        assert values[sample, gene] == value < 0
    same = [[a == b for b in found.digests] for a in found.digests]
    assert same == [[np.array_equal(a, b, equal_nan=True) for b in values] for a in values]


@given(
    arrays(np.int64, st.tuples(st.integers(2, 5), st.integers(2, 4)), elements=st.integers(1, 40))
)
def test_cramers_v_is_that_of_scipy(table: np.ndarray) -> None:
    v, p = cramers_v(table)
    assert v == pytest.approx(association(table, method="cramer"), abs=1e-9)
    assert 0 <= p <= 1


@pytest.mark.parametrize("declared", VALUES)
def test_kinds_are_told_apart(declared: str) -> None:
    """Values of each kind pass as what they are, and are an error or a warning as any other."""
    counts = reads(20, 400)
    intensities = counts * 1.37 + 20.1
    tpm = counts / counts.sum(axis=1, keepdims=True) * 1e6
    kinds = {"counts": counts, "tpm": tpm, "log2": np.log2(tpm + 1), "intensity": intensities}
    for kind, values in kinds.items():
        measured = measure(blocks_of(values), 400)
        found = likeliest_kind(measured)
        assert found is not None
        assert found[0] == kind
        problems = Problems()
        check_values(places(20, 400), measured, declared, problems)
        told = [
            p
            for p in problems.errors + problems.warnings
            if "values: " in p.remedy and kind in p.remedy
        ]
        assert bool(told) == (kind != declared), (kind, declared)


def test_log_ratios_with_negatives_are_logarithms() -> None:
    ratios = np.random.default_rng(0).normal(0, 1.5, (30, 500))
    for kind in VALUES:
        problems = Problems()
        check_values(places(30, 500), measure(blocks_of(ratios), 500), kind, problems)
        assert bool(problems.errors) == (kind != "log2")
        assert problems.warnings == []


def table_of(labels: np.ndarray, batches: np.ndarray) -> pd.DataFrame:
    return pd.DataFrame({"label": labels, "batch": batches})


def test_batches_at_random_are_seldom_told() -> None:
    rng = np.random.default_rng(1)
    told = 0
    for _ in range(200):
        problems = Problems()
        labels = rng.choice(["a", "b"], 60)
        check_batches(
            table_of(labels, rng.integers(0, 4, 60).astype(str)), ("a", "b"), SHEET, problems
        )
        told += len(problems.warnings)
    assert told <= 2


def test_library_sizes_at_random_are_seldom_told() -> None:
    rng = np.random.default_rng(2)
    told = 0
    for _ in range(200):
        problems = Problems()
        samples = pd.DataFrame({"label": rng.choice(["a", "b", "c"], 60)})
        check_library_size(samples, rng.lognormal(16, 0.4, 60), ("a", "b", "c"), SHEET, problems)
        told += len(problems.warnings)
    assert told <= 1


@pytest.mark.parametrize(
    ("found", "wanted"),
    [
        ("TCGA.E9.A1ND.01A", "TCGA-E9-A1ND-01A"),
        ("X7_tumor", "7-tumor"),
        ("7", "007"),
        ("Sample 1", "sample_1"),
        (" s1", "s1"),
    ],
)
def test_near_misses_of_ids(found: str, wanted: str) -> None:
    others = [wanted, "TCGA-XX-0000-01A", "9-tumor", "070", "sample_11", "s2"]
    assert near_miss(found, others) == f"; did you mean '{wanted}'?"


@pytest.mark.parametrize(
    "name", ["MARCHF1", "SEPTIN2", "DEC1", "SEPT2", "MARCH1", "OCT4", "2310009E13Rik", "1007_s_at",
             "HLA-A",
             "sep-1", "7SK", "Y_RNA.1", "NKX2-1", "MT-ND1", "C1orf112", "MAR", "APR-1", "TOTAL1"]
)  # fmt: skip
def test_names_of_genes_are_no_damage(name: str) -> None:
    index = pd.Index([name, *(f"GENE{i}" for i in range(60))])
    problems = Problems()
    check_gene_ids(Places(PATH, pd.Index(["s"]), index, "rows", 1, 1), problems)
    assert problems.errors == []


@pytest.mark.parametrize(
    "name", ["1-Mar", "2-Sep", "01-Dec", "Mar-01", "Sep-02", "1-MAR-2019", "2001-03-01",
             "2020/09/02", "2001-03-01 00:00:00", "3/1/2001", "1.00E+05", "2.31E+13", "2,31E+12",
             "#N/A", "#NAME?", "Total", "__ambiguous", "N_unmapped", "12.5", "nan", "", " "]
)  # fmt: skip
def test_damaged_names_of_genes_are_told(name: str) -> None:
    index = pd.Index([*(f"GENE{i}" for i in range(60)), name])
    problems = Problems()
    check_gene_ids(Places(PATH, pd.Index(["s"]), index, "rows", 1, 1), problems)
    assert [problem.where.split(" (")[0] for problem in problems.errors] == ["row 62"]


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("ENSG00000141510.18", "human Ensembl genes"),
        ("ENSG00000002586.20_PAR_Y", "human Ensembl genes"),
        ("ENSMUSG00000059552", "Ensembl genes of other species"),
        ("ENST00000269305.9", "Ensembl transcripts"),
        ("NM_000546", "RefSeq transcripts"),
        ("201746_at", "Affymetrix probe sets"),
        ("7157", "numbers (Entrez ids)"),
        ("TP53", "names"),
        ("AFFX-BioB-5_at", "none"),
        ("ERCC-00002", "none"),
    ],
)
def test_naming_systems(name: str, kind: str) -> None:
    assert gene_kind(name) == kind


def test_copies_on_the_y_chromosome_are_genes_of_their_own() -> None:
    index = pd.Index(["ENSG00000002586.20", "ENSG00000002586.20_PAR_Y"])
    problems = Problems()
    check_gene_ids(Places(PATH, pd.Index(["s"]), index, "rows", 1, 1), problems)
    assert problems.errors == []
