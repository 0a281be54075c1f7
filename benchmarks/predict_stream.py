"""Predict more and more samples with one model: rate, and memory that must not grow with them.

    python benchmarks/predict_stream.py MODEL_FOLDER [N ...]

Each size runs in a process of its own. Samples are drawn around the model's training means.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd


def blocks(n: int, n_genes: int, rows: int = 256) -> Iterator[tuple[int, np.ndarray]]:
    """Yield counts of so many samples."""
    rng = np.random.default_rng(0)
    mean = rng.lognormal(3, 1.5, n_genes)
    for start in range(0, n, rows):
        size = (min(rows, n - start), n_genes)
        yield start, rng.poisson(mean, size).astype(np.int32)


def predict(model_folder: Path, counts_file: Path, output: Path) -> None:
    """Predict a file and print its rate and the largest memory of this process."""
    from exprlab.data.formats import open_counts
    from exprlab.data.tables import write_blocks
    from exprlab.inference.predict import load_model, predict_file

    began = time.perf_counter()
    model = load_model(model_folder)
    with open_counts(counts_file) as counts:
        n = counts.shape[0]
        write_blocks(output, predict_file(model, counts))
    seconds = time.perf_counter() - began
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{n:>9,} samples  {n / seconds:8,.0f} samples/s  {memory:7.0f} MiB")


def main(model_folder: Path, sizes: list[int]) -> None:
    """Write a file of each size and predict it in a process of its own."""
    from exprlab.data.formats import write_counts
    from exprlab.inference.predict import load_model

    genes = pd.DataFrame(index=load_model(model_folder).preprocessor.genes)
    with tempfile.TemporaryDirectory() as folder:
        for n in sizes:
            samples = pd.DataFrame(index=[f"s{i}" for i in range(n)])
            path = Path(folder) / "counts.h5ad"
            write_counts(path, samples, genes, blocks(n, len(genes)))
            command = [sys.executable, __file__, "--one", str(model_folder), str(path)]
            subprocess.run([*command, str(Path(folder) / "out.parquet")], check=True)


if __name__ == "__main__":
    if sys.argv[1] == "--one":
        predict(*map(Path, sys.argv[2:5]))
    else:
        main(Path(sys.argv[1]), [int(n) for n in sys.argv[2:]] or [1000, 10_000, 50_000])
