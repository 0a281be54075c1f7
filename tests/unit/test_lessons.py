"""Lessons: how their text becomes a notebook and a page, and what is refused."""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from pathlib import Path

import nbformat
import pytest
from nbformat import NotebookNode

from exprlab.errors import UserError
from exprlab.lessons.notebook import for_students, read_lesson, run_lesson, tags_of
from exprlab.lessons.page import lesson_page

PROJECT = Path(__file__).resolve().parents[2]
LESSONS = sorted((PROJECT / "lessons").glob("*.py"))

TEXT = """\
# %% [markdown]
# # 9 A small lesson
#
# After this lesson you can <b>add</b>.

# %%
one = 1
print("<one>", one)

# %% tags=["exercise"]
two = None

# %% tags=["solution"]
two = one + one

# %% tags=["check"]
assert two == 2, "one and one"
print("right: exercise 1")
"""


@pytest.fixture
def lesson(tmp_path: Path) -> Path:
    path = tmp_path / "9_small.py"
    path.write_text(TEXT)
    return path


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> NotebookNode:
    path = tmp_path_factory.mktemp("ran") / "9_small.py"
    path.write_text(TEXT)
    notebook = read_lesson(path)
    run_lesson(notebook, path.parent, path.name)
    return notebook


def test_outputs_come_into_the_notebook(ran: NotebookNode) -> None:
    texts = [output.text for cell in ran.cells for output in cell.get("outputs", [])]
    assert texts == ["<one> 1\n", "right: exercise 1\n"]


def test_a_page_needs_nothing_else_and_folds_its_solutions(ran: NotebookNode) -> None:
    page = lesson_page(ran, "8_before", "10_after")
    assert "<title>9 A small lesson</title>" in page
    assert page.count("<details") == 1
    folded = page[page.index("<details") : page.index("</details>")]
    words = re.sub("<[^>]*>", "", folded)
    assert "two = one + one" in re.sub(r"\s+", " ", words)
    assert "&lt;one&gt; 1" in page
    assert 'href="8_before.html"' in page
    assert 'href="10_after.html"' in page
    assert not re.search(r"(src|href)=\"(https?:|//)", page)
    assert "<script" not in page


def test_a_page_has_the_same_bytes_again(ran: NotebookNode, lesson: Path) -> None:
    again = read_lesson(lesson)
    run_lesson(again, lesson.parent, lesson.name)
    assert lesson_page(again) == lesson_page(ran)


def test_students_get_neither_solutions_nor_outputs(ran: NotebookNode) -> None:
    copy = for_students(ran)
    nbformat.validate(copy)
    assert [tags_of(cell) for cell in copy.cells] == [[], [], ["exercise"], ["check"]]
    assert not any(cell.get("outputs") for cell in copy.cells)
    # The teacher's stays whole.
    assert len(ran.cells) == 5
    assert ran.cells[1].outputs


def test_a_check_that_tells_nothing_is_refused(lesson: Path) -> None:
    lesson.write_text(TEXT.replace("assert two == 2", "assert one == 1"))
    with pytest.raises(UserError, match="passes without its solution"):
        run_lesson(read_lesson(lesson), lesson.parent, lesson.name)


def test_a_cell_that_fails_is_told_with_its_code(lesson: Path) -> None:
    lesson.write_text(TEXT.replace("two = one + one", "two = one + three"))
    command = [sys.executable, "-m", "exprlab", "build-lesson", "--lesson", str(lesson)]
    outputs = [lesson.with_suffix(".html"), lesson.with_suffix(".ipynb")]
    command += ["--page", str(outputs[0]), "--notebook", str(outputs[1])]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "error: 9_small.py: a cell failed" in done.stderr
    assert "two = one + three" in done.stderr
    assert "NameError: name 'three' is not defined" in done.stderr
    assert "\x1b" not in done.stderr
    assert not any(path.exists() for path in outputs)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (' tags=["solution"]', "", "cell 4 has the tag none after exercise"),
        (' tags=["check"]', "", "cell 5 has the tag none after solution"),
        (' tags=["exercise"]', "", "cell 4 has the tag solution; the tags"),
        ('["solution"]', '["solutoin"]', "cell 4 has the tag solutoin after exercise"),
        ('["solution"]', '["solution", "check"]', "cell 4 has the tag solution, check after"),
        ("# %% tags", "# %% [markdown]\n# words\n\n# %% tags", "cell 5 has the tag none after"),
        ('# %% tags=["check"]\n', "", "the last cell has the tag solution; check is missing"),
    ],
)
def test_an_exercise_has_a_solution_and_a_check(
    lesson: Path, old: str, new: str, message: str
) -> None:
    lesson.write_text(TEXT.replace(old, new))
    with pytest.raises(UserError, match=message):
        read_lesson(lesson)


def test_a_check_that_is_no_python_is_not_taken_for_one_that_fails(lesson: Path) -> None:
    lesson.write_text(TEXT.replace("assert two == 2", "assert two two"))
    with pytest.raises(UserError, match="SyntaxError"):
        run_lesson(read_lesson(lesson), lesson.parent, lesson.name)


def test_a_kernel_that_dies_is_told_in_a_line(lesson: Path) -> None:
    lesson.write_text(TEXT.replace("one = 1", "import os, signal; os.kill(os.getpid(), 9)"))
    with pytest.raises(UserError, match=r"9_small\.py: the kernel that ran it has ended") as told:
        run_lesson(read_lesson(lesson), lesson.parent, lesson.name)
    assert "\n" not in str(told.value)


def test_the_readers_own_set_up_does_not_reach_a_lesson(
    lesson: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = tmp_path / "start.py"
    start.write_text("print('started')\n")
    kernel = tmp_path / "share/kernels/python3/kernel.json"
    kernel.parent.mkdir(parents=True)
    kernel.write_text('{"argv": ["false"], "display_name": "Other", "language": "python"}')
    deep = tmp_path / ("long" * 30)
    deep.mkdir()
    monkeypatch.setenv("PYTHONSTARTUP", str(start))
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "share"))
    monkeypatch.setattr(tempfile, "tempdir", str(deep))
    notebook = read_lesson(lesson)
    run_lesson(notebook, lesson.parent, lesson.name)
    assert [o.text for o in notebook.cells[1].outputs] == ["<one> 1\n"]


def test_a_lesson_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"9\.py: no such file"):
        read_lesson(tmp_path / "9.py")


def test_the_rule_names_every_lesson() -> None:
    rules = (PROJECT / "workflow/rules/lessons.smk").read_text()
    assert re.findall(r'^    "(\d\w+)",$', rules, re.MULTILINE) == [path.stem for path in LESSONS]


@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
def test_a_lesson_has_goals_exercises_and_files_of_the_pipeline(path: Path) -> None:
    notebook = read_lesson(path)
    first, *_, last = notebook.cells
    assert first.source.startswith(f"# {path.stem[0]} ")
    assert "After this lesson you can\n\n- " in first.source
    assert last.source.count("## Where it lives in the pipeline") == 1
    tags = [tag for cell in notebook.cells for tag in tags_of(cell)]
    assert tags.count("exercise") >= 2
    text = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    named = set(re.findall(r"`((?:src|config|workflow|profiles|docs|tests)/[\w./-]+)`", text))
    assert len(named) >= 3
    assert [name for name in sorted(named) if not (PROJECT / name).exists()] == []
