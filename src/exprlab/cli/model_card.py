"""exprlab model-card: write a run's model card."""

from __future__ import annotations

import argparse

from exprlab.cli.arguments import add_paths


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_paths(
        parser,
        run="the run's folder",
        split="table of the split",
        checks="what the checks of the cohort found (JSON)",
        output="the card (Markdown)",
    )


def run(args: argparse.Namespace) -> None:
    """Read and write."""
    from exprlab.cards.facts import read_run
    from exprlab.cards.model_card import write_model_card
    from exprlab.report.inputs import reading

    facts = read_run(args.run, args.split, args.checks)
    with reading(args.run):
        write_model_card(facts, args.output)
