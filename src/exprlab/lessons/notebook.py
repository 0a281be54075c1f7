"""A lesson as a notebook: read from text, run in a kernel, and the student's copy of it.

Cells carry tags: an `exercise` holds what is to be filled in, the `solution` after it does so, and
the `check` after that fails until somebody has.
"""

from __future__ import annotations

import os
import re
import tempfile
from pathlib import Path

import jupytext
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell
from traitlets.config import Config

from exprlab.errors import UserError

ORDER = EXERCISE, SOLUTION, CHECK = "exercise", "solution", "check"
FOLLOWS = {EXERCISE: SOLUTION, SOLUTION: CHECK}
# Shows that a check tells an exercise that nobody has solved.
PROOF = """
_check = compile({check!r}, "check", "exec")
try:
    exec(_check)
except Exception:
    pass
else:
    raise AssertionError("this check passes without its solution")
"""
LONGEST = 300  # seconds that a cell may take; those of ours take a few


def read_lesson(path: Path) -> NotebookNode:
    """Read a lesson from its text (py:percent).

    Raises
    ------
    UserError
        If there is no such file, or a tagged cell does not stand where it must.
    """
    if not path.is_file():
        raise UserError(f"{path}: no such file; a lesson is Python with cells that begin with # %%")
    notebook = jupytext.read(path, fmt="py:percent")
    for number, cell in enumerate(notebook.cells, start=1):
        cell.id = f"cell-{number}"  # else it is random
    notebook.metadata = NotebookNode(
        kernelspec={"name": "python3", "display_name": "Python 3", "language": "python"},
        language_info={"name": "python"},
    )
    _check_exercises(path, notebook)
    return notebook


def _check_exercises(path: Path, notebook: NotebookNode) -> None:
    """Refuse cells whose tags are not those of an exercise, its solution and its check in turn.

    Else a solution could come into the students' notebook, or a check be never proven.
    """
    before = ""
    for number, cell in enumerate(notebook.cells, start=1):
        found = ", ".join(tags_of(cell))
        allowed = (FOLLOWS[before],) if before in FOLLOWS else ("", EXERCISE)
        if found not in allowed:
            raise UserError(
                f"{path}: cell {number} has the tag {found or 'none'}"
                f"{f' after {before}' if before else ''}; the tags {', '.join(ORDER)} stand in "
                "this order, on three cells one after another"
            )
        before = found
    if before in FOLLOWS:
        raise UserError(f"{path}: the last cell has the tag {before}; {FOLLOWS[before]} is missing")


def tags_of(cell: NotebookNode) -> list[str]:
    """Return the tags of a cell."""
    return cell.metadata.get("tags", [])


def for_students(notebook: NotebookNode) -> NotebookNode:
    """Return a copy without solutions and outputs."""
    copy = NotebookNode(notebook)
    copy.cells = []
    for cell in notebook.cells:
        if SOLUTION in tags_of(cell):
            continue
        own = NotebookNode(cell)
        if own.cell_type == "code":
            own.outputs, own.execution_count = [], None
        copy.cells.append(own)
    return copy


def run_lesson(notebook: NotebookNode, folder: Path, name: str) -> None:
    """Run all cells in a kernel of this Python; their outputs come into the notebook.

    Each check is also run before the solution, where it must fail.

    Parameters
    ----------
    notebook
        As `read_lesson` gives it.
    folder
        Where the kernel runs: the project, so that a lesson can name its files.
    name
        What to call the lesson in messages.

    Raises
    ------
    UserError
        If a cell fails, with its code and its error.
    """
    with tempfile.TemporaryDirectory(prefix="lesson-", dir=_short_folder()) as own:
        proven = NotebookNode(notebook)
        proven.cells = _with_proofs(notebook.cells)
        client = NotebookClient(
            proven,
            kernel_name="python3",
            # Files in place of ports: nothing listens, and no two kernels take the same.
            config=Config(
                AsyncKernelManager={
                    "transport": "ipc",
                    "ip": f"{own}/kernel",
                    "connection_file": f"{own}/kernel.json",
                }
            ),
            timeout=LONGEST,
            record_timing=False,
            coalesce_streams=True,  # else the pieces depend on when the kernel flushes
            resources={"metadata": {"path": str(folder)}},
        )
        try:
            client.execute(env=_environment(Path(own)))
        except CellTimeoutError as error:
            raise UserError(f"{name}: a cell took longer than {LONGEST} s\n{error}") from None
        except CellExecutionError as error:
            raise UserError(f"{name}: a cell failed\n{_plain(str(error))}") from None
        except Exception as error:  # of many kinds, if the kernel ends while it is asked
            raise UserError(
                f"{name}: the kernel that ran it has ended (stopped, or out of memory?): "
                f"{type(error).__name__}: {error}"
            ) from None


def _short_folder() -> str:
    """Return where temporary files go; the path of a socket has little more than 100 letters."""
    usual = tempfile.gettempdir()
    return usual if len(usual) < 60 else "/tmp"


def _environment(own: Path) -> dict[str, str]:
    """Return the variables of the kernel; the reader's own start-up files are no part of a lesson.

    Of this process, too, those by which another kernel than that of this Python could be found.
    """
    os.environ.pop("JUPYTER_PATH", None)
    os.environ["JUPYTER_PREFER_ENV_PATH"] = "1"
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONSTARTUP"}
    return {**kept, "IPYTHONDIR": str(own), "PYTHONHASHSEED": "0"}


def _with_proofs(cells: list[NotebookNode]) -> list[NotebookNode]:
    """Return the cells, and before each solution one that sees its check fail."""
    found = []
    for place, cell in enumerate(cells):
        if SOLUTION in tags_of(cell):
            found.append(new_code_cell(PROOF.format(check=cells[place + 1].source)))
        found.append(cell)
    return found


def _plain(text: str) -> str:
    """Return text without the colours of a terminal."""
    return re.sub(r"\x1b\[[0-9;]*m", "", text).strip()
