"""exprlab draw-course: the pictures of the course, from its own small worlds and from a cohort."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from exprlab.cli.arguments import add_paths, add_seed

# The network that is watched.
HIDDEN, EPOCHS, LEARNING_RATE = 16, 15, 0.003
# Of the perceptron with two weights.
RATES = {"too small": 0.01, "right": 0.3, "too large": 4.0}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_paths(
        parser,
        counts="counts with labels (.h5ad)",
        split="table of sample_id and split",
        features="inputs of all samples (npy)",
        preprocessor="the fitted preprocessing (JSON), which names the genes",
    )
    parser.add_argument("--output", type=Path, required=True, help="folder of the pictures")
    add_seed(parser)


def run(args: argparse.Namespace) -> None:
    """Draw and write."""
    from exprlab.files import atomic_path
    from exprlab.plotting.course_figures import activation_table
    from exprlab.plotting.style import save_png

    args.output.mkdir(parents=True, exist_ok=True)
    for name, figure in {**_toys(args.seed), **_real(args)}.items():
        save_png(figure, args.output / f"{name}.png")
        print(f"{name}.png", flush=True)
    with atomic_path(args.output / "activations.md") as temporary:
        temporary.write_text(activation_table(), encoding="utf-8")


def _toys(seed: int) -> dict[str, Any]:
    import numpy as np

    from exprlab.course.toys import learn_xor, surface, two_weights, walk
    from exprlab.plotting import course_figures as figures

    # Longer, and it says 1/2 everywhere: the least loss that a straight line can have.
    single, _ = learn_xor([], seed, steps=10)
    layered, _ = learn_xor([4], seed)
    inputs, labels = two_weights(seed)
    start = np.array([-0.5, -0.6])
    paths = {words: walk(inputs, labels, rate, start) for words, rate in RATES.items()}
    first, second = np.linspace(-2, 9, 67), np.linspace(-1.5, 11.5, 67)
    drawn = figures.steps_figure(paths, first, second, surface(inputs, labels, first, second))
    return {
        "activations": figures.activations_figure(),
        "xor": figures.xor_figure(single, layered),
        "step_sizes": drawn,
    }


def _real(args: argparse.Namespace) -> dict[str, Any]:
    import numpy as np

    from exprlab.cli.training import read_features
    from exprlab.course.journey import travel
    from exprlab.course.unit import take_apart
    from exprlab.data.streams import WEIGHTS, stream
    from exprlab.data.training_table import read_training_table
    from exprlab.files import read_json
    from exprlab.keys import TRAIN
    from exprlab.nets.scratch import MLP
    from exprlab.outputs import n_outputs
    from exprlab.plotting import course_figures as figures
    from exprlab.training.batches import dealt

    table = read_training_table(args.counts, args.split)
    rows = table.rows(TRAIN)
    features, labels = read_features(args.features, len(table))[rows], table.labels[rows]
    outputs = n_outputs(len(table.classes))
    rng = stream(args.seed, WEIGHTS)
    network = MLP.random(features.shape[1], [HIDDEN], outputs, rng, dtype=np.float32)
    batches = [dealt(np.arange(len(rows)), 64, args.seed, epoch) for epoch in range(EPOCHS)]
    journey = travel(features, labels, batches, network, LEARNING_RATE)
    first, last = journey.losses[0], journey.losses[-1]
    print(f"{EPOCHS} epochs: training loss from {first:.3f} to {last:.3f}", flush=True)
    print(f"the path: {100 * journey.explained:.0f} % of it lies in the plane drawn", flush=True)
    # The hidden unit that speaks loudest for the second class, and the sample of that class that
    # it speaks loudest for.
    number = int((journey.hidden[-1][1] - journey.hidden[-1][0]).argmax())
    second = features[labels == 1]
    loudest = network.layers[0].weighted_sums(second)[:, number].argmax()
    unit = take_apart(network, number, second[loudest])
    genes = read_json(args.preprocessor)["genes"]
    return {
        "perceptron": figures.perceptron_figure(unit, [genes[i] for i in unit.shown]),
        "network": figures.network_figure(
            journey.sizes, tuple(table.classes[-outputs:]), _n_genes(args.counts)
        ),
        "descent": figures.descent_figure(journey),
        "hidden_units": figures.hidden_figure(journey, tuple(table.classes[:2])),
    }


def _n_genes(path: Path) -> int:
    from exprlab.data.formats import open_counts

    with open_counts(path) as counts:
        return counts.shape[1]
