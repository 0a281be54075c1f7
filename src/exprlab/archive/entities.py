"""Entities of a crate: adding them and finding them again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

if TYPE_CHECKING:
    from rocrate.model import ContextEntity
    from rocrate.rocrate import ROCrate

# Folder of the results inside an archive.
RESULTS = "results"


def add_entity(crate: ROCrate, identifier: str, kind: str, **properties: Any) -> ContextEntity:
    """Add something that is no file; properties that are None or empty lists are left out."""
    from rocrate.model import ContextEntity

    entity = crate.add(ContextEntity(crate, identifier, {"@type": kind}))
    for key, value in properties.items():
        if value is not None and value != []:
            entity[key] = single(value)
    return entity


def single(value: Any) -> Any:
    """Return the only item of a list, as RO-Crate spells it, and everything else as it is."""
    return value[0] if isinstance(value, list) and len(value) == 1 else value


def left_out_id(path: str) -> str:
    """Return the @id of a file of the results that is described, but not in the archive."""
    return f"#{quote(f'{RESULTS}/{path}')}"


def find_result(crate: ROCrate, path: str) -> ContextEntity | None:
    """Return the entity of a file of the results, in the archive or not."""
    return crate.get(quote(f"{RESULTS}/{path}")) or crate.get(left_out_id(path))
