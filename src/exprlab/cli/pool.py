"""exprlab pool: judge the models of all folds of a repeat together."""

from __future__ import annotations

import argparse
from pathlib import Path

from exprlab.cli.arguments import add_params, add_paths, add_seed, print_metrics


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "--folds", type=Path, nargs="+", required=True, metavar="FOLDER",
        help="folders of the folds' runs, with evaluation.json and predictions.parquet",
    )  # fmt: skip
    parser.add_argument(
        "--oracle", type=Path, nargs="?", metavar="FILE",
        help="the oracle's predictions of the same samples",
    )  # fmt: skip
    add_paths(
        parser,
        evaluation="metrics, intervals and curves (JSON)",
        predictions="predictions of all samples (Parquet)",
    )
    add_params(parser)
    add_seed(parser)


def run(args: argparse.Namespace) -> None:
    """Pool, evaluate and write."""
    from exprlab.config.experiment import load_settings
    from exprlab.config.steps import EvaluationConfig
    from exprlab.data.streams import BOOTSTRAP, stream
    from exprlab.data.tables import read_predictions
    from exprlab.evaluation.pooled import evaluate_pooled, pool
    from exprlab.evaluation.truth import aligned_posterior
    from exprlab.files import atomic_path, read_json, write_json
    from exprlab.keys import SAMPLE_ID

    pooled = pool({f.name: read_predictions(f / "predictions.parquet") for f in args.folds})
    posterior = None
    if args.oracle:
        posterior = aligned_posterior(pooled[SAMPLE_ID], read_predictions(args.oracle))
    result = evaluate_pooled(
        pooled,
        {folder.name: read_json(folder / "evaluation.json") for folder in args.folds},
        load_settings(EvaluationConfig, args.params),
        stream(args.seed, BOOTSTRAP),
        posterior,
    )
    with atomic_path(args.predictions) as temporary:
        pooled.to_parquet(temporary, index=False)
    write_json(args.evaluation, result)
    print_metrics({**result["metrics"], **result.get("truth", {})})
