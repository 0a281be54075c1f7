"""Lineage and manifest: what made what, taken from a plan; digests that say when it is not so."""

from __future__ import annotations

import hashlib
import random
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exprlab.errors import UserError
from exprlab.files import write_json
from exprlab.provenance.code import code_digest
from exprlab.provenance.lineage import lineage_of, pack, unpack
from exprlab.provenance.manifest import make_manifest, read_manifest


@dataclass(eq=False)
class Job:
    """What lineage_of reads of a job of Snakemake."""

    name: str
    input: list[str]
    output: list[str]
    params: dict = field(default_factory=dict)
    wildcards_dict: dict = field(default_factory=dict)

    @property
    def rule(self) -> SimpleNamespace:
        return SimpleNamespace(name=self.name, shellcmd=f"python -m exprlab {self.name} --x > log")


def chain(folder: Path, code: str | None = None) -> list[dict]:
    """Write a small experiment and return its lineage: counts -> split -> (nothing else)."""
    digest = {name: code or code_digest(name) for name in ("simulate", "split")}
    (folder / "model").mkdir(parents=True)
    for name in ("counts", "status.json", "model/a", "model/.hidden"):
        (folder / name).write_text(name)
    jobs = [
        Job("split", [f"{folder}/counts"], [f"{folder}/model", f"{folder}/status.json"],
            {"code": digest["split"], "settings": '{"k": [1]}', "seed": 3, "run": str(folder)}),
        Job("simulate", [], [f"{folder}/counts"], {"code": digest["simulate"]}),
    ]  # fmt: skip
    return lineage_of(jobs, [f"{folder}/model"])


def test_lineage_holds_ancestors_alone_inputs_first() -> None:
    jobs = [
        Job("d", ["c", "a"], ["d"]),
        Job("b", ["a"], ["b"]),
        Job("c", ["b", "from outside"], ["c"]),
        Job("a", [], ["a", "a2"]),
        Job("apart", ["a"], ["e"]),
    ]
    for seed in range(5):
        random.Random(seed).shuffle(jobs)
        assert [job["rule"] for job in lineage_of(jobs, ["d"])] == ["a", "b", "c", "d"]


def test_lineage_keeps_what_changes_the_result(tmp_path: Path) -> None:
    split = chain(tmp_path)[1]
    assert split["command"] == "split"
    assert split["params"] == {"settings": '{"k": [1]}', "seed": 3}


@given(st.lists(st.dictionaries(st.text(), st.lists(st.text()))))
def test_packing_loses_nothing(lineage: list[dict]) -> None:
    words = pack(lineage)
    assert unpack(words) == lineage
    letters = set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+/=")
    assert words
    assert all(word and not set(word) - letters for word in words)


def test_a_lineage_that_no_argument_holds_is_packed_into_several() -> None:
    # Hardly to be compressed, as thousands of runs with names of their own are.
    lineage = [
        {"outputs": [f"results/{random.Random(i).getrandbits(2000):x}"]} for i in range(2000)
    ]
    packed = pack(lineage)
    done = subprocess.run(["echo", *packed], capture_output=True, text=True, check=True)
    assert len(done.stdout) > 3 * 128 * 1024
    assert unpack(done.stdout.split()) == lineage


def test_manifest_has_digests_and_no_side_files(tmp_path: Path) -> None:
    manifest = make_manifest(tmp_path, chain(tmp_path), {"a": 1})
    assert [entry["path"] for entry in manifest["files"]] == ["counts", "model/a"]
    counts, model = manifest["files"]
    assert counts["sha256"] == hashlib.sha256(b"counts").hexdigest()
    assert counts["size"] == 6
    assert model["inputs"] == {"counts": counts["sha256"]}
    assert model["params"] == {"settings": {"k": [1]}, "seed": 3}
    assert set(manifest["rules"]) == {"simulate", "split"}
    assert "data/split.py" in manifest["rules"]["split"]["modules"]
    assert "numpy" in manifest["rules"]["split"]["packages"]
    assert manifest["config"] == {"a": 1}


def test_manifest_depends_on_no_place(tmp_path: Path) -> None:
    one, two = (make_manifest(tmp_path / n, chain(tmp_path / n), {}) for n in "ab")
    assert one == two


def test_missing_file_and_edited_code_are_told(tmp_path: Path) -> None:
    lineage = chain(tmp_path)
    (tmp_path / "counts").unlink()
    with pytest.raises(UserError, match="counts: this file was there"):
        make_manifest(tmp_path, lineage, {})
    with pytest.raises(UserError, match="edited while the workflow ran"):
        make_manifest(tmp_path / "b", chain(tmp_path / "b", code="0" * 16), {})


def test_training_by_other_code_is_told(tmp_path: Path) -> None:
    path = tmp_path / "record.json"
    write_json(path, {"code": "0" * 16})
    job = Job("split", [], [str(path)], {"code": code_digest("split")})
    lineage = lineage_of([job], [str(path)])
    with pytest.raises(UserError, match=r"record\.json: made by code 0000.*--forcerun split"):
        make_manifest(tmp_path, lineage, {})


@pytest.mark.parametrize(
    ("content", "words"),
    [(None, "no such file"), ([], "not a manifest"), ({"format": 9, "config": {}, "rules": {},
      "files": [], "exprlab": "9.0"}, "use the exprlab that wrote it")],
)  # fmt: skip
def test_what_is_no_manifest_is_refused(tmp_path: Path, content: object, words: str) -> None:
    if content is not None:
        write_json(tmp_path / "manifest.json", content)
    with pytest.raises(UserError, match=words):
        read_manifest(tmp_path)
