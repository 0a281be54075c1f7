"""exprlab failures: say which jobs failed, why, and what to do."""

from __future__ import annotations

import argparse

from exprlab.cli.arguments import add_paths


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_paths(
        parser,
        jobs="what was heard of failed jobs (JSON), see workflow/rules/track.smk",
        output="the page with the same cards (HTML)",
    )
    parser.add_argument("--title", default="exprlab", help="name of the experiment")
    parser.add_argument("--command", default="snakemake", help="the call, without its targets")


def run(args: argparse.Namespace) -> None:
    """Print the cards and write the page; without a card there is none."""
    import shlex

    from exprlab.failures.cards import make_cards
    from exprlab.files import atomic_path, read_json
    from exprlab.report.pages.render import render

    cards = make_cards(read_json(args.jobs), shlex.split(args.command))
    if not cards:
        args.output.unlink(missing_ok=True)
        return
    with atomic_path(args.output) as temporary:
        page = render("failures.html", title=args.title, cards=cards)
        temporary.write_text(page, encoding="utf-8")
    for card in cards:
        print(f"\n{card.text()}")
    print(f"\n{len(cards)} job(s) failed; the same as a page: {args.output}")
