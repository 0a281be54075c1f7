"""The command line: exit codes, and one clear line instead of a traceback."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import exprlab
from exprlab.cli import check, simulate
from exprlab.cli.main import COMMANDS, main
from exprlab.data.formats import write_counts

SMALL = '{"n_samples": 40, "n_new_samples": 5, "n_genes": 30}'


@pytest.fixture
def cohort(tmp_path: Path) -> Path:
    counts = np.random.default_rng(0).poisson(50, (80, 12)).astype(np.int32)
    samples = pd.DataFrame(
        {"label": ["benign", "malignant"] * 40}, index=[f"s{i}" for i in range(80)]
    )
    path = tmp_path / "cohort.h5ad"
    write_counts(path, samples, pd.DataFrame(index=[f"g{i}" for i in range(12)]), [(0, counts)])
    return path


def told(arguments: list[str], capsys: pytest.CaptureFixture[str], code: int) -> str:
    """Run a command that must end with this code; return its one line of error."""
    assert main(arguments) == code
    text = capsys.readouterr().err
    assert text.count("\n") == 1
    assert "Traceback" not in text
    return text.rstrip("\n")


def split(cohort: Path, output: Path, params: str = "{}") -> list[str]:
    return ["split", "--counts", str(cohort), "--output", str(output), "--seed", "0",
            "--params", params]  # fmt: skip


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"exprlab {exprlab.__version__}\n"


@pytest.mark.parametrize("arguments", [[], ["-h"], ["--help"]])
def test_help_lists_every_command(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 0
    text = capsys.readouterr().out
    for name, meaning in COMMANDS.items():
        assert f"  {name} " in text
        assert meaning in text


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_its_options(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main([name, "--help"])
    assert end.value.code == 0
    text = capsys.readouterr().out
    assert text.startswith(f"usage: exprlab {name}")
    assert " ".join(COMMANDS[name].split()) in " ".join(text.split())


def test_every_module_of_the_command_line_is_a_command() -> None:
    folder = Path(exprlab.__file__).parent / "cli"
    found = {p.stem.replace("_", "-") for p in folder.glob("*.py") if "def run(" in p.read_text()}
    assert found == set(COMMANDS)


@pytest.mark.parametrize(
    ("typed", "meant"), [("trian", "train"), ("Split", "split"), ("present_run", "present-run")]
)
def test_unknown_command(typed: str, meant: str, capsys: pytest.CaptureFixture[str]) -> None:
    text = told([typed], capsys, 2)
    assert text == f"exprlab: unknown command '{typed}'; did you mean '{meant}'?"
    assert told(["quux"], capsys, 2) == "exprlab: unknown command 'quux'"


@pytest.mark.parametrize(
    "arguments", [["split"], ["split", "--seed", "x"], ["check", "a", "--no-such-option"]]
)
def test_wrong_options(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(arguments)
    assert end.value.code == 2
    assert f"exprlab {arguments[0]}: error:" in capsys.readouterr().err


def test_command_does_what_it_says(cohort: Path, tmp_path: Path) -> None:
    output = tmp_path / "new/folder/split.tsv"
    assert main(split(cohort, output)) == 0
    table = pd.read_csv(output, sep="\t")
    assert table.columns.tolist() == ["sample_id", "split"]
    assert table["split"].value_counts().to_dict() == {"train": 52, "test": 16, "val": 12}


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ("{", ["--params", "JSON"]),
        ("[1]", ["--params"]),
        ('{"tets_fraction": 0.1}', ["--params", "tets_fraction", "did you mean 'test_fraction'"]),
        ('{"test_fraction": 2}', ["--params", "test_fraction", "less than 1", "2"]),
        ('{"test_fraction": "a"}', ["--params", "test_fraction"]),
    ],
)
def test_wrong_params(
    params: str,
    words: list[str],
    cohort: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    text = told(split(cohort, tmp_path / "split.tsv", params), capsys, 2)
    assert text.startswith("error: ")
    for word in words:
        assert word in text
    assert not (tmp_path / "split.tsv").exists()


def test_missing_input(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    absent = tmp_path / "absent.h5ad"
    assert told(["check", str(absent)], capsys, 2) == (
        f"error: {absent}: no such file or folder; check the path"
    )


def test_several_mistakes_have_a_line_each(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    samples = pd.DataFrame({"label": ["x", "benign"]}, index=["a", "a"])
    path = tmp_path / "bad.h5ad"
    counts = np.array([[1, 2], [-5, 0]], np.int32)
    write_counts(path, samples, pd.DataFrame(index=["g", "h"]), [(0, counts)])
    assert main(["check", str(path), "--output", str(tmp_path / "checks.json")]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 4
    assert all(line.startswith(f"error: {path}: ") for line in lines)
    assert [p.name for p in tmp_path.iterdir()] == ["bad.h5ad"]


def test_output_that_is_a_folder(
    cohort: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A mistyped output must not cost a folder of results."""
    results = tmp_path / "results"
    results.mkdir()
    (results / "thesis.txt").write_text("years of work")
    assert "is a folder" in told(split(cohort, results), capsys, 2)
    assert sorted(p.name for p in tmp_path.rglob("*")) == ["cohort.h5ad", "results", "thesis.txt"]


def test_output_below_a_file(
    cohort: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "results").write_text("a file")
    text = told(split(cohort, tmp_path / "results/split.tsv"), capsys, 1)
    assert text.startswith(f"error: {tmp_path / 'results'}: ")


def test_full_disk_leaves_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("exprlab.data.formats._write_frame", full)
    arguments = ["simulate", "--counts", str(tmp_path / "a.h5ad"), "--truth",
                 str(tmp_path / "t.h5ad"), "--params", SMALL]  # fmt: skip
    assert told(arguments, capsys, 1) == "error: simulate: No space left on device"
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs Linux's /dev/full")
def test_full_standard_output(cohort: Path) -> None:
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "exprlab", "check", str(cohort)],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
        )
    assert done.returncode == 1
    assert done.stderr == "error: check: No space left on device\n"


def test_reader_that_has_seen_enough(cohort: Path) -> None:
    command = f"{sys.executable} -m exprlab check {cohort} | true"
    done = subprocess.run(
        ["bash", "-c", command + "; echo ${PIPESTATUS[0]}"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout in ("0\n", "141\n")
    assert done.stderr == ""


def test_interrupt(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def interrupted(_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(check, "run", interrupted)
    assert told(["check", "x.h5ad"], capsys, 130) == "error: interrupted"


def test_bug_shows_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(check, "run", broken)
    with pytest.raises(ZeroDivisionError):
        main(["check", "x.h5ad"])


def test_threads_hold_blas_before_it_is_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: dict[str, str] = {}
    monkeypatch.setattr(simulate, "run", lambda _: seen.update(os.environ))
    libraries = ("OMP", "OPENBLAS", "MKL", "NUMEXPR")
    for name in libraries:
        monkeypatch.setenv(f"{name}_NUM_THREADS", "64")
    options = ["simulate", "--counts", str(tmp_path / "a"), "--truth", str(tmp_path / "b")]
    assert main([*options, "--threads", "3"]) == 0
    assert {seen[f"{name}_NUM_THREADS"] for name in libraries} == {"3"}
