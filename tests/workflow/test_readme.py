"""What README.md and CONTRIBUTING.md say: commands are typed, files exist, links resolve."""

from __future__ import annotations

import gzip
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from laboratory import Lab
from snakemake.utils import update_config
from workflow.conftest import PROJECT, Workflow

README = (PROJECT / "README.md").read_text()
CONTRIBUTING = (PROJECT / "CONTRIBUTING.md").read_text()
DOCUMENTS = {"README.md": README, "CONTRIBUTING.md": CONTRIBUTING}
# What needs the environment that `make` makes.
NOT_TYPED = ("source .venv/bin/activate", "pre-commit install")


def blocks(language: str, text: str = README) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def commands(text: str = README) -> list[str]:
    lines = "".join(blocks("bash", text)).splitlines()
    return [line.partition(" #")[0].strip() for line in lines if line.strip()]


def commands_of(program: str) -> list[str]:
    return [command for command in commands() if shlex.split(command)[0] == program]


@pytest.fixture
def folder(copy: Workflow) -> Path:
    """Return a finished smaller world whose config/config.yaml says so, as a user's would."""
    config = yaml.safe_load((PROJECT / "config/config.yaml").read_text())
    update_config(config, yaml.safe_load(copy.config.read_text()))
    (copy.folder / "config").mkdir()
    (copy.folder / "config/config.yaml").write_text(yaml.safe_dump(config))
    changed, own = blocks("yaml")
    (copy.folder / "my.yaml").write_text(changed)
    (copy.folder / "colon.yaml").write_text(own)
    lab = Lab(copy.folder)
    lab.sheet = lab.sheet.drop(columns="split")
    lab.arguments()
    (copy.folder / "new.tsv").write_bytes((copy.folder / "expression.tsv").read_bytes())
    with gzip.open(copy.folder / "expression.tsv.gz", "wb") as stream:
        stream.write((copy.folder / "expression.tsv").read_bytes())
    return copy.folder


def typed(command: str, folder: Path, *more: str) -> str:
    """Type a command in a folder and return what it prints."""
    program, *arguments = shlex.split(command)
    python = [sys.executable, *(["-m", program] if program != "python" else [])]
    if program == "snakemake":
        arguments += ["--snakefile", str(PROJECT / "Snakefile")]
    environment = {k: v for k, v in os.environ.items() if k != "MLFLOW_TRACKING_URI"}
    done = subprocess.run(
        [*python, *arguments, *more],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    # Two runs with other seeds are different, as `exprlab diff --help` says.
    expected = 4 if command.startswith("exprlab diff results") else 0
    assert done.returncode == expected, f"{command}\n{done.stdout}"
    return done.stdout


@pytest.mark.parametrize("text", DOCUMENTS.values(), ids=DOCUMENTS)
def test_every_command_is_of_a_known_kind(text: str) -> None:
    for command in commands(text):
        program = shlex.split(command)[0]
        assert command in NOT_TYPED or program in ("make", "snakemake", "exprlab"), command


@pytest.mark.parametrize("text", DOCUMENTS.values(), ids=DOCUMENTS)
def test_every_make_target_exists(text: str) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (PROJECT / "Makefile").read_text(), re.MULTILINE))
    used = set(re.findall(r"`make ([a-z-]+)", text))
    used |= {shlex.split(c)[1] for c in commands(text) if c.startswith("make ")}
    assert used
    assert used <= targets


def test_snakemake_commands_do_what_they_say(folder: Path) -> None:
    assert len(commands_of("snakemake")) >= 4
    typed("snakemake --cores 2", folder)  # tells the copied store where it is now
    for command in commands_of("snakemake"):
        if "my.yaml" in command:
            printed = typed(command, folder, "--dry-run")
            rules = set(re.findall(r"^ *(?:local)?rule (\w+):$", printed, re.MULTILINE))
            assert {"train_network", "evaluate_model", "publish_runs"} <= rules
            assert not rules & {"simulate_cohort", "preprocess_counts", "train_baseline"}
        elif "colon.yaml" in command:
            printed = typed(command, folder, "--dry-run")
            rules = set(re.findall(r"^ *(?:local)?rule (\w+):$", printed, re.MULTILINE))
            assert {"check_data", "import_cohort", "train_network", "predict_samples"} <= rules
        elif "--report" not in command:  # test_snakemake.py makes one
            assert "Nothing to be done" in typed(command, folder)


def test_exprlab_commands_work_on_the_results(folder: Path) -> None:
    assert len(commands_of("exprlab")) >= 3
    for command in commands_of("exprlab"):
        printed = typed(command, folder)
        if " predict " in command:
            for column in ("sample_id", "calibrated_probability", "flags"):
                assert f"`{column}`" in README
                assert column in printed.splitlines()[0].split("\t")


def test_options_named_in_the_text_exist(tmp_path: Path) -> None:
    for command, options in re.findall(r"`(?:exprlab )(\w[\w-]+)((?: --[\w-]+)*)", README):
        help_text = typed(f"exprlab {command} --help", tmp_path)
        for option in options.split():
            assert option in help_text


def test_python_blocks_run_one_after_another(folder: Path) -> None:
    found = blocks("python")
    assert len(found) == 2
    # The second one loads from MLflow what the first one loads from the run's folder.
    first, second = found
    script = f"{first}\nfrom_folder = table\n{second}\n"
    script += "assert (table.prediction == from_folder.prediction).all() and len(table) > 0\n"
    (folder / "readme.py").write_text(script)
    typed("python readme.py", folder)


def test_run_folder_and_results_named_in_the_text_exist(finished: Workflow) -> None:
    names = set(re.findall(r"(?:`| )(results/[\w./-]*\w/?)", README))
    assert len(names) > 6
    for name in names:
        assert (finished.folder / name).exists(), name


@pytest.mark.parametrize("text", DOCUMENTS.values(), ids=DOCUMENTS)
def test_every_link_and_picture_is_there(text: str) -> None:
    targets = re.findall(r"\]\(([^)]+)\)", text) + re.findall(r'src="([^"]+)"', text)
    for target in targets:
        if not target.startswith("http"):
            assert (PROJECT / target).exists(), target


@pytest.mark.parametrize("text", DOCUMENTS.values(), ids=DOCUMENTS)
def test_every_file_of_the_project_named_in_the_text_exists(text: str) -> None:
    roots = "src|config|workflow|docs|tests|profiles|benchmarks"
    names = set(re.findall(rf"`((?:{roots})/[\w./-]+)`", text))
    names |= set(re.findall(r"`([A-Z][\w]+\.\w+)`", text))
    assert names
    for name in names:
        assert (PROJECT / name).exists(), name


def test_names_in_the_code_that_contributing_points_to_exist() -> None:
    """`NAME` of `src/...`, `NAME` in `src/...`: the file says NAME."""
    pairs = re.findall(
        r"`(\w+)`(?:[^`.;]| of | in ){1,60}`((?:src|workflow)/[\w./-]+\.\w+)`", CONTRIBUTING
    )
    assert len(pairs) >= 8
    for name, path in pairs:
        assert re.search(rf"\b{name}\b", (PROJECT / path).read_text()), f"{name} in {path}"


def test_layout_names_what_is_there() -> None:
    (tree,) = blocks("text")
    for line in tree.splitlines():
        name = line.split()[0]
        parent = PROJECT / "src/exprlab" if line.startswith("  ") else PROJECT
        assert (parent / name).exists(), name
    rooms = {p.name for p in (PROJECT / "src/exprlab").iterdir() if (p / "__init__.py").exists()}
    assert rooms == set(re.findall(r"^  (\w+)/ ", tree, re.MULTILINE))


def test_module_of_another_workflow_as_shown(tmp_path: Path) -> None:
    (block,) = blocks("snakemake")
    (tmp_path / "Snakefile").write_text(block.replace("PATH/", f"{PROJECT}/"))
    command = [sys.executable, "-m", "snakemake", "--dry-run"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert "exprlab_write_report" in done.stdout, done.stderr


def test_citation_names_the_version() -> None:
    from exprlab import __version__

    citation = yaml.safe_load((PROJECT / "CITATION.cff").read_text())
    assert citation["version"] == __version__
    assert citation["cff-version"] == "1.2.0"
    assert citation["authors"]
