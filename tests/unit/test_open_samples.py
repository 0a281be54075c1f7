"""Samples to predict are the same numbers in whatever format they come."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from anndata import AnnData
from scipy.sparse import csr_matrix

from exprlab.cohort.opened import open_samples
from exprlab.config.files import FilesDataset
from exprlab.data.formats import write_counts
from exprlab.errors import UserError

# Names that say of nobody whether they are genes or samples.
GENES = [f"X{i}" for i in range(1, 101)]
SAMPLES = ["a1", "a2", "b1", "b2"]
COUNTS = np.random.default_rng(0).poisson(20, (len(SAMPLES), len(GENES))).astype(np.int32)
FRAME = pd.DataFrame(COUNTS, index=SAMPLES, columns=GENES)


def opened(path: Path, gene_ids: list[str], *, samples: Path | None = None) -> pd.DataFrame:
    settings = FilesDataset(
        expression=[str(path)], samples=[str(samples)] if samples else [], values="counts"
    )
    with open_samples(settings, gene_ids) as counts:
        blocks = [block for _, block in counts.blocks(3)]
        table = pd.DataFrame(np.concatenate(blocks), counts.samples.index, counts.genes.index)
        return table.assign(**{name: counts.samples[name] for name in counts.samples})


def write(folder: Path, name: str) -> Path:
    path = folder / name
    if name.endswith("own.h5ad"):
        tables = (pd.DataFrame(index=pd.Index(ids)) for ids in (SAMPLES, GENES))
        write_counts(path, *tables, [(0, COUNTS)])
    elif name.endswith(".h5ad"):
        table = AnnData(csr_matrix(FRAME.astype(np.float32)))
        table.obs_names, table.var_names = SAMPLES, GENES
        table.write_h5ad(path)
    elif name.endswith(".parquet"):
        FRAME.to_parquet(path)
    elif name.startswith("transposed"):
        FRAME.T.to_csv(path)
    else:
        FRAME.to_csv(path, sep="\t")
    return path


@pytest.mark.parametrize(
    "name", ["own.h5ad", "sparse.h5ad", "a.parquet", "a.tsv", "a.tsv.gz", "transposed.csv"]
)
def test_every_format_gives_the_same_counts(tmp_path: Path, name: str) -> None:
    found = opened(write(tmp_path, name), [*GENES[:90], "absent"])
    pd.testing.assert_frame_equal(found, FRAME, check_names=False, check_dtype=False)


def test_sample_table_chooses_and_names_batches(tmp_path: Path) -> None:
    (tmp_path / "samples.tsv").write_text("id\tbatch\nb1\tnew\na2\told\n")
    found = opened(write(tmp_path, "a.tsv"), [], samples=tmp_path / "samples.tsv")
    assert list(found.index) == ["a2", "b1"]
    assert list(found["batch"]) == ["old", "new"]
    assert (found[GENES] == FRAME.loc[["a2", "b1"]]).all(axis=None)


def test_damaged_samples_are_refused_and_leave_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    FRAME.replace(COUNTS[1, 2], -7).to_csv(tmp_path / "a.csv")
    with pytest.raises(UserError, match=r"a\.csv.*-7"):
        opened(tmp_path / "a.csv", GENES)
    assert [path.name for path in tmp_path.iterdir()] == ["a.csv"]
