"""What Lightning and our callbacks cost: an epoch of our training against a bare torch loop."""

from __future__ import annotations

import contextlib
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

from processes import worker

from results import Figure, Result, Table, ratios

WHAT = (
    "Seconds of an epoch of `fit_network` (Lightning, curves, early stopping, checkpoints) over "
    "those of the same epoch as a bare torch loop: 20,000 inputs, 3,000 training and 700 "
    "validation samples, batches of 256, hidden layers 128 and 32, AdamW, one validation."
)
# The parts of our epoch whose time is taken: (what, where, method).
PARTS = (
    ("writing checkpoints", "pytorch_lightning.Trainer", "save_checkpoint"),
    ("curves and lines of progress", "exprlab.training.callbacks.Curves", "on_validation_end"),
    ("metrics at the end", "exprlab.training.module.Classifier", "on_validation_epoch_end"),
)


def measure(quick: bool) -> Result:
    """Measure with 2 threads, then with 1, which the workflow gives a training."""
    sizes = {"n_genes": 2000, "epochs": 4} if quick else {"n_genes": 20000, "epochs": 11}
    figures, rows = [], []
    for threads in (2, 1):
        found = worker(
            "lightning_overhead", threads, threads=threads, pairs=2 if quick else 5, **sizes
        )
        words = f"{threads} thread" + "s" * (threads > 1)
        ours, bare, saved = found["ours"], found["bare"], found["writing checkpoints"]
        unsaved = [a - b for a, b in zip(ours, saved, strict=True)]
        figures += [
            Figure(f"Lightning / bare loop, {words}", ratios(ours, bare), "", 1.05),
            Figure(f"the same without checkpoints, {words}", ratios(unsaved, bare)),
            Figure(f"epoch of Lightning, {words}", tuple(ours), "s"),
            Figure(f"epoch of the bare loop, {words}", tuple(bare), "s"),
        ]
        known = {name: statistics.mean(found[name]) * 1000 for name, *_ in PARTS}
        rest = (statistics.mean(ours) - statistics.mean(bare)) * 1000 - sum(known.values())
        rows += [(words, name, value) for name, value in known.items()]
        rows.append((words, "all else: Lightning's loop, less the bare loop's metrics", rest))
    return Result(
        figures,
        [Table("Milliseconds of an epoch", ("threads", "part", "ms"), rows)],
        [
            "The two take turns in one process, each with the same batches (IndexBatches), "
            "network, optimiser, metrics and deterministic algorithms. An epoch is the time "
            "between the last steps of two epochs: training, validation and what follows. "
            "Each value is the mean epoch of a fit (its first epoch left out).",
            "Labels depend on the inputs, so nearly every epoch is better than the one before and "
            "its weights are kept; the checkpoint to resume from is written every 10 epochs.",
        ],
    )


@contextlib.contextmanager
def _timed(ledger: dict[str, float]) -> Iterator[None]:
    """Add up in `ledger` the seconds that each of PARTS takes."""
    import importlib

    with contextlib.ExitStack() as stack:
        for part, where, method in PARTS:
            module, _, name = where.rpartition(".")
            owner = getattr(importlib.import_module(module), name)
            stack.enter_context(patch.object(owner, method, _timer(owner, method, part, ledger)))
        yield


def _timer(owner: type, method: str, part: str, ledger: dict[str, float]) -> Any:
    original = getattr(owner, method)

    def timed(*arguments: Any, **options: Any) -> Any:
        start = time.perf_counter()
        try:
            return original(*arguments, **options)
        finally:
            ledger[part] = ledger.get(part, 0.0) + time.perf_counter() - start

    return timed


def _compare(n_genes: int, epochs: int, threads: int, pairs: int) -> dict[str, list[float]]:
    """Return the mean epoch of each fit, ours and bare, and the parts of ours."""
    import numpy as np

    from exprlab.config.models import MLPConfig

    rng = np.random.default_rng(0)
    features = rng.standard_normal((3700, n_genes), dtype=np.float32)
    signal = features[:, :200].sum(axis=1) / np.sqrt(200)
    labels = (signal + rng.standard_normal(3700) > 0).astype(np.int64)
    data = features, labels, np.arange(3000), np.arange(3000, 3700)
    model = MLPConfig(max_epochs=epochs, patience=epochs, learning_rate=1e-5)
    found: dict[str, list[float]] = {"ours": [], "bare": [], **{name: [] for name, *_ in PARTS}}
    for pair in range(pairs):
        ledger: dict[str, float] = {}
        with tempfile.TemporaryDirectory() as folder, _timed(ledger):
            found["ours"].append(_ours(data, model, threads, Path(folder)))
        for name, *_ in PARTS:
            # Of one epoch; at the validation before the first step hardly anything happens.
            found[name].append(ledger[name] / epochs)
        found["bare"].append(_bare(data, model))
        words = " ".join(f"{k} {v[-1] * 1000:.0f} ms" for k, v in found.items())
        print(f"{pair + 1}: {threads} thread(s), {words}", file=sys.stderr, flush=True)
    return found


def _ours(data: tuple, model: Any, threads: int, folder: Path) -> float:
    from exprlab.config.models import TrainerConfig
    from exprlab.training.fit import fit_network

    settings = TrainerConfig(accelerator="cpu")
    with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere):
        fit_network(*data, model, settings, seed=0, folder=folder, threads=threads)
    lines = [line.split(",") for line in (folder / "timing.csv").read_text().splitlines()[1:]]
    times = {int(step): float(moment) for step, moment in lines}
    steps = max(times) // model.max_epochs
    ends = [times[epoch * steps] for epoch in range(1, model.max_epochs + 1)]
    return (ends[-1] - ends[0]) / (len(ends) - 1)


def _bare(data: tuple, model: Any) -> float:
    import numpy as np
    import torch
    from torchmetrics import MeanMetric
    from torchmetrics.classification import BinaryAUROC

    from exprlab.nets.mlp import MLP
    from exprlab.training.datamodule import IndexBatches

    features = torch.from_numpy(data[0])
    labels = torch.from_numpy(data[1].astype(np.float32))
    train = IndexBatches(features, labels, data[2], model.batch_size, seed=0)
    val = IndexBatches(features, labels, data[3], model.batch_size)
    torch.manual_seed(0)
    network = MLP(features.shape[1], model.hidden, model.activation, dropout=model.dropout)
    rates = {"lr": model.learning_rate, "weight_decay": model.weight_decay}
    optimizer = torch.optim.AdamW(network.parameters(), **rates, fused=True)
    criterion, mean, auroc = torch.nn.BCEWithLogitsLoss(), MeanMetric(), BinaryAUROC()
    ends = []
    for epoch in range(model.max_epochs):
        network.train()
        train.set_epoch(epoch)
        for x, y in train:
            optimizer.zero_grad()
            criterion(network(x), y).backward()
            optimizer.step()
        ends.append(time.perf_counter())
        network.eval()
        with torch.inference_mode():
            for x, y in val:
                logits = network(x)
                mean.update(criterion(logits, y), weight=len(y))
                auroc.update(logits, y.int())
        for metric in (mean, auroc):
            float(metric.compute())
            metric.reset()
    return (ends[-1] - ends[0]) / (len(ends) - 1)


if __name__ == "__main__":
    print(json.dumps(_compare(**json.loads(sys.argv[1]))), flush=True)
