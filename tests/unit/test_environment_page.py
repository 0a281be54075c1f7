"""The page about where the trainings ran: what the side files say, and nothing breaks out of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from exprlab.cli.main import main
from exprlab.errors import UserError
from exprlab.provenance.environment import environment
from exprlab.report.environment import write_environment_page

RUNS = [("tumours", "mlp", "seed-0"), ("tumours", "mlp", "seed-1"), ("tumours", "lr", "seed-0")]
STATUS = {
    "state": "FINISHED", "cause": None, "started": 86400.5, "ended": 86413.0, "attempt": 2,
    "resumed_from_epoch": 7, "pid": 1, "host": "node<1>", "device": "cuda:0", "accelerator": "gpu",
    "precision": "16-mixed", "threads": 3, "peak_memory_mb": 812,
}  # fmt: skip


class Tables(HTMLParser):
    """Reads the page: tables by caption, each a list of rows of cells; links; free text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tables: dict[str, list[list[str]]] = {}
        self.links: list[str] = []
        self.text = ""
        self._caption = ""
        self._open: list[str] = []
        self.feed(text)
        self.close()
        assert not [tag for tag in self._open if tag not in ("meta", "link", "br")]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._open.append(tag)
        self.links += [v or "" for k, v in attrs if k in ("href", "src")]
        if tag == "caption":
            self._caption = ""
        elif tag == "tr" and self._caption:
            self.tables[self._caption].append([])
        elif tag in ("th", "td") and self._caption:
            self.tables[self._caption][-1].append("")

    def handle_endtag(self, tag: str) -> None:
        while self._open.pop() != tag:
            pass
        if tag == "caption":
            self.tables[self._caption] = []
        elif tag == "table":
            self._caption = ""

    def handle_data(self, data: str) -> None:
        self.text += data
        if "caption" in self._open:
            self._caption += data
        elif {"th", "td"} & set(self._open) and self._caption:
            self.tables[self._caption][-1][-1] += data


def write(path: Path, value: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value))


@pytest.fixture
def page(tmp_path: Path) -> Callable[..., Tables]:
    """Return a function that writes side files and reads the page made of them."""

    def page(statuses: list[Any], environments: list[Any]) -> Tables:
        for names, status, facts in zip(RUNS, statuses, environments, strict=True):
            for file, content in (("status.json", status), ("environment.json", facts)):
                if content is not None:
                    write(tmp_path.joinpath(*names, file), content)
        output = tmp_path / "report/environment.html"
        write_environment_page(tmp_path, "study <b>", RUNS, output)
        return Tables(output.read_text())

    return page


@pytest.fixture(scope="module")
def here() -> dict[str, Any]:
    """Return the environment of this very process, as trainings record it."""
    return json.loads(json.dumps(environment()))


def test_shows_what_the_machine_is(page: Callable[..., Tables], here: dict[str, Any]) -> None:
    found = page([STATUS] * 3, [here] * 3)
    machine = dict(found.tables["Machine"])
    assert machine["host"] == here["host"]
    assert machine["operating system"] == here["os"]
    assert machine["cores"] == str(here["cores"])
    software = dict(found.tables["Software"])
    assert software["Python"] == here["python"]
    assert here["git"] is None or here["git"]["commit"] in software["git commit"]
    assert all(f"{k}={v}" in software["switches of the libraries"] for k, v in
               here["switches"].items() if v is not None)  # fmt: skip
    packages = dict(found.tables["What exprlab needs itself"])
    assert {"torch", "numpy", "snakemake"} <= set(packages)
    assert packages.items() <= here["packages"].items()
    assert f"{len(here['packages']) - len(packages)} more packages" in found.text


def test_shows_how_each_training_went(page: Callable[..., Tables], here: dict[str, Any]) -> None:
    header, first, second, third = page(
        [STATUS, {**STATUS, "host": "b", "resumed_from_epoch": None}, None], [here] * 3
    ).tables["How each training went"]
    row = dict(zip(header, first, strict=True))
    assert row["training"] == "tumours/mlp/seed-0"
    assert row["started (UTC)"] == "1970-01-02 00:00:00"
    assert row["duration (s)"] == "12.5"
    assert (row["device"], row["threads"], row["host"]) == ("cuda:0", "3", "node<1>")
    assert (row["attempt"], row["resumed from epoch"]) == ("2", "7")
    assert dict(zip(header, second, strict=True))["resumed from epoch"] == ""
    assert set(third[1:]) == {"not recorded"}


def test_sums_up_the_trainings_of_many_splits(tmp_path: Path, here: dict[str, Any]) -> None:
    runs = [("tumours", model, f"seed-{i}") for model in ("mlp", "lr") for i in range(30)]
    for k, names in enumerate(runs):
        status = {**STATUS, "started": 86400.0 + k, "ended": 86410.0 + 2 * k, "threads": 1 + k % 2,
                  "state": "FAILED" if names[1:] == ("mlp", "seed-7") else "FINISHED"}  # fmt: skip
        facts = {**here, "host": "far" if k == 3 else "near", "command": ["train", names[2]]}
        write(tmp_path.joinpath(*names, "status.json"), status)
        write(tmp_path.joinpath(*names, "environment.json"), facts)
    output = tmp_path / "report/environment.html"
    write_environment_page(tmp_path, "study", runs, output)
    found = Tables(output.read_text())
    header, *rows = found.tables["How each training went"]
    mlp, lr = (dict(zip(header, row, strict=True)) for row in rows)
    assert mlp["training"] == "tumours/mlp: 30 trainings"
    assert mlp["state"] == "FINISHED (29); FAILED (1: seed-7)"
    assert lr["state"] == "FINISHED"
    assert mlp["started (UTC)"] == "1970-01-02 00:00:00 to 1970-01-02 00:00:29"
    assert mlp["duration (s)"] == "median 24.5, 10.0 to 39.0"
    assert mlp["threads"] == "1 (15); 2 (15)"
    hosts = [row[-1] for row in found.tables["Machine"][:2]]
    assert hosts[0] == "fartumours/mlp/seed-3"
    assert hosts[1].endswith(
        "tumours/lr/seed-0 to tumours/lr/seed-29, tumours/mlp/seed-0 to tumours/mlp/seed-2, "
        "tumours/mlp/seed-4 to tumours/mlp/seed-29"
    )
    assert "train seed-0" in found.text
    assert "train seed-1" not in found.text


def test_names_the_trainings_where_they_differ(
    page: Callable[..., Tables], here: dict[str, Any]
) -> None:
    other = {**here, "host": "far <away>", "git": {"commit": "f00", "dirty": True},
             "packages": {**here["packages"], "torch": "0.1"}}  # fmt: skip
    found = page([STATUS] * 3, [here, other, here])
    rows = found.tables["Machine"]
    both = {here["host"] + "tumours/mlp/seed-0, tumours/lr/seed-0",
            "far <away>tumours/mlp/seed-1"}  # fmt: skip
    assert {row[-1] for row in rows[: rows.index(["operating system", here["os"]])]} == both
    assert "f00 with uncommitted changes" in found.text
    torch = [r for r in found.tables["What exprlab needs itself"] if "0.1tumours/mlp/seed-1" in r]
    assert torch == [["torch", "0.1tumours/mlp/seed-1"]]


def test_shows_what_is_not_as_locked(page: Callable[..., Tables], here: dict[str, Any]) -> None:
    differences = {"numpy": {"locked": "2.0", "installed": "1.9"},
                   "torch": {"locked": "2.13.0", "installed": None}}  # fmt: skip
    lock = {"sha256": "ab" * 32, "differences": differences}
    fine = {**here, "lock": {"sha256": "ab" * 32, "differences": {}}}
    found = page([STATUS] * 3, [{**here, "lock": lock}, fine, fine])
    assert found.tables["Differences from requirements.lock"][1:] == [
        ["numpy", "2.0", "1.9", "tumours/mlp/seed-0"],
        ["torch", "2.13.0", "absent", "tumours/mlp/seed-0"],
    ]
    assert dict(found.tables["Software"])["SHA-256 of requirements.lock"] == "ab" * 32
    found = page([STATUS] * 3, [fine] * 3)
    assert "Every version is as in requirements.lock" in found.text
    found = page([STATUS] * 3, [{**here, "lock": None, "git": None}] * 3)
    assert "no lock file beside the source" in found.text
    assert "not in git" in found.text


def test_nothing_recorded(page: Callable[..., Tables]) -> None:
    found = page([None] * 3, [None] * 3)
    assert {row[1] for row in found.tables["Machine"] + found.tables["Software"]} == {
        "not recorded"
    }
    assert "What exprlab needs itself" not in found.tables


def test_is_self_contained_and_leads_back(
    page: Callable[..., Tables], here: dict[str, Any], tmp_path: Path
) -> None:
    found = page([STATUS] * 3, [{**here, "gpus": [{"name": "<i>", "driver": "1"}]}] * 3)
    assert "report.html" in found.links
    assert all(link.startswith(("#", "data:")) for link in found.links if link != "report.html")
    text = (tmp_path / "report/environment.html").read_text()
    assert "<script" not in text
    assert "study &lt;b&gt;" in text
    assert dict(found.tables["Machine"])["GPUs"] == "<i> (driver 1)"


def test_a_broken_side_file_is_named(tmp_path: Path) -> None:
    write(tmp_path / "tumours/mlp/seed-0/environment.json", [])
    with pytest.raises(UserError, match=r"environment\.json: expected a JSON object"):
        write_environment_page(tmp_path, "x", RUNS, tmp_path / "page.html")


def test_command(tmp_path: Path) -> None:
    params = {"name": "study", "datasets": ["a"], "models": ["m"], "seeds": [3, 1]}
    output = tmp_path / "report/environment.html"
    arguments = ["--results", str(tmp_path), "--output", str(output)]
    assert main(["environment-page", *arguments, "--params", json.dumps(params)]) == 0
    rows = Tables(output.read_text()).tables["How each training went"]
    assert [row[0] for row in rows[1:]] == ["a/m/seed-3", "a/m/seed-1"]
