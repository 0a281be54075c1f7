"""Two files: the same, the same within a tolerance, or where they differ first."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from exprlab.keys import PARAMS_FILE
from exprlab.reproduce.readers import (
    other_byte,
    read_bytes,
    read_hdf5,
    read_npy,
    read_parquet,
    read_png,
    read_safetensors,
)
from exprlab.reproduce.texts import read_json, read_table, read_text
from exprlab.reproduce.walk import Apart, Tolerance, Walk

IDENTICAL, WITHIN, DIFFERENT = "identical", "identical within tolerance", "different"
Reader = Callable[[Walk, Path, Path], None]
READERS: dict[str, Reader] = {
    ".h5ad": read_hdf5,
    ".npy": read_npy,
    ".safetensors": read_safetensors,
    ".parquet": read_parquet,
    ".csv": read_table,
    ".tsv": read_table,
    ".json": read_json,
    ".png": read_png,
    ".html": read_text,
    ".md": read_text,
}


@dataclass(frozen=True)
class Difference:
    """What two files have of each other.

    Attributes
    ----------
    kind
        IDENTICAL (every byte), WITHIN (the same content within the tolerance) or DIFFERENT.
    words
        The finding, for a reader: how far apart at most, or both values at the first difference.
    where
        Place of the first difference, or of the largest one within the tolerance: array and index,
        column and row, JSON path, line or pixel.
    absolute, relative
        Largest differences of numbers within the tolerance; pictures do not count, and neither does
        what the rounding of written numbers explains.
    """

    kind: str
    words: str
    where: str = ""
    absolute: float = 0.0
    relative: float = 0.0

    @property
    def equal(self) -> bool:
        """Whether the files count as the same."""
        return self.kind != DIFFERENT


def compare_files(a: Path, b: Path, tolerance: Tolerance | None = None) -> Difference:
    """Compare two files by what their format means.

    Parameters
    ----------
    a, b
        Two files with the same suffix: .h5ad, .npy, .safetensors, .parquet, .csv, .tsv, .json,
        .png, .html or .md; of others (and of two suffixes) every byte counts.
    tolerance
        Default: one that fits a training on other hardware. Settings (params.json) have none.

    Returns
    -------
    Difference
        A file that is missing or cannot be read whole is DIFFERENT, with the reason.

    Raises
    ------
    OSError
        If the system refuses to read a file that is there.
    """
    a, b = Path(a), Path(b)
    for path in (a, b):
        if not path.is_file():
            return Difference(DIFFERENT, f"{path}: no such file")
    if other_byte(a, b) is None:
        return Difference(IDENTICAL, "the same bytes")
    read = READERS.get(a.suffix, read_bytes) if a.suffix == b.suffix else read_bytes
    walk = Walk(Tolerance(0, 0) if a.name == PARAMS_FILE else tolerance or Tolerance())
    try:
        read(walk, a, b)
    except Apart as apart:
        return Difference(DIFFERENT, f"{apart.where}: {apart.words}", apart.where)
    except (ImportError, MemoryError):  # not the files' fault
        raise
    except Exception as error:  # damaged files make readers raise whatever they like
        return Difference(DIFFERENT, _unreadable(read, a, b, error))
    where = walk.where or next((place for place, _ in walk.notes), "")
    return Difference(WITHIN, walk.words(), where, walk.absolute, walk.relative)


def _unreadable(read: Reader, a: Path, b: Path, error: Exception) -> str:
    """Return which of the files is damaged: the one that cannot even be compared with itself."""
    for side, path in (("first", a), ("second", b)):
        try:
            read(Walk(Tolerance()), path, path)
        except Exception as found:
            reason = " ".join(str(found).split())[:200] or type(found).__name__
            return f"the {side} file is damaged or cut off: {reason}"
    return f"they cannot be compared ({type(error).__name__}: {error})"
