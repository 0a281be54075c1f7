"""The model that MLflow loads: exprlab's own model folder behind MLflow's predict.

MLflow copies this file beside the weights and runs it to load the model ("models from code"), so
nothing is pickled. Not to be imported by the package.
"""

from __future__ import annotations

import sys
from typing import Any

import mlflow
import pandas as pd
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import INVALID_PARAMETER_VALUE
from mlflow.pyfunc.model import PythonModel, PythonModelContext


class ExpressionModel(PythonModel):
    """Raw counts in, predictions out; preprocessing and calibration are inside."""

    def load_context(self, context: PythonModelContext) -> None:
        """Load weights, genes, preprocessing and calibration from the model folder."""
        try:
            from exprlab.inference.predict import load_model, predict_frame
        except ModuleNotFoundError as error:
            if not (error.name or "").startswith("exprlab"):
                raise
            # Last on the path: the copy serves where exprlab is not installed and never shadows
            # an installed one, which MLflow's code_paths would do for the rest of the process.
            sys.path.append(context.artifacts["source"])
            from exprlab.inference.predict import load_model, predict_frame

        from exprlab.errors import UserError

        self.model, self.predict_frame = load_model(context.artifacts["model"]), predict_frame
        self.user_error = UserError

    def predict(
        self,
        context: PythonModelContext,
        model_input: pd.DataFrame,
        params: dict[str, Any] | None = None,
    ) -> pd.DataFrame:
        """Predict new samples.

        Parameters
        ----------
        context
            Given by MLflow.
        model_input
            Raw counts: rows are samples (the index holds their ids), columns are genes; a column
            `batch` names each sample's batch, where there is one.
        params
            None are known.

        Returns
        -------
        pandas.DataFrame
            Column sample_id and those of `exprlab predict`, indexed by the sample ids. What a
            sample that cannot be predicted has no number of is None, since JSON knows no NaN.

        Raises
        ------
        MlflowException
            If the table does not fit the model; a server then answers with status 400 and these
            words.
        """
        if not isinstance(model_input, pd.DataFrame):
            found = type(model_input).__name__
            raise _refusal(
                f"found {found}; send a table with genes in columns, e.g. as dataframe_split"
            )
        try:
            table = self.predict_frame(self.model, model_input)
        except self.user_error as error:
            raise _refusal(str(error)) from None
        unknown = table.columns[table.isna().any()]
        for name in unknown:
            table[name] = table[name].astype(object).where(table[name].notna(), None)
        # JSON records have no index.
        table.insert(0, "sample_id", table.index)
        return table.rename_axis(None)


def _refusal(words: str) -> MlflowException:
    return MlflowException(words, error_code=INVALID_PARAMETER_VALUE)


mlflow.models.set_model(ExpressionModel())
