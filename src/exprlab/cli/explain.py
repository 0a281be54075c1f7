"""exprlab explain: which genes a trained model decides by."""

from __future__ import annotations

import argparse

from exprlab.cli.arguments import add_params, add_paths


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_paths(
        parser,
        model="the packed model (folder)",
        counts="counts (.h5ad), for the order of the samples",
        split="split of the samples (TSV)",
        features="preprocessed inputs (.npy)",
        output="importance of each gene (TSV)",
    )
    add_params(parser)


def run(args: argparse.Namespace) -> None:
    """Explain the model on test samples and write the table."""
    import numpy as np
    import pandas as pd

    from exprlab.config.experiment import load_settings
    from exprlab.config.steps import AttributionConfig
    from exprlab.data.gene_tables import write_genes
    from exprlab.data.training_table import read_training_table
    from exprlab.inference.explain import explain_model
    from exprlab.inference.model import load_model
    from exprlab.keys import DIRECTION, TEST

    settings = load_settings(AttributionConfig, args.params)
    rows = read_training_table(args.counts, args.split).rows(TEST)
    # Spread over the whole cohort, which may be sorted.
    rows = rows[np.linspace(0, len(rows) - 1, min(settings.samples, len(rows))).astype(int)]
    model = load_model(args.model)
    found = explain_model(
        model.kind,
        model.architecture,
        model.weights,
        np.load(args.features, mmap_mode="r")[rows],
        settings.steps,
    )
    columns = {}
    for method, attribution in found.items():
        columns[method] = attribution.importance
        columns[method + DIRECTION] = attribution.direction
    write_genes(args.output, pd.DataFrame(columns, index=model.preprocessor.features))
