"""Jobs killed, at random or in turn: the end is as if nothing had happened."""

from __future__ import annotations

from pathlib import Path

import pytest
from workflow.conftest import Workflow
from workflow.disturb import chaos
from workflow.perturbations import KILLS, Perturbation, assert_same
from workflow.test_mlflow import client_of, runs_of


@pytest.mark.parametrize("perturb", KILLS, ids=lambda function: function.__name__)
def test_kills_change_no_byte(perturb: Perturbation, finished: Workflow, tmp_path: Path) -> None:
    assert_same(finished, perturb(finished, tmp_path / "world"))


def test_chaos_ends_as_if_nothing_had_happened(finished: Workflow, tmp_path: Path) -> None:
    world = Workflow(tmp_path / "chaos")
    starts = chaos(world, kills=20, seed=8, say=print)
    assert starts >= 20
    done = world.run()
    assert done.returncode == 0, done.stdout
    assert_same(finished, world)
    runs = runs_of(world)  # which fails if a run is there twice
    assert len(runs) == 5
    assert {run.info.status for run in runs.values()} == {"FINISHED"}
    (experiment,) = client_of(world).search_experiments(filter_string="name = 'smaller-world'")
    assert {run.info.run_id for run in runs.values()} == {
        run.info.run_id for run in client_of(world).search_runs([experiment.experiment_id])
    }
