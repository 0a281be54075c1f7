"""The lab cluster of the tests: a real SLURM on this machine, for as long as it is needed."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
import yaml

FOLDER = Path(__file__).parent
PROFILE = FOLDER.parents[1] / "profiles/slurm"
# Jobs of seconds: no wait of 40 s before the first look at them, and files are seen at once.
HURRY = ["--slurm-init-seconds-before-status-checks", "5", "--latency-wait", "10"]
SCRIPT = FOLDER / "one_node_cluster.sh"


@dataclass(frozen=True)
class Job:
    """A job as SLURM knows it: its state, and the rule or group that Snakemake's comment names."""

    state: str
    rule: str


@contextmanager
def lab_cluster(accounting: bool = False) -> Iterator[dict[str, str]]:
    """Start a cluster, give the environment in which its commands are found, and stop it.

    Parameters
    ----------
    accounting
        Whether it has an accounting database, and asks each job for an account.
    """
    # Not below a test's own folder: the path of munge's socket may have 107 letters.
    with tempfile.TemporaryDirectory(prefix="exprlab-slurm-") as folder:
        own = {"CLUSTER_DIR": folder, "CLUSTER_PORT": str(free_port())}
        own |= {"CLUSTER_ACCOUNTING": str(int(accounting))}
        environment = {
            "PATH": os.pathsep.join([f"{folder}/bin", os.environ["PATH"]]),
            # The nodes have names that lead nowhere: all of them are this machine.
            "MASTER_ADDR": "127.0.0.1",
            **own,
        }
        try:
            subprocess.run([SCRIPT, "start"], env=os.environ | environment, check=True)
            yield environment
        finally:
            subprocess.run([SCRIPT, "stop"], env=os.environ | environment, check=True)


def has_slurm(accounting: bool = False) -> bool:
    """Return whether SLURM's daemons are installed, those of its accounting too if need be."""
    path = os.pathsep.join([os.environ["PATH"], "/usr/sbin"])
    names = ["munged", "slurmctld", "slurmd"]
    names += ["slurmdbd", "mariadbd"] if accounting else []
    return all(shutil.which(name, path=path) for name in names)


def kill_node(environment: dict[str, str], node: str) -> None:
    """Let a node die: its daemon and all that runs on it, without a word to anybody."""
    folder = environment["CLUSTER_DIR"]
    os.kill(int(Path(folder, f"run/slurmd-{node}.pid").read_text()), signal.SIGKILL)
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            place = process.environ()
            if (place.get("CLUSTER_DIR"), place.get("SLURMD_NODENAME")) == (folder, node):
                steps = [one for one in process.parents() if one.name().startswith("slurmstepd")]
                for one in [*steps, process]:
                    one.kill()


def submitted_jobs(environment: dict[str, str]) -> dict[str, Job]:
    """Return every job that the cluster has had, finished ones too, by its id."""
    command = ["squeue", "--noheader", "--states=all", "--format=%i %T %k"]
    done = subprocess.run(
        command, env=os.environ | environment, capture_output=True, text=True, check=True
    )
    rows = [line.split(maxsplit=2) for line in done.stdout.splitlines()]
    groups = "|".join(sorted(groups_of_profile()))
    return {
        number: Job(
            state, re.sub(rf"^rule_(?:({groups})_.*|(.*?)(_wildcards_.*)?)$", r"\1\2", comment)
        )
        for number, state, comment in rows
    }


def groups_of_profile() -> set[str]:
    """Return the names under which the profile submits several rules together."""
    profile = yaml.safe_load((PROFILE / "config.yaml").read_text())
    return {pair.partition("=")[2] for pair in profile["groups"]}


def free_port() -> int:
    """Return a port of 127.0.0.1 that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
