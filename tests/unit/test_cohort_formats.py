"""Containers, and the output of programs that count reads, as those programs write them."""

from __future__ import annotations

import gzip
from pathlib import Path

import anndata
import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from scipy.io import mmwrite

from exprlab.cohort.expression import read_expression
from exprlab.cohort.grid import Request
from exprlab.cohort.problems import Problems
from exprlab.cohort.table import ExpressionTable

GENES = [f"ENSG{i:011d}" for i in range(7)]
SAMPLES = ["s1", "s2", "s3"]
COUNTS = pd.DataFrame(np.random.default_rng(1).poisson(5, (7, 3)), index=GENES, columns=SAMPLES)
NONE = Request()


def read(path: Path, request: Request = NONE) -> ExpressionTable:
    problems = Problems()
    table = read_expression(path, request, problems)
    assert not problems.errors, problems.errors
    assert table is not None
    return table


def mistake(path: Path, request: Request = NONE) -> str:
    problems = Problems()
    read_expression(path, request, problems)
    assert problems.errors
    return "\n".join(map(str, problems.errors))


def assert_counts(table: ExpressionTable, expected: pd.DataFrame = COUNTS) -> None:
    found = pd.DataFrame(table.values.T, index=table.gene_ids, columns=table.sample_ids)
    pd.testing.assert_frame_equal(found, expected, check_dtype=False, check_names=False)


# Containers.


@pytest.mark.parametrize("store", [np.asarray, sparse.csr_matrix, sparse.csc_matrix])
@pytest.mark.parametrize("place", ["X", "counts"])
@pytest.mark.parametrize("dtype", [np.float32, np.int64])
def test_h5ad(tmp_path: Path, store: type, place: str, dtype: type) -> None:
    values = store(COUNTS.T.to_numpy(dtype))
    var = pd.DataFrame({"symbol": list("abcdefg")}, index=GENES)
    obs = pd.DataFrame({"label": ["x", "y", "x"]}, index=SAMPLES)
    logs = np.log1p(COUNTS.T.to_numpy(np.float32))
    data = anndata.AnnData(logs if place == "counts" else values, obs=obs, var=var)
    if place == "counts":
        data.layers["counts"] = values
    data.write_h5ad(tmp_path / "a.h5ad")
    table = read(tmp_path / "a.h5ad")
    assert_counts(table)
    assert table.values.dtype == np.int32
    assert table.genes["symbol"].tolist() == list("abcdefg")
    assert table.samples["label"].tolist() == ["x", "y", "x"]
    if place == "counts":
        assert (read(tmp_path / "a.h5ad", Request(values="log2")).values == logs).all()


def test_h5ad_without_values_is_refused(tmp_path: Path) -> None:
    anndata.AnnData(obs=pd.DataFrame(index=SAMPLES)).write_h5ad(tmp_path / "a.h5ad")
    assert "has no X and no layers/counts" in mistake(tmp_path / "a.h5ad")


def test_a_cut_h5ad_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.h5ad"
    anndata.AnnData(np.zeros((300, 300))).write_h5ad(path)
    path.write_bytes(path.read_bytes()[:-5000])
    assert "damaged or cut off" in mistake(path)


@pytest.mark.parametrize("index", [True, False])
@pytest.mark.parametrize("in_rows", [True, False])
def test_parquet(tmp_path: Path, index: bool, in_rows: bool) -> None:
    frame = COUNTS if in_rows else COUNTS.T
    if not index:
        frame = frame.rename_axis("id").reset_index()
    if in_rows:
        frame = frame.assign(symbol=list("abcdefg"))
    frame.to_parquet(tmp_path / "a.parquet", index=index)
    table = read(tmp_path / "a.parquet")
    assert_counts(table)
    assert table.genes_in == ("rows" if in_rows else "columns")
    if in_rows:
        assert table.genes["symbol"].tolist() == list("abcdefg")


def test_parquet_keeps_what_is_missing_and_tells_what_is_no_number(tmp_path: Path) -> None:
    frame = COUNTS.astype(object)
    frame.loc[GENES[0], "s1"] = None
    frame.astype("Int64").to_parquet(tmp_path / "a.parquet")
    assert np.isnan(read(tmp_path / "a.parquet").values[0, 0])
    frame = COUNTS.astype(str)
    frame.loc[GENES[2], "s2"] = "<1"
    frame.to_parquet(tmp_path / "a.parquet")
    request = Request(sample_ids=frozenset(SAMPLES))
    assert f"row 3 ('{GENES[2]}'), column 's2': found '<1'" in mistake(
        tmp_path / "a.parquet", request
    )


def test_parquet_whose_rows_were_dropped_has_its_genes_all_the_same(tmp_path: Path) -> None:
    frame = COUNTS.rename_axis("gene_id").reset_index().drop(index=[1, 4])
    frame.to_parquet(tmp_path / "a.parquet")
    assert_counts(read(tmp_path / "a.parquet"), COUNTS.drop(index=COUNTS.index[[1, 4]]))


def test_parquet_of_two_names_per_row_is_refused(tmp_path: Path) -> None:
    both = pd.MultiIndex.from_arrays([COUNTS.index, COUNTS.index], names=["gene_id", "symbol"])
    COUNTS.set_axis(both).to_parquet(tmp_path / "a.parquet")
    assert "its rows have 2 names each: 'gene_id', 'symbol'" in mistake(tmp_path / "a.parquet")


def test_parquet_of_numbers_as_text_is_read(tmp_path: Path) -> None:
    frame = COUNTS.astype({SAMPLES[1]: str}).rename_axis("gene_id")
    frame.to_parquet(tmp_path / "a.parquet")
    assert_counts(read(tmp_path / "a.parquet"))


def write_10x(
    folder: Path, prefix: str, names: tuple[str, str], packed: bool, turned: bool = False
) -> Path:
    folder.mkdir()
    values = COUNTS.T if turned else COUNTS
    plain = folder / f"{prefix}matrix.mtx"
    mmwrite(plain, sparse.coo_matrix(values.to_numpy()))
    features = "".join(f"{gene}\tsymbol-{gene[-1]}\tGene Expression\n" for gene in GENES)
    (folder / f"{prefix}{names[0]}").write_text(features)
    (folder / f"{prefix}{names[1]}").write_text("".join(f"{s}\n" for s in SAMPLES))
    for file in list(folder.iterdir()) if packed else []:
        file.with_name(file.name + ".gz").write_bytes(gzip.compress(file.read_bytes()))
        file.unlink()
    return folder


@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize("turned", [True, False])
@pytest.mark.parametrize(
    ("prefix", "features"), [("", "features.tsv"), ("", "genes.tsv"), ("GSM1_", "features.tsv")]
)
def test_matrix_market_of_10x(
    tmp_path: Path, packed: bool, turned: bool, prefix: str, features: str
) -> None:
    names = (features, "barcodes.tsv")
    folder = write_10x(tmp_path / "10x", prefix, names, packed, turned)
    table = read(folder)
    assert_counts(table)
    assert table.genes["symbol"].tolist() == [f"symbol-{gene[-1]}" for gene in GENES]
    matrix = folder / f"{prefix}matrix.mtx{'.gz' if packed else ''}"
    assert_counts(read(matrix))
    (folder / f"{prefix}{features}{'.gz' if packed else ''}").unlink()
    assert f"neither {prefix}features.tsv nor" in mistake(folder)


def test_matrix_market_whose_names_do_not_fit_is_refused(tmp_path: Path) -> None:
    folder = write_10x(tmp_path / "10x", "", ("genes.tsv", "barcodes.tsv"), False)
    (folder / "genes.tsv").write_text("".join(f"{gene}\n" for gene in GENES[:-1]))
    assert "7 rows and 3 columns, but there are 6 features and 3 barcodes" in mistake(folder)


# Programs that count reads.

FEATURE_COUNTS = "Geneid\tChr\tStart\tEnd\tStrand\tLength"
PROGRAM = '# Program:featureCounts v2.0.3; Command:"featureCounts" "-a" "genes.gtf"'


def feature_counts(names: list[str], values: pd.DataFrame) -> str:
    lines = [PROGRAM, "\t".join([FEATURE_COUNTS, *names])]
    for i, (gene, row) in enumerate(zip(values.index, values.to_numpy(), strict=True)):
        place = [gene, "chr1;chr1", f"{i + 1};{i + 9}", f"{i + 5};{i + 12}", "+;+", "9"]
        lines.append("\t".join([*place, *map(str, row)]))
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize("genes", [GENES, list("ABCDEFG")])
def test_feature_counts_in_one_table(tmp_path: Path, genes: list[str]) -> None:
    counts = COUNTS.set_axis(genes)
    names = [f"/scratch/run/{s}Aligned.sortedByCoord.out.bam" for s in SAMPLES]
    (tmp_path / "counts.txt").write_text(feature_counts(names, counts))
    table = read(tmp_path / "counts.txt")
    assert_counts(table, counts)
    assert table.genes["Length"].tolist() == [9] * 7
    assert "output of featureCounts" in table.note
    assert "without folder and ending" in table.note
    # Names that the sample table knows as they are stay.
    known = Request(sample_ids=frozenset(names))
    assert_counts(read(tmp_path / "counts.txt", known), counts.set_axis(names, axis=1))


def test_feature_counts_in_a_folder(tmp_path: Path) -> None:
    for sample in SAMPLES:
        text = feature_counts([f"bam/{sample}.bam"], COUNTS[[sample]])
        (tmp_path / f"{sample}.counts.txt").write_text(text)
        (tmp_path / f"{sample}.counts.txt.summary").write_text("Status\tx.bam\nAssigned\t7\n")
    table = read(tmp_path)
    assert_counts(table)
    assert "featureCounts, a file per sample: 3 samples x 7 genes; 3 other files" in table.note


def test_a_sample_in_two_tables_of_feature_counts_is_refused(tmp_path: Path) -> None:
    for name, samples in (("a", SAMPLES[:2]), ("b", SAMPLES[1:])):
        (tmp_path / f"{name}.txt").write_text(feature_counts(samples, COUNTS[samples]))
    found = mistake(tmp_path)
    assert f"b.txt: holds sample '{SAMPLES[1]}', and a file before it does, too" in found


def test_names_with_a_number_sign_are_names(tmp_path: Path) -> None:
    # As the Sanger Institute names its lanes.
    names = [f"10045_1#{i}.bam" for i in range(3)]
    (tmp_path / "counts.txt").write_text(feature_counts(names, COUNTS))
    table = read(tmp_path)
    assert_counts(table, COUNTS.set_axis([name.removesuffix(".bam") for name in names], axis=1))


def write_star(folder: Path, first: float, layout: str = "{}ReadsPerGene.out.tab") -> None:
    """Write STAR's files; `first` is the share of the reads that are of the first strand."""
    for sample in SAMPLES:
        path = folder / layout.format(sample)
        path.parent.mkdir(parents=True, exist_ok=True)
        total = COUNTS[sample] * 100
        one = (total * first).round().astype(int)
        lines = [f"N_{kind}\t900\t800\t90000" for kind in
                 ("unmapped", "multimapping", "noFeature", "ambiguous")]  # fmt: skip
        table = pd.DataFrame({"all": total, "first": one, "second": total - one})
        lines += ["\t".join([gene, *map(str, row)]) for gene, *row in table.itertuples()]
        path.write_text("\n".join(lines) + "\n")


@pytest.mark.parametrize(
    "layout", ["{}ReadsPerGene.out.tab", "{}.ReadsPerGene.out.tab", "{}/ReadsPerGene.out.tab"]
)
@pytest.mark.parametrize(
    ("first", "column", "share"), [(0.5, 2, 1.0), (0.96, 3, 0.96), (0.04, 4, 0.96)]
)
def test_star_takes_the_strand_that_most_reads_are_of(
    tmp_path: Path, layout: str, first: float, column: int, share: float
) -> None:
    write_star(tmp_path, first, layout)
    table = read(tmp_path)
    assert_counts(table, (COUNTS * 100 * share).round().astype(int))
    assert f"STAR, a file per sample: 3 samples x 7 genes, column {column}" in table.note


def test_star_with_an_unclear_strand_is_refused(tmp_path: Path) -> None:
    write_star(tmp_path, 0.7)
    assert "not clear which strand was sequenced" in mistake(tmp_path)
    assert "s1 70%" in mistake(tmp_path)


def write_htseq(folder: Path, counts: pd.DataFrame = COUNTS, name: bool = False) -> None:
    for sample in counts:
        lines = [
            f"{gene}\t{'sym' + chr(9) if name else ''}{n}" for gene, n in counts[sample].items()
        ]
        extra = chr(9) if name else ""
        lines += [f"__no_feature\t{extra}900", f"__ambiguous\t{extra}5", f"__not_aligned\t{extra}0"]
        (folder / f"{sample}.htseq.counts.txt").write_text("\n".join(lines) + "\n")


@pytest.mark.parametrize("name", [True, False])
def test_htseq(tmp_path: Path, name: bool) -> None:
    write_htseq(tmp_path, name=name)
    table = read(tmp_path)
    assert_counts(table)
    assert "HTSeq-count" in table.note


def test_samples_with_other_genes_are_refused_by_name(tmp_path: Path) -> None:
    write_htseq(tmp_path)
    path = tmp_path / "s2.htseq.counts.txt"
    path.write_text("\n".join(path.read_text().splitlines()[1:]))
    found = mistake(tmp_path)
    assert "s2.htseq.counts.txt: has other genes than sample 's1'" in found
    assert GENES[0] in found


def test_counts_that_are_no_numbers_are_told(tmp_path: Path) -> None:
    write_htseq(tmp_path)
    path = tmp_path / "s3.htseq.counts.txt"
    path.write_text(path.read_text().replace(f"{GENES[4]}\t", f"{GENES[4]}\tx"))
    found = mistake(tmp_path)
    assert f"s3.htseq.counts.txt: gene '{GENES[4]}': found 'x" in found


TRANSCRIPTS = pd.DataFrame(
    {"transcript": [f"ENST{i:011d}.2" for i in range(14)], "gene": [g for g in GENES for _ in "12"]}
)


def write_salmon(folder: Path, genes: bool = False) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Write quant.sf of each sample; return reads and TPM, transcripts x samples."""
    rng = np.random.default_rng(2)
    reads = pd.DataFrame(rng.gamma(1, 30, (14, 3)).round(3), columns=SAMPLES)
    tpm = pd.DataFrame(rng.gamma(1, 30, (14, 3)).round(3), columns=SAMPLES)
    for sample in SAMPLES:
        path = folder / sample / "quant.sf"
        path.parent.mkdir(parents=True)
        table = pd.DataFrame({"Name": TRANSCRIPTS["transcript"], "Length": 900,
                              "EffectiveLength": 750.5, "TPM": tpm[sample],
                              "NumReads": reads[sample]})  # fmt: skip
        table.to_csv(path, sep="\t", index=False)
        (path.parent / "cmd_info.json").write_text("{}")
        if genes:
            table["Name"] = TRANSCRIPTS["gene"]
            summed = table.groupby("Name", as_index=False).sum()
            summed.to_csv(path.parent / "quant.genes.sf", sep="\t", index=False)
    return reads, tpm


@pytest.mark.parametrize("genes", [True, False])
@pytest.mark.parametrize("version", [True, False])
def test_salmon(tmp_path: Path, genes: bool, version: bool) -> None:
    folder = tmp_path / "salmon"
    reads, tpm = write_salmon(folder, genes)
    table = TRANSCRIPTS if version else TRANSCRIPTS.replace(r"\.2$", "", regex=True)
    table.to_csv(tmp_path / "tx2gene.tsv", sep="\t", index=False)
    transcripts = None if genes else tmp_path / "tx2gene.tsv"
    by_gene = TRANSCRIPTS["gene"].to_numpy()
    found = read(folder, Request(transcripts=transcripts))
    assert_counts(found, reads.groupby(by_gene).sum().round())
    assert "NumReads" in found.note
    assert "rounded to whole numbers" in found.note
    found = read(folder, Request(values="tpm", transcripts=transcripts))
    np.testing.assert_allclose(found.values.T, tpm.groupby(by_gene).sum(), rtol=1e-12)
    assert "rounded" not in found.note


def test_salmon_needs_to_know_the_genes(tmp_path: Path) -> None:
    folder = tmp_path / "salmon"
    write_salmon(folder)
    found = mistake(folder)
    assert "set `transcripts` to a table" in found
    assert "--geneMap" in found
    other = tmp_path / "mouse.tsv"
    other.write_text("ENSMUST1\tENSMUSG1\n")
    assert "no transcript" in mistake(folder, Request(transcripts=other))
    assert "no such file" in mistake(folder, Request(transcripts=tmp_path / "nowhere.tsv"))
    assert "`values` says log2" in mistake(folder, Request(values="log2"))
    problems = Problems()
    TRANSCRIPTS.iloc[1:].to_csv(tmp_path / "part.tsv", sep="\t", index=False)
    assert read_expression(folder, Request(transcripts=tmp_path / "part.tsv"), problems)
    assert "lacks 1 of the 14 transcripts" in str(problems.warnings[0])


def test_salmon_on_other_transcripts_in_each_sample_is_refused(tmp_path: Path) -> None:
    folder, table = tmp_path / "salmon", tmp_path / "tx2gene.tsv"
    write_salmon(folder)
    TRANSCRIPTS.to_csv(table, sep="\t", index=False)
    cut = folder / SAMPLES[1] / "quant.sf"
    cut.write_text("\n".join(cut.read_text().splitlines()[:9]) + "\n")
    found = mistake(folder, Request(transcripts=table))
    assert f"samples '{SAMPLES[0]}' and '{SAMPLES[1]}' have 6 transcripts" in found


def test_a_transcript_of_two_genes_is_refused(tmp_path: Path) -> None:
    folder, table = tmp_path / "salmon", tmp_path / "tx2gene.tsv"
    write_salmon(folder)
    twice = pd.concat([TRANSCRIPTS, TRANSCRIPTS.iloc[:1].assign(gene="other")])
    twice.to_csv(table, sep="\t", index=False)
    assert "is of gene" in mistake(folder, Request(transcripts=table))


def test_folders_of_other_things_are_refused(tmp_path: Path) -> None:
    assert "is an empty folder" in mistake(tmp_path)
    (tmp_path / "notes.md").write_text("# Notes\n")
    found = mistake(tmp_path)
    assert "folder of no known kind: 'notes.md'" in found
    assert "STAR, HTSeq-count, featureCounts or salmon" in found
