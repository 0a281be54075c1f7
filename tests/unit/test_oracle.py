"""The oracle: equal to brute force where that is possible, calibrated, and never beaten."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import nbinom, norm
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.neural_network import MLPClassifier
from threadpoolctl import threadpool_limits

from exprlab.config.simulator import SCENARIOS, SimulatorConfig
from exprlab.data.design import class_means
from exprlab.data.genes import signal_strengths
from exprlab.data.judge import Verdict, judge
from exprlab.data.oracle import MOST_STEPS, Oracle
from exprlab.data.posterior import given_factors
from exprlab.data.simulate import Simulator


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    with threadpool_limits(1):
        yield


def world(n_genes: int = 2000, seed: int = 1, **settings: object) -> Simulator:
    """Return a world."""
    return Simulator(SimulatorConfig(**settings), n_genes, seed)


def verdict(simulator: Simulator, n: int, cohort: int = 0, workers: int = 2) -> Verdict:
    """Judge a cohort."""
    design, blocks = simulator.design(cohort, n), simulator.blocks(cohort, n)
    return judge(simulator, design, blocks, workers)


# Against brute force.

TINY = {
    "n_lineages": 1,
    "nonlinear_share": 0.0,
    "target_auroc": 0.9,
    "copies_linear": 1,
    "copies_interaction": 1,
    "n_dense_factors": 0,
    "n_modules": 0,
    "stroma_genes": 0,
    "n_batches": 1,
    "batch_sd": 0.0,
    "batch_depth_sd": 0.0,
    "library_sd": 0.0,
    "library_size": 60.0,
    "purity_a": 1e7,
    "purity_b": 1e3,
    "outlier_rate": 0.0,
    "pathway_loading": 0.6,
}


def test_posterior_equals_enumeration_in_a_tiny_case() -> None:
    simulator = world(20, **TINY)
    genes, oracle = simulator.genes, Oracle(simulator, 0, 0)
    used = np.flatnonzero(genes.factor == 0)[:3]
    kept = np.isin(np.arange(20), used)
    # One factor on a grid; purity is 1 and the depth known. Tables: (gene, count, z).
    z, step = np.linspace(-7, 7, 141, retstep=True)
    counts = np.arange(50)
    mean = 60 * np.exp(genes.log_share[used, None] + genes.loading[used, None] * z)
    size = 1 / genes.dispersion[used, None, None]
    table = nbinom.pmf(counts[:, None], size, size / (size + mean[:, None, :]))
    prior = [norm.pdf(z, m[0][0]) * step for m in class_means(simulator.config)]
    joint = np.einsum("az,bz,cz,yz->yabc", *table, prior, optimize=True)
    assert joint.sum(axis=(1, 2, 3)) == pytest.approx(1, abs=1e-3)
    exact_error = joint.min(axis=0).sum() / 2

    rng = np.random.default_rng(1)
    drawn = simulator.counts(0, 2000)[:, used]
    label = simulator.design(0, 2000).label
    exact = joint[1] / np.maximum(joint.sum(axis=0), 1e-300)
    wrong = (exact[tuple(drawn.T)] > 0.5) != label
    assert abs(wrong.mean() - exact_error) < 4 * (exact_error / 2000) ** 0.5

    errors = []
    for values in drawn[:200]:
        row = np.zeros(20)
        row[used] = values
        found = oracle.sample(row, kept, rng, always_draw=True).probability[1]
        errors.append(abs(found - exact[tuple(values)]))
    assert np.mean(errors) < 0.01


# The numerical method.


def test_gradient_is_that_of_the_log_posterior() -> None:
    simulator = world(300)
    oracle = Oracle(simulator, 0, 1)
    counts, kept = simulator.counts(0, 1)[0].astype(float), np.ones(300)
    rng = np.random.default_rng(2)
    theta = oracle.prior_mean + 0.3 * rng.standard_normal(oracle.prior_mean.size)

    def value(theta: np.ndarray) -> float:
        rows = theta[None]
        return (oracle.model.log_likelihood(rows, counts, kept) + oracle.log_prior(rows))[0]

    told = oracle.model.at(theta, counts, kept).gradient + oracle._prior_gradient(theta)
    for k in range(theta.size):
        step = np.eye(theta.size)[k] * 1e-4
        seen = (value(theta + step) - value(theta - step)) / 2e-4
        assert told[k] == pytest.approx(seen, rel=1e-3, abs=0.01)


def test_information_is_the_mean_squared_score() -> None:
    simulator = world(300)
    model = Oracle(simulator, 0, 0).model
    theta = Oracle(simulator, 0, 0).prior_mean
    mean = np.exp(model.log_mean(theta[None])[0])
    rng, phi = np.random.default_rng(3), model.dispersion
    draws = rng.poisson(mean * phi * rng.gamma(1 / phi, size=(3000, 300)))
    scores = np.array([model.at(theta, row.astype(float), np.ones(300)).gradient for row in draws])
    told = model.at(theta, draws[0].astype(float), np.ones(300)).information
    np.testing.assert_allclose(scores.var(axis=0), np.diag(told), rtol=0.15)
    scale = np.sqrt(np.outer(np.diag(told), np.diag(told)))
    assert np.abs((np.cov(scores.T) - told) / scale).max() < 0.12


def test_every_start_leads_to_the_same_mode() -> None:
    simulator = world()
    oracle, kept = Oracle(simulator, 0, int(simulator.design(0, 1).batch[0])), np.ones(2000)
    counts = simulator.counts(0, 1)[0].astype(float)
    best, _, steps = oracle.mode(counts, kept)
    assert steps < 15
    rng = np.random.default_rng(4)
    for _ in range(5):
        start = oracle.prior_mean + rng.standard_normal(best.size)
        found, _, steps = oracle.mode(counts, kept, start)
        assert steps < MOST_STEPS
        np.testing.assert_allclose(found, best, atol=1e-3)


@pytest.mark.parametrize("scenario", ["nonlinear", "subtypes"])
def test_laplace_agrees_with_importance_sampling(scenario: str) -> None:
    simulator = world(20_000, **SCENARIOS[scenario].simulator)
    found = verdict(simulator, 20)
    assert found.n_drawn == 0
    assert found.n_checked == 20
    assert found.mean_error < 1e-3
    assert found.largest_error < 1e-2
    counts, batch = simulator.counts(0, 1)[0], simulator.design(0, 1).batch[0]
    sample = Oracle(simulator, 0, int(batch)).sample(
        counts, np.ones(counts.size, bool), np.random.default_rng(0), always_draw=True
    )
    assert sample.effective_draws > 200


def test_threads_and_blocks_change_nothing() -> None:
    simulator = world(200, purity_a=2.0, purity_b=8.0)
    design = simulator.design(0, 30)
    one = judge(simulator, design, simulator.blocks(0, 30), workers=1)
    other = judge(simulator, design, simulator.blocks(0, 30, chunk_rows=7), workers=3)
    assert one.n_drawn > 0
    np.testing.assert_array_equal(one.true_class, other.true_class)
    np.testing.assert_allclose(one.saliency, other.saliency, rtol=1e-9)
    assert (one.mean_error, one.n_checked) == (other.mean_error, other.n_checked)


# What it says.


@pytest.fixture(scope="module")
def default() -> tuple[Simulator, Verdict]:
    """The default scenario on 2,000 genes, 1,500 samples."""
    simulator = world()
    with threadpool_limits(1):
        return simulator, verdict(simulator, 1500)


def test_oracle_is_calibrated_and_near_what_the_factors_tell(
    default: tuple[Simulator, Verdict],
) -> None:
    simulator, found = default
    design, p = simulator.design(0, 1500), found.true_class[:, 1]
    log_odds = np.log(p / (1 - p))[:, None]
    fit = LogisticRegression(C=np.inf).fit(log_odds, design.label)
    assert abs(fit.coef_[0, 0] - 1) < 0.15
    assert abs(fit.intercept_[0]) < 0.3
    assert roc_auc_score(design.label, p) > 0.95
    by_factors = given_factors(simulator.config, design.z, np.array([0.5, 0.5]))[:, 1]
    assert roc_auc_score(design.label, by_factors) > roc_auc_score(design.label, p) - 0.005


def test_estimated_factors_are_as_far_off_as_it_says() -> None:
    simulator = world(outlier_rate=0.0)
    design, counts = simulator.design(0, 150), simulator.counts(0, 150)
    oracles = [Oracle(simulator, 0, b) for b in range(4)]
    everything, rng = np.ones(2000, bool), np.random.default_rng(0)
    scores = []
    for row, values in enumerate(counts):
        found = oracles[design.batch[row]].sample(values, everything, rng)
        scores.append((found.z - design.z[row]) / found.z_sd)
    assert 0.9 < np.std(scores) < 1.1
    assert abs(np.mean(scores)) < 0.15


def test_saliency_points_at_the_causal_genes(default: tuple[Simulator, Verdict]) -> None:
    simulator, found = default
    causal = np.isin(simulator.genes.role, ["linear", "interaction"])
    assert roc_auc_score(causal, found.saliency) > 0.8
    assert found.saliency[causal].mean() > 3 * found.saliency[~causal].mean()


def test_sensitivity_is_the_slope_of_the_log_odds() -> None:
    simulator = world(5000)
    oracle = Oracle(simulator, 0, int(simulator.design(0, 1).batch[0]))
    counts, everything = simulator.counts(0, 1)[0].astype(float), np.ones(5000, bool)
    told = oracle.sample(counts, everything, np.random.default_rng(0)).sensitivity[1]
    # All genes of a pathway by 1 %: one gene alone moves it less than the mode is exact.
    for k in range(4):
        genes = np.flatnonzero(simulator.genes.factor == k)
        direction = np.sign(simulator.genes.loading[genes])
        odds = []
        for sign in (1, -1):
            moved = counts.copy()
            mean = np.exp(oracle.model.log_mean(oracle.mode(counts, np.ones(5000))[0][None])[0])
            moved[genes] += sign * 0.01 * direction * mean[genes]
            p = oracle.sample(moved, everything, np.random.default_rng(0)).probability[1]
            odds.append(np.log(p / (1 - p)))
        seen = (odds[0] - odds[1]) / 0.02
        assert told[genes] @ direction == pytest.approx(seen, rel=0.15, abs=0.5)


def test_prior_of_a_batch_is_a_bayes_update() -> None:
    tilted, level = (world(2000, batch_confounding=c) for c in (0.6, 0.0))
    counts = level.counts(0, 20)
    everything, rng = np.ones(2000, bool), np.random.default_rng(0)
    for b in (0, 3):
        fraction = tilted.batches[0].malignant_fraction[b]
        odds = fraction / (1 - fraction)
        for values in counts:
            p = Oracle(level, 0, b).sample(values, everything, rng).probability[1]
            found = Oracle(tilted, 0, b).sample(values, everything, rng).probability[1]
            wanted = odds * p / (odds * p + 1 - p)
            assert found == pytest.approx(wanted, abs=0.01)


def test_missing_entries_cost_little() -> None:
    clean, spoiled = (world(2000, missing_rate=rate) for rate in (0.0, 0.05))
    a, b = (verdict(simulator, 60).true_class for simulator in (clean, spoiled))
    assert (spoiled.counts(0, 5) == -1).mean() == pytest.approx(0.05, abs=0.01)
    assert np.abs(a - b).mean() < 0.02


def test_outliers_are_left_out() -> None:
    clean, spoiled = (world(2000, outlier_rate=rate) for rate in (0.0, 0.01))
    a, b = (verdict(simulator, 60).true_class for simulator in (clean, spoiled))
    assert np.abs(a - b).mean() < 0.02


def test_noisy_labels_flatten_the_posterior(default: tuple[Simulator, Verdict]) -> None:
    noisy, (_, clean_verdict) = world(label_noise=0.2), default
    found = verdict(noisy, 150)
    np.testing.assert_allclose(found.true_class, clean_verdict.true_class[:150], atol=1e-8)
    np.testing.assert_allclose(found.recorded, 0.2 + 0.6 * found.true_class, atol=1e-8)


def test_without_signal_every_sample_has_the_prior() -> None:
    found = verdict(world(500, target_auroc=0.5), 50)
    assert np.unique(found.true_class).tolist() == [0.5]


def test_oracle_blind_to_the_batches_knows_less() -> None:
    simulator = world(**SCENARIOS["batch-shift"].simulator)
    found, label = verdict(simulator, 400, cohort=1), simulator.design(1, 400).label
    assert verdict(simulator, 5).blind is None, "training has seen these batches"
    loss, blind_loss = (
        -np.log(p[np.arange(400), label]).mean() for p in (found.recorded, found.blind)
    )
    assert loss < blind_loss < np.log(2)


SMALLER = {"n_genes": 600, "seed": 3}


@pytest.mark.parametrize("scenario", [name for name in SCENARIOS if name != "small-n"])
def test_no_model_beats_the_oracle(scenario: str) -> None:
    simulator = world(**SMALLER, **SCENARIOS[scenario].simulator)
    n, n_test = 500, 400
    train, test = simulator.counts(0, n), simulator.counts(1, n_test)
    features = [
        np.log1p(1e6 * np.maximum(c, 0) / c.sum(axis=1, keepdims=True)) for c in (train, test)
    ]
    centre, scale = features[0].mean(axis=0), features[0].std(axis=0) + 1e-6
    x, x_test = ((f - centre) / scale for f in features)
    y, y_test = simulator.design(0, n).label, simulator.design(1, n_test).label
    p = verdict(simulator, n_test, cohort=1).recorded
    assert p.shape == (n_test, simulator.config.n_classes)
    np.testing.assert_allclose(p.sum(axis=1), 1, atol=1e-6)
    rows = np.arange(n_test)
    for model in (
        LogisticRegression(C=1e-3, max_iter=300),
        MLPClassifier((16,), alpha=10, max_iter=20, random_state=0),
    ):
        theirs = model.fit(x, y).predict_proba(x_test)
        gain = np.log(p[rows, y_test].clip(1e-9)) - np.log(theirs[rows, y_test].clip(1e-9))
        assert gain.mean() > -3 * gain.std() / n_test**0.5


def test_no_column_of_the_samples_tells_the_class() -> None:
    design = world(2000).design(0, 4000)
    for name in ("batch", "purity", "log_library", "lineage", "patient"):
        # Standard error 0.009.
        assert abs(roc_auc_score(design.label, getattr(design, name)) - 0.5) < 0.03, name


def test_a_linear_model_stays_below_the_linear_asymptote() -> None:
    """The XOR block, depth and purity hide nothing that a weighted sum could use."""
    simulator = world(2000)
    counts, label = simulator.counts(0, 3000), simulator.design(0, 3000).label
    features = np.log1p(1e6 * counts / counts.sum(axis=1, keepdims=True))
    features = (features - features[:2000].mean(axis=0)) / (features[:2000].std(axis=0) + 1e-6)
    model = LogisticRegression(C=1e-3, max_iter=300).fit(features[:2000], label[:2000])
    found = roc_auc_score(label[2000:], model.decision_function(features[2000:]))
    distance, _ = signal_strengths(simulator.config)
    asymptote = norm.cdf(distance / 2**0.5)
    assert asymptote == pytest.approx(0.900, abs=0.002)
    assert 0.8 < found < asymptote + 3 * 0.0095
