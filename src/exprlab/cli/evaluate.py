"""exprlab evaluate: judge a packed model on the test samples."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from exprlab.cli.arguments import add_params, add_paths, add_seed, print_metrics

if TYPE_CHECKING:
    import pandas as pd


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_paths(
        parser,
        logits="logits of all samples (Parquet)",
        model="the packed model's folder",
        evaluation="metrics, intervals and curves (JSON)",
        predictions="predictions of the test samples (Parquet)",
    )
    parser.add_argument(
        "--oracle",
        type=Path,
        nargs="?",
        metavar="FILE",
        help="the oracle's predictions of the same samples",
    )
    parser.add_argument(
        "--left-out",
        type=Path,
        nargs="*",
        default=[],
        metavar="FILE",
        help="where the test samples are a batch left out of training: counts (.h5ad) and inputs "
        "(.npy) of all samples, from which its shift is told as for new samples",
    )
    add_params(parser)
    add_seed(parser)


def run(args: argparse.Namespace) -> None:
    """Evaluate and write."""
    from exprlab.config.experiment import load_settings
    from exprlab.config.steps import EvaluationConfig
    from exprlab.data.streams import BOOTSTRAP, stream
    from exprlab.data.tables import read_logits, read_predictions, write_predictions
    from exprlab.evaluation.evaluate import evaluate
    from exprlab.evaluation.truth import aligned_posterior
    from exprlab.files import read_json, write_json
    from exprlab.inference.decisions import read_calibration, read_sets
    from exprlab.keys import LOGIT, MODEL_JSON, PATIENT, SAMPLE_ID, TEST
    from exprlab.outputs import gathered

    model = read_json(args.model / MODEL_JSON)
    threshold, classes = model["threshold"], model["classes"]
    calibration, sets = read_calibration(model), read_sets(model)
    test = read_logits(args.logits, TEST)
    settings = load_settings(EvaluationConfig, args.params)
    rng = stream(args.seed, BOOTSTRAP)
    posterior = None
    if args.oracle:
        posterior = aligned_posterior(test[SAMPLE_ID], read_predictions(args.oracle))
    if args.left_out:
        test = _settled(test, args.model, *args.left_out)
    logit = gathered(LOGIT, test)
    result = evaluate(
        test.label, logit, calibration, threshold, settings, rng, classes, posterior,
        test[PATIENT], sets,
    )  # fmt: skip
    write_predictions(args.predictions, test, calibration, threshold, classes, sets)
    write_json(args.evaluation, result)
    print_metrics({**result["metrics"], **result.get("truth", {})})


def _settled(test: pd.DataFrame, model: Path, counts: Path, features: Path) -> pd.DataFrame:
    """Return the test samples' logits as `exprlab predict` gives them for a new batch."""
    import numpy as np

    from exprlab.data.formats import open_counts
    from exprlab.inference.model import load_model
    from exprlab.inference.new_batches import logits_of_left_out_batch
    from exprlab.keys import LOGIT, SAMPLE_ID
    from exprlab.outputs import spread
    from exprlab.preprocess.run import batch_names

    loaded = load_model(model)
    with open_counts(counts) as cohort:
        rows = cohort.samples.index.get_indexer(test[SAMPLE_ID])
        batch = batch_names(cohort.samples)[rows]
    inputs = np.load(features, mmap_mode="r")[rows]
    logits = logits_of_left_out_batch(loaded, inputs, batch)
    return test.assign(**spread(LOGIT, logits.astype(np.float64), loaded.classes))
