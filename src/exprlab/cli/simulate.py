"""exprlab simulate: simulate a cohort of gene-expression counts and its truth."""

from __future__ import annotations

import argparse

from exprlab.cli.arguments import add_cohort, add_params, add_paths, add_threads


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_paths(parser, counts="counts to write (.h5ad)", truth="truth to write (.h5ad)")
    add_cohort(parser)
    add_params(parser)
    add_threads(parser)


def run(args: argparse.Namespace) -> None:
    """Simulate in blocks and write counts and truth to separate files."""
    from exprlab.config.experiment import load_settings
    from exprlab.config.steps import SimulatedDataset
    from exprlab.data.formats import write_counts, write_tables
    from exprlab.data.simulate import COHORTS, Simulator, samples_table

    settings = load_settings(SimulatedDataset, args.params)
    cohort = COHORTS[args.cohort]
    n_samples = settings.n_samples
    simulator = Simulator(settings.simulator_config(), settings.n_genes, settings.seed)
    design = simulator.design(cohort, n_samples)
    truth = simulator.truth(design)
    blocks = simulator.blocks(cohort, n_samples, workers=args.threads)
    write_counts(
        args.counts, samples_table(design, simulator.config.n_classes), truth.var[[]], blocks
    )
    write_tables(args.truth, truth.obs, truth.var, truth.obsm, truth.varm, truth.uns)
    print(f"{n_samples:,} samples x {settings.n_genes:,} genes, scenario {settings.scenario}")
