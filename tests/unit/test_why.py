"""Reading Snakemake's plan and telling causes from consequences, on small made plans."""

from __future__ import annotations

import json
import shlex
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exprlab.errors import UserError
from exprlab.files import sha256
from exprlab.provenance.code import code_digest
from exprlab.provenance.lineage import pack
from exprlab.reproduce import plan as planning
from exprlab.reproduce.causes import Cause, Past, in_config, own_causes
from exprlab.reproduce.layout import about, aligned, shorten
from exprlab.reproduce.plan import Job, Plan, Request, parse_jobs, paths_in, read_plan
from exprlab.reproduce.why import explain_plan
from exprlab.reproduce.why_text import as_text
from exprlab.reproduce.words import split_reason, told_params

# As Snakemake 9.27 prints it.
DRY_RUN = """\
Building DAG of jobs...
Job stats:
job                count
---------------  -------
publish_runs           1

[Wed Nov 25 17:24:41 2026]
localrule publish_runs:
    input: results/d/mlp/seed-0/model, results/d/mlp/seed-0/evaluation.json
    output: results/mlflow/published.json, results/mlflow/mlflow.db (update)
    jobid: 34
    reason: Input files updated by another job: results/d/mlp/seed-0/model
    resources: tmpdir=/tmp, runtime=30
Shell command: python -m exprlab publish --runs results/d/mlp/seed-0 > x.log 2>&1

[Wed Nov 25 17:24:41 2026]
rule calibrate_model:
    input: results/d/mlp/seed-0/weights
    output: results/d/mlp/seed-0/model
    log: results/logs/calibrate_model/d.mlp.seed-0.log
    jobid: 16
    benchmark: results/benchmarks/calibrate_model/d.mlp.seed-0.tsv
    reason: Missing output files: results/d/mlp/seed-0/model
    wildcards: dataset=d, model=mlp, split=seed-0
    threads: 2
Shell command: python -m exprlab calibrate --run results/d/mlp/seed-0 --params '{"a": "b: c"}'

[Wed Nov 25 17:24:41 2026]
rule all:
    input: results/mlflow/published.json
    jobid: 0
    reason: Input files updated by another job: results/mlflow/published.json
Shell command: None
Job stats:
job                count

Reasons:
    (check individual jobs above for details)
    input files updated by another job:
        all, publish_runs
"""


def test_jobs_are_read_inputs_first() -> None:
    calibrate, publish = parse_jobs(DRY_RUN)
    assert calibrate.rule == "calibrate_model"
    assert calibrate.wildcards == {"dataset": "d", "model": "mlp", "split": "seed-0"}
    assert calibrate.benchmark.endswith("d.mlp.seed-0.tsv")
    assert calibrate.command == "calibrate"
    assert publish.outputs == ["results/mlflow/published.json", "results/mlflow/mlflow.db"]
    assert publish.wildcards == {}
    assert parse_jobs("Nothing to be done.") == []


REASONS = {
    "Forced execution": "",
    "Missing output files": "results/a, results/b",
    "Updated input files": "results/c",
    "Input files updated by another job": "results/d (flagged)",
    "Set of input files has changed since last execution": "",
    "Code has changed since last execution": "",
    "Params have changed since last execution": "before: '{\"a\": \"x; y, z\"}' now: 'b; c'",
}


@given(st.lists(st.sampled_from(sorted(REASONS)), unique=True))
def test_reasons_are_taken_apart(names: list[str]) -> None:
    parts = [f"{name}: {REASONS[name]}" if REASONS[name] else name for name in names]
    assert split_reason("; ".join(parts)) == {name: REASONS[name] for name in names}


def test_marks_of_files_are_dropped() -> None:
    assert paths_in("a, b (update), c/d e.txt") == ["a", "b", "c/d e.txt"]
    assert paths_in("") == []


def test_refusal_is_the_workflows_own_message() -> None:
    text = (
        "SNAKEMAKE\n=========\n  Host: vm\n"
        'WorkflowError in file "/x/common.smk", line 22:\n'
        "config: evaluation.ece_bns: unknown key; did you mean 'ece_bins'?\n"
        '  File "/x/common.smk", line 22, in <module>\n'
    )
    expected = "config: evaluation.ece_bns: unknown key; did you mean 'ece_bins'?"
    assert planning._refusal(text) == expected
    assert (
        planning._refusal("snakemake: error: no such option") == "snakemake: error: no such option"
    )
    traceback = "Traceback (most recent call last):\n    x = y\n        ^\nValueError: no pair\n"
    assert planning._refusal(traceback) == "ValueError: no pair"
    assert planning._refusal("")


def test_plan_of_a_workflow_without_manifest(tmp_path: Path) -> None:
    """Any workflow can be asked, through Snakemake itself."""
    snakefile = tmp_path / "Snakefile"
    snakefile.write_text(
        'rule all:\n    input: "b"\nrule first:\n    output: "a"\n    shell: "touch {output}"\n'
        'rule second:\n    input: "a"\n    output: "b"\n    shell: "touch {output}"\n'
    )
    plan = read_plan(Request(snakefile, directory=tmp_path))
    assert [job.rule for job in plan.jobs] == ["first", "second"]
    assert plan.lineage == []
    assert [p.name for p in tmp_path.iterdir() if p.name != ".snakemake"] == ["Snakefile"]
    with pytest.raises(UserError, match="No rule to produce c"):
        read_plan(Request(snakefile, targets=("c",), directory=tmp_path))


def test_lineage_and_config_are_taken_from_the_manifests_call() -> None:
    lineage = [{"rule": "r", "outputs": ["results/x"]}]
    config = {"experiment": {"name": "it's"}}
    packed = " ".join(word for half in pack(lineage) for word in (half[:9], half[9:]))
    shell = f"python -m exprlab manifest --lineage {packed} --params "
    job = Job("write_manifest", {}, [], [], "", shell + shlex.quote(json.dumps(config)) + " > log")
    assert planning._manifest_call([job]) == (lineage, config)


# Causes of a job.


def entry(rule: str, path: str, inputs: list[str], **params: Any) -> dict[str, Any]:
    wildcards = {"split": "seed-0"}
    return {
        "path": path, "sha256": "0", "rule": rule, "wildcards": wildcards, "params": params,
        "inputs": dict.fromkeys(inputs, "0"),
    }  # fmt: skip


def planned(rule: str, path: str, inputs: list[str], **params: Any) -> dict[str, Any]:
    return {
        "rule": rule, "wildcards": {"split": "seed-0"}, "params": params,
        "inputs": [f"results/{name}" for name in inputs], "outputs": [f"results/{path}"],
    }  # fmt: skip


def job(rule: str, path: str, inputs: list[str], reason: str) -> Job:
    inputs = [f"results/{name}" for name in inputs]
    shell = f"python -m exprlab {rule} ..."
    return Job(rule, {"split": "seed-0"}, inputs, [f"results/{path}"], reason, shell)


MASKED = "Input files updated by another job: results/x"


def past(was: list[dict], now: list[dict], before: dict, after: dict, folder: Path) -> Past:
    manifest = {"rules": {e["rule"]: now_rule(e["rule"]) for e in was}, "files": was}
    return Past({**manifest, "config": before}, folder, now, after)


def now_rule(command: str) -> dict[str, Any]:
    """Return a rule as a manifest of this very code tells it."""
    return {"command": command, "code": code_digest(command), "modules": {}, "packages": {}}


def test_own_setting_behind_another_job_is_found(tmp_path: Path) -> None:
    was = [entry("split", "s", ["x"], settings={"a": 1})]
    now = [planned("split", "s", ["x"], settings='{"a": 2}')]
    then = past(was, now, {"split": {"a": 1}}, {"split": {"a": 2}}, tmp_path)
    causes = own_causes(job("split", "s", ["x"], MASKED), then, ())
    assert list(causes) == [Cause("setting", "split.a: 1 -> 2")]


def test_own_code_behind_another_job_is_found(tmp_path: Path) -> None:
    was = [entry("split", "s", ["x"])]
    then = past(was, [planned("split", "s", ["x"])], {}, {}, tmp_path)
    assert own_causes(job("split", "s", ["x"], MASKED), then, ()) == {}
    manifest = {"rules": {"split": {**now_rule("split"), "code": "other"}}, "files": was}
    manifest["rules"]["split"]["modules"] = {"gone.py": "1"}
    then = Past({**manifest, "config": {}}, tmp_path, [planned("split", "s", ["x"])], {})
    assert Cause("code", "gone.py is gone") in own_causes(
        job("split", "s", ["x"], MASKED), then, ()
    )


def test_lost_is_told_from_new(tmp_path: Path) -> None:
    was, reason = [entry("split", "s", [])], "Missing output files: results/s"
    then = past(was, [], {}, {}, tmp_path)
    assert own_causes(job("split", "s", [], reason), then, ()) == {Cause("missing"): ["results/s"]}
    new = Job("split", {"split": "seed-1"}, [], ["results/t"], reason, "")
    assert list(own_causes(new, then, ())) == [Cause("new")]
    seeds = [{"experiment": {"seeds": seeds}} for seeds in ([0], [0, 1])]
    then = past(was, [], *seeds, tmp_path)
    assert list(own_causes(new, then, ())) == [Cause("setting", "experiment.seeds: [0] -> [0, 1]")]
    nothing = Past(None, tmp_path / "results", [], {})
    assert list(own_causes(new, nothing, ())) == [Cause("new")]
    # A benchmark is left by jobs that have come to their end.
    (tmp_path / "new.tsv").touch()
    ran = replace(new, benchmark="new.tsv")
    assert own_causes(ran, nothing, ()) == {Cause("missing"): ["results/s"]}


def test_forced_is_told_from_unfinished(tmp_path: Path) -> None:
    then, it = Past(None, tmp_path, [], {}), job("split", "s", [], "Forced execution")
    assert [c.kind for c in own_causes(it, then, ["split"])] == ["forced"]
    assert [c.kind for c in own_causes(it, then, ["results/s"])] == ["forced"]
    assert [c.kind for c in own_causes(it, then, ["train"])] == ["unfinished"]


def test_inputs_that_are_taken_no_more(tmp_path: Path) -> None:
    was = [entry("split", "s", ["a", "model/x.json", "b"])]
    now = [planned("split", "s", ["a", "model"])]
    reason = "Set of input files has changed since last execution"
    then = past(was, now, {}, {}, tmp_path)
    assert own_causes(job("split", "s", [], reason), then, ()) == {Cause("inputs"): ["results/b"]}
    seeds = [{"experiment": {"seeds": seeds}} for seeds in ([0, 1], [0])]
    then = past(was, now, *seeds, tmp_path)
    assert list(own_causes(job("split", "s", [], reason), then, ())) == [
        Cause("setting", "experiment.seeds: [0, 1] -> [0]")
    ]


def test_parameters_are_read_from_snakemakes_words() -> None:
    it = job("split", "s", [], "")
    start = "Union of exclusive params before and now across all output: before: "
    before, after = (repr(json.dumps({"a": value, "b": "it's; now: x"})) for value in (1, 2))
    assert told_params(f"{start}{before} now: {after} ", it) == [("setting", "a: 1 -> 2")]
    digest = code_digest("split")
    words = f"{start}'abc' now: '{digest}' "
    assert told_params(words, it) == [("code", "the code behind `exprlab split` was edited")]
    both = told_params(f"{start}'abc',{before} now: {after},'{digest}' ", it)
    assert [kind for kind, _ in both] == ["code", "setting"]
    (moved,) = told_params(f"{start}'/a/b' now: '/a/c' ", it)
    assert moved == ("rule", "other parameters of rule split: /a/b -> /a/c")
    assert told_params(f"{start}<nothing exclusive> now: '/a/b' ", it)[0][0] == "rule"


@pytest.mark.parametrize(
    ("line", "wildcards", "expected"),
    [
        ("clip: 10 -> 5", {}, "preprocess.clip: 10 -> 5"),
        ("preprocess.clip: 10 -> 5", {}, "preprocess.clip: 10 -> 5"),
        ("model.hidden: [1] -> [2]", {"model": "small"}, "models.small.hidden: [1] -> [2]"),
        ("model.hidden: [1] -> [2]", {"model": "large"}, "models.large.hidden: [1] -> [2]"),
        ("n_samples: 12 -> 13", {"dataset": "d"}, "datasets.d.n_new_samples: 12 -> 13"),
        ("labels: a -> b", {}, "labels: a -> b"),
    ],
)
def test_settings_have_the_name_that_the_config_gives_them(
    line: str, wildcards: dict[str, str], expected: str
) -> None:
    changes = [
        "datasets.d.n_new_samples: 12 -> 13",
        "datasets.e.n_samples: 12 -> 13",
        "evaluation.steps: 10 -> 5",
        "models.large.hidden: [1] -> [2]",
        "models.small.hidden: [1] -> [2]",
        "preprocess.clip: 10 -> 5",
    ]
    assert in_config(line, changes, wildcards) == expected


# Causes and consequences.


def test_touched_file_is_told_from_a_changed_one(tmp_path: Path) -> None:
    results = tmp_path / "results"
    results.mkdir()
    was = [entry("simulate", name, []) for name in ("touched", "changed")]
    for one in was:
        (results / one["path"]).write_text(one["path"])
    was[0]["sha256"] = sha256(results / "touched")
    then = past(was, [], {}, {}, results)
    it = job(
        "split",
        "s",
        ["touched", "changed"],
        "Updated input files: results/touched, results/changed",
    )
    text = as_text(explain_plan(Plan([it]), then, tmp_path))
    assert "results/touched (touched; its content is the same)" in text
    assert "results/changed (its content is another)" in text


def test_unknown_reasons_are_passed_on(tmp_path: Path) -> None:
    it = job("split", "s", [], "A reason of a later Snakemake")
    text = as_text(explain_plan(Plan([it]), Past(None, tmp_path, [], {}), tmp_path))
    assert text.startswith("Snakemake says: A reason of a later Snakemake\n  split")


def test_times_come_from_benchmarks(tmp_path: Path) -> None:
    folder = tmp_path / "results/benchmarks/split"
    folder.mkdir(parents=True)
    for name, seconds in {"a": 10, "b": 20}.items():
        (folder / f"{name}.tsv").write_text(f"s\th:m:s\n{seconds}.0\t0:00:10\n")
    start = "results/benchmarks/split"
    jobs = [
        Job("split", {"x": name}, [], [name], "Forced execution", "", f"{start}/{name}.tsv")
        for name in ("a", "new")
    ]
    found = explain_plan(Plan(jobs), Past(None, tmp_path, [], {}), tmp_path)
    assert found.seconds == {"split": 10 + 15}
    assert "about 25 s of job time" in as_text(found)


@st.composite
def plans(draw: st.DrawFn) -> list[Job]:
    """Draw jobs that take outputs of earlier ones; some have causes of their own."""
    jobs: list[Job] = []
    for i in range(draw(st.integers(1, 8))):
        before = [f"results/{k}" for k in range(i)]
        inputs = draw(st.lists(st.sampled_from(before), unique=True)) if before else []
        reasons = [f"Missing output files: results/{i}", "Code has changed since last execution"]
        own = draw(st.lists(st.sampled_from(reasons), unique=True, min_size=0 if inputs else 1))
        words = [*own, *([f"Input files updated by another job: {inputs[0]}"] if inputs else [])]
        rule = draw(st.sampled_from("abc"))
        jobs.append(Job(rule, {"x": str(i)}, inputs, [f"results/{i}"], "; ".join(words), ""))
    return jobs


@given(plans())
def test_every_job_is_told_and_follows_from_what_is_above_it(jobs: list[Job]) -> None:
    found = explain_plan(Plan(jobs), Past(None, Path("nowhere"), [], {}), Path("nowhere"))
    assert {j.key for j in found.jobs} == {j.key for j in jobs}
    direct = {j.key for group in found.groups for j in group.jobs}
    following = [j.key for group in found.groups for j in group.following]
    following += [j.key for j in found.shared]
    assert len(following) == len(set(following))
    assert direct.isdisjoint(following)
    makers = {path: j for j in jobs for path in j.outputs}

    def causes(it: Job) -> set[Cause]:
        own = set(own_causes(it, Past(None, Path("nowhere"), [], {}), ()))
        return own.union(*(causes(makers[path]) for path in it.inputs))

    for group in found.groups:
        for j in group.following:
            assert causes(j) <= set(group.causes)
        for j in group.jobs:
            assert set(group.causes) <= causes(j)
    of = {cause: i for i, group in enumerate(found.groups) for cause in group.causes}
    for j in found.shared:
        assert len({of[cause] for cause in causes(j)}) > 1


def test_what_stays_and_what_is_lost(tmp_path: Path) -> None:
    results = tmp_path / "results"
    results.mkdir()
    (results / "a").touch()
    was = [entry("simulate", "a", []), entry("split", "b", ["a"]), entry("train", "c", ["b"])]
    now = [planned("simulate", "a", []), planned("split", "b", ["a"]), planned("train", "c", ["b"])]
    it = job("train", "c", ["b"], "Code has changed since last execution")
    then = past(was[:1], now, {}, {}, results)
    then.digests.update(b="0", c="0")
    found = explain_plan(Plan([it], now), then, tmp_path)
    assert [rule for rule, _ in found.stays] == ["simulate", "split"]
    assert found.lost == ["results/b"]
    aside = explain_plan(Plan([it], now), then, tmp_path, targets=["results/b"])
    assert [rule for rule, _ in aside.stays] == ["simulate", "split"]


# Layout.


def test_wildcards_are_told_in_short() -> None:
    runs = [
        {"dataset": "d", "model": model, "split": f"seed-{seed}"}
        for model in ("mlp", "logistic")
        for seed in (10, 2, 1)
    ]
    assert about(runs) == "d/logistic, d/mlp: seed-1, seed-2, seed-10"
    assert about(runs[:4]) == "d/mlp: seed-1, seed-2, seed-10; d/logistic: seed-10"
    many = [{"split": f"seed-{seed}"} for seed in range(12) if seed != 5]
    assert about(many) == "seed-0 ... seed-4, seed-6 ... seed-11"
    assert about([{}]) == ""


@given(st.lists(st.text(), max_size=20), st.integers(1, 10))
def test_long_lists_are_cut(lines: list[str], shown: int) -> None:
    short = shorten(lines, shown)
    assert short[:shown] == lines[:shown]
    assert len(short) == min(len(lines), shown + 1)


def test_names_are_told_once() -> None:
    assert aligned([("a", "1"), ("a", "2"), ("", "3"), ("b", "4")], 4) == [
        "a   1", "    2", "    3", "b   4",
    ]  # fmt: skip
