"""Arguments that several subcommands share."""

from __future__ import annotations

import argparse
from pathlib import Path


def add_paths(parser: argparse.ArgumentParser, **meanings: str) -> None:
    """Add a required path option for each keyword: its name and its help."""
    for name, meaning in meanings.items():
        option = f"--{name.replace('_', '-')}"
        parser.add_argument(option, type=Path, required=True, metavar="FILE", help=meaning)


def add_params(parser: argparse.ArgumentParser) -> None:
    """Add --params, the step's settings as JSON."""
    parser.add_argument("--params", default="{}", metavar="JSON", help="the step's settings")


def add_seed(parser: argparse.ArgumentParser) -> None:
    """Add --seed."""
    parser.add_argument("--seed", type=int, required=True, help="seed of everything random")


def add_threads(parser: argparse.ArgumentParser) -> None:
    """Add --threads."""
    parser.add_argument("--threads", type=int, default=1, help="CPU threads (default: 1)")
