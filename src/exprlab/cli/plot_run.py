"""exprlab plot-run: draw a run's figures."""

from __future__ import annotations

import argparse
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--run", type=Path, required=True, help="the run's folder")
    parser.add_argument(
        "--oracle",
        type=Path,
        nargs="?",
        metavar="FILE",
        help="the oracle's evaluation.json, to draw beside",
    )
    parser.add_argument("--output", type=Path, required=True, help="folder of the figures")


def run(args: argparse.Namespace) -> None:
    """Draw and write."""
    import pandas as pd

    from exprlab.files import read_json
    from exprlab.keys import METRICS_FILE, NETWORK_FILE, PARAMS_FILE
    from exprlab.plotting.run_figures import draw_run
    from exprlab.plotting.style import save_png

    figures = draw_run(
        pd.read_csv(args.run / METRICS_FILE),
        read_json(args.run / NETWORK_FILE),
        read_json(args.run / "evaluation.json"),
        read_json(args.run / PARAMS_FILE)["model"].get("strengths"),
        read_json(args.oracle) if args.oracle else None,
    )
    for name, figure in figures.items():
        save_png(figure, args.output / f"{name}.png")
