"""exprlab split: divide samples into training, validation and test."""

from __future__ import annotations

import argparse

from exprlab.cli.arguments import add_params, add_paths, add_seed


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_paths(parser, counts="counts with labels (.h5ad)", output="table of sample_id and split")
    add_params(parser)
    add_seed(parser)
    parser.add_argument("--fold", type=int, nargs="?", help="which fold is tested, from 1 on")


def run(args: argparse.Namespace) -> None:
    """Split and write the table."""
    from exprlab.config.experiment import load_settings
    from exprlab.config.steps import SplitConfig
    from exprlab.data.formats import open_counts
    from exprlab.data.split import split_samples
    from exprlab.files import atomic_path

    with open_counts(args.counts) as counts:
        config = load_settings(SplitConfig, args.params)
        split = split_samples(counts.samples, config, args.seed, args.fold)
    print(split.value_counts().to_string())
    with atomic_path(args.output) as temporary:
        split.to_csv(temporary, sep="\t")
