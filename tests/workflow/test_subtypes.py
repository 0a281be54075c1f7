"""The smaller world with four classes, through the users' entry point: everything knows them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
import pytest
from mlflow import MlflowClient
from sklearn.metrics import accuracy_score, log_loss, roc_auc_score
from workflow.conftest import Workflow

from exprlab.data.formats import open_counts
from exprlab.inference.model import load_model
from exprlab.inference.predict import predict_file

CLASSES = ["benign", "subtype-1", "subtype-2", "subtype-3"]
MODELS = ["mlp", "logistic", "boosting"]
JUDGED = [*MODELS, "oracle"]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Workflow:
    """Return the world after a complete run."""
    workflow = Workflow(tmp_path_factory.mktemp("subtypes")).changed(
        experiment={"models": MODELS, "seeds": [0]},
        datasets={"tumours": {"scenario": "subtypes", "n_samples": 160, "n_new_samples": 40}},
        models={"boosting": {"kind": "boosting", "max_trees": 10}},
    )
    done = workflow.run()
    assert done.returncode == 0, done.stdout
    return workflow


@pytest.fixture(scope="module")
def tumours(world: Workflow) -> Path:
    return world.folder / "results/tumours"


def evaluation(tumours: Path, model: str) -> dict[str, Any]:
    return json.loads((tumours / model / "seed-0/evaluation.json").read_text())


def by_class(table: pd.DataFrame, name: str) -> np.ndarray:
    return table[[f"{name}_{label}" for label in CLASSES]].to_numpy(dtype=float)


@pytest.mark.parametrize("model", JUDGED)
def test_probabilities_of_a_sample_sum_to_one(tumours: Path, model: str) -> None:
    tables = [pd.read_parquet(tumours / model / "seed-0/predictions.parquet")]
    called = [np.array(CLASSES)[tables[0]["prediction"]]]
    if model in MODELS:
        tables.append(pd.read_csv(tumours / model / "seed-0/new_samples.tsv", sep="\t"))
        called.append(tables[1]["prediction"].to_numpy())
    for table, words in zip(tables, called, strict=True):
        for name in ("probability", "calibrated_probability"):
            probability = by_class(table, name)
            assert probability.min() >= 0
            np.testing.assert_allclose(probability.sum(axis=1), 1, atol=1e-5)
        largest = by_class(table, "calibrated_probability").argmax(axis=1)
        assert words.tolist() == [CLASSES[k] for k in largest]


@pytest.mark.parametrize("model", JUDGED)
def test_metrics_agree_with_scikit_learn(tumours: Path, model: str) -> None:
    found = evaluation(tumours, model)
    table = pd.read_parquet(tumours / model / "seed-0/predictions.parquet")
    label, probability = table["label"], by_class(table, "calibrated_probability")
    wanted = {
        "auroc": roc_auc_score(label, probability, multi_class="ovr"),
        "log_loss": log_loss(label, probability),
        "accuracy": accuracy_score(label, table["prediction"]),
    }
    for name, value in wanted.items():
        assert found["metrics"][name]["value"] == pytest.approx(value), name
    for metric in found["metrics"].values():
        assert metric["low"] <= metric["value"] <= metric["high"]


@pytest.mark.parametrize("model", JUDGED)
def test_each_class_has_its_own_part_of_the_evaluation(tumours: Path, model: str) -> None:
    found = evaluation(tumours, model)
    table = pd.read_parquet(tumours / model / "seed-0/predictions.parquet")
    assert list(found["by_class"]) == list(found["n_per_class"]) == CLASSES
    for k, label in enumerate(CLASSES):
        own = table["label"] == k
        assert found["n_per_class"][label] == sum(found["confusion"][label].values()) == own.sum()
        score = table[f"calibrated_probability_{label}"]
        assert found["by_class"][label]["auroc"] == pytest.approx(roc_auc_score(own, score))
        for curve in ("roc", "precision_recall", "calibration", "scores"):
            assert label in found["curves"][curve]
    for name in ("auroc", "auprc", "sensitivity", "specificity", "f1"):
        mean = np.mean([found["by_class"][label][name] for label in CLASSES])
        assert found["metrics"][name]["value"] == pytest.approx(mean), name


@pytest.mark.parametrize("model", MODELS)
def test_no_model_beats_the_oracle(tumours: Path, model: str) -> None:
    truth = evaluation(tumours, model)["truth"]
    assert truth["auroc_gap"]["high"] >= 0
    assert truth["excess_log_loss"]["low"] > 0
    assert 0 < truth["probability_error"]["value"] < 1
    best, own = (evaluation(tumours, m)["metrics"]["log_loss"] for m in ("oracle", model))
    assert best["low"] <= own["high"]
    # Against labels that are drawn from it, the posterior is right about itself on average.
    table = pd.read_parquet(tumours / "oracle/seed-0/predictions.parquet")
    p = by_class(table, "probability").clip(1e-12)
    surprise = -np.log(p[np.arange(len(p)), table["label"]])
    expected = -(p * np.log(p)).sum(axis=1)
    error = (surprise - expected).std() / len(p) ** 0.5
    assert abs(surprise.mean() - expected.mean()) < 4 * error


@pytest.mark.parametrize("model", MODELS)
def test_packed_model_gives_the_logits_of_training(tumours: Path, model: str) -> None:
    run = tumours / model / "seed-0"
    with open_counts(tumours / "data/cohort.h5ad") as counts:
        packed = load_model(run / "model")
        predicted = pd.concat(predict_file(packed, counts))
    assert list(packed.classes) == CLASSES
    assert packed.threshold is None
    # Those of the other samples are of models that had not seen them (cross-validation).
    trained = pd.read_parquet(run / "logits.parquet").set_index("sample_id")
    trained = trained[trained["split"] == "test"]
    predicted = predicted.loc[trained.index]
    close = np.isclose(by_class(predicted, "logit"), by_class(trained, "logit"), atol=1e-4)
    # A tree may ask for the very value of a training sample; the last bit of the input, which
    # depends on the block of samples that it is computed in, then decides.
    assert close.mean() > 0.98 if model == "boosting" else close.all()


def test_permuted_labels_of_four_classes_are_not_predicted(tumours: Path) -> None:
    found = json.loads((tumours / "guard/seed-0.json").read_text())
    assert found["low"] <= 0.5 <= found["high"]
    assert not found["leaks"]


def test_comparison_takes_means_over_classes(world: Workflow, tumours: Path) -> None:
    path = world.folder / "results/report/comparison.json"
    found = json.loads(path.read_text())["datasets"]["tumours"]
    for pair in found["pairs"]:
        a, b = (
            evaluation(tumours, pair[key])["metrics"][pair["metric"]]["value"]
            for key in ("model_a", "model_b")
        )
        assert pair["difference"] == pytest.approx(a - b, abs=1e-9)
        assert pair["low"] <= pair["difference"] <= pair["high"]
    assert {p["metric"] for p in found["pairs"]} == {"auroc", "log_loss"}


def test_new_cohort_is_judged_in_four_classes(tumours: Path) -> None:
    found = json.loads((tumours / "data/new_samples.evaluation.json").read_text())
    assert list(found["n_per_class"]) == CLASSES
    with open_counts(tumours / "data/new_samples.h5ad") as counts:
        label = counts.samples["label"].astype(str)
    for model in MODELS:
        table = pd.read_csv(tumours / model / "seed-0/new_samples.tsv", sep="\t", index_col=0)
        metrics = found["models"][model]["seed-0"]["metrics"]
        probability = by_class(table, "calibrated_probability")
        each = [
            roc_auc_score(label == CLASSES[k], column) for k, column in enumerate(probability.T)
        ]
        assert metrics["auroc"]["value"] == pytest.approx(np.mean(each))
        assert metrics["accuracy"]["value"] == pytest.approx((table["prediction"] == label).mean())
    assert found["models"]["oracle"]["all"]["metrics"]["auroc"]["value"] > 0.9


def test_documents_name_all_classes(world: Workflow, tumours: Path) -> None:
    report = world.folder / "results/report"
    pages = [report / "report.html", report / "dome.md"]
    pages += [tumours / model / "seed-0/model_card.md" for model in MODELS]
    for page in pages:
        text = page.read_text()
        assert [label for label in CLASSES if label not in text] == [], page
        assert "malignant" not in text.partition("Glossary</h2>")[0], page


def test_genes_are_ranked_without_a_direction(tumours: Path) -> None:
    for model in MODELS:
        table = pd.read_csv(tumours / model / "seed-0/attribution.tsv", sep="\t", index_col=0)
        directions = [name for name in table if name.endswith("_direction")]
        methods = [name for name in table if name not in directions]
        assert (table[directions] == 0).all(axis=None)
        assert (table[methods] >= 0).all(axis=None)
        assert (table[methods] > 0).any().all()
    tests = pd.read_csv(tumours / "genes/seed-0.tsv", sep="\t")
    assert [f"mean_{label}" in tests for label in CLASSES] == [True] * 4


def test_store_has_the_metrics_of_each_class(world: Workflow, tumours: Path) -> None:
    uri = f"sqlite:///{world.folder / 'results/mlflow/mlflow.db'}"
    mlflow.set_tracking_uri(uri)
    client = MlflowClient(uri)
    (experiment,) = client.search_experiments(filter_string="name = 'smaller-world'")
    runs = client.search_runs([experiment.experiment_id], "tags.model = 'mlp'")
    (run,) = [run for run in runs if run.data.tags.get("split") == "seed-0"]
    for label, values in evaluation(tumours, "mlp")["by_class"].items():
        for name, value in values.items():
            assert run.data.metrics[f"test/{label}.{name}"] == pytest.approx(value)
    (output,) = run.outputs.model_outputs
    model = mlflow.pyfunc.load_model(f"models:/{output.model_id}")
    with open_counts(tumours / "data/new_samples.h5ad") as counts:
        block = next(iter(counts.blocks()))[1]
        frame = pd.DataFrame(block, counts.samples.index[: len(block)], counts.genes.index)
    np.testing.assert_allclose(by_class(model.predict(frame), "probability").sum(axis=1), 1)
