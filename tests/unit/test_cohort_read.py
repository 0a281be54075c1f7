"""Whole cohorts: values and sample tables joined, and imported into one file."""

from __future__ import annotations

import json
import os
from pathlib import Path

import anndata
import numpy as np
import pandas as pd
import pytest

from exprlab.cli.main import main
from exprlab.cohort.problems import Problems
from exprlab.cohort.read import read_cohort
from exprlab.cohort.table import Cohort
from exprlab.config.files import FilesDataset
from exprlab.data.formats import open_counts

REAL = Path(os.environ.get("EXPRLAB_REAL_DATA", ""))
REAL_VALUES = {
    "alon_colon": "intensity",
    "khan_srbct": "log2",
    "prostate_pairs_counts": "counts",
    "tcga_brca_counts_lacen": "counts",
}
GENES = [f"g{i}" for i in range(5)]


def counts(*samples: str, genes: list[str] = GENES, seed: int = 0) -> pd.DataFrame:
    values = np.random.default_rng(seed).poisson(9, (len(genes), len(samples)))
    return pd.DataFrame(values, index=genes, columns=list(samples))


def sheet(*samples: str) -> pd.DataFrame:
    labels = ["x" if i % 2 else "y" for i in range(len(samples))]
    return pd.DataFrame({"sample_id": samples, "label": labels, "batch": "b1"})


def settings(
    folder: Path, tables: list[pd.DataFrame], samples: pd.DataFrame | None, **others: object
) -> FilesDataset:
    """Write the files and return what the config says of them."""
    paths = []
    for i, table in enumerate(tables):
        paths.append(str(folder / f"study{i}.tsv"))
        table.to_csv(paths[-1], sep="\t", index_label="gene_id")
    if samples is not None:
        samples.to_csv(folder / "samples.csv", index=False)
        others["samples"] = str(folder / "samples.csv")
    return FilesDataset(expression=paths, **others)


def read(chosen: FilesDataset) -> Cohort:
    problems = Problems()
    cohort = read_cohort(chosen, problems)
    assert not problems.errors, problems.errors
    assert cohort is not None
    return cohort


def mistakes(chosen: FilesDataset) -> str:
    problems = Problems()
    read_cohort(chosen, problems)
    return "\n".join(map(str, problems.errors))


def frame(cohort: Cohort) -> pd.DataFrame:
    """Return a cohort's values as genes x samples."""
    return pd.DataFrame(cohort.values.T, index=cohort.genes.index, columns=cohort.samples.index)


# Samples.


def test_samples_come_in_the_order_of_the_values(tmp_path: Path) -> None:
    table = counts("s3", "s1", "s2")
    cohort = read(settings(tmp_path, [table], sheet("s1", "s2", "s3")))
    pd.testing.assert_frame_equal(frame(cohort), table, check_names=False, check_dtype=False)
    assert cohort.samples["label"].tolist() == ["y", "y", "x"]
    assert [row for _, row in cohort.places] == [4, 2, 3]
    assert cohort.sheets == (tmp_path / "samples.csv",)


def test_samples_that_one_side_lacks_are_facts_for_the_checks(tmp_path: Path) -> None:
    table = counts("s1", "s2", "extra")
    cohort = read(settings(tmp_path, [table], sheet("s1", "absent", "s2")))
    assert list(cohort.samples.index) == ["s1", "s2"]
    pd.testing.assert_frame_equal(
        frame(cohort), table[["s1", "s2"]], check_names=False, check_dtype=False
    )
    assert cohort.without_row == ((tmp_path / "study0.tsv", "extra"),)
    assert cohort.without_values == ((tmp_path / "samples.csv", 3, "absent"),)


@pytest.mark.parametrize(
    ("there", "here", "why"),
    [
        ("TCGA-A1", "TCGA.A1", "'.' for '-', as R changes names"),
        ("17b", "X17b", "the X that R puts before a digit"),
        ("Patient1", "patient1", "case"),
        ("s1 ", "s1", "blanks around them"),
        ("s_1", "S-1", "punctuation, case or blanks"),
    ],
)
def test_near_misses_are_errors_that_say_what_differs(
    tmp_path: Path, there: str, here: str, why: str
) -> None:
    chosen = settings(tmp_path, [counts(here, "a", "b")], sheet(there, "a", "b"))
    found = mistakes(chosen)
    assert f"sample '{here}'" in found
    assert f"row 2 of samples.csv has '{there}': they differ in {why}" in found
    assert f"did you mean '{there}'?" in found
    cohort = read_cohort(chosen, Problems())
    assert cohort is not None
    assert not cohort.without_row
    assert not cohort.without_values


def test_without_a_sheet_the_samples_are_those_of_the_values(tmp_path: Path) -> None:
    cohort = read(settings(tmp_path, [counts("s1", "s2")], None))
    assert list(cohort.samples.index) == ["s1", "s2"]
    assert not cohort.without_row


def test_without_a_sheet_obs_of_an_h5ad_is_the_sample_table(tmp_path: Path) -> None:
    obs = sheet("s1", "s2", "s3").set_index("sample_id").assign(
        age=[1, 2, 3], sex=pd.Categorical(["f", None, "m"])
    )  # fmt: skip
    data = anndata.AnnData(counts("s1", "s2", "s3").T.to_numpy(np.float32), obs=obs)
    data.write_h5ad(tmp_path / "a.h5ad")
    chosen = FilesDataset(expression=str(tmp_path / "a.h5ad"), positive="y")
    cohort = read(chosen)
    assert list(cohort.samples["label"]) == ["y", "x", "y"]
    assert list(cohort.samples["label"].cat.categories) == ["x", "y"]
    assert cohort.samples["age"].tolist() == [1, 2, 3]
    assert cohort.samples["sex"].isna().tolist() == [False, True, False]


# Several files.


def test_shared_genes_of_several_files_in_the_order_of_the_first(tmp_path: Path) -> None:
    first = counts("s1", "s2", genes=["a", "b", "c", "d"])
    second = counts("t1", genes=["d", "x", "b"], seed=1)
    cohort = read(settings(tmp_path, [first, second], sheet("t1", "s1", "s2")))
    expected = pd.concat([first, second], axis=1, join="inner")
    pd.testing.assert_frame_equal(frame(cohort), expected, check_names=False, check_dtype=False)
    assert cohort.values.dtype == np.int32
    assert any("study0.tsv: 2 of its 4 genes are in all files" in note for note in cohort.notes)
    assert any("study1.tsv: 2 of its 3 genes" in note and "other 1 were" in note
               for note in cohort.notes)  # fmt: skip


def test_all_genes_of_several_files_missing_where_a_file_lacks_them(tmp_path: Path) -> None:
    first = counts("s1", "s2", genes=["a", "b", "c", "d"])
    second = counts("t1", genes=["d", "x", "b"], seed=1)
    cohort = read(settings(tmp_path, [first, second], sheet("t1", "s1", "s2"), join="union"))
    expected = pd.concat([first, second], axis=1, join="outer").reindex(["a", "b", "c", "d", "x"])
    pd.testing.assert_frame_equal(frame(cohort), expected, check_names=False, check_dtype=False)
    assert np.isnan(cohort.values).sum() == 1 * 2 + 2 * 1


def test_files_may_differ_in_format_and_orientation(tmp_path: Path) -> None:
    first, second = counts("s1", "s2"), counts("t1", "t2", seed=1)
    chosen = settings(tmp_path, [first], sheet("s1", "s2", "t1", "t2"))
    second.T.to_parquet(tmp_path / "b.parquet")
    chosen = chosen.model_copy(
        update={"expression": [*chosen.expression, str(tmp_path / "b.parquet")]}
    )
    cohort = read(chosen)
    expected = pd.concat([first, second], axis=1)
    pd.testing.assert_frame_equal(frame(cohort), expected, check_names=False, check_dtype=False)
    assert [table.genes_in for table in cohort.tables] == ["rows", "columns"]


@pytest.mark.parametrize("join", ["intersection", "union"])
@pytest.mark.parametrize(
    ("first", "second", "hint"),
    [
        (["ENSG00000000003", "ENSG00000000005"], ["ENSG00000000003.14", "ENSG00000000005.5"],
         "differ in versions"),
        (["ENSG00000000003", "ENSG00000000005"], ["TSPAN6", "TNMD"], "Ensembl ids"),
        (["Trp53", "Myc"], ["TRP53", "MYC"], "case"),
    ],
)  # fmt: skip
def test_files_without_a_shared_gene_are_refused(
    tmp_path: Path, join: str, first: list[str], second: list[str], hint: str
) -> None:
    tables = [counts("s1", "s2", genes=first), counts("t1", "t2", genes=second)]
    found = mistakes(settings(tmp_path, tables, sheet("s1", "s2", "t1", "t2"), join=join))
    assert "study1.tsv: shares no gene with" in found
    assert first[0] in found
    assert second[0] in found
    assert hint in found


def test_three_files_that_share_genes_only_in_pairs(tmp_path: Path) -> None:
    tables = [
        counts(f"s{i}", f"t{i}", genes=genes)
        for i, genes in enumerate((["a", "b"], ["b", "c"], ["c", "a"]))
    ]
    names = [name for table in tables for name in table]
    assert "no gene is in all 3 files" in mistakes(settings(tmp_path, tables, sheet(*names)))
    cohort = read(settings(tmp_path, tables, sheet(*names), join="union"))
    assert list(cohort.genes.index) == ["a", "b", "c"]


def test_a_sample_in_two_files_is_refused(tmp_path: Path) -> None:
    tables = [counts("s1", "s2"), counts("s2", "s3")]
    found = mistakes(settings(tmp_path, tables, sheet("s1", "s2", "s3")))
    assert f"study1.tsv: 1 sample 's2' is in {tmp_path / 'study0.tsv'}, too" in found


def test_all_files_are_looked_at_before_the_errors_are_told(tmp_path: Path) -> None:
    table = counts("s1", "s2").astype(object)
    table.loc["g2", "s2"] = "many"
    chosen = settings(tmp_path, [table], sheet("s1", "s2"), classes={"x": "X"})
    chosen = chosen.model_copy(update={"expression": [*chosen.expression, "nowhere.tsv"]})
    found = mistakes(chosen)
    assert "'many'" in found
    assert "nowhere.tsv: no such file" in found


# Import.


def import_cohort(chosen: FilesDataset, path: Path) -> int:
    params = json.dumps(chosen.settings())
    return main(["import-cohort", "--output", str(path), "--params", params])


def test_counts_are_imported_as_they_are(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    first = counts("s1", "s2", genes=["a", "b", "c"])
    second = counts("t1", genes=["c", "b", "z"], seed=1)
    samples = sheet("s1", "s2", "t1").assign(**{"a/b": [1, 2, 3], "stage": ["I", None, "II"]})
    chosen = settings(tmp_path, [first, second], samples, join="union", positive="x")
    assert import_cohort(chosen, tmp_path / "cohort.h5ad") == 0
    assert "3 samples x 4 genes, counts" in capsys.readouterr().out
    with open_counts(tmp_path / "cohort.h5ad") as file:
        ((_, values),) = file.blocks()
        assert file.values == "counts"
    expected = pd.concat([first, second], axis=1, join="outer").fillna(-1).loc[["a", "b", "c", "z"]]
    assert (values == expected.T.to_numpy()).all()
    data = anndata.read_h5ad(tmp_path / "cohort.h5ad")
    assert data.layers["counts"].dtype == np.int32
    assert list(data.obs["label"].cat.categories) == ["y", "x"]
    assert data.obs["label"].cat.ordered
    assert list(data.obs["batch"]) == ["b1"] * 3
    assert data.obs["stage"].isna().tolist() == [False, True, False]
    assert data.obs["a_b"].tolist() == [1, 2, 3]


def test_other_values_are_imported_as_float32(tmp_path: Path) -> None:
    table = pd.DataFrame(
        np.random.default_rng(0).normal(size=(5, 3)), index=GENES, columns=["s1", "s2", "s3"]
    )
    table.iloc[1, 2] = np.nan
    chosen = settings(tmp_path, [table], sheet("s1", "s2", "s3"), values="log2")
    assert import_cohort(chosen, tmp_path / "cohort.h5ad") == 0
    data = anndata.read_h5ad(tmp_path / "cohort.h5ad")
    np.testing.assert_array_equal(data.X, table.T.to_numpy(np.float32))
    assert data.uns["values"] == "log2"


def test_the_same_files_give_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        chosen = settings(tmp_path / name, [counts("s1", "s2")], sheet("s1", "s2"))
        assert import_cohort(chosen, tmp_path / name / "cohort.h5ad") == 0
    one, other = (tmp_path / name / "cohort.h5ad" for name in ("a", "b"))
    assert one.read_bytes() == other.read_bytes()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda table: table.assign(s2=[0.5, 1, 2, 3, 4]), "is not a whole number"),
        (lambda table: table.assign(s2=[-1, 1, 2, 3, 4]), "is negative"),
        (
            lambda table: table.set_axis(["a", "a", "b", "c", "d"]),
            "gene ids occur more than once: 'a'",
        ),
    ],
)
def test_what_are_no_counts_is_not_imported(
    tmp_path: Path, capsys: pytest.CaptureFixture, change: object, words: str
) -> None:
    chosen = settings(tmp_path, [change(counts("s1", "s2"))], sheet("s1", "s2"))
    assert import_cohort(chosen, tmp_path / "cohort.h5ad") == 2
    assert words in capsys.readouterr().err
    assert not (tmp_path / "cohort.h5ad").exists()


# Real cohorts.


@pytest.mark.skipif(not REAL.is_dir() or not str(REAL), reason="EXPRLAB_REAL_DATA is not set")
@pytest.mark.parametrize("name", REAL_VALUES)
def test_real_cohorts_are_read_as_pandas_reads_them(tmp_path: Path, name: str) -> None:
    expression, samples = REAL / name / "expression.tsv.gz", REAL / name / "samples.tsv"
    chosen = FilesDataset(
        expression=str(expression), samples=str(samples), values=REAL_VALUES[name]
    )
    cohort = read(chosen)
    expected = pd.read_csv(expression, sep="\t", index_col=0, float_precision="round_trip")
    sheet = pd.read_csv(samples, sep="\t", index_col=0)
    if set(expected.columns) == set(sheet.index):
        expected = expected.T
        assert cohort.tables[0].genes_in == "rows"
    assert (cohort.values == expected.to_numpy()).all()
    assert list(cohort.genes.index) == list(expected.columns)
    assert list(cohort.samples.index) == list(expected.index)
    assert (cohort.samples["label"].astype(str) == sheet.loc[expected.index, "label"]).all()
    # Turned round it is the same cohort.
    turned = tmp_path / "turned.csv"
    (expected if cohort.tables[0].genes_in == "rows" else expected.T).to_csv(turned)
    other = read(chosen.model_copy(update={"expression": [str(turned)]}))
    assert other.tables[0].genes_in != cohort.tables[0].genes_in
    assert (other.values == cohort.values).all()
