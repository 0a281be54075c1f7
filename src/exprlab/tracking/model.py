"""A run's model folder as an MLflow model."""

from __future__ import annotations

import re
import shutil
import zipfile
from importlib import metadata
from pathlib import Path

import mlflow.pyfunc

import exprlab

# What inference imports; their installed versions are the model's requirements.
INFERENCE_PACKAGES = (
    "anndata", "h5py", "mlflow", "numpy", "pandas", "pydantic", "safetensors", "scipy", "torch",
)  # fmt: skip
PYFUNC = Path(__file__).with_name("pyfunc.py")


def save_mlflow_model(model_folder: Path, target: Path) -> None:
    """Write an MLflow model that predicts from values as they were measured.

    It has no signature and no input example: with 20,000 gene columns they cost half a minute to
    write and seconds to load, and the model itself says which genes it needs. A signature would
    also refuse genes in another order or under another name, which the model can match.

    Parameters
    ----------
    model_folder : Path
        model.json and model.safetensors.
    target : Path
        New folder.
    """
    source = target.with_name("exprlab.zip")
    if not source.exists():
        zip_package(source)
    # Snakemake leaves a time stamp in folders that it makes.
    visible = target.with_name("visible") / model_folder.name
    shutil.copytree(model_folder, visible, ignore=shutil.ignore_patterns(".*"))
    mlflow.pyfunc.save_model(
        target,
        python_model=str(PYFUNC),
        artifacts={"model": str(visible), "source": str(source)},
        pip_requirements=requirements(),
    )


def requirements() -> list[str]:
    """Return the pinned packages behind a prediction, without local version labels (+cpu)."""
    return [f"{name}=={metadata.version(name).partition('+')[0]}" for name in INFERENCE_PACKAGES]


def zip_package(path: Path) -> None:
    """Write exprlab's own source as one importable zip file, always of the same bytes."""
    root = Path(exprlab.__file__).parent
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(root.rglob("*.py")):
            if not re.search(r"__pycache__|\.writing-", str(file.relative_to(root))):
                entry = zipfile.ZipInfo(f"exprlab/{file.relative_to(root).as_posix()}")
                entry.compress_type = zipfile.ZIP_DEFLATED
                archive.writestr(entry, file.read_bytes())
