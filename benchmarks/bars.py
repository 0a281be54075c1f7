"""How near the default network comes to the oracle, beside five models of scikit-learn.

Not part of run.py: it measures models and not speed, and takes minutes.

    python benchmarks/bars.py --scenario nonlinear --n-train 800 --worlds 1 2 3

Each world is simulated anew: `--n-train` training samples, 20 % as many to validate on, and 2,000
to test on. The network is the default of the config, trained with three seeds; its probabilities
are calibrated on the validation samples. The others are fitted on the same samples and features:

    L  logistic regression, its strength chosen on the validation samples
    P  MLP of 64 units on 50 principal components
    M  MLP of 64 units on all genes
    H  histogram gradient boosting on the 2,000 most variable genes
    F  random forest of 300 trees

excess is the mean Kullback-Leibler divergence from the oracle's posterior, in nats.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.neural_network import MLPClassifier
from threadpoolctl import threadpool_limits

from exprlab.config.simulator import SCENARIOS, SimulatorConfig
from exprlab.config.steps import LogisticConfig, MLPConfig, PreprocessConfig, TrainerConfig
from exprlab.data.posterior import given_factors, of_recorded_label
from exprlab.data.simulate import Simulator, gene_ids
from exprlab.evaluation.calibration import calibrate, fit_temperature
from exprlab.evaluation.metrics import binary_metrics
from exprlab.evaluation.truth import divergence
from exprlab.preprocess.preprocessor import fit_preprocessor
from exprlab.training.baselines import fit_logistic
from exprlab.training.fit import fit_network

N_TEST = 2000
N_GENES = 20_000
COLUMNS = ("auroc", "log_loss", "excess", "ece", "accuracy")


def main() -> None:
    """Print a table of the worlds' rows and their means."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--scenario", choices=SCENARIOS, default="nonlinear")
    parser.add_argument("--n-train", type=int, default=800)
    parser.add_argument("--worlds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    args = parser.parse_args()
    print(f"{args.scenario}, {args.n_train} training samples\n")
    print("| world | model | " + " | ".join(COLUMNS) + " |\n|---|---|" + "---|" * len(COLUMNS))
    rows: dict[str, list[list[float]]] = {}
    for world in args.worlds:
        for model, row in measure(args.scenario, args.n_train, world, args.seeds):
            rows.setdefault(model, []).append(row)
            print_row(str(world), model, row)
    for model, found in rows.items():
        print_row("mean", model, np.mean(found, axis=0).tolist())


def print_row(world: str, model: str, row: list[float]) -> None:
    """Print one line of the table."""
    print(f"| {world} | {model} | " + " | ".join(f"{x:.4f}" for x in row) + " |", flush=True)


def measure(
    scenario: str, n_train: int, world: int, seeds: list[int]
) -> Iterator[tuple[str, list[float]]]:
    """Yield each model's row of one world; the oracle knows z, which is 0.0005 nats from it."""
    config = SimulatorConfig(**SCENARIOS[scenario].simulator)
    n_val = n_train // 5
    n = n_train + n_val + N_TEST
    simulator = Simulator(config, N_GENES, world)
    design, counts = simulator.design(0, n), simulator.counts(0, n)
    train, val, test = np.split(np.arange(n), [n_train, n_train + n_val])
    genes = list(gene_ids(N_GENES))
    preprocessor = fit_preprocessor(
        lambda: (counts[i : i + 256] for i in range(0, n_train, 256)), genes, PreprocessConfig()
    )
    columns = np.searchsorted(genes, preprocessor.genes)
    features = np.concatenate(
        [preprocessor.transform(counts[i : i + 256][:, columns]) for i in range(0, n, 256)]
    )
    fractions = simulator.batches[0].malignant_fraction[design.batch]
    prior = np.column_stack([1 - fractions, fractions])
    posterior = given_factors(config, design.z, prior)
    posterior = of_recorded_label(posterior, config.label_noise)[:, 1].round(9)

    def row(logit: np.ndarray) -> list[float]:
        temperature = fit_temperature(logit[val], design.label[val])
        return judged(calibrate(logit[test], temperature))

    def judged(probability: np.ndarray) -> list[float]:
        found = binary_metrics(design.label[test], probability, 0.5)
        excess = divergence(posterior[test], probability).mean()
        return [float(excess if name == "excess" else found[name]) for name in COLUMNS]

    yield "oracle", judged(posterior[test])
    with threadpool_limits(1):
        found = [row(network(features, design.label, train, val, seed)) for seed in seeds]
        yield "network", np.mean(found, axis=0).tolist()
        yield "L", row(linear(features, design.label, train, val))
    variable = np.argsort(-preprocessor.sd, kind="stable")[:2000]
    for name, logit in references(features, design.label, train, variable, world):
        yield name, row(logit)


def network(
    features: np.ndarray, label: np.ndarray, train: np.ndarray, val: np.ndarray, seed: int
) -> np.ndarray:
    """Return the logits of the default network."""
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
        return fit_network(
            features, label, train, val, MLPConfig(), TrainerConfig(), seed, Path(folder)
        ).logits


def linear(
    features: np.ndarray, label: np.ndarray, train: np.ndarray, val: np.ndarray
) -> np.ndarray:
    """Return the logits of the logistic regression."""
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
        return fit_logistic(features, label, train, val, LogisticConfig(), Path(folder)).logits


def references(
    features: np.ndarray, label: np.ndarray, train: np.ndarray, variable: np.ndarray, seed: int
) -> Iterator[tuple[str, np.ndarray]]:
    """Yield the logits that scikit-learn's models give to all samples."""
    from sklearn.decomposition import PCA

    options = {"alpha": 1.0, "learning_rate_init": 3e-4, "early_stopping": True, "max_iter": 300}
    components = PCA(50, random_state=seed).fit(features[train]).transform(features)
    for name, inputs, model in (
        ("P", components / components[train].std(axis=0), MLPClassifier((64,), **options)),
        ("M", features, MLPClassifier((64,), **options)),
        ("H", features[:, variable], HistGradientBoostingClassifier()),
        ("F", features, RandomForestClassifier(300)),
    ):
        fitted = model.set_params(random_state=seed).fit(inputs[train], label[train])
        p = np.clip(fitted.predict_proba(inputs)[:, 1], 1e-6, 1 - 1e-6)
        yield name, np.log(p) - np.log1p(-p)


if __name__ == "__main__":
    main()
