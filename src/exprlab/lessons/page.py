"""A lesson that was run, as a page that needs no other file and no network."""

from __future__ import annotations

from pathlib import Path

from nbconvert import HTMLExporter
from nbformat import NotebookNode

from exprlab.lessons.notebook import SOLUTION, tags_of

HERE = Path(__file__).resolve().parent


def lesson_page(notebook: NotebookNode, before: str = "", after: str = "") -> str:
    """Return the HTML of a lesson, its solutions folded away.

    Parameters
    ----------
    notebook
        With its outputs.
    before, after
        Names of the lessons beside it, none at the ends.
    """
    exporter = HTMLExporter(
        template_name="basic",
        template_file="page.html",
        extra_template_basedirs=[str(HERE)],
        extra_template_paths=[str(HERE), str(HERE.parent / "report" / "pages")],
        exclude_input_prompt=True,
        exclude_output_prompt=True,
        exclude_anchor_links=True,
        mathjax_url="",
    )
    exporter.environment.tests["solution"] = lambda cell: SOLUTION in tags_of(cell)
    resources = {"lesson": {"title": title_of(notebook), "before": before, "after": after}}
    text, _ = exporter.from_notebook_node(notebook, resources)
    return text


def title_of(notebook: NotebookNode) -> str:
    """Return the first heading."""
    lines = (line for cell in notebook.cells for line in cell.source.splitlines())
    return next((line[2:].strip() for line in lines if line.startswith("# ")), "lesson")
