"""exprlab subsample: let fewer samples train, beside the same validation and test samples."""

from __future__ import annotations

import argparse

from exprlab.cli.arguments import add_paths, add_seed


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_paths(
        parser,
        counts="counts with labels (.h5ad)",
        split="table of sample_id and split in which all training samples train",
        output="table of sample_id and split; left out: 'unused'",
    )
    parser.add_argument("--size", type=int, required=True, help="training samples that are wanted")
    add_seed(parser)


def run(args: argparse.Namespace) -> None:
    """Choose and write the table."""
    from exprlab.data.formats import open_counts
    from exprlab.data.split import subsample_training
    from exprlab.data.training_table import read_split
    from exprlab.files import atomic_path

    with open_counts(args.counts) as counts:
        samples = counts.samples
    whole = read_split(args.split, samples)
    split = subsample_training(samples, whole, args.size, args.seed)
    print(split.value_counts().to_string())
    with atomic_path(args.output) as temporary:
        split.to_csv(temporary, sep="\t")
