"""The tree baseline: gradient-boosted decision trees on the genes that vary together.

scikit-learn's trees, not LightGBM's: LightGBM's wheel needs an OpenMP library of the operating
system that a bare Debian or a slim container does not have.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from scipy.linalg import eigh
from scipy.special import logsumexp
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import roc_auc_score
from threadpoolctl import threadpool_limits

from exprlab.config.models import BoostingConfig
from exprlab.data.streams import TREES, state
from exprlab.keys import TRAIN_LOSS, VAL_AUROC, VAL_LOSS
from exprlab.nets.trees import leaf_values, tree_logits
from exprlab.outputs import activate
from exprlab.training.curves import CurveWriter, Row
from exprlab.training.fitted import Fitted, cpu_facts

# Values between which a branching may fall; more of them cost time and gained nothing.
BINS = 63
# Trees between two lines of progress.
REPORT_EVERY = 25


def fit_boosting(
    features: np.ndarray,
    labels: np.ndarray,
    train: np.ndarray,
    val: np.ndarray,
    model: BoostingConfig,
    seed: int,
    folder: Path,
    name: str = "boosting",
) -> Fitted:
    """Fit boosted trees; their number is the one with the smallest loss on validation samples.

    Parameters
    ----------
    features, labels, train, val
        As for `exprlab.training.fit.fit_network`.
    model
        How many trees of which size, on how many genes.
    seed
        Decides which genes each branching may choose from.
    folder
        Where the curves are written: step and epoch i are the model with i trees, or with i for
        each of more than two classes.
    name
        Stands before each line of progress.
    """
    # Sums of several threads depend on their number in the last bit.
    with threadpool_limits(1):
        genes = shared_genes(features[train], model.n_genes, model.n_components)
        fit = _fit(features[:, genes], labels, train, val, model, seed)
    trees = _arrays(fit, genes)
    rows = list(_curves(trees, features, labels, train, val))
    CurveWriter(folder).add(rows)
    losses = [value for _, _, curve, value in rows if curve == VAL_LOSS]
    best, grown = int(np.argmin(losses)), len(losses) - 1
    _print_progress(name, rows, best)
    trees = _first_trees(trees, best)
    return Fitted(
        kind=model.kind,
        architecture={
            "n_inputs": features.shape[1],
            "n_genes": len(genes),
            "n_trees": best,
            "leaves": model.leaves,
        },
        weights=trees,
        logits=tree_logits(trees, features),
        summary={
            # A threshold or a leaf's value in each node, and the baseline.
            "n_parameters": trees["value"].size + trees["baseline"].size,
            "best_epoch": best,
            "stopped": f"no smaller loss on validation after {best} of {grown} trees"
            if grown < model.max_trees
            else f"all {grown} trees grown; the best number on validation is {best}",
        },
        hardware=cpu_facts(threads=1),
    )


def shared_genes(inputs: np.ndarray, n_genes: int, n_components: int) -> np.ndarray:
    """Return the genes that vary most with others: positions in increasing order.

    Of each gene's variance, that is the share in the first principal components of the samples.
    Genes of a common cause stand out by it, and labels are not looked at. A gene's own variance
    says less: it is largest where few reads were counted.

    Parameters
    ----------
    inputs
        Of the training samples, shape (n_samples, n_features), centred.
    n_genes
        How many to return, at most.
    n_components
        How many components, at most; fewer than samples.
    """
    n = len(inputs)
    gram = (inputs @ inputs.T).astype(np.float64)
    first = max(n - min(n_components, n - 1), 0)
    _, vectors = eigh(gram, subset_by_index=(first, n - 1))
    explained = np.square(vectors.T.astype(inputs.dtype) @ inputs).sum(axis=0)
    total = np.square(inputs).sum(axis=0)
    share = np.divide(explained, total, out=np.zeros_like(total), where=total > 0)
    return np.sort(np.argsort(-share, kind="stable")[:n_genes])


def _fit(
    chosen: np.ndarray,
    labels: np.ndarray,
    train: np.ndarray,
    val: np.ndarray,
    model: BoostingConfig,
    seed: int,
) -> HistGradientBoostingClassifier:
    fit = HistGradientBoostingClassifier(
        learning_rate=model.learning_rate,
        max_iter=model.max_trees,
        max_leaf_nodes=model.leaves,
        min_samples_leaf=model.min_leaf_samples,
        max_features=model.gene_fraction,
        max_bins=BINS,
        early_stopping=True,
        n_iter_no_change=model.patience,
        # scikit-learn takes 32 bits.
        random_state=state(seed, TREES) % 2**32,
    )
    return fit.fit(chosen[train], labels[train], X_val=chosen[val], y_val=labels[val])


def _arrays(fit: HistGradientBoostingClassifier, genes: np.ndarray) -> dict[str, np.ndarray]:
    """Return all trees as `exprlab.nets.trees` reads them."""
    # scikit-learn gives its trees by no public name; a test holds these to its predictions.
    per_tree = [tree.nodes for trees in fit._predictors for tree in trees]
    sizes = np.array([len(nodes) for nodes in per_tree])
    starts = np.cumsum(sizes) - sizes
    nodes, start = np.concatenate(per_tree), np.repeat(starts, sizes)
    leaf, own = nodes["is_leaf"] == 1, np.arange(len(nodes))
    arrays = {
        "feature": np.where(leaf, 0, genes[nodes["feature_idx"]]).astype(np.int32),
        "threshold": np.where(leaf, np.inf, nodes["num_threshold"]),
        "left": np.where(leaf, own, start + nodes["left"]).astype(np.int32),
        "right": np.where(leaf, own, start + nodes["right"]).astype(np.int32),
        "value": np.where(leaf, nodes["value"], 0.0),
        "roots": starts.reshape(fit.n_iter_, -1).T.astype(np.int32),
        "baseline": fit._baseline_prediction.reshape(-1).astype(np.float64),
    }
    return {key: np.ascontiguousarray(array) for key, array in arrays.items()}


def _first_trees(trees: dict[str, np.ndarray], n: int) -> dict[str, np.ndarray]:
    """Return the first `n` trees of each output."""
    roots = trees["roots"]
    end = int(roots[0, n]) if n < roots.shape[1] else len(trees["value"])
    nodes = {key: trees[key][:end] for key in ("feature", "threshold", "left", "right", "value")}
    return {**nodes, "roots": np.ascontiguousarray(roots[:, :n]), "baseline": trees["baseline"]}


def _curves(
    trees: dict[str, np.ndarray],
    features: np.ndarray,
    labels: np.ndarray,
    train: np.ndarray,
    val: np.ndarray,
) -> Iterator[Row]:
    """Yield the losses of the model with 0, 1, 2, ... trees, and its AUROC on validation."""
    train_logits, val_logits = (_staged(trees, features[rows]) for rows in (train, val))
    for i in range(val_logits.shape[1]):
        yield i, i, TRAIN_LOSS, _log_loss(labels[train], train_logits[:, i])
        yield i, i, VAL_LOSS, _log_loss(labels[val], val_logits[:, i])
        yield i, i, VAL_AUROC, _auroc(labels[val], val_logits[:, i])


def _staged(trees: dict[str, np.ndarray], inputs: np.ndarray) -> np.ndarray:
    """Return the logits of the first 0, 1, 2, ... trees (of each class).

    Shape (n_samples, n_trees + 1) for one output, else (n_samples, n_trees + 1, n_outputs).
    """
    steps = np.cumsum(leaf_values(trees, inputs), axis=2).swapaxes(1, 2)
    none = np.zeros((len(inputs), 1, steps.shape[2]))
    logits = trees["baseline"] + np.concatenate([none, steps], axis=1)
    return logits[..., 0] if logits.shape[2] == 1 else logits


def _log_loss(labels: np.ndarray, logits: np.ndarray) -> float:
    if logits.ndim == 1:
        return float(np.mean(np.logaddexp(0, np.where(labels == 1, -logits, logits))))
    own = np.take_along_axis(logits, labels[:, None].astype(np.intp), axis=1)[:, 0]
    return float(np.mean(logsumexp(logits, axis=1) - own))


def _auroc(labels: np.ndarray, logits: np.ndarray) -> float:
    # Each class is ranked against the rest by its probability: logits rank within a sample.
    scores = logits if logits.ndim == 1 else activate(logits)
    return float(roc_auc_score(labels, scores, multi_class="ovr"))


def _print_progress(name: str, rows: list[Row], best: int) -> None:
    table: dict[int, dict[str, float]] = {}
    for step, _, curve, value in rows:
        table.setdefault(step, {})[curve] = value
    for step, found in table.items():
        if step % REPORT_EVERY == 0 or step == best:
            print(
                f"[{name}] {step} trees  train loss {found[TRAIN_LOSS]:.4f}  "
                f"val loss {found[VAL_LOSS]:.4f}  val auroc {found[VAL_AUROC]:.4f}"
                f"{'  best' if step == best else ''}",
                flush=True,
            )
