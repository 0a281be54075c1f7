"""exprlab archive: write an experiment as one RO-Crate, small enough to attach to a paper."""

from __future__ import annotations

import argparse
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("results", type=Path, help="folder of results")
    parser.add_argument("--output", type=Path, required=True, metavar="FILE.zip", help="archive")
    parser.add_argument(
        "--limit-mb",
        type=float,
        default=100,
        metavar="MB",
        help="beyond this size weights are left out, the largest first (default: 100)",
    )
    parser.add_argument(
        "--author",
        action="append",
        default=[],
        metavar="NAME",
        help="who made it, 'Name' or 'Name ORCID', may be repeated (default: CITATION.cff)",
    )
    parser.add_argument("--snakefile", type=Path, help="the workflow (default: ./Snakefile)")


def run(args: argparse.Namespace) -> None:
    """Check, write, and say what is in it."""
    from exprlab.archive.crate import write_archive
    from exprlab.reproduce.rerun import find_snakefile

    snakefile = find_snakefile(args.snakefile)
    archive = write_archive(args.results, args.output, snakefile, args.limit_mb, args.author)
    print(f"{args.output}: {archive.n_files} files, {archive.size / 1e6:.1f} MB")
    print(f"authors: {', '.join(archive.authors)} (--author names others)")
    for note in archive.notes:
        print(note)
    print(
        "environment.json and results/report/environment.html in it name the machine; look at them "
        "before you publish."
    )
