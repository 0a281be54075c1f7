"""The evaluation design of a data set, once it is settled: how often its samples are divided."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass

from exprlab.keys import HOLDOUT, K_FOLD, split_name, split_parts

# From so many samples on, one division is enough. A fifth of 500 samples, half of them positive,
# tells an AUROC of 0.8 to about plus or minus 0.09 (Hanley & McNeil 1982); with fewer the interval
# would cover most of what one wants to tell apart, so each sample should be tested, and training
# is cheap enough to be done five times.
ENOUGH_FOR_HOLDOUT = 500


@dataclass(frozen=True)
class Design:
    """A design by name, and its folds per repeat; 0 where a repeat is one split."""

    name: str = HOLDOUT
    folds: int = 0

    @property
    def smallest_class(self) -> int:
        """How many patients of each class it needs: one to test in each fold, and three at least.

        One each to train, to validate and to test.
        """
        return max(3, self.folds if self.name == K_FOLD else 0)

    def splits(self, seed: int, size: int | None = None) -> list[str]:
        """Return the splits of one repeat."""
        if not self.folds:
            return [split_name(seed, size)]
        return [split_name(seed, size, fold) for fold in range(1, self.folds + 1)]

    def splits_of(self, repeats: Iterable[str]) -> list[str]:
        """Return the splits of these repeats, by name."""
        parts = (split_parts(repeat) for repeat in repeats)
        return [split for part in parts for split in self.splits(part.seed, part.size)]


def designs_to_json(designs: Mapping[str, Design]) -> str:
    """Spell the designs of data sets, by name, as one word of a command line."""
    return json.dumps({name: asdict(design) for name, design in designs.items()}, sort_keys=True)


def designs_from_json(text: str) -> dict[str, Design]:
    """Read what `designs_to_json` has written."""
    return {name: Design(**fields) for name, fields in json.loads(text).items()}
