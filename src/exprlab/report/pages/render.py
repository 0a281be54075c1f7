"""Filling a template of this folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from exprlab.report.sentences import number


def render(template: str, **values: Any) -> str:
    """Return the text of a page; a name that the template uses and nobody gave is an error."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,  # names of samples, batches and data sets come from the user's files
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["number"] = number
    return environment.get_template(template).render(**values).lstrip()
