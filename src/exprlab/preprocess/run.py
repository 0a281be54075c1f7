"""Fitting and applying a preprocessing to a counts file, block by block."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from exprlab.config.steps import PreprocessConfig
from exprlab.data.formats import CountsFile
from exprlab.files import atomic_path
from exprlab.keys import BATCH, LABEL, TRAIN
from exprlab.preprocess.preprocessor import Preprocessor, fit_preprocessor
from exprlab.preprocess.size_factors import UndefinedSizeFactor


def fit_file(counts: CountsFile, split: pd.Series, config: PreprocessConfig) -> Preprocessor:
    """Fit on the training samples of a counts file; no other sample's counts are used."""
    is_train = (split == TRAIN).to_numpy()
    trained = counts.samples[is_train]
    groups = None
    if {BATCH, LABEL} <= set(trained):
        groups = batch_names(trained), trained[LABEL].to_numpy(dtype=str)

    def blocks() -> Iterator[np.ndarray]:
        for start, block in counts.blocks():
            chosen = is_train[start : start + len(block)]
            if chosen.any():
                yield block[chosen]

    genes = [str(gene) for gene in counts.genes.index]
    return fit_preprocessor(blocks, genes, config, groups, counts.values)


def batch_names(samples: pd.DataFrame) -> np.ndarray:
    """Return the name of each sample's batch; "" where it is not named."""
    if BATCH not in samples:
        return np.full(len(samples), "", dtype=object)
    named = samples[BATCH].notna()
    return samples[BATCH].astype(str).astype(object).where(named, "").to_numpy(dtype=object)


def write_features(path: Path, counts: CountsFile, fitted: Preprocessor) -> None:
    """Write the inputs of all samples, float32 of shape (n_samples, n_features), as .npy."""
    positions = counts.genes.index.get_indexer(fitted.genes)
    shape = (counts.shape[0], len(fitted.features))
    batch = batch_names(counts.samples)
    # Plain writes go to the page cache; flushing a memory map would wait for the disk.
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        header = np.lib.format.header_data_from_array_1_0(np.empty((0, shape[1]), np.float32))
        np.lib.format.write_array_header_1_0(file, {**header, "shape": shape})
        for start, block in counts.blocks():
            try:
                inputs = fitted.transform(block[:, positions])
            except UndefinedSizeFactor as error:
                raise error.named(counts.samples.index[start:]) from None
            inputs = fitted.batches.remove(inputs, batch[start : start + len(inputs)])
            file.write(np.ascontiguousarray(inputs).data)
