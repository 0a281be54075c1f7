"""Training the network from scratch: epochs of gradient descent, the best of them kept."""

from __future__ import annotations

import copy
import os
from pathlib import Path
from typing import NamedTuple

import numpy as np

from exprlab.config.models import ScratchMLPConfig
from exprlab.data.streams import WEIGHTS, stream
from exprlab.errors import UserError
from exprlab.keys import (
    LEARNING_RATE,
    TRAIN_LOSS,
    TRAIN_STEP_LOSS,
    VAL_AUROC,
    VAL_LOSS,
    gradient_norm,
)
from exprlab.nets.scratch import MLP, GradientDescent, cross_entropy
from exprlab.training.batches import dealt
from exprlab.training.curves import CurveWriter, Row
from exprlab.training.fitted import Fitted, cpu_facts
from exprlab.training.outputs import outputs_of
from exprlab.training.tuning import auroc_of


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
    outputs = outputs_of(labels, model.output)
    rng = stream(seed, WEIGHTS)
    network = MLP.random(
        features.shape[1], model.hidden, outputs, rng, model.activation, np.float32
    )
    sizes = [features.shape[1], *model.hidden, outputs]
    n_parameters = sum(layer.weights.size + layer.bias.size for layer in network.layers)
    print(f"[{name}] NumPy network {' -> '.join(f'{n:,}' for n in sizes)}, {model.activation}; "
          f"{n_parameters:,} weights, drawn at random", flush=True)  # fmt: skip
    curves = _Curves(folder, name, model)
    curves.judge(network, features[val], labels[val])
    descent = GradientDescent(model.learning_rate, model.momentum, model.weight_decay)
    best_loss, best, kept, epochs = np.inf, 0, network, 0
    while epochs < model.max_epochs and epochs - best < model.patience:
        batches = dealt(train, model.batch_size, seed, epochs)
        epochs += 1
        # What overflows is told once, by the loss.
        with np.errstate(over="ignore", invalid="ignore"):
            curves.add(_train(network, descent, features, labels, batches), epochs)
            loss = curves.judge(network, features[val], labels[val])
        if loss < best_loss:
            best_loss, best, kept = loss, epochs, copy.deepcopy(network)
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


class Step(NamedTuple):
    """A step of gradient descent: from before it the loss, each layer's gradient norm."""

    loss: float
    n_samples: int
    gradient_norms: list[float]


def _train(
    network: MLP,
    descent: GradientDescent,
    features: np.ndarray,
    labels: np.ndarray,
    batches: list[np.ndarray],
) -> list[Step]:
    """Take a step for each batch."""
    found = []
    for rows in batches:
        loss, gradients = network.backpropagate(features[rows], labels[rows])
        norms = [float(np.linalg.norm(gradient.weights)) for gradient in gradients]
        descent.step(network, gradients)
        found.append(Step(loss, len(rows), norms))
    return found


class _Curves:
    """Writes what the epochs give, prints a line for each, and ends a training that diverges."""

    def __init__(self, folder: Path, name: str, model: ScratchMLPConfig) -> None:
        self._writer, self._name, self._model = CurveWriter(folder), name, model
        self._step, self._epoch, self._rows = 0, 0, list[Row]()
        self._words = "random weights"

    def add(self, steps: list[Step], epoch: int) -> None:
        """Add the losses and gradients of an epoch's steps."""
        losses, sizes, norms = zip(*steps, strict=True)
        self._refuse(*losses)
        self._epoch = epoch
        mean = float(np.average(losses, weights=sizes))
        self._rows = [
            (self._step + i, epoch, TRAIN_STEP_LOSS, loss) for i, loss in enumerate(losses, start=1)
        ]
        self._step += len(losses)
        self._rows += [
            (self._step, epoch, TRAIN_LOSS, mean),
            (self._step, epoch, LEARNING_RATE, self._model.learning_rate),
        ]
        self._rows += [
            (self._step, epoch, gradient_norm(layer), float(norm))
            for layer, norm in enumerate(np.mean(norms, axis=0), start=1)
        ]
        self._words = f"train loss {mean:.4f}"

    def judge(self, network: MLP, features: np.ndarray, labels: np.ndarray) -> float:
        """Write the epoch with its loss and AUROC on validation samples; return that loss."""
        logits = network.logits(features)
        loss = cross_entropy(logits, labels)
        self._refuse(loss)
        auroc = auroc_of(labels, logits[:, 0] if logits.shape[1] == 1 else logits)
        at = (self._step, self._epoch)
        self._writer.add([*self._rows, (*at, VAL_LOSS, loss), (*at, VAL_AUROC, auroc)])
        where = f"epoch {self._epoch:3}/{self._model.max_epochs}  step {self._step:5}"
        found = f"{self._words}  val loss {loss:.4f}  val auroc {auroc:.4f}"
        print(f"[{self._name}] {where}  {found}", flush=True)
        return loss

    def _refuse(self, *losses: float) -> None:
        if not np.isfinite(losses).all():
            raise UserError(
                f"training: the loss is {losses[-1]}: with learning_rate "
                f"{self._model.learning_rate:g} each step leaps over the valley and lands higher; "
                "try a tenth of it"
            )


def _by_torchs_names(network: MLP) -> dict[str, np.ndarray]:
    """Return the weights as `exprlab.nets.mlp.MLP` calls them: one network, whoever trained it."""
    arrays = {}
    # In torch each activation is a layer of its own.
    for number, layer in enumerate(network.layers):
        arrays[f"layers.{2 * number}.weight"] = layer.weights
        arrays[f"layers.{2 * number}.bias"] = layer.bias
    return arrays
