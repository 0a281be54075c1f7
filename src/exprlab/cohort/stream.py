"""Opening a user's file, whatever it was compressed with."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from exprlab.errors import did_you_mean

GZIP, ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"
# First bytes of what is no text, and what it is.
BINARIES = {
    b"PK\x03\x04": "an Excel workbook or a ZIP archive",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook (.xls)",
    b"\x89HDF": "HDF5",
    b"PAR1": "Parquet",
    b"\xff\xfe": "text in UTF-16",
    b"\xfe\xff": "text in UTF-16",
    b"BZh": "compressed with bzip2",
    b"\xfd7zXZ": "compressed with xz",
    b"RDX": "an R data file",
    b"<!DOCTYPE": "a web page",
    b"<html": "a web page",
}


class Unreadable(Exception):
    """A file that cannot be read at all: what was found there, and what to do."""

    def __init__(self, what: str, remedy: str, where: str = "") -> None:
        super().__init__(what)
        self.what, self.remedy, self.where = what, remedy, where


@contextmanager
def opened(path: Path) -> Iterator[BinaryIO]:
    """Open a file that is plain, or compressed with gzip or zstd, as its first bytes say.

    Raises
    ------
    Unreadable
        If there is no such file, or what is read of it is damaged or no UTF-8.
    """
    start = magic(path)
    try:
        if start.startswith(GZIP):
            with gzip.open(path) as stream:
                yield stream  # type: ignore[misc]
        elif start.startswith(ZSTD):
            import pyarrow

            with pyarrow.input_stream(str(path), compression="zstd") as stream:
                yield stream
        else:
            with path.open("rb") as stream:
                yield stream
    except (EOFError, zlib.error, OSError) as error:
        raise Unreadable(
            f"cannot be read to its end ({error})", "the file is damaged or cut off: copy it again"
        ) from None
    except UnicodeDecodeError as error:
        raise Unreadable(
            f"is no text in UTF-8 ({error.reason} {error.object[error.start : error.end]!r})",
            "save it as UTF-8",
        ) from None


def magic(path: Path) -> bytes:
    """Return the first bytes of a file.

    Raises
    ------
    Unreadable
        If there is no such file, or it is empty.
    """
    if path.is_dir():
        raise Unreadable("is a folder", "give the name of a file")
    if not path.is_file():
        raise missing(path)
    try:
        with path.open("rb") as stream:
            start = stream.read(8)
    except OSError as error:
        raise Unreadable(f"cannot be opened ({error.strerror})", "check the permissions") from None
    if not start:
        raise Unreadable("is empty", "copy it again")
    return start


def missing(path: Path) -> Unreadable:
    """Return the error that a file or folder is not there, with one of a similar name."""
    beside = [item.name for item in path.parent.iterdir()] if path.parent.is_dir() else []
    return Unreadable("no such file or folder", f"check the path{did_you_mean(path.name, beside)}")


def bare_name(path: Path) -> str:
    """Return a file's name in small letters, without the ending of a compression."""
    return path.name.lower().removesuffix(".gz").removesuffix(".zst")
