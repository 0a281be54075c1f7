"""exprlab explain: which genes a trained model decides by."""

from __future__ import annotations

import argparse
from pathlib import Path

from exprlab.cli.arguments import add_params, add_paths


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "--run", type=Path, required=True, help="the run's folder, with its weights"
    )
    add_paths(
        parser,
        counts="counts (.h5ad), for the order of the samples",
        split="split of the samples (TSV)",
        preprocessor="fitted preprocessing, values (JSON)",
        arrays="fitted preprocessing, arrays (safetensors)",
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
    from exprlab.files import read_arrays, read_json
    from exprlab.inference.explain import explain_model
    from exprlab.keys import DIRECTION, NETWORK_FILE, TEST, WEIGHTS_FILE
    from exprlab.preprocess.preprocessor import Preprocessor

    settings = load_settings(AttributionConfig, args.params)
    rows = read_training_table(args.counts, args.split).rows(TEST)
    # Spread over the whole cohort, which may be sorted.
    rows = rows[np.linspace(0, len(rows) - 1, min(settings.samples, len(rows))).astype(int)]
    network = read_json(args.run / NETWORK_FILE)
    found = explain_model(
        network["kind"],
        network["architecture"],
        read_arrays(args.run / WEIGHTS_FILE),
        np.load(args.features, mmap_mode="r")[rows],
        settings.steps,
    )
    columns = {}
    for method, attribution in found.items():
        columns[method] = attribution.importance
        columns[method + DIRECTION] = attribution.direction
    genes = Preprocessor.from_state(read_json(args.preprocessor), read_arrays(args.arrays)).features
    write_genes(args.output, pd.DataFrame(columns, index=genes))
