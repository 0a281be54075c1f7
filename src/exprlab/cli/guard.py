"""exprlab guard: stop if permuted labels can be predicted, because then something leaks."""

from __future__ import annotations

import argparse

from exprlab.cli.arguments import add_params, add_paths, add_seed


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_paths(
        parser,
        counts="counts with their sample sheet (.h5ad)",
        split="the split (TSV)",
        features="preprocessed inputs (.npy)",
        output="what was found (JSON); not written if there is a leak",
    )
    add_params(parser)
    add_seed(parser)


def run(args: argparse.Namespace) -> None:
    """Permute, fit, rank the test samples, and judge."""
    import numpy as np

    from exprlab.config.experiment import load_settings
    from exprlab.config.steps import GuardConfig
    from exprlab.data.streams import GUARD, stream
    from exprlab.data.training_table import read_training_table
    from exprlab.errors import UserError
    from exprlab.evaluation.leakage import guard, linear_pipeline
    from exprlab.files import write_json
    from exprlab.keys import TEST, TRAIN

    settings = load_settings(GuardConfig, args.params)
    table = read_training_table(args.counts, args.split)
    train, test = table.rows(TRAIN), table.rows(TEST)
    pipeline = linear_pipeline(np.load(args.features, mmap_mode="r"), train, test)
    rng = stream(args.seed, GUARD)
    found = guard(pipeline, table.labels, table.patients, test, settings.permutations, rng)
    if found["mean"] is None:
        write_json(args.output, found)
        print("nothing to be said: with these test samples no two classes can be told apart")
        return
    words = (
        f"AUROC {found['mean']:.3f} on permuted labels ({100 * found['confidence']:g} % interval "
        f"{found['low']:.3f} to {found['high']:.3f}, {found['n_permutations']} permutations)"
    )
    if found["leaks"]:
        raise UserError(
            f"{args.split}: {words}. Labels that were drawn at random must not be predictable, so "
            "the test samples have leaked into the training and every test metric of this split is "
            "too good. Look for samples of one patient in training and test (the sample sheet's "
            "patient column, a split made by hand), copies of samples, and steps that were fitted "
            "on all samples instead of the training samples"
        )
    write_json(args.output, found)
    print(f"no leak found: {words}")
