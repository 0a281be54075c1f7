"""Which column of a table is which gene of a model."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from exprlab.errors import UserError

# Ensembl's stable ids of genes and their products, with the number of a version.
VERSIONED = re.compile(r"(ENS[A-Z]*[GTP]\d{11})\.\d+")
SHOWN = 5


@dataclass(frozen=True)
class GeneMatch:
    """Where a model's genes are.

    Attributes
    ----------
    columns
        Column of each gene of the model, -1 where it is missing (n_genes,).
    missing
        The genes that are not there.
    notes
        What was matched otherwise than by the very same name, in words.
    """

    columns: np.ndarray
    missing: list[str]
    notes: list[str]


def match_genes(
    wanted: Sequence[str], found: Sequence[str], aliases: Mapping[str, str] | None = None
) -> GeneMatch:
    """Find a model's genes among the columns of a table, in any order.

    A gene that is not there under its own name is looked for under its aliases, then without the
    version of an Ensembl id, then without regard to case. A column serves one gene only.

    Parameters
    ----------
    wanted
        The model's genes.
    found
        Names of the columns.
    aliases
        Other names -> gene as in the model.

    Raises
    ------
    UserError
        If several columns, or several genes of the model, could be meant.
    """
    known, aliases = set(wanted), aliases or {}
    place = dict.fromkeys(wanted, -1)
    free: dict[str, list[int]] = defaultdict(list)
    for column, name in enumerate(found):
        free[name].append(column)
    twice = [name for name, columns in free.items() if len(columns) > 1 and name in known]
    if twice:
        raise UserError(
            f"{len(twice):,} of the model's genes occur more than once in the table, e.g. "
            f"'{twice[0]}'; keep one column of each"
        )
    for name in known & set(free):
        place[name] = free.pop(name)[0]
    notes = []
    for how, key in (
        ("by the table of aliases", lambda name: aliases.get(name, name)),
        ("by Ensembl id without its version", without_version),
        ("without regard to upper and lower case", str.casefold),
    ):
        matched = _by_key(place, free, key, how)
        if matched:
            notes.append(f"{matched:,} of the model's genes matched {how}")
    columns = np.array([place[name] for name in wanted], dtype=np.intp)
    return GeneMatch(columns, [name for name in wanted if place[name] < 0], notes)


def _by_key(
    place: dict[str, int], free: dict[str, list[int]], key: Callable[[str], str], how: str
) -> int:
    """Place the genes that are left by a key of their names; return how many were."""
    genes, columns = defaultdict(list), defaultdict(list)
    for name, column in place.items():
        if column < 0:
            genes[key(name)].append(name)
    for name, own in free.items():
        if key(name) in genes:
            columns[key(name)] += [(name, column) for column in own]
    ambiguous = [k for k in columns if len(genes[k]) > 1 or len(columns[k]) > 1]
    if ambiguous:
        words = [
            f"{_names(genes[k])} of the model: {_names(name for name, _ in columns[k])}"
            for k in ambiguous[:SHOWN]
        ]
        raise UserError(
            f"{len(ambiguous):,} of the model's genes cannot be told {how}: more than one pair "
            f"fits ({'; '.join(words)}); keep one column of each gene, named as in the model"
        )
    for k, [(name, column)] in columns.items():
        place[genes[k][0]] = column
        del free[name]
    return len(columns)


def _names(names: Iterable[str]) -> str:
    return ", ".join(f"'{name}'" for name in names)


def without_version(name: str) -> str:
    """Return an Ensembl id without its version, any other name as it is."""
    found = VERSIONED.fullmatch(name)
    return found[1] if found else name


def read_aliases(path: Path) -> dict[str, str]:
    """Read a table of two columns, alias and gene, separated by tabs or commas.

    A first line `alias`, `gene` is a header.

    Raises
    ------
    UserError
        If a line has not two names, or an alias stands for two genes.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: cannot be read as text ({error})") from None
    aliases: dict[str, str] = {}
    for number, line in enumerate(lines, 1):
        cells = [cell.strip() for cell in line.split("\t" if "\t" in line else ",")]
        if not line.strip() or (number == 1 and cells == ["alias", "gene"]):
            continue
        if len(cells) != 2 or not all(cells):
            raise UserError(
                f"{path}: line {number}: found {line!r}; a line has two names, an alias and the "
                "gene as the model calls it, with a tab or a comma between them"
            )
        alias, gene = cells
        if aliases.setdefault(alias, gene) != gene:
            raise UserError(
                f"{path}: line {number}: '{alias}' stands for '{gene}' and, further up, for "
                f"'{aliases[alias]}'; keep one line for each alias"
            )
    return aliases
