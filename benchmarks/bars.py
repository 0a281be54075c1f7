"""How near the default network comes to the oracle, beside five models of scikit-learn.

Not part of run.py: it measures models and not speed, and takes minutes. Results are in bars.md.

    OMP_NUM_THREADS=1 python benchmarks/bars.py --scenario nonlinear --n-train 800 --worlds 1 2 3

Each world is simulated anew: `--n-train` training samples, 20 % as many to validate on, and 2,000
to test on; in scenarios with unseen batches the test samples are of the new cohort. The network is
the default of the config, trained with three seeds; its probabilities are calibrated on the
validation samples. The others are fitted on the same samples and features:

    L  logistic regression, its strength chosen on the validation samples
    P  MLP of 64 units on 50 principal components, tuned: larger steps and no early stopping take
       it from AUROC 0.85 to 0.95 on 800 samples
    M  MLP of 64 units on all genes
    H  histogram gradient boosting on the 2,000 genes that share most variance with others
    F  random forest of 300 trees

excess is the mean Kullback-Leibler divergence from the oracle's posterior, in nats; its AUROC is
that of the posterior given the hidden factors.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.decomposition import PCA
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.neural_network import MLPClassifier
from threadpoolctl import threadpool_limits

from exprlab.config.models import LogisticConfig, MLPConfig, TrainerConfig
from exprlab.config.simulator import SCENARIOS, SimulatorConfig
from exprlab.config.steps import PreprocessConfig
from exprlab.data.design import class_priors
from exprlab.data.posterior import given_factors, of_recorded_label
from exprlab.data.simulate import (
    NEW_COHORT,
    TRAINING_COHORT,
    Simulator,
    batch_names,
    gene_ids,
)
from exprlab.evaluation.calibration import fit_temperature
from exprlab.evaluation.metrics import classification_metrics
from exprlab.evaluation.truth import divergence
from exprlab.inference.model import Model
from exprlab.inference.predict import Predictor
from exprlab.keys import CLASSES
from exprlab.outputs import calibrate
from exprlab.preprocess.preprocessor import fit_preprocessor
from exprlab.training.baselines import fit_logistic
from exprlab.training.boosting import shared_genes
from exprlab.training.fit import fit_network
from exprlab.training.fitted import Fitted

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
    simulator = Simulator(config, N_GENES, world)
    n_fit = n_train + n_train // 5
    parts = [(TRAINING_COHORT, n_fit), (NEW_COHORT, N_TEST)]
    if not config.new_batches:
        parts = [(TRAINING_COHORT, n_fit + N_TEST)]
    label = np.concatenate([simulator.design(*part).label for part in parts])
    batch = np.concatenate([batch_names(simulator.design(*part).batch) for part in parts])
    posterior = np.concatenate([true_probability(simulator, *part) for part in parts])
    counts = np.concatenate([block for part in parts for _, block in simulator.blocks(*part)])
    train, val, test = np.split(np.arange(len(label)), [n_train, n_fit])
    genes = [str(gene) for gene in gene_ids(N_GENES)]
    preprocessor = fit_preprocessor(
        lambda: (counts[i : min(i + 256, n_train)] for i in range(0, n_train, 256)),
        genes,
        PreprocessConfig(),
        (batch[:n_train], np.array(CLASSES)[label[:n_train]]),
    )
    columns = np.searchsorted(genes, preprocessor.genes)
    features = np.concatenate(
        [preprocessor.transform(counts[i : i + 256][:, columns]) for i in range(0, len(label), 256)]
    )
    features = preprocessor.batches.remove(features, batch)

    def row(logit: np.ndarray) -> list[float]:
        temperature = fit_temperature(logit[val], label[val])
        return judged(calibrate(logit[test], temperature))

    def row_of(fitted: Fitted) -> list[float]:
        """Judge a model of ours as `exprlab predict` would use it: new batches are centred."""
        temperature = fit_temperature(fitted.logits[val], label[val])
        model = Model(
            fitted.kind,
            fitted.architecture,
            fitted.weights,
            preprocessor,
            CLASSES,
            temperature,
            0.5,
            {},
        )
        predictor = Predictor(model, preprocessor.genes)
        new, names = counts[test][:, columns], batch[test]
        predictor.meet(names, [(0, new)])
        table = predictor.predict(pd.RangeIndex(len(test)), new, names)
        return judged(table["calibrated_probability"].to_numpy())

    def judged(probability: np.ndarray) -> list[float]:
        found = classification_metrics(label[test], probability, 0.5)
        excess = divergence(posterior[test], probability).mean()
        return [float(excess if name == "excess" else found[name]) for name in COLUMNS]

    yield "oracle", judged(posterior[test])
    with threadpool_limits(1):
        found = [row_of(network(features, label, train, val, seed)) for seed in seeds]
        yield "network", np.mean(found, axis=0).tolist()
        yield "L", row_of(linear(features, label, train, val))
    for name, logit in references(features, label, train, world):
        yield name, row(logit)


def true_probability(simulator: Simulator, cohort: int, n: int) -> np.ndarray:
    """Return p(malignant, as recorded | hidden factors) of a cohort's samples, (n,)."""
    config, batches, design = (
        simulator.config,
        simulator.batches[cohort],
        simulator.design(cohort, n),
    )
    prior = class_priors(config, batches.malignant_fraction)[design.batch - batches.first]
    posterior = given_factors(config, design.z, prior)
    return of_recorded_label(posterior, config.label_noise)[:, 1].round(9)


def network(
    features: np.ndarray, label: np.ndarray, train: np.ndarray, val: np.ndarray, seed: int
) -> Fitted:
    """Return the default network."""
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
        return fit_network(
            features, label, train, val, MLPConfig(), TrainerConfig(), seed, Path(folder)
        )


def linear(features: np.ndarray, label: np.ndarray, train: np.ndarray, val: np.ndarray) -> Fitted:
    """Return the logistic regression."""
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
        return fit_logistic(features, label, train, val, LogisticConfig(), Path(folder))


def references(
    features: np.ndarray, label: np.ndarray, train: np.ndarray, seed: int
) -> Iterator[tuple[str, np.ndarray]]:
    """Yield the logits that scikit-learn's models give to all samples."""
    shared = shared_genes(features[train] - features[train].mean(axis=0), 2000, 50)
    scores = PCA(50, svd_solver="randomized", random_state=0).fit(features[train])
    components = scores.transform(features)
    slow = {"alpha": 1.0, "learning_rate_init": 3e-4, "early_stopping": True, "max_iter": 500}
    fast = {"alpha": 1.0, "learning_rate_init": 1e-3, "max_iter": 200}
    for name, inputs, model in (
        ("P", components / components[train].std(), MLPClassifier((64,), **fast)),
        ("M", features, MLPClassifier((64,), **slow)),
        ("H", features[:, shared], HistGradientBoostingClassifier()),
        ("F", features, RandomForestClassifier(300)),
    ):
        fitted = model.set_params(random_state=seed).fit(inputs[train], label[train])
        p = np.clip(fitted.predict_proba(inputs)[:, 1].astype(np.float64), 1e-6, 1 - 1e-6)
        yield name, np.log(p) - np.log1p(-p)


if __name__ == "__main__":
    main()
