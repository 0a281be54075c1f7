"""Files of one's own that an experiment began with: found, checked and put in their places."""

from __future__ import annotations

from pathlib import Path

import pytest

from exprlab.errors import UserError
from exprlab.files import sha256
from exprlab.reproduce.own_files import changed_files, own_files, scratch_with


def test_what_no_rule_makes_is_ones_own() -> None:
    manifest = {
        "files": [
            {"path": "a/data/cohort.h5ad", "inputs": {"../in/x.tsv": "1", "s.tsv": "2"}},
            {"path": "a/splits/seed-0.tsv", "inputs": {"a/data/cohort.h5ad": "3"}},
        ]
    }
    assert own_files(manifest) == {"../in/x.tsv": "1", "s.tsv": "2"}


def test_relative_paths_lead_to_the_files_and_stay_in_the_scratch_folder(tmp_path: Path) -> None:
    place, scratch = tmp_path / "project/work", tmp_path / "scratch"
    names = ["s.tsv", "../in/x.tsv", "../../far/../y.tsv", str(tmp_path / "absolute.tsv")]
    place.mkdir(parents=True)
    for name in names:
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "far").mkdir(exist_ok=True)
        (place / name).write_text(name)
    files = {name: sha256(place / name) for name in names}
    folder = scratch_with(files, place, scratch)
    assert [(folder / name).read_text() for name in names[:2]] == names[:2]
    links = [path for path in scratch.rglob("*") if path.is_symlink()]
    assert {path.resolve() for path in links} == {(place / name).resolve() for name in names[:3]}
    assert folder.is_relative_to(scratch)


def test_changed_and_missing_files_are_named(tmp_path: Path) -> None:
    (tmp_path / "x.tsv").write_text("now")
    (tmp_path / "y.tsv").write_text("same")
    files = {"x.tsv": "digest of then", "y.tsv": sha256(tmp_path / "y.tsv")}
    assert changed_files(files, tmp_path) == ["x.tsv"]
    with pytest.raises(UserError, match=r"z\.tsv: no such file.*1 of 3"):
        changed_files({**files, "z.tsv": ""}, tmp_path)
