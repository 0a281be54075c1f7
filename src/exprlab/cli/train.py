"""exprlab train: train a network with PyTorch Lightning."""

from __future__ import annotations

import argparse

from exprlab.cli.arguments import add_threads
from exprlab.cli.training import (
    add_training_arguments,
    clear_other_attempt,
    parsed,
    settings_of,
    training_run,
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_training_arguments(parser)
    add_threads(parser)


def run(args: argparse.Namespace) -> None:
    """Train, or go on where a killed training was, and write the run's files."""
    from exprlab.config.models import MLPConfig, TrainerConfig
    from exprlab.training.processes import become_srun, needs_srun, quieten_torch

    trainer = settings_of(parsed(args.params), "trainer", TrainerConfig)
    threads = max(1, args.threads // trainer.devices)
    if needs_srun(trainer):
        # All of them begin anew or go on: decided here, once, before they are there.
        clear_other_attempt(args)
        become_srun(trainer, threads)
    quieten_torch(trainer)
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
