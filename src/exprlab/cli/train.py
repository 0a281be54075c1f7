"""exprlab train: train a network with PyTorch Lightning."""

from __future__ import annotations

import argparse

from exprlab.cli.arguments import add_threads
from exprlab.cli.training import add_training_arguments, parsed, settings_of, training_run


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_training_arguments(parser)
    add_threads(parser)


def run(args: argparse.Namespace) -> None:
    """Train, or go on where a killed training was, and write the run's files."""
    from exprlab.config.models import MLPConfig, TrainerConfig
    from exprlab.training.processes import start_tasks

    trainer = settings_of(parsed(args.params), "trainer", TrainerConfig)
    threads = max(1, args.threads // trainer.devices)
    start_tasks(trainer, threads)
    with training_run(args) as job:
        from exprlab.training.fit import fit_network

        job.fitted = fit_network(
            **job.data,
            model=job.settings("model", MLPConfig),
            settings=trainer,
            seed=args.seed,
            folder=job.folder,
            name=job.name,
            threads=threads,
        )
