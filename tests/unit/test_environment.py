"""Where and with what a job ran: packages against the lock, git, passwords, BLAS."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

from exprlab.files import sha256
from exprlab.provenance.environment import (
    environment,
    git_state,
    lock_state,
    package_versions,
    required_packages,
    uncommitted,
    without_password,
)


def git(folder: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=somebody", "-c", "user.email=somebody@example.org"]
    command = ["git", "-C", str(folder), *identity, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Return a package in a repository, committed."""
    package = tmp_path / "src/exprlab"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("STORE = ''\n")
    git(tmp_path, "init", "--quiet")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "--quiet", "-m", "first")
    return package


def test_versions_are_those_that_python_finds() -> None:
    versions = package_versions()
    for name in ("numpy", "PyYAML", "pytorch-lightning", "scikit-learn"):
        assert versions[name.lower()] == metadata.version(name)


def test_this_environment_is_as_the_lock_says(project: Path) -> None:
    state = lock_state(package_versions())
    assert state == {"sha256": sha256(project / "requirements.lock"), "differences": {}}


def test_differences_from_the_lock(tmp_path: Path) -> None:
    lock = tmp_path / "requirements.lock"
    lock.write_text("numpy==2.0.0\ntorch==2.13.0\nPyYAML==6.0\npytest==8.0\n")
    packages = dict.fromkeys(required_packages(), "1.0")
    packages |= {"numpy": "2.0.1", "torch": "2.13.0+cpu"}
    del packages["pyyaml"]
    state = lock_state(packages, lock)
    assert state is not None
    # Another local build is no difference, nor a test tool that is not there.
    assert state["differences"] == {
        "numpy": {"locked": "2.0.0", "installed": "2.0.1"},
        "pyyaml": {"locked": "6.0", "installed": None},
    }
    assert lock_state(packages, tmp_path / "none") is None


def test_git_tells_commit_and_changes(source: Path) -> None:
    head = git(source, "rev-parse", "HEAD")
    assert git_state(source) == {"commit": head, "dirty": False}
    assert uncommitted(source) == ""
    (source / "__init__.py").write_text("STORE = 'postgresql://me:secret@host/db'\n")
    (source / "new.py").write_text("")
    assert git_state(source) == {"commit": head, "dirty": True}
    told = uncommitted(source)
    assert "+STORE = 'postgresql://me:***@host/db'\n" in told
    assert told.endswith("# new: src/exprlab/new.py\n")


def test_source_that_nobody_tracks_is_of_no_commit(source: Path) -> None:
    installed = source.parents[1] / "site-packages"
    installed.mkdir()
    (installed / "__init__.py").write_text("")
    assert git_state(installed) is None
    assert uncommitted(installed) == ""


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("https://me:secret@host/path", "https://me:***@host/path"),
        ("http://127.0.0.1:5000/#/x@y", "http://127.0.0.1:5000/#/x@y"),
        ("snakemake --config tracking.uri=postgresql://a:b@c/d", None),
    ],
)
def test_passwords_are_masked(text: str, shown: str | None) -> None:
    assert without_password(text) == (shown or text.replace(":b@", ":***@"))


def test_what_a_job_records() -> None:
    script = (
        "import json, numpy, torch\n"
        "from exprlab.provenance.environment import environment\n"
        "print(json.dumps(environment()))"
    )
    done = subprocess.run(
        [sys.executable, "-c", f"import exprlab\n{script}"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    facts = json.loads(done.stdout)
    assert {"openblas", "mkl (torch)"} <= {library["library"] for library in facts["blas"]}
    assert facts["python"] == sys.version.split()[0]
    assert facts["packages"]["torch"] == metadata.version("torch")
    assert facts.keys() == environment().keys()
