"""exprlab build-lesson: run a lesson and make its page and the student's notebook."""

from __future__ import annotations

import argparse
import os
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

    os.environ.update(MPLBACKEND="agg")
    folder = args.lesson.resolve().parent
    names = sorted(path.stem for path in folder.glob("[0-9]*.py"))
    notebook = read_lesson(args.lesson)
    begin = time.monotonic()
    run_lesson(notebook, folder.parent, args.lesson.name)
    place = names.index(args.lesson.stem) if args.lesson.stem in names else len(names)
    before, after = names[:place][-1:], names[place + 1 :][:1]
    with atomic_path(args.page) as temporary:
        temporary.write_text(lesson_page(notebook, *(before or [""]), *after), encoding="utf-8")
    with atomic_path(args.notebook) as temporary:
        nbformat.write(for_students(notebook), temporary)
    print(f"{args.page} and {args.notebook}: run in {time.monotonic() - begin:.0f} s", flush=True)
