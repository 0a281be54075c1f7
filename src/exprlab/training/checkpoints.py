"""What a training keeps: the weights of its best epoch, and all that it takes to go on."""

from __future__ import annotations

import signal
import sys
import time
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import Checkpoint, EarlyStopping
from pytorch_lightning.plugins.io import TorchCheckpointIO

from exprlab.config.models import MLPConfig
from exprlab.errors import UserError
from exprlab.files import atomic_path
from exprlab.keys import VAL_LOSS
from exprlab.training.processes import ENDINGS, TERMINATED, say_if_warned

SECONDS_BETWEEN_CHECKPOINTS = 60.0


def better_is(model: MLPConfig) -> str:
    """Return whether a better validation metric is smaller ('min') or larger ('max')."""
    return "min" if model.monitor == VAL_LOSS else "max"


class BestWeights(pl.Callback):
    """Keeps the network's weights of the epoch with the best validation metric.

    They stay in memory and travel in the checkpoint of the whole training: writing them to disk
    at every better epoch took more time than all else that Lightning adds to an epoch.

    Attributes
    ----------
    epoch
        The best epoch, counted from 1; 0 before the first.
    """

    def __init__(self, model: MLPConfig) -> None:
        self._monitor, self._sign = model.monitor, 1.0 if better_is(model) == "max" else -1.0
        self._score = -torch.inf
        self._weights: dict[str, torch.Tensor] = {}
        self.epoch = 0

    def on_validation_end(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        """Copy the weights if this epoch is better than all before."""
        score = self._sign * float(trainer.callback_metrics[self._monitor])
        if trainer.sanity_checking or not score > self._score:
            return
        self._score, self.epoch = score, trainer.current_epoch + 1
        self._weights = {k: v.detach().clone() for k, v in module.network.state_dict().items()}

    def restore(self, network: torch.nn.Module) -> None:
        """Give the network its best weights.

        Raises
        ------
        UserError
            If no epoch had a finite validation metric.
        """
        if not self.epoch:
            raise UserError(
                f"training: {self._monitor} is not finite; the learning rate is probably too large"
            )
        network.load_state_dict(self._weights)

    def state_dict(self) -> dict[str, Any]:
        """Return what a checkpoint holds of this."""
        return {"score": self._score, "epoch": self.epoch, "weights": self._weights}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take over what a checkpoint holds of this."""
        self._score, self.epoch, self._weights = state["score"], state["epoch"], state["weights"]


class ResumableStopping(EarlyStopping):
    """Early stopping that a resumed training remembers.

    Lightning saves how long the metric has not been better, but not that training had ended: a
    job killed between its last epoch and its outputs would train on.
    """

    def on_train_start(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        """Train no further if training had stopped."""
        super().on_train_start(trainer, module)
        if self.reason():
            trainer.should_stop = True

    def reason(self) -> str:
        """Return why training was stopped early, '' if it was not."""
        if self.wait_count >= self.patience:
            return f"no better validation metric for {self.patience} epochs"
        if self.stopped_epoch:
            return f"{self.monitor} was no longer finite; the learning rate may be too large"
        return ""


class PlainCheckpointIO(TorchCheckpointIO):
    """Writes a checkpoint straight to its file, half the time of Lightning's way by memory."""

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any = None
    ) -> None:
        """Write under a temporary name, then rename: a kill leaves the checkpoint before."""
        with atomic_path(path) as temporary:
            torch.save(checkpoint, temporary)


class LastCheckpoint(Checkpoint):
    """Keeps all that it takes to go on: weights, optimiser, schedule, callbacks.

    At the end of an epoch: every `checkpoint_every`, at least once a minute, and when the job is
    told to end (SIGTERM, or SIGUSR1 as a warning). Then the training ends, too, with exit code 143
    and nothing of the epoch lost; a second signal ends it at once.
    """

    def __init__(self, path: Path, model: MLPConfig) -> None:
        self._path, self._every = path, model.checkpoint_every
        self._told_to_end = False
        self._saved = time.monotonic()

    def on_train_start(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        """Listen. Lightning's own way, to end within an epoch, may hang several processes."""
        for number in ENDINGS:
            signal.signal(number, self._end)

    def _end(self, number: int, frame: object) -> None:
        if self._told_to_end:
            sys.exit(TERMINATED)
        self._told_to_end = True
        say_if_warned(number)

    def on_train_epoch_end(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        """Write a checkpoint where one is due. Several processes do it together, or none does."""
        late = time.monotonic() - self._saved > SECONDS_BETWEEN_CHECKPOINTS
        decide = trainer.strategy.reduce_boolean_decision
        ends = decide(self._told_to_end, all=False)
        if ends or (trainer.current_epoch + 1) % self._every == 0 or decide(late, all=False):
            trainer.save_checkpoint(self._path)
            self._saved = time.monotonic()
        if ends:
            sys.exit(TERMINATED)


def epochs_done(checkpoint: Path) -> int | None:
    """Return after how many epochs a checkpoint was written, None without a readable one."""
    if not checkpoint.exists():
        return None
    try:
        return int(torch.load(checkpoint, weights_only=True, mmap=True)["epoch"]) + 1
    except Exception:  # a checkpoint of a crashed machine may be cut off; then training starts anew
        checkpoint.unlink(missing_ok=True)
        return None
