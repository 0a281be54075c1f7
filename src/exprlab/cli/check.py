"""exprlab check: find what is wrong with a cohort's files, all problems at once."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from exprlab.cli.arguments import add_cohort, add_genes_in
from exprlab.config.designs import Design
from exprlab.errors import UserError
from exprlab.keys import COUNTS, VALUES

if TYPE_CHECKING:
    from exprlab.cohort.problems import Problems
    from exprlab.config.files import FilesDataset


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "expression", nargs="*", metavar="FILE",
        help="expression values: text, .parquet, .h5ad, .mtx, or a folder of files per sample",
    )  # fmt: skip
    parser.add_argument(
        "--samples", nargs="+", default=[], metavar="FILE", help="sample table, or several"
    )
    parser.add_argument(
        "--values", choices=VALUES, default=COUNTS, help=f"what the numbers are (default: {COUNTS})"
    )
    for column, what in (
        ("id", "sample ids (default: the first one)"),
        ("label", "classes (default: label)"),
        ("batch", "batches (default: batch, if there)"),
        ("patient", "patients (default: patient, if there)"),
        ("split", "a published split (default: split, if there)"),
    ):
        parser.add_argument(f"--{column}", metavar="COLUMN", help=f"column of the {what}")
    add_genes_in(parser)
    parser.add_argument(
        "--join", choices=("intersection", "union"), default="intersection",
        help="genes of several files: those of all, or of any (default: intersection)",
    )  # fmt: skip
    parser.add_argument(
        "--classes", nargs="+", default=[], metavar="CLASS",
        help="the labels that there may be (default: those that there are)",
    )  # fmt: skip
    parser.add_argument("--no-labels", action="store_true", help="new samples: no labels needed")
    parser.add_argument(
        "--smallest-class", type=int, default=Design().smallest_class, metavar="N",
        help="patients, or samples, of each class that the evaluation needs (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--config", type=Path, metavar="FILE", help="check the cohorts of files of this config"
    )
    parser.add_argument("--params", metavar="JSON", help="settings of a data set, as a rule gives")
    add_cohort(parser)
    parser.add_argument("--output", type=Path, metavar="FILE", help="write the summary here (JSON)")


def run(args: argparse.Namespace) -> None:
    """Check, print what was found, and write the summary if nothing is wrong."""
    from exprlab.cohort.problems import Problems
    from exprlab.files import write_json

    problems = Problems()
    found = [_check(settings, labels, args, problems) for settings, labels in _cohorts(args)]
    if problems.warnings:
        print("\n".join(["", "warnings:", *(f"  {warning}" for warning in problems.warnings)]))
    problems.raise_errors()
    if args.output:
        write_json(args.output, found[0])


def _cohorts(args: argparse.Namespace) -> list[tuple[FilesDataset, bool]]:
    """Return the settings of each cohort to check, and whether it needs labels."""
    from exprlab.config.experiment import load_settings, read_own_datasets
    from exprlab.config.files import FilesDataset

    needs_labels = not args.no_labels and args.cohort == "cohort"
    given = [bool(args.expression), args.config is not None, args.params is not None]
    if sum(given) != 1:
        raise UserError("name the files to check, or a config by --config (and not both)")
    if args.params is not None:
        return [(load_settings(FilesDataset, args.params), needs_labels)]
    if args.config is not None:
        cohorts = []
        for dataset in read_own_datasets(args.config).values():
            cohorts.append((dataset.of_cohort("cohort"), True))
            if dataset.has_new_samples:
                cohorts.append((dataset.of_cohort("new_samples"), False))
        return cohorts
    return [(_settings(args), needs_labels)]


def _settings(args: argparse.Namespace) -> FilesDataset:
    """Return the settings that the options say."""
    from exprlab.config.experiment import load_settings
    from exprlab.config.files import FilesDataset

    columns = {name: getattr(args, name) for name in ("id", "label", "batch", "patient", "split")}
    settings = {
        "source": "files",
        "expression": args.expression,
        "samples": args.samples,
        "values": args.values,
        "genes_in": args.genes_in,
        "join": args.join,
        "columns": {name: column for name, column in columns.items() if column},
        "classes": {name: name for name in args.classes},
    }
    return load_settings(FilesDataset, json.dumps(settings), "the options")


def _check(
    settings: FilesDataset, labels: bool, args: argparse.Namespace, problems: Problems
) -> dict[str, Any]:
    """Check one cohort and print its summary."""
    from exprlab.cohort.canonical import check_counts, is_canonical
    from exprlab.cohort.check_files import check_files
    from exprlab.cohort.checks import Needs

    path = Path(settings.expression[0])
    if args.expression and not settings.samples and is_canonical(path):
        from exprlab.data.formats import open_counts

        with open_counts(path) as counts:
            needs = Needs(counts.values, labels, args.smallest_class)
            found = check_counts(counts, needs, problems, args.classes)
    else:
        needs = Needs(settings.values, labels, args.smallest_class)
        found = check_files(settings, needs, problems)
    print("\n".join(_described(settings, found)))
    return found


def _described(settings: FilesDataset, found: dict[str, Any]) -> list[str]:
    """Return what was read and how it was understood, in lines."""
    lines = [f"{', '.join(settings.expression)}: {settings.values}"]
    if "n_samples" in found:
        lines.append(f"  {found['n_samples']:,} samples x {found['n_genes']:,} genes")
    if "n_per_class" in found:
        sizes = [f"{name} {n:,}" for name, n in found["n_per_class"].items()]
        lines.append(f"  classes: {', '.join(sizes)}")
    for key in ("patients", "batches"):
        if f"n_{key}" in found:
            lines.append(f"  {key}: {found[f'n_{key}']:,}")
    return lines + [f"  {note}" for note in found["notes"]]
