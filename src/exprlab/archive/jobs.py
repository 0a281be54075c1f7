"""The jobs of an experiment as provenance: which rule made which files from which."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from exprlab.archive.entities import add_entity, find_result
from exprlab.archive.project import Run
from exprlab.keys import RECORD_FILE
from exprlab.provenance.manifest import MANIFEST_FILE

if TYPE_CHECKING:
    from rocrate.model import ContextEntity
    from rocrate.rocrate import ROCrate

SNAKEMAKE = "https://snakemake.readthedocs.io/"


@dataclass
class Job:
    """A job: its rule, what it stands for (such as `tumours mlp seed-0`), and its files."""

    rule: str
    wildcards: str
    inputs: dict[str, str]
    outputs: list[str]

    @property
    def name(self) -> str:
        """Return the rule and what it was about."""
        return f"{self.rule} {self.wildcards}".strip()

    @property
    def slug(self) -> str:
        """Return the name as part of an @id."""
        return quote(self.name.replace(" ", "-"))


def jobs_of(manifest: Mapping[str, Any]) -> list[Job]:
    """Return the jobs behind the files of a manifest, in the order of the DAG."""
    jobs: dict[tuple[str, str], Job] = {}
    for entry in manifest["files"]:
        wildcards = entry["wildcards"]
        about = " ".join(str(wildcards[key]) for key in sorted(wildcards))
        empty = Job(entry["rule"], about, entry["inputs"], [])
        jobs.setdefault((entry["rule"], about), empty).outputs.append(entry["path"])
    return list(jobs.values())


def tool_path(command: str) -> str:
    """Return the module of a subcommand, as a path in the archive."""
    return f"src/exprlab/cli/{command.replace('-', '_')}.py"


def tools_of(manifest: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return what is to be said of each module that is a subcommand which a rule calls."""
    return {
        tool_path(rule["command"]): {
            "@type": ["File", "SoftwareSourceCode"],
            "name": f"exprlab {rule['command']}",
            "version": manifest["exprlab"],
            "programmingLanguage": "Python",
            "identifier": f"code digest {rule['code']}",
        }
        for rule in manifest["rules"].values()
    }


def add_jobs(
    crate: ROCrate,
    manifest: Mapping[str, Any],
    runs: list[Run],
    workflow: ContextEntity,
    run: ContextEntity,
    authors: list[ContextEntity],
    snakemake: str | None,
) -> None:
    """Add the steps of the workflow, the commands behind them, and each job's action.

    Parameters
    ----------
    crate
        Holds the files already.
    manifest
        Tells the jobs.
    runs
        When each model was trained; other jobs keep no times.
    workflow, run
        The Snakefile and the action of its run.
    authors
        Who ran it.
    snakemake
        Its version.
    """
    times = {f"{one.folder}/{RECORD_FILE}": one for one in runs}
    steps: dict[str, ContextEntity] = {}
    controls = []
    for job in jobs_of(manifest):
        if job.rule not in steps:
            rule = manifest["rules"].get(job.rule)
            steps[job.rule] = _add_step(crate, job.rule, rule, len(steps), workflow)
        trained = next((times[path] for path in job.outputs if path in times), None)
        action = _add_action(crate, job, steps[job.rule], trained, authors)
        controls.append(
            add_entity(
                crate,
                f"#control-{job.slug}",
                "ControlAction",
                name=f"Snakemake runs {job.name}",
                instrument=steps[job.rule],
                object=action,
            )
        )
    _add_engine(crate, run, controls, authors, snakemake)


def _add_action(
    crate: ROCrate,
    job: Job,
    step: ContextEntity,
    trained: Run | None,
    authors: list[ContextEntity],
) -> ContextEntity:
    return add_entity(
        crate,
        f"#job-{job.slug}",
        "CreateAction",
        name=job.name,
        description=f"A job of rule {job.rule}; {MANIFEST_FILE} lists its parameters and digests",
        instrument=step["workExample"],
        object=[_input(crate, path, digest) for path, digest in job.inputs.items()],
        result=[find_result(crate, path) for path in job.outputs],
        startTime=trained.started if trained else None,
        endTime=trained.ended if trained else None,
        agent=authors,
    )


def _add_step(
    crate: ROCrate,
    name: str,
    rule: Mapping[str, Any] | None,
    position: int,
    workflow: ContextEntity,
) -> ContextEntity:
    """Add a rule as a step; its tool is the subcommand that it calls, if it calls one."""
    tool = crate.get(tool_path(rule["command"])) if rule else workflow
    if tool is not workflow and tool not in workflow.get("hasPart", []):
        workflow.append_to("hasPart", tool)
    step = add_entity(
        crate,
        f"#rule-{quote(name)}",
        "HowToStep",
        name=name,
        description=f"Rule {name}, by {tool['name']}",
        position=str(position),
        workExample=tool,
    )
    workflow.append_to("step", step)
    return step


def _input(crate: ROCrate, path: str, digest: str) -> ContextEntity:
    """Return the entity of an input; what no job made came from outside the experiment."""
    if found := find_result(crate, path):
        return found
    # A path outside the results may name a person's folders.
    name = path.rsplit("/", 1)[-1]
    identifier = f"#input-{digest[:16]}-{quote(name)}"
    words = "An input that no rule made; it is not in this archive"
    return crate.get(identifier) or add_entity(
        crate, identifier, "CreativeWork", name=name, description=words, sha256=digest
    )


def _add_engine(
    crate: ROCrate,
    run: ContextEntity,
    controls: list[ContextEntity],
    authors: list[ContextEntity],
    snakemake: str | None,
) -> None:
    engine = add_entity(
        crate,
        SNAKEMAKE,
        "SoftwareApplication",
        name="Snakemake",
        url=SNAKEMAKE,
        softwareVersion=snakemake,
    )
    add_entity(
        crate,
        "#engine",
        "OrganizeAction",
        name="Run of Snakemake",
        instrument=engine,
        object=controls,
        result=run,
        agent=authors,
        startTime=run["startTime"],
        endTime=run["endTime"],
    )
