"""Two files: identical, within the tolerance, or where they differ first; for every format."""

from __future__ import annotations

import base64
import csv
import io
import json
import math
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from safetensors.numpy import save_file

from exprlab.errors import UserError
from exprlab.reproduce import walk
from exprlab.reproduce.compare import (
    DIFFERENT,
    IDENTICAL,
    READERS,
    WITHIN,
    Difference,
    Tolerance,
    compare_files,
)

TIGHT = Tolerance(relative=1e-3, absolute=1e-6)
Writer = Callable[..., None]
anywhere = settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def compare(a: Path, b: Path, tolerance: Tolerance | None = None) -> Difference:
    """Compare both ways: which file comes first must not change the verdict."""
    there, back = compare_files(a, b, tolerance), compare_files(b, a, tolerance)
    assert there.kind == back.kind
    assert (there.absolute, there.relative) == (back.absolute, back.relative)
    return there


# How each format stores columns of numbers, integers and text; `other` asks for other bytes.


def write_hdf5(path: Path, columns: dict[str, Any], other: bool = False) -> None:
    with h5py.File(path, "w") as file:
        file.attrs["encoding-type"] = "anndata"
        for name, values in columns.items():
            text = isinstance(values[0], str) if len(values) else False
            data = np.array(values, object) if text else np.asarray(values)
            # A chunk has no rows of an empty array.
            layout = {"chunks": (2,), "compression": "gzip"} if other and len(values) else {}
            file.create_dataset(
                name, data=data, dtype=h5py.string_dtype() if text else None, **layout
            )


def write_parquet(path: Path, columns: dict[str, Any], other: bool = False) -> None:
    compression, rows = ("gzip", 2) if other else ("snappy", None)
    pq.write_table(pa.table(columns), path, compression=compression, row_group_size=rows)


def write_safetensors(path: Path, columns: dict[str, Any], other: bool = False) -> None:
    numbers = {name: np.asarray(v) for name, v in columns.items() if name != "text"}
    save_file(numbers, path)
    if other:
        content = path.read_bytes()
        size = int.from_bytes(content[:8], "little")
        header = json.dumps(json.loads(content[8 : 8 + size]), indent=8).encode()
        header += b" " * (-len(header) % 8)
        path.write_bytes(len(header).to_bytes(8, "little") + header + content[8 + size :])


def write_csv(path: Path, columns: dict[str, Any], other: bool = False) -> None:
    with path.open("w", newline="") as stream:
        quoting = csv.QUOTE_ALL if other else csv.QUOTE_MINIMAL
        delimiter = "\t" if path.suffix == ".tsv" else ","
        writer = csv.writer(stream, delimiter=delimiter, quoting=quoting, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(zip(*columns.values(), strict=True))


def write_json(path: Path, columns: dict[str, Any], other: bool = False) -> None:
    values = {name: np.asarray(v).tolist() for name, v in columns.items()}
    path.write_text(json.dumps(values, indent=7 if other else None))


FORMATS: dict[str, Writer] = {
    ".h5ad": write_hdf5,
    ".parquet": write_parquet,
    ".safetensors": write_safetensors,
    ".csv": write_csv,
    ".tsv": write_csv,
    ".json": write_json,
}
# How each format names row 2 of a column.
PLACES = {
    ".h5ad": "{}[2]",
    ".parquet": "column {}, row 2",
    ".safetensors": "{}[2]",
    ".csv": "column {}, line 4",
    ".tsv": "column {}, line 4",
    ".json": "$.{}[2]",
}
COLUMNS = {
    "integer": [1, 2, 100_000, 4],
    "number": [0.5, -1.25, 8.0, 1e-9],
    "text": ["benign", "malignant", "low depth; 7 genes missing", ""],
}
every_format = pytest.mark.parametrize("suffix", FORMATS)


def pair(
    folder: Path, suffix: str, a: dict[str, Any], b: dict[str, Any], other: bool = False
) -> tuple[Path, Path]:
    paths = folder / f"a{suffix}", folder / f"b{suffix}"
    FORMATS[suffix](paths[0], a)
    FORMATS[suffix](paths[1], b, other=other)
    return paths


def changed(name: str, value: Any, row: int = 2) -> dict[str, Any]:
    return {**COLUMNS, name: [value if i == row else v for i, v in enumerate(COLUMNS[name])]}


def test_every_scientific_file_has_a_reader(project: Path) -> None:
    table = (project / "docs/files.md").read_text().split("| file under")[1].split("\n\n")[0]
    rows = [line.split("|") for line in table.splitlines()[2:]]
    names = " ".join(r[1] for r in rows if "*side*" not in r[3] and "mlflow.db" not in r[1])
    suffixes = {f".{word.rsplit('.', 1)[1]}" for word in names.split("`") if "." in word}
    assert suffixes == set(READERS)


@every_format
def test_same_bytes_are_identical(suffix: str, tmp_path: Path) -> None:
    found = compare(*pair(tmp_path, suffix, COLUMNS, COLUMNS))
    assert found == Difference(IDENTICAL, "the same bytes")
    assert found.equal


@every_format
def test_same_content_in_other_bytes(suffix: str, tmp_path: Path) -> None:
    a, b = pair(tmp_path, suffix, COLUMNS, COLUMNS, other=True)
    assert a.read_bytes() != b.read_bytes()
    assert compare(a, b, Tolerance(0, 0)) == Difference(WITHIN, "the same content in other bytes")


@every_format
def test_number_within_tolerance(suffix: str, tmp_path: Path) -> None:
    found = compare(*pair(tmp_path, suffix, COLUMNS, changed("number", 8.004)), TIGHT)
    assert found.kind == WITHIN
    assert found.where == PLACES[suffix].format("number")
    assert found.absolute == pytest.approx(0.004)
    assert found.relative == pytest.approx(0.004 / 8.004)
    assert "0.004 at most" in found.words
    assert found.where in found.words


@every_format
@pytest.mark.parametrize("value", [8.1, math.nan, math.inf, -math.inf, -8.0])
def test_number_beyond_tolerance(suffix: str, value: float, tmp_path: Path) -> None:
    found = compare(*pair(tmp_path, suffix, COLUMNS, changed("number", value)), TIGHT)
    assert found.kind == DIFFERENT
    assert not found.equal
    assert found.where == PLACES[suffix].format("number")
    assert "8.0 and " in found.words.replace("'", "")
    assert str(value) in found.words


@every_format
def test_first_difference_is_named_not_the_largest(suffix: str, tmp_path: Path) -> None:
    b = changed("number", 9.0)
    b["number"][3] = 1e9
    found = compare_files(*pair(tmp_path, suffix, COLUMNS, b))
    assert found.where == PLACES[suffix].format("number")


@every_format
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_undefined_numbers_equal_themselves(suffix: str, value: float, tmp_path: Path) -> None:
    a = changed("number", value)
    assert compare(*pair(tmp_path, suffix, a, a, other=True), Tolerance(0, 0)).kind == WITHIN


@every_format
def test_integers_are_exact(suffix: str, tmp_path: Path) -> None:
    loose = Tolerance(relative=1, absolute=10)
    found = compare(*pair(tmp_path, suffix, COLUMNS, changed("integer", 100_001)), loose)
    assert found.kind == DIFFERENT
    assert found.where == PLACES[suffix].format("integer")
    assert "100000" in found.words
    assert "100001" in found.words


@every_format
def test_text_is_exact(suffix: str, tmp_path: Path) -> None:
    if suffix == ".safetensors":
        pytest.skip("holds no text")
    b = changed("text", "low depth; 8 genes missing")
    found = compare(*pair(tmp_path, suffix, COLUMNS, b))
    assert found.kind == DIFFERENT
    assert found.where == PLACES[suffix].format("text")
    assert "7 genes" in found.words
    assert "8 genes" in found.words


@every_format
def test_other_columns(suffix: str, tmp_path: Path) -> None:
    b = {**COLUMNS, "more": [1.0, 2.0, 3.0, 4.0]}
    found = compare_files(*pair(tmp_path, suffix, COLUMNS, b))
    assert found.kind == compare_files(*pair(tmp_path, suffix, b, COLUMNS)).kind == DIFFERENT
    if not suffix.endswith("sv"):
        assert (
            "only the second file has 'more'"
            in compare_files(*pair(tmp_path, suffix, COLUMNS, b)).words
        )


@every_format
def test_other_number_of_rows(suffix: str, tmp_path: Path) -> None:
    b = {name: values[:3] for name, values in COLUMNS.items()}
    found = compare(*pair(tmp_path, suffix, COLUMNS, b))
    assert found.kind == DIFFERENT
    assert found.where


@every_format
def test_no_rows(suffix: str, tmp_path: Path) -> None:
    empty = {"integer": np.zeros(0, np.int32), "number": np.zeros(0), "wide": np.zeros(0)}
    assert compare(*pair(tmp_path, suffix, empty, empty, other=True)).equal
    one = {name: np.ones(1, v.dtype) for name, v in empty.items()}
    assert compare(*pair(tmp_path, suffix, empty, one)).kind == DIFFERENT


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_order_of_columns_counts(suffix: str, tmp_path: Path) -> None:
    backwards = dict(reversed(COLUMNS.items()))
    assert compare(*pair(tmp_path, suffix, COLUMNS, backwards)).kind == DIFFERENT


@pytest.mark.parametrize("suffix", [".h5ad", ".safetensors", ".json"])
def test_order_of_names_does_not_count(suffix: str, tmp_path: Path) -> None:
    backwards = dict(reversed(COLUMNS.items()))
    assert compare(*pair(tmp_path, suffix, COLUMNS, backwards)).equal


@pytest.mark.parametrize("suffix", [".h5ad", ".parquet", ".safetensors"])
def test_types_count(suffix: str, tmp_path: Path) -> None:
    wide = {"x": np.array([1.0, 2.0])}
    narrow = {"x": np.array([1.0, 2.0], np.float32)}
    found = compare(*pair(tmp_path, suffix, wide, narrow))
    assert found.kind == DIFFERENT
    assert found.words.startswith("type of ")


@every_format
@pytest.mark.parametrize("side", ["first", "second"])
def test_cut_off_file_is_named(suffix: str, side: str, tmp_path: Path) -> None:
    columns = {"number": np.random.default_rng(0).normal(size=4000)}
    paths = pair(tmp_path, suffix, columns, columns)
    cut = paths[side == "second"]
    cut.write_bytes(cut.read_bytes()[: cut.stat().st_size * 2 // 3])
    found = compare(*paths)
    assert found.kind == DIFFERENT
    if suffix.endswith("sv"):  # whatever it says is a table, too
        assert found.where
    else:
        assert found.words.startswith(f"the {side} file is damaged or cut off: ")


@pytest.mark.parametrize("suffix", READERS)
def test_empty_and_missing_files(suffix: str, tmp_path: Path) -> None:
    empty, again = tmp_path / f"empty{suffix}", tmp_path / f"again{suffix}"
    empty.touch()
    again.touch()
    assert compare(empty, again).kind == IDENTICAL
    again.write_bytes(b"x")
    assert compare(empty, again).kind == DIFFERENT
    missing = tmp_path / f"missing{suffix}"
    assert compare(empty, missing).words == f"{missing}: no such file"


def test_cut_off_last_line_of_a_table(tmp_path: Path) -> None:
    a, b = tmp_path / "a.csv", tmp_path / "b.csv"
    a.write_text("name,value\nx,0.123456\n")
    b.write_text("name,value\nx,0.1234")
    found = compare(a, b)
    assert found.kind == DIFFERENT
    assert found.where == "line break at the end"


@anywhere
@given(
    st.lists(st.floats(width=32), min_size=1, max_size=30),
    st.integers(0, 2**32 - 1),
    st.sampled_from([0.0, 1e-7, 1e-4, 1e-2, 1.0]),
)
def test_arrays_agree_with_numpy(
    tmp_path: Path, values: list[float], seed: int, noise: float
) -> None:
    """The verdict is that of numpy.isclose, made symmetric; the largest difference is NumPy's."""
    a = np.array(values)
    factors = 1 + noise * np.random.default_rng(seed).uniform(-1, 1, len(a))
    with np.errstate(all="ignore"):
        b = a * factors
    np.save(tmp_path / "a.npy", a)
    np.save(tmp_path / "b.npy", b)
    found = compare(tmp_path / "a.npy", tmp_path / "b.npy", TIGHT)
    limits = {"rtol": TIGHT.relative, "atol": TIGHT.absolute, "equal_nan": True}
    either = np.isclose(a, b, **limits) | np.isclose(b, a, **limits)
    assert found.equal == bool(either.all())
    if found.kind == DIFFERENT:
        assert found.where == f"array[{int(np.argmin(either))}]"
    elif found.absolute:
        differ = np.isfinite(a) & (a != b)
        gaps = np.abs(a[differ] - b[differ])
        np.testing.assert_allclose(found.absolute, gaps.max())
        largest = np.max([np.abs(a[differ]), np.abs(b[differ])], axis=0)
        np.testing.assert_allclose(found.relative, (gaps / largest).max())


@anywhere
@given(st.data())
def test_first_place_in_many_dimensions(tmp_path: Path, data: st.DataObject) -> None:
    shape = tuple(data.draw(st.lists(st.integers(1, 5), min_size=1, max_size=4)))
    a = np.zeros(shape, data.draw(st.sampled_from([np.float32, np.int32, bool, np.float16])))
    b = a.copy()
    place = tuple(data.draw(st.integers(0, n - 1)) for n in shape)
    b[place] = 1
    np.save(tmp_path / "a.npy", a)
    np.save(tmp_path / "b.npy", b)
    with pytest.MonkeyPatch.context() as patch:
        # Blocks of a few entries: indices count from the start of the array all the same.
        patch.setattr(walk, "BLOCK", data.draw(st.integers(1, 50)))
        found = compare(tmp_path / "a.npy", tmp_path / "b.npy")
    assert found.kind == DIFFERENT
    assert found.where == f"array[{', '.join(map(str, place))}]"


@pytest.mark.parametrize(
    ("a", "b"),
    [
        (np.zeros((2, 3)), np.zeros((3, 2))),
        (np.zeros(3), np.zeros((3, 1))),
        (np.zeros((0, 3)), np.zeros((0, 4))),
        (np.zeros(3, "f4"), np.zeros(3, "f8")),
        (np.zeros(3, "f4"), np.zeros(3, "i4")),
        (np.array(1.0), np.array(2.0)),
        (np.array(["a", "bcd"]), np.array(["a", "bc"])),
    ],
)
def test_arrays_of_other_shape_type_or_content(
    a: np.ndarray, b: np.ndarray, tmp_path: Path
) -> None:
    np.save(tmp_path / "a.npy", a)
    np.save(tmp_path / "b.npy", b)
    assert compare(tmp_path / "a.npy", tmp_path / "b.npy").kind == DIFFERENT


@pytest.mark.parametrize("shape", [(), (0,), (0, 3), (3, 0), (2, 3)])
def test_arrays_in_other_bytes(shape: tuple[int, ...], tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.full(shape, 7.0))
    with (tmp_path / "b.npy").open("wb") as stream:
        np.lib.format.write_array(stream, np.full(shape, 7.0, order="F"), version=(3, 0))
    assert compare(tmp_path / "a.npy", tmp_path / "b.npy").kind == WITHIN
    whole = (tmp_path / "b.npy").read_bytes()
    (tmp_path / "b.npy").write_bytes(whole[:100])
    found = compare_files(tmp_path / "a.npy", tmp_path / "b.npy")
    assert found.words.startswith("the second file is damaged")


@pytest.mark.parametrize("suffix", [".npy", ".h5ad"])
def test_arrays_are_walked_in_blocks(
    suffix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(walk, "BLOCK", 1 << 18)
    a, b = tmp_path / f"a{suffix}", tmp_path / f"b{suffix}"
    values = np.zeros((64, 250_000), np.float32)
    for path in (a, b):
        if suffix == ".npy":
            np.save(path, values)
        else:
            with h5py.File(path, "w") as file:
                file.create_dataset("x", data=values, chunks=(2, 250_000), compression="lzf")
        values[63, 7] = 1e-4
    tracemalloc.start()
    found = compare_files(a, b)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found.where.endswith("[63, 7]")
    # Blocks of two rows here, which are chunks of the HDF5 file, a few times over as float64.
    assert peak < values.nbytes / 2


def test_missing_is_not_nan(tmp_path: Path) -> None:
    for name, value in (("a", None), ("b", math.nan)):
        pq.write_table(pa.table({"x": pa.array([1.0, value])}), tmp_path / f"{name}.parquet")
    found = compare(tmp_path / "a.parquet", tmp_path / "b.parquet")
    assert found.words == "column x, row 1: None and nan"


def test_missing_is_missing(tmp_path: Path) -> None:
    columns = {"x": pa.array([1.0, None]), "n": pa.array([None, 2]), "t": pa.array(["a", None])}
    for name, compression in (("a", "snappy"), ("b", "gzip")):
        pq.write_table(pa.table(columns), tmp_path / f"{name}.parquet", compression=compression)
    assert compare(tmp_path / "a.parquet", tmp_path / "b.parquet").kind == WITHIN


@pytest.mark.parametrize(
    ("a", "b", "where"),
    [
        ("array", "csr_matrix", "attribute kind of x"),
        (1, 2, "attribute kind of x"),
        (np.float32(1), np.float64(1), "type of attribute kind of x"),
        ([1.0, 2.0], [1.0, 3.0], "attribute kind of x[1]"),
        ("array", [1.0, 2.0], "type of attribute kind of x"),
        (["a", "b"], ["a", "cde"], "attribute kind of x[1]"),
        (h5py.Empty("f"), 1.0, "type of attribute kind of x"),
        (None, 1.0, "attributes of x"),
    ],
)
def test_attributes_count(a: Any, b: Any, where: str, tmp_path: Path) -> None:
    for name, value in (("a", a), ("b", b)):
        with h5py.File(tmp_path / f"{name}.h5ad", "w") as file:
            file["x"] = [1.0]
            if value is not None:
                file["x"].attrs["kind"] = value
    found = compare(tmp_path / "a.h5ad", tmp_path / "b.h5ad")
    assert found.kind == DIFFERENT
    assert found.where == where


def test_group_is_no_dataset(tmp_path: Path) -> None:
    for name in ("a", "b"):
        with h5py.File(tmp_path / f"{name}.h5ad", "w") as file:
            file.create_group("x") if name == "a" else file.create_dataset("x", data=1.0)
    assert compare(tmp_path / "a.h5ad", tmp_path / "b.h5ad").where == "kind of x"


DIGEST_A, DIGEST_B = "0123456789abcdef" * 4, "fedcba9876543210" * 4


@pytest.mark.parametrize(
    ("a", "b", "kind"),
    [
        (1, 1.0, WITHIN),
        (1, 2, DIFFERENT),
        (1, True, DIFFERENT),
        (0, False, DIFFERENT),
        (None, 0.0, DIFFERENT),
        (None, math.nan, DIFFERENT),
        ("1.0", 1.0, DIFFERENT),
        ([1, 2], [1, 2, 3], DIFFERENT),
        ([], {}, DIFFERENT),
        ({"x": 1}, {"x": 1, "y": 2}, DIFFERENT),
        ({"x": {"y": [0, {"z": "a"}]}}, {"x": {"y": [0, {"z": "b"}]}}, DIFFERENT),
        (DIGEST_A, DIGEST_B, WITHIN),
        (DIGEST_A[:16], DIGEST_B[:16], WITHIN),
        (DIGEST_A[:12], DIGEST_B[:12], WITHIN),
        (DIGEST_A, DIGEST_B[:16], DIFFERENT),
        (DIGEST_A[:14], DIGEST_B[:14], DIFFERENT),
        # In a list, such as that of the samples, they are ids.
        ([DIGEST_A[:16]], [DIGEST_B[:16]], DIFFERENT),
        ("2.13.0+cpu", "2.13.0+cu130", WITHIN),
        ("2.13.0+cpu", "2.13.0", WITHIN),
        ("2.13.0+cpu", "2.13.1+cpu", DIFFERENT),
    ],
)
def test_json_values(a: Any, b: Any, kind: str, tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(json.dumps({"key": a}))
    (tmp_path / "b.json").write_text(json.dumps({"key": b}) + "\n")
    found = compare(tmp_path / "a.json", tmp_path / "b.json")
    assert found.kind == kind
    if kind == DIFFERENT:
        assert "$.key" in found.where


def test_settings_have_no_tolerance(tmp_path: Path) -> None:
    """A learning rate of 0.0004 is not that of 0.0003, near as they are."""
    for name, rate in (("a", 3e-4), ("b", 4e-4)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "params.json").write_text(json.dumps({"learning_rate": rate}))
    found = compare(tmp_path / "a/params.json", tmp_path / "b/params.json")
    assert found.words == "$.learning_rate: 0.0003 and 0.0004"


def png(pixels: np.ndarray, level: int = 6) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "png", compress_level=level)
    return stream.getvalue()


def figure() -> np.ndarray:
    """Return white paper with a black line of one row of pixels."""
    pixels = np.full((200, 100, 3), 255, np.uint8)
    pixels[50] = 0
    return pixels


def test_pictures(tmp_path: Path) -> None:
    a, b = tmp_path / "a.png", tmp_path / "b.png"

    def against(pixels: np.ndarray, level: int = 6) -> Difference:
        a.write_bytes(png(figure()))
        b.write_bytes(png(pixels, level))
        return compare(a, b)

    assert against(figure()).kind == IDENTICAL
    assert against(figure(), level=0).words == "the same content in other bytes"
    # A row moved by one changes two rows of 200: 1 % of the pixels.
    moved = against(np.roll(figure(), 1, axis=0))
    assert moved.kind == WITHIN
    assert "up to 255 of 255 in a channel, 1.00% of the pixels" in moved.words
    assert moved.where == "pixel in row 50, column 0"
    assert moved.absolute == moved.relative == 0
    # Slightly other colours everywhere.
    assert against(figure() // 8 * 8).kind == WITHIN
    other = against(255 - figure())
    assert other.kind == DIFFERENT
    assert other.where == "pixel in row 0, column 0"
    assert "[255, 255, 255, 255] and [0, 0, 0, 255]" in other.words
    size = against(figure()[:-1])
    assert size.words == "height and width: (200, 100) and (199, 100)"


def test_damaged_picture_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(png(figure()))
    (tmp_path / "b.png").write_bytes(png(figure())[:-30])
    found = compare(tmp_path / "a.png", tmp_path / "b.png")
    assert found.words.startswith("the second file is damaged or cut off")


def page(text: str) -> str:
    return f"<html>\n<p>About</p>\n<p>{text}</p>\n</html>\n"


def embedded(content: bytes) -> str:
    return f'<img src="data:image/png;base64,{base64.b64encode(content).decode()}" alt="ROC">'


@pytest.mark.parametrize("suffix", [".html", ".md"])
@pytest.mark.parametrize(
    ("a", "b", "kind"),
    [
        # Each number is written to half a unit of its last digit.
        ("AUROC 0.628", "AUROC 0.629", WITHIN),
        ("AUROC 0.6", "AUROC 0.7", WITHIN),
        ("AUROC 0.628 (0.1 to 0.9)", "AUROC 0.638 (0.1 to 0.9)", DIFFERENT),
        ("difference −0.037", "difference -0.038", WITHIN),
        ("difference −0.037", "difference 0.037", DIFFERENT),
        ("0.6283919", "0.6283925", WITHIN),
        ("1e-06", "2e-06", WITHIN),
        ("12.5 s", "14.5 s", DIFFERENT),
        # A percentage is rounded, a count is not.
        ("agree on 50 % of", "agree on 51 % of", WITHIN),
        ("agree on 50 % of", "agree on 53 % of", DIFFERENT),
        ("45.1 %", "45.3 %", WITHIN),
        ("45.1 %", "45.7 %", DIFFERENT),
        ("45.1 %", "45.1", DIFFERENT),
        ("5 of 1000 samples", "6 of 1000 samples", DIFFERENT),
        ("5 of 1000 samples", "5 of 1001 samples", DIFFERENT),
        ("seed-0", "seed-1", DIFFERENT),
        ("5 and 5.0", "5 and 5.04", WITHIN),
        ("5", "5.004", WITHIN),
        ("5", "5.2", DIFFERENT),
        # No numbers: versions, colours, parts of names.
        ("torch 2.13.0", "torch 2.13.1", DIFFERENT),
        ("color: #1e6091", "color: #1e6092", DIFFERENT),
        ("gene G00001", "gene G00002", DIFFERENT),
        ("n/a", "0.5", DIFFERENT),
        ("nan", "nan ", DIFFERENT),
        (f"code {DIGEST_A}", f"code {DIGEST_B}", WITHIN),
        (f"code {DIGEST_A[:16]}", f"code {DIGEST_B[:16]}", WITHIN),
        ("model a1234567890b", "model b1234567890a", WITHIN),
        ("model a1234567890b", "model 112345678901", WITHIN),
        (f"code {DIGEST_A}", f"code {DIGEST_B[:16]}", DIFFERENT),
        ("id 1234567890123456", "id 1234567890123457", DIFFERENT),
        ("mlp is better", "mlp cannot be told apart", DIFFERENT),
        ("a word", "a word more 5", DIFFERENT),
        ("a word", "a word 5", DIFFERENT),
        ("ends with 5", "ends with 5 5", DIFFERENT),
    ],
)
def test_words_and_numbers_of_text(suffix: str, a: str, b: str, kind: str, tmp_path: Path) -> None:
    first, second = tmp_path / f"a{suffix}", tmp_path / f"b{suffix}"
    first.write_text(page(a))
    second.write_text(page(b))
    found = compare(first, second)
    assert found.kind == kind
    if kind == DIFFERENT:
        assert found.where.startswith("line 3")


@anywhere
@given(
    st.floats(-1e4, 1e4),
    st.floats(-0.999, 0.999),
    st.integers(1, 6),
    st.sampled_from(["", " %"]),
    st.sampled_from([Tolerance(0, 0), TIGHT, Tolerance()]),
)
def test_rounding_hides_no_equal_numbers(
    tmp_path: Path, value: float, shift: float, digits: int, percent: str, tolerance: Tolerance
) -> None:
    """Numbers within the tolerance are so as well once they are rounded, at any digit."""
    near = value * (1 + shift * tolerance.relative)
    for name, number in (("a", value), ("b", near)):
        (tmp_path / f"{name}.md").write_text(f"{number:.{digits}f}{percent}\n")
    found = compare(tmp_path / "a.md", tmp_path / "b.md", tolerance)
    assert found.equal
    # What counts as the same is no further apart than tolerance and rounding allow.
    absolute = tolerance.absolute * (100 if percent else 1)
    far = value + 1.01 * (absolute + 3 * 10.0**-digits + tolerance.relative * abs(value))
    (tmp_path / "b.md").write_text(f"{far:.{digits}f}{percent}\n")
    assert compare(tmp_path / "a.md", tmp_path / "b.md", tolerance).kind == DIFFERENT


def test_rounded_numbers_say_so(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("AUROC\n0.628\n")
    (tmp_path / "b.md").write_text("AUROC\n0.629\n")
    found = compare(tmp_path / "a.md", tmp_path / "b.md", Tolerance(0, 0))
    assert found.kind == WITHIN
    assert found.where == "line 2"
    assert found.absolute == 0
    assert "last digit" in found.words


def test_largest_difference_in_text(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("0.10000\n\n0.20000 and 0.30000\n")
    (tmp_path / "b.md").write_text("0.10001\n\n0.20000 and 0.30051\n")
    found = compare(tmp_path / "a.md", tmp_path / "b.md")
    assert found.where == "line 3"
    # Up to one unit of the last digit may be rounding.
    assert found.absolute == pytest.approx(0.00050)


def test_report_with_pictures_numbers_and_digests(tmp_path: Path) -> None:
    a, b = tmp_path / "a.html", tmp_path / "b.html"
    moved = np.roll(figure(), 1, axis=0)

    def write(path: Path, picture: np.ndarray, digest: str, number: str) -> None:
        text = f"{embedded(png(picture))} 4 samples, AUROC {number}, code {digest}"
        path.write_text(page(text))

    write(a, figure(), DIGEST_A[:16], "0.630")
    write(b, moved, DIGEST_B[:16], "0.631")
    found = compare(a, b)
    assert found.kind == WITHIN
    assert "line 3, picture: pixels differ" in found.words
    write(b, 255 - figure(), DIGEST_B[:16], "0.631")
    found = compare(a, b)
    assert found.kind == DIFFERENT
    assert found.where == "line 3, picture: pixel in row 0, column 0"
    write(b, figure(), DIGEST_B[:16], "0.7")
    assert compare(a, b).words == "line 3: 0.63 and 0.7"
    b.write_text(a.read_text().replace("AAAA", "####", 1))
    assert compare(a, b).kind == DIFFERENT
    b.write_text(a.read_text()[:-200])
    assert compare(a, b).kind == DIFFERENT


def test_damaged_picture_in_a_report_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.html").write_text(page(embedded(png(figure()))))
    (tmp_path / "b.html").write_text(page(embedded(png(figure())[:-30])))
    found = compare_files(tmp_path / "a.html", tmp_path / "b.html")
    assert found.words == "the second file is damaged or cut off: the picture has no end"


def test_difference_deep_in_a_long_line_is_shown(tmp_path: Path) -> None:
    for name, word in (("a", "better"), ("b", "worse")):
        (tmp_path / f"{name}.html").write_text("<td>cell</td>" * 100 + f"mlp is {word}\n")
    found = compare(tmp_path / "a.html", tmp_path / "b.html")
    assert "is better" in found.words
    assert "is worse" in found.words


def test_unknown_formats_are_bytes(tmp_path: Path) -> None:
    for name, content in (("a.bin", b"0.1000000"), ("b.bin", b"0.1000001"), ("a.csv", b"0.1\n")):
        (tmp_path / name).write_bytes(content)
    found = compare(tmp_path / "a.bin", tmp_path / "b.bin")
    assert found.words == "byte 8: other content (9 and 9 bytes long)"
    assert compare(tmp_path / "a.bin", tmp_path / "a.csv").kind == DIFFERENT


@pytest.mark.parametrize("name", ["relative", "absolute", "pixel", "pixel_share"])
@pytest.mark.parametrize("value", [-1e-9, -1, math.nan, math.inf])
def test_tolerance_is_a_number_from_zero_on(name: str, value: float) -> None:
    with pytest.raises(UserError, match=f"tolerance: {name} is"):
        Tolerance(**{name: value})
