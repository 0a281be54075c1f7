"""What users of Snakemake expect of a workflow."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from workflow.conftest import PROJECT, Workflow

SLURM = "snakemake_executor_plugin_slurm"
HEAVY = ("torch", "mlflow", "pytorch_lightning", "pandas")


def test_dry_run_is_light(tmp_path: Path) -> None:
    command = [sys.executable, "-X", "importtime", "-m", "snakemake", "-n"]
    command += ["--snakefile", str(PROJECT / "Snakefile")]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    chains = list(import_chains(done.stderr))
    assert any(chain[0] == "exprlab.config.experiment" for chain in chains)
    # Snakemake imports every executor that is installed, and the one for SLURM imports pandas.
    ours = {chain[0] for chain in chains if not any(name.startswith(SLURM) for name in chain)}
    assert not ours & set(HEAVY)


def import_chains(report: str) -> Iterator[list[str]]:
    """Yield each module that Python's import times name, followed by those that imported it."""
    names = [line.split("|")[-1] for line in report.splitlines() if line.startswith("import time:")]
    above: list[str] = []
    # A module is told after those that it imports, and less indented.
    for name in reversed(names[1:]):
        depth = (len(name) - len(name.lstrip()) - 1) // 2
        above = [*above[:depth], name.strip()]
        yield above[::-1]


def test_dry_run_writes_nothing(tmp_path: Path) -> None:
    done = Workflow(tmp_path).run("--dry-run")
    assert done.returncode == 0, done.stdout
    assert [p.name for p in tmp_path.iterdir()] in ([], [".snakemake"])


def test_lint_is_clean(tmp_path: Path) -> None:
    done = Workflow(tmp_path).run("--lint")
    assert "good condition" in done.stdout
    assert done.returncode == 0


def test_rules_are_formatted() -> None:
    command = [sys.executable, "-m", "snakefmt", "--check", "Snakefile", "workflow"]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_rule_graph_shows_the_course_of_the_experiment(tmp_path: Path) -> None:
    done = Workflow(tmp_path).run("--rulegraph")
    for rule in ("simulate_cohort", "train_network", "evaluate_model", "publish_runs"):
        assert f'label = "{rule}"' in done.stdout


def test_snakemake_report_has_captions(copy: Workflow) -> None:
    done = copy.run("--report", "snakemake-report.html")
    assert done.returncode == 0, done.stdout
    page = (copy.folder / "snakemake-report.html").read_text()
    assert "roc.png" in page
    assert "The further it bends to the upper left" in page


def test_until_stops_there(tmp_path: Path) -> None:
    rules = Workflow(tmp_path).jobs("--until", "split_samples")
    assert rules == {"simulate_cohort", "check_data", "split_samples"}


def test_forced_evaluation_trains_nothing(finished: Workflow) -> None:
    rules = finished.jobs("--forcerun", "evaluate_model")
    assert {"evaluate_model", "compare_models", "write_report", "publish_runs"} <= rules
    assert not rules & {"train_network", "train_baseline", "predict_samples", "preprocess_counts"}


@pytest.mark.parametrize(
    ("sections", "expected", "untouched"),
    [
        ({"evaluation": {"ece_bins": 5}}, "evaluate_model", "train_network"),
        ({"trainer": {"precision": "64-true"}}, "train_network", "train_baseline"),
        ({"preprocess": {"clip": 5.0}}, "preprocess_counts", "split_samples"),
        ({"datasets": {"tumours": {"n_new_samples": 13}}}, "predict_samples", "split_samples"),
    ],
)
def test_changed_setting_reruns_what_depends_on_it(
    copy: Workflow, sections: dict, expected: str, untouched: str
) -> None:
    rules = copy.changed(**sections).jobs()
    assert expected in rules
    assert untouched not in rules


@pytest.mark.parametrize("prefix", ["", "sub"])
def test_as_a_module_of_another_workflow(tmp_path: Path, prefix: str) -> None:
    line = f'    prefix: "{prefix}"\n' if prefix else ""
    (tmp_path / "Snakefile").write_text(
        f'configfile: "{PROJECT}/config/config.yaml"\n'
        f'module exprlab:\n    snakefile: "{PROJECT}/workflow/Snakefile"\n    config: config\n'
        f"{line}use rule * from exprlab as exprlab_*\n"
    )
    command = [sys.executable, "-m", "snakemake", "--dry-run"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    place = f"{prefix}/results" if prefix else "results"
    assert f"output: {place}/mlflow/published.json" in done.stdout


def test_every_rule_names_its_cost() -> None:
    for path in sorted((PROJECT / "workflow/rules").glob("*.smk")):
        for block in path.read_text().split("\nrule ")[1:]:
            name = block.split(":")[0]
            if "    output:" not in block:
                continue  # a target, which only asks for others' files
            for word in ("log:", "benchmark:", "threads:", "mem_mb=", "runtime=", "shell:"):
                assert f"    {word}" in block, f"{path.name}: rule {name} lacks {word}"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"modles": {}}, "did you mean 'models'"),
        ({"datasets": {"tumours": {"n_samples": 0}}}, "datasets.tumours.n_samples"),
        ({"split": {"test_fraction": 1.0}}, "split.test_fraction"),
        ({"experiment": {"models": ["mpl"]}}, "did you mean 'mlp'"),
    ],
)
def test_bad_config_stops_before_anything(tmp_path: Path, change: dict, words: str) -> None:
    workflow = Workflow(tmp_path).changed(**change)
    done = workflow.run()
    assert done.returncode != 0
    assert words in done.stdout
    assert "Traceback" not in done.stdout
    assert not (tmp_path / "results").exists()


def test_class_too_small_for_the_split_is_told(tmp_path: Path) -> None:
    change = {"n_samples": 10, "simulator": {"malignant_fraction": 0.02}}
    workflow = Workflow(tmp_path).changed(datasets={"tumours": change})
    done = workflow.run("--until", "split_samples")
    assert done.returncode != 0
    assert "error: " in done.stdout
    assert "class" in done.stdout
    assert "Traceback" not in done.stdout
    assert not list(tmp_path.glob("results/tumours/splits/*.tsv"))


def test_truncated_counts_are_told(copy: Workflow) -> None:
    counts = copy.folder / "results/tumours/data/cohort.h5ad"
    counts.write_bytes(counts.read_bytes()[:5000])
    done = copy.run("--until", "check_data")
    assert done.returncode != 0
    assert "cannot be read as .h5ad" in done.stdout
    assert "Traceback" not in done.stdout
