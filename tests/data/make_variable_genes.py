"""Write variable_genes.json: counts, and how variable scanpy's seurat_v3 finds their genes.

Run once with scanpy 1.11.5 and scikit-misc 0.5.3 in an environment of their own:
    python tests/data/make_variable_genes.py
"""

from __future__ import annotations

import json
from importlib.metadata import version
from pathlib import Path

import numpy as np

N_SAMPLES, N_GENES = 30, 250


def draw() -> np.ndarray:
    """Return counts at equal depth whose dispersion falls with the mean; some genes stand out."""
    rng = np.random.default_rng(5)
    mean = np.exp(rng.normal(5, 1.5, N_GENES))
    dispersion = (0.1 + 4 / mean) * np.exp(rng.normal(0, 0.5, N_GENES))
    dispersion[::10] *= 8
    counts = rng.poisson(mean * rng.gamma(1 / dispersion, dispersion, (N_SAMPLES, N_GENES)))
    counts[:, 3] = 7  # constant
    return counts


def main() -> None:
    """Ask scanpy and write."""
    import anndata
    import scanpy

    counts = draw()
    found = scanpy.pp.highly_variable_genes(
        anndata.AnnData(counts.astype(float)), flavor="seurat_v3", n_top_genes=50, inplace=False
    )
    scores = found["variances_norm"].round(6).tolist()
    content = {"scanpy": version("scanpy"), "counts": counts.tolist(), "scores": scores}
    path = Path(__file__).with_name("variable_genes.json")
    path.write_text(json.dumps(content, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
