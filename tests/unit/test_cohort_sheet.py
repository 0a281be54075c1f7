"""Sample tables as pandas, R and spreadsheets write them."""

from __future__ import annotations

import zipfile
from pathlib import Path

import openpyxl
import pandas as pd
import pytest

from exprlab.cohort.glance import glance
from exprlab.cohort.problems import Problems
from exprlab.cohort.sheet import Sheet, classified, read_sheets
from exprlab.config.files import FilesDataset
from exprlab.errors import UserError

FRAME = pd.DataFrame(
    {
        "id": ["s1", "s2", "s3", "0004"],
        "diagnosis": ["tumor", "normal", "normal", "tumor"],
        "batch": ["1", "1", "2", "2"],
        "age": [40, 51, 62, 73],
        "centre": ["07", "08", "07", "09"],
    }
)


def settings(*paths: Path, **others: object) -> FilesDataset:
    columns = others.pop("columns", {"label": "diagnosis"})
    names = [str(path) for path in paths]
    return FilesDataset(expression="x.tsv", samples=names, columns=columns, **others)


def read(chosen: FilesDataset) -> Sheet:
    problems = Problems()
    sheet = read_sheets(chosen, problems)
    assert not problems.errors, problems.errors
    assert sheet is not None
    return sheet


def mistakes(chosen: FilesDataset) -> str:
    problems = Problems()
    sheet = read_sheets(chosen, problems)
    if sheet:
        classified(sheet, chosen, problems)
    assert problems.errors
    return "\n".join(map(str, problems.errors))


def write(path: Path, frame: pd.DataFrame = FRAME) -> Path:
    if path.suffix == ".xlsx":
        frame.to_excel(path, index=False)
    else:
        frame.to_csv(path, sep="," if ".csv" in path.name else "\t", index=False)
    return path


@pytest.mark.parametrize("name", ["a.tsv", "a.csv", "a.txt", "a.tsv.gz", "a.csv.gz", "a.xlsx"])
def test_every_format_says_the_same(tmp_path: Path, name: str) -> None:
    samples = read(settings(write(tmp_path / name))).samples
    expected = pd.DataFrame(
        {"label": FRAME["diagnosis"].tolist(), "batch": ["1", "1", "2", "2"],
         "age": [40, 51, 62, 73], "centre": ["07", "08", "07", "09"]},
        index=pd.Index(["s1", "s2", "s3", "0004"], name="sample_id"),
    )  # fmt: skip
    pd.testing.assert_frame_equal(samples, expected)


def test_places_are_rows_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text('# from the clinic\nid,label,note\n\ns1,x,"two\nlines"\ns2,y,\n')
    sheet = read(settings(path, columns={}))
    assert [row for _, row in sheet.places] == [5, 6]  # that of its last line
    assert sheet.where(1) == "row 6 (sample 's2')"
    assert sheet.samples["note"].iloc[0] == "two\nlines"
    assert sheet.samples["note"].isna().tolist() == [False, True]


def test_row_names_of_r_are_ids(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text('"label" "age"\n"s1" "x" 4\n"s2" "y" 5\n')
    sheet = read(settings(tmp_path / "a.txt", columns={}))
    assert sheet.samples.index.tolist() == ["s1", "s2"]
    assert sheet.samples["age"].tolist() == [4, 5]


def test_numbers_of_a_workbook_are_ids_as_they_are_seen(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    book.active.append(["id", "label", "dose", "seen", None])
    book.active.append([17, "x", 0.5, True, None])
    book.active.append([18.0, None, 1, False, None])
    book.create_sheet("notes").append(["nothing"])
    book.save(tmp_path / "a.xlsx")
    sheet = read(settings(tmp_path / "a.xlsx", columns={}))
    assert sheet.samples.index.tolist() == ["17", "18"]
    assert sheet.samples["dose"].tolist() == [0.5, 1]
    assert sheet.samples["label"].isna().tolist() == [False, True]
    assert "'Sheet' was read, and not 'notes'" in sheet.notes[0]


def test_columns_are_found_by_the_settings(tmp_path: Path) -> None:
    frame = pd.DataFrame(
        {"label": ["u", "v"], "plate": ["a", "b"], "batch": ["7", "8"], "key": ["s1", "s2"],
         "group": ["x", "y"], "sample_id": ["z1", "z2"]}
    )  # fmt: skip
    columns = {"id": "key", "label": "group", "batch": "plate"}
    sheet = read(settings(write(tmp_path / "a.tsv", frame), columns=columns))
    assert sheet.samples.index.tolist() == ["s1", "s2"]
    assert sheet.samples["label"].tolist() == ["x", "y"]
    assert sheet.samples["batch"].tolist() == ["a", "b"]
    # The user's own columns of these names are kept.
    assert sheet.samples["other_batch"].tolist() == [7, 8]
    assert sheet.samples["other_label"].tolist() == ["u", "v"]
    assert sheet.columns == {"label": "group", "batch": "plate"}


def test_sheets_are_aligned_by_the_names_of_their_columns(tmp_path: Path) -> None:
    other = FRAME[["id", "age", "diagnosis"]].assign(id=["t1", "t2", "t3", "t4"], site="x")
    sheet = read(settings(write(tmp_path / "a.tsv"), write(tmp_path / "b.xlsx", other)))
    assert sheet.samples.index.tolist() == ["s1", "s2", "s3", "0004", "t1", "t2", "t3", "t4"]
    assert list(sheet.samples) == ["label", "batch", "age", "centre", "site"]
    assert sheet.samples["age"].tolist() == FRAME["age"].tolist() * 2
    assert sheet.samples["batch"].isna().tolist() == [False] * 4 + [True] * 4
    assert sheet.paths == (tmp_path / "a.tsv", tmp_path / "b.xlsx")


def test_repeated_ids_name_both_rows(tmp_path: Path) -> None:
    other = FRAME.assign(id=["t1", "s3", "t3", "t4"])
    chosen = settings(write(tmp_path / "a.tsv"), write(tmp_path / "b.tsv", other))
    assert f"{tmp_path / 'b.tsv'}: row 3 (sample 's3'): the id is in row 4 of a.tsv" in mistakes(
        chosen
    )


@pytest.mark.parametrize("key", ["id", "label", "batch", "patient", "split"])
def test_a_column_that_is_not_there_is_told_with_one_like_it(tmp_path: Path, key: str) -> None:
    chosen = settings(write(tmp_path / "a.tsv"), columns={key: "diagnoses"})
    found = mistakes(chosen)
    assert (
        f"has no column 'diagnoses', which columns.{key} names; did you mean 'diagnosis'?" in found
    )
    assert f"set columns.{key}" in found


# Classes.


def classes(tmp_path: Path, **others: object) -> pd.Series:
    chosen = settings(write(tmp_path / "a.tsv"), **others)
    problems = Problems()
    found = classified(read(chosen), chosen, problems)["label"]
    assert not problems.errors
    assert found.cat.ordered
    return found


def test_labels_are_classes_the_positive_one_last(tmp_path: Path) -> None:
    assert list(classes(tmp_path).cat.categories) == ["normal", "tumor"]
    assert list(classes(tmp_path, positive="normal").cat.categories) == ["tumor", "normal"]


def test_labels_are_mapped(tmp_path: Path) -> None:
    mapping = {"tumor": "malignant", "normal": "benign"}
    found = classes(tmp_path, classes=mapping, positive="malignant")
    assert list(found) == ["malignant", "benign", "benign", "malignant"]
    assert list(found.cat.categories) == ["benign", "malignant"]


def test_labels_that_the_mapping_lacks_are_refused(tmp_path: Path) -> None:
    chosen = settings(write(tmp_path / "a.tsv"), classes={"tumour": "bad", "normal": "good"})
    found = mistakes(chosen)
    assert "row 2 (sample 's1'), column 'diagnosis': found label 'tumor' (2 samples)" in found
    assert "did you mean 'tumour'?" in found


def test_a_positive_class_that_is_none_is_refused(tmp_path: Path) -> None:
    found = mistakes(settings(write(tmp_path / "a.tsv"), positive="tumour"))
    assert "holds no class 'tumour', which `positive` names; did you mean 'tumor'?" in found


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.xlsx", b"PK\x03\x04 nothing", "is no Excel workbook"),
        (
            "a.tsv",
            b"id\tlabel\ns1\tx\ty\ns2\tx\n",
            "row 2 ('s1'): found 3 fields; the header has 2",
        ),
        ("a.tsv", b"id\tlabel\tlabel\ns1\tx\ty\n", "two columns 'label'"),
        ("a.tsv", b"id\tlabel\n", "no rows"),
        ("a.tsv", b"id\tlabel\n\t\n", "no rows"),
        ("a.tsv", b"id\tlabel\ns\xe4\tx\n", "UTF-8"),
        ("a.tsv", b"", "is empty"),
    ],
)
def test_what_is_no_sample_table_is_refused(
    tmp_path: Path, name: str, content: bytes, words: str
) -> None:
    (tmp_path / name).write_bytes(content)
    assert words in mistakes(settings(tmp_path / name))


@pytest.mark.parametrize("spelled", ["Batch", " batch ", "BATCH"])
def test_a_column_is_found_however_its_name_is_written(tmp_path: Path, spelled: str) -> None:
    path = write(tmp_path / "a.tsv", FRAME.rename(columns={"batch": spelled}))
    sheet = read(settings(path))
    assert list(sheet.samples["batch"]) == list(FRAME["batch"])
    taken = f"column '{spelled.strip()}' is taken as batch"
    assert (taken in sheet.notes) == (spelled.strip() != "batch")


def damaged_workbooks(folder: Path) -> list[Path]:
    """Return workbooks that are damaged in ways that openpyxl meets at different moments."""
    whole = write(folder / "whole.xlsx")
    with zipfile.ZipFile(whole) as file:
        parts = {name: file.read(name) for name in file.namelist()}
    sheet = next(name for name in parts if name.endswith("sheet1.xml"))
    changes = {
        "cut": parts[sheet][: len(parts[sheet]) // 2],
        "no_number": parts[sheet].replace(b"<v>40</v>", b"<v>abc</v>"),
    }
    paths = []
    for name, content in changes.items():
        assert content != parts[sheet]
        paths.append(folder / f"{name}.xlsx")
        with zipfile.ZipFile(paths[-1], "w", zipfile.ZIP_DEFLATED) as file:
            for part, data in (parts | {sheet: content}).items():
                file.writestr(part, data)
    flipped = bytearray(whole.read_bytes())
    start = whole.read_bytes().index(sheet.encode()) + len(sheet) + 4
    flipped[start : start + 40] = bytes(40)
    paths.append(folder / "flipped.xlsx")
    paths[-1].write_bytes(flipped)
    return paths


def test_damaged_workbooks_are_refused_by_check_and_plan(tmp_path: Path) -> None:
    for path in damaged_workbooks(tmp_path):
        assert "Excel workbook" in mistakes(settings(path)), path
        with pytest.raises(UserError, match="Excel workbook"):
            glance(settings(path))
    (tmp_path / "folder.xlsx").mkdir()
    assert "folder" in mistakes(settings(tmp_path / "folder.xlsx"))


def test_hidden_sheets_are_not_read(tmp_path: Path) -> None:
    path = write(tmp_path / "a.xlsx")
    book = openpyxl.load_workbook(path)
    book.create_sheet("old", 0).append(["id", "diagnosis"])
    book.worksheets[0].sheet_state = "hidden"
    book.save(path)
    assert len(read(settings(path)).samples) == len(FRAME)
    assert glance(settings(path)).n_samples == len(FRAME)


@pytest.mark.parametrize(
    "text",
    [
        "# written by hand\n{}",
        "\n\n{}",
        "{}\n\n",
        "\ufeff{}",
    ],
)
@pytest.mark.parametrize("separator", ["\t", ",", ";", " "])
def test_the_plan_reads_a_sheet_as_the_check_does(
    tmp_path: Path, text: str, separator: str
) -> None:
    frame = FRAME.assign(split=["train", "test", "train", "test"])
    path = tmp_path / "a.tsv"
    path.write_text(text.format(frame.to_csv(sep=separator, index=False)), encoding="utf-8")
    sheet, seen = read(settings(path)), glance(settings(path))
    assert seen.n_samples == len(sheet.samples) == 4
    assert seen.batches == set(sheet.samples["batch"])
    assert seen.has_split
    assert list(sheet.samples["split"]) == list(frame["split"])
