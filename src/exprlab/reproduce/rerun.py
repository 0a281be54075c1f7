"""Running an experiment again in a folder of its own, through the users' entry point."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import yaml

from exprlab.errors import UserError
from exprlab.provenance.code import PACKAGE

# Seconds that an interrupted workflow has to end its jobs (on a cluster, to take them back).
GRACE = 20


def find_snakefile(given: Path | None) -> Path:
    """Return the Snakefile to run: the one given, that of exprlab's own source, or the one here.

    The own one comes first, for what lies in the working directory may be another workflow.

    Raises
    ------
    UserError
        If there is none.
    """
    here, own = Path("Snakefile"), PACKAGE.parents[1] / "Snakefile"
    for path in [given] if given else [own, here]:
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
    lines = []
    with _workflow(command_of(snakefile, targets, folder, cores), folder) as process:
        assert process.stdout is not None
        for line in process.stdout:
            lines.append(line.rstrip())
            if match := re.search(r"\d+ of \d+ steps \(\d+%\) done", line):
                say(match[0])
    if process.returncode:
        last = "\n".join(line for line in lines if line.strip())[-2000:]
        raise UserError(f"{snakefile}: the workflow failed in {folder}:\n{last}")


def command_of(snakefile: Path, targets: list[str], folder: Path, cores: int) -> list[str]:
    """Return the call of Snakemake."""
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(snakefile)]
    command += ["--directory", str(folder), "--cores", str(cores), "--nocolor"]
    # Of a failed job nothing else remains; and what fails here belongs into no MLflow store.
    command += ["--show-failed-logs", "--no-hooks"]
    return command + [f"results/{path}" for path in targets]


@contextmanager
def _workflow(command: list[str], folder: Path) -> Iterator[subprocess.Popen[str]]:
    """Start a workflow; whatever ends this block, nothing of the workflow outlives it."""
    # A profile of the user's would send these jobs to a cluster, which does not see `folder`.
    unwanted = ("MLFLOW_TRACKING_URI", "SNAKEMAKE_")
    environment = {k: v for k, v in os.environ.items() if not k.startswith(unwanted)}
    # The jobs are to run this very package; a relative path in it means nothing in `folder`.
    paths = [str(PACKAGE.parent), *filter(None, [environment.get("PYTHONPATH")])]
    environment["PYTHONPATH"] = os.pathsep.join(paths)
    # What interrupted tools leave is cleared away with the rest.
    temporary = folder / "tmp"
    temporary.mkdir()
    environment["TMPDIR"] = str(temporary)
    process = subprocess.Popen(
        command, cwd=folder, env=environment, text=True, errors="replace",
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True,
    )  # fmt: skip
    try:
        yield process
        process.wait()
    except BaseException:
        _end(process)
        raise


def _end(process: subprocess.Popen[str]) -> None:
    """End a process and all that it has started: kindly at first, at once if asked again."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGINT)
    # Reads on, for a writer that nobody listens to does not end.
    with suppress(subprocess.TimeoutExpired, KeyboardInterrupt):
        process.communicate(timeout=GRACE)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
