"""TPM, logarithms and intensities: from a file to inputs, and what must not matter on the way."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from domains import SETS, tolerant
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import rankdata

from exprlab.cli.main import main
from exprlab.config.steps import PreprocessConfig
from exprlab.data.describe import describe_counts
from exprlab.data.floor import Floor
from exprlab.data.formats import open_counts, write_counts
from exprlab.errors import UserError
from exprlab.files import read_arrays, read_json
from exprlab.inference.model import Model
from exprlab.inference.predict import predict_file, predict_frame
from exprlab.keys import COUNTS, INTENSITY, LOG2, MISSING_COUNT, TPM, VALUES
from exprlab.plotting.data_figures import LEVELS, QUALITIES, draw_overview
from exprlab.preprocess.preprocessor import Preprocessor, fit_preprocessor
from exprlab.report import captions

N_GENES = 60
GENES = [f"g{i:02d}" for i in range(N_GENES)]
ARRAYS = (LOG2, INTENSITY)


def draw(kind: str, n: int = 40, seed: int = 0) -> np.ndarray:
    """Return samples of a kind of values, of different depth or brightness, none missing."""
    rng = np.random.default_rng(seed)
    gene = rng.normal(8, 2, N_GENES)
    logs = gene + rng.normal(0, 0.5, (n, N_GENES)) + rng.normal(0, 0.7, (n, 1))
    logs[: n // 2, :5] += 2
    if kind == COUNTS:
        return rng.poisson(2**logs).astype(np.int32)
    if kind == TPM:
        return (2**logs / (2**logs).sum(axis=1, keepdims=True) * 1e6).astype(np.float32)
    if kind == INTENSITY:
        return (2**logs - 60 + rng.normal(0, 15, logs.shape)).astype(np.float32)
    return (logs - gene.mean()).astype(np.float32)


def missing(kind: str) -> float:
    return MISSING_COUNT if kind == COUNTS else np.nan


def fit(values: np.ndarray, kind: str, rows: int = 1000, **options: object) -> Preprocessor:
    def blocks() -> Iterator[np.ndarray]:
        for start in range(0, len(values), rows):
            yield values[start : start + rows]

    return fit_preprocessor(
        blocks, GENES[: values.shape[1]], PreprocessConfig(**options), values=kind
    )


def used(fitted: Preprocessor, values: np.ndarray) -> np.ndarray:
    return values[:, [GENES.index(gene) for gene in fitted.genes]]


# What each kind becomes.


def test_tpm_becomes_log1p_of_the_genes_above_a_threshold() -> None:
    tpm = draw(TPM)
    tpm[:, 7] = 0.9
    tpm[:3, 7] = 1.1  # in 3 of 40 samples: 7.5 %
    tpm[:, 8] = 0.9
    fitted = fit(tpm, TPM)
    assert fitted.features == [gene for gene in GENES if gene != "g08"]
    np.testing.assert_allclose(
        fitted.log_values(used(fitted, tpm)), np.log1p(np.delete(tpm, 8, axis=1)), rtol=1e-6
    )
    assert "g07" not in fit(tpm, TPM, min_fraction=0.1).features
    assert "g08" in fit(tpm, TPM, min_tpm=0.5).features
    with pytest.raises(UserError, match=r"no gene has 1 TPM in 5%.*preprocess.min_tpm or"):
        fit(np.full((20, 5), 0.3, np.float32), TPM)


def test_logarithms_stay_as_they_are_but_for_the_level_of_a_sample() -> None:
    logs = draw(LOG2)
    assert (logs < 0).any()
    raw = fit(logs, LOG2, array_normalisation="none")
    np.testing.assert_array_equal(raw.log_values(logs), logs)
    fitted = fit(logs, LOG2)
    level = np.median(logs.astype(float), axis=1, keepdims=True)
    np.testing.assert_allclose(fitted.log_values(logs), logs - level + level.mean(), atol=1e-6)


def test_intensities_become_logarithms_above_a_floor_learnt_from_training() -> None:
    values = draw(INTENSITY)
    assert (values <= 0).any()
    fitted = fit(values, INTENSITY, array_normalisation="none")
    noise = float(np.sqrt(np.mean(np.square(values[values < 0], dtype=float))))
    low = float(np.quantile(values[values > 0], 0.01))
    assert fitted.scale.floor == pytest.approx(max(noise, low), rel=1 / 128)
    expected = np.log2(np.maximum(values, fitted.scale.floor))
    np.testing.assert_allclose(fitted.log_values(values), expected, rtol=1e-6)
    # A new array with negative values everywhere is as dark as can be, not undefined.
    assert np.isfinite(fitted.transform(np.full((1, N_GENES), -9, np.float32))).all()


@given(st.integers(0, 99), st.floats(1e-3, 1e6), st.integers(1, 60))
@settings(max_examples=30, deadline=None)
def test_floor_is_a_low_percentile_whatever_the_unit(seed: int, unit: float, rows: int) -> None:
    values = np.random.default_rng(seed).lognormal(0, 2, (60, 20)).astype(np.float32) * unit
    floor = Floor()
    for start in range(0, 60, rows):
        floor.add(values[start : start + rows])
    exact = np.sort(values.ravel())[12]  # the 13th of 1,200: 1 % are below
    assert exact * (1 - 1 / 128) <= floor.value() <= exact


def test_floor_without_positive_intensities() -> None:
    floor = Floor()
    floor.add(np.array([np.nan, 0, -3]))
    assert floor.value() == 1


def limma_quantiles(logs: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Return limma's normalizeQuantiles(ties = TRUE), one array at a time, for a given target."""
    result = np.full_like(logs, np.nan)
    for i, row in enumerate(logs):
        known = ~np.isnan(row)
        rank = rankdata(row[known])
        place = (rank - 1) / (known.sum() - 1) * (len(target) - 1)
        low = np.floor(place).astype(int)
        high = np.minimum(low + 1, len(target) - 1)
        result[i, known] = target[low] + (place - low) * (target[high] - target[low])
    return result


@pytest.mark.parametrize("kind", ARRAYS)
def test_quantile_normalisation_is_that_of_limma_with_a_frozen_target(kind: str) -> None:
    values = draw(kind)
    values[3, 10:14] = values[3, 10]  # ties
    fitted = fit(values[:25], kind, array_normalisation="quantile")
    logs = values if kind == LOG2 else np.log2(np.maximum(values, fitted.scale.floor))
    target = np.sort(logs[:25].astype(float), axis=1).mean(axis=0)
    np.testing.assert_allclose(fitted.scale.target, target, rtol=1e-6)
    values[30, ::7] = logs[30, ::7] = np.nan
    np.testing.assert_allclose(
        fitted.log_values(values), limma_quantiles(logs.astype(float), target), atol=1e-5
    )


def test_arrays_with_missing_values_add_to_the_target_all_the_same() -> None:
    logs = draw(LOG2, 200)
    holed = logs.copy()
    holed[np.random.default_rng(0).random(logs.shape) < 0.1] = np.nan
    full, part = (fit(x, LOG2, array_normalisation="quantile").scale.target for x in (logs, holed))
    np.testing.assert_allclose(full, part, atol=0.2)
    assert (np.diff(part) >= 0).all()


@pytest.mark.parametrize("how", ["median", "quantile"])
def test_brightness_of_an_array_does_not_matter(how: str) -> None:
    values = np.abs(draw(INTENSITY)) + 100
    fitted = fit(values, INTENSITY, array_normalisation=how)
    above = values > fitted.scale.floor  # what is below is noise, whose level is fixed
    assert above.mean() > 0.98
    brighter, as_before = fitted.transform(values * 4), fitted.transform(values)
    np.testing.assert_allclose(brighter[above], as_before[above], atol=1e-4)
    bare = fit(values, INTENSITY, array_normalisation="none")
    assert np.abs(bare.transform(values * 4) - bare.transform(values)).max() > 1


# What must not matter, of every kind.

CHOICES = [
    (COUNTS, {"size_factors": method, "transform": transform, "n_top_genes": n})
    for method in ("median_of_ratios", "tmm", "upper_quartile", "cpm", "none")
    for transform, n in (("log1p", 0), ("vst", 20))
] + [
    (COUNTS, {"n_top_genes": 20}),
    (TPM, {}),
    (TPM, {"n_top_genes": 20}),
    *((kind, {"array_normalisation": how}) for kind in ARRAYS for how in ("median", "quantile")),
    (LOG2, {"n_top_genes": 20}),
]


def holed(kind: str, n: int = 40, seed: int = 0) -> np.ndarray:
    values = draw(kind, n, seed)
    values[np.random.default_rng(seed + 1).random(values.shape) < 0.02] = missing(kind)
    return values


@pytest.mark.parametrize(("kind", "options"), CHOICES)
def test_fitted_state_is_the_whole_preprocessing(kind: str, options: dict) -> None:
    values = holed(kind)
    fitted = fit(values, kind, **options)
    described, arrays = fitted.state()
    copy = Preprocessor.from_state(json.loads(json.dumps(described)), arrays)
    features = fitted.transform(used(fitted, values))
    assert features.dtype == np.float32
    assert features.shape == (len(values), options.get("n_top_genes") or len(fitted.features))
    assert np.isfinite(features).all()
    np.testing.assert_array_equal(copy.transform(used(copy, values)), features)
    assert (fitted.depth(used(fitted, values)) > 0).all()


@pytest.mark.parametrize(("kind", "options"), CHOICES)
@given(rows=st.integers(1, 50), seed=st.integers(0, 5))
@settings(max_examples=5, deadline=None)
def test_no_block_size_changes_a_byte(kind: str, options: dict, rows: int, seed: int) -> None:
    values = holed(kind, seed=seed)
    one, other = fit(values, kind, **options), fit(values, kind, rows, **options)
    assert one.state()[0] == other.state()[0]
    for name, array in one.state()[1].items():
        np.testing.assert_array_equal(array, other.state()[1][name])
    reads = used(one, values)
    parts = [one.transform(reads[i : i + rows]) for i in range(0, len(reads), rows)]
    np.testing.assert_array_equal(np.concatenate(parts), one.transform(reads))


@pytest.mark.parametrize(("kind", "options"), CHOICES)
@given(seed=st.integers(0, 5))
@settings(max_examples=5, deadline=None)
def test_new_samples_do_not_influence_one_another(kind: str, options: dict, seed: int) -> None:
    fitted = fit(holed(kind), kind, **options)
    new = used(fitted, holed(kind, 12, seed + 10))
    order = np.random.default_rng(seed).permutation(12)
    together = fitted.transform(new)
    np.testing.assert_array_equal(fitted.transform(new[order]), together[order])
    np.testing.assert_array_equal(fitted.transform(new[5:6])[0], together[5])


@pytest.mark.parametrize(("kind", "options"), CHOICES)
def test_order_of_samples_and_genes_does_not_matter(kind: str, options: dict) -> None:
    values = holed(kind)
    one = fit(values, kind, **options)
    rng = np.random.default_rng(0)
    samples, genes = rng.permutation(len(values)), rng.permutation(N_GENES)
    names = [GENES[i] for i in genes]
    mixed = values[np.ix_(samples, genes)]
    other = fit_preprocessor(lambda: iter([mixed]), names, PreprocessConfig(**options), values=kind)
    assert set(one.features) == set(other.features)
    inputs = other.transform(mixed[:, [names.index(gene) for gene in other.genes]])
    expected = one.transform(used(one, values))[samples]
    places = [one.features.index(gene) for gene in other.features]
    np.testing.assert_allclose(inputs, expected[:, places], atol=2e-3)


@pytest.mark.parametrize(
    ("method", "tolerance"),
    # The weights of tmm trust genes of many reads more, so that depth matters a little.
    [("median_of_ratios", 1e-5), ("tmm", 0.01), ("upper_quartile", 1e-5), ("cpm", 1e-5)],
)
@pytest.mark.parametrize("transform", ["log1p", "vst"])
@given(times=st.integers(2, 50))
@settings(max_examples=5, deadline=None)
def test_a_deeper_sample_keeps_its_features(
    method: str, tolerance: float, transform: str, times: int
) -> None:
    counts = draw(COUNTS)
    fitted = fit(counts, COUNTS, size_factors=method, transform=transform)
    reads = used(fitted, counts)
    np.testing.assert_allclose(
        fitted.log_values(reads * times), fitted.log_values(reads), atol=20 * tolerance,
        rtol=tolerance,
    )  # fmt: skip


@pytest.mark.parametrize("kind", VALUES)
def test_missing_entries_become_the_training_mean(kind: str) -> None:
    values = draw(kind)
    fitted = fit(values, kind, size_factors="none", array_normalisation="none")
    partly = used(fitted, values).copy()
    partly[4, 2] = missing(kind)
    features, full = fitted.transform(partly), fitted.transform(used(fitted, values))
    assert features[4, 2] == 0
    features[4, 2] = full[4, 2]
    np.testing.assert_array_equal(features, full)


@pytest.mark.parametrize("kind", VALUES)
def test_genes_hardly_measured_are_left_out_and_never_seen_samples_are_told(kind: str) -> None:
    values = draw(kind)
    values[1:, 9] = missing(kind)
    fitted = fit(values, kind)
    assert "g09" not in fitted.features
    unknown = np.full((2, len(fitted.genes)), missing(kind), values.dtype)
    if kind == COUNTS:
        assert (fitted.depth(unknown) == 0).all()
        return
    assert fitted.depth(unknown).tolist() == [0, 0]
    assert fitted.library_range == (0, 0)
    assert (fitted.transform(unknown) == 0).all()


@pytest.mark.parametrize("kind", VALUES)
def test_shifts_of_batches_are_removed_whatever_the_kind(kind: str) -> None:
    logs = draw(LOG2, 90, seed=3).astype(float)
    batch = np.repeat(["a", "b", "c"], 30)
    label = np.tile(["x", "y"], 45)
    shift = {name: np.random.default_rng(i).normal(0, 1.5, N_GENES) for i, name in enumerate("abc")}
    logs += np.array([shift[name] for name in batch])
    values = logs.astype(np.float32) if kind == LOG2 else (2 ** (logs + 9)).astype(np.float32)
    values = np.round(values).astype(np.int32) if kind == COUNTS else values
    values[5, 3] = missing(kind)
    fitted = fit_preprocessor(
        lambda: iter([values]), GENES, PreprocessConfig(clip=100), (batch, label), kind
    )
    assert fitted.batches.names == ["a", "b", "c"]
    features = fitted.transform(used(fitted, values))
    corrected = fitted.batches.remove(features, batch)

    def between(inputs: np.ndarray) -> float:
        means = np.array([inputs[batch == name].mean(axis=0) for name in "abc"])
        return float(means.var(axis=0).mean() / inputs.var(axis=0).mean())

    assert between(corrected) < 0.1 * between(features)


# Whole files and commands.


@pytest.fixture(params=VALUES)
def cohort(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, Path]:
    """Return a kind of values and a file of them, with labels, batches and missing entries."""
    kind, n = request.param, 300
    samples = pd.DataFrame(
        {
            "label": pd.Categorical(["ill"] * 150 + ["well"] * 150, ["well", "ill"], ordered=True),
            "batch": ["p", "q", "q"] * 100,
        },
        index=[f"s{i:03d}" for i in range(n)],
    )
    path = tmp_path / "cohort.h5ad"
    write_counts(path, samples, pd.DataFrame(index=GENES), [(0, holed(kind, n))], kind)
    split = np.where(np.arange(n) % 5 == 0, "test", np.where(np.arange(n) % 5 == 1, "val", "train"))
    table = pd.DataFrame({"sample_id": samples.index, "split": split})
    table.to_csv(tmp_path / "split.tsv", sep="\t", index=False)
    return kind, path


def test_commands_serve_every_kind(cohort: tuple[str, Path]) -> None:
    kind, path = cohort
    folder = path.parent
    where = {
        "counts": path, "split": folder / "split.tsv", "preprocessor": folder / "p.json",
        "arrays": folder / "p.safetensors", "features": folder / "x.npy",
    }  # fmt: skip
    given = [word for name, file in where.items() for word in (f"--{name}", str(file))]
    assert main(["preprocess", *given, "--params", "{}"]) == 0
    fitted = Preprocessor.from_state(read_json(where["preprocessor"]), read_arrays(where["arrays"]))
    assert fitted.values == kind
    features = np.load(where["features"])
    assert features.shape == (300, len(fitted.features))
    assert main(["test-genes", *given, "--output", str(folder / "genes.tsv")]) == 0
    genes = pd.read_csv(folder / "genes.tsv", sep="\t", index_col=0)
    # Genes that were made to differ by two units of log2 do so, in those units.
    difference = (genes["mean_ill"] - genes["mean_well"]).loc[GENES[:5]]
    least = 0.5 if kind == INTENSITY else 1.2  # those below the floor cannot
    assert ((least < difference) & (difference < 2.7)).all()
    overview = folder / "overview.json"
    assert main(["describe", "--counts", str(path), "--output", str(overview)]) == 0
    assert main(["plot-data", "--overview", str(overview), "--output", str(folder / "f")]) == 0
    assert sorted(p.name for p in (folder / "f").iterdir()) == [
        "levels.png", "pca.png", "quality.png",
    ]  # fmt: skip


def test_model_predicts_the_kind_that_it_was_trained_on(cohort: tuple[str, Path]) -> None:
    kind, path = cohort
    values = holed(kind, 300)
    fitted = fit(values, kind)
    n = len(fitted.features)
    model = Model(
        "logistic", {}, {"weight": np.ones(n, np.float32), "bias": np.zeros(1, np.float32)},
        fitted, ("well", "ill"), 1.0, 0.5, SETS, tolerant(fitted.transform(used(fitted, values))),
        {},
    )  # fmt: skip
    with open_counts(path) as counts:
        found = pd.concat(predict_file(model, counts, rows=37))
    expected = fitted.transform(used(fitted, values)).sum(axis=1)
    np.testing.assert_allclose(found["logit"], expected, atol=1e-3)
    # Up to 3 of 60 genes, 5 %, may be missing here and there.
    assert set(found["flags"]) <= {"", "4 genes missing", "5 genes missing"}
    assert (found["flags"] == "").mean() > 0.9
    # The same of a table that lacks a gene and has others.
    frame = pd.DataFrame(values, columns=GENES).drop(columns="g30").assign(other=1)
    table = predict_frame(model, frame)
    assert set(table["flags"]) <= {f"{n} genes missing" for n in (1, 4, 5, 6)}
    assert (table["flags"] == "1 genes missing").mean() > 0.8
    assert np.corrcoef(table["logit"], found["logit"])[0, 1] > 0.95
    other = replace(model, preprocessor=replace(fitted, values=LOG2 if kind == TPM else TPM))
    with (
        open_counts(path) as counts,
        pytest.raises(UserError, match=rf"values are {kind}; the model was trained on"),
    ):
        next(predict_file(other, counts))


def test_overview_tells_level_and_quality_in_the_unit_of_the_kind(
    cohort: tuple[str, Path],
) -> None:
    kind, path = cohort
    with open_counts(path) as counts:
        overview = describe_counts(counts)
    values = holed(kind, 300).astype(float)
    values[values == MISSING_COUNT] = np.nan if kind == COUNTS else -1
    assert overview["values"] == kind
    if kind == COUNTS:
        np.testing.assert_array_equal(overview["level"], np.nansum(values, axis=1))
    else:
        middle = np.nanmedian(values, axis=1)
        level = middle if kind == LOG2 else np.log2(middle + (kind == TPM))
        np.testing.assert_allclose(overview["level"], level, atol=0.05)
    if kind == LOG2:
        spread = np.subtract(*np.nanpercentile(values, (75, 25), axis=1))
        np.testing.assert_allclose(overview["quality"], spread, atol=1e-5)
    assert all(np.isfinite(overview["quality"]))
    # The level of a sample leads before normalisation, and is gone after it.
    if kind == LOG2:
        first = [np.corrcoef(overview[key]["x"], overview["level"])[0, 1] ** 2
                 for key in ("raw_pca", "log_pca")]  # fmt: skip
        assert first[1] < 0.3 * first[0]
    figures = draw_overview(overview)
    assert figures["levels"].axes[0].get_ylabel() == LEVELS[kind]
    assert figures["quality"].axes[0].get_ylabel() == QUALITIES[kind]
    words = " ".join(say(overview) for say in (captions.levels, captions.quality, captions.pca))
    assert ("reads" in words) == (kind == COUNTS)
    assert ("log2" in words) == (kind != COUNTS)
