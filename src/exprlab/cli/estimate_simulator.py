"""exprlab estimate-simulator: settings with which the simulator makes data like a given cohort."""

from __future__ import annotations

import argparse
from pathlib import Path

from exprlab.cli.arguments import add_count_table


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.epilog = (
        "Expression, depth, dispersion and the strength of hidden factors are estimated. Signal, "
        "purity and batches cannot be read off counts; they are the scenario's."
    )
    parser.add_argument("counts", type=Path, metavar="COUNTS", help="raw counts")
    add_count_table(parser)
    parser.add_argument("--scenario", default="nonlinear", help="what all other settings are of")
    parser.add_argument("--name", default="like_mine", help="what to call the data set")
    parser.add_argument(
        "--output", type=Path, metavar="FILE", help="write it as .yaml or .json, too"
    )


def run(args: argparse.Namespace) -> None:
    """Read, estimate, print a config and write it."""
    from exprlab.config.estimated import estimated_config, spelled
    from exprlab.config.simulator import SCENARIOS, SimulatorConfig
    from exprlab.data.count_tables import read_count_table
    from exprlab.data.estimate import estimate_settings
    from exprlab.errors import UserError, did_you_mean
    from exprlab.files import atomic_path, to_json

    if args.output and args.output.suffix not in (".yaml", ".yml", ".json"):
        raise UserError(f"--output: found '{args.output.name}'; allowed: .yaml, .yml or .json")
    if args.scenario not in SCENARIOS:
        hint = did_you_mean(args.scenario, SCENARIOS) or f"; allowed: {', '.join(SCENARIOS)}"
        raise UserError(f"--scenario: found '{args.scenario}'{hint}")
    base = SimulatorConfig(**SCENARIOS[args.scenario].simulator)
    table = read_count_table(args.counts, args.samples, args.label, args.samples_in)
    settings = estimate_settings(table.counts, table.labels, base, str(args.counts))
    config = estimated_config(args.name, args.scenario, table.counts.shape[1], settings)
    text = f"# {table.note}.\n{spelled(config)}"
    print(text, end="")
    if args.output:
        with atomic_path(args.output) as temporary:
            content = to_json(config) if args.output.suffix == ".json" else text
            temporary.write_text(content, encoding="utf-8")
