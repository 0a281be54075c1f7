"""exprlab learning-curves: what the models of an experiment make of more training samples."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from exprlab.cli.arguments import add_params, add_paths


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options; the last folders of each path name data set, model and split."""
    parser.add_argument("--runs", type=Path, nargs="+", required=True, help="folders of the runs")
    parser.add_argument(
        "--splits", type=Path, nargs="+", required=True, metavar="FILE",
        help="their tables of sample_id and split (DATASET/splits/SPLIT.tsv)",
    )  # fmt: skip
    parser.add_argument(
        "--oracles", type=Path, nargs="*", default=[], metavar="FILE",
        help="evaluations of the oracle (DATASET/oracle/SPLIT/evaluation.json)",
    )  # fmt: skip
    add_paths(parser, output="learning curves (JSON)")
    add_params(parser)


def run(args: argparse.Namespace) -> None:
    """Summarise each data set and write."""
    from exprlab.config.experiment import load_settings
    from exprlab.config.steps import EvaluationConfig
    from exprlab.data.tables import read_predictions
    from exprlab.evaluation.learning import learning_curves
    from exprlab.files import read_json, write_json

    settings = load_settings(EvaluationConfig, args.params)
    evaluations: dict = {}
    predictions: dict = {}
    n_train: dict = {}
    for folder in args.runs:
        place = folder.parts[-3:]
        _put(evaluations, place, read_json(folder / "evaluation.json"))
        _put(predictions, place, read_predictions(folder / "predictions.parquet"))
    for path in args.oracles:
        _put(evaluations, path.parts[-4:-1], read_json(path))
    for dataset, size, repeat, n in _mean_sizes(args.splits):
        n_train.setdefault(dataset, {}).setdefault(size, {})[repeat] = n
    datasets = {
        name: learning_curves(
            predictions[name],
            evaluations[name],
            n_train[name],
            settings,
        )
        for name in predictions
    }
    write_json(args.output, {"confidence": settings.confidence, "datasets": datasets})


def _put(table: dict[str, Any], place: tuple[str, ...], value: Any) -> None:
    """File a value under data set, size of the training part, model, and repeat of any size."""
    from exprlab.keys import split_name, split_parts

    dataset, model, repeat = place
    seed, _, size = split_parts(repeat)
    models = table.setdefault(dataset, {}).setdefault(size, {})
    models.setdefault(model, {})[split_name(seed)] = value


def _mean_sizes(paths: list[Path]) -> Iterator[tuple[str, int | None, str, int]]:
    """Give data set, size that was asked for, repeat, and samples that trained, over its folds."""
    from exprlab.keys import split_name, split_parts

    sizes: dict = {}
    for path in paths:
        seed, _, size = split_parts(path.stem)
        sizes.setdefault((path.parts[-3], size, split_name(seed)), []).append(_n_train(path))
    for (dataset, size, repeat), found in sizes.items():
        yield dataset, size, repeat, round(sum(found) / len(found))


def _n_train(path: Path) -> int:
    """Count the training samples of a split."""
    import pandas as pd

    from exprlab.keys import SPLIT, TRAIN

    table = pd.read_csv(path, sep="\t", dtype=str, keep_default_na=False)
    return int((table[SPLIT] == TRAIN).sum())
