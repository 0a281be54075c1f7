"""Checks of ids of samples or genes: empty, repeated, or too like another."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from exprlab.cohort.problems import SHOWN, Problems, listed
from exprlab.errors import did_you_mean

# How programs spell that there is nothing.
ABSENT = frozenset({"", "nan", "na", "n/a", "#n/a", "<na>", "null", "none", "---", "--", "-"})


def check_ids(
    ids: Sequence[str],
    noun: str,
    path: Path,
    place: Callable[[int], str],
    problems: Problems,
    without_version: Callable[[str], str] = str,
    repeated: bool = True,
) -> None:
    """Report ids that are empty, occur more than once, or differ in next to nothing.

    Parameters
    ----------
    ids
        As found.
    noun
        'sample' or 'gene'.
    path
        File that they are in.
    place
        Says where the id of a number stands.
    problems
        Where to report.
    without_version
        Takes the version from an id.
    repeated
        Whether ids that occur more than once are to be reported.
    """
    empty = [i for i, name in enumerate(ids) if is_absent(name)]
    for number, i in enumerate(empty[:SHOWN], start=1):
        more = f" ({len(empty) - SHOWN} more such ids)" if number == SHOWN < len(empty) else ""
        found = f"found '{ids[i]}'" if ids[i] else "found nothing"
        problems.error(
            path,
            place(i),
            f"the {noun} id is empty: {found}{more}",
            f"name the {noun}, or remove it",
        )
    rest = [i for i in range(len(ids)) if not is_absent(ids[i])]
    if repeated:
        rest = _report_twins(
            ids, rest, str, "occurs {n} times: {places}; ids must be unique",
            _REMEDY[noun], noun, path, place, problems,
        )  # fmt: skip
    else:
        rest = list({ids[i]: i for i in reversed(rest)}.values())[::-1]
    rest = _report_twins(
        ids, rest, _folded, "differ only in case or blanks: {places}",
        f"give each {noun} a name of its own, or remove those that are there twice",
        noun, path, place, problems,
    )  # fmt: skip
    _report_twins(
        ids, rest, without_version, "differ only in their version: {places}",
        "keep one of them, or sum their counts under one id",
        noun, path, place, problems,
    )  # fmt: skip
    blanks = [i for i, name in enumerate(ids) if name != name.strip() and name.strip()]
    if blanks:
        problems.warn(
            path,
            place(blanks[0]),
            f"{len(blanks)} {noun} id{' has' if len(blanks) == 1 else 's have'} blanks around "
            f"{'it' if len(blanks) == 1 else 'them'}: {listed(ids[i] for i in blanks)}",
            "remove the blanks, for ids are compared letter by letter",
        )


_REMEDY = {
    "sample": "keep one of them, or rename the others if they are different samples",
    "gene": "keep one row per gene: sum counts of the same gene; of probes keep the probe ids, or "
    "their mean per gene",
}


def is_absent(name: object) -> bool:
    """Return whether a cell says that there is nothing."""
    return str(name).strip().casefold() in ABSENT


def _folded(name: str) -> str:
    return " ".join(name.split()).casefold()


def _report_twins(
    ids: Sequence[str],
    among: Iterable[int],
    key: Callable[[str], str],
    what: str,
    remedy: str,
    noun: str,
    path: Path,
    place: Callable[[int], str],
    problems: Problems,
) -> list[int]:
    """Report ids with the same key; return one of each group."""
    groups: dict[str, list[int]] = defaultdict(list)
    for i in among:
        groups[key(ids[i])].append(i)
    twins = [group for group in groups.values() if len(group) > 1]
    for number, group in enumerate(twins[:SHOWN], start=1):
        more = f" ({len(twins) - SHOWN} more such ids)" if number == SHOWN < len(twins) else ""
        names = listed(dict.fromkeys(ids[i] for i in group))
        others = ", ".join(place(i) for i in group[1 : SHOWN + 1])
        told = what.format(n=len(group), places=f"also in {others}")
        problems.error(path, place(group[0]), f"{noun} id {names} {told}{more}", remedy)
    return [group[0] for group in groups.values()]


def near_miss(name: str, others: Iterable[str]) -> str:
    """Return a hint at the one id among others that a program or a person has made this one of.

    R turns '-' into '.' and puts an X before a digit; spreadsheets drop leading zeros; barcodes go
    on with the portion of the sample; names differ in case and blanks.
    """
    others = list(others)
    alike = [other for other in others if _bare(other) == _bare(name)]
    longer = [
        other
        for other in others
        if name and other and (other.startswith(name) or name.startswith(other))
    ]
    for found in (alike, longer):
        if len(found) == 1:
            return f"; did you mean '{found[0]}'?"
    return did_you_mean(name, others)


def _bare(name: str) -> str:
    bare = re.sub(r"[^0-9a-z]", "", name.casefold())
    return re.sub(r"^x(?=\d)", "", bare).lstrip("0") or bare
