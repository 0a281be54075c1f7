"""Nothing that is fitted depends on the samples of the test fold."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from exprlab.cli.main import main
from exprlab.data.formats import write_counts
from exprlab.files import read_arrays, read_json

N, GENES = 48, 60
# What a training leaves that depends on the cohort, and what its test samples do to it.
FITTED = ["weights.safetensors", "network.json", "model/model.safetensors", "model/model.json"]


def cohort(seed: int = 0) -> tuple[pd.DataFrame, np.ndarray]:
    rng = np.random.default_rng(seed)
    samples = pd.DataFrame(
        {
            "label": ["benign", "malignant"] * (N // 2),
            "batch": [f"b{i % 3}" for i in range(N)],
            "patient": [f"p{i // 2}" for i in range(N)],
        },
        index=pd.Index([f"s{i:02d}" for i in range(N)], name="sample_id"),
    )
    mean = rng.uniform(20, 200, GENES) * np.exp(rng.normal(0, 0.3, (3, GENES)))[np.arange(N) % 3]
    mean[1::2, :10] *= 2
    return samples, rng.poisson(mean).astype(np.int32)


def fit(folder: Path, design: dict, fold: int, counts: np.ndarray) -> Path:
    """Run the steps from the counts to the packed model, by their commands."""
    samples, _ = cohort()
    folder.mkdir()
    genes = pd.DataFrame(index=pd.Index([f"g{i}" for i in range(GENES)], name="gene_id"))
    write_counts(folder / "c.h5ad", samples, genes, [(0, counts)])
    paths = {name: str(folder / name) for name in ("c.h5ad", "split.tsv", "p.json", "p.safetensors",
                                                   "f.npy")}  # fmt: skip
    data = ["--counts", paths["c.h5ad"]]
    main(["split", *data, "--output", paths["split.tsv"], "--params", json.dumps(design),
          "--seed", "0", "--fold", str(fold)])  # fmt: skip
    main(["preprocess", *data, "--split", paths["split.tsv"], "--preprocessor", paths["p.json"],
          "--arrays", paths["p.safetensors"], "--features", paths["f.npy"]])  # fmt: skip
    for model in ("logistic", "mlp"):
        run = folder / "results" / "d" / model / f"seed-0-fold-{fold}"
        settings = {"model": {"kind": model}}
        if model == "mlp":
            settings["model"] |= {"hidden": [4], "max_epochs": 3, "batch_size": 16}
        command = "train" if model == "mlp" else "train-baseline"
        main([command, *data, "--split", paths["split.tsv"], "--features", paths["f.npy"],
              "--run", str(run), "--seed", "0", "--code", "none",
              "--params", json.dumps(settings)])  # fmt: skip
        main(["calibrate", "--run", str(run), *data, "--features", paths["f.npy"],
              "--preprocessor", paths["p.json"], "--arrays", paths["p.safetensors"],
              "--output", str(run / "model")])  # fmt: skip
    return folder


@pytest.mark.parametrize("design", ["k_fold", "leave_one_batch_out"])
def test_other_values_of_test_samples_change_nothing_that_is_fitted(
    design: str, tmp_path: Path
) -> None:
    settings, (_, counts) = {"design": design, "folds": 3}, cohort()
    first = fit(tmp_path / "first", settings, 2, counts)
    split = pd.read_csv(first / "split.tsv", sep="\t", index_col=0)["split"]
    outside = ~split.isin(["train", "val"]).to_numpy()
    assert outside.any()
    changed = counts.copy()
    changed[outside] = np.random.default_rng(1).integers(0, 5000, (outside.sum(), GENES))
    second = fit(tmp_path / "second", settings, 2, changed)
    for name in ("split.tsv", "p.json", "p.safetensors"):
        assert (first / name).read_bytes() == (second / name).read_bytes(), name
    features = [np.load(folder / "f.npy") for folder in (first, second)]
    assert np.array_equal(*(f[~outside] for f in features))
    assert not np.array_equal(*(f[outside] for f in features))
    for model in ("logistic", "mlp"):
        runs = [f / "results" / "d" / model / "seed-0-fold-2" for f in (first, second)]
        for name in FITTED:
            read = read_json if name.endswith("json") else read_arrays
            one, other = (read(run / name) for run in runs)
            assert one.keys() == other.keys()
            for key in one:
                assert np.all(one[key] == other[key]), (model, name, key)
