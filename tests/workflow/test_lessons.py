"""All lessons, run and made into pages by the workflow."""

from __future__ import annotations

import re
from pathlib import Path

from workflow.conftest import PROJECT, Workflow


def test_lessons_are_built_and_only_what_is_missing_again(tmp_path: Path) -> None:
    workflow = Workflow(tmp_path)
    done = workflow.run("lessons", "--keep-going")
    assert done.returncode == 0, done.stdout
    lessons = {path.stem for path in (PROJECT / "lessons").glob("*.py")}
    made = workflow.files()
    assert len(lessons) == 8
    assert set(made) == {f"lessons/{name}.{kind}" for name in lessons for kind in ("html", "ipynb")}
    assert "Nothing to be done" in workflow.run("lessons").stdout
    lost = "lessons/2_activations.html"
    (tmp_path / "results" / lost).unlink()
    done = workflow.run("lessons")
    assert done.returncode == 0, done.stdout
    built = re.findall(r"^    wildcards: lesson=(\w+)$", done.stdout, re.MULTILINE)
    assert built == ["2_activations"]
    # The same bytes again.
    assert workflow.files()[lost] == made[lost]
