"""exprlab environment-page: write the page about where and with what the trainings ran."""

from __future__ import annotations

import argparse
from itertools import product
from pathlib import Path

from exprlab.cli.arguments import add_designs, add_params, add_paths


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--results", type=Path, default=Path("results"), help="folder of results")
    add_paths(parser, output="the page (HTML)")
    add_params(parser)
    add_designs(parser)


def run(args: argparse.Namespace) -> None:
    """Write the page."""
    from exprlab.config.designs import Design, designs_from_json
    from exprlab.config.experiment import load_settings
    from exprlab.config.steps import ExperimentConfig
    from exprlab.report.environment import write_environment_page

    experiment = load_settings(ExperimentConfig, args.params)
    designs, runs = designs_from_json(args.designs), []
    for dataset in experiment.datasets:
        design = designs.get(dataset, Design())
        splits = [*experiment.splits(design), *experiment.smaller_splits(design)]
        # Beside the folds that judge, a model to use is trained on all samples.
        splits += experiment.repeats() if design.folds else []
        runs += product([dataset], experiment.models, splits)
    write_environment_page(args.results, experiment.name, runs, args.output)
