"""The model on disk: one self-contained folder without pickle.

`model.json` says what the model is (architecture, genes, classes, preprocessing, calibration,
versions), `model.safetensors` holds every array. Nothing else is needed to predict.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from exprlab.errors import UserError
from exprlab.files import (
    atomic_path,
    digest_of,
    read_arrays,
    read_json,
    sha256,
    write_arrays,
    write_json,
)
from exprlab.inference.decisions import decision_state, read_calibration, read_sets
from exprlab.inference.domain import Domain
from exprlab.keys import MODEL_JSON, MODEL_WEIGHTS
from exprlab.nets.trees import tree_logits
from exprlab.outputs import Calibration, PredictionSets
from exprlab.preprocess.preprocessor import Preprocessor

# Raised when the meaning of the files changes; an older reader then refuses them.
FORMAT = 2
_NETWORK, _PREPROCESSING, _DOMAIN = "network.", "preprocessing.", "domain."


@dataclass(frozen=True)
class Model:
    """A trained network or baseline with everything it needs to predict from raw counts.

    Attributes
    ----------
    kind, architecture, weights
        What to build and its arrays by name.
    preprocessor
        The preprocessing that was fitted with it.
    classes
        Names of the classes; of two, the negative one first.
    calibration
        From logits to calibrated probabilities.
    threshold
        Of the calibrated probability, from which on the positive class is predicted; None where
        the most probable of more than two classes is.
    sets
        From calibrated probabilities to prediction sets.
    domain
        Where the training samples lie.
    versions
        Packages that made it.
    model_id
        What tells the model from any other; "" before it is saved.
    """

    kind: str
    architecture: dict[str, Any]
    weights: dict[str, np.ndarray]
    preprocessor: Preprocessor
    classes: tuple[str, ...]
    calibration: Calibration
    threshold: float | None
    sets: PredictionSets
    domain: Domain
    versions: dict[str, str]
    model_id: str = ""

    def logit_function(self) -> Callable[[np.ndarray], np.ndarray]:
        """Return the function from features to logits, weights frozen.

        From (n, n_features) to (n,) for two classes, to (n, n_classes) for more.
        """
        if self.kind == "logistic":
            weight, bias = self.weights["weight"], self.weights["bias"]
            return lambda features: features @ weight + bias
        if self.kind == "boosting":
            return lambda features: tree_logits(self.weights, features)
        return _network_function(self.architecture, self.weights)


def _network_function(
    architecture: dict[str, Any], weights: dict[str, np.ndarray]
) -> Callable[[np.ndarray], np.ndarray]:
    import torch

    from exprlab.nets.mlp import MLP

    network = MLP(**architecture)
    network.load_state_dict({name: torch.from_numpy(a) for name, a in weights.items()})
    network.eval().requires_grad_(False)
    return lambda features: network(torch.from_numpy(features)).numpy()


def save_model(folder: Path, model: Model) -> Model:
    """Write the model's folder, atomically; return the model with its id."""
    values, arrays = model.preprocessor.state()
    domain, places = model.domain.state()
    tensors = {_NETWORK + name: array for name, array in model.weights.items()}
    tensors |= {_PREPROCESSING + name: array for name, array in arrays.items()}
    tensors |= {_DOMAIN + name: array for name, array in places.items()}
    with atomic_path(folder) as temporary:
        temporary.mkdir()
        write_arrays(temporary / MODEL_WEIGHTS, tensors)
        description = {
            "format": FORMAT,
            "kind": model.kind,
            "architecture": model.architecture,
            "preprocessing": values,
            "classes": list(model.classes),
            **decision_state(model.calibration, model.sets, model.classes),
            "threshold": model.threshold,
            "domain": domain,
            "versions": model.versions,
            "weights_sha256": sha256(temporary / MODEL_WEIGHTS),
        }
        model_id = digest_of(description)[:12]
        write_json(temporary / MODEL_JSON, {**description, "model_id": model_id})
    return replace(model, model_id=model_id)


def load_model(folder: str | Path) -> Model:
    """Read a model's folder.

    Raises
    ------
    UserError
        If a file is missing, damaged, does not belong to the other, or is of a newer format.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise UserError(f"{folder}: no such folder; --model takes a folder with {MODEL_JSON}")
    values = read_json(folder / MODEL_JSON)
    if not isinstance(values, dict) or "format" not in values:
        raise UserError(f"{folder / MODEL_JSON}: does not describe a model of exprlab")
    if values["format"] != FORMAT:
        raise UserError(
            f"{folder / MODEL_JSON}: format {values['format']!r}, this exprlab reads {FORMAT}; "
            "use the version that wrote it"
        )
    tensors = read_arrays(folder / MODEL_WEIGHTS)
    if sha256(folder / MODEL_WEIGHTS) != values.get("weights_sha256"):
        raise UserError(
            f"{folder / MODEL_WEIGHTS}: is not the file that {MODEL_JSON} was written with; "
            "copy the whole folder again"
        )
    described = {key: value for key, value in values.items() if key != "model_id"}
    if digest_of(described)[:12] != values.get("model_id"):
        raise UserError(
            f"{folder / MODEL_JSON}: was changed after the model was made; copy the whole folder "
            "again"
        )
    try:
        return _model(values, tensors)
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(
            f"{folder / MODEL_JSON}: is damaged ({type(error).__name__}: "
            f"{str(error).splitlines()[0]}); copy the whole folder again"
        ) from None


def _model(values: dict[str, Any], tensors: dict[str, np.ndarray]) -> Model:
    return Model(
        kind=values["kind"],
        architecture=values["architecture"],
        weights=_part(tensors, _NETWORK),
        preprocessor=Preprocessor.from_state(
            values["preprocessing"], _part(tensors, _PREPROCESSING)
        ),
        classes=tuple(values["classes"]),
        calibration=read_calibration(values),
        threshold=values["threshold"],
        sets=read_sets(values),
        domain=Domain.from_state(values["domain"], _part(tensors, _DOMAIN)),
        versions=values["versions"],
        model_id=values["model_id"],
    )


def _part(tensors: dict[str, np.ndarray], prefix: str) -> dict[str, np.ndarray]:
    return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}
