"""Opening samples to predict, in whatever format they come."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

from exprlab.cohort.canonical import is_canonical
from exprlab.cohort.check_files import read_checked
from exprlab.cohort.checks import Needs
from exprlab.cohort.problems import Problems
from exprlab.cohort.write import write_cohort
from exprlab.config.files import FilesDataset
from exprlab.data.formats import CountsFile, open_counts


@contextmanager
def open_samples(settings: FilesDataset, gene_ids: Collection[str] = ()) -> Iterator[CountsFile]:
    """Open a cohort of one's own whose classes need not be known.

    exprlab's own .h5ad is opened as it is, however large. All else is read as a whole, checked as
    the rule check_data checks it, and opened from a copy in the folder for temporary files.

    Parameters
    ----------
    settings
        The files, and what their values are.
    gene_ids
        Genes that are looked for: they tell where the genes are if there is no sample table.

    Raises
    ------
    UserError
        With all that is wrong with the files. Warnings are said on standard error.
    """
    (first, *others) = (Path(path) for path in settings.expression)
    if not (others or settings.samples) and is_canonical(first):
        with open_counts(first) as counts:
            yield counts
        return
    problems = Problems()
    needs = Needs(settings.values, labels=False)
    cohort = read_checked(settings, needs, problems, frozenset(gene_ids))
    for line in (*cohort.notes, *(f"warning: {warning}" for warning in problems.warnings)):
        print(line, file=sys.stderr)
    with tempfile.TemporaryDirectory(prefix="exprlab-") as folder:
        copy = Path(folder) / "samples.h5ad"
        write_cohort(copy, cohort, settings.values)
        with open_counts(copy) as counts:
            yield counts
