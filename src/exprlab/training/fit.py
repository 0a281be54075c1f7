"""Training a network with Lightning: deterministic, resumable, on the device that is there."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch

from exprlab.config.models import MLPConfig, TrainerConfig
from exprlab.errors import UserError
from exprlab.nets.mlp import MLP
from exprlab.training.callbacks import Curves, EpochSeeds
from exprlab.training.checkpoints import (
    BestWeights,
    LastCheckpoint,
    ResumableStopping,
    better_is,
    epochs_done,
)
from exprlab.training.cross_validation import CrossValidated
from exprlab.training.datamodule import ExpressionData
from exprlab.training.encoder import Encoder, fit_encoder
from exprlab.training.fitted import Fitted
from exprlab.training.module import Classifier, random_network
from exprlab.training.outputs import outputs_of
from exprlab.training.processes import is_helper
from exprlab.training.trainer import hardware, make_trainer, quieten
from exprlab.training.tuning import tuning_folds


def fit_network(
    features: np.ndarray,
    labels: np.ndarray,
    train: np.ndarray,
    val: np.ndarray,
    model: MLPConfig,
    settings: TrainerConfig,
    seed: int,
    folder: Path,
    name: str = "mlp",
    threads: int = 1,
    patients: np.ndarray | None = None,
) -> Fitted:
    """Train a multilayer perceptron, or go on from the folder's last checkpoint.

    With few validation samples it is cross-validated, see `exprlab.training.cross_validation`.

    Parameters
    ----------
    features, labels
        All samples: (n_samples, n_features) float32 and (n_samples,) of 0, 1, ...,
        each class among them.
    train, val
        Row numbers of the training and validation samples.
    model, settings
        The network and the Trainer's settings.
    seed
        Of the random weights, the order of the samples and dropout.
    folder
        Checkpoints and curves of the unfinished training; what is found there is resumed.
    name
        Stands before each line of progress.
    threads
        CPU threads; their number changes no bit of the result.
    patients
        Of all samples: a fold holds out whole patients. None: each sample is one of its own.

    Raises
    ------
    UserError
        If the loss is not finite, or the settings do not fit the machine.
    """
    quieten()
    _be_deterministic()
    outputs = outputs_of(labels, model.output)
    # A batch shows all its samples to the normalisation; a fold must not see those it lacks.
    tuning = "validation" if model.batch_norm else model.tuning
    folds = tuning_folds(labels, train, val, patients, tuning, seed)
    # Torch sums batch normalisation's gradients, and many small products at once, in an order that
    # depends on the threads.
    torch.set_num_threads(1 if model.batch_norm or folds else threads)
    training: Validated | CrossValidated
    if folds:
        # A few hundred samples are not worth a second device.
        alone = {"devices": 1, "num_nodes": 1, "strategy": "auto"}
        settings = settings.model_copy(update=alone)
        if is_helper():
            sys.exit(0)
        training = CrossValidated.prepare(features, labels, folds, model, outputs, seed)
    else:
        _refuse_small_shares(len(train), model, settings.processes)
        training = Validated.prepare(features, labels, train, val, model, outputs, seed)
    last, best = folder / "last.ckpt", BestWeights(model)
    resumed_from = epochs_done(last)
    callbacks = [
        EpochSeeds(seed),
        # Curves stand before stopping and checkpoints: these act on what was just written.
        Curves(folder, resumed_from, name, model.max_epochs),
        ResumableStopping(model.monitor, mode=better_is(model), patience=model.patience),
        best,
        LastCheckpoint(last, model),
    ]
    trainer = make_trainer(settings, model, resumed_from is not None, callbacks)
    _announce(name, training.words, trainer, resumed_from)
    _fit(trainer, training.module, training.data, last if resumed_from else None)
    # Whatever the precision of training was, the model that is kept is float32.
    best.restore(training.module.network.cpu().float().eval())
    network, encoder, held_logits = training.finish()
    whole = encoder.fold(network) if encoder else network
    logits = _logits(whole, torch.from_numpy(features), model.batch_size)
    if folds:
        logits[training.views.pool] = held_logits
    return Fitted(
        kind=model.kind,
        architecture=whole.architecture,
        weights={k: v.detach().numpy() for k, v in whole.state_dict().items()},
        logits=logits,
        summary={
            **_summary(whole, trainer, best),
            "n_trained": sum(p.numel() for p in network.parameters()),
            "components": network.architecture["n_inputs"] if encoder else None,
        },
        hardware={**hardware(trainer), "resumed_from_epoch": resumed_from},
        cross_validated=bool(folds),
    )


def _be_deterministic() -> None:
    torch.use_deterministic_algorithms(True)
    # A GPU that rounds the factors of a product to 10 bits is no longer comparable with a CPU.
    torch.set_float32_matmul_precision("highest")
    torch.backends.cudnn.allow_tf32 = False
    # Filling memory that is about to be written only helps to find bugs in torch itself.
    torch.utils.deterministic.fill_uninitialized_memory = False


@dataclass(frozen=True)
class Validated:
    """A training on the training samples, tuned on the validation samples."""

    module: Classifier
    data: ExpressionData
    encoder: Encoder | None
    words: list[str]

    @classmethod
    def prepare(
        cls,
        features: np.ndarray,
        labels: np.ndarray,
        train: np.ndarray,
        val: np.ndarray,
        model: MLPConfig,
        outputs: int,
        seed: int,
    ) -> Validated:
        """Draw the network and fit the encoder before it, if there is one."""
        encoder = fit_encoder(features, train, seed) if model.encoder != "none" else None
        inputs = encoder.encode(features) if encoder else features
        network = random_network(inputs.shape[1], outputs, model, seed)
        data = ExpressionData(inputs, labels, train, val, model.batch_size, seed)
        n, n_genes = inputs.shape[1], features.shape[1]
        found = [f"{n} principal components of {n_genes:,} genes are the inputs"] if encoder else []
        n_parameters = sum(p.numel() for p in network.parameters())
        words = [
            *found,
            f"{network}",
            f"{n_parameters:,} weights, drawn at random; {len(train):,} training and {len(val):,} "
            "validation samples",
        ]
        return cls(Classifier(network, model, outputs), data, encoder, words)

    def finish(self) -> tuple[MLP, Encoder | None, None]:
        """Return the network, its encoder, and no logits that were held out."""
        return self.module.network, self.encoder, None


def _fit(
    trainer: pl.Trainer, module: Classifier, data: pl.LightningDataModule, checkpoint: Path | None
) -> None:
    try:
        trainer.fit(module, data, ckpt_path=checkpoint, weights_only=True)
    except SystemExit as end:
        # With 1 Lightning ends after Ctrl-C.
        if end.code == 1 and trainer.interrupted:
            raise KeyboardInterrupt from None
        raise
    if not trainer.is_global_zero:
        # Of several processes, the first one goes on; the others have done their part.
        sys.exit(0)


def _summary(network: MLP, trainer: pl.Trainer, best: BestWeights) -> dict[str, Any]:
    return {
        "n_parameters": sum(p.numel() for p in network.parameters()),
        "best_epoch": best.epoch,
        "epochs": trainer.current_epoch,
        "stopped": trainer.early_stopping_callback.reason() or "max_epochs reached",
    }


def _refuse_small_shares(n_train: int, model: MLPConfig, processes: int) -> None:
    smallest = n_train // -(-n_train // model.batch_size) // processes
    needed, what = (2, "batch_norm") if model.batch_norm else (1, "training")
    if smallest < needed:
        raise UserError(
            f"{what} needs {needed} sample(s) or more in a batch of each process; batch_size "
            f"{model.batch_size} over {processes} process(es) deals {n_train} training samples "
            f"into shares of {smallest}"
        )


def _announce(name: str, words: list[str], trainer: pl.Trainer, resumed: int | None) -> None:
    if not trainer.is_global_zero:
        return
    facts = hardware(trainer)
    lines = [
        *words,
        f"device {facts['device']}, precision {facts['precision']}, {facts['threads']} thread(s), "
        f"{trainer.world_size} process(es)",
    ]
    if resumed is not None:
        lines.append(f"going on after epoch {resumed}, from the last checkpoint")
    for line in lines:
        print(f"[{name}] {line}", flush=True)


@torch.inference_mode()
def _logits(network: MLP, features: torch.Tensor, batch_size: int) -> np.ndarray:
    parts = [network(features[i : i + batch_size]) for i in range(0, len(features), batch_size)]
    return torch.cat(parts).float().numpy()
