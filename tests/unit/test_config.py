"""Settings: what is accepted, what is refused, and in which words."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest
import yaml

from exprlab.config.document import SECTIONS, documents
from exprlab.config.experiment import parse_config, picked
from exprlab.errors import UserError

MINIMAL = {
    "datasets": {"tumours": {}},
    "models": {kind: {"kind": kind} for kind in ("mlp", "scratch_mlp", "logistic", "boosting")},
}


def changed(path: str, value: object) -> dict:
    config = copy.deepcopy(MINIMAL)
    node = config
    *parents, last = path.split("/")
    for key in parents:
        node = node.setdefault(key, {})
    node[last] = value
    return config


def message(config: dict) -> str:
    with pytest.raises(UserError) as caught:
        parse_config(config)
    return str(caught.value)


def test_shipped_config_spells_out_every_default(project: Path) -> None:
    shipped = yaml.safe_load((project / "config/config.yaml").read_text())
    shipped["datasets"]["tumours"]["n_samples"] = 3000  # stands there as a comment
    defaults = {**MINIMAL, "datasets": {"tumours": {}}}
    assert shipped == parse_config(defaults).settings()


def test_scenario_gives_the_number_of_samples_that_is_left_out() -> None:
    datasets = {"a": {"scenario": "small-n"}, "b": {"scenario": "small-n", "n_samples": 50}}
    parsed = parse_config({**MINIMAL, "experiment": {"datasets": ["a"]}, "datasets": datasets})
    assert [parsed.datasets[name].n_samples for name in "ab"] == [100, 50]


def laid_over(config: dict, changes: dict) -> dict:
    """Merge as Snakemake does: mappings key by key, lists replaced."""
    merged = dict(config)
    for key, value in changes.items():
        old = merged.get(key)
        both = isinstance(value, dict) and isinstance(old, dict)
        merged[key] = laid_over(old, value) if both else value
    return merged


def shipped_configs() -> list[Path]:
    root = Path(__file__).parents[2] / "config"
    return [root / "test.yaml", *sorted((root / "examples").glob("*.yaml"))]


@pytest.mark.parametrize("path", shipped_configs(), ids=lambda path: path.stem)
def test_shipped_configs_are_valid(project: Path, path: Path) -> None:
    config = yaml.safe_load((project / "config/config.yaml").read_text())
    changes = yaml.safe_load(path.read_text())
    parsed = parse_config(laid_over(config, changes))
    assert parsed.experiment.name == changes["experiment"]["name"]


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        ("splitt", {}, ["splitt", "did you mean 'split'"]),
        ("datasets/tumours/n_sampels", 5, ["datasets.tumours.n_sampels", "'n_samples'"]),
        ("models/mlp/hiden", [3], ["models.mlp.hiden", "did you mean 'hidden'"]),
        ("datasets/tumours/simulator", {"purity_c": 1}, ["simulator.purity_c", "did you mean"]),
        ("datasets/tumours/n_samples", "many", ["datasets.tumours.n_samples", "integer", "many"]),
        ("models/mlp/hidden", ["a"], ["models.mlp.hidden", "integer", "a"]),
        ("datasets/tumours/n_samples", -3, ["datasets.tumours.n_samples", "-3"]),
        ("datasets/tumours/n_genes", 0, ["datasets.tumours.n_genes", "found 0"]),
        ("datasets/tumours/scenario", "nonlinaer", ["did you mean 'nonlinear'"]),
        ("datasets/tumours/source", "simulated", ["datasets.tumours.source", "'simulate'"]),
        ("models/mlp/kind", "mpl", ["models.mlp.kind", "'mpl'", "did you mean 'mlp'"]),
        ("models/mlp/activation", "rleu", ["models.mlp.activation", "did you mean 'relu'"]),
        ("models/mlp/activation", "softmax", ["models.mlp.activation", "share 1 and compete"]),
        ("models/mlp/output", "softmax", ["models.mlp.output", "'tumours'", "is always 1"]),
        ("models/mlp/output", "relu", ["models.mlp.output", "'auto', 'sigmoid' or 'softmax'"]),
        ("models/mlp/hidden", [0], ["models.mlp.hidden", "found 0"]),
        ("models/mlp/dropout", 1.0, ["models.mlp.dropout", "less than 1"]),
        ("models/mlp/batch_size", True, ["models.mlp.batch_size"]),
        ("models/mlp/learning_rate", float("nan"), ["models.mlp.learning_rate", "finite"]),
        ("models/mlp", None, ["models.mlp"]),
        ("models/Mlp", {"kind": "mlp"}, ["models.Mlp", "lower-case"]),
        ("models/../evil", {"kind": "mlp"}, ["models"]),
        ("models/data", {"kind": "mlp"}, ["models.data", "taken by a folder"]),
        ("split/test_fraction", 1.2, ["split.test_fraction", "less than 1", "1.2"]),
        ("split/test_fraction", 0.9, ["split", "leave no training samples"]),
        ("experiment/models", ["mpl"], ["'mpl' is not defined", "did you mean 'mlp'"]),
        ("experiment/datasets", [], ["experiment.datasets"]),
        ("experiment/seeds", [1, 1], ["seed is listed twice"]),
        ("experiment/train_sizes", [100, 100], ["size is listed twice"]),
        ("experiment/train_sizes", [1], ["experiment.train_sizes", "1"]),
        ("experiment/seeds", [-1], ["experiment.seeds", "-1"]),
        ("trainer/precision", 32, ["trainer.precision", "'32-true'"]),
        ("evaluation/bootstrap", 1, ["evaluation.bootstrap", "100"]),
        ("datasets", {}, ["datasets"]),
        ("datasets", 3, ["datasets", "found 3"]),
    ],
)
def test_mistakes_are_named(path: str, value: object, words: list[str]) -> None:
    text = message(changed(path, value))
    for word in words:
        assert word in text
    assert "pydantic" not in text
    assert "Traceback" not in text


def test_numbers_typed_on_the_command_line_are_numbers() -> None:
    config = changed("split/test_fraction", "0.3")
    config["models"]["mlp"]["hidden"] = ["64", "8"]
    config["experiment"] = {"seeds": ["3"]}
    config["models"]["mlp"]["batch_norm"] = "true"
    parsed = parse_config(config)
    assert parsed.split.test_fraction == 0.3
    assert parsed.models["mlp"].hidden == [64, 8]
    assert parsed.models["mlp"].batch_norm is True
    assert parsed.experiment.seeds == [3]


def test_definitions_that_are_not_picked_are_left_out() -> None:
    config = changed("models/other", {"kind": "mlp"})
    config["experiment"] = {"models": ["mlp"]}
    config["tracking"] = {"uri": "http://name:secret@host"}
    kept = picked(parse_config(config)).settings()
    assert list(kept["models"]) == ["mlp"]
    assert "secret" not in str(kept)


def test_a_new_cohort_may_be_small() -> None:
    dataset = parse_config(changed("datasets/tumours/n_new_samples", 3)).datasets["tumours"]
    assert dataset.of_cohort("new_samples").n_samples == 3
    assert dataset.of_cohort("cohort").n_samples == 3000


def test_all_mistakes_are_told_at_once() -> None:
    config = changed("models/mlp/dropout", 3)
    config["evaluation"] = {"bootstrap": 1, "treshold": "youden"}
    text = message(config)
    assert len(text.splitlines()) == 3


def test_generated_documents_are_up_to_date(project: Path) -> None:
    for path, text in documents().items():
        assert (project / path).read_text() == text, f"{path}: run `make docs`"


def test_every_setting_is_explained(project: Path) -> None:
    table = (project / "config/README.md").read_text()
    for name, section in SECTIONS.items():
        for key, field in section.model_fields.items():
            assert field.description, f"{name}.{key} has no meaning"
            assert f"| `{key}` |" in table


def cohorts(**kinds: str) -> dict:
    """Return data sets by name, of a kind of values each."""
    return {
        name: {"source": "files", "expression": "a.tsv", "values": kind}
        for name, kind in kinds.items()
    }


def test_preprocessing_that_no_values_use_is_refused_with_the_reason() -> None:
    arrays = {**MINIMAL, "datasets": cohorts(tumours="intensity", unused="counts")}
    assert parse_config(arrays).preprocess.array_normalisation == "median"
    found = message({**arrays, "preprocess": {"size_factors": "tmm", "min_tpm": 2.0}})
    assert found.splitlines() == [
        "config: preprocess.min_tpm: found 2.0, which is for values tpm; the experiment's are "
        "intensity: leave it at 1.0",
        "config: preprocess.size_factors: found tmm, which is for values counts; the experiment's "
        "are intensity: leave it at median_of_ratios",
    ]
    assert "for values log2 and intensity" in message(
        changed("preprocess/array_normalisation", "quantile")
    )
    both = {"datasets": cohorts(tumours="tpm", others="counts")}
    both |= {"experiment": {"datasets": ["tumours", "others"]}}
    settings = {"size_factors": "tmm", "min_tpm": 2.0, "n_top_genes": 500}
    assert parse_config({**MINIMAL, **both, "preprocess": settings}).preprocess.min_tpm == 2
