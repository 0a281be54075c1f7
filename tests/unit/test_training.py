"""Training: against a bare torch loop, scikit-learn, and itself after a kill."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss, roc_auc_score

from exprlab.config.models import LogisticConfig, MLPConfig, TrainerConfig
from exprlab.data.streams import DROPOUT, SHUFFLE, WEIGHTS, state, stream
from exprlab.errors import UserError
from exprlab.nets.mlp import MLP
from exprlab.training.baselines import fit_logistic
from exprlab.training.callbacks import Curves
from exprlab.training.datamodule import IndexBatches
from exprlab.training.fit import fit_network
from exprlab.training.fitted import Fitted

CPU = TrainerConfig(accelerator="cpu")
SMALL = {"hidden": [8], "max_epochs": 6, "batch_size": 32, "checkpoint_every": 2}
SMALL |= {"tuning": "validation"}


@pytest.fixture(scope="module")
def world() -> dict[str, np.ndarray]:
    """Return 150 samples of 40 features, 6 of which carry the label."""
    rng = np.random.default_rng(3)
    labels = np.arange(150) % 2
    features = rng.normal(size=(150, 40)).astype(np.float32)
    features[:, :6] += 0.8 * labels[:, None]
    rows = rng.permutation(150)
    return {"features": features, "labels": labels, "train": rows[:100], "val": rows[100:]}


def train(world: dict[str, np.ndarray], folder: Path, **options: Any) -> Fitted:
    threads = options.pop("threads", 1)
    model = MLPConfig(
        **{**SMALL, **options},
    )
    return fit_network(**world, model=model, settings=CPU, seed=5, folder=folder, threads=threads)


def curve(folder: Path, name: str) -> np.ndarray:
    table = pd.read_csv(folder / "metrics.csv", float_precision="round_trip")
    return table.loc[table["name"] == name, "value"].to_numpy()


def same(one: Fitted, other: Fitted) -> bool:
    equal = all(np.array_equal(one.weights[k], other.weights[k]) for k in one.weights)
    return equal and np.array_equal(one.logits, other.logits)


def test_equals_a_bare_torch_loop(world: dict[str, np.ndarray], tmp_path: Path) -> None:
    train(world, tmp_path, encoder="none", dropout=0.3, weight_decay=0.1, l1=0.01)
    torch.manual_seed(state(5, WEIGHTS))
    network = MLP(40, [8], dropout=0.3)
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-3, weight_decay=0.1)
    losses, norms = [], []
    for epoch in range(6):
        torch.manual_seed(state(5, DROPOUT, epoch, 0))
        order = stream(5, SHUFFLE, epoch).permutation(world["train"])
        for rows in np.array_split(order, 4):
            logits = network(torch.from_numpy(world["features"][rows]))
            target = torch.from_numpy(world["labels"][rows]).float()
            loss = torch.nn.functional.binary_cross_entropy_with_logits(logits, target)
            weights = [network.layers[0].weight, network.layers[3].weight]
            slopes = torch.autograd.grad(loss, weights, retain_graph=True)
            norms.append([slope.norm().item() for slope in slopes])
            optimizer.zero_grad()
            (loss + 0.01 * network.layers[0].weight.abs().sum()).backward()
            optimizer.step()
            losses.append(loss.item())
    assert curve(tmp_path, "train/loss_step") == pytest.approx(losses, abs=1e-6)
    means = np.reshape(norms, (6, 4, 2)).mean(axis=1)
    for layer, mean in enumerate(means.T, start=1):
        found = curve(tmp_path, f"train/gradient_norm/layer_{layer}")
        assert found == pytest.approx(mean, rel=1e-4)


def test_curves_agree_with_scikit_learn(world: dict[str, np.ndarray], tmp_path: Path) -> None:
    fitted = train(world, tmp_path, encoder="none", max_epochs=12, learning_rate=0.02)
    best, val = fitted.summary["best_epoch"], world["val"]
    probability = 1 / (1 + np.exp(-fitted.logits[val].astype(float)))
    labels = world["labels"][val]
    # Entry 0 is the network with random weights, entry e the network after epoch e.
    assert curve(tmp_path, "val/loss")[best] == pytest.approx(
        log_loss(labels, probability), abs=1e-5
    )
    assert curve(tmp_path, "val/auroc")[best] == pytest.approx(
        roc_auc_score(labels, probability), abs=1e-6
    )
    assert curve(tmp_path, "val/loss").argmin() == best
    assert curve(tmp_path, "train/loss")[-1] < 0.5 * curve(tmp_path, "train/loss")[0]


def test_same_bits_again_and_with_more_threads(
    world: dict[str, np.ndarray], tmp_path: Path
) -> None:
    first = train(world, tmp_path / "a", dropout=0.5, batch_norm=True)
    assert same(first, train(world, tmp_path / "b", dropout=0.5, batch_norm=True))
    assert same(first, train(world, tmp_path / "c", dropout=0.5, batch_norm=True, threads=2))
    other = fit_network(
        **world,
        model=MLPConfig(hidden=[8], max_epochs=6, tuning="validation"),
        settings=CPU,
        seed=6,
        folder=tmp_path / "d",
    )
    assert not same(first, other)


@pytest.mark.parametrize("options", [{}, {"schedule": "cosine", "optimizer": "sgd"}])
@pytest.mark.parametrize("killed_in", [0, 1, 3, 4])
def test_resumed_equals_undisturbed(
    world: dict[str, np.ndarray],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    options: dict[str, Any],
    killed_in: int,
) -> None:
    options = {**options, "dropout": 0.4, "batch_norm": True}
    undisturbed = train(world, tmp_path / "whole", **options)

    class Killed(Exception):
        pass

    def die(self: Any, trainer: Any, module: Any) -> None:
        if trainer.current_epoch == killed_in:
            raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(Curves, "on_train_epoch_end", die)
        with pytest.raises(Killed):
            train(world, tmp_path / "parts", **options)
    resumed = train(world, tmp_path / "parts", **options)
    assert same(undisturbed, resumed)
    assert undisturbed.summary == resumed.summary
    whole, parts = (tmp_path / name / "metrics.csv" for name in ("whole", "parts"))
    assert whole.read_bytes() == parts.read_bytes()
    # Checkpoints stand after every second epoch, so the later kills do go on from one.
    assert resumed.hardware["resumed_from_epoch"] == (killed_in // 2 * 2 or None)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGUSR1])
def test_training_told_to_end_keeps_the_epoch(
    world: dict[str, np.ndarray],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    number: signal.Signals,
) -> None:
    options = {"max_epochs": 6, "checkpoint_every": 50, "dropout": 0.3}
    write = Curves.on_train_batch_end

    def told(self: Curves, trainer: Any, *rest: object) -> None:
        if trainer.current_epoch == 2:
            os.kill(os.getpid(), number)
        write(self, trainer, *rest)

    with monkeypatch.context() as patch:
        patch.setattr(Curves, "on_train_batch_end", told)
        with pytest.raises(SystemExit) as ended:
            # One batch in an epoch: a second signal would end it at once.
            train(world, tmp_path / "parts", batch_size=1000, **options)
    assert ended.value.code == 143
    whole = train(world, tmp_path / "whole", batch_size=1000, **options)
    resumed = train(world, tmp_path / "parts", batch_size=1000, **options)
    assert resumed.hardware["resumed_from_epoch"] == 3
    assert same(whole, resumed)


@pytest.mark.parametrize("checkpoint_every", [1, 2])
def test_killed_after_early_stopping_trains_no_further(
    world: dict[str, np.ndarray], tmp_path: Path, checkpoint_every: int
) -> None:
    options = {"max_epochs": 50, "patience": 1, "learning_rate": 0.05}
    options["checkpoint_every"] = checkpoint_every
    whole = train(world, tmp_path / "a", **options)
    assert whole.summary["epochs"] < 50
    # A job that was killed before it wrote its outputs finds the folder of its last epoch.
    again = train(world, tmp_path / "a", **options)
    assert same(whole, again)
    assert whole.summary == again.summary
    metrics = (tmp_path / "a/metrics.csv").read_bytes()
    train(world, tmp_path / "b", **options)
    assert metrics == (tmp_path / "b/metrics.csv").read_bytes()


@pytest.mark.parametrize("precision", ["64-true", "bf16-mixed", "bf16-true"])
def test_every_precision_ends_in_a_float32_model(
    world: dict[str, np.ndarray], tmp_path: Path, precision: str
) -> None:
    fitted, exact = (
        fit_network(
            **world,
            model=MLPConfig(hidden=[8], max_epochs=4, tuning="validation"),
            settings=TrainerConfig(accelerator="cpu", precision=name),
            seed=5,
            folder=tmp_path / name,
        )
        for name in (precision, "32-true")
    )
    assert {array.dtype for array in fitted.weights.values()} == {np.dtype(np.float32)}
    assert fitted.logits.dtype == np.float32
    # The random weights differ in 64 bits; the others follow the exact network roughly.
    if precision != "64-true":
        assert np.corrcoef(fitted.logits, exact.logits)[0, 1] > 0.98
    assert fitted.hardware["precision"] == precision


def test_divergence_is_not_called_early_stopping(
    world: dict[str, np.ndarray], tmp_path: Path
) -> None:
    options = {"optimizer": "sgd", "learning_rate": 1e6, "patience": 30, "max_epochs": 40}
    try:
        fitted = train(world, tmp_path, **options)
    except UserError as error:
        assert "not finite" in str(error)  # noqa: PT017
    else:
        assert "no longer finite" in fitted.summary["stopped"]


def test_damaged_checkpoint_starts_anew(world: dict[str, np.ndarray], tmp_path: Path) -> None:
    whole = train(world, tmp_path / "a")
    (tmp_path / "b").mkdir()
    (tmp_path / "b/last.ckpt").write_bytes(b"cut off")
    assert same(whole, train(world, tmp_path / "b"))


def test_early_stopping_keeps_the_best_epoch(world: dict[str, np.ndarray], tmp_path: Path) -> None:
    fitted = train(world, tmp_path, max_epochs=200, learning_rate=0.05, patience=3)
    assert fitted.summary["epochs"] == fitted.summary["best_epoch"] + 3
    assert "no better" in fitted.summary["stopped"]


def test_perceptron_is_logistic_regression(world: dict[str, np.ndarray], tmp_path: Path) -> None:
    fitted = train(
        world,
        tmp_path,
        hidden=[],
        dropout=0.0,
        max_epochs=400,
        patience=400,
        learning_rate=0.02,
        batch_size=100,
        weight_decay=0.0,
        monitor="val/auroc",
    )
    assert fitted.summary["n_parameters"] == 41
    assert set(fitted.weights) == {"layers.0.weight", "layers.0.bias"}


@pytest.mark.parametrize("n_train", [33, 65, 100])
def test_batch_norm_survives_any_last_batch(
    world: dict[str, np.ndarray], tmp_path: Path, n_train: int
) -> None:
    smaller = {**world, "train": world["train"][:n_train]}
    fitted = train(smaller, tmp_path, batch_norm=True, max_epochs=1)
    assert np.isfinite(fitted.logits).all()


def test_batch_norm_refuses_batches_of_one(world: dict[str, np.ndarray], tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"2 sample\(s\) or more"):
        train(world, tmp_path, batch_norm=True, batch_size=1)


def test_exploding_training_is_told(world: dict[str, np.ndarray], tmp_path: Path) -> None:
    with pytest.raises(UserError, match="learning rate"):
        train(world, tmp_path, learning_rate=1e30, optimizer="sgd", momentum=0.99)


@pytest.mark.parametrize(
    ("n_classes", "output", "why"),
    [(2, "softmax", "softmax of one number is always 1"), (3, "sigmoid", "their sum is not 1")],
)
def test_an_output_that_does_not_fit_the_labels_is_refused(
    world: dict[str, np.ndarray], tmp_path: Path, n_classes: int, output: str, why: str
) -> None:
    labels = np.arange(150) % n_classes
    with pytest.raises(UserError, match=why):
        train({**world, "labels": labels}, tmp_path, output=output)
    other = {"sigmoid": "softmax", "softmax": "sigmoid"}[output]
    fitted = train({**world, "labels": labels}, tmp_path, output=other, max_epochs=1)
    assert fitted.logits.shape == ((150,) if n_classes == 2 else (150, 3))


def test_impossible_trainer_settings_are_told(world: dict[str, np.ndarray], tmp_path: Path) -> None:
    with pytest.raises(UserError, match="strategy nonsense"):
        fit_network(
            **world,
            model=MLPConfig(tuning="validation"),
            settings=TrainerConfig(accelerator="cpu", strategy="nonsense"),
            seed=0,
            folder=tmp_path,
        )


@pytest.mark.parametrize(("n", "size"), [(257, 256), (10, 3), (5, 100), (64, 64)])
@pytest.mark.parametrize("world_size", [1, 2])
def test_each_sample_is_met_once_per_epoch(n: int, size: int, world_size: int) -> None:
    features = torch.arange(n).float()[:, None]
    parts = [
        IndexBatches(features, features[:, 0], np.arange(n), size, 1, rank, world_size)
        for rank in range(world_size)
    ]
    batches = [torch.cat([x[:, 0] for x, _ in shards]) for shards in zip(*parts, strict=True)]
    met = torch.cat(batches)
    assert sorted(met.tolist()) == list(range(n))
    lengths = [len(batch) for batch in batches]
    assert max(lengths) <= size
    assert max(lengths) - min(lengths) <= 1
    for part in parts:
        part.set_epoch(1)
    again = torch.cat([x[:, 0] for part in parts for x, _ in part])
    assert n <= 5 or again.tolist() != met.tolist()


def test_logistic_equals_scikit_learn_on_all_features(tmp_path: Path) -> None:
    rng = np.random.default_rng(8)
    features = rng.normal(size=(90, 300)).astype(np.float32)
    labels = (features[:, 0] + rng.normal(size=90) > 0).astype(int)
    train_rows, val = np.arange(60), np.arange(60, 90)
    strengths = [1e-3, 1e-2, 1.0]
    fitted = fit_logistic(
        features,
        labels,
        train_rows,
        val,
        LogisticConfig(strengths=strengths, tuning="validation"),
        tmp_path,
    )
    direct = {
        c: LogisticRegression(C=c, max_iter=5000, tol=1e-8).fit(features[:60], labels[:60])
        for c in strengths
    }
    losses = {c: log_loss(labels[60:], f.predict_proba(features[60:])) for c, f in direct.items()}
    best = min(losses, key=losses.get)
    assert fitted.summary["strength"] == best
    assert fitted.logits == pytest.approx(direct[best].decision_function(features), abs=2e-3)
    assert curve(tmp_path, "val/loss") == pytest.approx(list(losses.values()), abs=1e-3)


def test_logistic_with_more_samples_than_features(
    world: dict[str, np.ndarray], tmp_path: Path
) -> None:
    fitted = fit_logistic(
        **world, model=LogisticConfig(strengths=[0.1], tuning="validation"), folder=tmp_path
    )
    rows = world["train"]
    direct = LogisticRegression(C=0.1, tol=1e-8).fit(world["features"][rows], world["labels"][rows])
    assert fitted.weights["weight"] == pytest.approx(direct.coef_[0], abs=1e-4)
