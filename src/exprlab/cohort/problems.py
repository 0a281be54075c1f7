"""What is wrong with a cohort's files, collected so that all of it is told at once."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from exprlab.errors import UserError

# Of problems of one kind so many are spelled out; the others are counted.
SHOWN = 3


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong, and what to do about it.

    Attributes
    ----------
    file
        The user's file it is in.
    where
        Row, column or id there, e.g. "row 3 (sample 'a'), column 'label'"; "" for the whole file.
    what
        What was found and what is allowed.
    remedy
        What to do.
    """

    file: Path
    where: str
    what: str
    remedy: str

    def __str__(self) -> str:
        return ": ".join(filter(None, [str(self.file), self.where, f"{self.what}; {self.remedy}"]))


@dataclass
class Problems:
    """Errors, which stop the workflow, and warnings, which the report lists."""

    errors: list[Problem] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)

    def error(self, file: Path, where: str, what: str, remedy: str) -> None:
        """Add an error."""
        self.errors.append(Problem(file, where, what, remedy))

    def warn(self, file: Path, where: str, what: str, remedy: str) -> None:
        """Add a warning."""
        self.warnings.append(Problem(file, where, what, remedy))

    def raise_errors(self) -> None:
        """Raise all errors together, one line each, if there are any.

        Raises
        ------
        UserError
        """
        if self.errors:
            raise UserError("\n".join(map(str, self.errors)))


def listed(names: Iterable[object], shown: int = SHOWN) -> str:
    """Return the first names in quotes and how many more there are: 'a', 'b', 'c' and 4 more."""
    names = list(names)
    text = ", ".join(f"'{name}'" for name in names[:shown])
    return text + (f" and {len(names) - shown} more" if len(names) > shown else "")
