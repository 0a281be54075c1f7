"""Digest of the code that a rule runs, so that an edit reruns what it affects and nothing else."""

from __future__ import annotations

import ast
import hashlib
import re
import sys
from functools import cache
from importlib import metadata
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[1]
# Files that are part of a package's behaviour although Python does not import them.
RESOURCES = ("*.html", "*.css", "*.md")
# Distributions whose name differs from that of their module.
DISTRIBUTIONS = {
    "PIL": "pillow",
    "sklearn": "scikit-learn",
    "yaml": "PyYAML",
    "pytorch_lightning": "pytorch-lightning",
}


def code_digest(command: str, script: Path | None = None) -> str:
    """Return a digest of everything that `exprlab <command>` runs.

    It covers the subcommand's module, the modules of exprlab that it imports directly or through
    others (imports inside functions included), the templates beside them, a file beside one of them
    that it names in a string, and the versions of the third-party packages that any of these
    imports. Comments, docstrings and formatting do not count.

    Parameters
    ----------
    command
        Name of a module of exprlab.cli.
    script
        A file of Python that the command runs, which imports more of exprlab. Its own text is not
        covered: to a rule it is an input. One that is not Python is for the command to refuse.
    """
    starts = [_module(command), script] if script and _is_python(script) else [_module(command)]
    closure = module_closure(*starts)
    modules = _module_digests([path for path in closure if path != script])
    parts = [*modules.items(), *_packages_used(closure).items()]
    return _digest("".join(f"{name} {value}\n" for name, value in parts))


def module_digests(command: str) -> dict[str, str]:
    """Return a digest of what counts of each file behind a command, by its path in the package."""
    return _module_digests(module_closure(_module(command)))


def packages_used(command: str) -> dict[str, str]:
    """Return the version of each third-party package that a command imports, by module name."""
    return _packages_used(module_closure(_module(command)))


def _module(command: str) -> Path:
    return PACKAGE / "cli" / f"{command}.py"


def _module_digests(closure: list[Path]) -> dict[str, str]:
    return {path.relative_to(PACKAGE).as_posix(): _digest(_read(path)[0]) for path in closure}


def _packages_used(closure: list[Path]) -> dict[str, str]:
    names = {name.split(".")[0] for path in closure for name in _read(path)[1]}
    third_party = sorted(names - {"exprlab", *sys.stdlib_module_names})
    return {name: _version(name) for name in third_party}


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def module_closure(*starts: Path) -> list[Path]:
    """Return these files and every file of exprlab that they depend on, sorted."""
    found, todo = set(), list(starts)
    while todo:
        path = todo.pop()
        if path in found:
            continue
        found.add(path)
        if path.suffix == ".py":
            text, names = _read(path)
            todo += [target for name in names for target in _files_of(name)]
            beside = (path.with_name(name) for name in re.findall(r"'(\w+\.py)'", text))
            todo += [file for file in beside if file.is_file()]
    return sorted(found)


@cache
def _read(path: Path) -> tuple[str, frozenset[str]]:
    """Return a file's code without comments and docstrings, and the names it imports."""
    text = path.read_text(encoding="utf-8")
    if path.suffix != ".py":
        return text, frozenset()
    words: list[str] = []
    names: set[str] = set()
    _spell(ast.parse(text, filename=str(path)), words, names)
    return "\n".join(words), frozenset(names)


def _spell(node: ast.AST, words: list[str], names: set[str]) -> None:
    """Add the words of a syntax tree, and the names it imports, in one pass: each job waits for it.

    `ast.walk` and `ast.dump` take four times as long.
    """
    if isinstance(node, ast.Import):
        names.update(alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
        names.add(node.module)
        names.update(f"{node.module}.{alias.name}" for alias in node.names)
    words.append(node.__class__.__name__)
    for field in node._fields:
        value = getattr(node, field, None)
        if isinstance(value, ast.AST):
            _spell(value, words, names)
        elif isinstance(value, list):
            words.append("[")
            for item in value[_has_docstring(node) :] if field == "body" else value:
                if isinstance(item, ast.AST):
                    _spell(item, words, names)
                else:
                    words.append(repr(item))
            words.append("]")
        else:
            words.append(repr(value))


def _has_docstring(node: ast.AST) -> bool:
    if not isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
        return False
    first = node.body[0] if node.body else None
    return isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)


def _is_python(path: Path) -> bool:
    try:
        _read(path)
    except SyntaxError:
        return False
    return True


@cache
def _files_of(name: str) -> list[Path]:
    """Return the files that importing `name` runs: a module, its packages, their resources."""
    parts = name.split(".")
    if parts[0] != "exprlab":
        return []
    files: list[Path] = []
    for depth in range(len(parts)):
        files += _files_at(PACKAGE.joinpath(*parts[1 : depth + 1]))
    return files


@cache
def _files_at(place: Path) -> list[Path]:
    """Return the file of a module, or those of a package; of nothing for what a module holds."""
    if not place.is_dir():
        module = place.with_suffix(".py")
        return [module] if module.is_file() else []
    found = [place / "__init__.py"]
    if place != PACKAGE:
        found += [resource for pattern in RESOURCES for resource in place.glob(pattern)]
    return [path for path in found if path.is_file()]


@cache
def _version(module: str) -> str:
    try:
        return metadata.version(DISTRIBUTIONS.get(module, module))
    except metadata.PackageNotFoundError:
        return "not installed"
