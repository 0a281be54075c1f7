"""Training over several processes, through the users' entry point."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
from workflow.conftest import Workflow

RUN = "results/tumours/mlp/seed-0"


# Without dropout, whose random numbers are each process's own; with folds, one process trains.
MODEL = {"dropout": 0.0, "tuning": "validation"}


def test_two_processes_train_like_one(copy: Workflow) -> None:
    target = f"{RUN}/weights.safetensors"
    results = {}
    for devices in (1, 2):
        strategy = "ddp" if devices > 1 else "auto"
        trainer = {"accelerator": "cpu", "devices": devices, "strategy": strategy}
        changed = copy.changed(trainer=trainer, models={"mlp": MODEL})
        done = changed.run(target)
        assert done.returncode == 0, done.stdout
        assert "error" not in done.stdout
        curves = pd.read_csv(copy.folder / RUN / "metrics.csv")
        results[devices] = curves[curves["name"] == "val/loss"]["value"].to_numpy()
        status = json.loads((copy.folder / RUN / "status.json").read_text())
        assert (status["state"], status["attempt"]) == ("FINISHED", 1)
        log = (copy.folder / "results/logs/train_network/tumours.mlp.seed-0.log").read_text()
        assert f"{devices} process(es)" in log
    # The same batches, each process with its part: equal up to rounding.
    assert np.allclose(results[1], results[2], rtol=0, atol=1e-5)
    assert len(results[1]) == len(results[2]) == 3
