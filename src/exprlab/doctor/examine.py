"""The whole examination: this machine, the plan of the config, and the cluster of a profile."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from exprlab.config.experiment import parse_config, tracking_uri
from exprlab.doctor import machine
from exprlab.doctor.cluster import default_resources, examine_cluster, resources_of_rule
from exprlab.doctor.findings import OK, PROBLEM, Finding
from exprlab.doctor.needs import bytes_on_disk, needs_of
from exprlab.doctor.node import OPTIONS, examine_node
from exprlab.errors import UserError
from exprlab.reproduce.plan import Plan, Request, read_plan

# Threads are cut to the cores of a call; here none is to be cut.
CORES = 1000


def examine(request: Request, seconds: int) -> Iterator[Finding]:
    """Yield what is found, the cheap first.

    Parameters
    ----------
    request
        The workflow, its config files, and the profile whose cluster is examined, if any.
    seconds
        How long to wait for a job on a compute node.

    Raises
    ------
    UserError
        If the profile cannot be read.
    """
    profile = _profile(request.profile)
    yield machine.packages()
    yield machine.devices()
    try:
        plan = read_plan(replace(request, everything=True, cores=CORES))
    except UserError as error:
        yield Finding(PROBLEM, "config", " ".join(str(error).split()), "correct it, then ask again")
        return
    yield Finding(OK, "config", f"{len(plan.jobs)} steps, all of them counted, done or not")
    yield from _of_plan(plan, profile, seconds)


def _of_plan(plan: Plan, profile: Mapping[str, Any] | None, seconds: int) -> Iterator[Finding]:
    config, needs = plan.config or {}, needs_of(plan.jobs)
    results = Path("results")
    yield machine.disk(results, bytes_on_disk(config, plan.jobs))
    uri = tracking_uri(parse_config(config).tracking)
    yield machine.server(uri)
    if not uri:
        yield machine.locks(results / "mlflow")
    if profile is None:
        yield from machine.fits_here(needs)
        return
    findings = list(examine_cluster(profile, needs))
    yield from findings
    if any(one.state == PROBLEM for one in findings):
        return
    everywhere = default_resources(profile)
    yield from examine_node(everywhere, seconds)
    of_training = resources_of_rule(profile, "train_network")
    if of_training.keys() & {*OPTIONS, "slurm_extra"}:
        # Networks train elsewhere than all other rules run.
        yield from examine_node(everywhere | of_training, seconds)


def _profile(folder: Path | None) -> dict[str, Any] | None:
    if folder is None:
        return None
    for name in ("config.v9+.yaml", "config.yaml"):
        path = folder / name
        if path.is_file():
            try:
                return dict(yaml.safe_load(path.read_text(encoding="utf-8")) or {})
            except (yaml.YAMLError, UnicodeDecodeError, ValueError) as error:
                raise UserError(
                    f"{path}: not valid YAML ({' '.join(str(error).split())})"
                ) from None
    raise UserError(f"{folder}: has no config.yaml; name a profile's folder, e.g. profiles/slurm")
