"""Boosted trees: against scikit-learn's predictions, a walk by hand, and what they must find."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import log_loss, roc_auc_score
from threadpoolctl import threadpool_limits

from exprlab.config.models import BoostingConfig, LogisticConfig
from exprlab.data.streams import TREES, state
from exprlab.files import read_arrays, write_arrays
from exprlab.nets.trees import BLOCK, leaf_values, tree_logits
from exprlab.training.baselines import fit_logistic
from exprlab.training.boosting import BINS, fit_boosting, shared_genes
from exprlab.training.fitted import Fitted

N_SHARED = 40


@pytest.fixture(scope="module")
def world() -> dict[str, np.ndarray]:
    """Return 1,100 samples of 120 genes; the label is the exclusive or of two hidden factors."""
    rng = np.random.default_rng(4)
    factors = rng.normal(size=(1100, 2))
    features = rng.normal(size=(1100, 120)).astype(np.float32)
    features[:, : N_SHARED // 2] += 1.5 * factors[:, :1]
    features[:, N_SHARED // 2 : N_SHARED] += 1.5 * factors[:, 1:]
    labels = (factors[:, 0] * factors[:, 1] > 0).astype(np.int8)
    features = (features - features.mean(0)) / features.std(0)
    rows = rng.permutation(1100)
    return {"features": features, "labels": labels, "train": rows[:400], "val": rows[400:550]}


def fit(world: dict[str, np.ndarray], folder: Path, seed: int = 5, **options: Any) -> Fitted:
    settings = {
        "n_genes": 60,
        "n_components": 4,
        "max_trees": 150,
        "gene_fraction": 0.3,
        "tuning": "validation",
    }
    return fit_boosting(**world, model=BoostingConfig(**{**settings, **options}), seed=seed,
                        folder=folder)  # fmt: skip


def test_is_what_scikit_learn_predicts(world: dict[str, np.ndarray], tmp_path: Path) -> None:
    fitted = fit(world, tmp_path)
    features, labels = world["features"], world["labels"]
    genes = shared_genes(features[world["train"]], 60, 4)
    direct = HistGradientBoostingClassifier(
        max_iter=fitted.summary["best_epoch"], max_leaf_nodes=8, max_features=0.3, max_bins=BINS,
        early_stopping=False, random_state=state(5, TREES) % 2**32,
    )  # fmt: skip
    direct.fit(features[world["train"]][:, genes], labels[world["train"]])
    assert fitted.summary["best_epoch"] > 20
    assert fitted.logits == pytest.approx(direct.decision_function(features[:, genes]), abs=1e-9)


def test_curves_tell_the_loss_of_each_number_of_trees(
    world: dict[str, np.ndarray], tmp_path: Path
) -> None:
    fitted = fit(world, tmp_path, max_trees=400, patience=10)
    table = pd.read_csv(tmp_path / "metrics.csv", float_precision="round_trip")
    curves = {name: rows.set_index("epoch")["value"] for name, rows in table.groupby("name")}
    best = fitted.summary["best_epoch"]
    assert curves["val/loss"].idxmin() == best == fitted.architecture["n_trees"]
    assert len(curves["val/loss"]) == best + 1 + 10  # patience
    for name, rows in (("train/loss", world["train"]), ("val/loss", world["val"])):
        probability = 1 / (1 + np.exp(-fitted.logits[rows]))
        assert curves[name][best] == pytest.approx(log_loss(world["labels"][rows], probability))
    auroc = roc_auc_score(world["labels"][world["val"]], fitted.logits[world["val"]])
    assert curves["val/auroc"][best] == pytest.approx(auroc)
    assert curves["val/auroc"][0] == 0.5


@pytest.fixture(scope="module")
def four_classes(world: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return the same samples in four classes, those of the quadrants of two sums of genes."""
    first, second = (
        world["features"][:, part].sum(axis=1) > 0
        for part in (slice(N_SHARED // 2), slice(N_SHARED // 2, N_SHARED))
    )
    return {**world, "labels": (2 * first + second).astype(np.int8)}


def test_four_classes_are_what_scikit_learn_predicts(
    four_classes: dict[str, np.ndarray], tmp_path: Path
) -> None:
    fitted = fit(four_classes, tmp_path, max_trees=40, patience=10)
    features, labels, train = (four_classes[name] for name in ("features", "labels", "train"))
    genes = shared_genes(features[train], 60, 4)
    best = fitted.summary["best_epoch"]
    direct = HistGradientBoostingClassifier(
        max_iter=best, max_leaf_nodes=8, max_features=0.3, max_bins=BINS,
        early_stopping=False, random_state=state(5, TREES) % 2**32,
    )  # fmt: skip
    direct.fit(features[train][:, genes], labels[train])
    assert best > 5
    assert fitted.weights["roots"].shape == (4, best)
    assert fitted.logits == pytest.approx(direct.decision_function(features[:, genes]), abs=1e-9)
    val = four_classes["val"]
    probability = direct.predict_proba(features[val][:, genes])
    table = pd.read_csv(tmp_path / "metrics.csv", float_precision="round_trip")
    at_best = table[table["epoch"] == best].set_index("name")["value"]
    assert at_best["val/loss"] == pytest.approx(log_loss(labels[val], probability))
    auroc = roc_auc_score(labels[val], probability, multi_class="ovr")
    assert at_best["val/auroc"] == pytest.approx(auroc)
    assert auroc > 0.9


def test_same_bits_with_more_threads_and_others_with_another_seed(
    world: dict[str, np.ndarray], tmp_path: Path
) -> None:
    first = fit(world, tmp_path / "a")
    with threadpool_limits(2):
        second = fit(world, tmp_path / "b")
    assert {k: v.tobytes() for k, v in first.weights.items()} == {
        k: v.tobytes() for k, v in second.weights.items()
    }
    assert (tmp_path / "a/metrics.csv").read_bytes() == (tmp_path / "b/metrics.csv").read_bytes()
    assert not np.array_equal(first.logits, fit(world, tmp_path / "c", seed=6).logits)


def test_finds_what_a_linear_model_cannot(world: dict[str, np.ndarray], tmp_path: Path) -> None:
    test = np.setdiff1d(np.arange(1100), np.r_[world["train"], world["val"]])
    linear = fit_logistic(
        **world, model=LogisticConfig(tuning="validation"), folder=tmp_path / "linear"
    )
    trees = fit(world, tmp_path / "trees")
    scores = [roc_auc_score(world["labels"][test], m.logits[test]) for m in (linear, trees)]
    assert scores[0] < 0.6
    assert scores[1] > 0.8


def test_a_test_sample_changes_no_tree(world: dict[str, np.ndarray], tmp_path: Path) -> None:
    used = np.r_[world["train"], world["val"]]
    other = {**world, "features": -world["features"], "labels": 1 - world["labels"]}
    other["features"][used], other["labels"][used] = world["features"][used], world["labels"][used]
    one, two = fit(world, tmp_path / "a"), fit(other, tmp_path / "b")
    assert all(np.array_equal(one.weights[name], two.weights[name]) for name in one.weights)


def test_a_cohort_of_two_dozen_samples_has_branchings(tmp_path: Path) -> None:
    rng = np.random.default_rng(4)
    labels = np.arange(44) % 2
    features = rng.normal(size=(44, 30)).astype(np.float32) + 3 * labels[:, None].astype("f4")
    few = {"features": features, "labels": labels, "train": np.arange(22), "val": np.arange(22, 28)}
    logits = fit(few, tmp_path).logits[28:]
    assert ((logits > 0) == labels[28:]).mean() > 0.9


def test_genes_that_tell_nothing_leave_the_base_rate(
    world: dict[str, np.ndarray], tmp_path: Path
) -> None:
    few = {**world, "features": np.zeros_like(world["features"])}
    fitted = fit(few, tmp_path)
    rate = few["labels"][few["train"]].mean()
    assert fitted.architecture["n_trees"] == 0
    assert fitted.logits == pytest.approx(np.full(1100, np.log(rate / (1 - rate))))
    # The file keeps arrays without entries, too.
    write_arrays(tmp_path / "weights.safetensors", fitted.weights)
    again = read_arrays(tmp_path / "weights.safetensors")
    assert np.array_equal(tree_logits(again, world["features"]), fitted.logits)


def test_chooses_genes_that_vary_together_not_those_that_vary_most() -> None:
    rng = np.random.default_rng(0)
    inputs = rng.normal(size=(200, 300))
    inputs[:, 100:140] += rng.normal(size=(200, 1))
    inputs[:, 140:160] *= 9
    inputs -= inputs.mean(axis=0)
    inputs[:, 299] = 0
    # The noisy genes fill components of their own, but no two share one.
    standardised = inputs / np.maximum(inputs.std(axis=0), 1e-9)
    assert shared_genes(standardised, 40, 1).tolist() == list(range(100, 140))
    assert 299 not in shared_genes(standardised, 299, 5)
    assert len(shared_genes(standardised, 5000, 50)) == 300
    assert len(shared_genes(standardised[:3], 10, 50)) == 10


@pytest.mark.parametrize("n_outputs", [1, 3])
@pytest.mark.parametrize("n_samples", [1, 40, BLOCK + 1])
def test_trees_equal_a_walk_by_hand(n_outputs: int, n_samples: int) -> None:
    rng = np.random.default_rng(n_outputs)
    nodes: list[list[float]] = []

    def grow(depth: int) -> int:
        own = len(nodes)
        nodes.append([0, np.inf, own, own, rng.normal()])
        if depth and rng.random() < 0.8:
            left, right = grow(depth - 1), grow(depth - 1)
            nodes[own] = [rng.integers(6), rng.normal(), left, right, 0.0]
        return own

    roots = np.array([[grow(5) for _ in range(7)] for _ in range(n_outputs)])
    columns = dict(zip(("feature", "threshold", "left", "right", "value"), zip(*nodes, strict=True),
                       strict=True))  # fmt: skip
    whole = ("feature", "left", "right")
    trees = {k: np.array(v, dtype=int if k in whole else float) for k, v in columns.items()}
    trees |= {"roots": roots, "baseline": rng.normal(size=n_outputs)}
    features = rng.normal(size=(n_samples, 6)).astype(np.float32)

    def walk(node: int, sample: np.ndarray) -> float:
        feature, threshold, left, right, value = nodes[node]
        if left == node:
            return value
        return walk(int(left if sample[int(feature)] <= threshold else right), sample)

    expected = [[[walk(root, x) for root in output] for output in roots] for x in features]
    assert np.array_equal(leaf_values(trees, features), np.array(expected))
    logits = trees["baseline"] + np.sum(expected, axis=2)
    assert tree_logits(trees, features) == pytest.approx(logits[:, 0] if n_outputs == 1 else logits)
