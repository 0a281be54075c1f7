"""Writing files so that a reader never meets half of one, and digests of what was written."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from exprlab.errors import UserError

if TYPE_CHECKING:
    import numpy as np


@contextmanager
def atomic_path(path: str | Path) -> Iterator[Path]:
    """Give a temporary name beside `path`; rename it to `path` on success, remove it on failure.

    Works for a file and for a folder. The temporary name keeps the suffix, because libraries
    choose a format by it.

    Raises
    ------
    UserError
        If `path` is a folder that holds anything that the new one does not: a mistyped output must
        not cost a folder of results.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".writing-{path.name}")
    # What a killed writer has left.
    _remove(temporary)
    try:
        yield temporary
        if path.is_dir():
            _refuse_loss(path, temporary)
            shutil.rmtree(path)
        os.replace(temporary, path)
    except BaseException:
        _remove(temporary)
        raise


def _refuse_loss(old: Path, new: Path) -> None:
    if not new.is_dir():
        raise UserError(f"{old}: is a folder; give the name of a file")
    lost = {item.name for item in old.iterdir()} - {item.name for item in new.iterdir()}
    if lost:
        raise UserError(
            f"{old}: is a folder that holds other files, e.g. '{min(lost)}'; choose another name"
        )


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def to_json(value: Any) -> str:
    """Return the one spelling of `value` as JSON: sorted keys, two spaces, a final newline."""
    return json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def write_json(path: str | Path, value: Any) -> None:
    """Write `value` as JSON with sorted keys, atomically."""
    with atomic_path(path) as temporary:
        temporary.write_text(to_json(value), encoding="utf-8")


def read_json(path: str | Path) -> Any:
    """Read a JSON file.

    Raises
    ------
    UserError
        If the file is missing or is not JSON.
    """
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"{path}: no such file") from None
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: not valid JSON ({error}); was the file cut off?") from None


def sha256(path: str | Path) -> str:
    """Return the SHA-256 of a file's bytes, or of a folder's sorted file names and bytes."""
    path = Path(path)
    digest = hashlib.sha256()
    if path.is_dir():
        for item in files_below(path):
            digest.update(f"{item.relative_to(path).as_posix()}\0{sha256(item)}\n".encode())
        return digest.hexdigest()
    with path.open("rb") as stream:
        while block := stream.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def files_below(folder: Path) -> list[Path]:
    """Return a folder's files, sorted, without the hidden ones (Snakemake leaves a time stamp)."""
    found = (path for path in folder.rglob("*") if path.is_file())
    return sorted(path for path in found if not path.name.startswith("."))


def digest_of(value: Any) -> str:
    """Return the SHA-256 of a JSON-serialisable value, independent of key order."""
    return hashlib.sha256(to_json(value).encode()).hexdigest()


def write_arrays(path: str | Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Write named arrays as safetensors, a format that cannot carry code, atomically."""
    import numpy as np
    from safetensors.numpy import save

    with atomic_path(path) as temporary:
        # save_file would write a file that only its owner can read.
        temporary.write_bytes(save({k: np.asarray(arrays[k], order="C") for k in sorted(arrays)}))


def read_arrays(path: str | Path) -> dict[str, np.ndarray]:
    """Read named arrays from a safetensors file.

    Raises
    ------
    UserError
        If the file is missing or damaged.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        return load_file(path)
    except FileNotFoundError:
        raise UserError(f"{path}: no such file") from None
    except (SafetensorError, OSError) as error:
        raise UserError(f"{path}: not a whole safetensors file ({error}); make it again") from None
