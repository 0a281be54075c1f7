"""The simulator's speed and memory, against NumPy's own draws of as many values."""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from processes import worker

from results import Figure, Result, ratios

WHAT = (
    "Seconds to simulate 5,000 samples x 20,000 genes with 1 and 2 workers, their memory, and the "
    "ratio to plain gamma and Poisson draws of as many values with the same means."
)


def measure(quick: bool) -> Result:
    """Measure with one worker, then with two."""
    shape = {"n_samples": 60, "n_genes": 2000} if quick else {"n_samples": 5000, "n_genes": 20000}
    found = {
        n: worker("simulator", 1, workers=n, repetitions=2 if quick else 3, **shape) for n in (1, 2)
    }
    figures = []
    for n, times in found.items():
        words = f"{n} worker" + "s" * (n > 1)
        ratio = ratios(times["simulator"], times["floor"])
        figures += [
            Figure(f"simulator, {words}", tuple(times["simulator"]), "s", 12 if n == 1 else None),
            Figure(f"plain draws, {words}", tuple(times["floor"]), "s"),
            Figure(f"simulator / plain draws, {words}", ratio),
            Figure(f"memory of the process, {words}", (times["peak_mib"],), "MiB", 200),
        ]
    figures.append(
        Figure("2 workers / 1 worker", ratios(found[2]["simulator"], found[1]["simulator"]))
    )
    note = (
        "The draws' means are those of a sample of average depth in the same world. Memory: the "
        "process' largest resident memory when the first simulation has ended, imports included."
    )
    return Result(figures, notes=[note])


def _peak_mib() -> float:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)


def _time(workers: int, repetitions: int, n_samples: int, n_genes: int) -> dict:
    """Time both in turn; counts are dropped as they come, as a writer would."""
    import numpy as np

    from exprlab.config.simulator import SimulatorConfig
    from exprlab.data.simulate import TRAINING_COHORT, Simulator

    simulator = Simulator(SimulatorConfig(), n_genes, seed=1)
    # The means of an average sample without batch, nuisance and signal.
    depth = simulator.design(TRAINING_COHORT, 200).log_library.mean()
    mean = np.exp(simulator.genes.log_share + depth)
    shape, dispersion = 1 / simulator.genes.dispersion, simulator.genes.dispersion

    def simulate() -> None:
        for _ in simulator.blocks(TRAINING_COHORT, n_samples, workers=workers):
            pass

    def draw(seed: int) -> None:
        rng, rate = np.random.default_rng(seed), np.empty(n_genes)
        for _ in range(n_samples // workers):
            rng.standard_gamma(shape, out=rate)
            rate *= dispersion
            rate *= mean
            rng.poisson(rate)

    def floor() -> None:
        with ThreadPoolExecutor(workers) as pool:
            list(pool.map(draw, range(workers)))

    times: dict[str, list[float]] = {"simulator": [], "floor": []}
    steps: list[tuple[str, Callable[[], None]]] = [("simulator", simulate), ("floor", floor)]
    peak = 0.0
    for repetition in range(repetitions):
        for name, step in steps:
            start = time.perf_counter()
            step()
            times[name].append(time.perf_counter() - start)
            # The first step has run alone: the peak so far is its own.
            peak = peak or _peak_mib()
            words = f"{repetition + 1}: {name}, {workers} worker(s): {times[name][-1]:.2f} s"
            print(words, flush=True)
    return {**times, "peak_mib": peak}


if __name__ == "__main__":
    print(json.dumps(_time(**json.loads(sys.argv[1]))), flush=True)
