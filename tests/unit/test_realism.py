"""How like real counts simulated ones are, and the settings that are estimated from real ones."""

from __future__ import annotations

import gzip
import json
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from scipy.stats import spearmanr

from exprlab.cards.realism_page import realism_page, verdict
from exprlab.cli.main import main
from exprlab.config.experiment import parse_config
from exprlab.config.simulator import SimulatorConfig
from exprlab.data import count_features, estimate
from exprlab.data.count_features import (
    FEATURES,
    Cohort,
    gene_features,
    gene_moments,
    make_cohort,
    normalisation_factors,
    sample_features,
)
from exprlab.data.count_tables import read_count_table
from exprlab.data.estimate import estimate_settings
from exprlab.data.expression import fit_expression
from exprlab.data.formats import write_counts
from exprlab.data.genes import dispersion_trend, draw_genes
from exprlab.data.realism import compare, ks_distance, view_pair
from exprlab.data.simulate import Simulator, samples_table
from exprlab.errors import UserError
from exprlab.plotting.realism_figures import draw_realism

GENES = [name for name, feature in FEATURES.items() if "gene" in feature.of]
REAL_DATA = Path(os.environ.get("EXPRLAB_REAL_DATA", "nowhere"))
N, G = 150, 2000


def cohort(cohort_number: int = 0, n: int = N, seed: int = 1, **settings: object) -> Cohort:
    simulator = Simulator(SimulatorConfig(**settings), G, seed)
    counts = simulator.counts(cohort_number, n)
    return make_cohort(counts, simulator.design(cohort_number, n).label, "simulated")


def distances(a: Cohort, b: Cohort) -> dict[str, float]:
    return {name: f["distance"] for name, f in compare(*view_pair(a, b))["features"].items()}


def negative_binomial(mean: np.ndarray, dispersion: float, n: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    rate = mean * rng.gamma(1 / dispersion, dispersion, (n, mean.size))
    return rng.poisson(rate).astype(np.int32)


# --------------------------------------------------------------------------------- the features


def test_dispersion_is_that_of_the_law_whatever_the_classes_means() -> None:
    mean = np.geomspace(20, 20_000, 400)
    changed = mean * np.random.default_rng(1).permutation(np.repeat([0.25, 4.0], 200))
    counts = np.concatenate([negative_binomial(m, 0.2, 200, i) for i, m in enumerate((mean, mean))])
    apart = np.concatenate([counts[:200], negative_binomial(changed, 0.2, 200, 9)])
    classes = np.repeat([0, 1], 200)
    one_law = gene_moments(make_cohort(counts, None, "x")).dispersion
    within = gene_moments(make_cohort(apart, classes, "x")).dispersion
    overall = gene_moments(make_cohort(apart, None, "x")).dispersion
    # Standard error of a gene's estimate: about 0.2 sqrt(2.6 / 400) = 0.016; of the median, 0.001.
    assert np.median(one_law) == pytest.approx(0.2, abs=0.008)
    assert np.median(within) == pytest.approx(0.2, abs=0.02)
    assert np.median(overall) > 0.4


def test_poisson_counts_have_no_dispersion() -> None:
    counts = np.random.default_rng(0).poisson(np.geomspace(20, 2000, 300), (300, 300))
    assert np.median(gene_moments(make_cohort(counts, None, "x")).dispersion) < 0.004


def test_correlations_are_spearmans() -> None:
    few = cohort(n=12)
    pairs = sample_features(few)["sample_correlation"]
    rows = [(i, j) for i in range(12) for j in range(i + 1, 12) if few.groups[i] == few.groups[j]]
    expected = [spearmanr(few.counts[i], few.counts[j]).statistic for i, j in rows]
    np.testing.assert_allclose(pairs, expected)
    values = np.random.default_rng(0).normal(size=(9, 6))
    matrix = spearmanr(values).statistic
    seen = np.sort(count_features.gene_correlations(values))
    np.testing.assert_allclose(seen, np.sort(matrix[np.triu_indices(6, 1)]))


def test_simple_features_are_what_their_names_say() -> None:
    small = cohort(n=20)
    of_samples, of_genes = sample_features(small), gene_features(small)
    np.testing.assert_allclose(10 ** of_samples["library_size"], small.counts.sum(axis=1))
    assert of_samples["zeros_per_sample"].mean() == pytest.approx((small.counts == 0).mean())
    assert of_genes["zeros_per_gene"].mean() == pytest.approx((small.counts == 0).mean())
    assert set(of_samples) | set(of_genes) == set(FEATURES)
    by_class = pd.DataFrame(count_features.log2_cpm(small.counts)).groupby(small.groups)
    pooled = (by_class.var() * (by_class.count() - 1)).sum() / (20 - 2)
    np.testing.assert_allclose(of_genes["sd_log2_cpm"], np.sqrt(pooled))


def test_one_gene_that_takes_half_of_the_reads_changes_no_normalised_depth() -> None:
    mean = np.geomspace(50, 5000, 300)
    counts = np.random.default_rng(0).poisson(mean, (10, 300))
    spoiled = counts.copy()
    spoiled[0, -1] = counts[0].sum()
    ratio = normalisation_factors(spoiled) / normalisation_factors(counts)
    assert ratio[0] / ratio[1] == pytest.approx(0.5, rel=0.02)


def test_missing_entries_hardly_change_a_feature() -> None:
    simulators = [Simulator(SimulatorConfig(missing_rate=rate), G, 1) for rate in (0.0, 0.05)]
    labels = simulators[0].design(0, N).label
    whole, dirty = (make_cohort(s.counts(0, N), labels, "x") for s in simulators)
    assert dirty.counts.min() >= 0
    # An expected count below a half becomes a zero, which moves the share of zeros the most.
    assert max(distances(whole, dirty).values()) < 0.15


def test_thinning_keeps_the_classes_and_the_spread_over_the_file() -> None:
    groups = np.tile([0, 1], 100)
    rows = count_features.spread_rows(groups, 20)
    assert np.bincount(groups[rows]).tolist() == [10, 10]
    assert rows[0] < 12
    assert rows[-1] > 188
    assert np.array_equal(count_features.spread_rows(groups, 200), np.arange(200))


@pytest.mark.parametrize("n", [1, 7, 300])
def test_distance_is_the_largest_gap_between_two_cumulative_distributions(n: int) -> None:
    rng = np.random.default_rng(n)
    a, b = rng.normal(size=n).round(1), rng.normal(0.5, size=2 * n).round(1)
    gaps = [abs(np.mean(a <= x) - np.mean(b <= x)) for x in np.concatenate([a, b])]
    assert ks_distance(a, b) == pytest.approx(max(gaps))


# ------------------------------------------------------------------------- what moves a distance


def test_two_cohorts_of_one_world_are_alike() -> None:
    found = compare(*view_pair(cohort(0), cohort(1)))["features"]
    for name, feature in found.items():
        assert feature["distance"] <= (0.1 if name in GENES else feature["chance"]), name


@pytest.mark.parametrize(
    ("settings", "moved"),
    [
        (
            {"dispersion_level": 4 * 0.38, "dispersion_floor": 0.04},
            {"dispersion", "sd_log2_cpm", "sample_correlation"},
        ),
        ({"library_size": 50e6}, {"library_size"}),
        ({"composition_tilt": 0.08}, {"normalisation_factor"}),
        ({"low_fraction": 0.6}, {"mean_log2_cpm", "zeros_per_sample"}),
        ({"dense_factor_sd": 0.4}, {"dispersion", "sample_correlation"}),
    ],
)
def test_a_dial_shows_in_its_feature(settings: dict[str, float], moved: set[str]) -> None:
    found = distances(cohort(), cohort(**settings))
    for name in moved:
        assert found[name] > 0.2, name
    # Every dial moves what samples have in common; beyond that, each moves its own.
    untouched = {
        "dispersion_level": ("library_size", "mean_log2_cpm"),
        "library_size": ("dispersion", "normalisation_factor", "gene_correlation"),
        "composition_tilt": ("mean_log2_cpm", "zeros_per_gene"),
        "low_fraction": ("library_size",),
        "dense_factor_sd": ("mean_log2_cpm",),
    }
    for name in untouched[next(iter(settings))]:
        assert found[name] < 0.1, name


def test_stronger_factors_widen_the_correlations_between_genes() -> None:
    spreads = []
    for sd in (0.0, 0.19, 0.4):
        result = compare(*view_pair(cohort(dense_factor_sd=sd), cohort()))
        spreads.append(result["features"]["gene_correlation"]["sd_simulated"])
    # Not from 0: in a small world most genes are in a pathway or a module as well.
    assert spreads[0] < 0.9 * spreads[1]
    assert spreads[1] < 0.9 * spreads[2]


# ----------------------------------------------------------------------- settings of the simulator


@pytest.fixture(scope="module")
def usual() -> np.ndarray:
    return np.log2(draw_genes(SimulatorConfig(), 20_000, 3).cpm)


def test_expression_follows_its_settings() -> None:
    chosen = {"silent_fraction": 0.2, "silent_mean": -12.0, "low_fraction": 0.3, "low_mean": -2.0,
              "low_sd": 1.5, "expressed_mean": 5.0, "expressed_sd": 1.0}  # fmt: skip
    genes = draw_genes(SimulatorConfig(**chosen), 20_000, 3)
    log2 = np.log2(genes.cpm)
    shift = np.median(log2[log2 > 3]) - 5.0  # all move together, so that CPM sum to a million
    group = np.digitize(log2 - shift, (-7.5, 1.8))
    for number, (share, mean, sd) in enumerate(((0.2, -12, 1.0), (0.3, -2, 1.5), (0.5, 5, 1.0))):
        part = group == number
        assert part.mean() == pytest.approx(share, abs=0.015)
        assert log2[part].mean() - shift == pytest.approx(mean, abs=0.06)
        assert log2[part].std() == pytest.approx(sd, rel=0.05)


@pytest.mark.parametrize(
    ("change", "at_one", "at_thousand"),
    [
        ({"dispersion_floor": 0.11}, 0.1, 0.1),
        ({"dispersion_level": 0.76}, 0.38 / 1.3**0.58, 0.38 / 1000.3**0.58),
        ({"dispersion_slope": 0.0}, 0.38 - 0.38 / 1.3**0.58, 0.38 - 0.38 / 1000.3**0.58),
    ],
)
def test_dispersion_follows_its_settings(
    change: dict[str, float], at_one: float, at_thousand: float
) -> None:
    cpm = np.array([1.0, 1000.0])
    risen = dispersion_trend(SimulatorConfig(**change), cpm) - dispersion_trend(
        SimulatorConfig(), cpm
    )
    np.testing.assert_allclose(risen, [at_one, at_thousand], atol=1e-12)


def test_tilt_moves_genes_by_their_expression(usual: np.ndarray) -> None:
    flat, tilted = (
        draw_genes(SimulatorConfig(composition_tilt=t), 20_000, 3).dense for t in (0.0, 0.03)
    )
    np.testing.assert_array_equal(flat[1:], tilted[1:])
    middle = np.median(usual[usual > 0])
    inside = np.abs(usual - middle) < 6
    slope = np.polyfit(usual[inside], (tilted - flat)[0, inside], 1)[0]
    assert slope == pytest.approx(0.03)
    assert np.ptp((tilted - flat)[0]) == pytest.approx(2 * 6 * 0.03)


def test_some_genes_must_be_expressed() -> None:
    with pytest.raises(ValueError, match=r"silent_fraction \+ low_fraction: found 1 together"):
        SimulatorConfig(silent_fraction=0.6, low_fraction=0.4)


# --------------------------------------------------------------------------------- the estimates

ODD = {
    "library_size": 8e6, "library_sd": 0.4, "silent_fraction": 0.12, "silent_mean": -9.0,
    "low_fraction": 0.3, "low_mean": -1.0, "low_sd": 2.0, "expressed_mean": 5.0,
    "expressed_sd": 1.4, "dispersion_floor": 0.05, "dispersion_level": 0.8,
    "dispersion_slope": 0.4, "dispersion_spread": 0.6, "dense_factor_sd": 0.13,
    "module_loading": 0.17, "composition_tilt": 0.03, "missing_rate": 0.01,
}  # fmt: skip


@pytest.fixture(scope="module")
def odd() -> tuple[Simulator, dict[str, float]]:
    simulator = Simulator(SimulatorConfig(**ODD), 4000, 8)
    labels = simulator.design(0, 100).label
    return simulator, estimate_settings(simulator.counts(0, 100), labels, SimulatorConfig(), "x")


@pytest.mark.parametrize(
    ("name", "relative"),
    [
        ("library_size", 0.15),  # 4 standard errors: 1.25 x 0.4 / 10, and 0.1 / 2 of the batches
        ("library_sd", 0.3),
        ("silent_fraction", 0.15),
        ("low_fraction", 0.15),
        ("low_sd", 0.15),
        ("expressed_sd", 0.1),
        ("dispersion_spread", 0.2),
        ("dense_factor_sd", 0.25),
        ("module_loading", 0.25),
        ("composition_tilt", 0.3),  # the sd of 98 values: 7 %, twice
        ("missing_rate", 0.05),
    ],
)
def test_settings_of_a_simulated_cohort_are_found(
    odd: tuple[Simulator, dict[str, float]], name: str, relative: float
) -> None:
    assert odd[1][name] == pytest.approx(ODD[name], rel=relative)


def test_expression_and_dispersion_of_a_simulated_cohort_are_found(
    odd: tuple[Simulator, dict[str, float]],
) -> None:
    found = odd[1]
    # CPM sum to a million, so only distances between the groups can be found.
    assert found["expressed_mean"] - found["low_mean"] == pytest.approx(6, abs=0.4)
    assert found["low_mean"] - found["silent_mean"] == pytest.approx(8, abs=0.6)
    cpm = np.array([3.0, 30.0, 300.0, 3000.0])
    trends = [dispersion_trend(SimulatorConfig(**s), cpm) for s in (found, ODD)]
    # Of the highest genes' variation factors make the most, so their own is found less well.
    np.testing.assert_allclose(*trends, rtol=0.35)


def test_a_cohort_simulated_with_the_estimates_is_alike(
    odd: tuple[Simulator, dict[str, float]],
) -> None:
    simulator, found = odd
    again = Simulator(SimulatorConfig(**found), 4000, 1)
    cohorts = [
        make_cohort(s.counts(0, 100), s.design(0, 100).label, "x") for s in (again, simulator)
    ]
    for name, feature in compare(*view_pair(*cohorts))["features"].items():
        assert feature["distance"] <= (0.1 if name in GENES else feature["chance"]), name


def test_estimates_depend_on_the_counts_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(estimate, "ROUNDS", 2)
    counts = Simulator(SimulatorConfig(), 500, 2).counts(0, 20)
    first, second = (estimate_settings(counts, None, SimulatorConfig(), "x") for _ in range(2))
    assert first == second


def test_a_cohort_without_silent_genes_has_none() -> None:
    mean = np.exp2(np.random.default_rng(0).normal(9, 1.5, 3000))
    found = fit_expression(negative_binomial(mean, 0.2, 20))
    assert found["silent_fraction"] == 0
    assert found["low_mean"] < found["expressed_mean"]
    SimulatorConfig(**found)


# ------------------------------------------------------------------------------------ real cohorts


@pytest.mark.parametrize("name", ["tcga_brca_counts_lacen", "prostate_pairs_counts"])
def test_simulation_is_like_the_stored_summary_of_a_real_cohort(name: str, project: Path) -> None:
    stored = json.loads((project / f"tests/data/{name}.json").read_text())
    n = stored["n_samples"]
    simulator = Simulator(SimulatorConfig(**stored["simulator"]), stored["n_genes"], 1)
    simulated = make_cohort(simulator.counts(0, n), simulator.design(0, n).label, name)
    values = sample_features(simulated) | gene_features(simulated)
    for feature, quantiles in stored["quantiles"].items():
        distance = ks_distance(values[feature], np.array(quantiles))
        chance = 1.358 * (2 / n) ** 0.5
        if feature not in stored["apart"]:
            assert distance <= (0.2 if feature in GENES else max(0.2, chance)), feature
        assert abs(np.median(values[feature]) - quantiles[len(quantiles) // 2]) < {
            "dispersion": 0.1, "mean_log2_cpm": 0.2, "library_size": 0.15, "zeros_per_gene": 0.07,
            "normalisation_factor": 0.1,
        }.get(feature, 0.05), feature  # fmt: skip


@pytest.mark.skipif(not REAL_DATA.is_dir(), reason="EXPRLAB_REAL_DATA is not set")
@pytest.mark.parametrize("name", ["tcga_brca_counts_lacen", "prostate_pairs_counts"])
def test_estimated_settings_make_a_cohort_like_the_real_one(name: str) -> None:
    folder = REAL_DATA / name
    table = read_count_table(folder / "expression.tsv.gz", folder / "samples.tsv", None, None)
    found = estimate_settings(table.counts, table.labels, SimulatorConfig(), name)
    real = make_cohort(table.counts, table.labels, name)
    simulator = Simulator(SimulatorConfig(**found), table.counts.shape[1], 1)
    simulated = make_cohort(simulator.counts(0, 100), simulator.design(0, 100).label, "simulated")
    before = Simulator(SimulatorConfig(), table.counts.shape[1], 1)
    default = make_cohort(before.counts(0, 100), before.design(0, 100).label, "default")
    after, before = distances(simulated, real), distances(default, real)
    for feature in (*GENES, "library_size"):
        assert after[feature] <= 0.2, feature
    # What is left: classes of unlike variety (breast), zeros that a filter took (prostate).
    assert sum(after.values()) < 0.6 * sum(before.values())


# ---------------------------------------------------------------------------------------- reading


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, np.ndarray, pd.DataFrame]:
    """A small cohort as .h5ad and as text both ways, with its counts and sample table."""
    simulator = Simulator(SimulatorConfig(), 60, 1)
    counts = simulator.counts(0, 24)
    samples = samples_table(simulator.design(0, 24))
    genes = pd.DataFrame(index=[f"g{i}" for i in range(60)])
    write_counts(tmp_path / "counts.h5ad", samples, genes, [(0, counts)])
    frame = pd.DataFrame(counts, samples.index, genes.index)
    frame.to_csv(tmp_path / "samples_in_rows.csv")
    frame.T.to_csv(tmp_path / "genes_in_rows.tsv.gz", sep="\t")
    samples.iloc[::-1].to_csv(tmp_path / "sheet.tsv", sep="\t")
    return tmp_path, counts, samples


@pytest.mark.parametrize("name", ["samples_in_rows.csv", "genes_in_rows.tsv.gz", "counts.h5ad"])
@pytest.mark.parametrize("with_sheet", [True, False])
def test_every_kind_of_file_gives_the_same_counts(
    files: tuple[Path, np.ndarray, pd.DataFrame], name: str, with_sheet: bool
) -> None:
    folder, counts, samples = files
    sheet = folder / "sheet.tsv" if with_sheet else None
    table = read_count_table(folder / name, sheet, None, None)
    np.testing.assert_array_equal(table.counts, counts)
    assert "24 samples" in table.note
    if with_sheet or name == "counts.h5ad":
        assert table.labels is not None
        assert table.labels.tolist() == samples["label"].tolist()
    else:
        assert table.labels is None
        assert "--samples-in" in table.note


def test_orientation_can_be_told(files: tuple[Path, np.ndarray, pd.DataFrame]) -> None:
    folder, counts, _ = files
    table = read_count_table(folder / "samples_in_rows.csv", None, None, "columns")
    np.testing.assert_array_equal(table.counts, counts.T)


def written(folder: Path, frame: pd.DataFrame) -> Path:
    path = folder / "bad.tsv"
    frame.to_csv(path, sep="\t")
    return path


def test_what_is_no_count_is_refused(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    counts = rng.poisson(20, (40, 6))
    genes, samples = [f"g{i}" for i in range(40)], [f"s{i}" for i in range(6)]
    frame = pd.DataFrame(counts, genes, samples)
    negative, text, empty = frame.copy(), frame.astype(object), frame.astype(float)
    negative.iloc[3, 2] = -5
    text.iloc[3, 2] = "many"
    empty.iloc[3, 2] = np.nan
    for bad, message in (
        (np.log2(frame + 1), r"not a whole number; .*look like logarithms, go back to the raw"),
        (negative, r"sample 's2'.*gene 'g3'.*-5 is negative"),
        (text, r"sample 's2', gene 'g3': found 'many'; allowed"),
        (empty, r"sample 's2'.*gene 'g3'.*nan is not a whole number"),
    ):
        with pytest.raises(UserError, match=message):
            read_count_table(written(tmp_path, bad), None, None, None)


def test_what_cannot_be_found_is_told(files: tuple[Path, np.ndarray, pd.DataFrame]) -> None:
    folder, _, samples = files
    sheet, counts = folder / "sheet.tsv", folder / "samples_in_rows.csv"
    strange = folder / "strange.tsv"
    samples.set_axis([f"x{i}" for i in range(24)]).to_csv(strange, sep="\t")
    short = folder / "short.tsv"
    samples.iloc[:20].to_csv(short, sep="\t")
    cut = folder / "cut.tsv.gz"
    cut.write_bytes(gzip.compress(b"id\ta\n" + os.urandom(4000))[:900])
    for arguments, message in (
        ((counts, sheet, "lable", None), r"no column 'lable'; did you mean 'label'\?"),
        ((counts, strange, None, None), r"no id of the sample table, such as 'x0', is a column"),
        ((counts, short, None, None), r"4 samples are not in it, e.g. 'S0000021'"),
        ((folder / "none.tsv", None, None, None), r"no such file"),
        ((folder / "counts.xlsx", None, None, None), r"unknown kind of file; allowed: .h5ad, .csv"),
        ((cut, None, None, None), r"cannot be read as a table"),
    ):
        with pytest.raises(UserError, match=message):
            read_count_table(*arguments)


@pytest.mark.parametrize(
    ("counts", "labels", "message"),
    [
        (np.full((3, 50), 20), None, r"found 3 samples in 1 classes; .* 4 samples at least"),
        (np.full((6, 50), 20), list("aabbcd"), r"found 6 samples in 4 classes"),
        (np.full((8, 50), 2), None, r"found 0 genes with 10 reads per sample"),
        (np.vstack([np.full((7, 50), 20), np.zeros((1, 50), int)]), None, r"row 8 has no reads"),
    ],
)
def test_a_cohort_too_small_to_tell_is_refused(
    counts: np.ndarray, labels: list[str] | None, message: str
) -> None:
    with pytest.raises(UserError, match=message):
        make_cohort(counts, None if labels is None else np.array(labels), "x.tsv")


# ---------------------------------------------------------------------------------------- commands


def test_estimate_simulator_writes_a_config_that_runs(
    files: tuple[Path, np.ndarray, pd.DataFrame],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(estimate, "ROUNDS", 1)
    folder, counts, samples = files
    sheet, text = str(folder / "sheet.tsv"), str(folder / "genes_in_rows.tsv.gz")
    for name in ("out.yaml", "out.json"):
        command = ["estimate-simulator", text, "--samples", sheet, "--output", str(folder / name)]
        assert main([*command, "--name", "mine", "--scenario", "null"]) == 0
    printed = capsys.readouterr().out
    as_yaml = yaml.safe_load((folder / "out.yaml").read_text())
    assert as_yaml == json.loads((folder / "out.json").read_text())
    assert printed.startswith((folder / "out.yaml").read_text())
    models = {"mlp": {"kind": "mlp"}, "logistic": {"kind": "logistic"}}
    dataset = parse_config({**as_yaml, "models": models}).datasets["mine"]
    assert (dataset.scenario, dataset.n_genes) == ("null", 60)
    null = SimulatorConfig(target_auroc=0.5)
    expected = estimate_settings(counts, samples["label"].to_numpy(dtype=str), null, "x")
    assert dataset.simulator == expected


def test_compare_counts_writes_the_same_bytes_each_time(
    files: tuple[Path, np.ndarray, pd.DataFrame], capsys: pytest.CaptureFixture[str]
) -> None:
    folder = files[0]
    command = ["compare-counts", str(folder / "counts.h5ad"), str(folder / "genes_in_rows.tsv.gz")]
    command += ["--samples", str(folder / "sheet.tsv"), "--output"]
    contents = []
    for name in ("first", "second"):
        assert main([*command, str(folder / name)]) == 0
        contents.append({p.name: p.read_bytes() for p in (folder / name).iterdir()})
    assert contents[0] == contents[1]
    assert set(contents[0]) == {"realism.json", "realism.md", "features.png", "relations.png"}
    result = json.loads(contents[0]["realism.json"])
    assert {f["distance"] for f in result["features"].values()} == {0.0}
    page = contents[0]["realism.md"].decode()
    assert page in capsys.readouterr().out
    assert "within classes" in page


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        (["--output", "x.txt"], "--output: found 'x.txt'; allowed: .yaml, .yml or .json"),
        (["--scenario", "nul"], "--scenario: found 'nul'; did you mean 'null'?"),
        (["--name", "My Data"], "datasets.My Data"),
    ],
)
def test_mistakes_are_told_before_anything_is_written(
    files: tuple[Path, np.ndarray, pd.DataFrame],
    extra: list[str],
    message: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(estimate, "ROUNDS", 1)
    assert main(["estimate-simulator", str(files[0] / "counts.h5ad"), *extra]) == 2
    told = capsys.readouterr()
    assert message in told.err
    assert not told.out


# ------------------------------------------------------------------------------- page and figures


def test_page_and_figures_show_the_numbers() -> None:
    views = view_pair(cohort(n=30), cohort(n=40, library_size=5e7))
    result = compare(*views) | {
        "names": {"simulated": "a.h5ad", "real": "b_c.tsv"},
        "within_classes": False,
    }
    page = realism_page(result)
    for name, feature in result["features"].items():
        (row,) = [line for line in page.splitlines() if line.startswith(f"| {feature['title']} (")]
        assert f" {feature['distance']:.3f} " in row, name
        assert row.endswith(f" {verdict(feature, 0.2)} |")
    assert "`b_c.tsv` (40 samples" in page
    assert "different numbers of genes" not in page
    other = realism_page(result | {"n_genes": {"simulated": 10, "real": 2000}})
    assert "different numbers of genes" in other
    figures = draw_realism(result, views[0].values, views[1].values)
    drawn = {line.get_gid(): line for axes in figures["features"].axes for line in axes.lines}
    for name in FEATURES:
        for who, view in zip(("simulated", "real"), views, strict=True):
            shown = drawn[f"data-{name}-{who}"].get_xdata()
            assert (shown.min(), shown.max()) == (view.values[name].min(), view.values[name].max())
    trend = {line.get_gid(): line for axes in figures["relations"].axes for line in axes.lines}
    np.testing.assert_array_equal(
        trend["data-trend-real"].get_ydata(), result["trend"]["real"]["median"]
    )


@pytest.mark.parametrize(
    ("distance", "chance", "word"),
    [(0.2, 0.1, "alike"), (0.25, 0.3, "within chance"), (0.25, 0.2, "apart")],
)
def test_verdict(distance: float, chance: float, word: str) -> None:
    assert verdict({"distance": distance, "chance": chance}, 0.2) == word
