"""An experiment as one RO-Crate: a zip file whose bytes follow from the experiment."""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from exprlab.archive.contents import MEGABYTE, Contents, Member, gather, text_member
from exprlab.archive.describe import README_FILE, describe
from exprlab.archive.pages import (
    describe_all,
    dropped_sentence,
    title_of,
    write_preview,
    write_readme,
)
from exprlab.archive.project import read_project, read_runs, snakemake_version
from exprlab.archive.words import MARKDOWN
from exprlab.errors import UserError
from exprlab.files import atomic_path
from exprlab.provenance.manifest import read_manifest

METADATA_FILE = "ro-crate-metadata.json"
PREVIEW_FILE = "ro-crate-preview.html"
# The earliest date that a zip file can hold; a real one would differ between equal archives.
DATE = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True)
class Archive:
    """What was written.

    Attributes
    ----------
    n_files
        Files in it, with the metadata.
    size
        Of the zip file, in bytes.
    authors
        Their names.
    notes
        What the user should know of it, in sentences.
    """

    n_files: int
    size: int
    authors: list[str]
    notes: list[str]


def write_archive(
    results: Path, output: Path, snakefile: Path, limit_mb: float, authors: list[str]
) -> Archive:
    """Write an RO-Crate of an experiment.

    Parameters
    ----------
    results
        Folder of the results, with the manifest of a finished run.
    output
        The zip file.
    snakefile
        The workflow that made them; its folder holds CITATION.cff and what else there is.
    limit_mb
        Megabytes (10^6 bytes) of all files together, before compression; beyond it weights are
        left out, the largest first.
    authors
        `Name` or `Name ORCID` each; none: those of CITATION.cff.

    Returns
    -------
    Archive

    Raises
    ------
    UserError
        If there is no manifest, or a file or the source is not the one that it lists.
    """
    if output.suffix != ".zip":
        raise UserError(f"{output}: an archive is a zip file; give a name that ends with .zip")
    if not results.is_dir():
        raise UserError(f"{results}: no such folder; give the folder of the results")
    manifest, limit = read_manifest(results), limit_mb * MEGABYTE
    project = read_project(snakefile.parent, authors)
    contents = gather(results, manifest, snakefile, limit)
    runs = read_runs(results, manifest)
    title, text = title_of(manifest), describe_all(manifest, contents, runs, limit)
    readme = write_readme(title, text, project, contents).encode()
    words = "What this archive is, and how to make it again"
    contents.members[README_FILE] = text_member(README_FILE, readme, MARKDOWN, words)
    snakemake = snakemake_version(results, runs)
    crate = describe(contents, manifest, project, runs, snakemake, title, text)
    preview = write_preview(title, text, max(run.ended for run in runs), project, contents)
    pages = {METADATA_FILE: _as_json(crate.metadata.generate()), PREVIEW_FILE: preview.encode()}
    with atomic_path(output) as temporary:
        _write_zip(temporary, pages, contents.members)
    names = [author.name for author in project.authors]
    n_files, size = len(pages) + len(contents.members), output.stat().st_size
    return Archive(n_files, size, names, _notes(contents, limit))


def _notes(contents: Contents, limit: float) -> list[str]:
    notes = [dropped_sentence(contents, limit)]
    if contents.size > limit:
        notes.append(
            f"Without any weights the files still have {contents.size / MEGABYTE:.0f} MB, more "
            f"than the limit of {limit / MEGABYTE:g} MB."
        )
    return [note for note in notes if note]


def _as_json(value: object) -> bytes:
    return (json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False) + "\n").encode()


def _write_zip(path: Path, pages: Mapping[str, bytes], members: Mapping[str, Member]) -> None:
    """Write the pages, then the members by name, each checked once more while it is read."""
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in pages.items():
            archive.writestr(_entry(name), data, compresslevel=9)
        for name in sorted(members):
            member = members[name]
            data = member.data if isinstance(member.data, bytes) else member.data.read_bytes()
            if hashlib.sha256(data).hexdigest() != member.sha256:
                raise UserError(f"{member.data}: changed while it was archived; try again")
            archive.writestr(_entry(name), data, compresslevel=9)


def _entry(name: str) -> zipfile.ZipInfo:
    """Return a file's header without its date, and with the same rights on every system."""
    entry = zipfile.ZipInfo(name, DATE)
    entry.compress_type = zipfile.ZIP_DEFLATED
    entry.create_system = 3  # Unix
    entry.external_attr = 0o100644 << 16
    return entry
