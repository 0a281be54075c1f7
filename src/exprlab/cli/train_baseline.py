"""exprlab train-baseline: fit a baseline model."""

from __future__ import annotations

import argparse

from exprlab.cli.training import add_training_arguments, training_run


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_training_arguments(parser)


def run(args: argparse.Namespace) -> None:
    """Fit and write the run's files."""
    from exprlab.config.steps import LogisticConfig

    with training_run(args) as job:
        from exprlab.training.baselines import fit_logistic

        model = job.settings("model", LogisticConfig)
        job.fitted = fit_logistic(**job.data, model=model, folder=job.folder, name=job.name)
