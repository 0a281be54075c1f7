"""What Lightning trains: a network, its loss, its validation metrics and its optimiser."""

from __future__ import annotations

import math
from typing import Any

import pytorch_lightning as pl
import torch
from torch import nn
from torch.nn import functional
from torchmetrics import MeanMetric
from torchmetrics.classification import BinaryAUROC, MulticlassAUROC

from exprlab.config.models import MLPConfig
from exprlab.data.streams import WEIGHTS, state
from exprlab.keys import VAL_AUROC, VAL_LOSS
from exprlab.nets.mlp import MLP
from exprlab.training.datamodule import Batch


def random_network(n_inputs: int, outputs: int, model: MLPConfig, seed: int) -> MLP:
    """Return the network of these settings with the weights that a training begins with."""
    torch.manual_seed(state(seed, WEIGHTS))
    options = model.settings()
    names = ("hidden", "activation", "batch_norm", "input_dropout", "dropout")
    return MLP(n_inputs, n_outputs=outputs, **{name: options[name] for name in names})


def cross_entropy(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Return the mean loss (nats) of logits as a network gives them against integer labels."""
    if logits.ndim == 1:
        return functional.binary_cross_entropy_with_logits(logits, labels.to(logits.dtype))
    return functional.cross_entropy(logits, labels)


class Classifier(pl.LightningModule):
    """A network trained with cross-entropy.

    Parameters
    ----------
    network
        Maps features (n_samples, n_features) to logits: (n_samples,) for two classes,
        (n_samples, n_classes) for more.
    config
        Optimiser, step size and schedule.
    n_outputs
        Logits of a sample.
    """

    n_networks = 1

    def __init__(self, network: nn.Module, config: MLPConfig, n_outputs: int = 1) -> None:
        super().__init__()
        self.network = network
        self.config = config
        # torchmetrics adds up over batches and processes, so each sample counts exactly once.
        self.val_loss = MeanMetric()
        self.val_auroc = BinaryAUROC() if n_outputs == 1 else MulticlassAUROC(n_outputs)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Return logits."""
        return self.network(features)

    def training_step(self, batch: Batch, index: int) -> dict[str, torch.Tensor]:
        """Return the loss against the labels, and with the penalty what is backpropagated.

        The gradients of several processes are averaged: weighted by its share of the batch, each
        sample counts as much as in one process.
        """
        features, labels = batch
        fit = cross_entropy(self(features), labels)
        penalty = self.config.l1 * self.network.weights[0].abs().sum()
        if self.trainer.world_size == 1:
            return {"loss": fit + penalty, "fit": fit.detach()}
        share = self.trainer.train_dataloader.share(index)
        return {"loss": share * fit + penalty, "fit": fit.detach()}

    @torch.no_grad()
    def gradient_norms(self, scale: float = 1.0) -> torch.Tensor:
        """Return how long the gradient of the loss by each layer's weights is, (n_layers,).

        After backpropagation, without the penalty. Of networks that are trained side by side the
        root of the mean square.

        Parameters
        ----------
        scale
            What the loss was multiplied by before backpropagation, as in mixed precision.
        """
        first, *others = self.network.weights
        slopes = [first.grad, *(weight.grad for weight in others)]
        if self.config.l1:
            slopes[0] = torch.sub(first.grad, first.sign(), alpha=scale * self.config.l1)
        norms = torch.stack([torch.linalg.vector_norm(slope) for slope in slopes])
        return norms / (scale * math.sqrt(self.n_networks))

    def validation_step(self, batch: Batch, _: int) -> None:
        """Add a batch to the validation metrics."""
        features, labels = batch
        logits = self(features)
        self.val_loss.update(cross_entropy(logits, labels), weight=len(labels))
        # Each class is ranked against the rest by its probability: logits rank within a sample.
        self.val_auroc.update(logits if logits.ndim == 1 else logits.softmax(1), labels)

    def on_validation_epoch_end(self) -> None:
        """Log the metrics that early stopping, the best checkpoint and the curves go by."""
        for name, metric in ((VAL_LOSS, self.val_loss), (VAL_AUROC, self.val_auroc)):
            # Every process has the same value; saying sync_dist keeps Lightning from warning.
            self.log(name, metric.compute(), sync_dist=True)
            metric.reset()

    def configure_optimizers(self) -> Any:
        """Return the optimiser, with a schedule if the config names one."""
        config = self.config
        if config.optimizer == "sgd":
            optimizer: torch.optim.Optimizer = torch.optim.SGD(
                self.parameters(),
                lr=config.learning_rate,
                momentum=config.momentum,
                weight_decay=config.weight_decay,
                fused=True,
            )
        else:
            # A 20,000-input layer is bound by memory traffic; the fused update reads it once.
            optimizer = torch.optim.AdamW(
                self.parameters(),
                lr=config.learning_rate,
                weight_decay=config.weight_decay,
                fused=True,
            )
        if config.schedule == "cosine":
            schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, config.max_epochs)
            return {"optimizer": optimizer, "lr_scheduler": schedule}
        return optimizer
