"""What happens around Lightning's loop: curves, lines of progress, random states."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch

from exprlab.data.streams import DROPOUT, state
from exprlab.keys import (
    LEARNING_RATE,
    TRAIN_LOSS,
    TRAIN_STEP_LOSS,
    VAL_AUROC,
    VAL_LOSS,
    gradient_norm,
)
from exprlab.training.curves import CurveWriter
from exprlab.training.module import Classifier


class EpochSeeds(pl.Callback):
    """Reseeds torch and the order of the batches at each epoch's start.

    The random state is then a function of seed and epoch, so a training that resumes after an
    epoch draws exactly what the undisturbed one draws.
    """

    def __init__(self, seed: int) -> None:
        self._seed = seed

    def on_train_epoch_start(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        """Set this epoch's order and dropout."""
        trainer.train_dataloader.set_epoch(trainer.current_epoch)
        torch.manual_seed(state(self._seed, DROPOUT, trainer.current_epoch, trainer.global_rank))


class Curves(pl.Callback):
    """Writes the loss of each step and the metrics of each epoch, and prints a line per epoch.

    Epoch 0 is the network with random weights, before any gradient step.
    """

    def __init__(self, folder: Path, resumed_from: int | None, name: str, max_epochs: int) -> None:
        self._folder, self._resumed_from = folder, resumed_from
        self._name, self._max_epochs = name, max_epochs
        self._losses: list[tuple[int, torch.Tensor, int]] = []
        self._norms: list[torch.Tensor] = []
        self._times: list[tuple[int, float]] = []
        self._epoch_start = time.monotonic()

    def on_fit_start(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        """Open the files, in the first of several processes."""
        if trainer.is_global_zero:
            last_epoch = -1 if self._resumed_from is None else self._resumed_from
            self._writer = CurveWriter(self._folder, last_epoch)

    def on_train_epoch_start(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        """Start the epoch's clock."""
        self._epoch_start = time.monotonic()

    def on_before_optimizer_step(
        self, trainer: pl.Trainer, module: Classifier, optimizer: torch.optim.Optimizer
    ) -> None:
        """Keep how long the gradient of each layer is, of all processes together."""
        # Half precision scales the loss up; a fused optimiser scales its gradients down by itself.
        scaler = getattr(trainer.precision_plugin, "scaler", None)
        self._norms.append(module.gradient_norms(scaler.get_scale() if scaler else 1.0))

    def on_train_batch_end(
        self, trainer: pl.Trainer, module: pl.LightningModule, outputs: Any, batch: Any, index: int
    ) -> None:
        """Keep the loss on its device: reading it now would make a GPU wait."""
        self._losses.append((trainer.global_step, outputs["fit"], len(batch[1])))
        self._times.append((trainer.global_step, time.time()))

    def on_validation_end(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        """Write what the epoch gave."""
        steps, losses, mean = self._take_losses(trainer)
        norms, self._norms = self._norms, []
        times, self._times = self._times, []
        if not trainer.is_global_zero:
            return
        loss, auroc = (float(trainer.callback_metrics[name]) for name in (VAL_LOSS, VAL_AUROC))
        epoch = 0 if trainer.sanity_checking else trainer.current_epoch + 1
        at = trainer.global_step
        rows = [(s, epoch, TRAIN_STEP_LOSS, x) for s, x in zip(steps, losses, strict=True)]
        if mean is not None:
            rate = trainer.optimizers[0].param_groups[0]["lr"]
            rows += [(at, epoch, TRAIN_LOSS, mean), (at, epoch, LEARNING_RATE, rate)]
            rows += [(at, epoch, gradient_norm(n), x) for n, x in enumerate(_means(norms), start=1)]
        rows += [(at, epoch, VAL_LOSS, loss), (at, epoch, VAL_AUROC, auroc)]
        self._writer.add(rows, times or None)
        self._print(epoch, at, mean, loss, auroc)

    def _take_losses(self, trainer: pl.Trainer) -> tuple[list[int], list[float], float | None]:
        """Return the epoch's steps, their losses over all processes, and the mean per sample."""
        if not self._losses:
            return [], [], None
        steps, losses, sizes = zip(*self._losses, strict=True)
        self._losses = []
        each = torch.stack(losses).double()
        n = torch.tensor(sizes, dtype=each.dtype, device=each.device)
        if trainer.world_size > 1:
            total = trainer.strategy.reduce(each * n, reduce_op="sum")
            n = trainer.strategy.reduce(n, reduce_op="sum")
            each = total / n
        return list(steps), each.tolist(), float((each * n).sum() / n.sum())

    def _print(self, epoch: int, step: int, train: float | None, loss: float, auroc: float) -> None:
        if train is None:
            words = "random weights       "
        else:
            seconds = time.monotonic() - self._epoch_start
            words = f"train loss {train:.4f}  ({seconds:.2f} s)"
        print(
            f"[{self._name}] epoch {epoch:3d}/{self._max_epochs}  step {step:5d}  {words}  "
            f"val loss {loss:.4f}  val auroc {auroc:.4f}",
            flush=True,
        )


def _means(norms: list[torch.Tensor]) -> list[float]:
    """Return the mean norm of each layer over steps; those that overflowed moved no weight."""
    each = torch.stack(norms).cpu().double()
    return each.where(each.isfinite(), torch.nan).nanmean(dim=0).tolist()
