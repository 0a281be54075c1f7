"""Reading a wide table of text, against pandas' own reader."""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

from processes import Finished, environment, run, say, worker

from results import Figure, Result

WHAT = (
    "Wall time and memory of `exprlab import-cohort` on 1,000 samples x 20,000 genes of counts as "
    ".tsv.gz, genes in rows and in columns, and of logarithms to 15 digits; beside them "
    "pandas.read_csv on the same file."
)
PANDAS = "import sys, pandas; pandas.read_csv(sys.argv[1], sep='\\t', index_col=0).to_numpy()"
# File -> what it is, and the kind of its values.
FILES = {
    "rows": ("counts, genes in rows", "counts"),
    "columns": ("counts, genes in columns", "counts"),
    "log2": ("logarithms, genes in rows", "log2"),
}


def measure(quick: bool) -> Result:
    """Write the files, then read each with both in turn."""
    figures = []
    with tempfile.TemporaryDirectory() as folder:
        shape = {"n_samples": 100, "n_genes": 2000} if quick else {}
        worker("reading", 1, folder=folder, **shape)
        for name, (words, values) in FILES.items():
            path = Path(folder, f"{name}.tsv.gz")
            ours, theirs = [], []
            for _ in range(1 if quick else 3):
                ours.append(_import(path, values))
                theirs.append(run([sys.executable, "-c", PANDAS, str(path)], env=environment(1)))
                say(f"{words}: {ours[-1].seconds:.1f} s, pandas {theirs[-1].seconds:.1f} s")
            bars = (20.0, 1536.0) if values == "counts" else (None, None)
            figures += [
                Figure(words, tuple(done.seconds for done in ours), "s", bars[0]),
                Figure(f"{words}: CPU", tuple(done.cpu_seconds for done in ours), "s"),
                Figure(f"{words}: memory", tuple(done.peak_mib for done in ours), "MiB", bars[1]),
                Figure(f"pandas: {words}", tuple(done.seconds for done in theirs), "s"),
                Figure(f"pandas: {words}: CPU", tuple(done.cpu_seconds for done in theirs), "s"),
                Figure(f"pandas: {words}: memory", tuple(d.peak_mib for d in theirs), "MiB"),
            ]
    note = (
        "Of whole processes, imports included; ours finds out the layout, keeps ids as they are, "
        "reports damaged cells and writes the .h5ad. Its numbers are the nearest to their text; "
        "pandas' default is off by one in the last place for some."
    )
    return Result(figures, notes=[note])


def _import(path: Path, values: str) -> Finished:
    params = {"source": "files", "expression": str(path), "values": values}
    command = [sys.executable, "-m", "exprlab", "import-cohort", "--output", f"{path}.h5ad"]
    return run([*command, "--params", json.dumps(params)], env=environment(1))


def _write(folder: str, n_samples: int = 1000, n_genes: int = 20000) -> int:
    """Write the same cohort in each layout."""
    import gzip

    import numpy as np

    rng = np.random.default_rng(0)
    mean = rng.lognormal(3, 2, n_genes)
    counts = rng.poisson(mean * rng.gamma(3, 1 / 3, (n_samples, n_genes)))
    samples = [f"sample-{i:05d}" for i in range(n_samples)]
    genes = [f"ENSG{i:011d}" for i in range(n_genes)]
    tables = {
        "rows": (samples, genes, counts.T),
        "columns": (genes, samples, counts),
        "log2": (samples, genes, np.log2(counts.T + 1.0)),
    }
    for name, (columns, rows, values) in tables.items():
        with gzip.open(Path(folder, f"{name}.tsv.gz"), "wt", compresslevel=4) as file:
            file.write("\t".join(["id", *columns]) + "\n")
            for row, cells in zip(rows, values, strict=True):
                file.write("\t".join([row, *map(repr, cells.tolist())]) + "\n")
    return n_samples


if __name__ == "__main__":
    print(json.dumps(_write(**json.loads(sys.argv[1]))), flush=True)
