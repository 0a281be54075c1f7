"""The workflow of an archive: the Snakefile, its settings, its outputs, and its run."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from exprlab.archive.contents import CONFIG_FILE, Contents
from exprlab.archive.entities import RESULTS, add_entity
from exprlab.archive.project import Project, Run
from exprlab.archive.words import KINDS, Kind, kind_of

if TYPE_CHECKING:
    from rocrate.model import ContextEntity
    from rocrate.rocrate import ROCrate


def add_workflow(
    crate: ROCrate, contents: Contents, version: str, project: Project, snakemake: str | None
) -> ContextEntity:
    """Add the Snakefile as the main workflow."""
    member = contents.members["Snakefile"]
    properties = {
        "@type": ["File", "SoftwareSourceCode", "ComputationalWorkflow", "HowTo"],
        "name": "exprlab",
        "description": "The Snakemake workflow that made the results; its rules lie in workflow/",
        "version": version,
        "encodingFormat": member.media,
        "contentSize": str(member.size),
        "sha256": member.sha256,
    }
    if project.url:
        properties["url"] = project.url
    return crate.add_workflow(
        dest_path="Snakefile",
        properties=properties,
        main=True,
        lang="snakemake",
        lang_version=snakemake,
    )


def add_run(
    crate: ROCrate, name: str, n_jobs: int, runs: list[Run], authors: list[ContextEntity]
) -> ContextEntity:
    """Add the run of the whole workflow.

    Nothing but a training keeps its times, so the run's are those of the trainings.
    """
    return add_entity(
        crate,
        "#run",
        "CreateAction",
        name=f"Run of the experiment {name}",
        description=(
            f"snakemake with {CONFIG_FILE}: {n_jobs} jobs, {len(runs)} of them trainings. The "
            "times are the first training's start and the last one's end"
        ),
        startTime=min(run.started for run in runs),
        endTime=max(run.ended for run in runs),
        agent=authors,
        actionStatus="http://schema.org/CompletedActionStatus",
    )


def add_settings(
    crate: ROCrate, config: Mapping[str, Any], workflow: ContextEntity
) -> list[ContextEntity]:
    """Add each setting of the config as an input of the workflow; return their values."""
    values = []
    for name, value in _leaves(config):
        items = value if isinstance(value, list) else [value]
        parameter = add_entity(
            crate,
            f"#setting-{quote(name)}",
            "FormalParameter",
            name=name,
            additionalType=_type(items),
            multipleValues="True" if isinstance(value, list) else None,
        )
        workflow.append_to("input", parameter)
        texts = [item if isinstance(item, str) else json.dumps(item) for item in items]
        values.append(
            add_entity(
                crate,
                f"#value-{quote(name)}",
                "PropertyValue",
                name=name,
                value=texts,
                exampleOfWork=parameter,
            )
        )
    return values


def _leaves(value: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """Yield each setting that has a value, by its dotted name."""
    if isinstance(value, Mapping):
        for key in sorted(value):
            yield from _leaves(value[key], f"{name}.{key}" if name else key)
    elif value is not None and value != []:
        yield name, value


def _type(items: list[Any]) -> str:
    """Return the schema.org type of a setting's items; whole numbers may stand among others."""
    names = {bool: "Boolean", int: "Integer", float: "Float"}
    found = {names.get(type(item), "Text") for item in items}
    if found == {"Integer", "Float"}:
        return "Float"
    return found.pop() if len(found) == 1 else "Text"


def add_outputs(crate: ROCrate, contents: Contents, workflow: ContextEntity) -> None:
    """Add each kind of result as an output of the workflow, with the files as its examples."""
    found: dict[Kind, list[str]] = {}
    for name in contents.members:
        if name.startswith(f"{RESULTS}/"):
            found.setdefault(kind_of(name.removeprefix(f"{RESULTS}/")), []).append(name)
    for kind in (kind for kind in KINDS if kind in found):
        name = re.sub(r"\W+", "-", kind.pattern).strip("-")
        parameter = add_entity(
            crate,
            f"#output-{name}",
            "FormalParameter",
            name=name,
            additionalType="File",
            description=kind.words,
            encodingFormat=kind.media,
            multipleValues="True",
        )
        workflow.append_to("output", parameter)
        for path in found[kind]:
            crate.get(quote(path))["exampleOfWork"] = parameter
