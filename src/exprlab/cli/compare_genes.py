"""exprlab compare-genes: compare rankings of genes with each other and with the truth."""

from __future__ import annotations

import argparse
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options; the second folder from the end of each path names the data set."""
    for name, meaning in {
        "attributions": "importances of the runs' genes (DATASET/MODEL/SPLIT/attribution.tsv)",
        "tests": "tests of the genes (DATASET/genes/SPLIT.tsv)",
    }.items():
        parser.add_argument(f"--{name}", type=Path, nargs="+", required=True, help=meaning)
    for name, meaning in {
        "truths": "truths of simulated data sets (DATASET/data/cohort.truth.h5ad)",
        "oracles": "verdicts of their oracles (DATASET/data/cohort.oracle.h5ad)",
    }.items():
        parser.add_argument(f"--{name}", type=Path, nargs="*", default=[], help=meaning)
    parser.add_argument("--output", type=Path, required=True, metavar="FILE", help="JSON")


def run(args: argparse.Namespace) -> None:
    """Compare within each data set and write."""
    from exprlab.data.gene_tables import read_gene_annotation, read_genes
    from exprlab.evaluation.rankings import compare_genes
    from exprlab.files import write_json

    attributions: dict = {}
    for path in args.attributions:
        dataset, model, split = path.parts[-4:-1]
        runs = attributions.setdefault(dataset, {}).setdefault(model, {})
        runs[split] = read_genes(path)
    tests: dict = {}
    for path in args.tests:
        tests.setdefault(path.parts[-3], {})[path.stem] = read_genes(path)
    truths = {path.parts[-3]: read_gene_annotation(path) for path in args.truths}
    oracles = {path.parts[-3]: read_gene_annotation(path) for path in args.oracles}
    datasets = {
        name: compare_genes(runs, tests[name], truths.get(name), oracles.get(name))
        for name, runs in attributions.items()
    }
    write_json(args.output, {"datasets": datasets})
