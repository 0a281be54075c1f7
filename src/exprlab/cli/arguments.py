"""Arguments that several subcommands share."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path


def add_paths(parser: argparse.ArgumentParser, **meanings: str) -> None:
    """Add a required path option for each keyword: its name and its help."""
    for name, meaning in meanings.items():
        option = f"--{name.replace('_', '-')}"
        parser.add_argument(option, type=Path, required=True, metavar="FILE", help=meaning)


def add_params(parser: argparse.ArgumentParser) -> None:
    """Add --params, the step's settings as JSON."""
    parser.add_argument("--params", default="{}", metavar="JSON", help="the step's settings")


def add_cohort(parser: argparse.ArgumentParser) -> None:
    """Add --cohort, which of a simulated world's two cohorts it is."""
    parser.add_argument(
        "--cohort", choices=("cohort", "new_samples"), default="cohort", help="which cohort"
    )


def add_genes_in(parser: argparse.ArgumentParser) -> None:
    """Add --genes-in, which way round a table of expression values is."""
    parser.add_argument(
        "--genes-in", choices=("auto", "rows", "columns"), default="auto",
        help="where genes are (default: auto, as ids tell)",
    )  # fmt: skip


def add_seed(parser: argparse.ArgumentParser) -> None:
    """Add --seed."""
    parser.add_argument("--seed", type=int, required=True, help="seed of everything random")


def add_threads(parser: argparse.ArgumentParser) -> None:
    """Add --threads."""
    parser.add_argument("--threads", type=int, default=1, help="CPU threads (default: 1)")


def add_count_table(parser: argparse.ArgumentParser) -> None:
    """Add what `read_count_table` asks about a cohort that exprlab has not made."""
    parser.add_argument(
        "--samples", type=Path, metavar="FILE",
        help="sample table (text, ids in the first column) if classes are not in an .h5ad",
    )  # fmt: skip
    parser.add_argument(
        "--label", metavar="COLUMN",
        help="column with the classes; variation is that within them (default: label, if any)",
    )  # fmt: skip
    parser.add_argument(
        "--samples-in", choices=("rows", "columns"),
        help="of a table of text (default: where the sample table's ids are, or the shorter side)",
    )  # fmt: skip


def add_designs(parser: argparse.ArgumentParser) -> None:
    """Add --designs, how the samples of each data set are divided; once, if it is not named."""
    parser.add_argument(
        "--designs", default="{}", metavar="JSON", help="data set -> design and folds"
    )


def print_metrics(metrics: Mapping[str, Mapping[str, float | None]]) -> None:
    """Print each metric with its interval, 'not defined' where a class is missing."""
    for name, found in metrics.items():
        if found["value"] is None:
            print(f"{name:18} not defined")
        else:
            print(f"{name:18} {found['value']:.4f}  [{found['low']:.4f}, {found['high']:.4f}]")
