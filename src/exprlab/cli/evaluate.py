"""exprlab evaluate: judge a packed model on the test samples."""

from __future__ import annotations

import argparse
from pathlib import Path

from exprlab.cli.arguments import add_params, add_paths, add_seed, print_metrics


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
    from exprlab.keys import LOGIT, MODEL_JSON, PATIENT, SAMPLE_ID, TEST
    from exprlab.outputs import gathered

    model = read_json(args.model / MODEL_JSON)
    temperature, threshold, classes = (model[x] for x in ("temperature", "threshold", "classes"))
    test = read_logits(args.logits, TEST)
    settings = load_settings(EvaluationConfig, args.params)
    rng = stream(args.seed, BOOTSTRAP)
    posterior = None
    if args.oracle:
        posterior = aligned_posterior(test[SAMPLE_ID], read_predictions(args.oracle))
    logit = gathered(LOGIT, test)
    result = evaluate(
        test.label, logit, temperature, threshold, settings, rng, classes, posterior, test[PATIENT]
    )
    write_predictions(args.predictions, test, temperature, threshold, classes)
    write_json(args.evaluation, result)
    print_metrics({**result["metrics"], **result.get("truth", {})})
