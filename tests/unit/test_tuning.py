"""Tuning with few samples: against scikit-learn, and against trainings of each fold by itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.linear_model import LogisticRegressionCV
from sklearn.metrics import log_loss

from exprlab.config.models import BoostingConfig, LogisticConfig, MLPConfig, TrainerConfig
from exprlab.data.streams import SHUFFLE, stream
from exprlab.data.tables import read_held_out, write_logits
from exprlab.data.training_table import TrainingTable
from exprlab.errors import UserError
from exprlab.nets.mlp import MLP
from exprlab.nets.side_by_side import SideBySide
from exprlab.outputs import activate, n_outputs
from exprlab.training.baselines import fit_logistic
from exprlab.training.boosting import fit_boosting
from exprlab.training.callbacks import Curves
from exprlab.training.cross_validation import CrossValidation
from exprlab.training.encoder import fit_encoder
from exprlab.training.fit import fit_network
from exprlab.training.fitted import Fitted
from exprlab.training.module import cross_entropy, random_network
from exprlab.training.tuning import ENOUGH, FOLDS, tuning_folds

SETTINGS: dict[str, Any] = {"hidden": [6], "max_epochs": 8, "batch_size": 20, "learning_rate": 0.01}


def cohort(n_classes: int = 2) -> dict[str, np.ndarray]:
    """Return 60 samples that train, 12 to validate on, and 100 others, of 90 features."""
    rng = np.random.default_rng(4)
    labels = np.arange(172) % n_classes
    features = rng.normal(size=(172, 90)).astype(np.float32)
    features[:, : 4 * n_classes] += 1.2 * np.eye(n_classes)[labels].repeat(4, axis=1)
    rows = rng.permutation(172)
    return {"features": features, "labels": labels, "train": rows[:60], "val": rows[60:72]}


def fit(kind: str, data: dict[str, np.ndarray], folder: Path, **options: Any) -> Fitted:
    if kind == "logistic":
        return fit_logistic(**data, model=LogisticConfig(**options), folder=folder, seed=5)
    if kind == "boosting":
        few = {"n_genes": 40, "max_trees": 60, "min_leaf_samples": 5, **options}
        return fit_boosting(**data, model=BoostingConfig(**few), folder=folder, seed=5)
    threads = options.pop("threads", 1)
    return fit_network(
        **data,
        model=MLPConfig(**{**SETTINGS, **options}),
        settings=TrainerConfig(accelerator="cpu"),
        seed=5,
        folder=folder,
        threads=threads,
    )


def pool_of(data: dict[str, np.ndarray]) -> np.ndarray:
    return np.sort(np.concatenate([data["train"], data["val"]]))


def folds_of(data: dict[str, np.ndarray], patients: np.ndarray | None = None) -> list:
    return tuning_folds(data["labels"], data["train"], data["val"], patients, "auto", seed=5)


def curve(folder: Path, name: str) -> np.ndarray:
    table = pd.read_csv(folder / "metrics.csv", float_precision="round_trip")
    return table.loc[table["name"] == name, "value"].to_numpy()


# Folds.


def test_each_sample_is_held_out_once_and_patients_whole() -> None:
    data = cohort(3)
    patients = np.array([f"p{i // 2}" for i in range(172)])
    folds = folds_of(data, patients)
    assert len(folds) == FOLDS
    assert np.array_equal(np.sort(np.concatenate([held for _, held in folds])), pool_of(data))
    for rest, held in folds:
        assert np.array_equal(np.sort(np.concatenate([rest, held])), pool_of(data))
        assert not set(patients[rest]) & set(patients[held])


def test_folds_have_the_classes_of_the_whole() -> None:
    data = cohort(3)
    share = np.bincount(data["labels"][pool_of(data)]) / FOLDS
    for _, held in folds_of(data):
        assert np.all(np.abs(np.bincount(data["labels"][held], minlength=3) - share) < 2)


def test_enough_validation_samples_tune_by_themselves() -> None:
    labels, rows = np.arange(400) % 2, np.arange(400)
    few = tuning_folds(labels, rows[ENOUGH - 1 :], rows[: ENOUGH - 1], None, "auto", 0)
    assert len(few) == FOLDS
    for tuning, val in (("auto", ENOUGH), ("validation", 10)):
        assert tuning_folds(labels, rows[val:], rows[:val], None, tuning, 0) == []
    assert len(tuning_folds(labels, rows[200:], rows[:200], None, "cross_validation", 0)) == FOLDS


def test_class_of_one_patient_is_never_missing_from_a_fold() -> None:
    labels = np.repeat([0, 1, 2], [10, 10, 4])
    patients = np.where(labels == 2, "same", np.arange(24).astype(str))
    rows = np.arange(24)
    assert tuning_folds(labels, rows[::2], rows[1::2], patients, "auto", 0) == []
    with pytest.raises(UserError, match="tuning: validation"):
        tuning_folds(labels, rows[::2], rows[1::2], patients, "cross_validation", 0)


# What all kinds of models have in common.


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("kind", ["logistic", "boosting", "mlp"])
def test_curve_is_the_loss_of_the_held_out_logits(
    kind: str, n_classes: int, tmp_path: Path
) -> None:
    data = cohort(n_classes)
    fitted = fit(kind, data, tmp_path)
    pool, losses = pool_of(data), curve(tmp_path, "val/loss")
    assert fitted.cross_validated
    assert np.argmin(losses) == fitted.summary["best_epoch"]
    expected = log_loss(data["labels"][pool], activate(fitted.logits[pool]))
    assert losses.min() == pytest.approx(expected, abs=1e-5)
    others = np.setdiff1d(np.arange(172), pool)
    called = activate(fitted.logits[others])
    called = called > 0.5 if n_classes == 2 else called.argmax(axis=1)
    assert np.mean(called == data["labels"][others]) > 0.65


@pytest.mark.parametrize("kind", ["logistic", "boosting", "mlp"])
def test_other_samples_are_not_looked_at(kind: str, tmp_path: Path) -> None:
    data = cohort()
    others = np.setdiff1d(np.arange(172), pool_of(data))
    changed = {**data, "features": data["features"].copy(), "labels": data["labels"].copy()}
    changed["features"][others] *= 3
    changed["labels"][others] = 1 - changed["labels"][others]
    one, other = fit(kind, data, tmp_path / "a"), fit(kind, changed, tmp_path / "b")
    assert all(np.array_equal(one.weights[k], other.weights[k]) for k in one.weights)
    assert np.array_equal(one.logits[pool_of(data)], other.logits[pool_of(data)])


# Logistic regression.


@pytest.mark.parametrize("n_classes", [2, 3])
def test_logistic_is_that_of_scikit_learn_on_the_same_folds(n_classes: int, tmp_path: Path) -> None:
    data, strengths = cohort(n_classes), [1e-4, 1e-3, 1e-2, 1e-1, 1.0]
    fitted = fit("logistic", data, tmp_path, strengths=strengths)
    pool = pool_of(data)
    place = {row: i for i, row in enumerate(pool)}
    cuts = [[[place[r] for r in rows] for rows in fold] for fold in folds_of(data)]
    tuned = LogisticRegressionCV(
        Cs=strengths, cv=cuts, scoring="neg_log_loss", tol=1e-8, max_iter=5000,
        use_legacy_attributes=False,
    )  # fmt: skip
    tuned.fit(data["features"][pool], data["labels"][pool])
    assert fitted.summary["strength"] == pytest.approx(tuned.C_)
    others = np.setdiff1d(np.arange(172), pool)
    assert activate(fitted.logits[others]) == pytest.approx(
        tuned.predict_proba(data["features"][others])[:, 1:].squeeze(1)
        if n_classes == 2
        else tuned.predict_proba(data["features"][others]),
        abs=2e-3,
    )


# Networks.


def test_members_side_by_side_are_the_networks_by_themselves() -> None:
    torch.manual_seed(0)
    members = [MLP(n, [5, 4], "tanh", n_outputs=3) for n in (4, 4, 7, 7)]
    together, views = SideBySide(members, 2), torch.randn(11, 2, 7)
    logits = together(views)
    assert logits.shape == (11, 4, 3)
    for i, member in enumerate(members):
        alone = member(views[:, i % 2, : member.architecture["n_inputs"]])
        assert torch.allclose(logits[:, i], alone, atol=1e-6)
        own = together.member(i).state_dict()
        assert all(torch.equal(own[k], w) for k, w in member.state_dict().items())


def alone(data: dict[str, np.ndarray], rows: np.ndarray, width: int, epochs: int) -> np.ndarray:
    """Train a network on some rows of the pool by a bare loop; return its logits of all samples."""
    pool, features, labels = pool_of(data), data["features"], torch.from_numpy(data["labels"])
    most = int(0.9 * min(len(rest) for rest, _ in folds_of(data)))
    encoder = fit_encoder(features, rows, 5, most).first(width)
    inputs = torch.from_numpy(encoder.encode(features))
    network = random_network(width, n_outputs(labels.max() + 1), MLPConfig(**SETTINGS), 5)
    optimizer = torch.optim.AdamW(network.parameters(), lr=0.01, weight_decay=0.01)
    for epoch in range(epochs):
        order = stream(5, SHUFFLE, epoch).permutation(pool)
        for batch in np.array_split(order, 4):
            shown = batch[np.isin(batch, rows)]
            loss = cross_entropy(network(inputs[shown]), labels[shown])
            optimizer.zero_grad()
            (loss + 0.01 * network.layers[0].weight.abs().sum()).backward()
            optimizer.step()
    return network(inputs).detach().numpy()


@pytest.mark.parametrize("n_classes", [2, 3])
def test_network_is_the_mean_of_those_that_bare_loops_train(n_classes: int, tmp_path: Path) -> None:
    data = cohort(n_classes)
    fitted = fit("mlp", data, tmp_path, l1=0.01)
    pool, folds, epochs = pool_of(data), folds_of(data), fitted.summary["best_epoch"]
    final, held, likelihood = [], [], []
    for width in (5, 20, 40, 57):  # no component stands out; 57 is 0.9 of 64 samples
        final.append(alone(data, pool, width, epochs))
        held.append(np.full_like(final[-1], np.nan))
        for rest, rows in folds:
            held[-1][rows] = alone(data, rest, width, epochs)[rows]
        loss = log_loss(data["labels"][pool], activate(held[-1][pool]))
        likelihood.append(np.exp(-len(pool) * loss) ** 0.5)
    share = np.array(likelihood) / np.sum(likelihood)
    share[share < 0.05] = 0
    share /= share.sum()
    assert np.sum(share > 0) > 1
    others = np.setdiff1d(np.arange(172), pool)
    mean = np.tensordot(share, final, 1)
    assert fitted.logits[others] == pytest.approx(mean[others], abs=1e-3)
    # Each sample's own logits are of networks that never met it.
    mean = np.tensordot(share, held, 1)
    assert fitted.logits[pool] == pytest.approx(mean[pool], abs=1e-3)


@pytest.mark.parametrize("hidden", [[], [5], [5, 4]])
def test_mean_of_members_is_one_network(hidden: list[int]) -> None:
    torch.manual_seed(0)
    members = [MLP(n, hidden, "gelu", n_outputs=3) for n in (4, 4, 7, 7, 6, 6)]
    together, views = SideBySide(members, 2), torch.randn(11, 2, 7)
    mean = together.mean([1, 3, 5], [0.2, 0.5, 0.3])
    logits = together(views)[:, [1, 3, 5]]
    expected = 0.2 * logits[:, 0] + 0.5 * logits[:, 1] + 0.3 * logits[:, 2]
    assert torch.allclose(mean(views[:, 1]), expected, atol=1e-6)
    assert mean.architecture["hidden"] == [3 * units for units in hidden]
    assert together.mean([1], [1.0]).architecture["n_inputs"] == 4


def test_gradients_side_by_side_are_as_long_as_those_of_each() -> None:
    torch.manual_seed(0)
    members = [MLP(n, [5], n_outputs=3) for n in (4, 4, 7, 7)]
    module = CrossValidation(SideBySide(members, 2), MLPConfig(l1=0.03), 3, 2)
    views, labels = torch.randn(11, 2, 7), torch.arange(22).reshape(11, 2) % 3
    module.training_step((views, labels), 0)["loss"].backward()
    squares = torch.zeros(2)
    for i, member in enumerate(members):
        n = member.architecture["n_inputs"]
        logits = member(views[:, i % 2, :n])
        torch.nn.functional.cross_entropy(logits, labels[:, i % 2]).backward()
        squares += torch.stack([weight.grad.norm() ** 2 for weight in member.weights])
    assert torch.allclose(module.gradient_norms(), (squares / 4).sqrt(), rtol=1e-4)


@pytest.mark.parametrize("encoder", ["principal_components", "none"])
def test_same_bits_again_and_with_more_threads(encoder: str, tmp_path: Path) -> None:
    data, options = cohort(), {"dropout": 0.4, "encoder": encoder, "hidden": [6, 4]}
    first = fit("mlp", data, tmp_path / "a", **options)
    for folder, threads in (("b", 1), ("c", 2)):
        again = fit("mlp", data, tmp_path / folder, threads=threads, **options)
        assert all(np.array_equal(first.weights[k], again.weights[k]) for k in first.weights)
        assert np.array_equal(first.logits, again.logits)


@pytest.mark.parametrize("killed_in", [1, 4])
def test_resumed_equals_undisturbed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, killed_in: int
) -> None:
    data, options = cohort(), {"dropout": 0.4, "checkpoint_every": 2}
    whole = fit("mlp", data, tmp_path / "whole", **options)

    class Killed(Exception):
        pass

    def die(self: Any, trainer: Any, module: Any) -> None:
        if trainer.current_epoch == killed_in:
            raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(Curves, "on_train_epoch_end", die)
        with pytest.raises(Killed):
            fit("mlp", data, tmp_path / "parts", **options)
    resumed = fit("mlp", data, tmp_path / "parts", **options)
    assert all(np.array_equal(whole.weights[k], resumed.weights[k]) for k in whole.weights)
    assert np.array_equal(whole.logits, resumed.logits)
    paths = [tmp_path / name / "metrics.csv" for name in ("whole", "parts")]
    assert paths[0].read_bytes() == paths[1].read_bytes()


def test_normalised_networks_are_tuned_on_validation_samples(tmp_path: Path) -> None:
    assert not fit("mlp", cohort(), tmp_path, batch_norm=True).cross_validated
    with pytest.raises(ValueError, match="exclude each other"):
        MLPConfig(batch_norm=True, tuning="cross_validation")


# The table of logits.


@pytest.mark.parametrize("cross_validated", [False, True])
def test_calibration_reads_what_was_held_out(cross_validated: bool, tmp_path: Path) -> None:
    split = np.array(["train", "val", "test", "unused", "train"])
    ids = pd.Index([f"s{i}" for i in range(5)], name="sample_id")
    table = TrainingTable(ids, np.array([0, 1, 0, 1, 1]), split, ("a", "b"), ids.to_numpy(str))
    write_logits(tmp_path / "l.parquet", table, np.arange(5.0), cross_validated)
    found = read_held_out(tmp_path / "l.parquet")
    assert found["logit"].tolist() == ([0, 1, 4] if cross_validated else [1])
