"""A first look at a sample table, to plan a workflow: how many samples, batches, a split?

It reads as little as it can, without pandas, and leaves complaints to the checks of the data.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from exprlab.cohort.cells import column_called, read_rows
from exprlab.cohort.stream import Unreadable
from exprlab.config.files import FilesDataset
from exprlab.errors import UserError
from exprlab.keys import BATCH, SPLIT

# What a cell without a value may say, in lower case.
EMPTY = frozenset({"", "na", "n/a", "nan", "null", "none", "<na>"})
Rows = Iterator[list[str]]


@dataclass(frozen=True)
class Glance:
    """Samples of a cohort, names of its batches, and whether it says who trains and who tests."""

    n_samples: int = 0
    batches: frozenset[str] = frozenset()
    has_split: bool = False

    def __add__(self, other: Glance) -> Glance:
        return Glance(
            self.n_samples + other.n_samples,
            self.batches | other.batches,
            self.has_split or other.has_split,
        )


def glance(dataset: FilesDataset) -> Glance:
    """Look at the sample tables of a cohort, or at the .h5ad that holds samples and values.

    Raises
    ------
    UserError
        If a table is missing or cannot be read at all.
    """
    found = Glance()
    for path in map(Path, dataset.samples or dataset.expression):
        try:
            found += _look(path, dataset.columns.batch or BATCH, dataset.columns.split or SPLIT)
        except FileNotFoundError:
            raise UserError(f"{path}: no such file; correct datasets.*.samples") from None
        except Unreadable as error:
            raise UserError(f"{path}: {error.what}; {error.remedy}") from None
        except (OSError, ValueError, KeyError) as error:
            raise UserError(
                f"{path}: cannot be read as a sample table ({error}); allowed: .tsv, .csv or .txt "
                "(also .gz, .zst), .xlsx, .h5ad"
            ) from None
    return found


def _look(path: Path, batch: str, split: str) -> Glance:
    if path.suffix == ".h5ad":
        rows = _rows_of_h5ad(path, (batch, split))
        header = next(rows)
    else:
        header, numbered, _ = read_rows(path)
        rows = (row for _, row in numbered)
    column = column_called(batch, header)
    place = None if column is None else header.index(column)
    n_samples, batches = 0, set()
    for row in rows:
        n_samples += 1
        if place is not None and place < len(row) and row[place].strip().lower() not in EMPTY:
            batches.add(row[place].strip())
    return Glance(n_samples, frozenset(batches), column_called(split, header) is not None)


def _rows_of_h5ad(path: Path, names: tuple[str, ...]) -> Rows:
    from anndata.io import read_elem
    from h5py import File

    if not path.exists():
        raise FileNotFoundError(path)
    with File(path) as file:
        table = read_elem(file["obs"])
    kept = [name for name in names if name in table]
    yield ["", *kept]
    for sample, row in zip(table.index, table[kept].itertuples(index=False), strict=True):
        yield [str(sample), *map(str, row)]
