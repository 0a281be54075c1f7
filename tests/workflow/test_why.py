"""`exprlab why` on real results: what it says would run is what Snakemake would run, and why."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from workflow.conftest import PROJECT, Workflow

MODEL = "results/tumours/mlp/seed-0"
# What copied results have all of; their MLflow store wants to know its new place.
MANIFEST = "results/manifest.json"
AFTER_EVALUATION = {
    "compare_models", "present_run", "write_report", "fill_checklist",
    "write_manifest", "publish_runs",
}  # fmt: skip


def call(workflow: Workflow, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Call the command for a workflow, as the user of its source would."""
    command = [sys.executable, "-m", "exprlab", "why", *arguments]
    command += ["--snakefile", str(workflow.project / "Snakefile"), "--configfile"]
    command += [str(workflow.project / "config/config.yaml"), str(workflow.config)]
    environment = {**os.environ, **workflow.environment}
    environment.pop("MLFLOW_TRACKING_URI", None)
    return subprocess.run(
        command, cwd=workflow.folder, env=environment, capture_output=True, text=True, check=False
    )


def why(workflow: Workflow, *arguments: str) -> str:
    """Return what the command says, after comparing it with Snakemake's own plan."""
    done = call(workflow, *arguments)
    assert done.returncode == 0, done.stdout + done.stderr
    dry = workflow.run("--dry-run", *arguments)
    assert dry.returncode == 0, dry.stdout
    planned = re.findall(r"^ *(?:local)?rule (?!all:)(\w+):$", dry.stdout, re.MULTILINE)
    assert rules(done.stdout) == set(planned)
    total = re.search(r"^Would run: +(\d+) job", done.stdout, re.MULTILINE)
    assert int(total[1] if total else 0) == len(planned)
    return done.stdout


def rules(text: str) -> set[str]:
    """Return the rules that an explanation names as running."""
    return set(re.findall(r"^  (\w+) +\d+ jobs?", text, re.MULTILINE))


def groups(text: str) -> list[str]:
    """Return the paragraphs of an explanation, the totals last."""
    return text.strip().split("\n\n")


def first(paragraph: str) -> set[str]:
    """Return the rules that have a cause of their own, without what follows from them."""
    return rules(paragraph.partition("because of that")[0])


@pytest.fixture
def edited(copy: Workflow, tmp_path: Path) -> Workflow:
    """Return finished results whose workflow is a copy of the source, which a test may edit."""
    source = tmp_path / "source"
    for name in ("src", "workflow", "config", "profiles"):
        ignore = shutil.ignore_patterns("__pycache__", "*.egg-info")
        shutil.copytree(PROJECT / name, source / name, ignore=ignore)
    shutil.copyfile(PROJECT / "Snakefile", source / "Snakefile")
    return replace(copy, project=source, environment={"PYTHONPATH": str(source / "src")})


def edit(workflow: Workflow, path: str, old: str, new: str) -> None:
    file = workflow.project / path
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new, 1))


def test_nothing_to_do_is_said(finished: Workflow) -> None:
    before = {p: p.stat().st_mtime_ns for p in (finished.folder / "results").rglob("*")}
    assert why(finished) == "Nothing to do: all that is asked for is up to date.\n"
    assert before == {p: p.stat().st_mtime_ns for p in (finished.folder / "results").rglob("*")}


def test_edited_evaluation_trains_nothing(edited: Workflow) -> None:
    edit(
        edited, "src/exprlab/evaluation/metrics.py",
        "return np.divide(above, below,", "return 0.9 * np.divide(above, below,",
    )  # fmt: skip
    text = why(edited)
    assert groups(text)[0].startswith("evaluation/metrics.py was edited\n")
    # The oracle is judged by the same code, and the models by their distance from it.
    assert "evaluate_oracle" in first(groups(text)[0])
    assert "evaluate_model" in rules(text)
    assert "evaluation/metrics.py was edited" in text
    assert rules(text) >= AFTER_EVALUATION
    stays = text.partition("Stays:")[2]
    for rule in ("simulate_cohort", "preprocess_counts", "train_network", "train_baseline"):
        assert rule not in rules(text)
        assert rule in stays


def test_edited_comments_and_docstrings_do_not_count(edited: Workflow) -> None:
    path = "src/exprlab/evaluation/metrics.py"
    edit(edited, path, '"""', '"""In other words: ')
    with (edited.project / path).open("a") as stream:
        stream.write("\n# A comment.\n")
    assert why(edited, MANIFEST).startswith("Nothing to do")


def test_moved_results_are_published_again(finished: Workflow, copy: Workflow) -> None:
    text = why(copy)
    assert rules(text) == {"publish_runs"}
    old, new = (w.folder for w in (finished, copy))
    assert text.startswith(f"other parameters of rule publish_runs: {old} -> {new}\n")


def test_edited_training_is_named_beside_a_changed_setting_behind_it(edited: Workflow) -> None:
    """Snakemake says of trainings only that their input is made anew; that is half the truth."""
    edit(edited, "src/exprlab/nets/mlp.py", "class MLP", "PATCHED = 1\n\n\nclass MLP")
    text = why(edited.changed(preprocess={"clip": 5.0}))
    by_cause = {group.split("\n")[0]: group for group in groups(text)}
    assert first(by_cause["setting preprocess.clip: 10.0 -> 5.0"]) == {"preprocess_counts"}
    assert "train_network" in first(by_cause["nets/mlp.py was edited"])
    assert "train_baseline" in rules(by_cause["setting preprocess.clip: 10.0 -> 5.0"])
    assert groups(text)[-2].startswith("and, because of several of these:")


def test_edited_publication_and_command_are_told_by_snakemake_alone(edited: Workflow) -> None:
    """The manifest knows nothing of publication, and nothing of a rule's command line."""
    edit(edited, "src/exprlab/cli/publish.py", "def run(", "PATCHED = 1\n\n\ndef run(")
    text = why(edited)
    assert groups(text)[0].startswith("the code behind `exprlab publish` was edited\n")
    assert rules(text) == {"publish_runs"}
    edit(edited, "workflow/rules/data.smk", "exprlab describe", "exprlab  describe")
    text = why(edited)
    assert "the command of rule describe_data was edited" in text
    assert "simulate_cohort" not in rules(text)


def test_changed_setting_is_named_and_only_networks_train(copy: Workflow) -> None:
    text = why(copy.changed(models={"mlp": {"hidden": [8]}}))
    assert text.startswith("setting models.mlp.hidden: [16] -> [8]\n  train_network")
    assert "2 jobs    tumours/mlp: seed-0, seed-1" in text
    assert first(groups(text)[0]) == {"train_network"}
    assert "train_baseline" not in rules(text)
    assert "calibrate_model (2 of 4)" in " ".join(text.split())


def test_settings_of_the_judgement_pack_no_model_anew(copy: Workflow) -> None:
    text = why(copy.changed(evaluation={"bootstrap": 210}))
    assert text.startswith("setting evaluation.bootstrap: 200 -> 210\n")
    assert {"evaluate_oracle", "evaluate_model"} <= rules(text)
    assert not rules(text) & {"calibrate_model", "explain_model", "predict_samples"}


def test_setting_that_only_new_samples_see_is_named_as_in_the_config(copy: Workflow) -> None:
    text = why(copy.changed(datasets={"tumours": {"n_new_samples": 13}}))
    assert text.startswith("setting datasets.tumours.n_new_samples: 12 -> 13\n")
    assert "1 job     tumours: new_samples" in text
    assert "train_network" not in rules(text)


@pytest.mark.parametrize(
    ("experiment", "cause", "new"),
    [
        ({"seeds": [0, 1, 2]}, "setting experiment.seeds: [0, 1] -> [0, 1, 2]", "seed-2"),
        ({"seeds": [0]}, "setting experiment.seeds: [0, 1] -> [0]", ""),
        (
            {"train_sizes": [12]},
            "setting experiment.train_sizes: [] -> [12]",
            "seed-0-n-12, seed-1-n-12",
        ),
        ({"models": ["mlp"]}, "setting experiment.models: ['mlp', 'logistic'] -> ['mlp']", ""),
        ({"name": "another"}, "setting experiment.name: smaller-world -> another", ""),
    ],
)
def test_other_runs_are_the_cause(copy: Workflow, experiment: dict, cause: str, new: str) -> None:
    text = why(copy.changed(experiment=experiment))
    assert text.startswith(f"{cause}\n")
    assert len(groups(text)) == 2
    runs = {"train_network", "train_baseline"} if new else set()
    assert rules(text) & {"train_network", "train_baseline", "simulate_cohort"} == runs
    assert f"tumours/mlp: {new}" in text or not new


def test_deleted_files(copy: Workflow) -> None:
    (copy.folder / MODEL / "evaluation.json").unlink()
    text = why(copy, MANIFEST)
    assert text.startswith("Nothing to do")
    assert "Missing, but nothing that would run needs it (1 file; ask for it by its name)" in text
    assert text.endswith(f"    {MODEL}/evaluation.json\n")
    text = why(copy)
    assert text.startswith(f"files are missing\n    {MODEL}/evaluation.json\n")
    assert first(groups(text)[0]) == {"evaluate_model"}
    assert "train_network" not in rules(text)


def test_asking_for_a_deleted_file(copy: Workflow) -> None:
    (copy.folder / MODEL / "predictions.parquet").unlink()
    text = why(copy, f"{MODEL}/predictions.parquet")
    assert rules(text) == {"evaluate_model"}
    stays = text.partition("Stays:")[2]
    assert "train_network" in stays
    assert "train_baseline" not in stays


def test_touched_and_changed_files_are_told_apart(copy: Workflow) -> None:
    cohort = copy.folder / "results/tumours/data/cohort.h5ad"
    # Snakemake looks into small files only, so this one has to be large to be taken for changed.
    with cohort.open("ab") as stream:
        stream.write(b"\0" * 2_000_000)
    text = why(copy)
    assert "results/tumours/data/cohort.h5ad (its content is another)" in text
    assert "check_data" in first(groups(text)[0])
    assert "simulate_cohort" not in rules(text)
    assert "check_data (1 of 2)" in " ".join(text.split())


def test_forced_rule(finished: Workflow) -> None:
    text = why(finished, "--forcerun", "evaluate_model")
    assert text.startswith(
        "you force it: --forcerun evaluate_model\n  evaluate_model          4 jobs"
    )
    assert rules(text) == {"evaluate_model", *AFTER_EVALUATION}


def test_killed_job_is_told_from_a_forced_one(edited: Workflow) -> None:
    """Snakemake calls both forced."""
    module, output = "src/exprlab/cli/describe.py", "results/tumours/data/overview.json"
    before = (edited.folder / output).stat().st_mtime_ns
    text = (edited.project / module).read_text()
    (edited.project / module).write_text(f"{text}\n    import time\n    time.sleep(600)\n")
    process = edited.start(start_new_session=True)
    path = edited.folder / output
    while not path.exists() or path.stat().st_mtime_ns == before:
        assert process.poll() is None
        time.sleep(0.1)
    os.killpg(process.pid, signal.SIGKILL)
    process.output()
    (edited.project / module).write_text(text)
    edited.run("--unlock")
    text = why(edited)
    assert text.startswith(f"a killed run left files unfinished\n    {output}\n  describe_data")
    assert "--forcerun" not in text


def test_without_a_manifest_snakemake_is_all_there_is(copy: Workflow) -> None:
    (copy.folder / "results/manifest.json").unlink()
    text = why(copy.changed(models={"mlp": {"hidden": [8]}}))
    assert "setting model.hidden: [16] -> [8]" in text
    assert "train_network" in rules(text)
    assert "train_baseline" not in rules(text)


def test_first_run(tmp_path: Path) -> None:
    text = why(Workflow(tmp_path))
    assert text.startswith(
        "never made before\n  simulate_cohort         2 jobs    tumours: cohort, new"
    )
    assert "Stays" not in text
    assert list(tmp_path.glob("results")) == []


@pytest.mark.parametrize(
    ("change", "arguments", "words"),
    [
        ({"models": {"mlp": {"hiden": [8]}}}, (), "models.mlp.hiden: unknown key; did you mean"),
        ({}, ("results/nothing.txt",), "No rule to produce results/nothing.txt"),
    ],
)
def test_mistakes_are_told_in_the_words_of_the_workflow(
    copy: Workflow, change: dict, arguments: tuple[str, ...], words: str
) -> None:
    done = call(copy.changed(**change), *arguments)
    assert done.returncode == 2
    assert done.stdout == ""
    assert all(line.startswith("error: ") for line in done.stderr.splitlines())
    assert words in done.stderr
    assert "SNAKEMAKE" not in done.stderr
