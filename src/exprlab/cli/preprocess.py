"""exprlab preprocess: fit the preprocessing on training samples and transform all samples."""

from __future__ import annotations

import argparse

from exprlab.cli.arguments import add_params, add_paths


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_paths(
        parser,
        counts="counts (.h5ad)",
        split="table of sample_id and split",
        preprocessor="fitted preprocessing, values (JSON)",
        arrays="fitted preprocessing, arrays (safetensors)",
        features="inputs of all samples (npy)",
    )
    add_params(parser)


def run(args: argparse.Namespace) -> None:
    """Fit, transform and write."""
    from exprlab.config.experiment import load_settings
    from exprlab.config.steps import PreprocessConfig
    from exprlab.data.formats import open_counts
    from exprlab.data.training_table import read_split
    from exprlab.files import write_arrays, write_json
    from exprlab.preprocess.run import fit_file, write_features

    with open_counts(args.counts) as counts:
        split = read_split(args.split, counts.samples)
        fitted = fit_file(counts, split, load_settings(PreprocessConfig, args.params))
        write_features(args.features, counts, fitted)
    values, arrays = fitted.state()
    write_json(args.preprocessor, values)
    write_arrays(args.arrays, arrays)
    print(f"values: {fitted.values}; {len(fitted.features):,} of {counts.shape[1]:,} genes kept")
    batches = fitted.batches
    if batches.names:
        print(
            f"shifts of {len(batches.names)} batches removed; variance of a shift over that of "
            f"noise: {batches.ratio:.3g}"
        )
