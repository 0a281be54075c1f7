"""Genes by name: order never matters, near names are found and said, doubts are refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exprlab.errors import UserError
from exprlab.inference.match_genes import match_genes, read_aliases

ENSEMBL = [f"ENSG{i:011d}" for i in range(12)]


@given(
    order=st.permutations(range(12)), kinds=st.lists(st.integers(0, 3), min_size=12, max_size=12)
)
def test_every_gene_is_found_whatever_the_order_and_the_kind_of_name(
    order: list[int], kinds: list[int]
) -> None:
    wanted = [f"{name}.3" if i % 2 else name for i, name in enumerate(ENSEMBL)]
    forms = [
        lambda i: wanted[i], lambda i: f"{ENSEMBL[i]}.17",
        lambda i: f"alias-{i}", lambda i: wanted[i].lower(),
    ]  # fmt: skip
    found = [forms[kinds[i]](i) for i in order]
    aliases = {f"alias-{i}": name for i, name in enumerate(wanted)}
    match = match_genes(wanted, found, aliases)
    assert [order[column] for column in match.columns] == list(range(12))
    assert match.missing == []
    told = {how: sum(int(n.split()[0]) for n in match.notes if how in n)
            for how in ("aliases", "version", "case")}  # fmt: skip
    assert told == {"aliases": kinds.count(2), "version": kinds.count(1), "case": kinds.count(3)}


def test_the_same_name_goes_before_a_near_one() -> None:
    match = match_genes(["TP53", ENSEMBL[0]], ["tp53", f"{ENSEMBL[0]}.2", "TP53", ENSEMBL[0]])
    assert match.columns.tolist() == [2, 3]
    assert match.notes == []


def test_what_is_not_there_is_missing() -> None:
    match = match_genes(["a", "b", "c.1"], ["c", "b", "c.2", "x"])  # no Ensembl ids: no versions
    assert match.columns.tolist() == [-1, 1, -1]
    assert match.missing == ["a", "c.1"]


@pytest.mark.parametrize(
    ("wanted", "found", "words"),
    [
        (["ENSG00000000001"], ["ENSG00000000001.1", "ENSG00000000001.2"], "without its version"),
        (["ENSG00000000001.1", "ENSG00000000001.2"], ["ENSG00000000001"], "without its version"),
        (["abc"], ["ABC", "Abc"], "upper and lower case"),
        (["abc"], ["x", "y"], "by the table of aliases"),
        (["abc"], ["abc", "abc"], "more than once"),
    ],
)
def test_doubts_are_refused_with_the_names(wanted: list, found: list, words: str) -> None:
    with pytest.raises(UserError, match=words) as caught:
        match_genes(wanted, found, {"x": "abc", "y": "abc"})
    assert found[0] in str(caught.value)


def test_columns_serve_one_gene_only() -> None:
    rng = np.random.default_rng(0)
    names = [f"G{i}" for i in range(50)]
    found = [str(x) for x in rng.permutation([n.lower() for n in names[:30]] + names[20:])]
    columns = match_genes(names, found).columns
    used = columns[columns >= 0]
    assert len(set(used)) == len(used)
    for name, column in zip(names, columns, strict=True):
        assert column < 0 or found[column].lower() == name.lower()


@pytest.mark.parametrize("text", ["alias\tgene\nx\tabc\n", "x,abc\n\n", "x\tabc"])
def test_aliases_are_read(text: str, tmp_path: Path) -> None:
    (tmp_path / "a.tsv").write_text(text)
    assert read_aliases(tmp_path / "a.tsv") == {"x": "abc"}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("x\n", "line 1: found 'x'"),
        ("x\ta\nx\tb\n", "line 2: 'x' stands for 'b'"),
        (",a\n", "line 1"),
    ],
)
def test_damaged_aliases_are_refused(text: str, words: str, tmp_path: Path) -> None:
    (tmp_path / "a.tsv").write_text(text)
    with pytest.raises(UserError, match=words):
        read_aliases(tmp_path / "a.tsv")
    with pytest.raises(UserError, match="cannot be read"):
        read_aliases(tmp_path / "none.tsv")
