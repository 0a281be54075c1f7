"""exprlab train-baseline: fit a baseline model, or the network from scratch."""

from __future__ import annotations

import argparse

from exprlab.cli.training import add_training_arguments, training_run


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_training_arguments(parser)


def run(args: argparse.Namespace) -> None:
    """Fit and write the run's files."""
    from exprlab.config.models import BoostingConfig, LogisticConfig, ScratchMLPConfig

    with training_run(args) as job:
        where = {"folder": job.folder, "name": job.name}
        kind = job.params.get("model", {}).get("kind")
        if kind == "scratch_mlp":
            from exprlab.training.scratch import fit_scratch

            model = job.settings("model", ScratchMLPConfig)
            job.fitted = fit_scratch(**job.data, model=model, seed=args.seed, **where)
        elif kind == "boosting":
            from exprlab.training.boosting import fit_boosting

            model = job.settings("model", BoostingConfig)
            job.fitted = fit_boosting(**job.data, model=model, seed=args.seed, **where)
        else:
            from exprlab.training.baselines import fit_logistic

            model = job.settings("model", LogisticConfig)
            job.fitted = fit_logistic(**job.data, model=model, seed=args.seed, **where)
