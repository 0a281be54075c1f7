"""The doctor's answers where they can be told without a cluster."""

from __future__ import annotations

import base64
import socket
import sqlite3
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from snakemake.resources import GroupResources, Resources

from exprlab import slurm
from exprlab.doctor import cluster, machine
from exprlab.doctor.findings import OK, PROBLEM, WARNING
from exprlab.doctor.needs import Need, needs_of, placeholders
from exprlab.reproduce.plan import Job, parse_jobs

PLANNED = """
rule simulate_cohort:
    output: results/a.h5ad
    wildcards: dataset=a
    threads: 4
    resources: tmpdir=<TBD>, mem_mb=800, runtime=20
Shell command: python -m exprlab simulate
rule train_network:
    output: results/a/weights
    wildcards: dataset=a, model=mlp
    resources: mem_mb=3000, runtime=60, nodes=2, tasks=4, cpus_per_task=3, slurm_partition=gpu
Shell command: python -m exprlab train
[Mon Nov 30 13:49:52 2026] Group job run (jobs in lexicogr. order):

    [Mon Nov 30 13:49:52 2026]
    rule calibrate_model:
        input: results/a/weights
        output: results/a/model
        threads: 2
        resources: mem_mb=800, runtime=10
Shell command: python -m exprlab calibrate

    rule evaluate_model:
        input: results/a/model
        output: results/a/evaluation
        resources: mem_mb=1000, runtime=5
Shell command: python -m exprlab evaluate

    rule explain_model:
        input: results/a/weights
        output: results/a/genes
        resources: mem_mb=1500, runtime=20
Shell command: python -m exprlab explain
[Mon Nov 30 13:49:52 2026] Group job run (jobs in lexicogr. order):

    rule evaluate_model:
        input: results/b/model
        output: results/b/evaluation
        resources: mem_mb=4000, runtime=5
Shell command: python -m exprlab evaluate
rule train_network:
    output: results/b/weights
    wildcards: dataset=b, model=mlp
    resources: mem_mb=1500, runtime=90, slurm_partition=gpu
Shell command: python -m exprlab train
"""


def test_needs_are_the_largest_of_each_rule_and_of_each_group() -> None:
    assert needs_of(parse_jobs(PLANNED)) == [
        Need("simulate_cohort", 1, 4, 800, 20, 1, ""),
        # Two tasks of three CPUs on each of two nodes.
        Need("train_network", 2, 6, 3000, 90, 2, "gpu"),
        # Calibration (2 threads) beside attribution, then evaluation; the other has more memory.
        Need("run", 4, 3, 4000, 25, 1, "", is_group=True),
    ]


@given(st.data())
def test_a_group_asks_for_what_snakemake_asks_for(data: st.DataObject) -> None:
    """Steps in random layers, each of which needs one step of the layer before."""
    number = st.integers(1, 100)
    layers: list[list[Job]] = []
    for depth in range(data.draw(st.integers(1, 4))):
        layers.append([])
        for i in range(data.draw(st.integers(1, 4))):
            before = data.draw(st.sampled_from(layers[depth - 1])).outputs if depth else []
            asked = {"mem_mb": str(data.draw(number)), "runtime": str(data.draw(number))}
            layers[depth].append(
                Job("step", {}, [*before, "of nobody"], [f"{depth}.{i}"], "", "", "",
                    data.draw(number), asked, "run 7")
            )  # fmt: skip
    theirs = GroupResources.basic_layered(
        [
            [
                SimpleNamespace(
                    pipe_group=None,
                    resources={k: int(v) for k, v in job.resources.items()}
                    | {"_cores": job.threads},
                )
                for job in layer
            ]
            for layer in layers
        ],
        Resources(),
        run_local=False,
    )
    jobs = data.draw(st.permutations([job for layer in layers for job in layer]))
    (ours,) = needs_of(jobs)
    assert ours.cpus == theirs["_cores"]
    assert (ours.memory, ours.minutes) == (theirs["mem_mb"], theirs["runtime"])


def test_words_in_capitals_are_placeholders() -> None:
    profile = {
        "executor": "slurm",
        "default-resources": {"slurm_partition": "PARTITION", "mem_mb": 1000},
        "set-resources": {
            "train_network": {
                "slurm_partition": "GPU_PARTITION",
                "slurm_extra": "'--qos=QOS'",
                "gres": "gpu:1",
            },
            # A cluster's own names may be in capitals, too.
            "explain_model": {"slurm_partition": "GPU", "slurm_account": "CHEM_QOS"},
        },
    }
    assert list(placeholders(profile)) == [
        "default-resources.slurm_partition",
        "set-resources.train_network.slurm_partition",
        "set-resources.train_network.slurm_extra",
    ]


@pytest.mark.parametrize(
    ("limit", "minutes"),
    [("30:00", 30), ("2:00:00", 120), ("1-12:00:00", 2160), ("infinite", float("inf"))],
)
def test_time_limits_as_sinfo_writes_them(limit: str, minutes: float) -> None:
    assert slurm.in_minutes(limit) == minutes


def test_partitions_with_several_kinds_of_nodes(monkeypatch: pytest.MonkeyPatch) -> None:
    listed = (
        "cpu*|up|2-00:00:00|64+|256000+|10|OFF\ncpu*|up|2-00:00:00|128|512000|2|OFF\n"
        "old|down|1:00|4|8|1|CANCEL"
    )
    monkeypatch.setattr(slurm, "output_of", lambda command: listed)
    need = Need("train_network", 1, 100, 400_000, 60, 12, "")
    states = [(one.state, one.what) for one in cluster._partitions([need])]
    assert states == [(OK, "partition"), (WARNING, "room to grow"), (OK, "resources")]
    too_much = Need("train_network", 1, 200, 400_000, 60, 1, "")
    _, found, _ = cluster._partitions([too_much])
    assert found.state == PROBLEM
    assert "train_network asks for 200 CPUs of a node, cpu has 128" in found.found
    down, cancels, *_ = cluster._partitions([Need("train_network", 1, 1, 1, 1, 1, "old")])
    assert (down.state, down.remedy) == (PROBLEM, "it is down: choose another")
    assert (cancels.state, cancels.what) == (WARNING, "preemption")


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


# As SLURM 22.05, 24.11 and a cluster with a database say it.
@pytest.mark.parametrize(
    ("storage", "sacct_works"),
    [
        ("accounting_storage/none", False),
        ("(null)", False),
        ("accounting_storage/slurmdbd", True),
    ],
)
def test_sacct_needs_an_accounting_database_and_squeue_time(
    storage: str, sacct_works: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster, "output_of", lambda command: "")
    settings = {"AccountingStorageType": storage, "MinJobAge": "300 sec"}
    sacct, squeue = ({"slurm-status-command": name} for name in ("sacct", "squeue"))
    # Where squeue will do, it is better: it copes with the failure of a node.
    found = cluster._status_command(sacct, settings)
    assert found.state == (WARNING if sacct_works else PROBLEM)
    assert found.remedy.startswith("slurm-status-command: squeue")
    assert cluster._status_command(squeue, settings).state == OK
    short = settings | {"MinJobAge": "2 sec"}
    assert cluster._status_command(sacct, short).state == (OK if sacct_works else PROBLEM)
    assert cluster._status_command(squeue, short).state == (WARNING if sacct_works else PROBLEM)
    # The database is down.
    monkeypatch.setattr(cluster, "output_of", lambda command: None)
    assert cluster._status_command(sacct, settings).state == PROBLEM


STRICT = {
    "AccountingStorageType": "accounting_storage/slurmdbd",
    "AccountingStorageEnforce": "associations,limits,qos",
}


@pytest.mark.parametrize(
    ("listed", "settings", "account", "qos", "told"),
    [
        ("lab|normal\nbig|normal,long\n", STRICT, "lab", "normal", [(OK, "account")]),
        ("lab|normal\nbig|normal,long\n", STRICT, "big", "long", [(OK, "account")]),
        ("lab|normal\nbig|normal,long\n", STRICT, "lab", "long",
         [(OK, "account"), (PROBLEM, "QOS")]),
        ("lab|normal\nbig|normal,long\n", STRICT, None, "long", [(WARNING, "account")]),
        ("lab|normal\n", STRICT, "lap", "normal", [(PROBLEM, "account")]),
        ("", STRICT, None, "normal", [(PROBLEM, "account")]),
        # It keeps a list, and refuses nobody.
        ("", STRICT | {"AccountingStorageEnforce": "none"}, "lab", "long", []),
        # Snakemake asks sacctmgr for an account that it is given, and fails.
        ("", {}, "lab", "long", [(PROBLEM, "account")]),
        ("", {}, None, "long", []),
    ],
)  # fmt: skip
def test_account_and_qos_are_those_of_the_user(
    monkeypatch: pytest.MonkeyPatch, listed: str, settings: dict[str, str], account: str | None,
    qos: str, told: list[tuple[str, str]],
) -> None:  # fmt: skip
    monkeypatch.setattr(cluster, "output_of", lambda command: listed)
    profile = {
        "default-resources": {"slurm_account": account},
        "set-resources": {"train_network": {"qos": qos, "constraint": "a100"}},
    }
    found = [*cluster._account(profile, settings), *cluster._qos(profile, settings)]
    assert [(one.state, one.what) for one in found] == told


def test_options_that_the_executor_refuses_are_told() -> None:
    rules = {"a": {"slurm_extra": "'--qos=one --signal=USR1@90'"}, "b": {"slurm_extra": "-C a100"}}
    found = [one.found for one in cluster._extras({"set-resources": rules})]
    assert len(found) == 2
    assert "no quality of service" in found[0]
    assert "no node constraints" in found[1]
    allowed = {"default-resources": {"slurm_extra": "'--signal=USR1@90 --exclusive'"}}
    assert [*cluster._extras(allowed)] == []


def test_resources_of_a_rule_may_be_a_list() -> None:
    listed = {"set-resources": ["train_network:gres=gpu:1", "explain_model:mem_mb=9"]}
    mapped = {"set-resources": {"train_network": {"gres": "gpu:1"}}}
    for profile in (listed, mapped):
        assert cluster.resources_of_rule(profile, "train_network") == {"gres": "gpu:1"}


def test_memory_that_depends_on_inputs_is_not_known_yet() -> None:
    planned = PLANNED.replace("mem_mb=4000", "mem_mb=<TBD>")
    assert {need.rule for need in needs_of(parse_jobs(planned))} >= {"run"}


def test_every_way_to_ask_for_a_qos_is_seen() -> None:
    rules = {
        "a": {"qos": "one"},
        "b": {"qos": "'two'"},
        "c": {"x": "y"},
    }
    assert [*cluster.qos_of({"slurm-qos": "three", "set-resources": rules})] == [
        "three", "one", "two",
    ]  # fmt: skip


def test_a_file_system_without_locks_is_a_problem(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuses(*_: object, **__: object) -> None:
        raise sqlite3.OperationalError("disk I/O error")

    monkeypatch.setattr(machine.sqlite3, "connect", refuses)
    assert machine.locks(tmp_path).state == PROBLEM


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening


def answer_once(listener: socket.socket, words: bytes) -> list[bytes]:
    """Answer one call with these words, whatever it asks; return what it asked, in time."""
    asked: list[bytes] = []

    def serve() -> None:
        connection, _ = listener.accept()
        with connection:
            asked.append(connection.recv(4096))
            connection.sendall(words)

    threading.Thread(target=serve, daemon=True).start()
    return asked


def test_what_is_no_tracking_server_is_told(listener: socket.socket) -> None:
    answer_once(listener, b"SSH-2.0-OpenSSH_9.2p1\r\n")
    found = machine.server(f"http://127.0.0.1:{listener.getsockname()[1]}")
    assert found.state == WARNING
    assert "SSH-2.0" in found.found


def test_a_tracking_server_is_asked_with_user_and_password(listener: socket.socket) -> None:
    asked = answer_once(listener, b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n")
    found = machine.server(f"http://ada:p%40ss@127.0.0.1:{listener.getsockname()[1]}/ml/")
    assert found.state == OK
    assert "p%40ss" not in found.found
    assert asked[0].startswith(b"GET /ml/health ")
    assert base64.b64encode(b"ada:p@ss") in asked[0]
