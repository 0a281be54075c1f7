"""Walking through two binary files of one format: HDF5, NumPy, safetensors, Parquet, PNG."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from exprlab.reproduce.walk import Apart, Index, Walk

# Bytes of a file that are read at a time, and rows of a column that become Python objects.
BLOCK_BYTES, BLOCK_ROWS = 1 << 20, 1 << 16


def other_byte(a: Path, b: Path) -> int | None:
    """Return the position of the first byte that differs."""
    position = 0
    with a.open("rb") as x, b.open("rb") as y:
        while True:
            p, q = x.read(BLOCK_BYTES), y.read(BLOCK_BYTES)
            if p != q:
                pairs = enumerate(zip(p, q, strict=False))
                return position + next((i for i, (v, w) in pairs if v != w), min(len(p), len(q)))
            if not p:
                return None
            position += len(p)


def read_bytes(walk: Walk, a: Path, b: Path) -> None:
    """Compare files of which nothing is known."""
    position = other_byte(a, b)
    if position is not None:
        sizes = f"{a.stat().st_size} and {b.stat().st_size} bytes long"
        raise Apart(f"byte {position}", f"other content ({sizes})")


def read_hdf5(walk: Walk, a: Path, b: Path) -> None:
    """Compare groups, datasets and attributes by name; how they are stored does not count."""
    import h5py

    def attributes(name: str, x: Any, y: Any) -> None:
        walk.names(f"attributes of {name}", x, y)
        for key in sorted(x):
            where, values = f"attribute {key} of {name}", [x[key], y[key]]
            kinds = [type(value).__name__ for value in values]
            if "Empty" in kinds or "str" in kinds:
                walk.exact(f"type of {where}", *kinds)
                walk.exact(where, *values)
            else:
                walk.blocks(where, *map(np.asarray, values))

    def visit(name: str, x: Any, y: Any) -> None:
        walk.exact(f"kind of {name or '/'}", type(x).__name__, type(y).__name__)
        attributes(name or "/", x.attrs, y.attrs)
        if isinstance(x, h5py.Group):
            walk.names(f"content of {name or '/'}", x, y)
            for key in sorted(x):
                visit(f"{name}/{key}" if name else key, x[key], y[key])
        elif x.shape is None or y.shape is None:
            walk.exact(f"shape of {name}", x.shape, y.shape)
        else:
            walk.blocks(name, x, y, x.chunks[0] if x.chunks else 1)

    with h5py.File(a, "r") as x, h5py.File(b, "r") as y:
        visit("", x, y)


def read_npy(walk: Walk, a: Path, b: Path) -> None:
    """Compare arrays without reading them whole."""
    walk.blocks("array", *(np.load(path, mmap_mode="r", allow_pickle=False) for path in (a, b)))


def read_safetensors(walk: Walk, a: Path, b: Path) -> None:
    """Compare arrays by name, one at a time; their order in the file does not count."""
    from safetensors import safe_open

    with safe_open(a, framework="numpy") as x, safe_open(b, framework="numpy") as y:
        walk.exact("metadata", x.metadata(), y.metadata())
        walk.names("arrays", x.keys(), y.keys())
        for name in sorted(x.keys()):
            walk.blocks(name, x.get_tensor(name), y.get_tensor(name))


def read_parquet(walk: Walk, a: Path, b: Path) -> None:
    """Compare columns, which have an order and types; a missing value is not NaN."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    with pq.ParquetFile(a) as x, pq.ParquetFile(b) as y:
        schemas = x.schema_arrow, y.schema_arrow
        walk.names("columns", *(schema.names for schema in schemas))
        walk.exact("order of columns", *(schema.names for schema in schemas))
        walk.exact("number of rows", x.metadata.num_rows, y.metadata.num_rows)
        for name in schemas[0].names:
            types = [schema.field(name).type for schema in schemas]
            walk.exact(f"type of column {name}", *map(str, types))
            columns = [file.read(columns=[name]).column(0) for file in (x, y)]
            _column(walk, name, columns, pa.types.is_floating(types[0]))


def _column(walk: Walk, name: str, columns: list[Any], floating: bool) -> None:
    for start in range(0, len(columns[0]), BLOCK_ROWS):

        def where(index: Index, start: int = start) -> str:
            return f"column {name}, row {start + index[0]}"

        values = [column.slice(start, BLOCK_ROWS).to_pylist() for column in columns]
        x, y = (np.fromiter(value, object, len(value)) for value in values)
        missing = [np.array([v is None for v in value]) for value in values]
        if floating:
            apart = np.flatnonzero(missing[0] != missing[1])
            if len(apart):
                index = (int(apart[0]),)
                walk.exact(where(index), x[index], y[index])
            x, y = x.astype(np.float64), y.astype(np.float64)
        walk.array(where, x, y)


def read_png(walk: Walk, a: Path, b: Path) -> None:
    """Compare pixels; what is written beside them does not count."""
    walk.picture("", a.read_bytes(), b.read_bytes())
