"""exprlab manifest: list every scientific file, its digest, and how it was made."""

from __future__ import annotations

import argparse
from pathlib import Path

from exprlab.cli.arguments import add_params, add_paths


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--results", type=Path, default=Path("results"), help="folder of results")
    parser.add_argument(
        "--lineage", nargs="+", required=True, help="how files are made, as the rule packs it"
    )
    add_paths(
        parser,
        output="the manifest (JSON)",
        environment="side file: where and with what this was done (JSON)",
    )
    add_params(parser)


def run(args: argparse.Namespace) -> None:
    """Digest and write."""
    from exprlab.config.experiment import Config, load_settings
    from exprlab.files import write_json
    from exprlab.provenance.environment import environment
    from exprlab.provenance.lineage import unpack
    from exprlab.provenance.manifest import make_manifest

    config = load_settings(Config, args.params).settings()
    manifest = make_manifest(args.results, unpack(args.lineage), config)
    write_json(args.environment, environment())
    write_json(args.output, manifest)
    print(f"{len(manifest['files'])} files")
