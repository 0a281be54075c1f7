"""Who may import whom: the code is held to the rooms of the house."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import exprlab

PACKAGE = Path(exprlab.__file__).parent

# Room -> rooms it may import; modules that lie in no folder are rooms of their own.
ALLOWED: dict[str, set[str]] = {
    "errors": set(),
    "groups": set(),
    "keys": set(),
    "many": set(),
    "slurm": set(),
    "files": {"errors"},
    "outputs": {"keys"},
    "provenance": {"errors", "files", "keys"},
    "config": {"errors", "keys"},
    "data": {"config", "errors", "files", "groups", "keys", "outputs"},
    "cohort": {"config", "data", "errors", "files", "keys"},
    "preprocess": {"config", "data", "errors", "files", "groups", "keys"},
    "nets": set(),
    "course": {"nets"},
    "evaluation": {"config", "errors", "groups", "keys", "outputs"},
    "training": {
        "config",
        "data",
        "errors",
        "failures",
        "files",
        "groups",
        "keys",
        "nets",
        "outputs",
    },
    "inference": {
        "data",
        "errors",
        "files",
        "keys",
        "nets",
        "outputs",
        "preprocess",
        "provenance",
    },
    "tracking": {"errors", "files", "inference", "keys", "provenance", "slurm"},
    "lessons": {"errors", "plotting"},
    "plotting": {"course", "evaluation", "files", "keys", "many", "nets"},
    "report": {
        "config",
        "errors",
        "evaluation",
        "files",
        "keys",
        "many",
        "plotting",
        "provenance",
    },
    "cards": {"config", "evaluation", "files", "keys", "many", "report"},
    "archive": {"errors", "files", "keys", "provenance"},
    "failures": {"files", "slurm"},
    "doctor": {"config", "errors", "files", "provenance", "reproduce", "slurm"},
    "reproduce": {"errors", "files", "keys", "provenance", "tracking"},
}
# Rooms and modules that compute and know nothing of files, workflow or tracking.
SCIENCE = (
    "data/count_features.py",
    "data/design.py",
    "data/estimate.py",
    "data/floor.py",
    "data/genes.py",
    "data/judge.py",
    "data/likelihood.py",
    "data/expression.py",
    "data/oracle.py",
    "data/posterior.py",
    "data/realism.py",
    "data/simulate.py",
    "data/split.py",
    "data/streams.py",
    "evaluation/",
    "nets/",
    "preprocess/arrays.py",
    "preprocess/batches.py",
    "preprocess/counts.py",
    "preprocess/passes.py",
    "preprocess/preprocessor.py",
    "preprocess/size_factors.py",
    "preprocess/tmm.py",
    "preprocess/variable_genes.py",
    "preprocess/vst.py",
)
FILE_MODULES = {
    "anndata", "csv", "h5py", "io", "json", "os", "pathlib", "pickle", "requests", "safetensors",
    "shutil", "socket", "sqlite3", "subprocess", "tempfile", "urllib", "yaml",
}  # fmt: skip
FILE_FUNCTIONS = {"load", "open", "read_csv", "read_parquet", "save", "to_csv", "to_parquet"}


def modules() -> list[str]:
    return sorted(path.relative_to(PACKAGE).as_posix() for path in PACKAGE.rglob("*.py"))


def tree(module: str) -> ast.Module:
    return ast.parse((PACKAGE / module).read_text())


def imports(node: ast.AST) -> Iterator[str]:
    """Yield the full name of everything imported below a node, in functions as well."""
    for child in ast.walk(node):
        if isinstance(child, ast.Import):
            yield from (alias.name for alias in child.names)
        elif isinstance(child, ast.ImportFrom):
            assert not child.level, "relative import"
            yield from (f"{child.module}.{alias.name}" for alias in child.names)


def packages(module: str) -> set[str]:
    return {name.split(".")[0] for name in imports(tree(module))} - {"__future__"}


def rooms_imported(module: str) -> set[str]:
    names = [name.split(".") for name in imports(tree(module))]
    found = {name[1] if name[1:] else "" for name in names if name[0] == "exprlab"}
    # exprlab itself holds the version and the switches of the libraries, and nothing else.
    return found - {"", "__version__", "SWITCHES"}


def room(module: str) -> str:
    return module.split("/")[0].removesuffix(".py")


def importers(package: str) -> set[str]:
    return {module for module in modules() if package in packages(module)}


def test_table_names_every_room() -> None:
    rooms = {room(module) for module in modules()}
    assert rooms - {"__init__", "__main__", "cli"} == set(ALLOWED)


@pytest.mark.parametrize("module", modules())
def test_imports_keep_to_the_table(module: str) -> None:
    if room(module) in ("cli", "__main__"):
        return
    allowed = ALLOWED.get(room(module), set()) | {room(module)}
    assert rooms_imported(module) <= allowed


def test_table_has_no_edge_too_many() -> None:
    used: dict[str, set[str]] = {name: set() for name in ALLOWED}
    for module in modules():
        if room(module) in ALLOWED:
            used[room(module)] |= rooms_imported(module) - {room(module)}
    assert used == ALLOWED


def test_rooms_form_no_circle() -> None:
    TopologicalSorter(ALLOWED).prepare()  # raises CycleError


def test_modules_form_no_circle() -> None:
    known = set(modules())
    graph = {}
    for module in known:
        names = (n.split(".")[1:] for n in imports(tree(module)) if n.startswith("exprlab."))
        paths = {"/".join(parts[:depth]) + ".py" for parts in names for depth in (1, 2)}
        graph[module] = paths & known - {module}
    # config.explain names the sections in a function, after they have been read.
    graph["config/explain.py"] -= {"config/experiment.py"}
    TopologicalSorter(graph).prepare()


def test_nothing_imports_the_command_line() -> None:
    outside = {m for m in modules() if "cli" in rooms_imported(m) and room(m) != "cli"}
    assert outside == {"__main__.py"}


@pytest.mark.parametrize("module", [m for m in modules() if m.startswith(SCIENCE)])
def test_science_does_no_input_or_output(module: str) -> None:
    assert not packages(module) & (FILE_MODULES | {"mlflow", "snakemake"})
    for node in ast.walk(tree(module)):
        if isinstance(node, ast.Call):
            function = node.func
            name = function.attr if isinstance(function, ast.Attribute) else ""
            name = function.id if isinstance(function, ast.Name) else name
            assert name not in FILE_FUNCTIONS, f"line {node.lineno}: {name}"


@pytest.mark.parametrize("module", [m for m in modules() if m.startswith(SCIENCE)])
def test_science_draws_from_streams_alone(module: str) -> None:
    """No global random state: every draw comes from a generator that was given a seed."""
    code = tree(module)
    seeded = {
        id(node.func)
        for node in ast.walk(code)
        if isinstance(node, ast.Call) and (node.args or node.keywords)
    }
    for node in ast.walk(code):
        name = ast.unparse(node) if isinstance(node, ast.Attribute) else ""
        if name.startswith("np.random.") and name != "np.random.Generator":
            assert name == "np.random.default_rng", f"line {node.lineno}: {name}"
            assert id(node) in seeded, f"line {node.lineno}: no seed"
    assert "random" not in packages(module)


@pytest.mark.parametrize(
    ("package", "rooms"),
    [
        ("mlflow", {"tracking"}),
        ("torch", {"doctor", "inference", "nets", "training"}),
        ("captum", {"inference"}),
        ("pytorch_lightning", {"training"}),
        ("torchmetrics", {"training"}),
        ("sklearn", {"training"}),
        ("matplotlib", {"lessons", "plotting", "report"}),
        ("jinja2", {"report"}),
        ("snakemake", set()),
        ("rocrate", {"archive"}),
        ("pickle", set()),
        ("joblib", set()),
    ],
)
def test_heavy_packages_stay_in_their_rooms(package: str, rooms: set[str]) -> None:
    assert {room(module) for module in importers(package)} <= rooms


def test_inference_imports_torch_only_when_it_predicts() -> None:
    for module in modules():
        if room(module) == "inference":
            top = ast.Module([n for n in tree(module).body if is_import(n)], [])
            assert not {"torch", "exprlab.nets.mlp.MLP"} & set(imports(top)), module


def test_subcommands_import_nothing_heavy_at_the_top() -> None:
    for module in modules():
        if room(module) == "cli":
            top = ast.Module([n for n in tree(module).body if is_import(n)], [])
            names = {name.split(".")[0] for name in imports(top)} - {"exprlab"}
            assert names <= sys.stdlib_module_names, module


def is_import(node: ast.AST) -> bool:
    return isinstance(node, ast.Import | ast.ImportFrom)


def test_provenance_needs_the_standard_library_alone() -> None:
    for module in modules():
        if room(module) == "provenance":
            top = ast.Module([n for n in tree(module).body if is_import(n)], [])
            names = {name.split(".")[0] for name in imports(top)} - {"exprlab"}
            assert names <= sys.stdlib_module_names, module


# What is really loaded.

HEAVY = {"torch", "mlflow", "pytorch_lightning", "pandas"}


def loaded_by(script: str) -> set[str]:
    """Return the top-level modules that a new Python has loaded after a script."""
    tail = "\nimport json, sys\nprint(json.dumps(sorted({m.split('.')[0] for m in sys.modules})))"
    done = subprocess.run(
        [sys.executable, "-c", script + tail],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
    )
    return set(json.loads(done.stdout.splitlines()[-1]))


def test_help_is_light() -> None:
    loaded = loaded_by("from exprlab.cli.main import main\nassert main(['--help']) == 0")
    assert not loaded & {*HEAVY, "numpy", "pydantic", "scipy", "anndata"}


def test_help_of_every_subcommand_is_light() -> None:
    script = """
        from exprlab.cli.main import COMMANDS, main
        for name in COMMANDS:
            try:
                main([name, '--help'])
            except SystemExit as end:
                assert end.code == 0
    """
    assert not loaded_by("\n".join(line[8:] for line in script.split("\n"))) & {*HEAVY, "numpy"}


def test_rules_are_light(project: Path) -> None:
    """What workflow/rules/common.smk imports, each Snakemake process pays for."""
    text = (project / "workflow/rules/common.smk").read_text()
    found = re.findall(r"^ *((?:from \S+ )?import (?:\([^)]*\)|.*))$", text, re.MULTILINE)
    script = [" ".join(line.split()) for line in found]
    assert any("exprlab" in line for line in script)
    assert not loaded_by("\n".join(script)) & {*HEAVY, "numpy", "scipy", "anndata"}
