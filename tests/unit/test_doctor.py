"""The doctor's answers where they can be told without a cluster."""

from __future__ import annotations

import sqlite3
import subprocess
from pathlib import Path

import pytest

from exprlab.doctor import cluster, machine
from exprlab.doctor.findings import OK, PROBLEM, WARNING
from exprlab.doctor.needs import Need, needs_of, placeholders
from exprlab.reproduce.plan import parse_jobs

GROUPED = """
rule simulate_cohort:
    output: results/a.h5ad
    wildcards: dataset=a
    threads: 4
    resources: tmpdir=<TBD>, mem_mb=800, runtime=20
Shell command: python -m exprlab simulate
group job run (jobs in lexicogr. order):

    rule train_network:
        output: results/a/weights
        wildcards: dataset=a, model=mlp
        resources: mem_mb=3000, runtime=60, nodes=2, tasks=4, cpus_per_task=3, slurm_partition=gpu
Shell command: python -m exprlab train

    rule train_network:
        output: results/b/weights
        wildcards: dataset=b, model=mlp
        resources: mem_mb=1500, runtime=90, slurm_partition=gpu
Shell command: python -m exprlab train
"""


def test_needs_are_the_largest_of_each_rule_in_groups_too() -> None:
    assert needs_of(parse_jobs(GROUPED)) == [
        Need("simulate_cohort", 1, 4, 800, 20, 1, ""),
        # Two tasks of three CPUs on each of two nodes.
        Need("train_network", 2, 6, 3000, 90, 2, "gpu"),
    ]


def test_words_in_capitals_are_placeholders() -> None:
    profile = {
        "executor": "slurm",
        "default-resources": {"slurm_partition": "PARTITION", "mem_mb": 1000},
        "set-resources": {"train_network": {"slurm_partition": "GPU_PARTITION", "gres": "gpu:1"}},
    }
    assert list(placeholders(profile)) == [
        "default-resources.slurm_partition",
        "set-resources.train_network.slurm_partition",
    ]


@pytest.mark.parametrize(
    ("limit", "minutes"),
    [("30:00", 30), ("2:00:00", 120), ("1-12:00:00", 2160), ("infinite", float("inf"))],
)
def test_time_limits_as_sinfo_writes_them(limit: str, minutes: float) -> None:
    assert cluster._minutes(limit) == minutes


def test_partitions_with_several_kinds_of_nodes(monkeypatch: pytest.MonkeyPatch) -> None:
    listed = (
        "cpu*|up|2-00:00:00|64+|256000+|10\ncpu*|up|2-00:00:00|128|512000|2\nold|down|1:00|4|8|1"
    )
    monkeypatch.setattr(cluster, "_output", lambda command: listed)
    need = Need("train_network", 1, 100, 400_000, 60, 12, "")
    states = [(one.state, one.what) for one in cluster._partitions([need])]
    assert states == [(OK, "partition"), (OK, "resources")]
    too_much = Need("train_network", 1, 200, 400_000, 60, 1, "")
    (_, found) = cluster._partitions([too_much])
    assert found.state == PROBLEM
    assert "train_network asks for 200 CPUs of a node, cpu has 128" in found.found
    down, *_ = cluster._partitions([Need("train_network", 1, 1, 1, 1, 1, "old")])
    assert (down.state, down.remedy) == (PROBLEM, "it is down: choose another")


def test_locks_are_tried_in_the_folder_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert machine.locks(tmp_path / "not/there/yet").state == OK
    assert list(tmp_path.iterdir()) == []
    # A file system that grants every lock, as the other process would find it.
    monkeypatch.setattr(machine, "LOOK", "import sys; sys.exit(0)")
    assert machine.locks(tmp_path).state == PROBLEM
    assert list(tmp_path.iterdir()) == []


def test_the_look_at_a_lock_sees_one_only_where_there_is_one(tmp_path: Path) -> None:
    database = tmp_path / "a.db"
    sqlite3.connect(database).execute("CREATE TABLE a (b)")
    command = ["python", "-c", machine.LOOK, str(database)]
    assert subprocess.run(command, check=False).returncode == 0


def test_a_server_that_does_not_answer_is_a_warning() -> None:
    told = machine.server("http://user:secret@127.0.0.1:9")
    assert told.state == WARNING
    assert "secret" not in told.text()
    assert machine.server("").state == OK


def test_too_little_disk_is_a_problem(tmp_path: Path) -> None:
    assert machine.disk(tmp_path, 10).state == OK
    assert machine.disk(tmp_path, 10**18).state == PROBLEM
