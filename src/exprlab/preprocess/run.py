"""Fitting and applying a preprocessing to a counts file, block by block."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from exprlab.config.steps import PreprocessConfig
from exprlab.data.formats import CountsFile
from exprlab.files import atomic_path
from exprlab.keys import TRAIN
from exprlab.preprocess.preprocessor import Preprocessor, fit_preprocessor
from exprlab.preprocess.size_factors import UndefinedSizeFactor


def fit_file(counts: CountsFile, split: pd.Series, config: PreprocessConfig) -> Preprocessor:
    """Fit on the training samples of a counts file; no other sample's counts are used."""
    is_train = (split == TRAIN).to_numpy()

    def blocks() -> Iterator[np.ndarray]:
        for start, block in counts.blocks():
            chosen = is_train[start : start + len(block)]
            if chosen.any():
                yield block[chosen]

    return fit_preprocessor(blocks, [str(gene) for gene in counts.genes.index], config)


def write_features(path: Path, counts: CountsFile, fitted: Preprocessor) -> None:
    """Write the inputs of all samples, float32 of shape (n_samples, n_features), as .npy."""
    positions = counts.genes.index.get_indexer(fitted.genes)
    shape = (counts.shape[0], len(fitted.features))
    # Plain writes go to the page cache; flushing a memory map would wait for the disk.
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        header = np.lib.format.header_data_from_array_1_0(np.empty((0, shape[1]), np.float32))
        np.lib.format.write_array_header_1_0(file, {**header, "shape": shape})
        for start, block in counts.blocks():
            try:
                inputs = fitted.transform(block[:, positions])
            except UndefinedSizeFactor as error:
                raise error.named(counts.samples.index[start:]) from None
            file.write(np.ascontiguousarray(inputs).data)
