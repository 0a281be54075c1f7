"""More than two classes: training and outputs, against scikit-learn and against two classes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss, roc_auc_score

from exprlab.config.models import LogisticConfig, MLPConfig, TrainerConfig
from exprlab.data.tables import read_logits, write_logits
from exprlab.data.training_table import TrainingTable
from exprlab.keys import class_order, told_apart
from exprlab.outputs import activate, by_class, calibrate, decide, gathered, n_outputs
from exprlab.training.baselines import fit_logistic
from exprlab.training.fit import fit_network
from exprlab.training.module import cross_entropy

LOGITS = st.lists(st.floats(-700, 700), min_size=1, max_size=20).map(np.array)


@pytest.fixture(scope="module")
def world() -> dict[str, np.ndarray]:
    """Return 200 samples of 40 features in four classes, each with three features of its own."""
    rng = np.random.default_rng(4)
    labels = np.arange(200) % 4
    features = rng.normal(size=(200, 40)).astype(np.float32)
    for k in range(4):
        features[labels == k, 3 * k : 3 * k + 3] += 1.5
    rows = rng.permutation(200)
    return {"features": features, "labels": labels, "train": rows[:140], "val": rows[140:]}


def curve(folder: Path, name: str) -> np.ndarray:
    table = pd.read_csv(folder / "metrics.csv")
    return table.loc[table["name"] == name, "value"].to_numpy()


# Outputs.


@given(LOGITS)
def test_softmax_of_two_classes_is_the_sigmoid(logit: np.ndarray) -> None:
    two = np.column_stack([np.zeros_like(logit), logit])
    assert activate(two) == pytest.approx(by_class(activate(logit)), abs=1e-12)
    assert calibrate(two, 2.5) == pytest.approx(by_class(calibrate(logit, 2.5)), abs=1e-12)
    clear = np.abs(logit) > 1e-9  # one half is both classes' probability
    assert np.array_equal(decide(two)[clear], decide(activate(logit), 0.5)[clear])


@given(LOGITS)
def test_softmax_loss_of_two_classes_is_the_sigmoid_loss(logit: np.ndarray) -> None:
    one = torch.from_numpy(logit)
    two = torch.stack([torch.zeros_like(one), one], dim=1)
    labels = torch.arange(len(one)) % 2
    losses = [float(cross_entropy(logits, labels)) for logits in (one, two)]
    assert losses[0] == pytest.approx(losses[1], rel=1e-9, abs=1e-12)


@given(st.integers(3, 6), st.integers(0, 2**31))
def test_outputs_follow_a_permutation_of_the_classes(n: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    logits, order = rng.normal(size=(5, n)), rng.permutation(n)
    assert activate(logits[:, order]) == pytest.approx(activate(logits)[:, order], rel=1e-12)
    assert np.array_equal(order[decide(logits[:, order])], decide(logits))


def test_classes_begin_with_benign_and_go_on_by_name() -> None:
    assert class_order(["malignant", "benign", "malignant"]) == ("benign", "malignant")
    assert class_order(["HER2", "benign", "Basal"]) == ("benign", "Basal", "HER2")
    assert told_apart(("benign", "malignant")) == ["malignant"]
    assert told_apart(("benign", "Basal", "HER2")) == ["benign", "Basal", "HER2"]
    assert [n_outputs(n) for n in (2, 3, 4)] == [1, 3, 4]


@pytest.mark.parametrize("classes", [("benign", "malignant"), ("benign", "b", "a_c")])
def test_logits_come_back_from_their_table(classes: tuple[str, ...], tmp_path: Path) -> None:
    n = len(classes)
    logits = np.arange(6.0 * n).reshape(6, n) if n > 2 else np.arange(6.0)
    ids, split = pd.Index(list("uvwxyz")), np.array(["train", "val", "test"] * 2)
    table = TrainingTable(ids, np.arange(6) % n, split, classes, np.array(list("ppqrst")))
    write_logits(tmp_path / "logits.parquet", table, logits)
    found = read_logits(tmp_path / "logits.parquet", "val")
    assert np.array_equal(gathered("logit", found), logits[[1, 4]])
    assert list(found["patient"]) == ["p", "s"]
    assert [c for c in found if c.startswith("logit")] == (
        ["logit"] if n == 2 else [f"logit_{name}" for name in classes]
    )


# Training.


@pytest.mark.parametrize("encoder", ["principal_components", "none"])
def test_network_learns_four_classes(
    world: dict[str, np.ndarray], encoder: str, tmp_path: Path
) -> None:
    model = MLPConfig(
        encoder=encoder,
        hidden=[16],
        max_epochs=30,
        batch_size=32,
        learning_rate=0.01,
        tuning="validation",
    )
    settings = TrainerConfig(accelerator="cpu")
    fitted = fit_network(**world, model=model, settings=settings, seed=5, folder=tmp_path)
    assert fitted.logits.shape == (200, 4)
    assert fitted.architecture["n_outputs"] == 4
    val = world["val"]
    probability = activate(fitted.logits[val])
    labels = world["labels"][val]
    best = fitted.summary["best_epoch"]
    assert curve(tmp_path, "val/loss")[best] == pytest.approx(
        log_loss(labels, probability), abs=1e-5
    )
    auroc = roc_auc_score(labels, probability, multi_class="ovr")
    assert curve(tmp_path, "val/auroc")[best] == pytest.approx(auroc, abs=1e-5)
    assert auroc > 0.85


def test_logistic_of_four_classes_equals_scikit_learn(
    world: dict[str, np.ndarray], tmp_path: Path
) -> None:
    # More features than samples, so that the fit runs in the span of the samples.
    rows = world["train"][:30]
    few = {**world, "train": rows}
    fitted = fit_logistic(
        **few, model=LogisticConfig(strengths=[0.05], tuning="validation"), folder=tmp_path
    )
    direct = LogisticRegression(C=0.05, tol=1e-8, max_iter=5000)
    direct.fit(world["features"][rows], world["labels"][rows])
    assert activate(fitted.logits) == pytest.approx(
        direct.predict_proba(world["features"]), abs=1e-3
    )
    assert fitted.weights["weight"].shape == (40, 4)
    expected = roc_auc_score(
        world["labels"][world["val"]],
        direct.predict_proba(world["features"][world["val"]]),
        multi_class="ovr",
    )
    assert curve(tmp_path, "val/auroc") == pytest.approx([expected], abs=1e-3)


def test_other_numbers_of_the_classes_permute_the_outputs(
    world: dict[str, np.ndarray], tmp_path: Path
) -> None:
    order = np.array([2, 0, 3, 1])  # class k is now called order[k]
    model = LogisticConfig(strengths=[0.05], tuning="validation")
    one = fit_logistic(**world, model=model, folder=tmp_path / "one")
    renamed = {**world, "labels": order[world["labels"]]}
    other = fit_logistic(**renamed, model=model, folder=tmp_path / "other")
    assert other.logits[:, order] == pytest.approx(one.logits, abs=2e-3)
