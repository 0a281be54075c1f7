"""exprlab document-config: write the config's schema and key table."""

from __future__ import annotations

import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "--check", action="store_true", help="write nothing; fail where they differ"
    )


def run(args: argparse.Namespace) -> None:
    """Write the generated files into the project in the current folder, or compare them."""
    from exprlab.config.document import documents
    from exprlab.errors import UserError
    from exprlab.files import atomic_path

    for path, text in documents().items():
        if not args.check:
            with atomic_path(path) as temporary:
                temporary.write_text(text, encoding="utf-8")
        elif not path.exists() or path.read_text(encoding="utf-8") != text:
            raise UserError(f"{path}: does not say what src/exprlab/config says; run `make docs`")
