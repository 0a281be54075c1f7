"""exprlab describe: library sizes, zeros and principal components of a cohort."""

from __future__ import annotations

import argparse

from exprlab.cli.arguments import add_paths


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_paths(parser, counts="counts (.h5ad)", output="overview of the samples (JSON)")


def run(args: argparse.Namespace) -> None:
    """Describe and write."""
    from exprlab.data.describe import describe_counts
    from exprlab.data.formats import open_counts
    from exprlab.files import write_json

    with open_counts(args.counts) as counts:
        write_json(args.output, describe_counts(counts))
