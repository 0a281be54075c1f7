"""What the files of an experiment are, in one line each, and which of them an archive holds."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath

PNG, JSON, HTML = "image/png", "application/json", "text/html"
TSV, CSV, MARKDOWN = "text/tab-separated-values", "text/csv", "text/markdown"
PARQUET, BINARY = "application/vnd.apache.parquet", "application/octet-stream"
HDF5, YAML, TEXT = "application/x-hdf5", "application/yaml", "text/plain"


@dataclass(frozen=True)
class Kind:
    """Files whose path ends like `pattern`: what they hold, and whether they are archived."""

    pattern: str
    media: str
    words: str
    kept: bool = True


# The first pattern that fits counts.
KINDS = (
    Kind("data/*.truth.h5ad", HDF5, "The simulator's truth about a cohort", kept=False),
    Kind("data/*.oracle.h5ad", HDF5, "The best possible classifier's verdict", kept=False),
    Kind("data/*.h5ad", HDF5, "Counts and sample table of a cohort (AnnData)", kept=False),
    Kind("data/*.evaluation.json", JSON, "How the models do on the labels of the new cohort"),
    Kind("data/*.checks.json", JSON, "What the checks of a cohort found: sizes and warnings"),
    Kind("data/overview.json", JSON, "Library sizes, zeros and principal components per sample"),
    Kind("data/figures/*.png", PNG, "A first look at the data"),
    Kind("genes/figures/*.png", PNG, "Which causal genes the rankings find, and their first genes"),
    Kind("guard/*.json", JSON, "Whether permuted labels could be predicted"),
    Kind("genes/*.tsv", TSV, "Welch's test of each gene on the training samples"),
    Kind("splits/*.tsv", TSV, "Which samples train, validate and test"),
    Kind("preprocessing/*/preprocessor.json", JSON, "The fitted preprocessing", kept=False),
    Kind("preprocessing/*/preprocessor.safetensors", BINARY, "Its arrays, by gene", kept=False),
    Kind("preprocessing/*/features.npy", BINARY, "Preprocessed counts of all samples", kept=False),
    Kind("params.json", JSON, "Every setting that the run depends on"),
    Kind("record.json", JSON, "The run's seed, code digest and digests of its inputs"),
    Kind("metrics.csv", CSV, "Training curves: step, epoch, name, value"),
    Kind("network.json", JSON, "Architecture, number of parameters, and why training ended"),
    Kind("evaluation.json", JSON, "Test metrics with confidence intervals, and their curves"),
    Kind("predictions.parquet", PARQUET, "Predictions for the test samples"),
    Kind("new_samples.tsv", TSV, "Predictions for samples that the model has never seen"),
    Kind("attribution.tsv", TSV, "Which genes the model decides by"),
    Kind("model_card.md", MARKDOWN, "Model card: what the model is for, and how well it does"),
    Kind("model/model.json", JSON, "The model: genes, classes, preprocessing, calibration"),
    Kind("model/model.safetensors", BINARY, "The model's weights and preprocessing arrays"),
    Kind("figures/*.png", PNG, "A figure of the run"),
    Kind("weights.safetensors", BINARY, "Weights alone; the model holds them too", kept=False),
    Kind("logits.parquet", PARQUET, "Logits of every sample of the cohort", kept=False),
    Kind("report/comparison.json", JSON, "Metrics of all models, and tests of their differences"),
    Kind(
        "report/genes.json", JSON, "Rankings of the genes, compared with each other and the truth"
    ),
    Kind("report/learning_curves.json", JSON, "The models with fewer training samples"),
    Kind("*/learning_curves.png", PNG, "Learning curves: metrics over the training samples"),
    Kind("report/course/*.png", PNG, "A picture of the course"),
    Kind("report/course/activations.md", MARKDOWN, "The activation functions side by side"),
    Kind("report/report.html", HTML, "The report: the whole experiment on one page"),
    Kind("report/dome.md", MARKDOWN, "DOME checklist for machine learning in biology"),
    Kind("report/environment.html", HTML, "Where and with what the experiment was run"),
)
WEIGHTS = "model/model.safetensors"
OTHER = Kind("*", BINARY, "A file of the experiment", kept=False)

# Files of the project and of the crate itself, by ending or name.
MEDIA = {
    ".py": "text/x-python",
    ".smk": "text/x-snakemake",
    "Snakefile": "text/x-snakemake",
    ".yaml": YAML,
    ".cff": YAML,
    ".html": HTML,
    ".css": "text/css",
    ".md": MARKDOWN,
    ".rst": "text/x-rst",
    ".sh": "text/x-shellscript",
    ".toml": "application/toml",
    ".json": JSON,
}
PROJECT = {
    "Snakefile": "The workflow's entry",
    "LICENSE": "The licence",
    "CITATION.cff": "How to cite the software",
    "pyproject.toml": "What the package is and needs",
    "requirements.lock": "The exact version of every package",
}


def kind_of(path: str) -> Kind:
    """Return what a file of the results is; what nobody has described is not archived."""
    pure = PurePosixPath(path)
    if any(part.startswith(".") for part in pure.parts):
        return OTHER
    return next((kind for kind in KINDS if pure.match(kind.pattern)), OTHER)


def media_of(path: str) -> str:
    """Return the media type of a file of the project."""
    pure = PurePosixPath(path)
    return MEDIA.get(pure.name, MEDIA.get(pure.suffix, TEXT))


def words_of(path: str) -> str:
    """Return one line about a file of the project."""
    if path in PROJECT:
        return PROJECT[path]
    if path.startswith("src/exprlab/"):
        return "Source of the package, as it ran"
    if path.endswith(".smk") or path == "workflow/Snakefile":
        return "Rules of the workflow"
    return "Part of the workflow"
