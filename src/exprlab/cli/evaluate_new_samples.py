"""exprlab evaluate-new-samples: judge all models on the new cohort, where its labels are known."""

from __future__ import annotations

import argparse
from pathlib import Path

from exprlab.cli.arguments import add_params, add_paths


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--runs", type=Path, nargs="+", required=True, help="folders of the runs")
    add_paths(
        parser,
        counts="counts of the new cohort with its labels (.h5ad)",
        output="metrics of each run on the new cohort (JSON)",
    )
    parser.add_argument(
        "--oracle",
        type=Path,
        nargs="?",
        metavar="FILE",
        help="posterior of every new sample (.h5ad)",
    )
    add_params(parser)


def run(args: argparse.Namespace) -> None:
    """Judge and write."""
    import pandas as pd

    from exprlab.config.experiment import load_settings
    from exprlab.config.steps import EvaluationConfig
    from exprlab.data.formats import open_counts
    from exprlab.data.tables import read_posterior
    from exprlab.evaluation.new_cohort import judge_new_cohort
    from exprlab.files import read_json, write_json
    from exprlab.keys import (
        CALIBRATED,
        LOGIT,
        MODEL_JSON,
        PROBABILITY,
        SAMPLE_ID,
        output_columns,
    )

    with open_counts(args.counts) as counts:
        samples = counts.samples
    predictions: dict = {}
    thresholds: dict = {}
    for folder in args.runs:
        model, split = folder.parts[-2:]
        packed = read_json(folder / "model" / MODEL_JSON)
        classes = packed["classes"]
        numbers = [
            c for name in (LOGIT, PROBABILITY, CALIBRATED) for c in output_columns(name, classes)
        ]
        table = pd.read_csv(
            folder / "new_samples.tsv", sep="\t", dtype={SAMPLE_ID: str}, keep_default_na=False,
            na_values=dict.fromkeys(numbers, ""),
        )  # fmt: skip
        predictions.setdefault(model, {})[split] = table.set_index(SAMPLE_ID)
        thresholds.setdefault(model, {})[split] = packed["threshold"]
    result = judge_new_cohort(
        samples,
        predictions,
        thresholds,
        read_posterior(args.oracle) if args.oracle else None,
        load_settings(EvaluationConfig, args.params),
        classes,
    )
    write_json(args.output, result)
    for model, splits in result["models"].items():
        for split, found in splits.items():
            auroc, accuracy = (found["metrics"][name]["value"] for name in ("auroc", "accuracy"))
            print(f"{model} {split}: AUROC {auroc:.4f}, accuracy {accuracy:.4f}")
