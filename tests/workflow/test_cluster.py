"""On a real SLURM: preemption, dead nodes, time-outs, too little memory, several nodes, words."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from cluster.lab import HURRY, PROFILE, has_slurm, kill_node, lab_cluster
from mlflow import MlflowClient
from workflow.conftest import PROJECT, Snakemake, Workflow
from workflow.test_live import points_in_file, points_on_server, runs_of
from workflow.test_processes import MODEL

from exprlab.reproduce.plan import parse_jobs
from exprlab.slurm import state_of_job
from exprlab.tracking.status import true_state

RUN = "results/tumours/{}/seed-0"
WEIGHTS = "results/tumours/{}/seed-{}/weights.safetensors"
ON_SLURM = ["--profile", str(PROFILE), *HURRY, "--cores", "6"]


MODELS = ("mlp", "logistic")
INSTALL = "as root, CLUSTER_ACCOUNTING=1 tests/cluster/one_node_cluster.sh install"


@pytest.fixture(scope="module")
def slurm() -> Iterator[dict[str, str]]:
    """Return the environment of a cluster of three nodes; with CI it has to be there."""
    if "CI" not in os.environ and not has_slurm():
        pytest.skip(f"no SLURM: {INSTALL}")
    with lab_cluster() as environment:
        yield environment


@pytest.fixture(scope="module")
def accounted() -> Iterator[dict[str, str]]:
    """Return the environment of a cluster with an accounting database."""
    if "CI" not in os.environ and not has_slurm(accounting=True):
        pytest.skip(f"no SLURM with accounting: {INSTALL}")
    with lab_cluster(accounting=True) as environment:
        yield environment


def ask(environment: dict[str, str], *command: str) -> str:
    done = subprocess.run(
        command, env=os.environ | environment, capture_output=True, text=True, check=True
    )
    return done.stdout


def jobs_since(environment: dict[str, str], first: int) -> list[tuple[int, str, str, str]]:
    """Return number, state, memory and comment of the jobs from a number on."""
    listed = ask(environment, "squeue", "-h", "--states=all", "--format=%i|%T|%m|%k").splitlines()
    rows = [line.split("|") for line in listed]
    return sorted((int(n), *rest) for n, *rest in rows if int(n) >= first)


def next_job(environment: dict[str, str]) -> int:
    return max((job[0] for job in jobs_since(environment, 0)), default=0) + 1


def test_lack_of_memory_is_met_with_more_and_other_failures_are_not(
    accounted: dict[str, str], copy: Workflow
) -> None:
    # Told by sacct; the other tests ask squeue.
    hopeless = {"optimizer": "sgd", "learning_rate": 1e30, "momentum": 0.99}
    # About 2 GB at its peak: more than the rule's 1,500 MB, less than twice as much.
    big = {"kind": "mlp", "hidden": [8000, 8000], "tuning": "validation", "max_epochs": 3}
    experiment = {"models": ["mlp", "big", "logistic"]}
    changed = copy.changed(experiment=experiment, models={"mlp": hopeless, "big": big})
    world, first = replace(changed, environment=accounted), next_job(accounted)
    targets = [WEIGHTS.format(model, 0) for model in ("mlp", "big", "logistic")]
    done = world.run(*targets, *ON_SLURM, "--slurm-status-command", "sacct")
    assert done.returncode != 0
    memory = {"mlp": [], "big": []}
    for number, state, megabytes, _ in jobs_since(accounted, first):
        logs = (copy.folder / "results/logs/slurm").rglob(f"{number}.log")
        log = "".join(path.read_text() for path in logs)
        for model, asked in memory.items():
            if f"model={model}," in log or (state == "COMPLETED" and model == "big"):
                asked.append((state, megabytes))
    assert memory["mlp"] == [("FAILED", "1500M")] * 3
    assert memory["big"][0] == ("FAILED", "1500M")
    assert memory["big"][-1] == ("COMPLETED", "3000M")
    # What does not depend on the failed job has been done.
    for model in ("big", "logistic"):
        assert (copy.folder / WEIGHTS.format(model, 0)).exists(), done.stdout

    (card,) = re.findall(r"^FAILED .*?^\d+ job", done.stdout, re.MULTILINE | re.DOTALL)
    assert "train_network  results/tumours/mlp/seed-0" in card
    assert "why:   training: val/loss is not finite; the learning rate is probably" in card
    assert re.search(r"slurm: job \d+, FAILED", card)
    assert f"again: snakemake {WEIGHTS.format('mlp', 0)} --snakefile" in card
    assert "big" not in card
    page = (copy.folder / "results/report/failures.html").read_text()
    assert "learning rate is probably too large" in page
    assert "RUNNING" not in {status for status, *_ in states_of(copy)}


def states_of(workflow: Workflow) -> list[tuple[str, str]]:
    from workflow.test_interrupted import runs_of_all

    return [(run.info.status, run.info.run_name) for run in runs_of_all(workflow)]


def test_disturbed_and_timed_out_trainings_resume_to_the_same_bytes(
    slurm: dict[str, str], server: str, copy: Workflow, tmp_path: Path
) -> None:
    # One training is requeued, has to make room, loses its node; another takes minutes, and has
    # one: SLURM counts in minutes, and looks at them twice in one.
    long = {"kind": "mlp", "hidden": [1500, 1500], "patience": 5000, "dropout": 0.3}
    long |= {"tuning": "validation", "checkpoint_every": 5}
    models = {"mlp": long | {"max_epochs": 300}, "slow": long | {"max_epochs": 2500}}
    targets = [WEIGHTS.format(model, 0) for model in models]
    changed = copy.changed(experiment={"models": [*models, "logistic"]}, models=models)
    undisturbed = replace(changed, folder=tmp_path / "undisturbed")
    done = undisturbed.run(*targets)
    assert done.returncode == 0, done.stdout

    # Their curves go to a server meanwhile.
    changed = changed.changed(tracking={"uri": server, "live": True})
    limit = ["--set-resources", "train_network:runtime=1", "--retries", "8"]
    process = replace(changed, environment=slurm).start(*targets, *ON_SLURM, *limit)
    attempt = copy.folder / RUN.format("mlp") / ".attempt/status.json"
    disturbances = [requeue, preempt, lose_node, requeue]
    for count, disturbance in enumerate(disturbances):
        disturb(slurm, process, attempt, 25 * (count + 1), disturbance)
    output = process.output()
    assert process.returncode == 0, output
    status = json.loads((copy.folder / RUN.format("mlp") / "status.json").read_text())
    assert status["attempt"] >= len(disturbances) + 1
    slow = json.loads((copy.folder / RUN.format("slow") / "status.json").read_text())
    assert slow["attempt"] >= 2, "it was meant to run out of time"
    assert slow["resumed_from_epoch"] >= 5
    for model in models:
        for name in ("weights.safetensors", "metrics.csv", "logits.parquet", "network.json"):
            path = f"tumours/{model}/seed-0/{name}"
            assert copy.files()[path] == undisturbed.files()[path], path
    check_published_once(copy, server, [RUN.format(model) for model in models])


def check_published_once(world: Workflow, server: str, runs: list[str]) -> None:
    """Publish: each run is there once, with each point once, streamed or not."""
    # Without the history of the world before, which would be restored.
    paths = ["--store", "mlflow", "--history", "none", "--receipt", "mlflow/part.json"]
    command = [sys.executable, "-m", "exprlab", "publish", "--experiment", "smaller-world"]
    runs_here = [path.removeprefix("results/") for path in runs]
    subprocess.run(
        [*command, "--runs", *runs_here, *paths], cwd=world.folder / "results", check=True,
        env=os.environ | {"MLFLOW_TRACKING_URI": server},
    )  # fmt: skip
    receipt = json.loads((world.folder / "results/mlflow/part.json").read_text())
    # Attempts of seconds may end before the first word of the process that streams them.
    assert {run["action"] for run in receipt["runs"]} <= {"completed", "created"}
    assert receipt["runs"][-1]["action"] == "completed"
    client = MlflowClient(server)
    assert len(runs_of(client, "smaller-world")) == len(runs)
    for path, run in zip(runs, receipt["runs"], strict=True):
        there = points_on_server(client, client.get_run(run["run_id"]))
        assert there == points_in_file(world.folder / path / "metrics.csv")


def disturb(
    slurm: dict[str, str], process: Snakemake, status: Path, epochs: int,
    disturbance: Callable[[dict[str, str], str], None],
) -> None:  # fmt: skip
    """Disturb the job of a training after some epochs, and wait until SLURM has it queued again."""
    curves = status.with_name("metrics.csv")
    while not (curves.exists() and f",{epochs},val/loss," in curves.read_text()):
        assert process.poll() is None, process.output()
        time.sleep(0.2)
    job = json.loads(status.read_text())["slurm_job_id"]
    disturbance(slurm, job)
    wait_until_queued(slurm, job)
    # SLURM lets it wait for two minutes.
    ask(slurm, "scontrol", "update", f"JobId={job}", "StartTime=now")


def wait_until_queued(slurm: dict[str, str], job: str) -> None:
    for _ in range(100):
        if "PENDING" in ask(slurm, "squeue", "-h", f"--jobs={job}", "--format=%T"):
            return
        time.sleep(0.2)
    raise AssertionError(f"job {job} was not queued again")


def requeue(slurm: dict[str, str], job: str) -> None:
    ask(slurm, "scontrol", "requeue", job)


def preempt(slurm: dict[str, str], job: str) -> None:
    """Submit an urgent job for the last node of this one, until this one is queued again."""
    urgent = ["sbatch", "--parsable", "--partition=urgent", "--exclusive", "--output=/dev/null"]
    urgent += [f"--nodelist={nodes_of(slurm, job)[-1]}", "--wrap=sleep 600"]
    number = ask(slurm, *urgent).strip()
    wait_until_queued(slurm, job)
    ask(slurm, "scancel", number)


def lose_node(slurm: dict[str, str], job: str) -> None:
    """Kill the node of a job; SLURM would find out after a while (SlurmdTimeout)."""
    node = nodes_of(slurm, job)[-1]
    kill_node(slurm, node)
    ask(slurm, "scontrol", "update", f"NodeName={node}", "State=DOWN", "Reason=lost")


def nodes_of(slurm: dict[str, str], job: str) -> list[str]:
    names = ask(slurm, "squeue", "-h", f"--jobs={job}", "--format=%N").strip()
    return ask(slurm, "scontrol", "show", "hostnames", names).split()


def test_two_nodes_train_like_as_many_processes_here(slurm: dict[str, str], copy: Workflow) -> None:
    results, target = {}, WEIGHTS.format("mlp", 0)
    model = MODEL | {"hidden": [64, 64], "max_epochs": 80, "patience": 5000, "checkpoint_every": 5}
    for devices, nodes in ((4, 1), (2, 2)):
        trainer = {"accelerator": "cpu", "strategy": "ddp"}
        trainer |= {"devices": devices, "num_nodes": nodes}
        changed = copy.changed(trainer=trainer, models={"mlp": model})
        where = ON_SLURM if nodes > 1 else []
        process = replace(changed, environment=slurm if nodes > 1 else {}).start(target, *where)
        if nodes > 1:
            # One of its nodes is needed by others for a while.
            status = copy.folder / RUN.format("mlp") / ".attempt/status.json"
            disturb(slurm, process, status, 5, preempt)
        output = process.output()
        assert process.returncode == 0, output
        results[nodes] = (copy.folder / target).read_bytes()
        log = (copy.folder / "results/logs/train_network/tumours.mlp.seed-0.log").read_text()
        assert "4 process(es)" in log
    assert results[1] == results[2]
    status = json.loads((copy.folder / RUN.format("mlp") / "status.json").read_text())
    assert status["attempt"] == 2
    details = ask(slurm, "scontrol", "show", "job", status["slurm_job_id"])
    assert "NumNodes=2 NumCPUs=4 NumTasks=4 CPUs/Task=1" in details
    assert "NtasksPerN:B:S:C=2:" in details


@pytest.mark.parametrize("partition", ["", "cpu", "\"'cpu'\""])
def test_growth_ends_where_the_partition_does(
    copy: Workflow, tmp_path: Path, partition: str
) -> None:
    profile = tmp_path / "profile"
    profile.mkdir()
    text = (PROFILE / "config.yaml").read_text()
    named = text.replace("# slurm_partition: PARTITION", f"slurm_partition: {partition}", 1)
    (profile / "config.yaml").write_text(named if partition else text)
    # A cluster that has nothing but sinfo, and logs of jobs that lacked memory and time.
    (copy.folder / "bin").mkdir()
    sinfo = copy.folder / "bin/sinfo"
    sinfo.write_text("#!/bin/sh\necho 'cpu*|up|1:30:00|4|2500|3|OFF'\n")
    sinfo.chmod(0o755)
    # A dry run, which has no executor, looks for them where an executor has them by itself.
    logs = copy.folder / ".snakemake/slurm_logs"
    logs.mkdir(parents=True)
    for number, words in enumerate(("oom-kill", "DUE TO TIME LIMIT")):
        log = logs / f"{number}.log"
        of = [
            f"rule {rule}:\n    wildcards: dataset=tumours, model={name}, split=seed-0"
            for rule, name in zip(("train_network", "train_baseline"), MODELS, strict=True)
        ]
        log.write_text("\n".join([*of, words, ""]))
        # Only those count that are written after Snakemake has begun.
        os.utime(log, (time.time() + 3600,) * 2)
    environment = {"PATH": os.pathsep.join([str(copy.folder / "bin"), os.environ["PATH"]])}
    world = replace(copy, environment=environment)
    done = world.run("-n", "--forceall", "-p", "--attempt", "2", "--profile", str(profile))
    assert done.returncode == 0, done.stdout
    jobs = {
        (job.rule, job.wildcards.get("split")): job.resources for job in parse_jobs(done.stdout)
    }
    network = jobs["train_network", "seed-0"]
    # Twice 1,500 MB and an hour would be more than there is.
    assert (network["mem_mb"], network["runtime"]) == ("2500", "90")
    # Another rule of the same run has lacked nothing.
    assert jobs["explain_model", "seed-0"]["runtime"] == "20"
    # Six rules share a job: none of them is given more than it had.
    baseline = jobs["train_baseline", "seed-0"]
    assert (baseline["mem_mb"], baseline["runtime"]) == ("1500", "60")


def test_a_cohort_of_ones_own_with_folds_is_grouped(tmp_path: Path) -> None:
    """No step of a group may wait for one outside of it that waits for the group."""
    samples = [f"s{i:02d}" for i in range(60)]
    values = np.random.default_rng(0).poisson(50, (60, 40))
    table = pd.DataFrame(values, samples, [f"g{i}" for i in range(40)])
    table.to_csv(tmp_path / "values.tsv", sep="\t", index_label="sample")
    table[:20].to_csv(tmp_path / "new.tsv", sep="\t", index_label="sample")
    sheet = pd.DataFrame({"label": ["a", "b"] * 30}, samples)
    sheet.to_csv(tmp_path / "samples.tsv", sep="\t", index_label="sample")
    own = {
        "source": "files",
        "expression": "values.tsv",
        "samples": "samples.tsv",
        "new_expression": "new.tsv",
    }
    world = Workflow(tmp_path).changed(
        datasets={"own": own},
        experiment={"datasets": ["own"], "train_sizes": [16]},
        split={"design": "k_fold", "folds": 3},
    )
    done = world.run("-n", "-p", "--profile", str(PROFILE))
    assert done.returncode == 0, done.stdout
    groups: dict[str, set[str]] = {}
    for job in parse_jobs(done.stdout):
        groups.setdefault(job.group or job.rule, set()).add(job.rule)
    of_cohort = {"check_data", "import_cohort", "describe_data", "plot_data"}
    assert of_cohort in groups.values()
    assert {"calibrate_model", "explain_model", "present_run"} <= max(groups.values(), key=len)


def test_several_nodes_without_slurm_are_refused(copy: Workflow) -> None:
    trainer = {"accelerator": "cpu", "strategy": "ddp", "num_nodes": 2}
    done = copy.changed(trainer=trainer).run(WEIGHTS.format("mlp", 0))
    assert done.returncode != 0
    assert "error: trainer.num_nodes: found 2" in done.stdout
    assert "--profile profiles/slurm" in done.stdout


def test_networks_may_train_in_another_partition(copy: Workflow, tmp_path: Path) -> None:
    text = (PROFILE / "config.yaml").read_text()
    for line in ("# set-resources:", "#   train_network:", "#     slurm_partition:", "#     gres:",
                 "#     qos:", "#     constraint:", "# slurm_partition:"):  # fmt: skip
        assert line in text
        text = text.replace(line, line.replace("# ", "", 1).replace("#", "", 1))
    (tmp_path / "config.yaml").write_text(text)
    resources = yaml.safe_load(text)
    assert resources["set-resources"]["train_network"]["gres"] == "gpu:1"
    assert resources["default-resources"]["slurm_partition"] == "PARTITION"
    done = copy.run("--forceall", "-n", "--profile", str(tmp_path))
    assert done.returncode == 0, done.stdout
    assert "slurm_partition=GPU_PARTITION" in done.stdout
    assert "qos=QOS, constraint=CONSTRAINT" in done.stdout


@pytest.mark.parametrize(
    ("resource", "words"),
    [
        ("slurm_extra='--qos=debug'", "quality-of-service option is not allowed"),
        ("constraint='a100'", "Invalid feature specification"),
    ],
)
@pytest.mark.parametrize("target", ["results/tumours/data/overview.json", WEIGHTS.format("mlp", 0)])
def test_what_slurm_does_not_take_ends_with_its_words(
    copy: Workflow, slurm: dict[str, str], target: str, resource: str, words: str
) -> None:
    """A job of one step, and a group, of which Snakemake says nothing by itself."""
    (copy.folder / target).unlink()
    options = ["--default-resources", "mem_mb=500", "runtime=5", resource, "--retries", "0"]
    done = replace(copy, environment=slurm).run(target, *ON_SLURM, *options)
    assert done.returncode != 0
    assert "FAILED" in done.stdout
    assert words in done.stdout.partition("FAILED")[2]
    assert "exprlab doctor --profile" in done.stdout


def test_a_run_of_another_host_is_over_when_slurm_says_so(
    slurm: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", slurm["PATH"])
    number = ask(slurm, "sbatch", "--parsable", "--wrap=sleep 600").strip()
    status = {"state": "RUNNING", "host": "node-17", "slurm_job_id": number, "pid": 1}
    assert true_state(status, tmp_path) is None
    ask(slurm, "scancel", number)
    while state_of_job(number) == "COMPLETING":
        time.sleep(1)
    assert true_state(status, tmp_path) == ("KILLED", f"SLURM's job {number} ended: cancelled")
    state, cause = true_state(status | {"slurm_job_id": "99999"}, tmp_path) or ("", "")
    assert state == "KILLED"
    assert "does not know any more" in cause


@pytest.mark.parametrize(
    ("edit", "code", "words"),
    [
        (("", ""), 0, ["a job ran on", "is the same folder on", "steps fit cpu"]),
        (("# slurm_partition: PARTITION", "slurm_partition: cqu"), 1, ["did you mean 'cpu'?"]),
        (("# slurm_partition:", "slurm_partition:"), 1, ["default-resources.slurm_partition"]),
        (("command: squeue", "command: sacct"), 1, ["would wait for ever", "squeue"]),
        (("# set-resources:\n#   train_network:\n#     slurm_partition: GPU_PARTITION",
          "set-resources:\n  train_network:\n    mem_mb: 9000"), 1,
         ["train_network asks for 9,000 MB, cpu has 4000"]),
    ],
)  # fmt: skip
def test_doctor_tells_what_is_wrong_before_jobs_are_submitted(
    slurm: dict[str, str], tmp_path: Path, edit: tuple[str, str], code: int, words: list[str]
) -> None:
    check_doctor(slurm, tmp_path, edit, code, words)


@pytest.mark.parametrize(
    ("account", "qos", "code", "words"),
    [
        ("lab", "normal", 0, ["'lab' is one of yours", "a job ran on"]),
        ("lab", "long", 1, ["'long' may not be used with the account lab", "one of normal"]),
        ("others", "normal", 1, ["'others' is not one of yours", "one of lab"]),
    ],
)
def test_doctor_knows_accounts_and_qos(
    accounted: dict[str, str], tmp_path: Path, account: str, qos: str, code: int, words: list[str]
) -> None:
    mine = f"slurm_account: {account}\n  qos: {qos}"
    check_doctor(accounted, tmp_path, ("# slurm_account: ACCOUNT", mine), code, words)


def check_doctor(
    slurm: dict[str, str], tmp_path: Path, edit: tuple[str, str], code: int, words: list[str]
) -> None:
    text = (PROFILE / "config.yaml").read_text()
    assert edit[0] in text
    (tmp_path / "profile").mkdir()
    (tmp_path / "profile/config.yaml").write_text(text.replace(*edit, 1))
    config = [str(PROJECT / name) for name in ("config/config.yaml", "config/test.yaml")]
    command = [sys.executable, "-m", "exprlab", "doctor", "--profile", "profile"]
    command += ["--snakefile", str(PROJECT / "Snakefile"), "--configfile", *config]
    done = subprocess.run(
        command, cwd=tmp_path, env=os.environ | slurm, capture_output=True, text=True, check=False
    )
    assert done.returncode == code, done.stdout + done.stderr
    for word in words:
        assert word in done.stdout
    assert ("PROBLEM" in done.stdout) == bool(code)
    # It leaves nothing behind but what a dry run does.
    assert {path.name for path in tmp_path.iterdir()} <= {"profile", ".snakemake"}
