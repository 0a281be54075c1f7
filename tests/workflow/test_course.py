"""The pictures of the course, where they are asked for."""

from __future__ import annotations

from workflow.conftest import Workflow


def test_the_course_is_drawn_and_nothing_else_is_made_again(copy: Workflow) -> None:
    before = copy.files()
    done = copy.run("draw_course")
    assert done.returncode == 0, done.stdout
    pictures = {name: data for name, data in copy.files().items() if name not in before}
    assert len(pictures) == 8
    assert all(name.startswith("report/course/") for name in pictures)
    assert "Nothing to be done" in copy.run("draw_course").stdout
    # The same bytes once more.
    assert copy.run("draw_course", "--forcerun", "draw_course").returncode == 0
    assert copy.files() == before | pictures
    assert b"| relu |" in pictures["report/course/activations.md"]
