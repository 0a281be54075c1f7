"""Shifts of batches: the mixed model against dense algebra, and what it does to predictions."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from domains import SETS, tolerant
from scipy.optimize import minimize_scalar
from sklearn.metrics import roc_auc_score

from exprlab.config.steps import PreprocessConfig
from exprlab.data.formats import open_counts, write_counts
from exprlab.inference.model import Model, load_model, save_model
from exprlab.inference.new_batches import logits_of_left_out_batch, settle
from exprlab.inference.predict import predict_file, predict_frame
from exprlab.preprocess.batches import BatchShifts, BatchSums
from exprlab.preprocess.preprocessor import Preprocessor, fit_preprocessor

G = 40
GENES = [f"g{i:02d}" for i in range(G)]
# Batches with more of one class than the others, as clinics have.
SIZES = {("A", "benign"): 60, ("A", "malignant"): 15, ("B", "benign"): 20,
         ("B", "malignant"): 50, ("C", "benign"): 30, ("C", "malignant"): 25}  # fmt: skip


def groups(sizes: dict[tuple[str, str], int]) -> tuple[np.ndarray, np.ndarray]:
    """Return batch and class of each sample."""
    pairs = [pair for pair, n in sizes.items() for _ in range(n)]
    return np.array([b for b, _ in pairs]), np.array([c for _, c in pairs])


def sums_of(values: np.ndarray, batch: np.ndarray, label: np.ndarray) -> BatchSums:
    sums = BatchSums(batch, label, values.shape[1])
    for start in range(0, len(values), 7):
        sums.add(values[start : start + 7])
    return sums


def fit(values: np.ndarray, batch: np.ndarray, label: np.ndarray):
    return sums_of(values, batch, label).fit(values.mean(axis=0), values.std(axis=0))


def world(
    sizes: dict[tuple[str, str], int], sd: float, n_genes: int = 60, seed: int = 0
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return values with shifts of a standard deviation, batch, class, and the shifts."""
    rng = np.random.default_rng(seed)
    batch, label = groups(sizes)
    shift = {name: rng.normal(0, sd, n_genes) for name in np.unique(batch)}
    values = 5 + rng.normal(0, 1, (len(batch), n_genes)) + np.array([shift[b] for b in batch])
    values[label == "malignant", : n_genes // 2] += 2
    return values, batch, label, np.array(list(shift.values()))


# The mixed model.


def dense(ratio: float, y: np.ndarray, z: np.ndarray, c: np.ndarray) -> tuple[float, np.ndarray]:
    """Return REML deviance and BLUP of one feature by the covariance matrix of all samples."""
    v = np.linalg.inv(np.eye(len(y)) + ratio * z @ z.T)
    beta = np.linalg.solve(c.T @ v @ c, c.T @ v @ y)
    residual = y - c @ beta
    degrees = len(y) - c.shape[1]
    volume = -np.linalg.slogdet(v)[1] + np.linalg.slogdet(c.T @ v @ c)[1]
    return degrees * np.log(residual @ v @ residual) + volume, ratio * z.T @ v @ residual


def test_ratio_and_shifts_are_those_of_dense_algebra() -> None:
    values, batch, label, _ = world(SIZES, 0.7, n_genes=5)
    shifts, mean, sd = fit(values, batch, label)
    z = (batch[:, None] == np.unique(batch)).astype(float)
    c = (label[:, None] == np.unique(label)).astype(float)
    scaled = (values - values.mean(axis=0)) / values.std(axis=0)

    def deviance(log_ratio: float) -> float:
        return sum(dense(np.exp(log_ratio), y, z, c)[0] for y in scaled.T)

    best = minimize_scalar(deviance, bounds=(-10, 4)).x
    assert shifts.ratio == pytest.approx(np.exp(best), rel=1e-3)
    blup = np.array([dense(shifts.ratio, y, z, c)[1] for y in values.T]).T
    np.testing.assert_allclose(shifts.shift * sd, blup, rtol=1e-4, atol=1e-5)
    corrected = values - blup[np.searchsorted(["A", "B", "C"], batch)]
    np.testing.assert_allclose(mean, corrected.mean(axis=0), rtol=1e-5)
    np.testing.assert_allclose(sd, corrected.std(axis=0), rtol=1e-5)


def test_a_batch_with_more_malignant_samples_keeps_their_signal() -> None:
    values, batch, label, _ = world({k: 10 * n for k, n in SIZES.items()}, 0.7)
    shifts, mean, sd = fit(values, batch, label)
    corrected = shifts.remove((values - mean) / sd, batch) * sd
    difference = corrected[label == "malignant"].mean(0) - corrected[label == "benign"].mean(0)
    np.testing.assert_allclose(difference[:30], 2, atol=0.25)
    np.testing.assert_allclose(difference[30:], 0, atol=0.25)
    np.testing.assert_allclose((shifts.effect[1] - shifts.effect[0]) * sd, difference, atol=0.05)
    # Centring each batch by its mean takes part of the signal away.
    naive = values.copy()
    for name in np.unique(batch):
        naive[batch == name] -= values[batch == name].mean(axis=0)
    lost = naive[label == "malignant"].mean(0) - naive[label == "benign"].mean(0)
    assert lost[:30].mean() < 1.8


def test_shifts_of_small_batches_are_drawn_towards_zero() -> None:
    sizes = {(name, c): 40 for name in "ABCDE" for c in ("benign", "malignant")}
    values, batch, label, _ = world({**sizes, ("S", "benign"): 1, ("S", "malignant"): 1}, 0.5)
    values[batch == "S"] += 1.0
    shifts, mean, sd = fit(values, batch, label)
    free = (values[batch == "S"] - mean - shifts.effect * sd).mean(axis=0) / sd
    weight = 2 * shifts.ratio / (2 * shifts.ratio + 1)
    assert 0.2 < weight < 0.5
    np.testing.assert_allclose(shifts.shift[-1], weight * free, atol=0.01)


def test_nothing_is_taken_where_batches_do_not_differ_or_are_the_classes() -> None:
    values, batch, label, _ = world(SIZES, 0.0, n_genes=2000)
    shifts, _, _ = fit(values, batch, label)
    assert shifts.ratio < 1e-3
    assert shifts.names == [] or np.abs(shifts.shift).max() < 0.1
    confounded = {("A", "benign"): 40, ("B", "malignant"): 40}
    values, batch, label, _ = world(confounded, 1.0)
    shifts, mean, sd = fit(values, batch, label)
    assert shifts.names == []
    np.testing.assert_array_equal(mean, values.mean(axis=0))
    np.testing.assert_array_equal(sd, values.std(axis=0))


def test_missing_entries_hardly_matter() -> None:
    values, batch, label, truth = world({k: 4 * n for k, n in SIZES.items()}, 0.7)
    holed = values.copy()
    holed[np.random.default_rng(1).random(values.shape) < 0.05] = np.nan
    mean, sd = np.nanmean(holed, axis=0), np.nanstd(holed, axis=0)
    some, _, sd = sums_of(holed, batch, label).fit(mean, sd)
    found = some.shift * sd
    centred = truth - truth.mean(axis=0)
    np.testing.assert_allclose(found - found.mean(axis=0), centred, atol=0.45)
    assert np.abs(found - found.mean(axis=0) - centred).mean() < 0.1


def test_missing_entries_leave_the_scale_right_where_shifts_are_large() -> None:
    """Most of the variance is then between batches, and what is left must not be lost."""
    values, batch, label, _ = world({("A", "x"): 15, ("A", "y"): 15, ("B", "y"): 30}, 8.0)
    values[5, :] = values[40, ::2] = np.nan
    shifts, mean, sd = sums_of(values, batch, label).fit(
        np.nanmean(values, axis=0), np.nanstd(values, axis=0)
    )
    corrected = shifts.remove((values - mean) / sd, batch)
    np.testing.assert_allclose(np.nanstd(corrected, axis=0), 1, atol=0.05)
    np.testing.assert_allclose(np.nanmean(corrected, axis=0), 0, atol=0.05)


# As many batches as small cohorts have: most of few samples, half of one class only.
FEW = [(1, 0), (0, 1), (2, 0), (0, 2), (1, 1), (3, 0), (4, 0), (2, 4), (3, 4), (4, 5), (0, 9),
       (5, 5), (5, 0)]  # fmt: skip


@pytest.mark.parametrize(("sd", "gain"), [(0.0, -0.01), (1.2, 0.0)])
def test_small_batches_of_one_class_do_not_hurt(sd: float, gain: float) -> None:
    sizes = {(f"b{i:02d}", c): n for i, pair in enumerate(FEW)
             for c, n in zip(("x", "y"), pair, strict=True)}  # fmt: skip
    scores = []
    for seed in range(12):
        values, batch, label, _ = world(sizes, sd, n_genes=200, seed=seed)
        ill = label == "y"
        values[ill, :8] += 0.7
        train = np.arange(len(values)) % 3 > 0
        test = ~train & np.isin(batch, batch[train])
        mean, spread = values[train].mean(axis=0), values[train].std(axis=0)
        shifts, mean_left, left = sums_of(values[train], batch[train], label[train]).fit(
            mean, spread
        )
        plain = (values - mean) / spread
        corrected = shifts.remove((values - mean_left) / left, batch)
        scores.append([])
        for inputs in (plain, corrected):
            direction = inputs[train & ill].mean(axis=0) - inputs[train & ~ill].mean(axis=0)
            scores[-1].append(roc_auc_score(ill[test], inputs[test] @ direction))
    before, after = np.mean(scores, axis=0)
    assert before > 0.6
    assert after - before > gain


def test_every_sample_its_own_batch_or_one_class_only_is_no_problem() -> None:
    values, batch, label, _ = world(SIZES, 0.0)
    shifts, _, _ = fit(values, np.array([f"b{i}" for i in range(len(values))]), label)
    assert shifts.names == []
    values, batch, _, _ = world({("A", "x"): 20, ("B", "x"): 20}, 1.0)
    shifts, mean, sd = fit(values, batch, np.full(40, "x"))
    corrected = shifts.remove((values - mean) / sd, batch)
    assert np.abs(corrected[:20].mean(axis=0) - corrected[20:].mean(axis=0)).mean() < 0.1


def test_a_new_batch_is_predicted_by_its_mean_and_classes() -> None:
    """On training samples of a batch, the prediction for a new one gives about its shift."""
    values, batch, label, _ = world({k: 10 * n for k, n in SIZES.items()}, 0.7)
    shifts, mean, sd = fit(values, batch, label)
    for row, name in enumerate(shifts.names):
        members = (values[batch == name] - mean) / sd
        fraction = np.array([(label[batch == name] == c).mean() for c in shifts.classes])
        found = shifts.shift_of(members.mean(axis=0), fraction, len(members))
        np.testing.assert_allclose(found, shifts.shift[row], atol=0.01)
    assert (shifts.shift_of(members.mean(axis=0), fraction, 0) == 0).all()


# Predictions.


def counts_of(n: int, batch: dict[str, float], seed: int, malignant: float = 0.5) -> pd.DataFrame:
    """Return counts with `batch` and `label`; a batch shifts the genes of the signal, too."""
    rng = np.random.default_rng(seed)
    names = rng.choice(list(batch), n)
    label = rng.random(n) < malignant
    log = np.linspace(4, 7, G) + rng.normal(0, 0.3, (n, G))
    log[:, :20] += np.array([batch[name] for name in names])[:, None]
    log[label, :10] += 0.35
    table = pd.DataFrame(rng.poisson(np.exp(log)), columns=GENES, dtype=np.int32)
    table.index = pd.Index([f"s{i}" for i in range(n)], name="sample_id")
    return table.assign(batch=names, label=np.where(label, "malignant", "benign"))


SEEN = {"A": -0.5, "B": 0.1, "C": 0.6}


def model_of(correction: str) -> Model:
    """Return a linear model of the differences between classes, after preprocessing."""
    train = counts_of(600, SEEN, 0)
    counts, batch, label = (
        train[GENES].to_numpy(),
        *(train[k].to_numpy() for k in ("batch", "label")),
    )
    config = PreprocessConfig(batch_correction=correction, size_factors="cpm")
    fitted = fit_preprocessor(lambda: iter([counts]), GENES, config, (batch, label))
    features = fitted.batches.remove(fitted.transform(counts), batch)
    effect = features[label == "malignant"].mean(0) - features[label == "benign"].mean(0)
    weights = {"weight": effect.astype(np.float32), "bias": np.float32([0])}
    classes = ("benign", "malignant")
    return Model(
        "logistic",
        {"n_inputs": G},
        weights,
        fitted,
        classes,
        1.0,
        0.5,
        SETS,
        tolerant(features),
        {},
    )


@pytest.fixture(scope="module")
def model() -> Model:
    return model_of("centre")


def accuracy(model: Model, new: pd.DataFrame) -> float:
    return (predict_frame(model, new.drop(columns="label"))["prediction"] == new["label"]).mean()


def test_samples_of_a_new_batch_are_predicted_as_well_as_those_of_seen_ones(model: Model) -> None:
    seen = accuracy(model, counts_of(1000, SEEN, 1))
    new = counts_of(1000, {"D": 1.0, "E": -1.0}, 2)
    assert accuracy(model, new) > seen - 0.03
    assert accuracy(model_of("none"), new) < seen - 0.1


def test_a_batch_left_out_gets_the_logits_of_a_new_one(model: Model) -> None:
    # Some of a batch that training knows, whose shift preprocessing has taken, and two more of new
    # ones, of which one has more samples than its shift is estimated from.
    table = counts_of(900, {"A": -0.5, "D": 1.0}, 6)
    table["batch"] = np.where(np.arange(900) % 9 == 0, "E", table["batch"])
    batch, counts = table["batch"].to_numpy(), table[GENES].to_numpy()
    features = model.preprocessor.batches.remove(model.preprocessor.transform(counts), batch)
    logits = logits_of_left_out_batch(model, features, batch)
    expected = predict_frame(model, table.drop(columns="label"))["logit"]
    np.testing.assert_allclose(logits, expected, rtol=1e-5, atol=1e-5)
    untouched = model.logit_function()(features)
    new = np.isin(batch, ["D", "E"])
    assert np.abs(logits - untouched)[new].min() > 0.01
    assert (logits == untouched)[~new].all()


def test_a_new_batch_may_hold_more_of_one_class(model: Model) -> None:
    skewed = counts_of(1000, {"D": 1.0}, 3, malignant=0.85)
    features = model.preprocessor.transform(skewed[GENES].to_numpy())
    centred = features - features.mean(axis=0)
    prediction = np.where(model.logit_function()(centred) >= 0, "malignant", "benign")
    assert accuracy(model, skewed) > (prediction == skewed["label"]).mean() + 0.02


def test_a_new_batch_of_three_classes_whatever_their_order(model: Model) -> None:
    rng = np.random.default_rng(8)
    classes = ("benign", "Basal", "HER2")  # of the model; by name, Basal comes first

    def draw(label: np.ndarray, shift: np.ndarray) -> np.ndarray:
        values = rng.normal(0, 1, (len(label), G)) + shift
        for k, name in enumerate(classes):
            values[label == name, 8 * k : 8 * k + 8] += 2
        return values.astype(np.float32)

    batch, label = np.repeat(list("ABC"), 300), np.tile(np.repeat(classes, 100), 3)
    seen = dict(zip("ABC", rng.normal(0, 1, (3, G)), strict=True))
    shifts, mean, sd = fit(draw(label, np.array([seen[b] for b in batch])), batch, label)
    assert shifts.classes == ["Basal", "HER2", "benign"]
    features = shifts.remove((draw(label, np.array([seen[b] for b in batch])) - mean) / sd, batch)
    means = np.array([features[label == name].mean(axis=0) for name in classes])
    weights = {"weight": means.T.astype(np.float32), "bias": -(means**2).sum(axis=1) / 2}
    three = Model("logistic", {"n_inputs": G}, weights,
                  replace(model.preprocessor, batches=shifts), classes, 1.0, None,
                  SETS, model.domain, {})  # fmt: skip
    shares = {"benign": 0.6, "Basal": 0.3, "HER2": 0.1}
    new = rng.choice(list(shares), 400, p=list(shares.values()))
    shift = rng.normal(0, 1, G)
    found = settle(three, ((draw(new, shift) - mean) / sd).astype(np.float32))
    for name, share in zip(shifts.classes, found.fraction, strict=True):
        assert share == pytest.approx((new == name).mean(), abs=0.05), name
    # Shifts count from the mean of the batches that training has seen.
    wanted = shift - np.mean(list(seen.values()), axis=0)
    assert np.corrcoef(found.shift * sd, wanted)[0, 1] > 0.95


def test_a_sample_of_a_seen_batch_is_predicted_by_itself(model: Model) -> None:
    new = counts_of(30, {**SEEN, "D": 1.0}, 4).drop(columns="label")
    whole = predict_frame(model, new)
    alone = pd.concat([predict_frame(model, new.loc[[name]]) for name in new.index])
    seen = new["batch"] != "D"
    np.testing.assert_allclose(alone["logit"][seen], whole["logit"][seen], rtol=1e-5, atol=1e-5)
    assert not np.allclose(alone["logit"][~seen], whole["logit"][~seen])


def test_flags_name_batches_that_training_has_not_seen(model: Model) -> None:
    new = counts_of(30, {**SEEN, "D": 1.0}, 4).drop(columns="label")
    flags = predict_frame(model, new)["flags"]
    assert set(flags[new["batch"] != "D"]) == {""}
    assert set(flags[new["batch"] == "D"]) == {"batch not in training"}
    without = predict_frame(model, new.drop(columns="batch"))
    assert set(without["flags"]) == {"batch not named"}
    plain = model.logit_function()(model.preprocessor.transform(new[GENES].to_numpy()))
    np.testing.assert_allclose(without["logit"], plain, rtol=1e-6)
    uncorrected = model_of("none")
    assert set(predict_frame(uncorrected, new)["flags"]) == {""}


def test_file_and_table_and_any_blocks_give_the_same(
    model: Model, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    new = counts_of(60, {"A": -0.5, "D": 1.0}, 5)
    write_counts(
        tmp_path / "new.h5ad",
        new[["batch", "label"]],
        pd.DataFrame(index=pd.Index(GENES, name="gene_id")),
        [(0, new[GENES].to_numpy())],
    )
    table = predict_frame(model, new.drop(columns="label"))
    with open_counts(tmp_path / "new.h5ad") as counts:
        for rows in (7, 60):
            blocks = pd.concat(predict_file(model, counts, rows))
            np.testing.assert_allclose(blocks["logit"], table["logit"], rtol=1e-4, atol=1e-5)
            assert blocks["flags"].tolist() == table["flags"].tolist()
    n = (new["batch"] == "D").sum()
    assert f"batch 'D' is not in training: its shift is estimated from {n} of" in (
        capsys.readouterr().err
    )


def test_the_folder_holds_the_shifts(model: Model, tmp_path: Path) -> None:
    model = save_model(tmp_path / "model", model)
    new = counts_of(40, {"A": -0.5, "D": 1.0}, 6).drop(columns="label")
    again = load_model(tmp_path / "model")
    pd.testing.assert_frame_equal(predict_frame(again, new), predict_frame(model, new))
    values, arrays = model.preprocessor.state()
    copy = Preprocessor.from_state(values, arrays).batches
    assert isinstance(copy, BatchShifts)
    assert copy.names == ["A", "B", "C"]
    np.testing.assert_array_equal(copy.shift, model.preprocessor.batches.shift)
