"""exprlab plot-data: draw the figures of a data set."""

from __future__ import annotations

import argparse
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--overview", type=Path, required=True, help="overview of the samples")
    parser.add_argument("--output", type=Path, required=True, help="folder of the figures")


def run(args: argparse.Namespace) -> None:
    """Draw and write."""
    from exprlab.files import read_json
    from exprlab.plotting.data_figures import draw_overview
    from exprlab.plotting.style import save_png

    for name, figure in draw_overview(read_json(args.overview)).items():
        save_png(figure, args.output / f"{name}.png")
