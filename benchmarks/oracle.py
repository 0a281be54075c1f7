"""The oracle's speed: milliseconds for the posterior of one sample, on one core."""

from __future__ import annotations

import json
import sys
import time

from processes import worker

from results import Figure, Result

WHAT = (
    "Milliseconds for the posterior of a sample of 20,000 genes, by Laplace's method and by "
    "importance sampling, in one process with one BLAS thread."
)


def measure(quick: bool) -> Result:
    """Measure a few repetitions of many samples."""
    shape = {"n_samples": 5, "n_genes": 2000} if quick else {"n_samples": 100, "n_genes": 20000}
    found = worker("oracle", 1, repetitions=2 if quick else 5, **shape)
    figures = [
        Figure("Laplace's method, a sample", tuple(found["laplace"]), "ms", 20),
        Figure("importance sampling, a sample", tuple(found["sampling"]), "ms"),
    ]
    return Result(figures, notes=["Default scenario; importance sampling takes 400 draws."])


def _time(repetitions: int, n_samples: int, n_genes: int) -> dict[str, list[float]]:
    import numpy as np

    from exprlab.config.simulator import SimulatorConfig
    from exprlab.data.oracle import Oracle
    from exprlab.data.simulate import TRAINING_COHORT, Simulator

    simulator = Simulator(SimulatorConfig(), n_genes, seed=1)
    counts = simulator.counts(TRAINING_COHORT, n_samples)
    batch = simulator.design(TRAINING_COHORT, n_samples).batch
    oracles = [Oracle(simulator, TRAINING_COHORT, b) for b in range(simulator.config.n_batches)]
    kept, rng = np.ones(n_genes, dtype=bool), np.random.default_rng(0)

    def milliseconds(n: int, draws: bool) -> float:
        start = time.perf_counter()
        for row in range(n):
            oracles[batch[row]].sample(counts[row], kept, rng, always_draw=draws)
        return 1e3 * (time.perf_counter() - start) / n

    times: dict[str, list[float]] = {"laplace": [], "sampling": []}
    for _ in range(repetitions):
        times["laplace"].append(milliseconds(n_samples, draws=False))
        times["sampling"].append(milliseconds(max(1, n_samples // 10), draws=True))
        print(f"{times['laplace'][-1]:.1f} ms, {times['sampling'][-1]:.1f} ms", flush=True)
    return times


if __name__ == "__main__":
    print(json.dumps(_time(**json.loads(sys.argv[1]))), flush=True)
