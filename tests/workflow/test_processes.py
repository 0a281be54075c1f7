"""Training over several processes, through the users' entry point."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
from workflow.conftest import Workflow

RUN = "results/tumours/mlp/seed-0"


def test_two_processes_train_like_one(copy: Workflow) -> None:
    # Without dropout, whose random numbers are each process's own.
    target = f"{RUN}/weights.safetensors"
    results = {}
    for devices in (1, 2):
        strategy = "ddp" if devices > 1 else "auto"
        trainer = {"accelerator": "cpu", "devices": devices, "strategy": strategy}
        changed = copy.changed(trainer=trainer, models={"mlp": {"dropout": 0.0}})
        done = changed.run(target)
        assert done.returncode == 0, done.stdout
        assert "error" not in done.stdout
        curves = pd.read_csv(copy.folder / RUN / "metrics.csv")
        results[devices] = curves[curves["name"] == "val/loss"]["value"].to_numpy()
        status = json.loads((copy.folder / RUN / "status.json").read_text())
        assert (status["state"], status["attempt"]) == ("FINISHED", 1)
    # The same batches, halved and averaged: equal up to rounding and shares of unequal size.
    assert np.allclose(results[1], results[2], atol=2e-3)
    assert len(results[1]) == len(results[2]) == 3
