"""Predictions for new samples: genes matched by name, preprocessing and weights frozen."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
from scipy.special import expit

from exprlab.data.formats import CountsFile
from exprlab.errors import UserError
from exprlab.inference.model import Model, load_model
from exprlab.keys import (
    CALIBRATED,
    FLAGS,
    LOGIT,
    MISSING_COUNT,
    PREDICTION,
    PROBABILITY,
    SAMPLE_ID,
)
from exprlab.preprocess.size_factors import library_sizes

# A sample may lack this share of the model's genes; they are set to the training mean.
MAX_MISSING = 0.1
# A library this many times outside the range of the training samples is flagged.
LIBRARY_MARGIN = 2.0


class Predictor:
    """A model ready to predict from raw counts.

    Parameters
    ----------
    model
        A loaded model.
    genes
        Ids of the columns of the counts to come, in any order.

    Raises
    ------
    UserError
        If too many of the model's genes are missing.
    """

    def __init__(self, model: Model, genes: list[str]) -> None:
        self._model = model
        self._logits = model.logit_function()
        position = {gene: i for i, gene in enumerate(genes)}
        self._columns = np.array([position.get(gene, -1) for gene in model.preprocessor.genes])
        missing = [g for g in model.preprocessor.genes if g not in position]
        self._n_missing = len(missing)
        if len(missing) > MAX_MISSING * len(model.preprocessor.genes):
            raise UserError(
                f"{len(missing):,} of the model's {len(model.preprocessor.genes):,} genes are "
                f"missing, e.g. {', '.join(missing[:5])}; at most {MAX_MISSING:.0%} may be. The "
                f"counts have {len(genes):,} genes such as {', '.join(genes[:3])}: are the ids of "
                "the same kind?"
            )

    def predict(self, sample_ids: pd.Index, counts: np.ndarray) -> pd.DataFrame:
        """Predict samples.

        Parameters
        ----------
        sample_ids
            Ids of the rows.
        counts
            Raw counts, shape (n_samples, n_genes), missing entries -1.

        Returns
        -------
        pandas.DataFrame
            Columns logit, probability, calibrated_probability, prediction and flags, indexed by
            sample id.
        """
        model = self._model
        used = counts[:, self._columns]
        used[:, self._columns < 0] = MISSING_COUNT
        size = library_sizes(counts)
        logit = self._logits(model.preprocessor.transform(used, size)).astype(np.float64)
        calibrated = expit(logit / model.temperature)
        table = {
            LOGIT: logit,
            PROBABILITY: expit(logit),
            CALIBRATED: calibrated,
            PREDICTION: np.array(model.classes)[(calibrated >= model.threshold).astype(int)],
            FLAGS: self._flags(size),
        }
        return pd.DataFrame(table, index=pd.Index(sample_ids, name=SAMPLE_ID))

    def _flags(self, size: np.ndarray) -> list[str]:
        low, high = self._model.preprocessor.library_range
        every = f"{self._n_missing} genes missing" if self._n_missing else ""
        words = np.full(len(size), every, dtype=object)
        for outside, word in (
            (size < low / LIBRARY_MARGIN, "library smaller than in training"),
            (size > high * LIBRARY_MARGIN, "library larger than in training"),
        ):
            words[outside] = "; ".join(filter(None, (every, word)))
        return list(words)


def predict_file(model: Model, counts: CountsFile, rows: int = 256) -> Iterator[pd.DataFrame]:
    """Yield the predictions of a counts file, block by block, in bounded memory."""
    predictor = Predictor(model, [str(gene) for gene in counts.genes.index])
    for start, block in counts.blocks(rows):
        yield predictor.predict(counts.samples.index[start : start + len(block)], block)


def predict_frame(model: Model, frame: pd.DataFrame) -> pd.DataFrame:
    """Predict a table of raw counts: samples in rows, genes in columns, ids as its labels."""
    counts = np.asarray(frame)
    if not np.issubdtype(counts.dtype, np.number) or not (counts == np.round(counts)).all():
        raise UserError("the table must hold raw counts: whole numbers, no text, no missing cells")
    predictor = Predictor(model, [str(gene) for gene in frame.columns])
    return predictor.predict(frame.index, counts.astype(np.int32))
