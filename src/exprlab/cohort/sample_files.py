"""Finding the files that programs leave for each sample, and reading one of them."""

from __future__ import annotations

import io
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from exprlab.cohort.layout import is_number, text_of
from exprlab.cohort.problems import SHOWN, Problems
from exprlab.cohort.stream import Unreadable, bare_name
from exprlab.files import files_below

STAR_ENDING = "readspergene.out.tab"
FEATURE_COUNTS = ("Geneid", "Chr", "Start", "End", "Strand", "Length")
# What pipelines put behind the name of a sample.
ENDINGS = re.compile(
    r"([._-]?(Aligned(\.sortedByCoord)?(\.out)?|sorted|dedup|markdup|featureCounts|feature_counts|"
    r"htseq([._-]?counts?)?|gene[._-]?counts?|counts?|ReadsPerGene\.out)|"
    r"\.(bam|sam|cram|txt|tsv|tab|out|htseq|gz|zst))+$",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class SampleFiles:
    """The files of a folder, one for each sample, and what wrote them."""

    folder: Path
    program: str
    files: dict[str, Path]
    others: int = 0


def sample_name(name: str) -> str:
    """Return what is left of a file's name without the endings of programs."""
    return ENDINGS.sub("", name.replace("\\", "/").rpartition("/")[2]) or name


def find_samples(folder: Path) -> SampleFiles | None:
    """Return the files per sample of a folder, or None if it holds no such files."""
    files = files_below(folder)
    for program, ending in (("STAR", STAR_ENDING), ("salmon", "quant.sf")):
        own = [path for path in files if bare_name(path).endswith(ending)]
        if own:
            return _named(folder, program, own, len(files) - len(own))
    found: dict[str, list[Path]] = {}
    for path in files:
        if program := _program(path):
            found.setdefault(program, []).append(path)
    if not found:
        return None
    if len(found) > 1:
        raise Unreadable(
            f"holds files of {' and of '.join(sorted(found))}", "put them into folders of their own"
        )
    ((program, own),) = found.items()
    return _named(folder, program, own, len(files) - len(own))


def _named(folder: Path, program: str, paths: list[Path], others: int) -> SampleFiles:
    """Name the sample of each file by the file, or by its folder if all files are called alike."""
    files: dict[str, Path] = {}
    for path in paths:
        name = sample_name(path.name)
        if bare_name(path) in (STAR_ENDING, "quant.sf") or not name:
            name = path.parent.name
        if name in files:
            raise Unreadable(
                f"two files are of sample '{name}': {files[name].relative_to(folder)} and "
                f"{path.relative_to(folder)}",
                "leave one file per sample",
            )
        files[name] = path
    return SampleFiles(folder, program, files, others)


def _program(path: Path) -> str:
    """Return which program wrote a file of counts, or ''."""
    if bare_name(path).endswith(".summary"):
        return ""
    try:
        with text_of(path) as text:
            lines = [text.readline() for _ in range(3)]
    except Unreadable:
        return ""
    rows = [line.rstrip("\r\n").split("\t") for line in lines if line.strip()]
    if any(tuple(row[:6]) == FEATURE_COUNTS for row in rows):
        return "featureCounts"
    if rows and all(len(row) in (2, 3) and is_number(row[-1]) for row in rows):
        return "HTSeq-count"
    return ""


def parse(
    path: Path,
    folder: Path,
    problems: Problems,
    names: list[str] | None = None,
    last: int = 0,
) -> pd.DataFrame:
    """Read a sample's table: ids as index, then numbers; what is no number is reported.

    Parameters
    ----------
    path, folder
        The file, and the folder that messages name it in.
    problems
        Where to report.
    names
        Names of the columns wanted; None if there is no header.
    last
        Without header: how many columns, from the right, hold numbers.

    Raises
    ------
    Unreadable
        If it is no such table.
    """
    place = str(path.relative_to(folder))
    try:
        with text_of(path) as text:
            # A '#' may also be part of a name, such as 10045_1#12.bam.
            below = (line for line in text if not line.startswith("#")) if names else text
            frame = pd.read_csv(
                io.StringIO("".join(below)),
                sep="\t",
                header=0 if names else None,
                dtype=str,
                keep_default_na=False,
                index_col=0,
            )
            frame = frame[names] if names else frame.iloc[:, -last:]
    except Unreadable as error:
        raise Unreadable(error.what, error.remedy, place) from None
    except (ValueError, KeyError) as error:
        reason = str(error).partition("\n")[0]
        raise Unreadable(f"cannot be read ({reason})", "copy the file again", place) from None
    numbers = frame.apply(pd.to_numeric, errors="coerce")
    bad = np.argwhere(numbers.isna().to_numpy())
    for number, (row, column) in enumerate(bad[:SHOWN], start=1):
        more = f" ({len(bad) - SHOWN} more such cells)" if number == SHOWN < len(bad) else ""
        problems.error(
            path,
            f"gene '{frame.index[row]}'",
            f"found '{frame.iat[row, column]}', which is no number{more}",
            "count the sample again, or copy its file again",
        )
    return numbers
