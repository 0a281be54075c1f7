"""Writing files: whole or not at all, whatever happened before."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from exprlab.errors import UserError
from exprlab.files import atomic_path, read_arrays, sha256, write_arrays


def test_killed_writer_leaves_nothing_that_lasts(tmp_path: Path) -> None:
    script = (
        "import os, signal, sys\n"
        "from exprlab.files import atomic_path\n"
        "with atomic_path(sys.argv[1]) as path:\n"
        "    path.write_bytes(bytes(1000))\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    target = tmp_path / "big.bin"
    done = subprocess.run([sys.executable, "-c", script, str(target)], check=False)
    assert done.returncode == -signal.SIGKILL
    assert not target.exists()
    with atomic_path(target) as path:
        path.write_bytes(b"whole")
    assert os.listdir(tmp_path) == ["big.bin"]
    assert target.read_bytes() == b"whole"


def test_failed_write_keeps_the_file_before(tmp_path: Path) -> None:
    target = tmp_path / "a.txt"
    target.write_text("before")

    def write_half() -> None:
        with atomic_path(target) as path:
            path.write_text("half")
            raise InterruptedError

    with pytest.raises(InterruptedError):
        write_half()
    assert target.read_text() == "before"
    assert os.listdir(tmp_path) == ["a.txt"]


def test_folder_is_replaced_as_a_whole(tmp_path: Path) -> None:
    target = tmp_path / "model"
    for text in ("one", "two"):
        with atomic_path(target) as path:
            path.mkdir()
            (path / "weights").write_text(text)
    assert (target / "weights").read_text() == "two"


def test_digest_of_a_folder_sees_names_and_bytes(tmp_path: Path) -> None:
    digests = set()
    for name, text in (("a", "x"), ("b", "x"), ("a", "y")):
        folder = tmp_path / f"{name}{text}"
        folder.mkdir()
        (folder / name).write_text(text)
        digests.add(sha256(folder))
    assert len(digests) == 3


def test_arrays_come_back_and_damage_is_told(tmp_path: Path) -> None:
    arrays = {"b": np.arange(6.0).reshape(2, 3), "a": np.array([True, False])}
    path = tmp_path / "arrays.safetensors"
    write_arrays(path, arrays)
    back = read_arrays(path)
    assert back.keys() == arrays.keys()
    np.testing.assert_array_equal(back["b"], arrays["b"])
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(UserError, match="not a whole safetensors file"):
        read_arrays(path)
