"""exprlab present-run: draw a run's figures and write its model card."""

from __future__ import annotations

import argparse
from pathlib import Path

from exprlab.cli.arguments import add_paths


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_paths(
        parser,
        run="the run's folder",
        split="table of the split",
        checks="what the checks of the cohort found (JSON)",
    )
    parser.add_argument(
        "--oracle",
        type=Path,
        nargs="?",
        metavar="FILE",
        help="the oracle's evaluation.json, to draw beside",
    )
    parser.add_argument("--figures", type=Path, required=True, help="folder of the figures")
    add_paths(parser, card="the model card (Markdown)")


def run(args: argparse.Namespace) -> None:
    """Read, draw and write."""
    from exprlab.cards.facts import read_run
    from exprlab.cards.model_card import write_model_card
    from exprlab.files import read_json
    from exprlab.keys import METRICS_FILE
    from exprlab.plotting.run_figures import draw_run
    from exprlab.plotting.style import save_png
    from exprlab.report.inputs import read_metrics, reading

    facts = read_run(args.run, args.split, args.checks)
    figures = draw_run(
        read_metrics(args.run / METRICS_FILE),
        facts.network,
        facts.evaluation,
        facts.params["model"].get("strengths"),
        read_json(args.oracle) if args.oracle else None,
    )
    with reading(args.run):
        write_model_card(facts, args.card)
    for name, figure in figures.items():
        save_png(figure, args.figures / f"{name}.png")
