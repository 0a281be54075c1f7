"""The linear baseline: L2-regularised logistic regression on all features."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
from scipy.linalg import eigh
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss, roc_auc_score

from exprlab.config.steps import LogisticConfig
from exprlab.keys import VAL_AUROC, VAL_LOSS
from exprlab.training.curves import CurveWriter
from exprlab.training.fitted import Fitted, cpu_facts


def fit_logistic(
    features: np.ndarray,
    labels: np.ndarray,
    train: np.ndarray,
    val: np.ndarray,
    model: LogisticConfig,
    folder: Path,
    name: str = "logistic",
) -> Fitted:
    """Fit logistic regression; the regularisation strength is chosen on the validation samples.

    With fewer samples than features the optimum lies in the span of the training samples (the
    representer theorem), so the fit runs on their coordinates in an orthonormal basis of that
    span, which keep every inner product and with it the L2 penalty: exact, and many times faster.
    With more than two classes the model is multinomial: softmax over a weight vector for each.

    Parameters
    ----------
    features, labels, train, val
        As for `exprlab.training.fit.fit_network`.
    model
        The strengths to choose from.
    folder
        Where the validation path is written as curves: step i is the i-th strength.
    name
        Stands before each line of progress.
    """
    scores, val_scores, to_weights = _coordinates(features[train], features[val])
    writer = CurveWriter(folder)
    best_loss, best = np.inf, None
    for step, strength in enumerate(sorted(model.strengths)):
        fit = LogisticRegression(C=strength, max_iter=model.max_iterations, tol=1e-5)
        fit.fit(scores, labels[train])
        probability = fit.predict_proba(val_scores)
        probability = probability[:, 1] if probability.shape[1] == 2 else probability
        loss = float(log_loss(labels[val], probability))
        auroc = float(roc_auc_score(labels[val], probability, multi_class="ovr"))
        writer.add([(step, 0, VAL_LOSS, loss), (step, 0, VAL_AUROC, auroc)])
        print(
            f"[{name}] strength C = {strength:g}  val loss {loss:.4f}  val auroc {auroc:.4f}",
            flush=True,
        )
        if loss < best_loss:
            best_loss, best = loss, (step, strength, fit)
    assert best is not None  # the config holds one strength at least
    step, strength, fit = best
    # A column for each class; two classes share one, kept as a vector.
    coefficients = fit.coef_[0] if len(fit.coef_) == 1 else fit.coef_.T
    weight = to_weights(coefficients).astype(np.float32)
    bias = np.array(fit.intercept_, dtype=np.float32)
    return Fitted(
        kind=model.kind,
        architecture={"n_inputs": features.shape[1]},
        weights={"weight": weight, "bias": bias},
        logits=features @ weight + bias,
        summary={
            "n_parameters": weight.size + bias.size,
            "best_epoch": step,
            "strength": strength,
            "stopped": f"the best of {len(model.strengths)} strengths on validation",
        },
        hardware=cpu_facts(threads=int(os.environ.get("OMP_NUM_THREADS", "1"))),
    )


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
