"""Training a network with Lightning: deterministic, resumable, on the device that is there."""

from __future__ import annotations

import logging
import os
import resource
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import EarlyStopping, ModelCheckpoint
from pytorch_lightning.plugins.environments import LightningEnvironment
from pytorch_lightning.utilities.exceptions import SIGTERMException

from exprlab.config.steps import MLPConfig, TrainerConfig
from exprlab.data.streams import WEIGHTS, state
from exprlab.errors import UserError
from exprlab.keys import VAL_LOSS
from exprlab.nets.mlp import MLP
from exprlab.training.callbacks import Curves, EpochSeeds
from exprlab.training.curves import CurveWriter
from exprlab.training.datamodule import ExpressionData
from exprlab.training.fitted import Fitted
from exprlab.training.module import Classifier


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
        All samples: (n_samples, n_features) float32 and (n_samples,) of 0 and 1.
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
    _quieten()
    torch.use_deterministic_algorithms(True)
    # Torch sums batch normalisation's gradients in an order that depends on the threads.
    torch.set_num_threads(1 if model.batch_norm else threads)
    last = folder / "last.ckpt"
    resumed_from = _epochs_done(last)
    torch.manual_seed(state(seed, WEIGHTS))
    options = model.settings()
    names = ("hidden", "activation", "batch_norm", "input_dropout", "dropout")
    network = MLP(features.shape[1], **{key: options[key] for key in names})
    _refuse_lonely_batches(len(train), model)
    writer = CurveWriter(folder, -1 if resumed_from is None else resumed_from)
    best = _best_checkpoint(folder, model)
    stopping = EarlyStopping(model.monitor, mode=_mode(model), patience=model.patience)
    trainer = _trainer(
        settings,
        model,
        resumed_from is not None,
        [
            EpochSeeds(seed),
            # Curves stand before stopping and checkpoints: these act on what was just written.
            Curves(writer, name, model.max_epochs),
            stopping,
            best,
            _last_checkpoint(folder, model),
        ],
    )
    data = ExpressionData(features, labels, train, val, model.batch_size, seed)
    module = Classifier(network, model)
    _announce(name, network, trainer, len(train), len(val), resumed_from)
    try:
        trainer.fit(module, data, ckpt_path=last if resumed_from else None, weights_only=True)
    except SIGTERMException:
        # Lightning would end with exit code 0, and Snakemake take the training for finished.
        sys.exit(143)
    _restore_best(network, best)
    return Fitted(
        kind=model.kind,
        architecture=network.architecture,
        weights={k: v.detach().cpu().numpy() for k, v in network.state_dict().items()},
        logits=_logits(network.cpu().eval(), data.features, model.batch_size),
        summary={
            "n_parameters": sum(p.numel() for p in network.parameters()),
            "best_epoch": _epoch_of(best),
            "epochs": trainer.current_epoch,
            "stopped": f"no better validation metric for {model.patience} epochs"
            if stopping.stopped_epoch
            else "max_epochs reached",
        },
        hardware={**_hardware(trainer), "resumed_from_epoch": resumed_from},
    )


def _quieten() -> None:
    """Leave out what Lightning says that no reader of this log can act on."""
    logging.getLogger("pytorch_lightning").setLevel(logging.WARNING)
    for message in ("Checkpoint directory .* exists", ".*LeafSpec", ".*does not have many workers"):
        warnings.filterwarnings("ignore", message=message)


def _trainer(
    settings: TrainerConfig, model: MLPConfig, resumes: bool, callbacks: list[pl.Callback]
) -> pl.Trainer:
    try:
        return pl.Trainer(
            accelerator=settings.accelerator,
            devices=settings.devices,
            strategy=settings.strategy,
            precision=settings.precision,
            max_epochs=model.max_epochs,
            callbacks=callbacks,
            # A SLURM job's variables must not make Lightning wait for processes nobody starts.
            plugins=[LightningEnvironment()] if settings.devices == 1 else None,
            deterministic=True,
            # All of validation before the first step: epoch 0 of the curves, random weights.
            num_sanity_val_steps=0 if resumes else -1,
            logger=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            use_distributed_sampler=False,
        )
    except Exception as error:  # Lightning raises many types for settings it cannot meet
        first = str(error).splitlines()[0]
        raise UserError(
            f"trainer: Lightning refuses accelerator {settings.accelerator}, devices "
            f"{settings.devices}, strategy {settings.strategy}, precision {settings.precision} "
            f"here: {first}"
        ) from None


def _mode(model: MLPConfig) -> str:
    return "min" if model.monitor == VAL_LOSS else "max"


def _best_checkpoint(folder: Path, model: MLPConfig) -> ModelCheckpoint:
    return ModelCheckpoint(
        folder,
        filename="best",
        monitor=model.monitor,
        mode=_mode(model),
        save_weights_only=True,
        enable_version_counter=False,
    )


def _last_checkpoint(folder: Path, model: MLPConfig) -> ModelCheckpoint:
    return ModelCheckpoint(
        folder,
        filename="last",
        every_n_epochs=model.checkpoint_every,
        save_on_train_epoch_end=True,
        enable_version_counter=False,
    )


def _epochs_done(checkpoint: Path) -> int | None:
    """Return after how many epochs a checkpoint was written, None without a readable one."""
    if not checkpoint.exists():
        return None
    try:
        return int(torch.load(checkpoint, weights_only=True, mmap=True)["epoch"]) + 1
    except Exception:  # a checkpoint of a crashed machine may be cut off; then training starts anew
        checkpoint.unlink()
        return None


def _epoch_of(best: ModelCheckpoint) -> int:
    return int(torch.load(best.best_model_path, weights_only=True, mmap=True)["epoch"]) + 1


def _restore_best(network: MLP, best: ModelCheckpoint) -> None:
    if best.best_model_score is None or not torch.isfinite(best.best_model_score):
        raise UserError(
            f"training: {best.monitor} is not finite; the learning rate is probably too large"
        )
    weights = torch.load(best.best_model_path, weights_only=True, map_location="cpu")["state_dict"]
    prefix = "network."
    network.cpu().load_state_dict(
        {k.removeprefix(prefix): v for k, v in weights.items() if k.startswith(prefix)}
    )


def _refuse_lonely_batches(n_train: int, model: MLPConfig) -> None:
    n_batches = -(-n_train // model.batch_size)
    if model.batch_norm and n_train // n_batches < 2:
        raise UserError(
            f"batch_norm needs batches of two samples or more; batch_size {model.batch_size} "
            f"deals {n_train} training samples into batches of {n_train // n_batches}"
        )


def _announce(
    name: str, network: MLP, trainer: pl.Trainer, n_train: int, n_val: int, resumed: int | None
) -> None:
    hardware = _hardware(trainer)
    n_parameters = sum(p.numel() for p in network.parameters())
    lines = [
        f"{network}",
        f"{n_parameters:,} weights, drawn at random; {n_train:,} training and {n_val:,} "
        "validation samples",
        f"device {hardware['device']}, precision {hardware['precision']}, "
        f"{hardware['threads']} thread(s)",
    ]
    if resumed is not None:
        lines.append(f"going on after epoch {resumed}, from the last checkpoint")
    for line in lines:
        print(f"[{name}] {line}", file=sys.stdout, flush=True)


@torch.inference_mode()
def _logits(network: MLP, features: torch.Tensor, batch_size: int) -> np.ndarray:
    parts = [network(features[i : i + batch_size]) for i in range(0, len(features), batch_size)]
    return torch.cat(parts).float().numpy()


def _hardware(trainer: pl.Trainer) -> dict[str, Any]:
    device = trainer.strategy.root_device
    on_gpu = device.type == "cuda"
    return {
        "accelerator": type(trainer.accelerator).__name__.removesuffix("Accelerator").lower(),
        "device": torch.cuda.get_device_name(device) if on_gpu else str(device),
        "precision": str(trainer.precision),
        "threads": torch.get_num_threads(),
        "peak_memory_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
        "peak_gpu_memory_mb": round(torch.cuda.max_memory_allocated(device) / 2**20)
        if on_gpu
        else None,
        "cpus": os.cpu_count(),
    }
