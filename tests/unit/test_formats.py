"""Counts files: read by anndata, the same bytes for the same counts, clear words for the rest."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import anndata
import h5py
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_matrix

from exprlab.config.steps import PreprocessConfig
from exprlab.data.formats import open_counts, write_counts, write_tables
from exprlab.errors import UserError
from exprlab.files import sha256
from exprlab.preprocess.run import fit_file

N, G = 150, 30


def matrix(n: int = N, genes: int = G) -> np.ndarray:
    counts = np.random.default_rng(0).poisson(50, (n, genes)).astype(np.int32)
    counts[3, 4] = -1
    return counts


def samples(n: int = N) -> pd.DataFrame:
    columns = {"label": ["benign", "malignant"] * (n // 2), "batch": ["b1"] * n}
    return pd.DataFrame(columns, index=[f"s{i}" for i in range(n)])


def genes(n: int = G) -> pd.DataFrame:
    return pd.DataFrame({"role": ["null"] * n}, index=[f"g{i}" for i in range(n)])


def blocks(counts: np.ndarray, sizes: Sequence[int]) -> Iterator[tuple[int, np.ndarray]]:
    """Cut counts into blocks of these sizes, over and over."""
    start = i = 0
    while start < len(counts):
        yield start, counts[start : start + sizes[i % len(sizes)]]
        start, i = start + sizes[i % len(sizes)], i + 1


def write(path: Path, counts: np.ndarray, sizes: Sequence[int] = (1000,)) -> Path:
    n, g = counts.shape
    write_counts(path, samples(n), genes(g), blocks(counts, sizes))
    return path


def read(path: Path, rows: int = 256) -> np.ndarray:
    with open_counts(path) as counts:
        parts = list(counts.blocks(rows))
        assert [start for start, _ in parts] == list(range(0, counts.shape[0], rows))
        return np.concatenate([block for _, block in parts])


def refused(path: Path) -> str:
    with pytest.raises(UserError) as caught:
        read(path)
    text = str(caught.value)
    assert text.startswith(f"{path}: ")
    assert "\n" not in text
    return text


def test_anndata_reads_what_was_written(tmp_path: Path) -> None:
    data = anndata.read_h5ad(write(tmp_path / "a.h5ad", matrix()))
    np.testing.assert_array_equal(data.layers["counts"], matrix())
    assert data.layers["counts"].dtype == np.int32
    assert data.obs.index.name == "sample_id"
    assert data.var.index.name == "gene_id"
    for frame, wanted in ((data.obs, samples()), (data.var, genes())):
        assert frame.index.tolist() == wanted.index.tolist()
        assert {c: frame[c].tolist() for c in frame} == wanted.to_dict("list")


@given(sizes=st.lists(st.integers(1, 100), min_size=1, max_size=5))
@settings(max_examples=15, deadline=None)
def test_blocks_change_no_byte(sizes: list[int], tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("blocks")
    one = write(folder / "one.h5ad", matrix())
    other = write(folder / "other.h5ad", matrix(), sizes)
    assert sha256(one) == sha256(other)


def test_blocks_of_a_chunk_larger_than_the_cache_change_no_byte(tmp_path: Path) -> None:
    """HDF5 writes such a chunk again for each block in it; the file must not show how often."""
    counts = matrix(130, 40_000)
    files = [write(tmp_path / f"{n}.h5ad", counts, [n]) for n in (130, 50)]
    assert sha256(files[0]) == sha256(files[1])
    np.testing.assert_array_equal(read(files[1]), counts)


@pytest.mark.parametrize("rows", [1, 7, 64, 150, 1000])
def test_reads_in_blocks_of_any_size(rows: int, tmp_path: Path) -> None:
    np.testing.assert_array_equal(read(write(tmp_path / "a.h5ad", matrix()), rows), matrix())


@pytest.mark.parametrize("given_rows", [N - 1, N + 2])
def test_wrong_number_of_rows_is_no_file(given_rows: int, tmp_path: Path) -> None:
    counts = np.resize(matrix(), (given_rows, G))
    with pytest.raises(ValueError, match=r"expected (150 rows, found 149|row 120 of 150)"):
        write_counts(tmp_path / "a.h5ad", samples(), genes(), blocks(counts, [40]))
    assert not list(tmp_path.iterdir())


def test_failure_in_the_middle_leaves_nothing(tmp_path: Path) -> None:
    def broken() -> Iterator[tuple[int, np.ndarray]]:
        yield 0, matrix()[:100]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_counts(tmp_path / "a.h5ad", samples(), genes(), broken())
    assert not list(tmp_path.iterdir())


def test_failure_keeps_the_old_file(tmp_path: Path) -> None:
    path = write(tmp_path / "a.h5ad", matrix())
    before = sha256(path)
    with pytest.raises(ValueError, match="expected row 0"):
        write_counts(path, samples(), genes(), [(5, matrix())])
    assert sha256(path) == before
    assert [p.name for p in tmp_path.iterdir()] == ["a.h5ad"]


def test_tables_without_counts(tmp_path: Path) -> None:
    path, scores = tmp_path / "truth.h5ad", np.arange(2.0 * N).reshape(N, 2)
    write_tables(path, samples(), genes(), {"factors": scores}, {}, {"seed": 3})
    data = anndata.read_h5ad(path)
    np.testing.assert_array_equal(data.obsm["factors"], scores)
    assert data.uns["seed"] == 3
    assert "holds neither layers/counts nor X" in refused(path)


# Files that others made.


@pytest.mark.parametrize("kind", ["int8", "uint16", "int64", "uint64", "float32", "float64"])
def test_whole_numbers_of_any_type_are_counts(kind: str, tmp_path: Path) -> None:
    counts = np.maximum(matrix(), 0)
    anndata.AnnData(counts.astype(kind), samples(), genes()).write_h5ad(tmp_path / "x.h5ad")
    found = read(tmp_path / "x.h5ad")
    assert found.dtype == np.int32
    np.testing.assert_array_equal(found, counts)
    train = pd.Series(["train"] * N)
    with open_counts(tmp_path / "x.h5ad") as counts_file:
        fitted = fit_file(counts_file, train, PreprocessConfig())
    assert len(fitted.features) == G


def test_layer_counts_goes_before_x(tmp_path: Path) -> None:
    data = anndata.AnnData(np.log1p(np.maximum(matrix(), 0)), samples(), genes())
    data.layers["counts"] = matrix()
    data.write_h5ad(tmp_path / "x.h5ad", compression="gzip")
    np.testing.assert_array_equal(read(tmp_path / "x.h5ad"), matrix())


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (0.5, "0.5 is not a whole number"),
        (np.nan, "nan is not a whole number"),
        (np.inf, "inf is not a whole number"),
        (-2, "-2.0 is negative"),
        (2.0**31, "2147483648.0 is larger than any count"),
    ],
)
def test_what_is_no_count_is_pointed_at(value: float, words: str, tmp_path: Path) -> None:
    values = np.maximum(matrix(600), 0).astype(np.float32)
    values[500, 7] = value
    anndata.AnnData(values, samples(600), genes()).write_h5ad(tmp_path / "x.h5ad")
    text = refused(tmp_path / "x.h5ad")
    assert f"row 501 (sample 's500'), column 8 (gene 'g7'): {words}" in text
    assert "whole numbers from 0 on (-1 = missing)" in text


def test_sparse_counts_are_refused_with_a_way_out(tmp_path: Path) -> None:
    anndata.AnnData(csr_matrix(matrix()), samples(), genes()).write_h5ad(tmp_path / "x.h5ad")
    assert "toarray()" in refused(tmp_path / "x.h5ad")


def replace_counts(path: Path, values: np.ndarray) -> None:
    with h5py.File(path, "r+") as file:
        del file["layers/counts"]
        file["layers/counts"] = values


def test_other_shapes_and_types_are_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "a.h5ad", matrix())
    for values, words in (
        (np.arange(10), "not a table"),
        (np.array([[b"a", b"b"]]), "holds no numbers"),
        (np.zeros((0, G), np.int32), "is empty"),
        (matrix()[:-1], "149"),
        (matrix()[:, :-1], "29"),
    ):
        replace_counts(path, values)
        assert words in refused(path)


@pytest.mark.parametrize("table", ["obs", "var"])
def test_missing_table_is_refused(table: str, tmp_path: Path) -> None:
    path = write(tmp_path / "a.h5ad", matrix())
    with h5py.File(path, "r+") as file:
        del file[table]
    assert "cannot be read as .h5ad" in refused(path)


@pytest.mark.parametrize("share", [0.0, 0.02, 0.5, 0.99])
def test_truncated_file_is_refused(share: float, tmp_path: Path) -> None:
    path = write(tmp_path / "a.h5ad", matrix())
    whole = path.read_bytes()
    path.write_bytes(whole[: int(share * len(whole))])
    assert "cannot be read as .h5ad" in refused(path)


def test_damaged_chunk_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "a.h5ad", matrix(N, 2000))
    with h5py.File(path) as file:
        chunk = file["layers/counts"].id.get_chunk_info(1)
    data = bytearray(path.read_bytes())
    data[chunk.byte_offset : chunk.byte_offset + chunk.size] = b"\xff" * chunk.size
    path.write_bytes(data)
    assert "damaged or cut off" in refused(path)


def test_other_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "table.tsv").write_text("sample_id\tg1\ns1\t3\n")
    assert "cannot be read as .h5ad" in refused(tmp_path / "table.tsv")
    assert "no such file" in refused(tmp_path / "absent.h5ad")
    assert "no such file" in refused(tmp_path)
