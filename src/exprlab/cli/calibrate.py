"""exprlab calibrate: calibrate a trained model on held-out samples and pack it for use."""

from __future__ import annotations

import argparse

from exprlab.cli.arguments import add_params, add_paths


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_paths(
        parser,
        run="the run's folder, with its weights and logits",
        preprocessor="fitted preprocessing, values (JSON)",
        arrays="fitted preprocessing, arrays (safetensors)",
        output="the model's folder",
    )
    add_params(parser)


def run(args: argparse.Namespace) -> None:
    """Fit temperature and threshold; write the self-contained model."""
    from exprlab.config.experiment import load_settings
    from exprlab.config.steps import EvaluationConfig
    from exprlab.data.tables import read_held_out
    from exprlab.evaluation.calibration import choose_threshold, fit_temperature
    from exprlab.files import read_arrays, read_json
    from exprlab.inference.model import save_model
    from exprlab.inference.pack import pack_model
    from exprlab.keys import LOGIT, LOGITS_FILE, NETWORK_FILE, WEIGHTS_FILE
    from exprlab.outputs import calibrate, gathered

    rule = load_settings(EvaluationConfig, args.params).threshold
    held = read_held_out(args.run / LOGITS_FILE)
    logit = gathered(LOGIT, held)
    temperature = fit_temperature(logit, held.label)
    threshold = choose_threshold(held.label, calibrate(logit, temperature), rule)
    network = read_json(args.run / NETWORK_FILE)
    preprocessing = read_json(args.preprocessor), read_arrays(args.arrays)
    weights = read_arrays(args.run / WEIGHTS_FILE)
    save_model(args.output, pack_model(network, weights, preprocessing, temperature, threshold))
    called = "the most probable class" if threshold is None else f"{threshold:.4f} ({rule})"
    print(f"temperature {temperature:.4f}, threshold: {called}")
