"""exprlab plot-learning-curves: draw the learning curves of a data set."""

from __future__ import annotations

import argparse

from exprlab.cli.arguments import add_paths


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_paths(parser, curves="learning curves (JSON)", output="the figure (PNG)")
    parser.add_argument("--dataset", required=True, help="name of the data set")


def run(args: argparse.Namespace) -> None:
    """Draw and write."""
    from exprlab.errors import UserError
    from exprlab.files import read_json
    from exprlab.plotting.learning_figures import learning_figure
    from exprlab.plotting.style import save_png

    datasets = read_json(args.curves)["datasets"]
    if args.dataset not in datasets:
        raise UserError(f"{args.curves}: no data set '{args.dataset}'; it has {list(datasets)}")
    save_png(learning_figure(datasets[args.dataset]), args.output)
