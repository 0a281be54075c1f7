"""exprlab diff: explain how two runs or two experiments differ."""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.epilog = (
        "Runs of other names are compared file by file in the same role. Exit code: 0 no "
        "difference (the environment may be another), 4 different, 2 not to be compared."
    )
    what = "folder of results, manifest.json, a run's folder, or an MLflow run id"
    parser.add_argument("before", metavar="RUN_A", help=what)
    parser.add_argument("after", metavar="RUN_B", help="the same, of another run or experiment")
    parser.add_argument("--output", type=Path, help="write all that was found as JSON, too")


def run(args: argparse.Namespace) -> int:
    """Open both, compare, print, and say the verdict by the exit code."""
    from exprlab.files import write_json
    from exprlab.reproduce.differences import differences
    from exprlab.reproduce.differences_text import as_text, as_values, exit_code
    from exprlab.reproduce.original import open_original

    with tempfile.TemporaryDirectory(prefix="exprlab-diff-") as folder:
        names = {"before": args.before, "after": args.after}
        scratch = {side: Path(folder) / side for side in names}
        for path in scratch.values():
            path.mkdir()
        found = differences(*(open_original(names[side], scratch[side]) for side in names))
    if args.output:
        write_json(args.output, as_values(found))
    print(as_text(found))
    return exit_code(found)
