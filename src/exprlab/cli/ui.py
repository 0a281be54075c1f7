"""exprlab ui: open the MLflow UI over results/ on 127.0.0.1."""

from __future__ import annotations

import argparse
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    store = Path("results/mlflow")
    parser.add_argument("--store", type=Path, default=store, help="folder of the embedded store")
    parser.add_argument("--port", type=int, default=5000, help="port on 127.0.0.1 (default: 5000)")


def run(args: argparse.Namespace) -> None:
    """Serve until interrupted."""
    from exprlab.tracking.ui import serve

    serve(args.store, args.port)
