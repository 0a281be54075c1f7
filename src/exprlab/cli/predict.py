"""exprlab predict: predict new samples with a packed model."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from exprlab.cli.arguments import add_genes_in, add_paths


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_paths(parser, model="the packed model's folder")
    parser.add_argument(
        "--expression",
        nargs="+",
        required=True,
        metavar="FILE",
        help="expression values: .h5ad, text, .parquet, .mtx, or a folder of files per sample",
    )
    parser.add_argument(
        "--samples",
        nargs="+",
        default=[],
        metavar="FILE",
        help="sample table, or several: which samples, and their batches; may be none",
    )
    parser.add_argument(
        "--batch", metavar="COLUMN", help="column of the batches (default: batch, if there)"
    )
    add_genes_in(parser)
    parser.add_argument(
        "--output", type=Path, metavar="FILE", help="table: .tsv, .csv or .parquet; default: print"
    )
    parser.add_argument(
        "--gene-aliases", type=Path, metavar="FILE",
        help="two columns, alias and gene as in the model: other names that genes may have",
    )  # fmt: skip


def run(args: argparse.Namespace) -> None:
    """Predict block by block and write the table."""
    import sys

    from exprlab.cohort.opened import open_samples
    from exprlab.config.experiment import load_settings
    from exprlab.config.files import FilesDataset
    from exprlab.data.tables import write_blocks
    from exprlab.inference.match_genes import read_aliases
    from exprlab.inference.model import load_model
    from exprlab.inference.predict import predict_file

    model = load_model(args.model)
    aliases = read_aliases(args.gene_aliases) if args.gene_aliases else None
    settings = {
        "source": "files",
        "expression": args.expression,
        "samples": args.samples,
        "values": model.preprocessor.values,
        "genes_in": args.genes_in,
        "join": "union",
        "columns": {"batch": args.batch} if args.batch else {},
    }
    cohort = load_settings(FilesDataset, json.dumps(settings), "the options")
    with open_samples(cohort, model.preprocessor.genes) as counts:
        write_blocks(args.output or sys.stdout, predict_file(model, counts, aliases=aliases))
