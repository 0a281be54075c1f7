"""Code digests: an edit changes the digest of what it affects, and of nothing else."""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from exprlab.cli.main import COMMANDS
from exprlab.provenance import code

MODULES = [name.replace("-", "_") for name in COMMANDS]


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of the package that no test edits."""
    copy = tmp_path_factory.mktemp("original") / "exprlab"
    shutil.copytree(code.PACKAGE, copy, ignore=shutil.ignore_patterns("__pycache__"))
    return copy


@pytest.fixture(scope="module")
def before(original: Path) -> dict[str, str]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(code, "PACKAGE", original)
        return digests()


@pytest.fixture
def package(original: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Return a copy of the package that a test may edit and that digests are taken of."""
    copy = Path(shutil.copytree(original, tmp_path / "exprlab"))
    monkeypatch.setattr(code, "PACKAGE", copy)
    yield copy
    forget()


def forget() -> None:
    code._read.cache_clear()
    code._files_of.cache_clear()


def digests(commands: Iterable[str] = MODULES) -> dict[str, str]:
    forget()
    return {name: code.code_digest(name) for name in commands}


def changed(before: dict[str, str], commands: Iterable[str] = MODULES) -> set[str]:
    return {name for name, digest in digests(commands).items() if digest != before[name]}


def test_every_rule_names_a_command(project: Path) -> None:
    rules = "".join(path.read_text() for path in (project / "workflow/rules").glob("*.smk"))
    named = set(re.findall(r'code_digest\(\s*"(\w+)"', rules))
    assert named <= set(MODULES)
    assert {"train", "evaluate", "predict"} <= named


def test_digests_differ_between_commands(before: dict[str, str]) -> None:
    assert len(set(before.values())) == len(MODULES)


def test_folder_of_the_package_does_not_matter(before: dict[str, str], package: Path) -> None:
    assert changed(before) == set()


def test_comments_docstrings_and_format_do_not_count(before: dict[str, str], package: Path) -> None:
    for path in package.rglob("*.py"):
        text = path.read_text()
        tree = ast.parse(text)
        # ast.unparse drops comments and blank lines and spells everything anew.
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef) and ast.get_docstring(node):
                node.body[0] = ast.Expr(ast.Constant("Another docstring."))
        path.write_text(f"# {path.name}\n\n\n{ast.unparse(tree)}\n\n# end\n")
    assert changed(before) == set()


def test_touch_and_revert_do_not_count(before: dict[str, str], package: Path) -> None:
    path = package / "evaluation/metrics.py"
    text = path.read_text()
    path.write_text(text + "\nX = 1\n")
    assert changed(before)
    path.write_text(text)
    assert changed(before) == set()


@pytest.mark.parametrize(
    ("file", "affected", "spared"),
    [
        ("evaluation/metrics.py", {"evaluate", "compare"}, {"train", "preprocess", "predict"}),
        # evaluate asks the network again about a batch that was left out.
        ("nets/mlp.py", {"train", "predict", "evaluate"}, {"train_baseline", "preprocess"}),
        ("training/fit.py", {"train"}, {"train_baseline", "predict", "calibrate"}),
        ("training/baselines.py", {"train_baseline"}, {"train"}),
        ("preprocess/size_factors.py", {"preprocess", "predict"}, {"train", "describe", "split"}),
        ("data/split.py", {"split"}, {"train", "simulate", "preprocess"}),
        ("data/simulate.py", {"simulate"}, {"split", "check", "train"}),
        ("data/formats.py", {"simulate", "check", "preprocess", "predict"}, {"report"}),
        ("plotting/style.py", {"present_run", "plot_data", "report"}, {"train", "evaluate"}),
        ("report/words.py", {"report", "present_run", "checklist"}, {"train", "environment_page"}),
        ("cards/model_card.py", {"present_run"}, {"checklist", "report", "evaluate"}),
        ("tracking/writer.py", {"publish"}, {"train", "report"}),
        ("tracking/pyfunc.py", {"publish"}, {"train", "predict"}),
        ("cli/training.py", {"train", "train_baseline"}, {"evaluate", "preprocess"}),
        ("errors.py", {"train", "evaluate", "report", "simulate"}, set()),
        ("__init__.py", set(MODULES), set()),
    ],
)
def test_edit_reaches_what_it_affects(
    file: str, affected: set[str], spared: set[str], before: dict[str, str], package: Path
) -> None:
    with (package / file).open("a") as stream:
        stream.write("\nEDITED = True\n")
    assert changed(before, affected | spared) == affected


@pytest.mark.parametrize("name", ["report.html", "report.css", "environment.html"])
def test_templates_count_for_the_pages_alone(
    name: str, before: dict[str, str], package: Path
) -> None:
    with (package / "report/pages" / name).open("a") as stream:
        stream.write(" ")
    assert changed(before) == {"report", "environment_page", "failures"}


def test_constant_counts(before: dict[str, str], package: Path) -> None:
    path = package / "inference/predict.py"
    text = path.read_text()
    path.write_text(text.replace("MAX_MISSING = 0.1", "MAX_MISSING = 0.2"))
    assert path.read_text() != text
    assert "predict" in changed(before)
    assert "train" not in changed(before)


def test_version_of_a_package_counts(
    before: dict[str, str], package: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed = code._version
    monkeypatch.setattr(code, "_version", lambda m: "0" if m == "torch" else installed(m))
    assert {"train", "predict"} <= changed(before)
    assert not {"split", "simulate", "report"} & changed(before)


def test_known_packages_have_versions() -> None:
    """A module whose distribution has another name must be listed, or its version is unknown."""
    names = {
        name.split(".")[0]
        for command in MODULES
        for path in code.module_closure(code.PACKAGE / "cli" / f"{command}.py")
        for name in code._read(path)[1]
    }
    for name in names - {"exprlab", *sys.stdlib_module_names}:
        assert code._version(name) != "not installed", name


def test_no_relative_imports() -> None:
    """The digest follows absolute imports alone."""
    for path in code.PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            assert not (isinstance(node, ast.ImportFrom) and node.level), path


@pytest.mark.parametrize("command", ["evaluate", "predict"])
def test_closure_holds_whatever_python_loads(command: str) -> None:
    """Python's own word: what importing all of a command's imports loads is in the closure."""
    module = code.PACKAGE / "cli" / f"{command}.py"
    imports = [
        ast.unparse(node)
        for node in ast.walk(ast.parse(module.read_text()))
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("exprlab")
    ]
    script = "\n".join(
        [
            *imports,
            "import sys",
            "for n, m in list(sys.modules.items()):",
            "    if n.startswith('exprlab'): print(m.__file__)",
        ]
    )
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, env=environment
    )
    loaded = {Path(line) for line in done.stdout.splitlines()}
    assert loaded <= set(code.module_closure(module)) | {code.PACKAGE / "cli/__init__.py"}
    assert len(loaded) > 3
