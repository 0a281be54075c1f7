"""The linear baseline: L2-regularised logistic regression on all features."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.linalg import eigh
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss, roc_auc_score

from exprlab.config.models import LogisticConfig
from exprlab.keys import VAL_AUROC, VAL_LOSS
from exprlab.training.curves import CurveWriter
from exprlab.training.fitted import Fitted, cpu_facts
from exprlab.training.tuning import tuned_on, tuning_folds


@dataclass(frozen=True)
class _Part:
    """Samples to fit to, in coordinates of their span, and others to judge the fit by.

    `to_weights` leads from coefficients on coordinates to coefficients on features.
    """

    labels: np.ndarray
    scores: np.ndarray
    other_scores: np.ndarray
    to_weights: Callable[[np.ndarray], np.ndarray]

    @classmethod
    def of(
        cls, features: np.ndarray, labels: np.ndarray, rows: np.ndarray, others: np.ndarray
    ) -> _Part:
        return cls(labels[rows], *_coordinates(features[rows], features[others]))

    def fit(self, strength: float, max_iterations: int) -> LogisticRegression:
        fit = LogisticRegression(C=strength, max_iter=max_iterations, tol=1e-5)
        return fit.fit(self.scores, self.labels)


def fit_logistic(
    features: np.ndarray,
    labels: np.ndarray,
    train: np.ndarray,
    val: np.ndarray,
    model: LogisticConfig,
    folder: Path,
    name: str = "logistic",
    patients: np.ndarray | None = None,
    seed: int = 0,
) -> Fitted:
    """Fit logistic regression; its strength has the smallest loss on samples that were held out.

    With fewer samples than features the optimum lies in the span of the training samples (the
    representer theorem), so the fit runs on their coordinates in an orthonormal basis of that
    span, which keep every inner product and with it the L2 penalty: exact, and many times faster.
    With more than two classes the model is multinomial: softmax over a weight vector for each.

    Parameters
    ----------
    features, labels, train, val, patients
        As for `exprlab.training.fit.fit_network`.
    model
        The strengths to choose from, and on which samples.
    folder
        Where the path over the strengths is written as curves: step i is the i-th strength.
    name
        Stands before each line of progress.
    seed
        Of the folds, where few validation samples ask for them.
    """
    folds = tuning_folds(labels, train, val, patients, model.tuning, seed)
    cuts = folds or [(train, val)]
    held = np.concatenate([others for _, others in cuts])
    parts = [_Part.of(features, labels, *cut) for cut in cuts]
    step, held_logits = _best_strength(parts, labels[held], model, CurveWriter(folder), name)
    strength = sorted(model.strengths)[step]
    whole = _Part.of(features, labels, np.sort(held), held[:0]) if folds else parts[0]
    fit = whole.fit(strength, model.max_iterations)
    # A column for each class; two classes share one, kept as a vector.
    coefficients = fit.coef_[0] if len(fit.coef_) == 1 else fit.coef_.T
    weight = whole.to_weights(coefficients).astype(np.float32)
    bias = np.array(fit.intercept_, dtype=np.float32)
    logits = features @ weight + bias
    if folds:
        logits[held] = held_logits
    return Fitted(
        kind=model.kind,
        architecture={"n_inputs": features.shape[1]},
        weights={"weight": weight, "bias": bias},
        logits=logits,
        summary={
            "n_parameters": weight.size + bias.size,
            "best_epoch": step,
            "strength": strength,
            "stopped": f"the best of {len(model.strengths)} strengths {tuned_on(folds)}",
        },
        hardware=cpu_facts(threads=int(os.environ.get("OMP_NUM_THREADS", "1"))),
        cross_validated=bool(folds),
    )


def _best_strength(
    parts: list[_Part],
    held_labels: np.ndarray,
    model: LogisticConfig,
    writer: CurveWriter,
    name: str,
) -> tuple[int, np.ndarray]:
    """Return the position of the best strength and its logits of the samples held out."""
    best_loss, best = np.inf, None
    for step, strength in enumerate(sorted(model.strengths)):
        fits = [part.fit(strength, model.max_iterations) for part in parts]
        others = [(fit, part.other_scores) for fit, part in zip(fits, parts, strict=True)]
        probability = np.concatenate([fit.predict_proba(scores) for fit, scores in others])
        probability = probability[:, 1] if probability.shape[1] == 2 else probability
        loss = float(log_loss(held_labels, probability))
        auroc = float(roc_auc_score(held_labels, probability, multi_class="ovr"))
        writer.add([(step, 0, VAL_LOSS, loss), (step, 0, VAL_AUROC, auroc)])
        print(
            f"[{name}] strength C = {strength:g}  val loss {loss:.4f}  val auroc {auroc:.4f}",
            flush=True,
        )
        if loss < best_loss:
            best_loss = loss
            best = step, np.concatenate([fit.decision_function(x) for fit, x in others])
    assert best is not None  # the config holds one strength at least
    return best


def _coordinates(
    inputs: np.ndarray, others: np.ndarray
) -> tuple[np.ndarray, np.ndarray, Callable[[np.ndarray], np.ndarray]]:
    """Return both in coordinates of the span of `inputs`, and the way back for coefficients."""
    if len(inputs) > inputs.shape[1]:
        return inputs.astype(np.float64), others.astype(np.float64), lambda coef: coef
    # inputs inputs' = U L^2 U', so that V = inputs' U / L is an orthonormal basis of the span.
    values, vectors = eigh((inputs @ inputs.T).astype(np.float64))
    keep = values > values[-1] * 1e-7
    length = np.sqrt(values[keep])
    basis = vectors[:, keep] / length
    other_scores = (others @ inputs.T).astype(np.float64) @ basis
    return (
        vectors[:, keep] * length,
        other_scores,
        lambda coef: inputs.T @ (basis @ coef).astype(inputs.dtype),
    )
