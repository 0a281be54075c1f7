"""The two pages of an archive that a person opens first: README.md and the crate's preview."""

from __future__ import annotations

import html
from collections.abc import Iterable, Mapping
from typing import Any

from exprlab.archive.contents import MEGABYTE, Contents, Member
from exprlab.archive.entities import RESULTS
from exprlab.archive.project import Project, Run
from exprlab.archive.words import PNG, kind_of

AGAIN = """\
python3 -m venv .venv && source .venv/bin/activate
pip install --constraint requirements.lock --editable .
exprlab verify manifest.json            # makes everything again and compares every digest
snakemake --cores 4 --directory again   # the same, and keeps it: again/results/"""
STYLE = """\
body { font-family: sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; width: 100%; font-size: 0.9rem; }
td, th { border-bottom: 1px solid #ccc; padding: 0.2rem 0.5rem; text-align: left; }
td:last-child, th:last-child { text-align: right; white-space: nowrap; }
pre { background: #f4f4f4; padding: 0.7rem; overflow-x: auto; }"""


def title_of(manifest: Mapping[str, Any]) -> str:
    """Return the title of an archive."""
    return f"{manifest['config']['experiment']['name']}: an experiment made with exprlab"


def describe_all(
    manifest: Mapping[str, Any], contents: Contents, runs: list[Run], limit: float
) -> str:
    """Return what an archive holds and what not, in a few sentences."""
    experiment = manifest["config"]["experiment"]
    datasets, models = ", ".join(experiment["datasets"]), ", ".join(experiment["models"])
    size = sum(entry["size"] for entry in contents.left_out) / MEGABYTE
    sentences = [
        f"{len(runs)} trained model(s) for gene-expression data (data: {datasets}; models: "
        f"{models}; {len(experiment['seeds'])} split(s)), made with exprlab "
        f"{manifest['exprlab']}: config, source, models, test results and report.",
        f"{len(contents.left_out)} further files ({size:.1f} MB), such as counts and features, "
        "are listed in manifest.json with their digests; `exprlab verify manifest.json` makes "
        "them again and proves it.",
    ]
    return " ".join([*sentences, dropped_sentence(contents, limit)]).strip()


def dropped_sentence(contents: Contents, limit: float) -> str:
    """Return which weights are not there because of the limit, and how to get them, or ''."""
    if not contents.dropped:
        return ""
    names = ", ".join(f"{RESULTS}/{entry['path']}" for entry in contents.dropped)
    return (
        f"To stay below {limit / MEGABYTE:g} MB these weights are left out: {names}; "
        "`snakemake --cores 4 --directory again` in the unpacked folder makes them again, with "
        "the digests that manifest.json lists."
    )


def write_readme(title: str, description: str, project: Project, contents: Contents) -> str:
    """Return README.md."""
    members = contents.members
    rows = [f"| [{name}]({name}) | {members[name].words} |" for name in _first(members)]
    lines = [
        f"# {title}",
        "",
        description,
        "",
        f"By {', '.join(author.name for author in project.authors)}; licence: {project.licence}. "
        "`ro-crate-metadata.json` describes every file for machines (RO-Crate, Workflow Run "
        "profile), `ro-crate-preview.html` for people.",
        "",
        "| file | holds |",
        "|---|---|",
        *rows,
        "",
        f"Each run has a folder `{RESULTS}/DATA/MODEL/SPLIT/`. `Snakefile`, `workflow/` and "
        "`src/exprlab/` are the source, as it ran.",
        "",
        "## Making it again",
        "",
        "In this folder, with Python 3.11 or newer:",
        "",
        "```bash",
        AGAIN,
        "```",
    ]
    return "\n".join(lines) + "\n"


def _first(members: Mapping[str, Member]) -> list[str]:
    """Return what a reader looks at first."""
    report = [f"{RESULTS}/report/{name}" for name in ("report.html", "dome.md", "comparison.json")]
    cards = [name for name in members if name.endswith("/model_card.md")]
    named = [*report, *cards, "config/config.yaml", "manifest.json", "environment.json"]
    return [name for name in named if name in members]


def write_preview(
    title: str, description: str, published: str, project: Project, contents: Contents
) -> str:
    """Return ro-crate-preview.html; it needs no network, and no name in it is markup."""
    text = html.escape
    authors = ", ".join(text(author.name) for author in project.authors)
    links = "".join(f"<li>{_link(name)}</li>" for name in _first(contents.members))
    present = (
        (_link(member.path), text(_words(member)), member.size)
        for member in contents.members.values()
    )
    absent = (
        (text(f"{RESULTS}/{entry['path']}"), text(kind_of(entry["path"]).words), entry["size"])
        for entry in contents.left_out
    )
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{text(title)}</title>
<style>
{STYLE}
</style>
</head>
<body>
<h1>{text(title)}</h1>
<p>{text(description)}</p>
<p>By {authors}; licence: {text(project.licence)}; last run ended {text(published)}.
This page shows <a href="ro-crate-metadata.json">ro-crate-metadata.json</a>.</p>
<h2>To begin with</h2>
<ul>{links}</ul>
<h2>Making it again</h2>
<p>In this folder, with Python 3.11 or newer:</p>
<pre>{text(AGAIN)}</pre>
<h2>Files</h2>
{_table(present)}
<h2>Not in this archive, but made again by the workflow</h2>
{_table(absent)}
</body>
</html>
"""


def _words(member: Member) -> str:
    return member.words + (f": {member.path.rsplit('/', 1)[1][:-4]}" if member.media == PNG else "")


def _link(path: str) -> str:
    return f'<a href="{html.escape(path)}">{html.escape(path)}</a>'


def _table(rows: Iterable[tuple[str, str, int]]) -> str:
    body = "\n".join(
        f"<tr><td>{name}</td><td>{words}</td><td>{size:,}</td></tr>" for name, words, size in rows
    )
    return f"<table>\n<tr><th>file</th><th>holds</th><th>bytes</th></tr>\n{body}\n</table>"
