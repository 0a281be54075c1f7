"""Settings of a cohort of one's own: where its files are and what they mean."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from exprlab.config.section import Section, setting
from exprlab.config.steps import SimulatedDataset
from exprlab.keys import COUNTS, VALUES

# Endings of files that are not compressed.
TEXT = frozenset({".tsv", ".csv", ".txt", ".sf", ".tab"})


def _listed(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


# One path, or several.
Paths = Annotated[list[Annotated[str, Field(min_length=1)]], BeforeValidator(_listed)]


def files_in(path: str | Path) -> list[Path]:
    """Return the file at a path, or all files in the folder there and below, in order."""
    path = Path(path)
    return sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]


def float32_bytes(paths: Iterable[str]) -> int:
    """Estimate the memory of the values of some files as float32, from the files' sizes.

    Text takes about four bytes a value; gzip and the like halve that at the least, and leave about
    one.
    """
    files = [file for path in paths for file in files_in(path) if file.exists()]
    return sum(file.stat().st_size * (1 if file.suffix in TEXT else 4) for file in files)


class Columns(Section):
    """What the columns of the sample table are called; "" is the name of the setting, if there."""

    id: str = setting("", "column of the sample ids; empty: the first one")
    label: str = setting("label", "column of the classes", min_length=1)
    batch: str = setting("", "column of the batches, plates or studies")
    patient: str = setting("", "column of the patients, who are never divided")
    split: str = setting("", "column of a published split: train and test, maybe val")


class FilesDataset(Section):
    """A cohort of one's own: a table of expression and a table of samples."""

    source: Literal["files"] = setting("files", "where the values come from")
    expression: Paths = setting(
        ..., "file or folder of the expression values; several are joined on genes", min_length=1
    )
    samples: Paths = setting(list, "table of the samples, or several; none: the obs of an .h5ad")
    values: Literal[VALUES] = setting(  # type: ignore[valid-type]
        COUNTS, "what the numbers are: raw counts, TPM, logarithms to base 2, or intensities"
    )
    transcripts: str = setting(
        "", "of salmon without quant.genes.sf: table of transcripts (1st column) and genes (2nd)"
    )
    genes_in: Literal["auto", "rows", "columns"] = setting(
        "auto", "whether genes are rows or columns; auto: as the ids of the sample table say"
    )
    join: Literal["intersection", "union"] = setting(
        "intersection", "genes of several files: those of all of them, or of any of them"
    )
    columns: Columns = setting(Columns, "names of columns of the sample table")
    classes: dict[str, str] = setting(
        dict, "class of each label found; empty: every label is a class of its own"
    )
    positive: str = setting("", "of two classes the one to detect; empty: the last one by name")
    new_expression: Paths = setting(
        list, "expression values of samples to predict, as `expression`; may be none"
    )
    new_samples: Paths = setting(
        list, "table of the samples to predict (batches, and labels if known); may be none"
    )

    @property
    def has_new_samples(self) -> bool:
        """Return whether there are samples to predict."""
        return bool(self.new_expression)

    def paths(self) -> list[str]:
        """Return the files and folders that a cohort is read from."""
        return [*self.expression, *self.samples, *filter(None, [self.transcripts])]

    def of_cohort(self, cohort: str) -> FilesDataset:
        """Return the settings that decide a cohort: 'cohort' (to train on) or 'new_samples'."""
        if cohort == "cohort":
            files = {"new_expression": [], "new_samples": []}
        else:
            files = {"expression": self.new_expression, "samples": self.new_samples}
            files |= {"new_expression": [], "new_samples": []}
        return self.model_copy(update=files)

    @model_validator(mode="after")
    def _positive_is_a_class(self) -> FilesDataset:
        known = set(self.classes.values())
        if self.positive and known and self.positive not in known:
            raise ValueError(
                f"positive: found '{self.positive}'; allowed: {', '.join(sorted(known))}, the "
                "classes that `classes` maps labels to"
            )
        if self.new_samples and not self.new_expression:
            raise ValueError("new_samples: needs new_expression, the values of these samples")
        return self


# Where a cohort comes from.
SOURCES: dict[str, type[Section]] = {"simulate": SimulatedDataset, "files": FilesDataset}
