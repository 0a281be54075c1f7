"""Predictions for new samples: genes matched by name, preprocessing and weights frozen."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from exprlab.data.formats import CountsFile, NotCounts, as_counts
from exprlab.data.tables import outputs, spread
from exprlab.errors import UserError
from exprlab.inference.model import Model, load_model
from exprlab.keys import FLAGS, LOGIT, MISSING_COUNT, PREDICTION, SAMPLE_ID
from exprlab.outputs import n_outputs
from exprlab.preprocess.size_factors import estimated_library_sizes

# MLflow's models load and predict through this module alone.
__all__ = ["Predictor", "load_model", "predict_file", "predict_frame"]

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
        If too many of the model's genes are missing, or one of them occurs twice.
    """

    def __init__(self, model: Model, genes: list[str]) -> None:
        self._model = model
        self._logits = model.logit_function()
        wanted = model.preprocessor.genes
        columns = pd.Index(genes)
        twice = sorted(set(columns[columns.duplicated()]) & set(wanted))
        if twice:
            raise UserError(
                f"{len(twice):,} of the model's genes occur more than once in the counts, e.g. "
                f"'{twice[0]}'; keep one column of each"
            )
        position = {gene: i for i, gene in enumerate(genes)}
        self._columns = np.array([position.get(gene, -1) for gene in wanted])
        missing = [gene for gene in wanted if gene not in position]
        self._n_missing = len(missing)
        if len(missing) > MAX_MISSING * len(wanted):
            raise UserError(
                f"{len(missing):,} of the model's {len(wanted):,} genes are "
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
            sample id. Of more than two classes each has its logit_{class}, probability_{class}
            and calibrated_probability_{class}.

            A sample whose depth cannot be told has no numbers, no prediction, and a flag.
        """
        model = self._model
        used = counts[:, self._columns]
        used[:, self._columns < 0] = MISSING_COUNT
        readable = model.preprocessor.depth(used) > 0
        n = n_outputs(len(model.classes))
        logit = np.full(len(used) if n == 1 else (len(used), n), np.nan)
        if readable.any():
            logit[readable] = self._logits(model.preprocessor.transform(used[readable]))
        table = {
            **spread(LOGIT, logit, model.classes),
            **outputs(logit, model.temperature, model.threshold, model.classes),
            FLAGS: self._flags(used, readable),
        }
        table[PREDICTION] = np.where(readable, np.array(model.classes)[table[PREDICTION]], "")
        return pd.DataFrame(table, index=pd.Index(sample_ids, name=SAMPLE_ID))

    def _flags(self, counts: np.ndarray, readable: np.ndarray) -> list[str]:
        low, high = self._model.preprocessor.library_range
        size = estimated_library_sizes(counts, self._model.preprocessor.share)
        every = f"{self._n_missing} genes missing" if self._n_missing else ""
        words = np.full(len(size), every, dtype=object)
        for outside, word in (
            (size < low / LIBRARY_MARGIN, "library smaller than in training"),
            (size > high * LIBRARY_MARGIN, "library larger than in training"),
            (~readable, "too few reads to predict"),
        ):
            words[outside] = "; ".join(filter(None, (every, word)))
        return list(words)


def predict_file(model: Model, counts: CountsFile, rows: int = 256) -> Iterator[pd.DataFrame]:
    """Yield the predictions of a counts file, block by block, in bounded memory."""
    predictor = Predictor(model, [str(gene) for gene in counts.genes.index])
    for start, block in counts.blocks(rows):
        yield predictor.predict(counts.samples.index[start : start + len(block)], block)


def predict_frame(model: Model, frame: pd.DataFrame) -> pd.DataFrame:
    """Predict a table of raw counts: samples in rows, genes in columns, ids as its labels.

    Raises
    ------
    UserError
        If a cell holds no count, or the genes do not fit the model.
    """
    predictor = Predictor(model, [str(gene) for gene in frame.columns])
    for gene, kind in zip(frame.columns, frame.dtypes, strict=True):
        if not pd.api.types.is_numeric_dtype(kind):
            raise UserError(
                f"the table: column '{gene}' holds no numbers; raw counts are whole numbers from "
                f"0 on ({MISSING_COUNT} = missing)"
            )
    values = frame.to_numpy()
    if values.dtype == object:  # columns of pandas' own number types
        values = frame.to_numpy(np.float64, na_value=np.nan)
    try:
        counts = as_counts(values, frame.index, frame.columns)
    except NotCounts as error:
        raise UserError(f"the table: {error}") from None
    return predictor.predict(frame.index, counts)
