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
from threadpoolctl import threadpool_limits

from exprlab.config.models import BoostingConfig
from exprlab.data.streams import TREES, state
from exprlab.keys import TRAIN_LOSS, VAL_AUROC, VAL_LOSS
from exprlab.nets.trees import leaf_values, tree_logits
from exprlab.training.curves import CurveWriter, Row
from exprlab.training.fitted import Fitted, cpu_facts
from exprlab.training.tuning import Fold, auroc_of, tuned_on, tuning_folds

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
    patients: np.ndarray | None = None,
) -> Fitted:
    """Fit boosted trees; their number has the smallest loss on samples that were held out.

    Parameters
    ----------
    features, labels, train, val, patients
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
    folds = tuning_folds(labels, train, val, patients, model.tuning, seed)
    cuts = folds or [(train, val)]
    # Sums of several threads depend on their number in the last bit.
    with threadpool_limits(1):
        grown = [_grow(features, labels, rest, held, model, seed) for rest, held in cuts]
        if folds:
            # Each stopped where its own fold was best; the best number for all needs all to go on.
            n = max(trees["roots"].shape[1] for trees in grown)
            grown = [_grow(features, labels, rest, held, model, seed, n) for rest, held in cuts]
        rows = list(_curves(grown, features, labels, cuts))
        losses = [value for _, _, curve, value in rows if curve == VAL_LOSS]
        best, most = int(np.argmin(losses)), len(losses) - 1
        trees = _first_trees(grown[0], best)
        if folds:
            pool = np.sort(np.concatenate([held for _, held in folds]))
            trees = _grow(features, labels, pool, pool[:0], model, seed, max(best, 1))
            trees = _first_trees(trees, best)
    CurveWriter(folder).add(rows)
    _print_progress(name, rows, best)
    logits = tree_logits(trees, features)
    if folds:
        for part, (_, held) in zip(grown, folds, strict=True):
            logits[held] = tree_logits(_first_trees(part, best), features[held])
    n_nodes = len(trees["value"])
    return Fitted(
        kind=model.kind,
        architecture={
            "n_inputs": features.shape[1],
            "n_genes": min(model.n_genes, features.shape[1]),
            "n_trees": best,
            "leaves": model.leaves,
        },
        weights=trees,
        logits=logits,
        summary={
            # A threshold or a leaf's value in each node, and the baseline.
            "n_parameters": n_nodes + trees["baseline"].size,
            "best_epoch": best,
            "stopped": f"no smaller loss {tuned_on(folds)} after {best} of {most} trees"
            if most < model.max_trees
            else f"all {most} trees grown; the best number {tuned_on(folds)} is {best}",
        },
        hardware=cpu_facts(threads=1),
        cross_validated=bool(folds),
    )


def _grow(
    features: np.ndarray,
    labels: np.ndarray,
    rows: np.ndarray,
    held: np.ndarray,
    model: BoostingConfig,
    seed: int,
    n_trees: int = 0,
) -> dict[str, np.ndarray]:
    """Return trees grown until `held` samples stop them, or `n_trees` of them."""
    genes = shared_genes(features[rows], model.n_genes, model.n_components)
    return _arrays(_fit(features[:, genes], labels, rows, held, model, seed, n_trees), genes)


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
    n_trees: int,
) -> HistGradientBoostingClassifier:
    fit = HistGradientBoostingClassifier(
        learning_rate=model.learning_rate,
        max_iter=n_trees or model.max_trees,
        max_leaf_nodes=model.leaves,
        # With leaves of 20, less than 40 samples could not be divided at all.
        min_samples_leaf=min(model.min_leaf_samples, max(1, len(train) // 3)),
        max_features=model.gene_fraction,
        max_bins=BINS,
        early_stopping=not n_trees,
        n_iter_no_change=model.patience,
        # scikit-learn takes 32 bits.
        random_state=state(seed, TREES) % 2**32,
    )
    judged = {} if n_trees else {"X_val": chosen[val], "y_val": labels[val]}
    return fit.fit(chosen[train], labels[train], **judged)


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
    grown: list[dict[str, np.ndarray]],
    features: np.ndarray,
    labels: np.ndarray,
    cuts: list[Fold],
) -> Iterator[Row]:
    """Yield the losses of 0, 1, 2, ... trees, and their AUROC on held-out samples, of all cuts."""
    train, held = (np.concatenate([cut[i] for cut in cuts]) for i in (0, 1))
    train_logits, held_logits = (
        np.concatenate(
            [_staged(trees, features[cut[i]]) for trees, cut in zip(grown, cuts, strict=True)]
        )
        for i in (0, 1)
    )
    for i in range(held_logits.shape[1]):
        yield i, i, TRAIN_LOSS, _log_loss(labels[train], train_logits[:, i])
        yield i, i, VAL_LOSS, _log_loss(labels[held], held_logits[:, i])
        yield i, i, VAL_AUROC, auroc_of(labels[held], held_logits[:, i])


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
