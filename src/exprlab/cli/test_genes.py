"""exprlab test-genes: test each gene for a difference between the classes."""

from __future__ import annotations

import argparse

from exprlab.cli.arguments import add_paths


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_paths(
        parser,
        counts="counts (.h5ad), for the labels",
        split="split of the samples (TSV)",
        preprocessor="fitted preprocessing, values (JSON)",
        arrays="fitted preprocessing, arrays (safetensors)",
        features="preprocessed inputs (.npy)",
        output="the test of each gene (TSV)",
    )


def run(args: argparse.Namespace) -> None:
    """Test on the training samples and write the table."""
    import numpy as np
    import pandas as pd

    from exprlab.data.gene_tables import write_genes
    from exprlab.data.training_table import read_training_table
    from exprlab.evaluation.differential import welch_test
    from exprlab.files import read_arrays, read_json
    from exprlab.keys import MEAN_PREFIX, P_VALUE, Q_VALUE, STATISTIC, TRAIN
    from exprlab.preprocess.preprocessor import Preprocessor

    table = read_training_table(args.counts, args.split)
    rows = table.rows(TRAIN)
    fitted = Preprocessor.from_state(read_json(args.preprocessor), read_arrays(args.arrays))
    found = welch_test(np.load(args.features, mmap_mode="r")[rows], table.labels[rows])
    # From standard deviations back to logarithms to base 2, in which biologists think.
    means = (found.means * fitted.sd + fitted.mean) / fitted.scale.per_doubling
    columns = {MEAN_PREFIX + name: mean for name, mean in zip(table.classes, means, strict=True)}
    columns |= {STATISTIC: found.statistic, P_VALUE: found.p_value, Q_VALUE: found.q_value}
    write_genes(args.output, pd.DataFrame(columns, index=fitted.features))
