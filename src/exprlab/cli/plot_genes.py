"""exprlab plot-genes: draw the figures of the rankings of a data set's genes."""

from __future__ import annotations

import argparse
from pathlib import Path

from exprlab.cli.arguments import add_paths


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_paths(parser, genes="comparison of the rankings (JSON)")
    parser.add_argument("--dataset", required=True, help="name of the data set")
    parser.add_argument("--output", type=Path, required=True, help="folder of the figures")


def run(args: argparse.Namespace) -> None:
    """Draw and write."""
    from exprlab.errors import UserError
    from exprlab.files import read_json
    from exprlab.plotting.gene_figures import draw_genes
    from exprlab.plotting.style import save_png

    datasets = read_json(args.genes)["datasets"]
    if args.dataset not in datasets:
        raise UserError(f"{args.genes}: no data set '{args.dataset}'; it has {list(datasets)}")
    for name, figure in draw_genes(datasets[args.dataset]).items():
        save_png(figure, args.output / f"{name}.png")
