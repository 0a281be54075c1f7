"""What goes into an archive: files of the results, checked, and the source that made them."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from exprlab.archive.entities import RESULTS
from exprlab.archive.words import JSON, WEIGHTS, YAML, kind_of, media_of, words_of
from exprlab.errors import UserError
from exprlab.files import sha256
from exprlab.keys import ENVIRONMENT_FILE, ENVIRONMENT_PAGE
from exprlab.provenance.code import PACKAGE, module_digests
from exprlab.provenance.manifest import MANIFEST_FILE

# In this place the Snakefile takes it instead of a shipped one, not on top of it.
CONFIG_FILE = "config/config.yaml"
# Of the folder of the Snakefile; what is not there is left out.
PROJECT_FILES = ("LICENSE", "CITATION.cff", "pyproject.toml", "requirements.lock")
PROJECT_FOLDERS = ("workflow", "profiles/default")
MEGABYTE = 1_000_000


@dataclass(frozen=True)
class Member:
    """A file of the archive: its path there, where its bytes come from, and what it is."""

    path: str
    data: Path | bytes
    sha256: str
    size: int
    media: str
    words: str


@dataclass(frozen=True)
class Contents:
    """Members by path, and those files of the results that are only described.

    Attributes
    ----------
    left_out
        Entries of the manifest (`path`, `sha256`, `size`).
    dropped
        Those of them that would be members if the archive could be larger.
    """

    members: dict[str, Member]
    left_out: list[dict[str, Any]]
    dropped: list[dict[str, Any]]

    @property
    def size(self) -> int:
        """Return how many bytes all members have together, before compression."""
        return sum(member.size for member in self.members.values())


def gather(results: Path, manifest: Mapping[str, Any], snakefile: Path, limit: float) -> Contents:
    """Check everything and return what goes into an archive.

    Parameters
    ----------
    results
        Folder of the results.
    manifest
        Its manifest.
    snakefile
        The workflow; its folder holds the rest of the project.
    limit
        Bytes; beyond them weights are left out, the largest first.

    Raises
    ------
    UserError
        If a file is not what the manifest says, or the package was edited since.
    """
    refuse_other_code(manifest)
    entries = [_checked(entry, results) for entry in manifest["files"]]
    kept = [entry for entry in entries if kind_of(entry["path"]).kept]
    members = {m.path: m for m in _project(snakefile)}
    members |= {m.path: m for m in _facts(results, manifest)}
    members |= {m.path: m for m in (_result(entry, results) for entry in kept)}
    dropped = _too_large(members, kept, limit)
    for entry in dropped:
        del members[f"{RESULTS}/{entry['path']}"]
    absent = {entry["path"] for entry in dropped}
    left_out = [e for e in entries if e["path"] in absent or not kind_of(e["path"]).kept]
    return Contents(dict(sorted(members.items())), left_out, dropped)


def refuse_other_code(manifest: Mapping[str, Any]) -> None:
    """Raise a UserError if the package at hand is not the one that made the results."""
    for rule, was in manifest["rules"].items():
        command = was["command"].replace("-", "_")
        known = (PACKAGE / "cli" / f"{command}.py").is_file()
        then, now = was["modules"], module_digests(command) if known else {}
        edited = sorted(name for name in {*then, *now} if then.get(name) != now.get(name))
        if edited or not known:
            path = PACKAGE / (edited[0] if known else f"cli/{command}.py")
            raise UserError(
                f"{path}: edited since rule {rule} made its files, so the archive would hold "
                "other code than what ran; run `snakemake --cores 4`, which makes anew "
                "what depends on the edit, or check out the commit that environment.json names"
            )


def inside(path: str) -> str:
    """Return a path that came from data if it stays inside a folder, wherever it is unpacked.

    Raises
    ------
    UserError
        If it does not.
    """
    parts = path.split("/")
    if re.search(r'[\\:<>"|?*\x00-\x1f]', path) or any(p.strip(". ") == "" for p in parts):
        raise UserError(
            f"{MANIFEST_FILE}: it lists {path!r}, a name that has no safe place in an archive; "
            "give a manifest that the workflow wrote"
        )
    return path


def _checked(entry: dict[str, Any], results: Path) -> dict[str, Any]:
    """Return an entry whose file is what the manifest says."""
    path = results / inside(entry["path"])
    remedy = "delete it and run `snakemake --cores 4`, which makes it and the manifest again"
    if not path.is_file():
        if kind_of(entry["path"]).kept:
            raise UserError(f"{path}: no such file, though the manifest lists it; {remedy}")
        return entry
    if (found := sha256(path)) != entry["sha256"]:
        raise UserError(
            f"{path}: was changed after it was made (SHA-256 {found[:12]}..., the manifest says "
            f"{entry['sha256'][:12]}...); {remedy}"
        )
    return entry


def _result(entry: Mapping[str, Any], results: Path) -> Member:
    kind = kind_of(entry["path"])
    size = (results / entry["path"]).stat().st_size
    return Member(
        f"{RESULTS}/{entry['path']}",
        results / entry["path"],
        entry["sha256"],
        size,
        kind.media,
        kind.words,
    )


def _too_large(
    members: Mapping[str, Member], kept: list[dict[str, Any]], limit: float
) -> list[dict[str, Any]]:
    """Return the weights to leave out, the largest first, until the rest keeps to the limit."""
    size = sum(member.size for member in members.values())
    weights = [entry for entry in kept if entry["path"].endswith(f"/{WEIGHTS}")]
    dropped = []
    for entry in sorted(weights, key=lambda entry: (-entry["size"], entry["path"])):
        if size <= limit:
            break
        dropped.append(entry)
        size -= entry["size"]
    return dropped


def _facts(results: Path, manifest: Mapping[str, Any]) -> Iterator[Member]:
    """Yield config, manifest, and where and with what it was made.

    The manifest stands outside the folder of the results: beside it `exprlab verify` would look
    for the files that are left out.
    """
    import yaml

    config = yaml.safe_dump(manifest["config"], sort_keys=True, allow_unicode=True).encode()
    words = "The config: what it takes to make everything again"
    yield text_member(CONFIG_FILE, config, YAML, words)
    listed = "Every scientific file: digest, rule, inputs, parameters, code"
    yield _member(MANIFEST_FILE, results / MANIFEST_FILE, JSON, listed)
    if (path := results / ENVIRONMENT_FILE).is_file():
        yield _member(ENVIRONMENT_FILE, path, JSON, "Where and with what the manifest was written")
    if (path := results / "report" / ENVIRONMENT_PAGE).is_file():
        kind = kind_of(f"report/{ENVIRONMENT_PAGE}")
        yield _member(f"{RESULTS}/report/{ENVIRONMENT_PAGE}", path, kind.media, kind.words)


def _project(snakefile: Path) -> Iterator[Member]:
    """Yield the workflow, the package that ran, and what it takes to install it."""
    root = snakefile.parent
    named = [(path, root / path) for path in PROJECT_FILES]
    folders = [(path, root / path) for path in PROJECT_FOLDERS] + [("src/exprlab", PACKAGE)]
    found = [("Snakefile", snakefile), *named]
    found += [
        (f"{name}/{path.relative_to(folder).as_posix()}", path)
        for name, folder in folders
        for path in sorted(folder.rglob("*"))
        if _is_source(path.relative_to(folder))
    ]
    for name, path in found:
        if path.is_file() and not path.is_symlink():
            yield _member(name, path, media_of(name), words_of(name))


def _is_source(path: Path) -> bool:
    hidden = any(part.startswith(".") or part == "__pycache__" for part in path.parts)
    return not hidden and path.suffix not in (".pyc", ".so")


def _member(name: str, path: Path, media: str, words: str) -> Member:
    return Member(name, path, sha256(path), path.stat().st_size, media, words)


def text_member(name: str, data: bytes, media: str, words: str) -> Member:
    """Return a member that exists in no folder."""
    return Member(name, data, hashlib.sha256(data).hexdigest(), len(data), media, words)
