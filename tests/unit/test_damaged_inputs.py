"""Damaged inputs of many sorts: each is answered by what is wrong, where, and what to do."""

from __future__ import annotations

import gzip
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from laboratory import N_GENES, N_SAMPLES, Lab

from exprlab.cli.main import main
from exprlab.data.folds import published_split


@dataclass(frozen=True)
class Damage:
    """What is done to a clean cohort, and words that the answer must have, in one line each."""

    make: Callable[[Lab], None]
    words: tuple[tuple[str, ...], ...]
    is_error: bool = True


DAMAGES: dict[str, Damage] = {}


def damage(*words: str, also: tuple[str, ...] = (), warning: bool = False) -> Callable:
    """Register a damage under its function's name."""

    def register(make: Callable[[Lab], None]) -> Callable[[Lab], None]:
        lines = (words, also) if also else (words,)
        DAMAGES[make.__name__] = Damage(make, lines, not warning)
        return make

    return register


# Values. Row 1 of the file is the header and column 1 the ids: gene 5 is row 7, sample 3 column 5.


@damage("expression.tsv: row 7, column 5", "lab-003", "3.7 is not a whole number", "values:")
def fraction(lab: Lab) -> None:
    lab.set(5, 3, 3.7)


@damage("expression.tsv: row 7, column 5", "-4 is negative", "leave the cell empty")
def negative(lab: Lab) -> None:
    lab.set(5, 3, -4)


@damage("expression.tsv: row 7, column 5", "missing", "check", warning=True)
def missing_value(lab: Lab) -> None:
    lab.set(5, 3, "")


@damage("expression.tsv: row 7", "column 5", "abc", "number")
def text_value(lab: Lab) -> None:
    lab.set(5, 3, "abc")


@damage("expression.tsv: row 7, column 5", "inf", "infinite")
def infinite(lab: Lab) -> None:
    lab.set(5, 3, "inf")


@damage("expression.tsv: row 7, column 5", "8000000000", "larger than any count")
def too_large(lab: Lab) -> None:
    lab.set(5, 3, 8_000_000_000)


@damage("expression.tsv: row 7", "column 5", "1,234", "no comma")
def thousands_separator(lab: Lab) -> None:
    lab.set(5, 3, "1,234")


@damage("expression.tsv", "column 2", "5,087", "decimal comma")
def decimal_commas(lab: Lab) -> None:
    text = np.log2(lab.counts + 1).map(lambda x: f"{x:.3f}".replace(".", ","))
    lab.counts = text
    lab.options = ["--values", "log2"]


@damage("expression.tsv: row 2, column 2", "logarithms", "set values: log2")
def logs_as_counts(lab: Lab) -> None:
    lab.counts = np.log2(lab.counts + 1)


@damage("expression.tsv", "million", "set values: tpm")
def tpm_as_counts(lab: Lab) -> None:
    lab.counts = lab.counts / lab.counts.sum() * 1e6


@damage("expression.tsv", "million", "set values: tpm", warning=True)
def rounded_tpm_as_counts(lab: Lab) -> None:
    lab.counts = (lab.counts / lab.counts.sum() * 1e6).round().astype(int)


@damage("expression.tsv", "rounded logarithms", "set values: log2", warning=True)
def rounded_logs_as_counts(lab: Lab) -> None:
    lab.counts = np.log2(lab.counts + 1).round().astype(int)


@damage("expression.tsv: row 2, column 2", "round expected counts (RSEM, salmon)")
def expected_counts(lab: Lab) -> None:
    lab.counts = lab.counts + 0.25


@damage("expression.tsv: row 2, column 2", "whole numbers", "set values: counts")
def counts_as_logs(lab: Lab) -> None:
    lab.options = ["--values", "log2"]


@damage("expression.tsv: row 2, column 2", "whole numbers", "set values: counts")
def counts_as_tpm(lab: Lab) -> None:
    lab.options = ["--values", "tpm"]


@damage("expression.tsv: row 2, column 2", "logarithms", "set values: log2")
def logs_as_tpm(lab: Lab) -> None:
    lab.counts = np.log2(lab.counts + 1)
    lab.options = ["--values", "tpm"]


@damage("expression.tsv: row 2, column 2", "logarithms", "set values: log2")
def logs_as_intensities(lab: Lab) -> None:
    lab.counts = np.log2(lab.counts + 1)
    lab.options = ["--values", "intensity"]


@damage("expression.tsv: column 5 (sample 'lab-003')", "sum to 2,", "TPM sum to a million")
def tpm_above_a_million(lab: Lab) -> None:
    lab.counts = lab.counts / lab.counts.sum() * 1e6
    lab.counts["lab-003"] *= 2.2
    lab.options = ["--values", "tpm"]


@damage("expression.tsv: row 7, column 5", "-inf", "log2(x + 1)")
def log_of_zero(lab: Lab) -> None:
    lab.counts = np.log2(lab.counts + 1.5)
    lab.set(5, 3, "-inf")
    lab.options = ["--values", "log2"]


@damage("expression.tsv: row 7, column 5", "4096", "no logarithm to base 2")
def one_value_not_logged(lab: Lab) -> None:
    lab.counts = np.log2(lab.counts + 1.5)
    lab.set(5, 3, 4096)
    lab.options = ["--values", "log2"]


@damage("expression.tsv: row 7, column 5", "-12.5 is not above 0", "log2", warning=True)
def negative_intensity(lab: Lab) -> None:
    lab.counts = lab.counts + 0.5
    lab.set(5, 3, -12.5)
    lab.options = ["--values", "intensity"]


@damage("expression.tsv", "mean 0 and standard deviation 1", "before the scaling", warning=True)
def values_scaled_over_all_samples(lab: Lab) -> None:
    logs = np.log2(lab.counts + 1)
    lab.counts = logs.sub(logs.mean(axis=1), axis=0).div(logs.std(axis=1), axis=0).round(4)
    lab.options = ["--values", "log2"]


@damage("expression.tsv", "lab-003", "look log-transformed", "the same scale")
def one_sample_logged(lab: Lab) -> None:
    lab.counts = lab.counts + 0.5
    lab.counts["lab-003"] = np.log2(lab.counts["lab-003"])
    lab.options = ["--values", "intensity"]


# Ids of genes and samples.


@damage("expression.tsv: row 7", "'ENSG00000100035' occurs 2 times", "row 10", "keep one")
def gene_twice(lab: Lab) -> None:
    lab.rename_gene(8, lab.counts.index[5])


@damage("expression.tsv: column 4", "'lab-002' occurs 2 times", "column 6", "keep one")
def sample_twice(lab: Lab) -> None:
    lab.rename_sample(4, "lab-002")


@damage("expression.tsv: row 7", "differ only in case or blanks", "row 8")
def genes_alike_but_for_case(lab: Lab) -> None:
    lab.rename_gene(5, "Trp53")
    lab.rename_gene(6, "TRP53")


@damage("expression.tsv: row 7", "differ only in case or blanks", "row 8")
def genes_alike_but_for_blanks(lab: Lab) -> None:
    lab.rename_gene(6, lab.counts.index[5] + " ")


@damage("expression.tsv: row 7", "ENSG00000100035.12", "differ only in their version", "row 8")
def genes_alike_but_for_version(lab: Lab) -> None:
    lab.rename_gene(5, "ENSG00000100035.12")
    lab.rename_gene(6, "ENSG00000100035.13")


@damage("expression.tsv: row 7", "differ only in their version", "row 8", "keep one")
def gene_with_and_without_version(lab: Lab) -> None:
    lab.rename_gene(6, lab.counts.index[5] + ".4")


@damage("expression.tsv: row 7", "'1-Mar' is a date", "restore the names",
        also=("expression.tsv: row 8", "'2001-09-02' is a date"))  # fmt: skip
def genes_of_a_spreadsheet(lab: Lab) -> None:
    lab.rename_gene(5, "1-Mar")
    lab.rename_gene(6, "2001-09-02")


@damage("expression.tsv: row 7", "'2.31E+13' is a number", "RIKEN", "restore the names")
def riken_of_a_spreadsheet(lab: Lab) -> None:
    lab.rename_gene(5, "2.31E+13")


@damage("expression.tsv: row 7", "'#REF!'", "error of a spreadsheet")
def formula_of_a_spreadsheet(lab: Lab) -> None:
    lab.rename_gene(5, "#REF!")


@damage("expression.tsv: row 7", "gene id is empty", "name the gene")
def empty_gene(lab: Lab) -> None:
    lab.rename_gene(5, "")


@damage("expression.tsv: row 7", "gene id is empty: found 'NA'", "name the gene")
def absent_gene(lab: Lab) -> None:
    lab.rename_gene(5, "NA")


@damage("expression.tsv: row 82", "'__no_feature'", "no gene", "remove it")
def summary_row_of_htseq(lab: Lab) -> None:
    lab.add_gene("__no_feature", 4000)


@damage("expression.tsv: row 82", "'Total'", "no gene", "remove it")
def row_of_totals(lab: Lab) -> None:
    lab.add_gene("Total", lab.counts.sum())


@damage("expression.tsv: row 82", "the sum of all other genes", "remove it")
def row_of_totals_by_another_name(lab: Lab) -> None:
    lab.add_gene("ENSG00000999999", lab.counts.sum())


@damage("expression.tsv: row 2", "numbers of rows", "give gene names", warning=True)
def numbers_for_genes(lab: Lab) -> None:
    lab.counts.index = [str(i) for i in range(1, N_GENES + 1)]


@damage("expression.tsv: row", "several kinds", "Ensembl", "names ('TP53X0')", warning=True)
def mixed_gene_ids(lab: Lab) -> None:
    for i in range(20):
        lab.rename_gene(i, f"TP53X{i}")


@damage("expression.tsv", "only 6 genes", "genes_in", warning=True)
def few_genes(lab: Lab) -> None:
    lab.counts = lab.counts.iloc[:6]


# Genes and samples that say nothing, or what they must not.


@damage("expression.tsv: row 7", "1 of 80 genes have no read in any sample", "'ENSG", warning=True)
def gene_without_reads(lab: Lab) -> None:
    lab.counts.iloc[5] = 0


@damage("expression.tsv: row 7", "one and the same value in every sample", warning=True)
def constant_gene(lab: Lab) -> None:
    lab.counts.iloc[5] = 7


@damage("expression.tsv: column 5 (sample 'lab-003')", "no reads at all", "remove the sample")
def sample_without_reads(lab: Lab) -> None:
    lab.counts["lab-003"] = 0


@damage("expression.tsv: column 5 (sample 'lab-003')", "reads, the median", warning=True)
def shallow_sample(lab: Lab) -> None:
    lab.counts["lab-003"] = np.arange(N_GENES) % 2


@damage("expression.tsv: column 6 (sample 'lab-004')", "'lab-001', 'lab-004'", "different labels")
def sample_twice_with_two_labels(lab: Lab) -> None:
    lab.counts["lab-004"] = lab.counts["lab-001"]


@damage("expression.tsv: column 7", "'lab-001', 'lab-005'", "give them the same patient")
def sample_twice_with_two_patients(lab: Lab) -> None:
    lab.counts["lab-005"] = lab.counts["lab-001"]


@damage("expression.tsv: row 82 (gene 'ENSG00000999999')", "'tumor'", "the label and no gene")
def label_among_genes(lab: Lab) -> None:
    lab.add_gene("ENSG00000999999", np.where(lab.sheet["label"] == "tumor", 900, 13))


@damage("expression.tsv: row 82", "'age'", "no gene", "sample table")
def column_of_the_sheet_among_genes(lab: Lab) -> None:
    lab.add_gene("age", lab.sheet["age"].to_numpy())


@damage("samples.tsv: column 'label'", "number of reads", "AUROC", "tumor", warning=True)
def library_size_tells_the_class(lab: Lab) -> None:
    lab.counts.loc[:, (lab.sheet["label"] == "tumor").to_numpy()] *= 10


# The sample table, and how it fits the values.


@damage("lab-003", "samples.tsv", "expression")
def sample_without_values(lab: Lab) -> None:
    lab.counts = lab.counts.drop(columns="lab-003")


@damage(
    "expression.tsv: column 5", "lab-003", "not in the sample table", "samples.tsv", warning=True
)
def sample_without_a_row(lab: Lab) -> None:
    lab.sheet = lab.sheet.drop(index=3)


@damage("lab.003", "did you mean 'lab-003'")
def one_name_changed_by_r(lab: Lab) -> None:
    lab.rename_sample(3, "lab.003")


@damage("lab-000", "lab.000")
def all_names_changed_by_r(lab: Lab) -> None:
    lab.counts.columns = [name.replace("-", ".") for name in lab.counts.columns]


@damage("LAB-003", "did you mean 'lab-003'")
def sample_in_another_case(lab: Lab) -> None:
    lab.rename_sample(3, "LAB-003")


@damage("samples.tsv", "'label'", "did you mean 'lable'")
def no_column_of_labels(lab: Lab) -> None:
    lab.sheet = lab.sheet.rename(columns={"label": "lable"})


@damage("samples.tsv: row 5", "lab-003", "column 'label'", "empty")
def sample_without_label(lab: Lab) -> None:
    lab.sheet.loc[3, "label"] = ""


@damage("samples.tsv: row 5", "lab-003", "column 'label'", "'Tumor'", "differ only in case")
def label_in_another_case(lab: Lab) -> None:
    lab.sheet.loc[3, "label"] = "Tumor"


@damage("samples.tsv: row 5", "lab-003", "'unknown'", "no class")
def unknown_label(lab: Lab) -> None:
    lab.sheet.loc[3, "label"] = "unknown"


@damage("samples.tsv", "column 'label'", "one class only: 'tumor'")
def one_class(lab: Lab) -> None:
    lab.sheet["label"] = "tumor"


@damage("samples.tsv", "column 'label'", "class 'rare' has only 1 sample", "`classes`")
def tiny_class(lab: Lab) -> None:
    lab.sheet.loc[3, "label"] = "rare"


@damage("samples.tsv", "column 'label'", "has only 20 samples", "wide intervals", warning=True)
def small_class(lab: Lab) -> None:
    keep = [i for i in range(N_SAMPLES) if i % 2 == 0 or i < 40]
    lab.sheet = lab.sheet.iloc[keep]
    lab.counts = lab.counts.iloc[:, keep]


@damage("samples.tsv", "column 'label'", "64 classes among 64", "check that this is the column")
def patients_as_labels(lab: Lab) -> None:
    lab.sheet["label"] = [f"x{i}" for i in range(N_SAMPLES)]


@damage("samples.tsv: row 6", "lab-003", "row 5")
def row_of_the_sheet_twice(lab: Lab) -> None:
    lab.sheet = pd.concat([lab.sheet.iloc[:4], lab.sheet.iloc[3:]])


@damage("samples.tsv: row 5", "lab-003", "column 'patient'", "is empty", "name the patient")
def sample_without_patient(lab: Lab) -> None:
    lab.sheet.loc[3, "patient"] = ""


@damage("samples.tsv", "column 'patient'", "'P1'", "differ only in case")
def patient_in_another_case(lab: Lab) -> None:
    lab.sheet.loc[3, "patient"] = "P1"


@damage("samples.tsv: row 5", "lab-003", "column 'split'", "patient 'p1'", "the same part")
def patient_crossing_the_split(lab: Lab) -> None:
    lab.sheet.loc[3, "split"] = "test"


@damage("samples.tsv: row 5", "column 'split'", "'tset'", "did you mean 'test'")
def unknown_part_of_the_split(lab: Lab) -> None:
    lab.sheet.loc[[2, 3], "split"] = "tset"


@damage("samples.tsv: row 5", "column 'split'", "is empty")
def sample_in_no_part(lab: Lab) -> None:
    lab.sheet.loc[[2, 3], "split"] = ["train", ""]


@damage("samples.tsv: column 'split'", "'test' has no sample of class 'tumor'")
def class_absent_from_the_test(lab: Lab) -> None:
    lab.sheet["patient"] = [f"p{i}" for i in range(N_SAMPLES)]
    lab.sheet.loc[lab.sheet["label"] == "tumor", "split"] = "train"


@damage("samples.tsv: column 'split'", "no sample is in 'test'")
def no_test_samples(lab: Lab) -> None:
    lab.sheet["split"] = "train"


@damage("samples.tsv: column 'label'", "'rare' has only 2 patients", "needs 3 or more")
def class_of_two_patients(lab: Lab) -> None:
    lab.sheet.loc[[0, 1, 2, 3], "label"] = "rare"


@damage("samples.tsv: column 'label'", "'rare' has only 4 patients", "needs 5 or more")
def class_smaller_than_the_folds(lab: Lab) -> None:
    lab.sheet.loc[range(8), "label"] = "rare"
    lab.options += ["--smallest-class", "5"]


@damage("samples.tsv: row 5", "lab-003", "column 'split'", "patient 'p1'", "the same part")
def patient_crossing_a_split_in_other_words(lab: Lab) -> None:
    lab.sheet["split"] = lab.sheet["split"].replace({"train": "Training", "test": "testing"})
    lab.sheet.loc[3, "split"] = "testing"


@damage("samples.tsv: column 'batch'", "confounded", "one class only", warning=True)
def batch_is_the_label(lab: Lab) -> None:
    lab.sheet["batch"] = lab.sheet["label"].map({"tumor": "b1", "normal": "b2"})


@damage("samples.tsv: column 'batch'", "Cramer's V 0.", "leaving one batch out", warning=True)
def batch_goes_with_the_label(lab: Lab) -> None:
    other = np.arange(N_SAMPLES) % 8 < 2
    lab.sheet["batch"] = np.where((lab.sheet["label"] == "tumor") ^ other, "b1", "b2")


@damage("samples.tsv: row 5", "column 'batch'", "is empty")
def sample_without_batch(lab: Lab) -> None:
    lab.sheet.loc[3, "batch"] = ""


@damage("samples.tsv: column 'code'", "the same as the label", "'2' = 'tumor'", warning=True)
def column_that_is_the_label(lab: Lab) -> None:
    lab.sheet["code"] = lab.sheet["label"].map({"tumor": 2, "normal": 1})


# Files.


@damage("expression.tsv.gz", "cut off")
def cut_gzip(lab: Lab) -> None:
    lab.expression = "expression.tsv.gz"

    def cut(folder: Path) -> None:
        path = folder / lab.expression
        path.write_bytes(path.read_bytes()[:-200])

    lab.after = cut


@damage("expression.tsv", "empty")
def empty_file(lab: Lab) -> None:
    lab.after = lambda folder: (folder / "expression.tsv").write_bytes(b"")


@damage("expression.tsv")
def binary_file(lab: Lab) -> None:
    noise = np.random.default_rng(0).bytes(5000)
    lab.after = lambda folder: (folder / "expression.tsv").write_bytes(noise)


@damage("expression.tsv", "UTF-8")
def other_encoding(lab: Lab) -> None:
    def encode(folder: Path) -> None:
        path = folder / "expression.tsv"
        path.write_bytes(path.read_text().replace("lab-003", "läb-003").encode("latin-1"))

    lab.after = encode


@damage("expression.tsv")
def only_a_header(lab: Lab) -> None:
    lab.counts = lab.counts.iloc[:0]


@damage("expression.tsv", "no such file")
def absent_file(lab: Lab) -> None:
    lab.after = lambda folder: (folder / "expression.tsv").unlink()


@damage("expression.tsv", "row 9")
def row_too_short(lab: Lab) -> None:
    def shorten(folder: Path) -> None:
        path = folder / "expression.tsv"
        lines = path.read_text().splitlines()
        lines[8] = lines[8].rsplit("\t", 4)[0]
        path.write_text("\n".join(lines) + "\n")

    lab.after = shorten


@damage("expression.tsv", "genes_in")
def wrong_orientation(lab: Lab) -> None:
    lab.options = ["--genes-in", "columns"]


@damage("expression.tsv: is a web page", "not a table")
def page_of_a_portal(lab: Lab) -> None:
    page = "<!DOCTYPE html>\n<html><body>Please log in</body></html>\n"
    lab.after = lambda folder: (folder / "expression.tsv").write_text(page)


@damage("samples.tsv", "empty")
def empty_sheet(lab: Lab) -> None:
    lab.after = lambda folder: (folder / "samples.tsv").write_bytes(b"")


# Tables that were shifted, cut or spelled as other programs do.


def lines_of(path: Path, change: Callable[[list[str]], list[str]]) -> None:
    path.write_text("\n".join(change(path.read_text().splitlines())) + "\n")


@damage("expression.tsv: header", "rows have 66 fields, the header 65", "end of the rows")
def separator_at_the_end_of_rows(lab: Lab) -> None:
    def change(folder: Path) -> None:
        lines_of(folder / "expression.tsv", lambda x: [x[0], *(f"{row}\t" for row in x[1:])])

    lab.after = change


@damage("expression.tsv: header", "rows have 65 fields, the header 64", "name every column")
def lost_name_of_a_sample(lab: Lab) -> None:
    def change(folder: Path) -> None:
        table = folder / "expression.tsv"
        lines_of(table, lambda x: ["gene_id" + x[0][x[0].index("\tlab-001") :], *x[1:]])

    lab.after = change


@damage("samples.tsv: header", "rows have 8 fields, the header 7", "end of the rows")
def separator_at_the_end_of_the_sheet(lab: Lab) -> None:
    def change(folder: Path) -> None:
        lines_of(folder / "samples.tsv", lambda x: [x[0], *(f"{row}\t" for row in x[1:])])

    lab.after = change


@damage("samples.tsv: column 'donor_id'", "is not used as patient", "columns.patient: donor_id",
        warning=True)  # fmt: skip
def patients_under_another_name(lab: Lab) -> None:
    lab.sheet = lab.sheet.rename(columns={"patient": "donor_id"})


@damage("samples.tsv: row", "found '1.0'", "'1.0'", "differ only in case, blanks or zeros")
def labels_that_a_spreadsheet_has_changed(lab: Lab) -> None:
    codes = lab.sheet["label"].map({"normal": "0", "tumor": "1"})
    lab.sheet["label"] = codes.where(lab.sheet.index != 5, "1.0")


@damage("samples.tsv: row", "found 'ER+|HER2-'", "between the classes of a prediction set")
def class_with_the_separator_of_sets(lab: Lab) -> None:
    lab.sheet["label"] = lab.sheet["label"].replace("tumor", "ER+|HER2-")


@damage("expression.tsv: row 2", "ND", "number")
def gene_below_the_limit(lab: Lab) -> None:
    lab.counts = lab.counts.astype(object)
    lab.counts.iloc[0] = "ND"


@pytest.mark.parametrize("name", list(DAMAGES))
def test_damage_is_answered(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lab, expected = Lab(tmp_path), DAMAGES[name]
    expected.make(lab)
    arguments = lab.arguments()
    before = {p.name for p in tmp_path.iterdir()}
    code = main([*arguments, "--output", str(tmp_path / "checks.json")])
    out, err = capsys.readouterr()
    assert code == (2 if expected.is_error else 0), out + err
    told = err if expected.is_error else out
    lines = told.splitlines()
    for words in expected.words:
        assert any(all(word in line for word in words) for line in lines), told
    after = {p.name for p in tmp_path.iterdir()} - before
    assert after == (set() if expected.is_error else {"checks.json"})
    assert "Traceback" not in out + err


def test_clean_cohort_passes_without_a_warning(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(Lab(tmp_path).arguments()) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert "64 samples" in out
    assert "warning" not in out.lower().replace("no warnings", "")


def test_a_split_may_be_spelled_as_in_papers(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lab = Lab(tmp_path)
    words = {"train": "Training", "test": " TESTING"}
    lab.sheet["split"] = lab.sheet["split"].replace(words)
    assert main(lab.arguments()) == 0, capsys.readouterr().err
    samples = lab.sheet.set_index("sample_id")
    expected = samples["split"].map({word: side for side, word in words.items()})
    assert published_split(samples).equals(expected)


def test_several_damages_are_told_at_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lab = Lab(tmp_path)
    together = [fraction, gene_twice, sample_without_patient, unknown_label, sample_in_no_part]
    for make in together:
        make(lab)
    lab.rename_sample(3, "lab.003")
    assert main(lab.arguments()) == 2
    lines = capsys.readouterr().err.splitlines()
    for make in together:
        words = [word for word in DAMAGES[make.__name__].words[0] if word != "lab-003"]
        assert any(all(word in line for word in words) for line in lines), make.__name__
    assert any("lab.003" in line for line in lines)


def test_a_process_of_its_own_ends_without_a_traceback(tmp_path: Path) -> None:
    lab = Lab(tmp_path)
    fraction(lab)
    command = [sys.executable, "-m", "exprlab", *lab.arguments()]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("error: ")
    assert "3.7 is not a whole number" in done.stderr
    assert "Traceback" not in done.stdout + done.stderr


def test_compressed_values_are_read(tmp_path: Path) -> None:
    lab = Lab(tmp_path, expression="expression.tsv.gz")
    assert main(lab.arguments()) == 0
    with gzip.open(lab.path, "rt") as stream:
        assert stream.readline().startswith("gene_id\t")


@pytest.mark.parametrize("options", [[""], ["counts.tsv", "--samples", ""]])
def test_an_empty_name_is_told(options: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    # As a shell gives it for a variable that is not set.
    assert main(["check", *options]) == 2
    assert "error: the options: " in capsys.readouterr().err
