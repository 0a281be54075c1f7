"""Training the network from scratch: epochs of gradient descent, the best of them kept."""

from __future__ import annotations

import copy
import os
from pathlib import Path

import numpy as np
from sklearn.metrics import roc_auc_score

from exprlab.config.models import ScratchMLPConfig
from exprlab.data.streams import WEIGHTS, stream
from exprlab.errors import UserError
from exprlab.keys import LEARNING_RATE, TRAIN_LOSS, TRAIN_STEP_LOSS, VAL_AUROC, VAL_LOSS
from exprlab.nets.scratch import MLP, GradientDescent, class_probabilities, cross_entropy
from exprlab.outputs import n_outputs
from exprlab.training.batches import dealt
from exprlab.training.curves import CurveWriter, Row
from exprlab.training.fitted import Fitted, cpu_facts


def fit_scratch(
    features: np.ndarray,
    labels: np.ndarray,
    train: np.ndarray,
    val: np.ndarray,
    model: ScratchMLPConfig,
    seed: int,
    folder: Path,
    name: str = "scratch_mlp",
    patients: np.ndarray | None = None,
) -> Fitted:
    """Train the NumPy network; the epoch with the smallest validation loss is kept.

    Parameters
    ----------
    features, labels, train, val
        As for `exprlab.training.fit.fit_network`.
    model
        The network, and how long its steps are.
    seed
        Of the random weights and the order of the samples.
    folder
        Where the curves are written.
    name
        Stands before each line of progress.
    patients
        Not used: all tuning is on the validation samples.

    Raises
    ------
    UserError
        If the loss is not finite.
    """
    outputs = n_outputs(int(labels.max()) + 1)
    rng = stream(seed, WEIGHTS)
    network = MLP.random(
        features.shape[1], model.hidden, outputs, rng, model.activation, np.float32
    )
    sizes = [features.shape[1], *model.hidden, outputs]
    n_parameters = sum(layer.weights.size + layer.bias.size for layer in network.layers)
    print(f"[{name}] NumPy network {' -> '.join(f'{n:,}' for n in sizes)}, {model.activation}; "
          f"{n_parameters:,} weights, drawn at random", flush=True)  # fmt: skip
    kept, best, epochs = _descend(network, features, labels, train, val, model, seed, folder, name)
    early = epochs < model.max_epochs
    logits = kept.logits(features)
    return Fitted(
        kind=model.kind,
        architecture={
            "n_inputs": features.shape[1],
            "hidden": list(model.hidden),
            "activation": model.activation,
            "n_outputs": outputs,
        },
        weights=_by_torchs_names(kept),
        logits=logits[:, 0] if outputs == 1 else logits,
        summary={
            "n_parameters": n_parameters,
            "best_epoch": best,
            "epochs": epochs,
            "stopped": f"no better validation metric for {model.patience} epochs"
            if early
            else "max_epochs reached",
        },
        hardware={
            **cpu_facts(threads=int(os.environ.get("OMP_NUM_THREADS", "1"))),
            "precision": "32-true",
        },
    )


def _descend(
    network: MLP,
    features: np.ndarray,
    labels: np.ndarray,
    train: np.ndarray,
    val: np.ndarray,
    model: ScratchMLPConfig,
    seed: int,
    folder: Path,
    name: str,
) -> tuple[MLP, int, int]:
    """Return the network of the best epoch, which epoch that is, and how many there were."""
    optimiser = GradientDescent(model.learning_rate, model.momentum, model.weight_decay)
    writer, step = CurveWriter(folder), 0
    best_loss, auroc = _judge(network, features[val], labels[val])
    writer.add([(0, 0, VAL_LOSS, best_loss), (0, 0, VAL_AUROC, auroc)])
    best_loss, best, kept = np.inf, 0, network
    epoch = 0
    while epoch < model.max_epochs and epoch - best < model.patience:
        losses, sizes = [], []
        for rows in dealt(train, model.batch_size, seed, epoch):
            # What overflows is told once, by the loss, below.
            with np.errstate(over="ignore", invalid="ignore"):
                loss, gradients = network.backpropagate(features[rows], labels[rows])
                optimiser.step(network, gradients)
            losses.append(loss)
            sizes.append(len(rows))
        epoch += 1
        if not np.isfinite(losses).all():
            raise UserError(
                f"training: the loss is {losses[-1]} after {step + len(losses)} steps: with "
                f"learning_rate {model.learning_rate:g} each step leaps over the valley and lands "
                "higher; try a tenth of it"
            )
        rows_of_epoch: list[Row] = [
            (step + i, epoch, TRAIN_STEP_LOSS, loss) for i, loss in enumerate(losses, start=1)
        ]
        step += len(losses)
        mean = float(np.average(losses, weights=sizes))
        loss, auroc = _judge(network, features[val], labels[val])
        writer.add(
            [
                *rows_of_epoch,
                (step, epoch, TRAIN_LOSS, mean),
                (step, epoch, LEARNING_RATE, model.learning_rate),
                (step, epoch, VAL_LOSS, loss),
                (step, epoch, VAL_AUROC, auroc),
            ]
        )
        print(f"[{name}] epoch {epoch:3}/{model.max_epochs}  step {step:5}  train loss {mean:.4f}"
              f"  val loss {loss:.4f}  val auroc {auroc:.4f}", flush=True)  # fmt: skip
        if loss < best_loss:
            best_loss, best, kept = loss, epoch, copy.deepcopy(network)
    return kept, best, epoch


def _judge(network: MLP, features: np.ndarray, labels: np.ndarray) -> tuple[float, float]:
    """Return mean loss and AUROC, of more than two classes the mean of each against the rest."""
    logits = network.logits(features)
    probability = class_probabilities(logits)
    scores = logits[:, 0] if logits.shape[1] == 1 else probability.astype(np.float64)
    if scores.ndim == 2:
        scores /= scores.sum(axis=1, keepdims=True)
    return cross_entropy(logits, labels), float(roc_auc_score(labels, scores, multi_class="ovr"))


def _by_torchs_names(network: MLP) -> dict[str, np.ndarray]:
    """Return the weights as `exprlab.nets.mlp.MLP` calls them: one network, whoever trained it."""
    arrays = {}
    # In torch each activation is a layer of its own.
    for number, layer in enumerate(network.layers):
        arrays[f"layers.{2 * number}.weight"] = layer.weights
        arrays[f"layers.{2 * number}.bias"] = layer.bias
    return arrays
