"""The inputs of training: one array per job, batched by index."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytorch_lightning as pl
import torch

from exprlab.training.batches import dealt

Batch = tuple[torch.Tensor, torch.Tensor]


class IndexBatches:
    """Batches of rows, taken from the array by index.

    Over several processes each takes its share of every batch: the batch stays as large as the
    config says.

    Parameters
    ----------
    features, labels
        Shapes (n_samples, n_features) and (n_samples,).
    rows
        The samples to go through, as row numbers.
    batch_size, seed
        As for `exprlab.training.batches.dealt`.
    rank, world_size
        This process and how many there are.
    """

    def __init__(
        self,
        features: torch.Tensor,
        labels: torch.Tensor,
        rows: np.ndarray,
        batch_size: int,
        seed: int | None = None,
        rank: int = 0,
        world_size: int = 1,
    ) -> None:
        self._features, self._labels, self._rows = features, labels, rows
        self._batch_size, self._seed = batch_size, seed
        self._rank, self._world_size = rank, world_size
        self._epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Choose the order of an epoch, counted from 0."""
        self._epoch = epoch

    def __len__(self) -> int:
        return len(dealt(self._rows, self._batch_size))

    def share(self, index: int) -> float:
        """Return this process's part of a batch, as a multiple of an equal part."""
        samples = len(dealt(self._rows, self._batch_size)[index])
        mine = len(range(self._rank, samples, self._world_size))
        return mine * self._world_size / samples

    def __iter__(self) -> Iterator[Batch]:
        for batch in dealt(self._rows, self._batch_size, self._seed, self._epoch):
            index = torch.from_numpy(batch[self._rank :: self._world_size])
            yield self._features.index_select(0, index), self._labels[index]


class ExpressionData(pl.LightningDataModule):
    """Training and validation samples of one split.

    Parameters
    ----------
    features, labels
        Arrays of shape (n_samples, n_features) float32 and (n_samples,) of whole numbers.
    train, val
        Row numbers of the training and validation samples.
    batch_size
        Samples of one gradient step.
    seed
        Of the order of the training samples.
    """

    def __init__(
        self,
        features: np.ndarray,
        labels: np.ndarray,
        train: np.ndarray,
        val: np.ndarray,
        batch_size: int,
        seed: int,
    ) -> None:
        super().__init__()
        self.features = torch.from_numpy(features)
        self.labels = torch.from_numpy(labels.astype(np.int64))
        self._train, self._val, self._batch_size, self._seed = train, val, batch_size, seed

    def train_dataloader(self) -> IndexBatches:
        """Return the training batches, shuffled in each epoch."""
        return self._batches(self._train, self._seed)

    def val_dataloader(self) -> IndexBatches:
        """Return the validation batches, in order."""
        return self._batches(self._val, None)

    def _batches(self, rows: np.ndarray, seed: int | None) -> IndexBatches:
        trainer = self.trainer
        rank, world = (trainer.global_rank, trainer.world_size) if trainer else (0, 1)
        return IndexBatches(self.features, self.labels, rows, self._batch_size, seed, rank, world)
