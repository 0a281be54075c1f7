"""exprlab predict: predict new samples with a packed model."""

from __future__ import annotations

import argparse
from pathlib import Path

from exprlab.cli.arguments import add_paths


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_paths(parser, model="the packed model's folder", counts="raw counts (.h5ad)")
    parser.add_argument(
        "--output", type=Path, metavar="FILE", help="table: .tsv or .parquet; default: print"
    )
    parser.add_argument(
        "--gene-aliases", type=Path, metavar="FILE",
        help="two columns, alias and gene as in the model: other names that genes may have",
    )  # fmt: skip


def run(args: argparse.Namespace) -> None:
    """Predict block by block and write the table."""
    import sys

    from exprlab.data.formats import open_counts
    from exprlab.data.tables import write_blocks
    from exprlab.inference.match_genes import read_aliases
    from exprlab.inference.model import load_model
    from exprlab.inference.predict import predict_file

    model = load_model(args.model)
    aliases = read_aliases(args.gene_aliases) if args.gene_aliases else None
    with open_counts(args.counts) as counts:
        write_blocks(args.output or sys.stdout, predict_file(model, counts, aliases=aliases))
