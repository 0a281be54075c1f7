"""exprlab oracle: the Bayes-optimal posterior of simulated samples, given their counts."""

from __future__ import annotations

import argparse

from exprlab.cli.arguments import add_cohort, add_params, add_paths, add_threads


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_paths(
        parser, counts="simulated counts (.h5ad)", output="posterior and saliency to write (.h5ad)"
    )
    add_cohort(parser)
    add_params(parser)
    add_threads(parser)


def run(args: argparse.Namespace) -> None:
    """Judge block by block; the world is drawn again from its settings, only counts are read."""
    from exprlab.config.experiment import load_settings
    from exprlab.config.steps import SimulatedDataset
    from exprlab.data.formats import open_counts, write_tables
    from exprlab.data.judge import judge
    from exprlab.data.simulate import COHORTS, Simulator

    settings = load_settings(SimulatedDataset, args.params)
    simulator = Simulator(settings.simulator_config(), settings.n_genes, settings.seed)
    design = simulator.design(COHORTS[args.cohort], settings.n_samples)
    with open_counts(args.counts) as counts:
        verdict = judge(simulator, design, counts.blocks(64), workers=args.threads)
        samples, genes, uns = verdict.tables(counts.samples.index, counts.genes.index)
    write_tables(args.output, samples, genes, {}, {}, uns)
    print(
        f"oracle: {len(samples):,} samples ({verdict.n_drawn:,} by importance sampling); numerical "
        f"error of a probability on {verdict.n_checked} samples: mean {verdict.mean_error:.1e}, "
        f"largest {verdict.largest_error:.1e}"
    )
