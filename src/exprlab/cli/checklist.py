"""exprlab checklist: fill the DOME checklist for machine learning in biology."""

from __future__ import annotations

import argparse
from pathlib import Path

from exprlab.cli.arguments import add_designs, add_params, add_paths


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_paths(parser, comparison="comparison of the models (JSON)", output="the list (Markdown)")
    parser.add_argument("--results", type=Path, default=Path("results"), help="folder of results")
    add_params(parser)
    add_designs(parser)


def run(args: argparse.Namespace) -> None:
    """Read and write."""
    from exprlab.cards.dome import write_checklist
    from exprlab.cards.facts import read_experiment
    from exprlab.config.designs import designs_from_json
    from exprlab.config.experiment import Config, load_settings
    from exprlab.report.inputs import reading

    config = load_settings(Config, args.params)
    picked = config.experiment
    repeats, designs = picked.repeats(), designs_from_json(args.designs)
    facts = read_experiment(
        args.results,
        config.settings(),
        picked.datasets,
        picked.models,
        repeats,
        args.comparison,
        designs,
    )
    with reading(args.results):
        write_checklist(facts, args.output)
