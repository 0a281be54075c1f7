"""exprlab evaluate-oracle: judge the oracle on the test samples, as a model is judged."""

from __future__ import annotations

import argparse

from exprlab.cli.arguments import add_params, add_paths, add_seed, print_metrics


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_paths(
        parser,
        counts="counts with their sample sheet (.h5ad)",
        oracle="posterior of every sample (.h5ad)",
        split="the split (TSV)",
        evaluation="metrics, intervals and curves (JSON)",
        predictions="predictions of the test samples (Parquet)",
    )
    add_params(parser)
    add_seed(parser)


def run(args: argparse.Namespace) -> None:
    """Evaluate and write; the posterior needs no calibration."""
    from exprlab.config.experiment import load_settings
    from exprlab.config.steps import EvaluationConfig
    from exprlab.data.streams import BOOTSTRAP, stream
    from exprlab.data.tables import oracle_logits, write_predictions
    from exprlab.data.training_table import read_training_table
    from exprlab.evaluation.calibration import choose_threshold
    from exprlab.evaluation.evaluate import evaluate
    from exprlab.files import write_json
    from exprlab.keys import LOGIT, PATIENT, SPLIT, TEST, VAL
    from exprlab.outputs import calibrate, gathered

    settings = load_settings(EvaluationConfig, args.params)
    samples = read_training_table(args.counts, args.split)
    table, classes = oracle_logits(args.oracle, samples), samples.classes
    val, test = (table[table[SPLIT] == side].drop(columns=SPLIT) for side in (VAL, TEST))
    posterior = calibrate(gathered(LOGIT, val), 1.0)
    threshold = choose_threshold(val.label, posterior, settings.threshold)
    rng, logit = stream(args.seed, BOOTSTRAP), gathered(LOGIT, test)
    patient = test[PATIENT]
    result = evaluate(test.label, logit, 1.0, threshold, settings, rng, classes, patient=patient)
    write_predictions(args.predictions, test.reset_index(drop=True), 1.0, threshold, classes)
    write_json(args.evaluation, result)
    print_metrics(result["metrics"])
