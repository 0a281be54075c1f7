"""Cross-validated training of a network: all folds side by side, and beside them the final one.

For each number of principal components there is a network for every fold, which lacks its samples,
and one that trains on all samples. After each epoch the samples of every fold are judged by the
networks that lack them; numbers of components count by how well they did (see `shares`). The best
epoch is kept, and the model is the mean of the networks that trained on all samples: one network
again, their hidden units side by side.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytorch_lightning as pl
import torch
from torch.nn import functional

from exprlab.config.models import MLPConfig
from exprlab.keys import VAL_AUROC, VAL_LOSS
from exprlab.nets.mlp import MLP
from exprlab.nets.side_by_side import SideBySide
from exprlab.training.datamodule import Batch, IndexBatches
from exprlab.training.encoder import MOST_COMPONENTS, Encoder, fit_encoder
from exprlab.training.module import Classifier, cross_entropy, random_network
from exprlab.training.tuning import Fold

# Numbers of components to try beside those that stand out from noise. With few samples these are
# too few as a rule: what tells classes apart does not stand out yet.
TRIED_COMPONENTS = (20, 40)
# The most, as a share of the samples: the last components are what made one sample differ.
MOST_PER_SAMPLE = 0.9
# The power of the likelihood that numbers of components count by. One chose too sharply on colon
# tumours (AUROC 0.870 for 0.886), none at all blurred what 240 simulated samples tell for sure.
TEMPER = 0.5
# Numbers of components that count less than this are left out of the model.
LEAST_SHARE = 0.05
# The label that a network is shown of a sample which it must not learn from.
HIDDEN = -1


@dataclass(frozen=True)
class Views:
    """What the networks of the folds, and last the one that trains on all samples, look at.

    Attributes
    ----------
    features
        (n_samples, n_views, n_inputs): each view has principal components of its own training
        samples.
    train_labels, held_labels
        (n_samples, n_views): the label where a view's network trains on the sample, or where it is
        held out from it; else `HIDDEN`.
    widths
        Numbers of components to try; one number, that of the genes, without an encoder.
    encoder
        Of the last view; None without one.
    pool
        Row numbers of the samples that train.
    """

    features: torch.Tensor
    train_labels: torch.Tensor
    held_labels: torch.Tensor
    widths: list[int]
    encoder: Encoder | None
    pool: np.ndarray


def make_views(
    features: np.ndarray, labels: np.ndarray, folds: list[Fold], encoded: bool, seed: int
) -> Views:
    """Return the views of the folds' networks; `encoded` for principal components, else genes."""
    pool = np.sort(np.concatenate([held for _, held in folds]))
    nothing = pool[:0]
    cuts = [*folds, (pool, nothing)]
    train_labels = np.full((len(labels), len(cuts)), HIDDEN, dtype=np.int64)
    held_labels = train_labels.copy()
    for view, (rest, held) in enumerate(cuts):
        train_labels[rest, view] = labels[rest]
        held_labels[held, view] = labels[held]
    shown = (torch.from_numpy(train_labels), torch.from_numpy(held_labels))
    if not encoded:
        inputs = torch.from_numpy(features)[:, None].expand(-1, len(cuts), -1)
        return Views(inputs, *shown, [features.shape[1]], None, pool)
    smallest = min(len(rest) for rest, _ in cuts)
    most = max(1, min(MOST_COMPONENTS, int(MOST_PER_SAMPLE * smallest), features.shape[1]))
    found = fit_encoder(features, pool, seed).weight.shape[0]
    widths = sorted({n for n in (found, *TRIED_COMPONENTS) if n < most} | {most})
    encoders = [fit_encoder(features, rest, seed, most) for rest, _ in cuts]
    inputs = torch.stack([torch.from_numpy(e.encode(features)) for e in encoders], dim=1)
    return Views(inputs, *shown, widths, encoders[-1], pool)


class FoldData(pl.LightningDataModule):
    """The samples of all folds, with the labels that each network may see."""

    def __init__(self, views: Views, batch_size: int, seed: int) -> None:
        super().__init__()
        self._views, self._batch_size, self._seed = views, batch_size, seed

    def train_dataloader(self) -> IndexBatches:
        """Return the training batches, shuffled in each epoch."""
        views = self._views
        return IndexBatches(
            views.features, views.train_labels, views.pool, self._batch_size, self._seed
        )

    def val_dataloader(self) -> IndexBatches:
        """Return the same samples in order, with the labels that were held out."""
        views = self._views
        return IndexBatches(views.features, views.held_labels, views.pool, self._batch_size)


class CrossValidation(Classifier):
    """Trains networks side by side: for each number of components, one per view.

    Parameters
    ----------
    network
        First the networks of the first number of components, in the order of the views; then those
        of the next.
    config, n_outputs
        As for `Classifier`.
    n_views
        Folds and one.
    """

    network: SideBySide

    def __init__(
        self, network: SideBySide, config: MLPConfig, n_outputs: int, n_views: int
    ) -> None:
        super().__init__(network, config, n_outputs)
        self._n_views = n_views
        self.n_networks = len(network.seen)
        self._held: list[tuple[torch.Tensor, torch.Tensor]] = []
        # How much each number of components counted after the last epoch; travels in checkpoints.
        n_numbers = len(network.seen) // n_views
        self.register_buffer("shares", torch.full((n_numbers,), 1 / n_numbers))

    def training_step(self, batch: Batch, _: int) -> dict[str, torch.Tensor]:
        """Return the sum of the members' losses, and the mean one of the final networks."""
        features, labels = batch
        logits = self(features)
        labels = labels.repeat(1, logits.shape[1] // self._n_views)
        shown = (labels != HIDDEN).to(logits.dtype)
        each = _cross_entropies(logits, labels.clamp(min=0)) * shown
        losses = each.sum(dim=0) / shown.sum(dim=0).clamp(min=1)
        penalty = self.config.l1 * self.network.weights[0].abs().sum()
        final = losses.view(-1, self._n_views)[:, -1].detach() @ self.shares
        return {"loss": losses.sum() + penalty, "fit": final}

    def validation_step(self, batch: Batch, _: int) -> None:
        """Keep what the networks say of the samples that were held out from them."""
        features, labels = batch
        self._held.append((held_out(self(features), labels), labels.max(dim=1).values))

    def on_validation_epoch_end(self) -> None:
        """Log the metrics of the mean of what the numbers of components say."""
        logits = torch.cat([logits for logits, _ in self._held])
        labels = torch.cat([labels for _, labels in self._held])
        self._held = []
        self.shares = shares(logits, labels)
        mean = mean_of(logits, self.shares)
        self.val_auroc.update(mean if mean.ndim == 1 else mean.softmax(1), labels)
        self.log(VAL_LOSS, cross_entropy(mean, labels))
        self.log(VAL_AUROC, self.val_auroc.compute())
        self.val_auroc.reset()


def _cross_entropies(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Return the loss of each sample and member, (n_samples, n_members)."""
    if logits.ndim == 2:
        return functional.binary_cross_entropy_with_logits(
            logits, labels.to(logits.dtype), reduction="none"
        )
    each = functional.cross_entropy(logits.flatten(0, 1), labels.flatten(), reduction="none")
    return each.view_as(labels)


def held_out(logits: torch.Tensor, held_labels: torch.Tensor) -> torch.Tensor:
    """Return what each sample's held-out network says of it, for each number of components.

    Parameters
    ----------
    logits
        Of all members, (n_samples, n_members[, n_classes]).
    held_labels
        (n_samples, n_views), `HIDDEN` but for the view that the sample is held out from.

    Returns
    -------
    torch.Tensor
        (n_samples, n_members / n_views[, n_classes]).
    """
    n, views = held_labels.shape
    view = (held_labels != HIDDEN).int().argmax(dim=1)
    return logits.view(n, -1, views, *logits.shape[2:])[torch.arange(n), :, view]


def shares(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Return how much each number of components counts, (n_numbers,); the sum is 1.

    As the root of its likelihood on samples that were held out: pseudo-Bayesian model averaging
    (Geisser and Eddy 1979; Yao et al. 2018), tempered, since the networks of the folds resemble
    each other and count for less than as many samples. Few samples cannot tell the numbers apart,
    and the mean over them is then better than the seemingly best; more samples leave one. Shares
    below `LEAST_SHARE` are left out.

    Parameters
    ----------
    logits, labels
        As from `held_out`, (n_samples, n_numbers[, n_classes]), and (n_samples,).
    """
    losses = torch.stack([cross_entropy(own, labels) for own in logits.unbind(dim=1)])
    found = (-TEMPER * len(labels) * losses).softmax(dim=0)
    found = found * (found >= LEAST_SHARE)
    # Losses of a training that diverged are no numbers; the metrics tell, and training stops.
    return found / found.sum()


def mean_of(logits: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """Return the weighted mean over the second dimension."""
    return torch.tensordot(logits, weights, dims=([1], [0]))


@dataclass(frozen=True)
class CrossValidated:
    """A cross-validated training: what Lightning trains, on what, and what comes of it."""

    module: CrossValidation
    data: FoldData
    views: Views

    @classmethod
    def prepare(
        cls,
        features: np.ndarray,
        labels: np.ndarray,
        folds: list[Fold],
        model: MLPConfig,
        outputs: int,
        seed: int,
    ) -> CrossValidated:
        """Draw the networks of all folds; those of a number of components begin alike."""
        views = make_views(features, labels, folds, model.encoder != "none", seed)
        n_views = len(folds) + 1
        members = [
            random_network(n, outputs, model, seed) for n in views.widths for _ in range(n_views)
        ]
        module = CrossValidation(SideBySide(members, n_views), model, outputs, n_views)
        return cls(module, FoldData(views, model.batch_size, seed), views)

    @property
    def words(self) -> list[str]:
        """What trains, in lines for the log."""
        views = self.views
        n, folds = len(views.pool), views.features.shape[1] - 1
        tried = ", ".join(f"{width:,}" for width in views.widths)
        return [
            f"{n:,} training and validation samples in {folds} folds; a network for each, and one "
            f"that trains on all; numbers of {'components' if views.encoder else 'genes'}: {tried}",
            f"{self.module.network.member(0)}",
        ]

    @torch.inference_mode()
    def finish(self) -> tuple[MLP, Encoder | None, np.ndarray]:
        """Return the model's network, its encoder and the held-out logits of the pool's samples.

        The networks have their best weights.
        """
        views, network = self.views, self.module.network
        pool, n_views = torch.from_numpy(views.pool), views.features.shape[1]
        held_labels = views.held_labels[pool]
        logits = held_out(network(views.features[pool]), held_labels)
        weights = shares(logits, held_labels.max(dim=1).values)
        kept = weights.nonzero()[:, 0]
        final = [(int(i) + 1) * n_views - 1 for i in kept]
        mean = network.mean(final, weights[kept].tolist())
        n = mean.architecture["n_inputs"]
        encoder = views.encoder.first(n) if views.encoder else None
        return mean, encoder, mean_of(logits, weights).numpy()
