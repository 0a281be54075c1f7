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
        counts="the cohort's counts (.h5ad)",
        features="inputs of all samples (.npy)",
        output="the model's folder",
    )
    add_params(parser)


def run(args: argparse.Namespace) -> None:
    """Fit on validation samples; write the self-contained model."""
    import numpy as np

    from exprlab.config.experiment import load_settings
    from exprlab.config.steps import EvaluationConfig
    from exprlab.data.formats import open_counts
    from exprlab.data.tables import read_all_logits, read_held_out
    from exprlab.evaluation.calibration import choose_threshold, fit_calibration
    from exprlab.evaluation.conformal import fit_sets
    from exprlab.files import read_arrays, read_json
    from exprlab.inference.model import save_model
    from exprlab.inference.pack import find_domain, pack_model
    from exprlab.keys import LOGIT, LOGITS_FILE, NETWORK_FILE, SPLIT, WEIGHTS_FILE
    from exprlab.outputs import calibrate, gathered
    from exprlab.preprocess.preprocessor import Preprocessor

    settings = load_settings(EvaluationConfig, args.params)
    samples = read_all_logits(args.run / LOGITS_FILE)
    held = read_held_out(args.run / LOGITS_FILE)
    logit, label = gathered(LOGIT, held), held.label.to_numpy()
    calibration, words = fit_calibration(logit, label, settings.calibration)
    probability = calibrate(logit, calibration)
    threshold = choose_threshold(label, probability, settings.threshold)
    sets = fit_sets(label, probability, settings.error_rate)
    preprocessor = Preprocessor.from_state(read_json(args.preprocessor), read_arrays(args.arrays))
    with open_counts(args.counts) as counts:
        features = np.load(args.features, mmap_mode="r")
        domain = find_domain(preprocessor, counts, features, samples[SPLIT].to_numpy(dtype=str))
    network, weights = read_json(args.run / NETWORK_FILE), read_arrays(args.run / WEIGHTS_FILE)
    model = pack_model(network, weights, preprocessor, calibration, threshold, sets, domain)
    save_model(args.output, model)
    rule = settings.threshold
    called = "the most probable class" if threshold is None else f"{threshold:.4f} ({rule})"
    print(f"{words}, threshold: {called}")
    for name, cut in zip(model.classes, sets.cuts, strict=True):
        print(f"in the prediction set from {cut:.4f} on: {name}")
