"""Predictions for new samples: genes matched by name, preprocessing and weights frozen.

Each sample is predicted by itself, except for one thing: the shift of a batch that training has not
seen is estimated from the batch's samples (`new_batches`).
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping
from typing import Protocol

import numpy as np
import pandas as pd

from exprlab.data.formats import NotCounts, as_counts
from exprlab.data.tables import outputs
from exprlab.errors import UserError
from exprlab.inference.flags import Flags, known_share
from exprlab.inference.match_genes import SHOWN, match_genes
from exprlab.inference.model import Model, load_model
from exprlab.inference.new_batches import NewBatch, chosen_samples, settle
from exprlab.keys import (
    BATCH,
    COUNTS,
    DISTANCE,
    FLAGS,
    LOGIT,
    MISSING_COUNT,
    MODEL_ID,
    PREDICTION,
    PREDICTION_SET,
    SAMPLE_ID,
    TYPICALITY,
)
from exprlab.outputs import n_outputs, spread
from exprlab.preprocess.run import batch_names

# MLflow's models load and predict through this module alone.
__all__ = ["Predictor", "load_model", "predict_file", "predict_frame"]

# A sample may lack this share of the model's genes; they are set to the training mean.
MAX_MISSING = 0.1
# So many of them are named where a table is refused.
LISTED = 100


class Cohort(Protocol):
    """Samples to predict, read block by block; `data.formats.CountsFile` is one."""

    path: object
    values: str
    samples: pd.DataFrame
    genes: pd.DataFrame

    def blocks(self, rows: int) -> Iterator[tuple[int, np.ndarray]]:
        """Yield the number of the first row and an array of at most so many rows."""


class Predictor:
    """A model ready to predict from raw counts.

    Parameters
    ----------
    model
        A loaded model.
    genes
        Ids of the columns of the counts to come, in any order.
    aliases
        Other names of genes -> gene as in the model.

    Attributes
    ----------
    notes
        What is to be known of the genes, in words.

    Raises
    ------
    UserError
        If too many of the model's genes are missing, one of them occurs twice, or it cannot be
        told which column is meant.
    """

    def __init__(
        self, model: Model, genes: list[str], aliases: Mapping[str, str] | None = None
    ) -> None:
        self._model = model
        self._logits = model.logit_function()
        self._batches = model.preprocessor.batches
        wanted = model.preprocessor.genes
        match = match_genes(wanted, genes, aliases)
        self._columns, missing, self.notes = match.columns, match.missing, match.notes
        if len(missing) > MAX_MISSING * len(wanted):
            more = f" and {len(missing) - LISTED:,} more" if len(missing) > LISTED else ""
            raise UserError(
                f"{len(missing):,} of the model's {len(wanted):,} genes are missing; at most "
                f"{MAX_MISSING:.0%} may be: {', '.join(missing[:LISTED])}{more}. "
                f"The counts have {len(genes):,} genes such as {', '.join(genes[:3])}: are the ids "
                "of the same kind? A table of other names can be given (--gene-aliases)"
            )
        if missing:
            self.notes.append(
                f"{len(missing):,} of the model's {len(wanted):,} genes are missing and set to the "
                f"training mean: {', '.join(missing[:SHOWN])}"
                + (" ..." if len(missing) > SHOWN else "")
            )
        self._flags = Flags(model.preprocessor, model.domain, len(missing))

    def meet(
        self, batch: np.ndarray, blocks: Iterable[tuple[int, np.ndarray]]
    ) -> dict[str, NewBatch]:
        """Estimate the shifts of the batches that training has not seen, before predicting.

        Parameters
        ----------
        batch
            Name of each sample's batch, "" where it has none.
        blocks
            The samples' counts: number of the first row and an array as for `predict`.

        Returns
        -------
        dict
            Name of each new batch and what was found; empty where there is nothing to correct.
        """
        seen = self._batches.names
        new = sorted(set(batch) - {*seen, ""}) if seen else []
        if not new:
            return {}
        chosen = chosen_samples(batch, new)
        features, names = [], []
        for start, block in blocks:
            rows = np.flatnonzero(chosen[start : start + len(block)])
            readable, inputs = self._features(self._used(block[rows]))
            features.append(inputs)
            names.append(batch[start + rows[readable]])
        inputs, name_of = np.concatenate(features), np.concatenate(names)
        found = {
            name: settle(self._model, inputs[name_of == name])
            for name in new
            if name in set(name_of)
        }
        self._batches = self._batches.extended({k: v.shift for k, v in found.items()})
        return found

    def predict(
        self, sample_ids: pd.Index, counts: np.ndarray, batch: np.ndarray | None = None
    ) -> pd.DataFrame:
        """Predict samples.

        Parameters
        ----------
        sample_ids
            Ids of the rows.
        counts
            Raw counts, shape (n_samples, n_genes), missing entries -1.
        batch
            Name of each sample's batch, "" or None where it has none.

        Returns
        -------
        pandas.DataFrame
            Columns logit, probability, calibrated_probability, prediction, prediction_set,
            distance, typicality, flags and model_id, indexed by sample id (docs/predictions.md).
            Of more than two classes each has its logit_{class}, probability_{class} and
            calibrated_probability_{class}.

            A sample whose depth cannot be told, or that lacks too many genes, has no numbers, no
            prediction, and a flag.
        """
        model = self._model
        batch = np.full(len(counts), "", dtype=object) if batch is None else batch
        used = self._used(counts)
        complete = known_share(used) >= 1 - MAX_MISSING
        readable, features = self._features(used)
        n = n_outputs(len(model.classes))
        logit = np.full(len(used) if n == 1 else (len(used), n), np.nan)
        distance = np.full(len(used), np.nan)
        if readable.any():
            inputs = self._batches.remove(features, batch[readable])
            logit[readable] = self._logits(inputs)
            measured = known_share(used[readable][:, model.preprocessor.keep])
            distance[readable] = model.domain.distance(inputs, measured)
        table = {
            **spread(LOGIT, logit, model.classes),
            **outputs(logit, model.calibration, model.threshold, model.classes, model.sets),
            DISTANCE: distance,
            TYPICALITY: model.domain.typicality(distance),
            FLAGS: self._flags.words(used, complete, readable, distance, batch),
            MODEL_ID: np.full(len(used), model.model_id, dtype=object),
        }
        table[PREDICTION] = np.where(readable, np.array(model.classes)[table[PREDICTION]], "")
        table[PREDICTION_SET] = np.where(readable, table[PREDICTION_SET], "")
        return pd.DataFrame(table, index=pd.Index(sample_ids, name=SAMPLE_ID))

    def _used(self, counts: np.ndarray) -> np.ndarray:
        """Return the counts of the model's genes, in its order."""
        used = counts[:, self._columns]
        is_counts = self._model.preprocessor.values == COUNTS
        used[:, self._columns < 0] = MISSING_COUNT if is_counts else np.nan
        return used

    def _features(self, used: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return which samples can be predicted (n,), and the features of these."""
        preprocessor = self._model.preprocessor
        readable = (known_share(used) >= 1 - MAX_MISSING) & (preprocessor.depth(used) > 0)
        return readable, preprocessor.transform(used[readable])


def predict_file(
    model: Model, counts: Cohort, rows: int = 256, aliases: Mapping[str, str] | None = None
) -> Iterator[pd.DataFrame]:
    """Yield the predictions of a cohort, block by block, in bounded memory.

    What is to be known of its genes and of new batches is said on standard error.
    """
    if counts.values != model.preprocessor.values:
        raise UserError(
            f"{counts.path}: its values are {counts.values}; the model was trained on "
            f"{model.preprocessor.values} and predicts nothing else"
        )
    predictor = Predictor(model, [str(gene) for gene in counts.genes.index], aliases)
    for note in predictor.notes:
        print(note, file=sys.stderr)
    batch, classes = batch_names(counts.samples), model.preprocessor.batches.classes
    for name, found in predictor.meet(batch, counts.blocks(rows)).items():
        shares = ", ".join(
            f"{share:.0%} {label}" for label, share in zip(classes, found.fraction, strict=True)
        )
        print(
            f"batch '{name}' is not in training: its shift is estimated from {found.n_samples} of "
            f"its samples, of which about {shares}",
            file=sys.stderr,
        )
    for start, block in counts.blocks(rows):
        ids = counts.samples.index[start : start + len(block)]
        yield predictor.predict(ids, block, batch[start : start + len(block)])


def predict_frame(model: Model, frame: pd.DataFrame) -> pd.DataFrame:
    """Predict a table of raw counts: samples in rows, genes in columns, ids as its labels.

    A column `batch`, where there is one, names each sample's batch.

    Raises
    ------
    UserError
        If a cell holds no count, or the genes do not fit the model.
    """
    batch = batch_names(frame)
    if BATCH in frame and BATCH not in model.preprocessor.genes:
        frame = frame.drop(columns=BATCH)
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
        if model.preprocessor.values == COUNTS:
            counts = as_counts(values, frame.index, frame.columns)
        else:
            counts = values.astype(np.float32)
    except NotCounts as error:
        raise UserError(f"the table: {error}") from None
    predictor.meet(batch, [(0, counts)])
    return predictor.predict(frame.index, counts, batch)
