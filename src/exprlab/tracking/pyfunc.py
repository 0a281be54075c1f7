"""The model that MLflow loads: exprlab's own model folder behind MLflow's predict.

MLflow copies this file beside the weights and runs it to load the model ("models from code"), so
nothing is pickled. Not to be imported by the package.
"""

from __future__ import annotations

import sys
from typing import Any

import mlflow
import pandas as pd
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

        self.model, self.predict_frame = load_model(context.artifacts["model"]), predict_frame

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
            Raw counts: rows are samples (the index holds their ids), columns are genes.
        params
            None are known.

        Returns
        -------
        pandas.DataFrame
            Columns logit, probability, calibrated_probability, prediction, flags; of more than
            two classes each has its logit_{class} and so on.
        """
        return self.predict_frame(self.model, model_input)


mlflow.models.set_model(ExpressionModel())
