"""Which evaluation design a data set gets, settled before any job runs."""

from __future__ import annotations

from exprlab.cohort.glance import Glance, glance
from exprlab.config.designs import ENOUGH_FOR_HOLDOUT, Design
from exprlab.config.files import FilesDataset
from exprlab.config.steps import SimulatedDataset, SplitConfig
from exprlab.errors import UserError
from exprlab.keys import HOLDOUT, K_FOLD, LEAVE_ONE_BATCH_OUT, PUBLISHED


def plan_design(name: str, dataset: SimulatedDataset | FilesDataset, split: SplitConfig) -> Design:
    """Settle the design of a data set and its number of folds.

    Parameters
    ----------
    name
        Of the data set, for messages.
    dataset
        Its settings; of files the sample table is looked at, where the design depends on it.
    split
        The wanted design.

    Raises
    ------
    UserError
        If the data set does not have what the design needs.
    """
    if split.design == K_FOLD:
        return Design(K_FOLD, split.folds)
    if split.design == HOLDOUT:
        return Design(HOLDOUT)
    found = _look(dataset)
    if split.design == "auto":
        if found.has_split:
            return Design(PUBLISHED)
        enough = found.n_samples >= ENOUGH_FOR_HOLDOUT
        return Design(HOLDOUT) if enough else Design(K_FOLD, split.folds)
    if split.design == PUBLISHED and not found.has_split:
        raise UserError(
            f"split.design: published, but datasets.{name} has no column of a split; name it in "
            f"datasets.{name}.columns.split, or choose holdout or k_fold"
        )
    if split.design == LEAVE_ONE_BATCH_OUT and len(found.batches) < 2:
        raise UserError(
            f"split.design: leave_one_batch_out, but datasets.{name} has {len(found.batches)} "
            f"batches; two are needed at least. Name the column in datasets.{name}.columns.batch, "
            "or choose k_fold"
        )
    folds = len(found.batches) if split.design == LEAVE_ONE_BATCH_OUT else 0
    return Design(split.design, folds)


def _look(dataset: SimulatedDataset | FilesDataset) -> Glance:
    if isinstance(dataset, FilesDataset):
        return glance(dataset)
    batches = map(str, range(dataset.simulator_config().n_batches))
    return Glance(dataset.n_samples, frozenset(batches))
