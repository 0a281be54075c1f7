"""The packed model: the same numbers wherever it is, clear words for what does not fit."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import safetensors.numpy
import torch
from domains import SETS, tolerant
from scipy.special import expit

from exprlab.config.steps import PreprocessConfig
from exprlab.data.formats import open_counts, write_counts
from exprlab.data.tables import write_blocks
from exprlab.errors import UserError
from exprlab.files import digest_of, read_json, write_json
from exprlab.inference.model import Model, load_model, save_model
from exprlab.inference.pack import pack_model
from exprlab.inference.predict import Predictor, predict_file, predict_frame
from exprlab.keys import CLASSES
from exprlab.nets.mlp import MLP
from exprlab.preprocess.preprocessor import fit_preprocessor

G = 60
GENES = [f"g{i:02d}" for i in range(G)]
KINDS = ("mlp", "logistic", "boosting")
NUMBERS = ["logit", "probability", "calibrated_probability"]


def draw(n: int, seed: int) -> pd.DataFrame:
    """Return a table of counts; the second half of the samples has more of the first genes."""
    rng = np.random.default_rng(seed)
    mean = np.linspace(30, 900, G) * rng.uniform(0.7, 1.4, (n, 1))
    mean[n // 2 :, :10] *= 3
    ids = pd.Index([f"s{i}" for i in range(n)], name="sample_id")
    return pd.DataFrame(rng.poisson(mean).astype(np.int32), index=ids, columns=GENES)


def make(kind: str, size_factors: str = "median_of_ratios") -> Model:
    train = draw(100, 0).to_numpy()
    config = PreprocessConfig(size_factors=size_factors)
    fitted = fit_preprocessor(lambda: iter([train]), GENES, config)
    n = len(fitted.features)
    if kind == "logistic":
        rng = np.random.default_rng(1)
        weights = {"weight": rng.normal(0, 0.3, n).astype(np.float32),
                   "bias": np.float32([0.2])}  # fmt: skip
        architecture = {"n_inputs": n}
    elif kind == "boosting":
        weights, architecture = stumps(n), {"n_inputs": n}
    else:
        torch.manual_seed(0)
        network = MLP(n, [8, 4], batch_norm=True, dropout=0.5, input_dropout=0.1)
        network(torch.from_numpy(fitted.transform(train)))  # moves the running statistics
        weights = {name: value.numpy() for name, value in network.state_dict().items()}
        architecture = network.architecture
    description = {"kind": kind, "architecture": architecture, "classes": CLASSES}
    return pack_model(
        description, weights, fitted, calibration=1.7, threshold=0.4,
        sets=SETS, domain=tolerant(fitted.transform(train)),
    )  # fmt: skip


def stumps(n: int) -> dict[str, np.ndarray]:
    """Return a tree of one branching for each feature: down to the left, up to the right."""
    root = 3 * np.arange(n)
    node = np.arange(3 * n)
    rng = np.random.default_rng(2)
    left, right, threshold = node.copy(), node.copy(), np.full(3 * n, np.inf)
    left[root], right[root], threshold[root] = root + 1, root + 2, rng.normal(size=n)
    return {
        "feature": (node // 3).astype(np.int32), "threshold": threshold,
        "left": left.astype(np.int32), "right": right.astype(np.int32),
        "value": np.tile([0.0, -0.2, 0.2], n), "roots": root[None].astype(np.int32),
        "baseline": np.array([0.1]),
    }  # fmt: skip


@pytest.fixture(scope="module", params=KINDS)
def model(request: pytest.FixtureRequest) -> Model:
    return make(request.param)


@pytest.fixture(scope="module")
def new() -> pd.DataFrame:
    return draw(50, 5)


def close(one: pd.DataFrame, other: pd.DataFrame) -> None:
    np.testing.assert_allclose(one[NUMBERS], other[NUMBERS], rtol=1e-6, atol=1e-6)
    assert one["prediction"].tolist() == other["prediction"].tolist()


def write(path: Path, frame: pd.DataFrame) -> Path:
    samples, genes = pd.DataFrame(index=frame.index), pd.DataFrame(index=frame.columns)
    write_counts(path, samples, genes, [(0, frame.to_numpy())])
    return path


# What is predicted.


def test_numbers_follow_from_each_other(model: Model, new: pd.DataFrame) -> None:
    middle = predict_frame(model, new)["calibrated_probability"].median()
    table = predict_frame(replace(model, threshold=middle), new)
    assert table.index.equals(new.index)
    assert table.columns.tolist() == [
        *NUMBERS, "prediction", "prediction_set", "distance", "typicality", "flags", "model_id",
    ]  # fmt: skip
    np.testing.assert_allclose(table["probability"], expit(table["logit"]))
    np.testing.assert_allclose(table["calibrated_probability"], expit(table["logit"] / 1.7))
    malignant = table["prediction"] == "malignant"
    assert set(table["prediction"]) == {"benign", "malignant"}
    assert malignant.equals(table["calibrated_probability"] >= middle)
    assert (table["flags"] == "").all()


def test_threshold_itself_is_malignant(new: pd.DataFrame) -> None:
    model = make("logistic")
    flat = {"weight": 0 * model.weights["weight"], "bias": np.float32([0])}
    flat_model = replace(model, weights=flat, threshold=0.5)
    assert set(predict_frame(flat_model, new)["prediction"]) == {"malignant"}


def test_logit_is_that_of_numpy(new: pd.DataFrame) -> None:
    """The MLP in evaluation mode written out: batch norm from running statistics, no dropout."""
    model = make("mlp")
    layer = {k.removeprefix("layers."): v for k, v in model.weights.items()}
    x = model.preprocessor.transform(new[model.preprocessor.genes].to_numpy())
    for linear, norm in (("1", "2"), ("5", "6")):
        x = x @ layer[f"{linear}.weight"].T + layer[f"{linear}.bias"]
        x = (x - layer[f"{norm}.running_mean"]) / np.sqrt(layer[f"{norm}.running_var"] + 1e-5)
        x = np.maximum(x * layer[f"{norm}.weight"] + layer[f"{norm}.bias"], 0)
    logit = (x @ layer["9.weight"].T + layer["9.bias"])[:, 0]
    np.testing.assert_allclose(predict_frame(model, new)["logit"], logit, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("rows", [1, 3, 50])
def test_blocks_and_frames_give_the_same(
    rows: int, model: Model, new: pd.DataFrame, tmp_path: Path
) -> None:
    with open_counts(write(tmp_path / "new.h5ad", new)) as counts:
        table = pd.concat(predict_file(model, counts, rows))
    assert table.index.name == "sample_id"
    close(table, predict_frame(model, new))


@pytest.mark.parametrize(("name", "separator"), [("new.tsv", "\t"), ("new.csv", ",")])
def test_table_of_several_blocks_has_one_header(
    model: Model, new: pd.DataFrame, tmp_path: Path, name: str, separator: str
) -> None:
    with open_counts(write(tmp_path / "new.h5ad", new)) as counts:
        write_blocks(tmp_path / name, predict_file(model, counts, 7))
    read = pd.read_csv(tmp_path / name, sep=separator, index_col="sample_id", na_filter=False)
    table = predict_frame(model, new)
    assert read.index.equals(table.index)
    np.testing.assert_allclose(read[NUMBERS], table[NUMBERS], rtol=1e-5)


# Genes by name.


@pytest.mark.parametrize("size_factors", ["median_of_ratios", "cpm"])
@pytest.mark.parametrize("kind", KINDS)
def test_order_of_the_genes_and_extra_genes_do_not_matter(
    kind: str, size_factors: str, new: pd.DataFrame
) -> None:
    model = make(kind, size_factors)
    other = new.assign(unknown=10**6, other=-1)[["unknown", *GENES[::-1], "other"]]
    pd.testing.assert_frame_equal(predict_frame(model, other), predict_frame(model, new))


def test_a_few_missing_genes_are_imputed_and_flagged(model: Model, new: pd.DataFrame) -> None:
    table = predict_frame(model, new.drop(columns=["g40", "g41"]))
    assert set(table["flags"]) == {"2 genes missing"}
    imputed = predict_frame(model, new.assign(g40=-1, g41=-1))
    pd.testing.assert_frame_equal(table[NUMBERS], imputed[NUMBERS])
    assert not np.allclose(table["logit"], predict_frame(model, new)["logit"])


def test_too_many_missing_genes_are_refused(model: Model, new: pd.DataFrame) -> None:
    predict_frame(model, new[GENES[6:]])  # a tenth may be missing
    with pytest.raises(UserError, match=r"7 of the model's 60 genes are missing.*g00, .*g06\."):
        predict_frame(model, new[GENES[7:]])
    with pytest.raises(UserError, match=r"genes such as ENSG0, ENSG1, ENSG2: are the ids"):
        Predictor(model, [f"ENSG{i}" for i in range(G)])


def test_missing_values_are_counted_in_each_sample(model: Model, new: pd.DataFrame) -> None:
    holes = new.copy()
    holes.loc["s1", GENES[:4]] = -1
    holes.loc["s3", GENES[:3]] = -1  # a twentieth is no reason to worry
    holes.loc["s2", GENES[:7]] = -1  # more than a tenth
    table = predict_frame(model, holes)
    assert table.loc["s1", "flags"] == "4 genes missing"
    assert table.loc["s3", "flags"] == ""
    assert table.loc["s2", "flags"] == "7 genes missing; too many genes missing to predict"
    assert table.loc["s2", ["logit", "distance"]].isna().all()
    assert table.loc["s2", "prediction"] == ""
    # The others are what they were.
    rest = new.index.difference(["s1", "s2", "s3"])
    pd.testing.assert_frame_equal(table.loc[rest], predict_frame(model, new).loc[rest])


def test_doubled_genes(model: Model, new: pd.DataFrame) -> None:
    doubled = pd.concat([new, new[["g05", "g03"]]], axis=1)
    with pytest.raises(UserError, match=r"2 of the model's genes occur more than once.*'g03'"):
        predict_frame(model, doubled)
    foreign = pd.DataFrame(3, index=new.index, columns=["x", "x"])
    table = predict_frame(model, pd.concat([new, foreign], axis=1))
    pd.testing.assert_frame_equal(table, predict_frame(model, new))


# Samples that do not fit.


def test_libraries_outside_the_training_range_are_flagged(new: pd.DataFrame) -> None:
    model = make("logistic")
    low, high = model.preprocessor.library_range
    odd = new.copy()
    odd.loc["s1"] *= 20
    odd.loc["s2"] //= 20
    size = odd.sum(axis=1)
    table = predict_frame(model, odd)
    wanted = pd.Series("", index=new.index)
    wanted[size > 2 * high] = "library larger than in training"
    wanted[size < low / 2] = "library smaller than in training"
    assert table["flags"].tolist() == wanted.tolist()
    assert set(wanted.index[wanted != ""]) == {"s1", "s2"}
    both = predict_frame(model, odd.drop(columns="g00"))["flags"]
    assert both["s1"] == "1 genes missing; library larger than in training"


def test_shallow_sample_is_flagged_and_the_others_predicted(
    model: Model, new: pd.DataFrame
) -> None:
    bad = new.copy()
    bad.loc["s33", GENES[:40]] = 0
    table, whole = predict_frame(model, bad), predict_frame(model, new)
    row = table.loc["s33"]
    assert np.isnan([row["logit"], row["probability"], row["calibrated_probability"]]).all()
    assert row["prediction"] == ""
    assert "too few reads to predict" in row["flags"]
    others = table.index != "s33"
    np.testing.assert_allclose(table["logit"][others], whole["logit"][others], atol=1e-6)
    assert list(table["prediction"][others]) == list(whole["prediction"][others])


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (np.nan, r"row 4 \(sample 's3'\), column 3 \(gene 'g02'\): nan is not a whole number"),
        (2.5, "2.5 is not a whole number"),
        (np.inf, "inf is not a whole number"),
        (-7, "is negative"),
        (3e9, "larger than any count"),
        ("many", "column 'g02' holds no numbers"),
        (None, "nan is not a whole number"),
        (pd.NA, "column 'g02' holds no numbers"),
    ],
)
def test_cells_that_are_no_counts_are_refused(value: object, words: str, new: pd.DataFrame) -> None:
    model = make("logistic")
    column = [value if i == 3 else 50 for i in range(len(new))]
    with pytest.raises(UserError, match=words):
        predict_frame(model, new.assign(g02=column))


@pytest.mark.parametrize("kind", ["float32", "float64", "int64", "uint16", "Int64"])
def test_counts_of_any_type_give_the_same(kind: str, model: Model, new: pd.DataFrame) -> None:
    pd.testing.assert_frame_equal(predict_frame(model, new.astype(kind)), predict_frame(model, new))
    if kind == "Int64":
        empty = new.astype(kind)
        empty.loc["s3", "g02"] = pd.NA
        with pytest.raises(UserError, match="nan is not a whole number"):
            predict_frame(model, empty)


# The folder.


def test_copied_folder_predicts_the_same(model: Model, new: pd.DataFrame, tmp_path: Path) -> None:
    model = save_model(tmp_path / "model", model)
    shutil.copytree(tmp_path / "model", tmp_path / "elsewhere")
    shutil.rmtree(tmp_path / "model")
    again = load_model(tmp_path / "elsewhere")
    pd.testing.assert_frame_equal(predict_frame(again, new), predict_frame(model, new))
    assert again.classes == model.classes
    assert again.versions == model.versions
    assert {"numpy", "torch"} <= set(again.versions)
    for name, array in model.weights.items():
        np.testing.assert_array_equal(again.weights[name], array)
        assert again.weights[name].shape == array.shape


def test_folder_is_json_and_safetensors_alone(model: Model, tmp_path: Path) -> None:
    save_model(tmp_path / "model", model)
    names = sorted(path.name for path in (tmp_path / "model").iterdir())
    assert names == ["model.json", "model.safetensors"]
    arrays = safetensors.numpy.load_file(tmp_path / "model/model.safetensors")
    n_arrays = sum(len(part.state()[1]) for part in (model.preprocessor, model.domain))
    n_arrays += len(model.weights)
    assert len(arrays) == n_arrays
    description = read_json(tmp_path / "model/model.json")
    assert set(description["preprocessing"]["genes"]) == set(GENES)
    assert description["classes"] == ["benign", "malignant"]


def test_saving_again_gives_the_same_bytes(model: Model, tmp_path: Path) -> None:
    for name in ("a", "b", "b"):
        save_model(tmp_path / name, model)
    for file in ("model.json", "model.safetensors"):
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()


def test_saving_takes_no_folder_with_other_files(model: Model, tmp_path: Path) -> None:
    (tmp_path / "results").mkdir()
    (tmp_path / "results/thesis.txt").write_text("years of work")
    with pytest.raises(UserError, match=r"holds other files, e\.g\. 'thesis.txt'"):
        save_model(tmp_path / "results", model)
    assert [path.name for path in tmp_path.rglob("*")] == ["results", "thesis.txt"]


def spoil(folder: Path, name: str) -> None:
    """Damage a saved model in a named way."""
    about, arrays = folder / "model.json", folder / "model.safetensors"
    if name == "no folder":
        shutil.rmtree(folder)
    elif name == "no json":
        about.unlink()
    elif name == "no arrays":
        arrays.unlink()
    elif name == "cut json":
        about.write_text(about.read_text()[:-20])
    elif name == "cut arrays":
        arrays.write_bytes(arrays.read_bytes()[:-20])
    elif name == "other arrays":
        save_model(folder.with_name("other"), make("logistic", "cpm"))
        shutil.copy(folder.with_name("other") / "model.safetensors", arrays)
    elif name == "not a model":
        about.write_text("[1]")
    elif name == "newer":
        write_json(about, {"format": 3, "everything": "else"})
        arrays.unlink()
    elif name == "edited":
        write_json(about, {**read_json(about), "threshold": 0.01})
    else:
        values = read_json(about)
        part = values["preprocessing"] if name == "config" else values
        del part[name]
        sign(about, values)


def sign(about: Path, values: dict) -> None:
    """Write a description whose id is right, as another program might."""
    values = {key: value for key, value in values.items() if key != "model_id"}
    write_json(about, {**values, "model_id": digest_of(values)[:12]})


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        ("no folder", "no such folder; --model takes a folder with model.json"),
        ("no json", "model.json: no such file"),
        ("no arrays", "model.safetensors: no such file"),
        ("cut json", "model.json: not valid JSON"),
        ("cut arrays", "model.safetensors: not a whole safetensors file"),
        ("other arrays", "model.safetensors: is not the file that model.json was written with"),
        ("not a model", "model.json: does not describe a model"),
        ("newer", "model.json: format 3, this exprlab reads 2"),
        ("edited", "model.json: was changed after the model was made"),
        ("threshold", "model.json: is damaged (KeyError: 'threshold')"),
        ("config", "model.json: is damaged (KeyError: 'config')"),
    ],
)
def test_damaged_folder_is_refused(damage: str, words: str, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    save_model(folder, make("logistic"))
    spoil(folder, damage)
    with pytest.raises(UserError) as caught:
        load_model(folder)
    assert words in str(caught.value)
    assert str(folder) in str(caught.value)


def test_settings_of_another_version_are_refused(tmp_path: Path) -> None:
    save_model(tmp_path / "model", make("logistic"))
    values = read_json(tmp_path / "model/model.json")
    values["preprocessing"]["config"]["magic"] = 1
    sign(tmp_path / "model/model.json", values)
    with pytest.raises(UserError, match="is damaged"):
        load_model(tmp_path / "model")
