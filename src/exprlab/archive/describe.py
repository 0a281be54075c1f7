"""The metadata of an archive: a Workflow Run RO-Crate of version 0.5, on RO-Crate 1.1.

The profiles that it keeps to are those of `PROFILES`. Every @id follows from the experiment, so
the same experiment gives the same metadata.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from exprlab.archive.contents import CONFIG_FILE, Contents
from exprlab.archive.entities import RESULTS, add_entity, find_result, left_out_id, single
from exprlab.archive.jobs import add_jobs, jobs_of, tools_of
from exprlab.archive.project import LICENCES, Project, Run
from exprlab.archive.words import kind_of
from exprlab.archive.workflow import add_outputs, add_run, add_settings, add_workflow
from exprlab.keys import ENVIRONMENT_FILE
from exprlab.provenance.manifest import MANIFEST_FILE

if TYPE_CHECKING:
    from rocrate.model import ContextEntity
    from rocrate.rocrate import ROCrate

CONTEXT = "https://w3id.org/ro/terms/workflow-run/context"
PROFILES = {
    "https://w3id.org/ro/wfrun/process/0.5": "Process Run Crate",
    "https://w3id.org/ro/wfrun/workflow/0.5": "Workflow Run Crate",
    "https://w3id.org/ro/wfrun/provenance/0.5": "Provenance Run Crate",
    "https://w3id.org/workflowhub/workflow-ro-crate/1.0": "Workflow RO-Crate",
}
README_FILE = "README.md"


def describe(
    contents: Contents,
    manifest: Mapping[str, Any],
    project: Project,
    runs: list[Run],
    snakemake: str | None,
    title: str,
    description: str,
) -> ROCrate:
    """Return a crate whose metadata describes the members of an archive.

    Parameters
    ----------
    contents
        Members and what is left out.
    manifest
        Of the results.
    project
        Authors and licence.
    runs
        When each model was trained.
    snakemake
        Version of Snakemake, if known.
    title, description
        Of the whole.
    """
    from rocrate.model import Preview
    from rocrate.rocrate import ROCrate

    crate = ROCrate(version="1.1")
    crate.metadata.extra_contexts.append(CONTEXT)
    crate.add(Preview(crate, properties={"encodingFormat": "text/html", "name": title}))
    authors = _add_root(crate, project, title, description, max(run.ended for run in runs))
    workflow = add_workflow(crate, contents, manifest["exprlab"], project, snakemake)
    workflow["creator"], workflow["license"] = single(authors), crate.root_dataset["license"]
    _add_files(crate, contents, manifest, workflow)
    name = manifest["config"]["experiment"]["name"]
    run = add_run(crate, name, len(jobs_of(manifest)), runs, authors)
    run["instrument"] = workflow
    run["object"] = [crate.get(CONFIG_FILE), *add_settings(crate, manifest["config"], workflow)]
    results = [find_result(crate, entry["path"]) for entry in manifest["files"]]
    run["result"] = [*results, crate.get(MANIFEST_FILE)]
    add_outputs(crate, contents, workflow)
    if environment := crate.get(ENVIRONMENT_FILE):
        environment["about"] = run
    add_jobs(crate, manifest, runs, workflow, run, authors, snakemake)
    crate.root_dataset["mentions"] = crate.get_by_type("CreateAction")
    return crate


def _add_root(
    crate: ROCrate, project: Project, title: str, description: str, published: str
) -> list[ContextEntity]:
    """Describe the whole, its profiles, licence and authors; return the authors."""
    profiles = [
        add_entity(crate, url, "CreativeWork", name=name, version=url.rsplit("/", 1)[1])
        for url, name in PROFILES.items()
    ]
    authors = [
        add_entity(
            crate,
            author.orcid or f"#author-{number}",
            "Person" if author.person else "Organization",
            name=author.name,
        )
        for number, author in enumerate(project.authors, start=1)
    ]
    url = f"https://spdx.org/licenses/{quote(project.licence)}"
    name = LICENCES.get(project.licence, project.licence)
    licence = add_entity(crate, url, "CreativeWork", name=name, url=url)
    root = crate.root_dataset
    root["name"], root["description"], root["datePublished"] = title, description, published
    root["conformsTo"], root["author"], root["license"] = profiles, single(authors), licence
    return authors


def _add_files(
    crate: ROCrate, contents: Contents, manifest: Mapping[str, Any], workflow: ContextEntity
) -> None:
    """Add each member, and each file of the results that is only described."""
    tools = tools_of(manifest)
    digests = {
        f"src/exprlab/{name}": digest
        for rule in manifest["rules"].values()
        for name, digest in rule["modules"].items()
    }
    for name, member in contents.members.items():
        if name == "Snakefile":
            continue
        code = f"; module digest {digests[name]}" if name in digests else ""
        properties = {
            "name": name,
            "description": member.words + code,
            "encodingFormat": member.media,
            "contentSize": str(member.size),
            "sha256": member.sha256,
            **tools.get(name, {}),
        }
        entity = crate.add_file(dest_path=name, properties=properties)
        if name.endswith(".smk"):
            entity["isPartOf"] = workflow
    crate.get(README_FILE)["about"] = crate.root_dataset
    for entry in contents.left_out:
        add_entity(
            crate,
            left_out_id(entry["path"]),
            "CreativeWork",
            name=f"{RESULTS}/{entry['path']}",
            description=(
                f"{kind_of(entry['path']).words}. Not in this archive: `exprlab verify "
                f"{MANIFEST_FILE}` makes it again and compares it with this digest"
            ),
            contentSize=str(entry["size"]),
            sha256=entry["sha256"],
        )
