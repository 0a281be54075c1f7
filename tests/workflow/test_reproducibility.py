"""Same inputs, same bytes: the manifest of the smaller world under every perturbation."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from cluster.lab import has_slurm
from workflow.conftest import Workflow
from workflow.perturbations import (
    OTHERS,
    RUNS,
    Perturbation,
    assert_same,
    has_emulator,
    on_slurm,
    other_processor,
    together,
)

from exprlab.files import sha256


def test_manifest_lists_every_scientific_file(one_seed: Workflow) -> None:
    results = one_seed.folder / "results"
    listed = one_seed.manifest()
    names = one_seed.files().keys() - {"manifest.json"}
    assert listed == {name: sha256(results / name) for name in names}
    assert len(listed) > 60


def test_manifest_says_how_each_file_was_made(one_seed: Workflow) -> None:
    manifest = json.loads((one_seed.folder / "results/manifest.json").read_text())
    digests, seen = one_seed.manifest(), set()
    for entry in manifest["files"]:
        # Inputs come before what is made of them.
        assert set(entry["inputs"]) <= seen | {entry["path"]}
        assert all(digests[name] == digest for name, digest in entry["inputs"].items())
        seen.add(entry["path"])
        assert entry["code"] == manifest["rules"][entry["rule"]]["code"]
    of = {entry["path"]: entry for entry in manifest["files"]}
    assert of["tumours/data/cohort.h5ad"]["inputs"] == {}
    weights = of["tumours/mlp/seed-1/weights.safetensors"]
    assert weights["params"]["seed"] == 1
    assert weights["params"]["settings"]["model"]["hidden"] == [16]
    record = json.loads((one_seed.folder / "results/tumours/mlp/seed-1/record.json").read_text())
    assert sorted(weights["inputs"].values()) == sorted(record["inputs"].values())


def test_manifest_names_no_place_and_no_time(one_seed: Workflow) -> None:
    text = (one_seed.folder / "results/manifest.json").read_text()
    status = json.loads((one_seed.folder / "results/tumours/mlp/seed-1/status.json").read_text())
    assert str(one_seed.folder) not in text
    assert status["host"] not in text.split('"')


@pytest.mark.parametrize(
    "perturb",
    [*(together(*ways) for ways in RUNS), *OTHERS],
    ids=lambda function: function.__name__,
)
def test_perturbation_changes_no_byte(
    perturb: Perturbation, one_seed: Workflow, tmp_path: Path
) -> None:
    if "CI" not in os.environ:
        if perturb is other_processor and not has_emulator():
            pytest.skip("no emulator: apt install qemu-user")
        if perturb is on_slurm and not has_slurm():
            pytest.skip("no SLURM: as root, tests/cluster/one_node_cluster.sh install")
    assert_same(one_seed, perturb(one_seed, tmp_path / "world"))
