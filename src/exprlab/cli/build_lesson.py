"""exprlab build-lesson: run a lesson and make its page and the student's notebook."""

from __future__ import annotations

import argparse
import time

from exprlab.cli.arguments import add_paths, add_threads
from exprlab.errors import UserError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_paths(
        parser,
        lesson="the lesson's text (.py), beside the others",
        page="page to write (.html)",
        notebook="notebook without solutions to write (.ipynb)",
    )
    parser.add_argument("--before", default="", metavar="NAME", help="the lesson before it")
    parser.add_argument("--after", default="", metavar="NAME", help="the lesson after it")
    add_threads(parser)


def run(args: argparse.Namespace) -> None:
    """Read, run and write."""
    try:
        import nbformat

        from exprlab.lessons.notebook import for_students, read_lesson, run_lesson
        from exprlab.lessons.page import lesson_page
    except ModuleNotFoundError as error:
        raise UserError(
            f"lessons need the package '{error.name}', which a run of the workflow does not; "
            "`make lessons` installs what is missing, as does pip install '.[lessons]'"
        ) from None
    from exprlab.files import atomic_path

    notebook = read_lesson(args.lesson)
    begin = time.monotonic()
    run_lesson(notebook, args.lesson.resolve().parents[1], args.lesson.name)
    with atomic_path(args.page) as temporary:
        page = lesson_page(notebook, args.before, args.after)
        temporary.write_text(page, encoding="utf-8")
    with atomic_path(args.notebook) as temporary:
        nbformat.write(for_students(notebook), temporary)
    print(f"{args.page} and {args.notebook}: run in {time.monotonic() - begin:.0f} s", flush=True)
