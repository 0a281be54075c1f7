"""exprlab stream: send a running training's curves to a tracking server; trainings start it."""

from __future__ import annotations

import argparse

from exprlab.cli.arguments import add_paths


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_paths(parser, run="the run's folder: results/{dataset}/{model}/{split}")
    parser.add_argument("--experiment", required=True, help="name of the experiment in MLflow")
    parser.add_argument("--parent", type=int, required=True, help="process of the training")


def run(args: argparse.Namespace) -> None:
    """Send until the training has ended."""
    from exprlab.tracking.live import stream

    stream(args.run, args.experiment, args.parent)
