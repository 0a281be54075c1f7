"""exprlab check: find what is wrong with counts and sample table, all problems at once."""

from __future__ import annotations

import argparse
from pathlib import Path

from exprlab.keys import CLASSES


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("counts", type=Path, help="counts (.h5ad)")
    parser.add_argument("--output", type=Path, help="write the summary here (JSON)")
    parser.add_argument(
        "--classes",
        nargs="+",
        default=CLASSES,
        metavar="CLASS",
        help="the labels that there may be (default: benign malignant)",
    )
    parser.add_argument("--no-labels", action="store_true", help="new samples: no labels needed")


def run(args: argparse.Namespace) -> None:
    """Check, and print or write the summary."""
    from exprlab.data.checks import check_counts
    from exprlab.data.formats import open_counts
    from exprlab.files import to_json, write_json

    with open_counts(args.counts) as counts:
        summary = check_counts(counts, not args.no_labels, args.classes)
    print(to_json(summary), end="")
    if args.output:
        write_json(args.output, summary)
