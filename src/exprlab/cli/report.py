"""exprlab report: write the HTML report."""

from __future__ import annotations

import argparse
from pathlib import Path

from exprlab.cli.arguments import add_designs, add_params, add_paths


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_paths(
        parser,
        comparison="comparison of the models (JSON)",
        genes="comparison of the rankings of genes (JSON)",
        output="the page (HTML)",
    )
    parser.add_argument(
        "--curves", type=Path, nargs="*", default=[], metavar="FILE",
        help="learning curves (JSON), if there are any",
    )  # fmt: skip
    parser.add_argument("--results", type=Path, default=Path("results"), help="folder of results")
    add_params(parser)
    add_designs(parser)


def run(args: argparse.Namespace) -> None:
    """Write the page."""
    from exprlab.config.designs import designs_from_json
    from exprlab.config.experiment import Config, load_settings
    from exprlab.report.write import write_report

    config = load_settings(Config, args.params)
    experiment = config.experiment
    write_report(
        results=args.results,
        config=config.settings(),
        datasets=experiment.datasets,
        models=experiment.models,
        splits=experiment.repeats(),
        comparison=args.comparison,
        rankings=args.genes,
        curves=args.curves[0] if args.curves else None,
        output=args.output,
        designs=designs_from_json(args.designs),
    )
