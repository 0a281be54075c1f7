"""The steps on real tumours' counts, where EXPRLAB_REAL_DATA names the folder that holds them."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import RepeatedStratifiedKFold

from exprlab.cohort.canonical import check_counts
from exprlab.cohort.checks import Needs
from exprlab.cohort.problems import Problems
from exprlab.config.models import LogisticConfig
from exprlab.config.steps import PreprocessConfig, SplitConfig
from exprlab.data.formats import open_counts, write_counts
from exprlab.data.split import split_samples
from exprlab.keys import TEST, TRAIN, VAL
from exprlab.preprocess.preprocessor import fit_preprocessor
from exprlab.preprocess.run import fit_file, write_features
from exprlab.training.baselines import fit_logistic

FOLDER = Path(os.environ.get("EXPRLAB_REAL_DATA", "nowhere"))
pytestmark = pytest.mark.skipif(not FOLDER.is_dir(), reason="EXPRLAB_REAL_DATA is not set")


@pytest.mark.parametrize(
    ("cohort", "genes_in_rows"),
    [("prostate_pairs_counts", True), ("tcga_brca_counts_lacen", False)],
)
def test_tumour_and_normal_are_told_apart(tmp_path: Path, cohort: str, genes_in_rows: bool) -> None:
    samples = pd.read_csv(FOLDER / cohort / "samples.tsv", sep="\t", index_col=0)
    counts = pd.read_csv(FOLDER / cohort / "expression.tsv.gz", sep="\t", index_col=0)
    counts = (counts.T if genes_in_rows else counts).loc[samples.index]
    names = {"tumor": "malignant", "tumour": "malignant", "normal": "benign"}
    table = pd.DataFrame(
        {
            "label": samples["label"].str.lower().map(names),
            "patient": samples["patient"].astype(str),
        },
        index=samples.index.astype(str),
    )
    path = tmp_path / "cohort.h5ad"
    genes = pd.DataFrame(index=counts.columns.astype(str))
    write_counts(path, table, genes, [(0, counts.to_numpy(dtype=np.int32))])
    with open_counts(path) as file:
        problems = Problems()
        summary = check_counts(file, Needs(), problems)
        assert problems.errors == []
        split = split_samples(file.samples, SplitConfig(test_fraction=0.3, val_fraction=0.2), 0)
        write_features(tmp_path / "x.npy", file, fit_file(file, split, PreprocessConfig()))
    assert summary["n_samples"] == len(table)
    assert table["patient"].map(lambda p: split[table["patient"] == p].nunique()).max() == 1
    features = np.load(tmp_path / "x.npy")
    assert np.isfinite(features).all()
    labels = (table["label"] == "malignant").to_numpy(dtype=int)
    train, val, test = (np.flatnonzero(split == name) for name in (TRAIN, VAL, TEST))
    fitted = fit_logistic(features, labels, train, val, LogisticConfig(), tmp_path)
    # Published analyses of both cohorts separate the classes without error.
    assert roc_auc_score(labels[test], fitted.logits[test]) > 0.95


# Folder, kind of values, whether genes are in rows, what makes the file's numbers that kind.
ARRAYS = [
    ("alon_colon", "intensity", False, 1.0),
    ("khan_srbct", "log2", True, 1 / np.log(2)),
]


def read_arrays_cohort(
    folder: str, genes_in_rows: bool, factor: float
) -> tuple[np.ndarray, pd.DataFrame]:
    samples = pd.read_csv(FOLDER / folder / "samples.tsv", sep="\t", index_col=0)
    table = pd.read_csv(FOLDER / folder / "expression.tsv.gz", sep="\t", index_col=0)
    table = (table.T if genes_in_rows else table).loc[samples.index]
    return (table.to_numpy(float) * factor).astype(np.float32), samples


def accuracy(
    values: np.ndarray, kind: str, label: np.ndarray, train: np.ndarray, test: np.ndarray,
    **options: object,
) -> float:  # fmt: skip
    genes = [str(i) for i in range(values.shape[1])]
    config = PreprocessConfig(**options)
    fitted = fit_preprocessor(lambda: iter([values[train]]), genes, config, values=kind)
    columns = [int(gene) for gene in fitted.genes]
    inputs = [fitted.transform(values[rows][:, columns]) for rows in (train, test)]
    model = LogisticRegression(C=0.01, max_iter=1000).fit(inputs[0], label[train])
    return float((model.predict(inputs[1]) == label[test]).mean())


@pytest.mark.parametrize("normalisation", ["median", "quantile", "none"])
@pytest.mark.parametrize(("folder", "kind", "genes_in_rows", "factor"), ARRAYS)
def test_arrays_are_classified_as_in_published_analyses(
    folder: str, kind: str, genes_in_rows: bool, factor: float, normalisation: str
) -> None:
    values, samples = read_arrays_cohort(folder, genes_in_rows, factor)
    label = samples["label"].astype(str).to_numpy()
    folds = RepeatedStratifiedKFold(n_splits=5, n_repeats=2, random_state=0)
    scores = [
        accuracy(values, kind, label, train, test, array_normalisation=normalisation)
        for train, test in folds.split(values, label)
    ]
    # The same regression on values standardised by scikit-learn: 0.874 and 0.998.
    assert np.mean(scores) > {"alon_colon": 0.82, "khan_srbct": 0.97}[folder]


def test_published_split_of_the_childhood_tumours() -> None:
    values, samples = read_arrays_cohort("khan_srbct", True, 1 / np.log(2))
    label, split = (samples[name].astype(str).to_numpy() for name in ("label", "split"))
    train, test = (np.flatnonzero(split == name) for name in ("train", "test"))
    assert accuracy(values, "log2", label, train, test) >= 17 / 20
