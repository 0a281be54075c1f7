"""Random streams of the simulator: one generator for each thing that is drawn.

A stream depends on the seed and on what is drawn (tag, cohort, index), never on what was drawn
before it. So sample 17 is the same sample in a cohort of 20 or 20,000, drawn first or last, by
one worker or by four.
"""

from __future__ import annotations

from numpy import uint64
from numpy.random import Generator, Philox, SeedSequence

# Tags. A number, once given, stays: it is part of what a seed means.
BASELINE = 0  # expression, dispersion and batch sensitivity of the genes
SIGNAL = 1  # which genes the pathways and the gate move, and how far
NUISANCE = 2  # dense factors, modules and the stroma profile
BATCH = 3  # (batch,)
PATIENT = 4  # (cohort, patient)
SAMPLE = 5  # (cohort, sample): purity and depth
COUNTS = 6  # (cohort, sample): gamma and Poisson draws
OUTLIERS = 7  # (cohort, sample)
MISSING = 8  # (cohort, sample)
SPLIT = 20  # ()
WEIGHTS = 21  # ()
SHUFFLE = 22  # (epoch,)
DROPOUT = 23  # (epoch, process)
BOOTSTRAP = 24  # ()
GUARD = 28  # (): permutations of the labels
ENCODER = 26  # ()
ORACLE = 25  # (cohort, sample, 0 to judge or 1 to check): importance draws
TREES = 27  # ()
FOLDS = 40  # (): which fold tests a patient
VALIDATION = 41  # (fold,): which patients validate where others are tested
SUBSAMPLE = 30  # (): which training samples a smaller training part has
TUNING = 45  # (): which fold of a cross-validated training holds out a patient


def stream(seed: int, tag: int, *key: int) -> Generator:
    """Return the generator of one thing.

    Parameters
    ----------
    seed
        Seed of the simulated world, not negative.
    tag
        One of this module's constants.
    *key
        What the tag's comment names: the cohort and the index of the patient or sample. Each
        number below 2**32, because a larger one would share its words with a longer key.
    """
    return Generator(Philox(SeedSequence(seed, spawn_key=(tag, *key))))


def state(seed: int, tag: int, *key: int) -> int:
    """Return a seed of 64 bits for a library that has random streams of its own (torch)."""
    return int(SeedSequence(seed, spawn_key=(tag, *key)).generate_state(1, uint64)[0])
