"""The steps on real tumours' counts, where EXPRLAB_REAL_DATA names the folder that holds them."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from exprlab.config.models import LogisticConfig
from exprlab.config.steps import PreprocessConfig, SplitConfig
from exprlab.data.checks import check_counts
from exprlab.data.formats import open_counts, write_counts
from exprlab.data.split import split_samples
from exprlab.keys import TEST, TRAIN, VAL
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
        summary = check_counts(file)
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
