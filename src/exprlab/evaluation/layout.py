"""How evaluation.json keeps what belongs to a class.

Two classes: the positive one is told from the other, so that nothing needs its name. More
classes: a mapping from each one's name to what of two classes stands there directly.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from exprlab.keys import told_apart

Evaluation = Mapping[str, Any]
# The cells of a table of two classes, row by row.
CELLS = ("tn", "fp", "fn", "tp")


def classes_of(evaluation: Evaluation) -> tuple[str, ...]:
    """Return the classes of an evaluation.json, in the order of their labels."""
    return tuple(evaluation["classes"])


def lay_out(values: Sequence[Any], classes: Sequence[str]) -> Any:
    """Return what there is of each class that is told from the rest, for evaluation.json."""
    return values[0] if len(classes) == 2 else dict(zip(classes, values, strict=True))


def curves_of(evaluation: Evaluation, name: str) -> dict[str, Mapping[str, Any]]:
    """Return a curve of each class that is told from the rest, by the name of the class."""
    classes, curves = classes_of(evaluation), evaluation["curves"][name]
    return {label: curves if len(classes) == 2 else curves[label] for label in told_apart(classes)}


def top_label_curve(evaluation: Evaluation) -> Mapping[str, Any]:
    """Return the reliability diagram behind the calibration error."""
    curves = evaluation["curves"]
    return curves["calibration"] if len(classes_of(evaluation)) == 2 else curves["confidence"]


def lay_out_table(counts: Sequence[Sequence[int]], classes: Sequence[str]) -> dict[str, Any]:
    """Return a table of true (rows) and called classes, for evaluation.json."""
    if len(classes) == 2:
        return dict(zip(CELLS, [n for row in counts for n in row], strict=True))
    rows = [dict(zip(classes, row, strict=True)) for row in counts]
    return dict(zip(classes, rows, strict=True))


def table_of(evaluation: Evaluation) -> list[list[int]]:
    """Return the counts of true (rows) and called classes."""
    classes, cells = classes_of(evaluation), evaluation["confusion"]
    if len(classes) == 2:
        return [[cells["tn"], cells["fp"]], [cells["fn"], cells["tp"]]]
    return [[cells[true][called] for called in classes] for true in classes]
