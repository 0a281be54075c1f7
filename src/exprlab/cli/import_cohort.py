"""exprlab import-cohort: read a cohort's own files and write it as one .h5ad."""

from __future__ import annotations

import argparse

from exprlab.cli.arguments import add_params, add_paths


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_paths(parser, output="cohort to write (.h5ad)")
    add_params(parser)


def run(args: argparse.Namespace) -> None:
    """Read, join and write; say how the files were understood."""
    from exprlab.cohort.problems import Problems
    from exprlab.cohort.read import read_cohort
    from exprlab.cohort.write import write_cohort
    from exprlab.config.experiment import load_settings
    from exprlab.config.files import FilesDataset

    settings = load_settings(FilesDataset, args.params)
    problems = Problems()
    cohort = read_cohort(settings, problems)
    problems.raise_errors()
    assert cohort is not None, "what cannot be read is an error"
    write_cohort(args.output, cohort, settings.values)
    print("\n".join(cohort.notes))
    n_samples, n_genes = cohort.values.shape
    print(f"{n_samples:,} samples x {n_genes:,} genes, {settings.values}")
