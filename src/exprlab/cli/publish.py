"""exprlab publish: bring the MLflow store up to date with results/."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from exprlab.cli.arguments import add_paths


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--runs", type=Path, nargs="+", required=True, help="folders of the runs")
    add_paths(
        parser,
        store="folder of the embedded store",
        history="folder that keeps the files of what was published",
        receipt="what was published (JSON)",
    )
    parser.add_argument(
        "--attach", type=Path, nargs="+", default=[], help="files of the whole experiment"
    )
    parser.add_argument("--experiment", required=True, help="name of the experiment in MLflow")
    parser.add_argument(
        "--uri",
        default=os.environ.get("MLFLOW_TRACKING_URI", ""),
        help="MLflow server; default: MLFLOW_TRACKING_URI, else the embedded store",
    )


def run(args: argparse.Namespace) -> None:
    """Publish what there is."""
    from exprlab.tracking.publish import publish

    receipt = publish(
        args.runs, args.attach, args.experiment, args.uri, args.store, args.history, args.receipt
    )
    for entry in receipt["runs"]:
        print(f"{entry['action']:10} {entry['status']:9} {entry['run_id']}")
    for name in receipt["restored"]:
        print(f"restored   {name}, which the store had lost")
