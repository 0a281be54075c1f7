"""The user's own files that an experiment began with; no rule makes them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path, PurePath
from typing import Any

from exprlab.errors import UserError
from exprlab.files import sha256


def own_files(manifest: Mapping[str, Any]) -> dict[str, str]:
    """Return the digest of each file that a rule has read and none has made, by its path.

    Paths are those of the config: absolute, or relative to the working directory.
    """
    made = {entry["path"] for entry in manifest["files"]}
    read = {path: digest for entry in manifest["files"] for path, digest in entry["inputs"].items()}
    return {path: digest for path, digest in sorted(read.items()) if path not in made}


def changed_files(files: Mapping[str, str], place: Path) -> list[str]:
    """Return those files whose content is another one now.

    Parameters
    ----------
    files
        Path -> digest.
    place
        Folder that relative paths begin in.

    Raises
    ------
    UserError
        If one is not there.
    """
    missing = [path for path in files if not (place / path).is_file()]
    if missing:
        raise UserError(
            f"{place / missing[0]}: no such file; the experiment began with it, so it cannot be "
            f"made again without it ({len(missing)} of {len(files)} such files are missing). Call "
            "this in the folder that the config's paths begin in, with the files in their places"
        )
    return [path for path, digest in files.items() if sha256(place / path) != digest]


def scratch_with(files: Mapping[str, str], place: Path, scratch: Path) -> Path:
    """Return a folder in which the files' relative paths lead to the files, by links.

    It lies so deep in `scratch` that a path which climbs, such as ../data/counts.tsv, stays in it.
    """
    relative = [PurePath(path) for path in files if not PurePath(path).is_absolute()]
    climbs = max((path.parts.count("..") for path in relative), default=0)
    folder = scratch.joinpath(*["below"] * climbs)
    folder.mkdir(parents=True, exist_ok=True)
    for path in relative:
        link = Path(os.path.normpath(folder / path))
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to((place / path).resolve())
    return folder
