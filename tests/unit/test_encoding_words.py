"""What cards say of the preprocessing, for every kind of values and every choice."""

from __future__ import annotations

from itertools import product
from typing import get_args

import pytest

from exprlab.cards.encoding import encoding_words, input_words, library_words
from exprlab.config.steps import PreprocessConfig
from exprlab.keys import COUNTS, INTENSITY, LOG2, TPM, VALUES


def choices(name: str) -> tuple[str, ...]:
    return get_args(PreprocessConfig.model_fields[name].annotation)


def test_every_choice_that_is_used_is_told_apart() -> None:
    counts = {
        encoding_words(PreprocessConfig(size_factors=m, transform=t).settings(), COUNTS)
        for m, t in product(choices("size_factors"), choices("transform"))
    }
    assert len(counts) == len(choices("size_factors")) * len(choices("transform"))
    for kind in (LOG2, INTENSITY):
        said = {
            encoding_words(PreprocessConfig(array_normalisation=how).settings(), kind)
            for how in choices("array_normalisation")
        }
        assert len(said) == len(choices("array_normalisation"))


@pytest.mark.parametrize("kind", VALUES)
def test_nothing_is_said_that_does_not_apply(kind: str) -> None:
    words = encoding_words(PreprocessConfig(n_top_genes=2000).settings(), kind)
    assert ("reads" in words) == ("counts" in words) == (kind == COUNTS)
    assert ("TPM" in words) == (kind == TPM)
    assert ("same median" in words) == (kind in (LOG2, INTENSITY))
    assert "of these the 2,000 that vary most" in words
    assert input_words(kind)
    assert bool(library_words({"values": kind, "library_range": [5, 6]})) == (kind == COUNTS)
