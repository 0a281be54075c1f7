"""How two runs or experiments differ, on small made ones."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from exprlab.cli.main import main
from exprlab.files import sha256, write_json
from exprlab.reproduce.differences import differences, role
from exprlab.reproduce.differences_text import as_text, exit_code
from exprlab.reproduce.original import Original, open_original

SEEDS = (0, 1)
MODELS = ("mlp", "logistic")
METRICS = {"auroc": {"value": 0.75, "low": 0.7, "high": 0.8}}
CONFIG = {
    "experiment": {
        "name": "made",
        "datasets": ["d"],
        "models": list(MODELS),
        "seeds": [0, 1],
        "train_sizes": [],
    },
    "datasets": {"d": {"n_samples": 60}},
    "models": {"mlp": {"kind": "mlp", "hidden": [16]}, "logistic": {"kind": "logistic"}},
    "split": {"test_fraction": 0.2},
    "evaluation": {"ece_bins": 10},
}


def rule_entry(command: str, **modules: str) -> dict[str, Any]:
    return {
        "command": command,
        "code": str(modules),
        "modules": modules,
        "packages": {"numpy": "2"},
    }


def experiment(folder: Path) -> Path:
    """Write a small experiment: a cohort, splits, weights and evaluations of four runs."""
    write_json(folder / "d/data/cohort.json", "counts")
    files = [("d/data/cohort.json", "simulate", [])]
    for seed in SEEDS:
        split = f"d/splits/seed-{seed}.tsv"
        (folder / "d/splits").mkdir(exist_ok=True)
        (folder / split).write_text(f"split\n{seed}\n")
        files.append((split, "split", ["d/data/cohort.json"]))
    for model in MODELS:
        for seed in SEEDS:
            run = f"d/{model}/seed-{seed}"
            write_json(folder / run / "weights.json", [model, seed])
            write_json(folder / run / "evaluation.json", {"metrics": METRICS})
            files.append((f"{run}/weights.json", f"train_{model}", [f"d/splits/seed-{seed}.tsv"]))
            files.append((f"{run}/evaluation.json", "evaluate", [f"{run}/weights.json"]))
    table = {m: {"auroc": {"mean": 0.75, "sd": 0.01}} for m in MODELS}
    write_json(folder / "report/comparison.json", {"datasets": {"d": {"models": table}}})
    inputs = [path for path, rule, _ in files if rule == "evaluate"]
    files.append(("report/comparison.json", "compare", inputs))
    write_json(folder / "environment.json", {"python": "3.11", "git": {"commit": "abc"}})
    rules = {rule: rule_entry(rule, **{"keys.py": "1", f"{rule}.py": "1"}) for _, rule, _ in files}
    entries = [
        {
            "path": path, "sha256": sha256(folder / path), "size": 1, "rule": rule, "code": "",
            "wildcards": {}, "params": {},
            "inputs": {name: sha256(folder / name) for name in names},
        }
        for path, rule, names in files
    ]  # fmt: skip
    manifest = {"format": 1, "exprlab": "0", "config": CONFIG, "rules": rules, "files": entries}
    write_json(folder / "manifest.json", manifest)
    return folder


@pytest.fixture
def two(tmp_path: Path) -> tuple[Path, Path]:
    return experiment(tmp_path / "a"), experiment(tmp_path / "b")


def opened(path: Path) -> Original:
    return open_original(str(path), path)


def change(folder: Path, **sections: Any) -> None:
    """Change parts of a manifest."""
    path = folder / "manifest.json"
    write_json(path, {**json.loads(path.read_text()), **sections})


def redo(folder: Path, name: str, content: Any) -> None:
    """Write a file anew and let the manifest know it."""
    write_json(folder / name, content)
    files = json.loads((folder / "manifest.json").read_text())["files"]
    for entry in files:
        if entry["path"] == name:
            entry["sha256"] = sha256(folder / name)
        if name in entry["inputs"]:
            entry["inputs"][name] = sha256(folder / name)
    change(folder, files=files)


def test_equal_experiments(two: tuple[Path, Path]) -> None:
    found = differences(*map(opened, two))
    assert found.same
    assert exit_code(found) == 0
    assert found.files.same == 12
    assert "no difference: 12 files with the same SHA-256" in as_text(found)


def test_every_run_equals_itself(two: tuple[Path, Path]) -> None:
    for model in MODELS:
        for seed in SEEDS:
            found = differences(*(opened(folder / f"d/{model}/seed-{seed}") for folder in two))
            assert found.same
            assert found.files.same == 4


def test_parameters(two: tuple[Path, Path]) -> None:
    config = copy.deepcopy(CONFIG)
    config["models"]["mlp"] = {"kind": "mlp", "hidden": [8], "dropout": 0.5}
    config["tracking"] = {"uri": "http://me:secret@host"}
    change(two[1], config=config)
    found = differences(*map(opened, two))
    assert not found.same
    assert "models.mlp.hidden: [16] -> [8]" in found.parameters
    assert "models.mlp.dropout: absent -> 0.5" in found.parameters
    assert "secret" not in as_text(found)
    run = differences(*(opened(folder / "d/mlp/seed-0") for folder in two))
    assert run.parameters == ["model.dropout: absent -> 0.5", "model.hidden: [16] -> [8]"]
    # The other model is not concerned.
    assert differences(*(opened(folder / "d/logistic/seed-0") for folder in two)).same


def test_code_is_told_by_module_and_package(two: tuple[Path, Path]) -> None:
    rules = json.loads((two[1] / "manifest.json").read_text())["rules"]
    for rule in ("evaluate", "compare"):
        rules[rule]["modules"]["keys.py"] = "2"
        rules[rule]["code"] = "another"
    rules["compare"]["packages"]["numpy"] = "3"
    change(two[1], rules=rules)
    found = differences(*map(opened, two))
    assert found.code == {
        "keys.py was edited": ["compare", "evaluate"],
        "numpy 2 -> 3": ["compare"],
    }
    # compare is no rule of a run.
    run = differences(*(opened(folder / "d/mlp/seed-0") for folder in two))
    assert run.code == {"keys.py was edited": ["evaluate"]}


def test_data_and_first_file(two: tuple[Path, Path]) -> None:
    redo(two[1], "d/data/cohort.json", "others")
    redo(two[1], "d/mlp/seed-1/weights.json", ["mlp", 5])
    found = differences(*map(opened, two))
    assert found.data == ["d/data/cohort.json"]
    assert found.files.different == ["d/data/cohort.json", "d/mlp/seed-1/weights.json"]
    assert found.files.rules == ["simulate", "train_mlp"]
    assert "first different: d/data/cohort.json (rule simulate): " in as_text(found)
    assert exit_code(found) == 4


def test_inputs_from_outside(two: tuple[Path, Path]) -> None:
    for folder, digest in zip(two, "xy", strict=True):
        files = json.loads((folder / "manifest.json").read_text())["files"]
        files[0]["inputs"] = {"/data/counts.h5ad": digest}
        change(folder, files=files)
    assert differences(*map(opened, two)).data == ["/data/counts.h5ad"]


def test_files_of_one_side_only(two: tuple[Path, Path]) -> None:
    files = json.loads((two[1] / "manifest.json").read_text())["files"]
    change(two[1], files=files[:-1])
    found = differences(*map(opened, two))
    assert found.files.only_before == ["report/comparison.json"]
    assert found.files.only_after == []
    assert not found.same


def test_environment_is_told_and_does_not_count(two: tuple[Path, Path]) -> None:
    write_json(two[1] / "environment.json", {"python": "3.12", "git": {"commit": "def"}})
    found = differences(*map(opened, two))
    assert found.same
    assert found.environment is not None
    assert found.environment["software"] == ["python: 3.11 -> 3.12"]
    assert found.environment["source"] == ["git commit: abc -> def"]
    (two[1] / "environment.json").unlink()
    found = differences(*map(opened, two))
    assert found.environment is None
    assert "not recorded for both" in as_text(found)


def test_metrics_of_runs(two: tuple[Path, Path]) -> None:
    metrics = {"auroc": {"value": 0.5, "low": 0.4, "high": 0.6}, "mcc": {"value": None, "low": None, "high": None}}  # fmt: skip # noqa: E501
    redo(two[1], "d/mlp/seed-0/evaluation.json", {"metrics": metrics})
    found = differences(*(opened(folder / "d/mlp/seed-0") for folder in two))
    assert found.metrics is not None
    (auroc,) = found.metrics
    assert (auroc.metric, auroc.before, auroc.after) == ("auroc", 0.75, 0.5)
    assert auroc.difference == pytest.approx(-0.25)
    assert (auroc.spread_before, auroc.spread_after) == ([0.7, 0.8], [0.4, 0.6])
    assert "0.750 [0.700, 0.800]" in as_text(found)
    assert "-0.250" in as_text(found)


def test_metrics_of_experiments(two: tuple[Path, Path]) -> None:
    table = {m: {"auroc": {"mean": 0.75, "sd": 0.01}} for m in MODELS}
    table["mlp"] = {"auroc": {"mean": 0.9, "sd": 0.02}}
    redo(two[1], "report/comparison.json", {"datasets": {"d": {"models": table}}})
    text = as_text(differences(*map(opened, two)))
    assert "d/mlp auroc" in text
    assert "0.750 +- 0.010" in text
    assert "0.900 +- 0.020" in text
    assert "+0.150" in text
    assert "d/logistic" not in text


def test_manifest_alone_has_no_metrics(two: tuple[Path, Path], tmp_path: Path) -> None:
    alone = tmp_path / "alone/manifest.json"
    alone.parent.mkdir()
    alone.write_bytes((two[0] / "manifest.json").read_bytes())
    found = differences(opened(two[0]), open_original(str(alone), tmp_path))
    assert found.same
    assert found.metrics is None


def test_runs_of_one_experiment_are_matched_by_role(two: tuple[Path, Path]) -> None:
    found = differences(opened(two[0] / "d/mlp/seed-0"), opened(two[0] / "d/mlp/seed-1"))
    assert found.parameters == ["seed: 0 -> 1"]
    assert found.files.different == ["d/splits/{split}.tsv", "d/mlp/{split}/weights.json"]
    assert (found.files.only_before, found.files.only_after) == ([], [])
    assert found.code == {}
    found = differences(opened(two[0] / "d/mlp/seed-0"), opened(two[0] / "d/logistic/seed-0"))
    assert found.files.different == ["d/{model}/seed-0/weights.json"]
    assert list(found.code) == ["rule train_mlp -> train_logistic"]
    assert "model.kind: mlp -> logistic" in found.parameters


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("d/mlp/seed-1/weights.npy", "{dataset}/{model}/{split}/weights.npy"),
        ("d/preprocessing/seed-1/x.npy", "{dataset}/preprocessing/{split}/x.npy"),
        ("d/splits/seed-1.tsv", "{dataset}/splits/{split}.tsv"),
        ("d/splits/seed-10.tsv", "{dataset}/splits/seed-10.tsv"),
        ("mlp/d/seed-11/x", "mlp/d/seed-11/x"),
        ("report.html", "report.html"),
    ],
)
def test_roles(path: str, expected: str) -> None:
    run = ("d", "mlp", "seed-1")
    assert role(path, run) == expected
    assert role(path, None) == path
    assert role(path, run, []) == path


def test_command(two: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    first, second = map(str, two)
    assert main(["diff", first, second]) == 0
    assert "no difference" in capsys.readouterr().out
    output = tmp_path / "diff.json"
    assert main(["diff", first, f"{second}/d/mlp/seed-0"]) == 2
    assert "give two runs or two experiments" in capsys.readouterr().err
    redo(two[1], "d/data/cohort.json", "others")
    assert main(["diff", first, second, "--output", str(output)]) == 4
    found = json.loads(output.read_text())
    assert found["same"] is False
    assert found["data"] == ["d/data/cohort.json"]
    assert main(["diff", first, f"{second}/nowhere"]) == 2


def test_mirrored_differences(two: tuple[Path, Path]) -> None:
    redo(two[1], "d/mlp/seed-0/weights.json", 1)
    there, back = differences(*map(opened, two)), differences(*map(opened, two[::-1]))
    assert there.files.different == back.files.different
    assert there.files.same == back.files.same
