"""exprlab doctor: say what is wrong before hundreds of jobs are submitted."""

from __future__ import annotations

import argparse
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.epilog = "Exit code: 0 if nothing stands in the way, 1 if there is a problem."
    parser.add_argument("--profile", type=Path, help="also examine its cluster: profiles/slurm")
    parser.add_argument(
        "--configfile", nargs="+", action="extend", default=[], help="as for snakemake"
    )
    parser.add_argument("--snakefile", type=Path, help="the workflow (default: ./Snakefile)")
    parser.add_argument(
        "--wait", type=int, default=120, help="seconds to wait for a job on a compute node"
    )
    parser.add_argument("--look-around", type=Path, help=argparse.SUPPRESS)


def run(args: argparse.Namespace) -> int:
    """Examine and print."""
    from exprlab.doctor.examine import examine
    from exprlab.doctor.findings import PROBLEM
    from exprlab.doctor.node import look_around
    from exprlab.reproduce.plan import Request
    from exprlab.reproduce.rerun import find_snakefile

    if args.look_around:
        look_around(args.look_around)
        return 0
    here = Path("Snakefile")
    request = Request(
        snakefile=find_snakefile(args.snakefile or (here if here.exists() else None)),
        configfiles=tuple(args.configfile),
        profile=args.profile,
    )
    states = []
    for one in examine(request, args.wait):
        print(one.text(), flush=True)
        states.append(one.state)
    problems = states.count(PROBLEM)
    print(f"{problems} problem(s)" if problems else "nothing stands in the way")
    return 1 if problems else 0
