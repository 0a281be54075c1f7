"""What is told of many splits: their order, their spread, and their names in few words."""

from __future__ import annotations

import pytest

from exprlab.many import MANY_SPLITS, in_order, named, natural, spread


def test_numbers_in_names_are_counted_and_not_spelled() -> None:
    names = ["seed-10", "seed-2", "seed-2-fold-10", "seed-2-fold-9", "7", "mean"]
    ordered = ["7", "mean", "seed-2", "seed-2-fold-9", "seed-2-fold-10", "seed-10"]
    assert sorted(names, key=natural) == ordered
    assert list(in_order(dict.fromkeys(names, 0))) == ordered


def test_a_spread_names_splits_that_have_its_values() -> None:
    values = {f"seed-{i}": float(v) for i, v in enumerate([4, 1, 3, 2])} | {"seed-9": None}
    found = spread(values)
    assert found is not None
    assert (found.n, found.mean) == (4, 2.5)
    assert [values[name] for name in found[2:]] == [1, 2, 4]
    assert spread({"seed-0": None, "seed-1": float("nan")}) is None


def test_equal_values_are_told_of_different_splits() -> None:
    found = spread({f"seed-{i}": 0.5 for i in range(12)})
    assert found is not None
    assert found[2:] == ("seed-0", "seed-5", "seed-11")


def test_few_names_stay_as_they_are() -> None:
    names = [f"seed-{i}" for i in reversed(range(MANY_SPLITS))]
    assert named(names) == names


@pytest.mark.parametrize(
    ("numbers", "words"),
    [
        (range(500), ["seed-0 to seed-499"]),
        ([*range(7), 9, *range(20, 29)], ["seed-0 to seed-6", "seed-9", "seed-20 to seed-28"]),
    ],
)
def test_many_names_become_ranges(numbers: list[int], words: list[str]) -> None:
    assert named(f"seed-{i}" for i in numbers) == words


def test_ranges_of_folds_stay_within_their_seed() -> None:
    names = [f"seed-{s}-fold-{f}" for s in (0, 1) for f in range(1, 7)]
    assert named(names) == [f"seed-{s}-fold-1 to seed-{s}-fold-6" for s in (0, 1)]


def test_many_ranges_are_cut_and_the_rest_is_counted() -> None:
    words = named(f"seed-{2 * i}" for i in range(500))
    assert words[:2] == ["seed-0", "seed-2"]
    assert words[MANY_SPLITS:] == [f"{500 - MANY_SPLITS} more"]
