"""How the models do on small classic cohorts, against a tuned logistic regression.

Not part of run.py: it measures models and not speed, and takes minutes. Results are in
classic_cohorts.md.

    EXPRLAB_REAL_DATA=... OMP_NUM_THREADS=1 python benchmarks/classic_cohorts.py

The folder of EXPRLAB_REAL_DATA holds a folder for each cohort, with expression.tsv.gz and
samples.tsv. Each cohort is dealt into five stratified folds per repeat, patients kept together;
one with a published split is divided by it too. Everything is fitted outside the test fold, and
all models see the same features, those of the default preprocessing. Ours get 15 % of the samples
outside the test as validation samples, as by default, with which they do what they find best; the
reference is scikit-learn's LogisticRegressionCV, its strength of 13 between 1e-6 and 1e2 chosen in
ten inner folds by log loss, on all samples outside the test. se is the standard deviation of the
difference "accuracy of ours - reference" over the repeats, divided by the root of their number.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import tempfile
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegressionCV
from sklearn.metrics import accuracy_score, log_loss, roc_auc_score
from sklearn.model_selection import StratifiedGroupKFold
from threadpoolctl import threadpool_limits

from exprlab.config.models import BoostingConfig, LogisticConfig, MLPConfig, TrainerConfig
from exprlab.config.steps import PreprocessConfig
from exprlab.keys import COUNTS, INTENSITY, LOG2
from exprlab.outputs import activate, by_class
from exprlab.preprocess.preprocessor import fit_preprocessor
from exprlab.training.baselines import fit_logistic
from exprlab.training.boosting import fit_boosting
from exprlab.training.fit import fit_network

# Folder, and what its numbers are.
COHORTS = {
    "alon": ("alon_colon", INTENSITY),
    "khan": ("khan_srbct", LOG2),
    "prostate": ("prostate_pairs_counts", COUNTS),
    "brca": ("tcga_brca_counts_lacen", COUNTS),
}
COLUMNS = ("accuracy", "auroc", "log_loss")


def main() -> None:
    """Print a row for each cohort, design and model."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cohorts", nargs="+", choices=COHORTS, default=list(COHORTS))
    parser.add_argument("--models", nargs="+", choices=MODELS, default=list(MODELS))
    parser.add_argument("--repeats", type=int, default=3)
    args = parser.parse_args()
    print("| cohort | design | model | " + " | ".join(COLUMNS) + " | accuracy - reference (se) |")
    print("|---|---|---|" + "---|" * (len(COLUMNS) + 1))
    warnings.filterwarnings("ignore")
    for cohort in args.cohorts:
        values, labels, patients, split = read(cohort)
        designs = {f"5 folds x {args.repeats}": folds(labels, patients, args.repeats)}
        if split is not None:
            cut = tuple(np.flatnonzero(split == side) for side in ("train", "test"))
            designs["published split"] = [[cut]]
        for design, repeats in designs.items():
            rows: dict[str, np.ndarray] = {}
            for model in args.models:
                found = [judge(cohort, model, values, labels, patients, cuts) for cuts in repeats]
                rows[model] = np.array(found)
                print_row(cohort, design, model, rows)


def print_row(cohort: str, design: str, model: str, rows: dict[str, np.ndarray]) -> None:
    """Print the means over the repeats."""
    found = rows[model]
    gain = (found - rows["reference"])[:, 0] if "reference" in rows else np.zeros(len(found))
    se = f" ({gain.std(ddof=1) / len(gain) ** 0.5:.3f})" if len(gain) > 1 else ""
    words = " | ".join(f"{x:.3f}" for x in found.mean(axis=0))
    print(f"| {cohort} | {design} | {model} | {words} | {gain.mean():+.3f}{se} |", flush=True)


def read(cohort: str) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray | None]:
    """Return the values, labels, patients and published split of a cohort's samples."""
    folder = Path(os.environ["EXPRLAB_REAL_DATA"]) / COHORTS[cohort][0]
    samples = pd.read_csv(folder / "samples.tsv", sep="\t", index_col=0, dtype=str)
    values = pd.read_csv(folder / "expression.tsv.gz", sep="\t", index_col=0)
    if not samples.index.isin(values.index).all():
        values = values.T
    labels = pd.Categorical(samples["label"]).codes.astype(np.int64)
    patients = samples.get("patient", samples.index.to_series()).to_numpy(dtype=str)
    split = samples["split"].to_numpy() if "split" in samples else None
    return values.loc[samples.index].to_numpy(), labels, patients, split


Cut = tuple[np.ndarray, np.ndarray]


def folds(labels: np.ndarray, patients: np.ndarray, repeats: int) -> list[list[Cut]]:
    """Return (train, test) rows of each fold of each repeat."""
    return [
        list(StratifiedGroupKFold(5, shuffle=True, random_state=i).split(labels, labels, patients))
        for i in range(repeats)
    ]


def judge(
    cohort: str,
    model: str,
    values: np.ndarray,
    labels: np.ndarray,
    patients: np.ndarray,
    cuts: list[Cut],
) -> list[float]:
    """Return a model's metrics: means over the folds of one repeat."""
    found = []
    for fit, test in cuts:
        train, val = next(inner(labels, patients, fit))
        features = preprocessed(values, COHORTS[cohort][1], train)
        logits = MODELS[model](features, labels, train, val, patients)
        probability = by_class(activate(logits[test]))
        scores = probability[:, 1] if probability.shape[1] == 2 else probability
        found.append(
            [
                accuracy_score(labels[test], probability.argmax(axis=1)),
                roc_auc_score(labels[test], scores, multi_class="ovr"),
                log_loss(labels[test], probability, labels=np.unique(labels)),
            ]
        )
    return np.mean(found, axis=0).tolist()


def inner(labels: np.ndarray, patients: np.ndarray, rows: np.ndarray) -> Iterator[Cut]:
    """Yield training and validation rows, 15 % of them to validate on."""
    deal = StratifiedGroupKFold(7, shuffle=True, random_state=0)
    for train, val in deal.split(rows, labels[rows], patients[rows]):
        yield rows[train], rows[val]


def preprocessed(values: np.ndarray, kind: str, train: np.ndarray) -> np.ndarray:
    """Return the features of all samples, by the default preprocessing of the training samples."""
    values = values.astype(np.int32 if kind == COUNTS else np.float32)
    genes = [f"g{i:06d}" for i in range(values.shape[1])]
    fitted = fit_preprocessor(lambda: iter([values[train]]), genes, PreprocessConfig(), values=kind)
    return fitted.transform(values[:, np.searchsorted(genes, fitted.genes)])


def reference(
    features: np.ndarray, labels: np.ndarray, train: np.ndarray, val: np.ndarray, _: np.ndarray
) -> np.ndarray:
    """Return the logits of scikit-learn's logistic regression, tuned in inner folds."""
    rows = np.sort(np.concatenate([train, val]))
    tuned = LogisticRegressionCV(
        Cs=np.logspace(-6, 2, 13).tolist(), cv=10, scoring="neg_log_loss", max_iter=2000
    )
    return tuned.fit(features[rows], labels[rows]).decision_function(features)


def ours(kind: str) -> Callable[..., np.ndarray]:
    """Return the function that trains one of our models with its default settings."""

    def fit(
        features: np.ndarray,
        labels: np.ndarray,
        train: np.ndarray,
        val: np.ndarray,
        patients: np.ndarray,
    ) -> np.ndarray:
        data = {"features": features, "labels": labels, "train": train, "val": val}
        with tempfile.TemporaryDirectory() as name, contextlib.redirect_stdout(io.StringIO()):
            data |= {"patients": patients, "folder": Path(name), "seed": 0}
            if kind == "logistic":
                return fit_logistic(**data, model=LogisticConfig()).logits
            if kind == "boosting":
                return fit_boosting(**data, model=BoostingConfig()).logits
            settings = TrainerConfig(accelerator="cpu")
            return fit_network(**data, model=MLPConfig(), settings=settings).logits

    return fit


MODELS = {
    "reference": reference,
    "logistic": ours("logistic"),
    "mlp": ours("mlp"),
    "boosting": ours("boosting"),
}

if __name__ == "__main__":
    with threadpool_limits(1):
        main()
