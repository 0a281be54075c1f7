"""Running an experiment again in a folder of its own, through the users' entry point."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from exprlab.errors import UserError
from exprlab.provenance.code import PACKAGE


def find_snakefile(given: Path | None) -> Path:
    """Return the Snakefile to run: the one given, the one here, or that of exprlab's own source.

    Raises
    ------
    UserError
        If there is none.
    """
    here, own = Path("Snakefile"), PACKAGE.parents[1] / "Snakefile"
    for path in [given] if given else [here, own]:
        if path.is_file():
            return path.resolve()
    raise UserError(
        f"{given or here}: no such file; call this in the folder of the Snakefile, or name it with "
        "--snakefile"
    )


def run_again(
    snakefile: Path,
    config: dict[str, Any],
    targets: list[str],
    folder: Path,
    cores: int,
    say: Callable[[str], None],
) -> None:
    """Make the targets in an empty folder.

    Parameters
    ----------
    config
        All of it; nothing comes from the project's own config file.
    targets
        Paths below results/.
    say
        Takes each line of progress.

    Raises
    ------
    UserError
        If the workflow does not get to its end; with its last words.
    """
    # In this place the Snakefile takes it instead of the shipped one, not on top of it.
    file = folder / "config/config.yaml"
    file.parent.mkdir(parents=True)
    file.write_text(yaml.safe_dump(config, sort_keys=True), encoding="utf-8")
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(snakefile)]
    command += ["--directory", str(folder), "--cores", str(cores), "--nocolor"]
    command += [f"results/{path}" for path in targets]
    environment = {k: v for k, v in os.environ.items() if k != "MLFLOW_TRACKING_URI"}
    process = subprocess.Popen(
        command, cwd=folder, env=environment, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    lines = []
    assert process.stdout is not None
    for line in process.stdout:
        lines.append(line.rstrip())
        if match := re.search(r"\d+ of \d+ steps \(\d+%\) done", line):
            say(match[0])
    if process.wait():
        last = "\n".join(line for line in lines if line.strip())[-2000:]
        raise UserError(f"{snakefile}: the workflow failed in {folder}:\n{last}")
