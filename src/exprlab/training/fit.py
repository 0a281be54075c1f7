"""Training a network with Lightning: deterministic, resumable, on the device that is there."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
from pytorch_lightning.utilities.exceptions import SIGTERMException

from exprlab.config.steps import MLPConfig, TrainerConfig
from exprlab.data.streams import WEIGHTS, state
from exprlab.errors import UserError
from exprlab.nets.mlp import MLP
from exprlab.outputs import n_outputs
from exprlab.training.callbacks import Curves, EpochSeeds
from exprlab.training.checkpoints import (
    BestWeights,
    ResumableStopping,
    better_is,
    epochs_done,
    last_checkpoint,
)
from exprlab.training.datamodule import ExpressionData
from exprlab.training.encoder import fit_encoder
from exprlab.training.fitted import Fitted
from exprlab.training.module import Classifier
from exprlab.training.trainer import hardware, make_trainer, quieten


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
) -> Fitted:
    """Train a multilayer perceptron, or go on from the folder's last checkpoint.

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

    Raises
    ------
    UserError
        If the loss is not finite, or the settings do not fit the machine.
    """
    quieten()
    torch.use_deterministic_algorithms(True)
    # A GPU that rounds the factors of a product to 10 bits is no longer comparable with a CPU.
    torch.set_float32_matmul_precision("highest")
    torch.backends.cudnn.allow_tf32 = False
    # Filling memory that is about to be written only helps to find bugs in torch itself.
    torch.utils.deterministic.fill_uninitialized_memory = False
    # Torch sums batch normalisation's gradients in an order that depends on the threads.
    torch.set_num_threads(1 if model.batch_norm else threads)
    _refuse_lonely_batches(len(train), model, settings.devices)
    outputs = n_outputs(int(labels.max()) + 1)
    encoder = fit_encoder(features, train, seed) if model.encoder != "none" else None
    inputs = encoder.encode(features) if encoder else features
    network = _random_network(inputs.shape[1], outputs, model, seed)
    last, best = folder / "last.ckpt", BestWeights(model)
    resumed_from = epochs_done(last)
    callbacks = [
        EpochSeeds(seed),
        # Curves stand before stopping and checkpoints: these act on what was just written.
        Curves(folder, resumed_from, name, model.max_epochs),
        ResumableStopping(model.monitor, mode=better_is(model), patience=model.patience),
        best,
        last_checkpoint(folder, model),
    ]
    trainer = make_trainer(settings, model, resumed_from is not None, callbacks)
    data = ExpressionData(inputs, labels, train, val, model.batch_size, seed)
    if encoder and trainer.is_global_zero:
        components, genes = encoder.weight.shape
        print(f"[{name}] {components} principal components of {genes:,} genes are the inputs")
    _announce(name, network, trainer, len(train), len(val), resumed_from)
    _fit(trainer, Classifier(network, model, outputs), data, last if resumed_from else None)
    # Whatever the precision of training was, the model that is kept is float32.
    best.restore(network.cpu().float().eval())
    whole = encoder.fold(network) if encoder else network
    return Fitted(
        kind=model.kind,
        architecture=whole.architecture,
        weights={k: v.detach().numpy() for k, v in whole.state_dict().items()},
        logits=_logits(whole, torch.from_numpy(features), model.batch_size),
        summary={
            **_summary(whole, trainer, best, model),
            "n_trained": sum(p.numel() for p in network.parameters()),
            "components": inputs.shape[1] if encoder else None,
        },
        hardware={**hardware(trainer), "resumed_from_epoch": resumed_from},
    )


def _random_network(n_inputs: int, outputs: int, model: MLPConfig, seed: int) -> MLP:
    torch.manual_seed(state(seed, WEIGHTS))
    options = model.settings()
    names = ("hidden", "activation", "batch_norm", "input_dropout", "dropout")
    return MLP(n_inputs, n_outputs=outputs, **{name: options[name] for name in names})


def _fit(
    trainer: pl.Trainer, module: Classifier, data: ExpressionData, checkpoint: Path | None
) -> None:
    try:
        trainer.fit(module, data, ckpt_path=checkpoint, weights_only=True)
    except SIGTERMException:
        # Lightning would end with exit code 0, and Snakemake take the training for finished.
        sys.exit(143)
    except SystemExit:
        # So Lightning ends after Ctrl-C.
        if trainer.interrupted:
            raise KeyboardInterrupt from None
        raise
    if not trainer.is_global_zero:
        # Of several processes, the first one goes on; the others have done their part.
        sys.exit(0)


def _summary(
    network: MLP, trainer: pl.Trainer, best: BestWeights, model: MLPConfig
) -> dict[str, Any]:
    return {
        "n_parameters": sum(p.numel() for p in network.parameters()),
        "best_epoch": best.epoch,
        "epochs": trainer.current_epoch,
        "stopped": trainer.early_stopping_callback.reason() or "max_epochs reached",
    }


def _refuse_lonely_batches(n_train: int, model: MLPConfig, devices: int) -> None:
    smallest = n_train // -(-n_train // model.batch_size) // devices
    if model.batch_norm and smallest < 2:
        raise UserError(
            f"batch_norm needs two samples or more in a batch of each device; batch_size "
            f"{model.batch_size} on {devices} device(s) deals {n_train} training samples into "
            f"batches of {smallest}"
        )


def _announce(
    name: str, network: MLP, trainer: pl.Trainer, n_train: int, n_val: int, resumed: int | None
) -> None:
    if not trainer.is_global_zero:
        return
    facts = hardware(trainer)
    n_parameters = sum(p.numel() for p in network.parameters())
    lines = [
        f"{network}",
        f"{n_parameters:,} weights, drawn at random; {n_train:,} training and {n_val:,} "
        "validation samples",
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
