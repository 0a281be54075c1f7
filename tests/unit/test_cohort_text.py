"""Tables of text as pandas, R, spreadsheets and hands write them."""

from __future__ import annotations

import gzip
import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from exprlab.cohort.expression import read_expression
from exprlab.cohort.grid import Request
from exprlab.cohort.problems import Problems
from exprlab.cohort.table import ExpressionTable

SAMPLES = ["p1", "p2", "p3"]
KNOWN = Request(sample_ids=frozenset(SAMPLES))
FRAME = pd.DataFrame(
    [[1, 0, 7], [3, 4, 5], [0, 0, 0], [10, 2_000_000, 8]],
    index=["TP53", "NA", "1-Mar", "HLA-A"],
    columns=SAMPLES,
)


def read(path: Path, request: Request = KNOWN) -> ExpressionTable:
    problems = Problems()
    table = read_expression(path, request, problems)
    assert not problems.errors, problems.errors
    assert table is not None
    return table


def mistakes(path: Path, request: Request = KNOWN) -> list[str]:
    problems = Problems()
    read_expression(path, request, problems)
    return [str(problem) for problem in problems.errors]


def assert_equal(table: ExpressionTable, genes_by_samples: pd.DataFrame) -> None:
    found = pd.DataFrame(table.values.T, index=table.gene_ids, columns=table.sample_ids)
    pd.testing.assert_frame_equal(found, genes_by_samples, check_dtype=False)


def write(path: Path, text: str | bytes) -> Path:
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


# What is read.


@pytest.mark.parametrize("name", ["a.tsv", "a.csv", "a.txt", "a.tsv.gz", "a.csv.gz", "a.TSV"])
@pytest.mark.parametrize("in_rows", [True, False])
def test_what_pandas_writes_is_read(tmp_path: Path, name: str, in_rows: bool) -> None:
    path = tmp_path / name
    frame = FRAME if in_rows else FRAME.T
    frame.to_csv(path, sep="," if ".csv" in name else "\t", index_label="id")
    table = read(path)
    assert_equal(table, FRAME)
    assert table.values.dtype == np.int32
    assert table.genes_in == ("rows" if in_rows else "columns")
    assert f"genes in {table.genes_in} (3 ids of the sample table are" in table.note


@pytest.mark.parametrize("name", ["a.tsv.zst", "a.tsv", "a.csv.zst"])
def test_zstd_is_read_whatever_the_name(tmp_path: Path, name: str) -> None:
    with pyarrow.output_stream(str(tmp_path / name), compression="zstd") as stream:
        stream.write(FRAME.to_csv(sep="\t" if "tsv" in name else ",").encode())
    assert_equal(read(tmp_path / name), FRAME)


def test_gzip_of_several_members_is_read_to_its_end(tmp_path: Path) -> None:
    """As bgzip writes it, or cat of two files."""
    lines = FRAME.to_csv(sep="\t").splitlines(keepends=True)
    parts = ["".join(lines[:2]), "".join(lines[2:])]
    assert_equal(
        read(write(tmp_path / "a.tsv.gz", b"".join(gzip.compress(p.encode()) for p in parts))),
        FRAME,
    )


def test_gzip_without_its_ending_is_read(tmp_path: Path) -> None:
    assert_equal(
        read(write(tmp_path / "a.tsv", gzip.compress(FRAME.to_csv(sep="\t").encode()))), FRAME
    )


@pytest.mark.parametrize(
    ("text", "note"),
    [
        ("\ufeffgene\tp1\tp2\nA\t1\t2\nB\t3\t4\n", ""),
        ("gene\tp1\tp2\r\nA\t1\t2\r\nB\t3\t4\r\n", ""),
        ('"gene"\t"p1"\t"p2"\n"A"\t1\t2\n"B"\t3\t4\n', ""),
        ('"p1"\t"p2"\n"A"\t1\t2\n"B"\t3\t4\n', "does not name the column of ids"),  # write.table
        ('"p1" "p2"\n"A" 1 2\n"B" 3 4\n', "separated by blanks, not tabs"),  # its default
        ("gene,p1,p2\nA,1,2\nB,3,4\n", "separated by commas, not tabs"),
        ("gene;p1;p2\nA;1;2\nB;3;4\n", "separated by semicolons, not tabs"),
        ("# made by hand\n#\n\ngene\tp1\tp2\nA\t1\t2\n\nB\t3\t4\n\n", ""),
        ("#gene\tp1\tp2\nA\t1\t2\nB\t3\t4\n", ""),
        ("gene\tp1\tp2\t\nA\t1\t2\t\nB\t3\t4\t\n", ""),  # a separator too many in each line
        ("gene\tp1\tp2\nA\t 1\t2 \nB\t3.0\t4e0\n", ""),
        ("gene\tp1\tp2\nA\t1\t2\nB\t3\t4", ""),  # no end of line at the end
        ("#1.2\n2\t2\nName\tDescription\tp1\tp2\nA\tfirst\t1\t2\nB\tsecond\t3\t4\n", ""),  # GCT
    ],
)
def test_how_others_write_it(tmp_path: Path, text: str, note: str) -> None:
    table = read(write(tmp_path / "a.tsv", text))
    assert_equal(table, pd.DataFrame([[1, 2], [3, 4]], index=["A", "B"], columns=["p1", "p2"]))
    assert note in table.note


def test_missing_values_are_nan_and_ids_are_not(tmp_path: Path) -> None:
    text = "gene\tp1\tp2\tp3\nNA\t1\t\tNA\nnan\tNaN\tnull\t2\nnull\t1\t1\t#N/A\n"
    table = read(write(tmp_path / "a.tsv", text))
    expected = pd.DataFrame(
        [[1, np.nan, np.nan], [np.nan, np.nan, 2], [1, 1, np.nan]],
        index=["NA", "nan", "null"], columns=SAMPLES,
    )  # fmt: skip
    assert_equal(table, expected)


def test_numbers_are_read_to_the_last_bit(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    values = np.concatenate([rng.normal(size=(50, 3)), 10.0 ** rng.uniform(-300, 300, (50, 3))])
    frame = pd.DataFrame(values, index=[f"g{i}" for i in range(100)], columns=SAMPLES)
    frame.to_csv(tmp_path / "a.tsv", sep="\t")
    assert (read(tmp_path / "a.tsv").values == values.T).all()


IDS = st.text(
    st.characters(exclude_categories=("Cs", "Cc"), exclude_characters="\ufeff\u2028\u2029\x85"),
    min_size=1,
    max_size=8,
)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    genes=st.lists(IDS, min_size=1, max_size=6, unique=True),
    samples=st.lists(IDS, min_size=2, max_size=5, unique=True),
    in_rows=st.booleans(),
    separator=st.sampled_from(["\t", ","]),
    data=st.data(),
)
def test_odd_ids_survive(
    tmp_path: Path, genes: list[str], samples: list[str], in_rows: bool, separator: str,
    data: st.DataObject,
) -> None:  # fmt: skip
    cells = st.integers(-(2**31), 2**31 - 1) | st.floats(allow_infinity=False, width=32)
    size = len(genes) * len(samples)
    values = data.draw(st.lists(cells, min_size=size, max_size=size))
    shape = (len(genes), len(samples))
    frame = pd.DataFrame(np.array(values, float).reshape(shape), index=genes, columns=samples)
    path = tmp_path / ("a.csv" if separator == "," else "a.tsv")
    (frame if in_rows else frame.T).to_csv(path, sep=separator, index_label="id", quoting=2)
    request = Request(genes_in="rows" if in_rows else "columns")
    assert_equal(read(path, request), frame)


# Orientation.


def orientation(tmp_path: Path, frame: pd.DataFrame, request: Request) -> tuple[str, str]:
    frame.to_csv(tmp_path / "a.tsv", sep="\t")
    problems = Problems()
    table = read_expression(tmp_path / "a.tsv", request, problems)
    return (table.genes_in if table else "", " ".join(map(str, problems.errors)))


def named(rows: list[str], columns: list[str], corner: str = "") -> pd.DataFrame:
    frame = pd.DataFrame(1, index=rows, columns=columns)
    return frame.rename_axis(corner or None)


ENSEMBL = [f"ENSG{i:011d}.{i % 9}" for i in range(6)]


@pytest.mark.parametrize(
    ("frame", "genes_in"),
    [
        (named(ENSEMBL, ["a", "b"]), "rows"),
        (named(["a", "b"], ENSEMBL), "columns"),
        (named(["Tp53", "Actb", "Gapdh", "x"], ["a", "b"]), "rows"),
        (named(["1007_s_at", "1053_at"], ["GSM1", "GSM2"]), "rows"),
        (named(["u", "v"], ["a", "b"], "gene_id"), "rows"),
        (named(["u", "v"], ["a", "b"], "sample"), "columns"),
    ],
)
def test_genes_are_known_by_their_names(tmp_path: Path, frame: pd.DataFrame, genes_in: str) -> None:
    assert orientation(tmp_path, frame, Request()) == (genes_in, "")


@pytest.mark.parametrize("corner", ["", "id", "geneva"])
def test_what_is_not_clear_is_not_guessed(tmp_path: Path, corner: str) -> None:
    found, error = orientation(tmp_path, named(["u", "v", "w"], ["a", "b"], corner), Request())
    assert not found
    assert "set genes_in: rows or columns" in error


def test_ids_on_both_sides_are_not_clear(tmp_path: Path) -> None:
    """Samples and genes (Entrez ids) that are numbers."""
    request = Request(sample_ids=frozenset(["1", "2", "3"]))
    frame = named(["1", "2", "10"], ["1", "2", "3"])
    assert "set genes_in" in orientation(tmp_path, frame, request)[1]
    assert orientation(tmp_path, frame, Request("counts", "rows", request.sample_ids))[0] == "rows"


def test_settings_that_contradict_the_ids_are_refused(tmp_path: Path) -> None:
    found, error = orientation(tmp_path, FRAME, Request("counts", "columns", KNOWN.sample_ids))
    assert not found
    assert "genes_in says that genes are in columns, but 3 ids" in error
    assert "set genes_in: rows" in error


def test_ids_of_another_cohort_are_refused_with_examples(tmp_path: Path) -> None:
    request = Request(sample_ids=frozenset(["lab-7"]))
    error = orientation(tmp_path, FRAME, request)[1]
    assert all(word in error for word in ("lab-7", "p1", "TP53"))


def test_ids_that_are_nearly_the_same_tell_the_side(tmp_path: Path) -> None:
    request = Request(sample_ids=frozenset(["P1", "P 2"]))
    assert orientation(tmp_path, FRAME, request) == ("rows", "")


# Text and numbers beside the values.


def test_text_beside_the_values_describes_genes(tmp_path: Path) -> None:
    text = (
        "gene\tsymbol\tp1\tp2\tp3\tdescription\tlength\n"
        "class\t\ttumor\tnormal\ttumor\t\t\n"
        "E1\tTP53\t1\t2\t3\ttumor protein\t2512\n"
        "E2\tNA\t4\t5\t6\t7\t900\nE3\tMYC\t7\t8\t9\tmyc\t1\n"
    )
    table = read(write(tmp_path / "a.tsv", text))
    values = [[1, 2, 3], [4, 5, 6], [7, 8, 9]]
    assert_equal(table, pd.DataFrame(values, index=["E1", "E2", "E3"], columns=SAMPLES))
    assert table.genes["symbol"].tolist() == ["TP53", "NA", "MYC"]
    assert table.genes["length"].tolist() == [2512, 900, 1]
    assert table.samples["class"].tolist() == ["tumor", "normal", "tumor"]
    for word in ("symbol", "description", "length", "class"):
        assert f"'{word}'" in table.note
    assert (table.header_rows, table.id_columns) == (2, 2)
    assert table.where(1, 0) == "row 3, column 4 (sample 'p2', gene 'E1')"


def test_columns_of_the_sample_table_are_no_genes(tmp_path: Path) -> None:
    request = Request(sample_ids=frozenset(SAMPLES), columns=frozenset(["age", "sex"]))
    FRAME.T.assign(age=[40, 50, 60], sex=["f", "m", "f"]).to_csv(tmp_path / "a.csv")
    table = read(tmp_path / "a.csv", request)
    assert_equal(table, FRAME)
    assert table.samples["age"].tolist() == [40, 50, 60]
    assert table.samples["sex"].tolist() == ["f", "m", "f"]


# What is wrong.


def test_cells_that_are_no_numbers_are_told_by_place_all_kinds_at_once(tmp_path: Path) -> None:
    rows = [[f"g{i}", *map(str, (i, i + 1, i + 2))] for i in range(20)]
    rows[3][1], rows[5][2], rows[7][3], rows[9][1] = "1,5", "<0.1", "1,234", "high"
    for row in rows[10:16]:
        row[3] = "?"
    text = "\n".join("\t".join(row) for row in [["gene", *SAMPLES], *rows])
    found = mistakes(write(tmp_path / "a.tsv", text))
    assert len(found) == 1 + 1 + 1 + 3, found  # of the kind that occurs 7 times 3 are shown
    assert (
        "row 5 ('g3'), column 2 ('p1'): found '1,5', which is no number; it has a decimal comma"
        in found[0]
    )
    assert any("'1,234'" in line and "thousands" in line for line in found)
    assert any("'<0.1'" in line and "limit of detection" in line for line in found)
    assert any("'high'" in line for line in found)
    assert "(4 more such cells)" in " ".join(found)


def test_decimal_commas_everywhere_are_told_as_such(tmp_path: Path) -> None:
    FRAME.astype(float).to_csv(tmp_path / "a.csv", sep=";", decimal=",")
    for request in (KNOWN, Request()):
        (found,) = mistakes(tmp_path / "a.csv", request)
        assert "column 2 ('p1'): its columns of values hold no numbers; found e.g. '1,0'" in found
        assert "decimal comma" in found


def test_rows_with_too_few_and_too_many_fields_are_told(tmp_path: Path) -> None:
    text = "gene\tp1\tp2\nA\t1\t2\nB\t3\nC\t4\t5\t6\nD\t7\t8\nE\t1\t1\t1\t1\n"
    found = mistakes(write(tmp_path / "a.tsv", text))
    assert any("row 3 ('B'): found 2 fields; the header has 3" in line for line in found)
    assert any("row 4: found 4 fields; the header has 3" in line for line in found)
    assert any("row 6: found 5 fields" in line for line in found)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.tsv", b"", "is empty"),
        ("a.tsv", b"\n\n", "holds no table"),
        ("a.tsv", b"gene\tp1\tp2\n", "holds a header and no rows"),
        ("a.tsv", b"gene\nA\n", "one field only"),
        ("a.tsv", "gene\tp1\nA\t1\n".encode("utf-16"), "UTF-16"),
        ("a.tsv", b"gene\tp1\tp2\n\xc4\t1\t2\n", "no text in UTF-8"),
        ("a.tsv", b"PK\x03\x04......", "Excel"),
        ("a.tsv.gz", gzip.compress(b"gene\tp1\tp2\nA\t1\t2\n" * 99, mtime=0)[:-20], "cut off"),
        ("a.xlsx", b"PK\x03\x04......", "unknown kind of file"),
        ("a.rds", b"\x1f\x8b......", "unknown kind of file"),
        ("a.parquet", b"nothing", "is no .parquet file"),
        ("a.h5ad", b"nothing", "is no .h5ad file"),
        ("a.h5ad", b"\x89HDF\r\n\x1a\n", "cannot be read as .h5ad"),
        ("a.parquet", b"PAR1", "cannot be read as Parquet"),
        ("a.tsv", b'gene\tp1\tp2\n"A\t1\t2\nB\t3\t4\n', "quotation mark"),
    ],
)  # fmt: skip
def test_what_is_no_table_is_refused_in_words(
    tmp_path: Path, name: str, content: bytes, words: str
) -> None:
    (found,) = mistakes(write(tmp_path / name, content))
    assert str(tmp_path / name) in found
    assert words in found


def test_a_missing_file_names_one_like_it(tmp_path: Path) -> None:
    FRAME.to_csv(tmp_path / "counts.tsv")
    (found,) = mistakes(tmp_path / "count.tsv")
    assert "no such file" in found
    assert "did you mean 'counts.tsv'?" in found


def test_reading_is_the_same_with_gunzip(tmp_path: Path) -> None:
    FRAME.to_csv(tmp_path / "a.tsv.gz", sep="\t")
    with (tmp_path / "b.tsv").open("wb") as plain:
        subprocess.run(["gzip", "-dc", tmp_path / "a.tsv.gz"], stdout=plain, check=True)
    assert (read(tmp_path / "a.tsv.gz").values == read(tmp_path / "b.tsv").values).all()
