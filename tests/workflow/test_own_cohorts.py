"""The examples of config/examples on real cohorts: from two files to predictions.

They run where EXPRLAB_REAL_DATA names the folder of the cohorts, with fewer folds and repeats.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
import pytest
import yaml
from sklearn.linear_model import LogisticRegressionCV
from sklearn.metrics import roc_auc_score
from workflow.conftest import PROJECT, Workflow

REAL = os.environ.get("EXPRLAB_REAL_DATA")
pytestmark = pytest.mark.skipif(not REAL, reason="EXPRLAB_REAL_DATA is not set")

# Example -> folder of the cohort, samples that are kept away to be predicted, and models.
COHORTS: dict[str, tuple[str, list[str], list[str]]] = {
    "microarray": ("alon_colon", [f"alon_{i:02d}" for i in range(50, 60)], ["mlp", "logistic"]),
    "paired-rnaseq": (
        "prostate_pairs_counts",
        ["prostate_N3", "prostate_T3", "prostate_N8"],
        ["logistic"],
    ),
    "multi-class": ("khan_srbct", [], ["mlp", "logistic"]),
}
COHORTS_WITH_FOLDS = {"colon", "prostate"}
FAST = {"experiment": {"seeds": [0]}, "split": {"folds": 3}, "evaluation": {"bootstrap": 200}}


@dataclass(frozen=True)
class World:
    """A finished experiment on a cohort of one's own, and the files it was made from."""

    workflow: Workflow
    dataset: str
    values: pd.DataFrame
    samples: pd.DataFrame
    new: pd.DataFrame
    models: list[str]

    @property
    def folder(self) -> Path:
        return self.workflow.folder / "results" / self.dataset

    def json(self, path: str) -> Any:
        return json.loads((self.folder / path).read_text())

    def exprlab(self, *arguments: str, code: int = 0) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [sys.executable, "-m", "exprlab", *arguments],
            cwd=self.workflow.folder, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == code, done.stdout + done.stderr
        return done


def read(folder: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the values, samples in rows, and the sample table of a cohort."""
    samples = pd.read_csv(folder / "samples.tsv", sep="\t", index_col=0, dtype=str)
    values = pd.read_csv(folder / "expression.tsv.gz", sep="\t", index_col=0)
    values = values if samples.index.isin(values.index).all() else values.T
    return values.loc[samples.index], samples


def make_world(example: str, folder: Path) -> World:
    """Put a cohort's two files where the example looks for them, and run it."""
    source, kept_away, models = COHORTS[example]
    values, samples = read(Path(REAL or "") / source)
    new = values.loc[kept_away or samples.index[samples["split"] == "test"]]
    own, samples = values.drop(kept_away), samples.drop(kept_away)
    config = yaml.safe_load((PROJECT / f"config/examples/{example}.yaml").read_text())
    ((dataset, settings),) = config["datasets"].items()
    # As it lies there: genes in rows or in columns, compressed.
    (folder / "cohort").mkdir(parents=True)
    (own if example == "microarray" else own.T).to_csv(
        folder / "cohort/expression.tsv.gz", sep="\t", index_label="id"
    )
    samples.to_csv(folder / "cohort/samples.tsv", sep="\t")
    new.T.to_csv(folder / "cohort/new.csv", index_label="gene_id")
    settings["new_expression"] = "cohort/new.csv"
    path = folder / "mine.yaml"
    config["experiment"]["models"] = models
    path.write_text(yaml.safe_dump(config))
    workflow = Workflow(folder, path).changed(**FAST)
    done = workflow.run()
    assert done.returncode == 0, done.stdout
    return World(workflow, dataset, own, samples, new, models)


@pytest.fixture(scope="module", params=list(COHORTS))
def world(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> World:
    return make_world(request.param, tmp_path_factory.mktemp(request.param) / "world")


def test_configs_are_short() -> None:
    for example in COHORTS:
        lines = (PROJECT / f"config/examples/{example}.yaml").read_text().splitlines()
        # Three more name new samples, or another column.
        assert len([line for line in lines if not line.startswith("#")]) <= 12


def test_everything_is_there_and_stays(world: World) -> None:
    again = world.workflow.run()
    assert "Nothing to be done" in again.stdout, again.stdout
    names = [path.name for path in world.folder.rglob("*")]
    assert not [name for name in names if name.endswith((".tmp", ".part"))]
    page = (world.folder.parent / "report/report.html").read_text()
    for name in world.samples["label"].unique():
        assert name in page
    for word in ("simulat", "oracle", "malignant"):
        assert word not in page.lower(), f"the report of one's own data speaks of '{word}'"


def test_no_patient_is_on_two_sides(world: World) -> None:
    splits = sorted((world.folder / "splits").glob("seed-0*.tsv"))
    assert splits
    sides = pd.DataFrame({p.stem: pd.read_csv(p, sep="\t", index_col=0)["split"] for p in splits})
    if "patient" in world.samples:
        patient = world.samples["patient"].loc[sides.index]
        assert (sides.groupby(patient).nunique() == 1).all(axis=None)
    if "split" in world.samples:
        published = world.samples["split"].loc[sides.index]
        assert ((sides["seed-0"] == "test") == (published == "test")).all()
    else:
        folds = sides.drop(columns="seed-0")
        assert ((folds == "test").sum(axis=1) == 1).all()
        assert not (sides["seed-0"] == "test").any()


def test_models_are_no_worse_than_a_tuned_regression(world: World) -> None:
    """The same samples are told apart by scikit-learn, on the same training samples."""
    found = world.json("logistic/seed-0/evaluation.json")
    pooled = pd.read_parquet(world.folder / "logistic/seed-0/predictions.parquet")
    assert sorted(found["n_per_class"]) == sorted(world.samples["label"].unique())
    truth = world.samples["label"].loc[pooled["sample_id"]].to_numpy()
    names = np.array(found["classes"])
    assert (names[pooled["label"]] == truth).all()
    right = (names[pooled["prediction"]] == truth).mean()
    fold = pooled["fold"] if "fold" in pooled else pd.Series(0, pooled.index)
    theirs, areas = [], []
    for _, rows in pooled.groupby(fold):
        test = rows["sample_id"]
        train = world.samples.index.difference(test)
        scale = np.log2 if world.dataset == "colon" else (lambda x: x)
        scale = (lambda x: np.log2(x + 1)) if world.dataset == "prostate" else scale
        values = scale(world.values.astype(float))
        mean, sd = values.loc[train].mean(), values.loc[train].std().replace(0, 1)
        tuned = LogisticRegressionCV(
            Cs=[1e-5, 1e-4, 1e-3, 1e-2, 1e-1], cv=5, scoring="neg_log_loss", max_iter=2000
        ).fit((values.loc[train] - mean) / sd, world.samples["label"].loc[train])
        inputs = (values.loc[test] - mean) / sd
        theirs += list(tuned.predict(inputs) == world.samples["label"].loc[test])
        if len(names) == 2:
            areas.append(roc_auc_score(world.samples["label"].loc[test],
                                       tuned.decision_function(inputs)))  # fmt: skip
    # Within one standard error of what is told of so few samples.
    error = np.sqrt(max(right * (1 - right), 0.02) / len(pooled))
    assert right >= np.mean(theirs) - error
    if areas:
        assert found["metrics"]["auroc"]["value"] >= np.mean(areas) - 0.05
    metrics = found["metrics"]["accuracy"]
    assert metrics["low"] < metrics["value"] <= metrics["high"]
    assert metrics["high"] - metrics["low"] > 0.05, "so few samples cannot tell more exactly"


def test_new_samples_get_the_same_numbers_everywhere(world: World) -> None:
    for model in world.models:
        rule = pd.read_csv(world.folder / f"{model}/seed-0/new_samples.tsv", sep="\t", index_col=0)
        assert sorted(rule.index) == sorted(world.new.index)
        folder = str(world.folder / f"{model}/seed-0/model")
        shuffled = world.new.sample(frac=1, random_state=1).sample(frac=1, axis=1, random_state=2)
        path = world.workflow.folder / "shuffled.tsv.gz"
        shuffled.to_csv(path, sep="\t", index_label="sample_id")
        world.exprlab("predict", "--model", folder, "--expression", str(path),
                             "--output", f"{model}.tsv")  # fmt: skip
        by_hand = pd.read_csv(world.workflow.folder / f"{model}.tsv", sep="\t", index_col=0)
        pd.testing.assert_frame_equal(by_hand.loc[rule.index], rule)
        mlflow.set_tracking_uri(f"sqlite:///{world.folder.parent / 'mlflow/mlflow.db'}")
        (run, *_) = mlflow.search_runs(
            search_all_experiments=True,
            filter_string=f"attributes.run_name = '{model}/seed-0 {world.dataset}'",
            output_format="list",
        )
        served = mlflow.pyfunc.load_model(f"runs:/{run.info.run_id}/model").predict(shuffled)
        served = served.loc[rule.index]
        for column in (c for c in rule if "logit" in c or "probability" in c or c == "distance"):
            np.testing.assert_allclose(served[column], rule[column], rtol=1e-5, atol=2e-5)
        assert (served["prediction"] == rule["prediction"]).all()
        if not COHORTS_WITH_FOLDS & {world.dataset}:
            test = pd.read_parquet(world.folder / f"{model}/seed-0/predictions.parquet")
            test = test.set_index("sample_id").loc[rule.index]
            classes = np.array(world.json(f"{model}/seed-0/evaluation.json")["classes"])
            assert (classes[test["prediction"]] == rule["prediction"]).all()


def test_the_model_to_use_says_how_it_was_judged(world: World) -> None:
    card = (world.folder / "logistic/seed-0/model_card.md").read_text()
    if world.dataset in COHORTS_WITH_FOLDS:
        assert "3 models like this one" in card
        assert "the model itself learned from all of them" in card
        trained = pd.read_csv(world.folder / "splits/seed-0.tsv", sep="\t")["split"]
        assert set(trained) == {"train", "val"}
    for word in ("simulat", "malignant"):
        assert word not in card.lower()
    assert " ".join(sorted(world.samples["label"].unique())[:1]) in card


def test_own_data_can_be_verified_packed_and_asked_about(world: World) -> None:
    run = world.folder / "logistic/seed-0"
    if world.dataset in COHORTS_WITH_FOLDS:
        run = run.with_name("seed-0-fold-2")
        other = str(run.with_name("seed-0-fold-1"))
        assert "data        the same" in world.exprlab("diff", other, str(run), code=4).stdout
    world.exprlab("verify", str(run), "--cores", "2")
    world.exprlab("archive", "results", "--output", "crate.zip")
    assert (world.workflow.folder / "crate.zip").stat().st_size > 10_000
