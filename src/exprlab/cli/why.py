"""exprlab why: say what would run again, and why, without running anything."""

from __future__ import annotations

import argparse
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.epilog = (
        "Nothing is run or written. Exit code: 0 whether or not anything would run, 2 if the "
        "workflow refuses the config or a target."
    )
    parser.add_argument(
        "targets", nargs="*", metavar="TARGET", help="files or rules (default: everything)"
    )
    for name, words in {
        "--configfile": "as for snakemake",
        "--config": "settings, as for snakemake: KEY=VALUE",
        "--forcerun": "rules or files to make anew in any case",
    }.items():
        parser.add_argument(name, nargs="+", action="extend", default=[], help=words)
    parser.add_argument("--snakefile", type=Path, help="the workflow (default: ./Snakefile)")
    parser.add_argument("--directory", type=Path, help="where it runs (default: here)")


def run(args: argparse.Namespace) -> None:
    """Ask for the plan and print it, explained."""
    from exprlab.reproduce.plan import Request
    from exprlab.reproduce.rerun import find_snakefile
    from exprlab.reproduce.why import explain
    from exprlab.reproduce.why_text import as_text

    here = Path("Snakefile")
    request = Request(
        snakefile=find_snakefile(args.snakefile or (here if here.exists() else None)),
        targets=tuple(args.targets),
        configfiles=tuple(args.configfile),
        config=tuple(args.config),
        forcerun=tuple(args.forcerun),
        directory=args.directory,
    )
    print(as_text(explain(request)))
