"""The published model behind `mlflow models serve`: raw counts over HTTP, as `exprlab predict`."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from anndata import read_h5ad
from workflow.conftest import Workflow
from workflow.test_mlflow import runs_of

SECONDS_TO_START = 120


@contextmanager
def served(workflow: Workflow, log: Path) -> Iterator[str]:
    """Yield the address of a server of the model; it and its workers are ended for sure."""
    (output,) = runs_of(workflow)["tumours/mlp/seed-0"].outputs.model_outputs
    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    store = f"sqlite:///{workflow.folder / 'results/mlflow/mlflow.db'}"
    command = [sys.executable, "-m", "mlflow", "models", "serve", "--env-manager", "local"]
    command += ["--model-uri", f"models:/{output.model_id}", "--host", "127.0.0.1"]
    command += ["--port", str(port), "--workers", "1"]
    binaries = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    with log.open("wb") as stream:
        process = subprocess.Popen(
            command,
            stdout=stream,
            stderr=subprocess.STDOUT,
            env={**os.environ, "MLFLOW_TRACKING_URI": store, "PATH": binaries},
            start_new_session=True,
        )
        try:
            address = f"http://127.0.0.1:{port}"
            wait(process, address, log)
            yield address
        finally:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(30)


def wait(process: subprocess.Popen, address: str, log: Path) -> None:
    until = time.monotonic() + SECONDS_TO_START
    while time.monotonic() < until:
        assert process.poll() is None, log.read_text()
        try:
            with urllib.request.urlopen(f"{address}/ping", timeout=5) as answer:
                if answer.status == 200:
                    return
        except OSError:
            time.sleep(0.5)
    raise AssertionError(f"no answer after {SECONDS_TO_START} s:\n{log.read_text()}")


def ask(address: str, frame: pd.DataFrame) -> tuple[int, str]:
    """Return status and text of the answer to a table."""
    body = json.dumps({"dataframe_split": json.loads(frame.to_json(orient="split"))}).encode()
    request = urllib.request.Request(
        f"{address}/invocations", body, {"Content-Type": "application/json"}
    )
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def strict(text: str) -> dict:
    """Read JSON as the standard has it: without NaN and Infinity."""

    def refuse(name: str) -> None:
        raise AssertionError(f"{name} is no JSON")

    return json.loads(text, parse_constant=refuse)


def test_server_answers_with_the_numbers_of_the_command(finished: Workflow, tmp_path: Path) -> None:
    new = read_h5ad(finished.folder / "results/tumours/data/new_samples.h5ad")
    frame = pd.DataFrame(new.layers["counts"], index=new.obs_names, columns=new.var_names)
    frame["batch"] = new.obs["batch"].astype(str)
    run = finished.folder / "results/tumours/mlp/seed-0"
    command = [sys.executable, "-m", "exprlab", "predict", "--model", run / "model"]
    command += ["--expression", finished.folder / "results/tumours/data/new_samples.h5ad"]
    command += ["--output", tmp_path / "new.parquet"]
    subprocess.run(command, check=True)
    table = pd.read_parquet(tmp_path / "new.parquet")
    with served(finished, tmp_path / "server.log") as address:
        status, text = ask(address, frame)
        assert status == 200, text
        found = pd.DataFrame(strict(text)["predictions"])
        assert list(found) == list(table)
        for name in table:
            if table[name].dtype.kind == "f":
                np.testing.assert_allclose(found[name], table[name], rtol=1e-5, atol=1e-6)
            else:
                assert found[name].tolist() == table[name].tolist()
        # A sample without reads has no numbers, and the others are as before.
        genes = frame.columns[:-1]
        empty = frame.copy()
        empty.loc[empty.index[0], genes] = 0
        status, text = ask(address, empty)
        first = strict(text)["predictions"][0]
        assert status == 200
        assert first["logit"] is None
        assert first["typicality"] is None
        assert first["flags"].endswith("too few reads to predict")
        # What does not fit is refused in words, without a traceback.
        for bad, words in (
            (frame[genes[:20]], "of the model's"),
            (frame.assign(**{genes[3]: 2.5}), "2.5 is not a whole number"),
        ):
            status, text = ask(address, bad)
            assert status == 400
            assert words in strict(text)["message"]
            assert "Traceback" not in text
    with pytest.raises(OSError):
        urllib.request.urlopen(f"{address}/ping", timeout=5)
