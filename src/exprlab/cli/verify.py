"""exprlab verify: make an experiment again and compare every file."""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.epilog = (
        "Exit code: 0 identical, 3 identical within tolerance, 4 different; 1 and 2 when nothing "
        "could be proven."
    )
    parser.add_argument(
        "run", help="folder of results, manifest.json, a run's folder, or an MLflow run id"
    )
    parser.add_argument("--cores", type=int, help="cores for the workflow (default: all)")
    parser.add_argument("--snakefile", type=Path, help="the workflow (default: ./Snakefile)")
    parser.add_argument("--scratch", type=Path, help="where to work (default: temporary files)")
    parser.add_argument("--output", type=Path, help="write the certificate as JSON, too")
    parser.add_argument("--tolerance", type=float, help="largest relative difference of numbers")


def run(args: argparse.Namespace) -> int:
    """Prove, print the certificate, and say the verdict by the exit code."""
    from exprlab.files import write_json
    from exprlab.reproduce.certificate import EXIT_CODES, as_text, as_values
    from exprlab.reproduce.compare import Tolerance
    from exprlab.reproduce.original import open_original
    from exprlab.reproduce.rerun import find_snakefile
    from exprlab.reproduce.verify import verify

    tolerance = Tolerance() if args.tolerance is None else Tolerance(relative=args.tolerance)
    snakefile = find_snakefile(args.snakefile)
    if args.scratch:
        args.scratch.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="exprlab-verify-", dir=args.scratch) as folder:
        work, fetched = Path(folder) / "work", Path(folder) / "fetched"
        work.mkdir()
        fetched.mkdir()
        original = open_original(args.run, fetched)
        certificate = verify(
            original, snakefile, work, tolerance, args.cores, lambda line: print(line, flush=True)
        )
    if args.output:
        write_json(args.output, as_values(certificate))
    print(f"\n{as_text(certificate)}")
    return EXIT_CODES[certificate.verdict]
