"""What an examination finds."""

from __future__ import annotations

from dataclasses import dataclass

OK, WARNING, PROBLEM = "ok", "warning", "PROBLEM"


@dataclass(frozen=True)
class Finding:
    """One answer: how it stands with `what`, what was found, and what to do about it."""

    state: str
    what: str
    found: str
    remedy: str = ""

    def text(self) -> str:
        """Return it for a terminal."""
        line = f"{self.state:8} {self.what:20} {self.found}"
        return f"{line}\n{'':30}-> {self.remedy}" if self.remedy else line


def finding(good: bool, what: str, found: str, remedy: str, otherwise: str = PROBLEM) -> Finding:
    """Return what was found; only something that is not good has a remedy."""
    return Finding(OK, what, found) if good else Finding(otherwise, what, found, remedy)
