"""Which design a data set gets, from a first look at its sample table."""

from __future__ import annotations

import gzip
from pathlib import Path

import pandas as pd
import pytest

from exprlab.cohort.glance import glance
from exprlab.cohort.plan import plan_design
from exprlab.config.designs import Design, designs_from_json, designs_to_json
from exprlab.config.files import FilesDataset
from exprlab.config.steps import ExperimentConfig, SimulatedDataset, SplitConfig
from exprlab.data.formats import write_counts
from exprlab.errors import UserError

SHEET = pd.DataFrame(
    {
        "sample": [f"s{i}" for i in range(8)],
        "label": ["tumour", "normal"] * 4,
        "centre": [1, 1, 1, 2, 2, 2, 10, None],
        "set": ["train"] * 6 + ["test"] * 2,
    }
).astype({"centre": "Int64"})
NAMED = {"columns": {"batch": "centre", "split": "set"}}


def dataset(path: Path, **more: object) -> FilesDataset:
    return FilesDataset(expression=["x.tsv"], samples=[str(path)], **more)


def write(path: Path, table: pd.DataFrame) -> Path:
    """Write a sample table in the format of its name."""
    if path.suffix == ".xlsx":
        table.to_excel(path, index=False)
    elif path.suffix == ".gz":
        with gzip.open(path, "wt", newline="") as stream:
            table.to_csv(stream, sep="\t", index=False)
    elif path.suffix == ".zst":
        import pyarrow

        with pyarrow.output_stream(str(path), compression="zstd") as stream:
            stream.write(table.to_csv(sep="\t", index=False).encode())
    elif path.suffix == ".h5ad":
        genes = pd.DataFrame(index=["g"])
        obs = table.set_index("sample").astype({"centre": object})
        write_counts(path, obs, genes, [(0, obs[[]].assign(g=1).to_numpy("int32"))])
    else:
        table.to_csv(path, sep={".csv": ",", ".txt": ";"}.get(path.suffix, "\t"), index=False)
    return path


@pytest.mark.parametrize("name", ["a.tsv", "a.csv", "a.txt", "a.tsv.gz", "a.tsv.zst", "a.xlsx"])
def test_every_format_shows_the_same(name: str, tmp_path: Path) -> None:
    found = glance(dataset(write(tmp_path / name, SHEET), **NAMED))
    assert found.n_samples == 8
    assert found.batches == {"1", "2", "10"}
    assert found.has_split
    bare = glance(dataset(tmp_path / name))
    assert (bare.n_samples, bare.batches, bare.has_split) == (8, frozenset(), False)


def test_an_h5ad_without_a_table_beside_it_is_looked_into(tmp_path: Path) -> None:
    table = SHEET.assign(centre=["a"] * 4 + ["b"] * 4)
    path = write(tmp_path / "a.h5ad", table)
    found = glance(FilesDataset(expression=[str(path)], **NAMED))
    assert (found.n_samples, found.batches, found.has_split) == (8, {"a", "b"}, True)


def test_several_tables_add_up(tmp_path: Path) -> None:
    paths = [
        write(tmp_path / f"{k}.tsv", SHEET.assign(batch=f"study-{k}", sample=SHEET["sample"] + k))
        for k in "012"
    ]
    several = FilesDataset(expression=["x.tsv"], samples=[str(path) for path in paths])
    assert glance(several).batches == {"study-0", "study-1", "study-2"}
    design = plan_design("d", several, SplitConfig(design="leave_one_batch_out"))
    assert design == Design("leave_one_batch_out", 3)


def test_tables_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"missing.tsv: no such file"):
        glance(dataset(tmp_path / "missing.tsv"))
    (tmp_path / "a.xlsx").write_text("not a workbook")
    (tmp_path / "a.tsv").write_bytes(b"\xff\xfe\x00s\x00")
    for name, why in (("a.xlsx", "is no Excel workbook"), ("a.tsv", "save it as")):
        with pytest.raises(UserError, match=f"{name}: .*{why}"):
            glance(dataset(tmp_path / name))


def test_auto_is_settled_by_what_there_is(tmp_path: Path) -> None:
    sheet = write(tmp_path / "a.tsv", SHEET)
    auto = SplitConfig(folds=4)
    assert plan_design("d", dataset(sheet, **NAMED), auto) == Design("published")
    assert plan_design("d", dataset(sheet), auto) == Design("k_fold", 4)
    assert plan_design("d", SimulatedDataset(), auto) == Design("holdout")
    assert plan_design("d", SimulatedDataset(scenario="small-n"), auto) == Design("k_fold", 4)
    assert plan_design("d", SimulatedDataset(n_samples=499), auto).folds == 4
    assert plan_design("d", SimulatedDataset(n_samples=500), auto).folds == 0


@pytest.mark.parametrize(
    ("design", "smallest"),
    [(Design(), 3), (Design("k_fold", 5), 5), (Design("k_fold", 2), 3),
     (Design("leave_one_batch_out", 9), 3), (Design("published"), 3)],
)  # fmt: skip
def test_each_fold_needs_one_of_each_class(design: Design, smallest: int) -> None:
    assert design.smallest_class == smallest


def test_what_a_design_needs_is_asked_for(tmp_path: Path) -> None:
    sheet = dataset(write(tmp_path / "a.tsv", SHEET))
    with pytest.raises(UserError, match=r"published, but datasets.d has no column of a split"):
        plan_design("d", sheet, SplitConfig(design="published"))
    lobo = SplitConfig(design="leave_one_batch_out")
    with pytest.raises(UserError, match=r"datasets.d has 0 batches"):
        plan_design("d", sheet, lobo)
    with pytest.raises(UserError, match=r"datasets.d has 1 batches"):
        plan_design("d", SimulatedDataset(simulator={"n_batches": 1}), lobo)
    # Where the design does not depend on the table, nobody waits for it.
    assert (
        plan_design("d", dataset(tmp_path / "none.tsv"), SplitConfig(design="holdout")).folds == 0
    )


def test_splits_of_a_design() -> None:
    experiment = ExperimentConfig(seeds=[0, 3], train_sizes=[50])
    assert experiment.splits(Design()) == ["seed-0", "seed-3"] == experiment.repeats()
    folds = Design("k_fold", 2)
    assert experiment.splits(folds) == [
        "seed-0-fold-1", "seed-0-fold-2", "seed-3-fold-1", "seed-3-fold-2",
    ]  # fmt: skip
    assert experiment.smaller_splits(folds)[:2] == ["seed-0-fold-1-n-50", "seed-0-fold-2-n-50"]
    assert folds.splits_of(experiment.repeats()) == experiment.splits(folds)
    assert folds.splits_of(experiment.smaller_repeats()) == experiment.smaller_splits(folds)
    designs = {"a": folds, "b": Design()}
    assert designs_from_json(designs_to_json(designs)) == designs


def test_settings_of_other_designs_change_no_split() -> None:
    config = SplitConfig(folds=7, test_fraction=0.4, val_fraction=0.1)
    assert config.of_design("k_fold") == SplitConfig(design="k_fold", folds=7, val_fraction=0.1)
    holdout = config.of_design("holdout")
    assert (holdout.folds, holdout.test_fraction) == (5, 0.4)
    assert config.of_design("published").test_fraction == 0.2
