"""exprlab predict: predict new samples with a packed model."""

from __future__ import annotations

import argparse
from pathlib import Path

from exprlab.cli.arguments import add_paths


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_paths(parser, model="the packed model's folder", counts="raw counts (.h5ad)")
    parser.add_argument("--output", type=Path, metavar="FILE", help="table (TSV); default: print")


def run(args: argparse.Namespace) -> None:
    """Predict block by block and write the table."""
    import sys

    from exprlab.data.formats import open_counts
    from exprlab.data.tables import write_blocks
    from exprlab.inference.model import load_model
    from exprlab.inference.predict import predict_file

    model = load_model(args.model)
    with open_counts(args.counts) as counts:
        write_blocks(args.output or sys.stdout, predict_file(model, counts))
