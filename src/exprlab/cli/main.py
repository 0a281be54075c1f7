"""The command line: one subcommand per rule, each in a module of its own, imported when called."""

from __future__ import annotations

import argparse
import importlib
import os
import re
import sys

from exprlab import __version__
from exprlab.errors import UserError, did_you_mean

# Subcommand -> one line of help. The module is exprlab.cli.<name with _ for ->.
COMMANDS = {
    "simulate": "simulate a cohort of gene-expression counts and its truth",
    "import-cohort": "read a cohort's own files and write it as one .h5ad",
    "oracle": "compute the Bayes-optimal posterior of simulated samples",
    "check": "check counts and sample table before anything expensive",
    "describe": "library sizes, zeros and principal components of a cohort",
    "split": "divide samples into training, validation and test",
    "subsample": "let fewer samples train, beside the same validation and test samples",
    "preprocess": "fit the preprocessing on training samples, transform all",
    "train": "train a network with PyTorch Lightning",
    "train-baseline": "fit a baseline model",
    "calibrate": "calibrate a trained model and pack it with its preprocessing",
    "evaluate": "judge a model on the test samples",
    "pool": "judge the models of all folds of a repeat together",
    "evaluate-new-samples": "judge all models on the new cohort, where its labels are known",
    "evaluate-oracle": "judge the oracle on the same test samples",
    "guard": "stop if permuted labels can be predicted",
    "explain": "tell which genes a trained model decides by",
    "test-genes": "test each gene for a difference between the classes",
    "compare-genes": "compare rankings of genes with each other and with the truth",
    "plot-genes": "draw the figures of the rankings of genes",
    "learning-curves": "compare the models at each size of the training part",
    "plot-learning-curves": "draw the learning curves of a data set",
    "present-run": "draw a run's figures and write its model card",
    "plot-data": "draw the figures of a data set",
    "compare": "compare the models of an experiment",
    "predict": "predict new samples with a packed model",
    "manifest": "list every scientific file, its digest, and how it was made",
    "verify": "make an experiment again and compare every file",
    "diff": "explain how two runs or experiments differ",
    "why": "say what would run again, and why",
    "checklist": "fill the DOME checklist for machine learning in biology",
    "archive": "pack an experiment into one RO-Crate",
    "stream": "send a running training's curves to a tracking server",
    "publish": "bring the MLflow store up to date with results/",
    "report": "write the HTML report",
    "doctor": "say what is wrong before hundreds of jobs are submitted",
    "failures": "say which jobs failed, why, and what to do",
    "environment-page": "write the page about where and with what the trainings ran",
    "ui": "open the MLflow UI over results/ on 127.0.0.1",
    "estimate-simulator": "estimate the simulator's settings from a cohort's counts",
    "compare-counts": "say how like a real cohort a simulated one is",
    "draw-course": "draw the pictures of the course",
    "build-lesson": "run a lesson; make its page and the student's notebook",
    "document-config": "write the config's schema and key table",
}


def main(arguments: list[str] | None = None) -> int:
    """Run a subcommand and return its exit code.

    0 is success, 1 a failure of the system (disk, permissions), 2 a mistake in the input, 130 an
    interrupt; a command may return others, which its help names. Only a bug shows a traceback.
    """
    arguments = sys.argv[1:] if arguments is None else arguments
    name = arguments[0] if arguments else "--help"
    if name in ("-h", "--help"):
        print(_help())
        return 0
    if name == "--version":
        print(f"exprlab {__version__}")
        return 0
    if name not in COMMANDS:
        print(f"exprlab: unknown command '{name}'{did_you_mean(name, COMMANDS)}", file=sys.stderr)
        return 2
    return _run(name, arguments[1:])


def _run(name: str, arguments: list[str]) -> int:
    module = importlib.import_module(f"exprlab.cli.{name.replace('-', '_')}")
    parser = argparse.ArgumentParser(prog=f"exprlab {name}", description=COMMANDS[name])
    module.add_arguments(parser)
    parsed = parser.parse_args(arguments)
    _limit_threads(getattr(parsed, "threads", 1))
    try:
        code = module.run(parsed)
        # What cannot be written is told here, not by Python when it ends.
        sys.stdout.flush()
    except UserError as error:
        print("\n".join(f"error: {line}" for line in str(error).split("\n")), file=sys.stderr)
        return 2
    except BrokenPipeError:
        # The reader of our output (such as head) has seen enough.
        _drop_unwritten()
        return 141
    except OSError as error:
        print(f"error: {error.filename or name}: {_reason(error)}", file=sys.stderr)
        _drop_unwritten()
        return 1
    except MemoryError:
        advice = "give the job more of it (mem_mb of its rule), or a smaller batch_size or model"
        print(f"error: {name}: out of memory; {advice}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("error: interrupted", file=sys.stderr)
        return 130
    return code or 0


def _reason(error: OSError) -> str:
    """Return why the system refused, in one line; HDF5 hides it in a long message."""
    hidden = re.search(r"error message = '([^']*)'", str(error))
    return error.strerror or (hidden[1] if hidden else " ".join(str(error).split()))


def _drop_unwritten() -> None:
    """Let Python end without trying again what standard output has just refused."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _limit_threads(threads: int) -> None:
    """Hold BLAS and OpenMP to `threads`, before NumPy or torch is imported.

    Jobs run side by side; with a thread per core each they only get in each other's way.
    """
    for library in ("OMP", "OPENBLAS", "MKL", "NUMEXPR"):
        os.environ[f"{library}_NUM_THREADS"] = str(threads)


def _help() -> str:
    width = max(map(len, COMMANDS))
    lines = [f"  {name:{width}}  {text}" for name, text in COMMANDS.items()]
    return "\n".join(
        [
            "usage: exprlab [--version] COMMAND ...",
            "",
            "Reproducible deep-learning experiments on gene expression.",
            "Each rule of the workflow is one of these; `exprlab COMMAND --help` tells more.",
            "",
            *lines,
        ]
    )
