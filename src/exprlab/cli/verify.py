"""exprlab verify: make an experiment again and compare every file."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
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
    every = os.cpu_count() or 1
    parser.add_argument(
        "--cores", type=cores, default=every, help="cores for the workflow (default: all)"
    )
    parser.add_argument(
        "--snakefile", type=Path, help="the workflow (default: that of exprlab, else ./Snakefile)"
    )
    parser.add_argument("--scratch", type=Path, help="where to work (default: temporary files)")
    parser.add_argument("--output", type=Path, help="write the certificate as JSON, too")
    parser.add_argument(
        "--tolerance", type=float, metavar="T",
        help="numbers up to T + T * max(|a|, |b|) apart are the same (default: 0.001)",
    )  # fmt: skip


def run(args: argparse.Namespace) -> int:
    """Prove, print the certificate, and say the verdict by the exit code."""
    from exprlab.files import write_json
    from exprlab.reproduce.certificate import EXIT_CODES, as_text, as_values
    from exprlab.reproduce.compare import Tolerance
    from exprlab.reproduce.original import open_original
    from exprlab.reproduce.rerun import find_snakefile
    from exprlab.reproduce.verify import verify

    given = args.tolerance
    tolerance = Tolerance() if given is None else Tolerance(relative=given, absolute=given)
    snakefile = find_snakefile(args.snakefile)
    with scratch_folder(args.scratch) as folder:
        work, fetched = folder / "work", folder / "fetched"
        work.mkdir()
        fetched.mkdir()
        original = open_original(args.run, fetched)
        certificate = verify(original, snakefile, work, tolerance, args.cores, say)
    print(f"\n{as_text(certificate)}", flush=True)
    if args.output:
        write_json(args.output, as_values(certificate))
    return EXIT_CODES[certificate.verdict]


def say(line: str) -> None:
    """Print a line of progress at once, even into a pipe."""
    print(line, flush=True)


def cores(text: str) -> int:
    """Return a number of cores as it was typed."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"'{text}': give a whole number from 1 on")
    return int(text)


@contextmanager
def scratch_folder(parent: Path | None) -> Iterator[Path]:
    """Give a folder that is gone afterwards, also if this process is asked to end."""
    if parent:
        parent.mkdir(parents=True, exist_ok=True)
        # A relative name would mean another folder to the workflow that runs in it.
        parent = parent.resolve()
    # A batch system, `timeout` and a closed terminal send these, which would leave everything.
    for request in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(request, lambda number, frame: sys.exit(128 + number))
    with tempfile.TemporaryDirectory(prefix="exprlab-verify-", dir=parent) as folder:
        yield Path(folder).resolve()
