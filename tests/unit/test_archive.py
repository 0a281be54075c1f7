"""exprlab archive: what goes into the RO-Crate of an experiment, and what it says of itself."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from datetime import datetime
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
import yaml

from exprlab.archive.contents import inside
from exprlab.archive.crate import write_archive
from exprlab.archive.project import Author, read_project
from exprlab.archive.words import OTHER, kind_of
from exprlab.cli.main import main
from exprlab.errors import UserError

pytestmark = pytest.mark.slow

PROFILES = {
    "https://w3id.org/ro/wfrun/process/0.5",
    "https://w3id.org/ro/wfrun/workflow/0.5",
    "https://w3id.org/ro/wfrun/provenance/0.5",
    "https://w3id.org/workflowhub/workflow-ro-crate/1.0",
}
REMADE = ("cohort.h5ad", "cohort.truth.h5ad", "features.npy", "logits.parquet")


@pytest.fixture(scope="module")
def tree(project: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the results of the smaller world with one split; not to be changed by a test."""
    folder = tmp_path_factory.mktemp("tree")
    config = yaml.safe_load((project / "config/test.yaml").read_text())
    config["experiment"]["seeds"] = [0]
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(project / "Snakefile")]
    command += ["--configfile", str(project / "config/config.yaml"), "config.yaml"]
    command += ["--cores", "2", "--", "results/manifest.json"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder / "results"


@pytest.fixture
def copy(tree: Path, tmp_path: Path) -> Path:
    """Return a copy of the tree that a test may change."""
    return Path(shutil.copytree(tree, tmp_path / "copy/results"))


@pytest.fixture(scope="module")
def archive(tree: Path, project: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return an archive, written by the command."""
    output = tmp_path_factory.mktemp("archive") / "crate.zip"
    snakefile = str(project / "Snakefile")
    assert main(["archive", str(tree), "--output", str(output), "--snakefile", snakefile]) == 0
    return output


@pytest.fixture
def write(project: Path, tmp_path: Path) -> Callable[..., Path]:
    """Return a function that archives a tree."""

    def write(results: Path, name: str = "crate.zip", limit: float = 100, *authors: str) -> Path:
        write_archive(results, tmp_path / name, project / "Snakefile", limit, list(authors))
        return tmp_path / name

    return write


@pytest.fixture(scope="module")
def manifest(tree: Path) -> dict[str, Any]:
    """Return the tree's manifest."""
    return json.loads((tree / "manifest.json").read_text())


def members(archive: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(archive) as file:
        return {name: file.read(name) for name in file.namelist()}


def graph(archive: Path) -> dict[str, dict[str, Any]]:
    """Return the entities by @id."""
    metadata = json.loads(members(archive)["ro-crate-metadata.json"])
    entities = {entity["@id"]: entity for entity in metadata["@graph"]}
    assert len(entities) == len(metadata["@graph"]), "an @id is used twice"
    return entities


def as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def ids(value: Any) -> set[str]:
    return {item["@id"] for item in as_list(value)}


def of_type(entities: dict[str, dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    return [entity for entity in entities.values() if kind in as_list(entity["@type"])]


def rewrite(path: Path, change: Callable[[Any], None]) -> None:
    value = json.loads(path.read_text())
    change(value)
    path.write_text(json.dumps(value))


# What is in it.


def test_rocrate_reads_it_and_every_file_is_what_the_metadata_says(archive: Path) -> None:
    from rocrate.rocrate import ROCrate

    files, crate = members(archive), ROCrate(archive)
    described = {e.id: e for e in crate.data_entities}
    assert set(described) == set(files) - {"ro-crate-metadata.json", "ro-crate-preview.html"}
    for name, entity in described.items():
        assert entity["sha256"] == hashlib.sha256(files[name]).hexdigest(), name
        assert entity["contentSize"] == str(len(files[name])), name
        assert entity["encodingFormat"], name
        assert entity["description"], name
    assert crate.mainEntity.id == "Snakefile"


def test_results_are_there_byte_for_byte(
    archive: Path, tree: Path, manifest: dict[str, Any]
) -> None:
    files = members(archive)
    run = "results/tumours/mlp/seed-0"
    expected = {
        *(f"{run}/{n}" for n in ("params.json", "record.json", "metrics.csv", "network.json")),
        *(f"{run}/{n}" for n in ("evaluation.json", "predictions.parquet", "new_samples.tsv")),
        *(f"{run}/model/{n}" for n in ("model.json", "model.safetensors")),
        f"{run}/figures/roc.png",
        "results/report/comparison.json",
        "results/report/report.html",
        "results/tumours/splits/seed-0.tsv",
        "results/tumours/data/cohort.checks.json",
        "results/tumours/data/overview.json",
    }
    assert expected <= set(files)
    listed = {f"results/{entry['path']}": entry["sha256"] for entry in manifest["files"]}
    for name in expected:
        assert hashlib.sha256(files[name]).hexdigest() == listed[name]
    assert files["manifest.json"] == (tree / "manifest.json").read_bytes()


def test_nobody_forgot_to_say_what_a_file_is(manifest: dict[str, Any]) -> None:
    """A rule's new output belongs into the table of archive/words.py, kept or not."""
    names = [entry["path"] for entry in manifest["files"]]
    visible = [name for name in names if "/." not in name]
    assert [name for name in visible if kind_of(name) is OTHER] == []


def test_what_can_be_made_again_is_only_described(archive: Path, manifest: dict[str, Any]) -> None:
    files, entities = members(archive), graph(archive)
    remade = [e for e in manifest["files"] if e["path"].endswith(REMADE)]
    assert len(remade) >= len(REMADE)
    for entry in remade:
        assert f"results/{entry['path']}" not in files
        entity = entities[f"#results/{entry['path']}"]
        assert entity["sha256"] == entry["sha256"]
        assert "exprlab verify" in entity["description"]


def test_source_and_lock_are_those_of_the_project(archive: Path, project: Path) -> None:
    files = members(archive)
    names = ["Snakefile", "requirements.lock", "CITATION.cff", "workflow/rules/train.smk"]
    for name in [*names, "src/exprlab/training/fit.py", "src/exprlab/report/pages/report.css"]:
        assert files[name] == (project / name).read_bytes()
    assert not [name for name in files if "__pycache__" in name or name.endswith(".pyc")]


def test_hidden_and_linked_files_of_the_project_stay_outside(
    tree: Path, project: Path, tmp_path: Path
) -> None:
    for name in ("Snakefile", "CITATION.cff"):
        shutil.copy(project / name, tmp_path)
    shutil.copytree(project / "workflow", tmp_path / "workflow")
    (tmp_path / "secret").write_text("secret")
    (tmp_path / "workflow/link.txt").symlink_to(tmp_path / "secret")
    for name in (".hidden", "__pycache__/note.txt", "rules/rules.pyc"):
        (tmp_path / "workflow" / name).parent.mkdir(exist_ok=True)
        (tmp_path / "workflow" / name).write_text("secret")
    write_archive(tree, tmp_path / "crate.zip", tmp_path / "Snakefile", 100, [])
    files = members(tmp_path / "crate.zip")
    assert "workflow/rules/train.smk" in files
    assert b"secret" not in files.values()


def test_hosts_stand_in_the_environment_alone(copy: Path, write: Callable[..., Path]) -> None:
    host = "secret-host-4711"
    for path in [*copy.rglob("status.json"), copy / "environment.json"]:
        rewrite(path, lambda value: value.update(host=host))
    files = members(write(copy))
    assert {name for name, data in files.items() if host.encode() in data} == {"environment.json"}


# What it says of itself.


def test_it_keeps_to_the_profiles(archive: Path) -> None:
    entities = graph(archive)
    root, workflow = entities["./"], entities["Snakefile"]
    assert ids(root["conformsTo"]) == PROFILES
    assert all(entities[url]["@type"] == "CreativeWork" for url in PROFILES)
    assert ids(root["mainEntity"]) == {"Snakefile"}
    kinds = {"File", "SoftwareSourceCode", "ComputationalWorkflow", "HowTo"}
    assert set(workflow["@type"]) == kinds
    language = entities[workflow["programmingLanguage"]["@id"]]
    assert (language["name"], language["version"].split(".")[0]) == ("Snakemake", "9")
    run = entities["#run"]
    assert run["@type"] == "CreateAction"
    assert ids(run["instrument"]) == {"Snakefile"}
    assert entities[run["agent"]["@id"]]["@type"] in ("Person", "Organization")
    actions = {entity["@id"] for entity in of_type(entities, "CreateAction")}
    assert ids(root["mentions"]) == actions


def test_every_reference_leads_somewhere(archive: Path) -> None:
    entities = graph(archive)

    def references(value: Any) -> set[str]:
        if isinstance(value, list):
            return {name for item in value for name in references(item)}
        return {value["@id"]} if isinstance(value, dict) else set()

    for entity in entities.values():
        found = {name for value in entity.values() for name in references(value)}
        assert {n for n in found if not n.startswith("http")} <= set(entities), entity["@id"]
    assert not re.search(r"[0-9a-f]{8}-[0-9a-f]{4}-4", json.dumps(list(entities)))


def test_settings_are_parameters_with_values(archive: Path, manifest: dict[str, Any]) -> None:
    entities = graph(archive)
    values = {v["name"]: v for v in of_type(entities, "PropertyValue")}
    config = manifest["config"]
    assert values["split.test_fraction"]["value"] == json.dumps(config["split"]["test_fraction"])
    assert values["experiment.models"]["value"] == config["experiment"]["models"]
    inputs = ids(entities["Snakefile"]["input"])
    assert {value["exampleOfWork"]["@id"] for value in values.values()} == inputs
    assert {v["@id"] for v in values.values()} < ids(entities["#run"]["object"])
    kinds = {
        name: entities[v["exampleOfWork"]["@id"]]["additionalType"] for name, v in values.items()
    }
    assert kinds["split.test_fraction"] == "Float"
    assert kinds["experiment.seeds"] == "Integer"
    assert kinds["experiment.name"] == "Text"


def test_every_output_kind_has_its_files(archive: Path) -> None:
    entities = graph(archive)
    outputs = ids(entities["Snakefile"]["output"])
    examples: dict[str, set[str]] = {}
    for entity in of_type(entities, "File"):
        if "exampleOfWork" in entity:
            examples.setdefault(entity["exampleOfWork"]["@id"], set()).add(entity["@id"])
    assert set(examples) == outputs
    assert examples["#output-evaluation-json"] == {
        f"results/tumours/{model}/seed-0/evaluation.json" for model in ("mlp", "logistic", "oracle")
    }


def test_jobs_tell_what_was_made_from_what(archive: Path, manifest: dict[str, Any]) -> None:
    entities = graph(archive)
    run = "tumours/mlp/seed-0"
    job = entities["#job-evaluate_model-tumours-mlp-seed-0"]
    assert ids(job["result"]) == {
        f"results/{run}/evaluation.json",
        f"results/{run}/predictions.parquet",
    }
    assert f"#results/{run}/logits.parquet" in ids(job["object"])
    assert ids(job["instrument"]) == {"src/exprlab/cli/evaluate.py"}
    made = {name for e in of_type(entities, "CreateAction") for name in ids(e["result"])}
    paths = {entry["path"] for entry in manifest["files"]}
    assert {name.removeprefix("#").removeprefix("results/") for name in made} - {
        "manifest.json"
    } == paths
    tools = ids(entities["Snakefile"]["hasPart"])
    steps = [entities[name] for name in ids(entities["Snakefile"]["step"])]
    assert {step["name"] for step in steps} == set(manifest["rules"])
    assert {step["workExample"]["@id"] for step in steps} == tools
    controls = {entity["@id"] for entity in of_type(entities, "ControlAction")}
    assert ids(entities["#engine"]["object"]) == controls


def test_times_are_those_of_the_trainings(copy: Path, write: Callable[..., Path]) -> None:
    def at(started: float, ended: float) -> Callable[[Any], None]:
        return lambda status: status.update(started=started, ended=ended)

    rewrite(copy / "tumours/mlp/seed-0/status.json", at(1_700_000_000.25, 1_700_000_060))
    rewrite(copy / "tumours/logistic/seed-0/status.json", at(1_700_000_030, 1_700_000_090.75))
    entities = graph(write(copy))
    run = entities["#run"]
    times = [datetime.fromisoformat(run[key]).timestamp() for key in ("startTime", "endTime")]
    assert times == [1_700_000_000, 1_700_000_090]
    assert entities["./"]["datePublished"] == run["endTime"]
    mlp = entities["#job-train_network-tumours-mlp-seed-0"]
    assert datetime.fromisoformat(mlp["endTime"]).timestamp() == 1_700_000_060


def test_pages_need_no_network_and_names_are_no_markup(
    tree: Path, write: Callable[..., Path]
) -> None:
    files = members(write(tree, "crate.zip", 100, "<script>alert(1)</script>"))
    page = files["ro-crate-preview.html"].decode()
    tags: list[tuple[str, dict[str, str | None]]] = []

    class Reader(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            tags.append((tag, dict(attrs)))

    Reader().feed(page)
    assert "script" not in {tag for tag, _ in tags}
    assert not [attributes for _, attributes in tags if "src" in attributes]
    links = {attributes["href"] for tag, attributes in tags if tag == "a"}
    assert links <= set(files)
    assert links >= {"results/report/report.html", "manifest.json", "ro-crate-metadata.json"}
    linked = re.findall(r"\]\((.*?)\)", files["README.md"].decode())
    assert linked
    assert set(linked) <= set(files)


# Authors.


def test_authors_come_from_the_citation_or_from_the_user(tmp_path: Path) -> None:
    person = {"given-names": "Ada", "family-names": "Lovelace"}
    citation = {"license": "MIT", "authors": [{"name": "The lab"}, person]}
    (tmp_path / "CITATION.cff").write_text(yaml.safe_dump(citation))
    cited = read_project(tmp_path, [])
    assert cited.authors == (Author("The lab", False), Author("Ada Lovelace", True))
    given = read_project(tmp_path, ["Jo Doe 0000-0002-1825-0097"])
    assert given.authors == (Author("Jo Doe", True, "https://orcid.org/0000-0002-1825-0097"),)


@pytest.mark.parametrize("text", [None, "- 1", "authors: []", "authors: [{name: x}]", "a: ["])
def test_without_authors_or_licence_there_is_no_archive(tmp_path: Path, text: str | None) -> None:
    if text is not None:
        (tmp_path / "CITATION.cff").write_text(text)
    with pytest.raises(UserError, match=r"CITATION\.cff"):
        read_project(tmp_path, [])


# The same bytes.


def test_equal_experiments_give_equal_bytes(
    tree: Path, copy: Path, write: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another folder, other file dates and rights, another time zone, another time."""
    for path in copy.rglob("*"):
        os.utime(path, (1_000_000_000, 1_000_000_000))
        if path.is_file():
            path.chmod(0o600)
    first = write(tree, "first.zip").read_bytes()
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    try:
        assert write(copy, "second.zip").read_bytes() == first
    finally:
        monkeypatch.undo()
        time.tzset()


def test_entries_have_no_dates_and_a_fixed_order(archive: Path) -> None:
    with zipfile.ZipFile(archive) as file:
        entries = file.infolist()
    names = [entry.filename for entry in entries]
    assert names[:2] == ["ro-crate-metadata.json", "ro-crate-preview.html"]
    assert names[2:] == sorted(names[2:])
    assert {entry.date_time for entry in entries} == {(1980, 1, 1, 0, 0, 0)}
    assert {entry.external_attr >> 16 for entry in entries} == {0o100644}


# The limit.


def test_beyond_the_limit_the_largest_weights_go_first(
    tree: Path, archive: Path, project: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    size = sum(len(data) for data in members(archive).values())
    weights = {
        model: f"results/tumours/{model}/seed-0/model/model.safetensors"
        for model in ("mlp", "logistic")
    }
    sizes = {model: len(members(archive)[name]) for model, name in weights.items()}
    assert sizes["mlp"] > sizes["logistic"]
    pages = sum(len(members(archive)[f"ro-crate-{n}"]) for n in ("metadata.json", "preview.html"))
    limit = (size - pages - len(members(archive)["README.md"]) - 1) / 1e6
    output = tmp_path / "small.zip"
    command = ["archive", str(tree), "--output", str(output), "--limit-mb", str(limit)]
    assert main([*command, "--snakefile", str(project / "Snakefile")]) == 0
    files, entities = members(output), graph(output)
    assert weights["mlp"] not in files
    assert weights["logistic"] in files
    shown = capsys.readouterr().out
    for text in (entities["./"]["description"], shown, files["README.md"].decode()):
        assert weights["mlp"] in text
        assert "snakemake --cores 4 --directory again" in text
    assert f"#{weights['mlp']}" in entities


# What is refused.


def refused(command: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """Run a command that must fail as a user's mistake; return what it says."""
    capsys.readouterr()
    assert main(command) == 2
    return capsys.readouterr().err


def test_changed_files_are_refused_the_first_one_by_name(
    copy: Path, project: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "crate.zip"
    output.write_bytes(b"an older archive")
    command = ["archive", str(copy), "--output", str(output)]
    command += ["--snakefile", str(project / "Snakefile")]
    early, late = copy / "tumours/splits/seed-0.tsv", copy / "report/comparison.json"
    for path in (late, early):
        path.write_text(path.read_text() + "\n")
    said = refused(command, capsys)
    assert str(early) in said
    assert str(late) not in said
    assert "snakemake --cores 4" in said
    assert output.read_bytes() == b"an older archive"
    assert {path.name for path in tmp_path.iterdir()} == {"copy", "crate.zip"}


def test_files_that_are_only_described_may_be_gone_but_not_changed(
    copy: Path, write: Callable[..., Path]
) -> None:
    features = copy / "tumours/preprocessing/seed-0/features.npy"
    features.unlink()
    assert "#results/tumours/preprocessing/seed-0/features.npy" in graph(write(copy))
    features.write_bytes(b"something else")
    with pytest.raises(UserError, match=r"features\.npy: was changed"):
        write(copy)


@pytest.mark.parametrize("missing", ["manifest.json", "tumours/mlp/seed-0/status.json"])
def test_what_is_missing_is_said_with_the_way_out(
    copy: Path, project: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], missing: str
) -> None:
    (copy / missing).unlink()
    command = ["archive", str(copy), "--output", str(tmp_path / "crate.zip")]
    said = refused([*command, "--snakefile", str(project / "Snakefile")], capsys)
    assert str(copy / missing) in said
    assert "snakemake --cores 4" in said
    assert not (tmp_path / "crate.zip").exists()


@pytest.mark.parametrize(
    ("results", "output", "snakefile", "words"),
    [
        (".", "crate", "Snakefile", "ends with .zip"),
        ("nowhere", "crate.zip", "Snakefile", "no such folder"),
        (".", "crate.zip", "other/Snakefile", "other/Snakefile: no such file"),
    ],
)
def test_mistyped_arguments_are_explained(
    tree: Path,
    project: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    results: str,
    output: str,
    snakefile: str,
    words: str,
) -> None:
    command = ["archive", str(tree / results), "--output", str(tmp_path / output)]
    assert words in refused([*command, "--snakefile", str(project / snakefile)], capsys)
    assert list(tmp_path.iterdir()) == []


def test_a_run_that_does_not_say_when_it_ended_is_refused(
    copy: Path, write: Callable[..., Path]
) -> None:
    rewrite(copy / "tumours/logistic/seed-0/status.json", lambda status: status.clear())
    with pytest.raises(UserError, match="does not say when"):
        write(copy)


def test_a_kept_file_that_is_gone_is_refused(copy: Path, write: Callable[..., Path]) -> None:
    (copy / "report/report.html").unlink()
    with pytest.raises(UserError, match=r"report\.html: no such file.*snakemake --cores 4"):
        write(copy)


def test_other_code_than_what_ran_is_refused(copy: Path, write: Callable[..., Path]) -> None:
    def edit(manifest: dict[str, Any]) -> None:
        manifest["rules"]["train_network"]["modules"]["training/fit.py"] = "0" * 16

    rewrite(copy / "manifest.json", edit)
    with pytest.raises(UserError, match=r"training/fit\.py: edited since rule train_network"):
        write(copy)


def test_a_file_that_changes_meanwhile_costs_no_older_archive(
    copy: Path, write: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    older = write(copy).read_bytes()

    def edit(*_: object) -> str:
        (copy / "report/comparison.json").write_text("{}")
        return ""

    monkeypatch.setattr("exprlab.archive.crate.write_preview", edit)
    with pytest.raises(UserError, match="changed while it was archived"):
        write(copy)
    assert (tmp_path / "crate.zip").read_bytes() == older
    assert {path.name for path in tmp_path.iterdir()} == {"copy", "crate.zip"}


NAMES = [
    "../evil.json", "../record.json", "/etc/passwd", "tumours/../../evil", "tumours//x", "C:/evil",
    "a\\..\\b", "tumours/./x", "tumours/..", "new\nline", "", "a/.. /b",
]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_names_cannot_leave_the_archive(
    copy: Path, write: Callable[..., Path], name: str, tmp_path: Path
) -> None:
    def rename(manifest: dict[str, Any]) -> None:
        manifest["files"][0]["path"] = name

    rewrite(copy / "manifest.json", rename)
    with pytest.raises(UserError, match="no safe place"):
        write(copy)
    assert not (tmp_path / "crate.zip").exists()


def test_ordinary_names_are_let_through(manifest: dict[str, Any]) -> None:
    for entry in manifest["files"]:
        assert inside(entry["path"]) == entry["path"]


# Running it again.


def test_the_unpacked_archive_runs_with_its_own_source(
    archive: Path, tmp_path: Path, manifest: dict[str, Any]
) -> None:
    with zipfile.ZipFile(archive) as file:
        file.extractall(tmp_path)
    assert yaml.safe_load((tmp_path / "config/config.yaml").read_text()) == manifest["config"]
    environment = {**os.environ, "PYTHONPATH": str(tmp_path / "src"), "PYTHONNOUSERSITE": "1"}

    def run(*command: str) -> str:
        done = subprocess.run(
            [sys.executable, *command],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    script = "import exprlab\nfrom exprlab.provenance.code import code_digest\n"
    script += "print(exprlab.__file__, code_digest('train'), code_digest('evaluate'))"
    where, train, evaluate = run("-c", script).split()
    assert Path(where).is_relative_to(tmp_path)
    rules = manifest["rules"]
    assert (train, evaluate) == (rules["train_network"]["code"], rules["evaluate_model"]["code"])
    for options in (["--configfile", "config/config.yaml"], ["--directory", "again"]):
        plan = run("-m", "snakemake", "-n", *options, "--", "results/manifest.json")
        made = set(re.findall(r"^ *(?:local)?rule (\w+):$", plan, re.MULTILINE))
        assert made == {*rules, "write_manifest"}
