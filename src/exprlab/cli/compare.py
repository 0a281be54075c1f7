"""exprlab compare: compare the models of an experiment on the same test samples."""

from __future__ import annotations

import argparse
from pathlib import Path

from exprlab.cli.arguments import add_params, add_paths


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "--runs", type=Path, nargs="+", required=True,
        help="folders of the runs, or of the repeats where folds are pooled",
    )  # fmt: skip
    parser.add_argument(
        "--networks", type=Path, nargs="+", required=True, metavar="FILE",
        help="what kind of model each one is (DATASET/MODEL/SPLIT/network.json)",
    )  # fmt: skip
    parser.add_argument(
        "--oracles", type=Path, nargs="*", default=[], metavar="FILE",
        help="evaluations of the oracle (DATASET/oracle/SPLIT/evaluation.json)",
    )  # fmt: skip
    add_paths(parser, output="comparison of the models (JSON)")
    add_params(parser)


def run(args: argparse.Namespace) -> None:
    """Compare within each data set and write."""
    from exprlab.config.experiment import load_settings
    from exprlab.config.steps import EvaluationConfig
    from exprlab.data.tables import read_predictions
    from exprlab.evaluation.comparison import compare
    from exprlab.evaluation.truth import share_of_gap_closed
    from exprlab.files import read_json, write_json
    from exprlab.keys import ORACLE

    settings = load_settings(EvaluationConfig, args.params)
    evaluations: dict = {}
    predictions: dict = {}
    for folder in args.runs:
        dataset, model, repeat = folder.parts[-3:]
        for table, value in (
            (evaluations, read_json(folder / "evaluation.json")),
            (predictions, read_predictions(folder / "predictions.parquet")),
        ):
            table.setdefault(dataset, {}).setdefault(model, {})[repeat] = value
    for path in args.oracles:
        dataset, model, repeat = path.parts[-4:-1]
        evaluations[dataset].setdefault(model, {})[repeat] = read_json(path)
    datasets = {
        name: compare(predictions[name], evaluations[name], settings, seed=0)
        for name in evaluations
    }
    linear = _linear_models(args.networks)
    for result in datasets.values():
        if linear and ORACLE in result["models"]:
            result["share_of_gap_closed"] = share_of_gap_closed(result["models"], linear[0])
    write_json(args.output, {"datasets": datasets})


def _linear_models(networks: list[Path]) -> list[str]:
    """Return the names of the linear models."""
    from exprlab.files import read_json

    kinds = {path.parts[-3]: read_json(path)["kind"] for path in networks}
    return [model for model, kind in kinds.items() if kind == "logistic"]
