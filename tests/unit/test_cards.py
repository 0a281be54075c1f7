"""Model cards and the DOME checklist: what they say is what the files say, and nothing else."""

from __future__ import annotations

import hashlib
import json
import math
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml
from anndata import read_h5ad
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import load_file

from exprlab.cards import phrases
from exprlab.cards.dome import checklist
from exprlab.cards.facts import read_experiment
from exprlab.cards.markdown import code, escape
from exprlab.cli.main import main
from exprlab.errors import UserError
from exprlab.keys import METRICS

HOSTILE = "<script>|`*_x_*`[a](b)|\n# x $1$ ~~y~~ &lt;"
SECTIONS = [
    "Model details", "Intended use", "Factors", "Metrics", "Evaluation data", "Training data",
    "Quantitative analyses", "Ethical considerations", "Caveats and recommendations",
]  # fmt: skip
# Table of Walsh et al. (2021), typed from the paper.
DOME = {
    "Data": ["Provenance", "Dataset splits", "Redundancy between data splits",
             "Availability of data"],
    "Optimization": ["Algorithm", "Meta-predictions", "Data encoding", "Parameters", "Features",
                     "Fitting", "Regularization", "Availability of configuration"],
    "Model": ["Interpretability", "Output", "Execution time", "Availability of software"],
    "Evaluation": ["Evaluation method", "Performance measures", "Comparison", "Confidence",
                   "Availability of evaluation"],
}  # fmt: skip
OWN_COHORT = {"source": "files", "expression": ["own_cohort.tsv"], "values": "tpm"}
SURE = {"auroc": {"value": 0.9, "low": 0.8, "high": 0.95}}
AUTHORS = "**To be filled in by the authors:**"
Change = Callable[[dict[str, Any]], None]


# ------------------------------------------------------------------------------------- the files


@pytest.fixture(scope="module")
def work(project: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the results of the smaller world, one split; no test changes it."""
    folder = tmp_path_factory.mktemp("cards")
    config = yaml.safe_load((project / "config/test.yaml").read_text())
    config["experiment"]["seeds"] = [3]
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(project / "Snakefile")]
    command += ["--configfile", str(project / "config/config.yaml"), "config.yaml"]
    command += ["--cores", "2", "--", "results/manifest.json"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.fixture
def results(work: Path, tmp_path: Path) -> Path:
    """Return a copy of the results that a test may change."""
    return Path(shutil.copytree(work / "results", tmp_path / "results"))


def change(path: Path, edit: Change) -> None:
    value = json.loads(path.read_text())
    edit(value)
    path.write_text(json.dumps(value))


def write_card(results: Path, model: str = "mlp") -> str:
    """Write a card by the command and return it."""
    data, output = results / "tumours", results / "again.md"
    arguments = ["--run", str(data / model / "seed-3"), "--card", str(output)]
    arguments += ["--figures", str(results / "figures")]
    arguments += ["--split", str(data / "splits/seed-3.tsv")]
    arguments += ["--checks", str(data / "data/cohort.checks.json")]
    assert main(["present-run", *arguments]) == 0
    return output.read_text()


def fill(results: Path, edit: Change = lambda config: None) -> str:
    """Fill the checklist by the command and return it."""
    config = json.loads((results / "manifest.json").read_text())["config"]
    edit(config)
    output = results / "again.md"
    arguments = ["--results", str(results), "--output", str(output)]
    arguments += ["--comparison", str(results / "report/comparison.json")]
    assert main(["checklist", *arguments, "--params", json.dumps(config)]) == 0
    return output.read_text()


# --------------------------------------------------------------------------- an independent reader


def front_matter(text: str) -> dict[str, Any]:
    _, front, _ = text.split("---\n", 2)
    return yaml.safe_load(front)


def sections(text: str, level: int = 2) -> dict[str, str]:
    parts = re.split(rf"^{'#' * level} (.+)$", text, flags=re.MULTILINE)[1:]
    titles = parts[::2]
    assert len(set(titles)) == len(titles)
    return dict(zip(titles, parts[1::2], strict=True))


def plain(text: str) -> str:
    """Undo Markdown's escapes."""
    text = re.sub(r"\\([\\`*_\[\]|~$#])", r"\1", text)
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def rows(section: str) -> list[list[str]]:
    lines = [line for line in section.splitlines() if line.startswith("|")]
    return [[plain(c.strip()) for c in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]


def numbers(text: str) -> list[float]:
    return [float(n.replace(",", "")) for n in re.findall(r"\d[\d,]*(?:\.\d+)?", text)]


def line_of(section: str, start: str) -> str:
    (line,) = [x for x in section.splitlines() if x.startswith(f"- {start}")]
    return line


# ------------------------------------------------------------------------------------- model card


@pytest.mark.slow
@pytest.mark.parametrize("model", ["mlp", "logistic"])
def test_card_says_what_the_files_say(work: Path, model: str) -> None:
    run = work / "results/tumours" / model / "seed-3"
    text = (run / "model_card.md").read_text()
    parts = sections(text)
    assert list(parts) == SECTIONS
    evaluation = json.loads((run / "evaluation.json").read_text())

    details = parts["Model details"]
    weights = load_file(run / "weights.safetensors")
    assert f"; {sum(w.size for w in weights.values()):,} parameters." in details
    digest = hashlib.sha256((run / "model/model.safetensors").read_bytes()).hexdigest()
    assert f"`{digest}`" in details
    assert "- Seed: 3;" in details
    assert numbers(line_of(details, "Calibration"))[-1] == round(evaluation["temperature"], 3)
    assert numbers(line_of(details, "Decision threshold"))[0] == round(evaluation["threshold"], 3)
    assert "hidden layer of 16 units" in details or model == "logistic"

    labels = read_h5ad(work / "results/tumours/data/cohort.h5ad").obs["label"].astype(str)
    side = pd.read_csv(work / "results/tumours/splits/seed-3.tsv", sep="\t", index_col=0)["split"]
    n = labels.value_counts()
    cohort = line_of(parts["Training data"], "Cohort")
    assert f"{len(labels)} samples ({n['benign']} benign, {n['malignant']} malignant;" in cohort
    sizes = numbers(line_of(parts["Training data"], "Split"))
    assert sizes == [(side == name).sum() for name in ("train", "val", "test")]
    test = labels[side == "test"].value_counts()
    tested = numbers(line_of(parts["Evaluation data"], str(len(labels[side == "test"]))))
    assert tested[:3] == [test.sum(), test["benign"], test["malignant"]]
    assert tested[3] == pytest.approx(100 * test["malignant"] / test.sum(), abs=0.05)


@pytest.mark.slow
@pytest.mark.parametrize("model", ["mlp", "logistic"])
def test_metrics_are_those_of_the_evaluation(work: Path, model: str) -> None:
    run = work / "results/tumours" / model / "seed-3"
    text = (run / "model_card.md").read_text()
    evaluation = json.loads((run / "evaluation.json").read_text())
    metrics = evaluation["metrics"]
    (entry,) = front_matter(text)["model-index"]
    (result,) = entry["results"]
    assert {m["type"]: m["value"] for m in result["metrics"]} == {
        name: metrics[name]["value"] for name in METRICS
    }
    shown = rows(sections(text)["Quantitative analyses"])
    values = shown[2 : 2 + len(METRICS)]
    for name, row in zip(METRICS, values, strict=True):
        found = [float(v.replace("−", "-")) for v in [row[1], *row[2].split(" to ")]]
        expected = [metrics[name][key] for key in ("value", "low", "high")]
        assert found == pytest.approx(expected, abs=5e-4)
        assert (row[3] == "wide") == (metrics[name]["high"] - metrics[name]["low"] > 0.1)
    # Confusion: what the predictions themselves give, at the threshold of the model's own file.
    table = pd.read_parquet(run / "predictions.parquet")
    threshold = json.loads((run / "model/model.json").read_text())["threshold"]
    called = table["calibrated_probability"] >= threshold
    expected = [[int(((table.label == t) & (called == c)).sum()) for c in (0, 1)] for t in (0, 1)]
    assert [[int(cell) for cell in row[1:]] for row in shown[-2:]] == expected


@pytest.mark.slow
def test_commands_of_the_card_work(work: Path) -> None:
    text = (work / "results/tumours/mlp/seed-3/model_card.md").read_text()
    block = re.search(r"```bash\n(.*?)```", text, re.DOTALL)[1]
    predict, verify = [shlex.split(x) for x in block.splitlines() if not x.startswith("#")]
    assert predict[0] == verify[0] == "exprlab"
    samples = "results/tumours/data/new_samples.h5ad"
    predict = [samples if word == "my_samples.tsv" else word for word in predict[1:]]
    subprocess.run([sys.executable, "-m", "exprlab", *predict], cwd=work, check=True)
    made = (work / "results/tumours/mlp/seed-3/new_samples.tsv").read_text()
    assert (work / "predictions.tsv").read_text() == made
    # What it would verify is there; that verify works has its own tests.
    assert verify[1] == "verify"
    assert (work / verify[2]).is_dir()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("file", "edit", "expected"),
    [
        ("params.json", lambda v: v["model"].update(dropout=0.37), "dropout of 37 %"),
        ("params.json", lambda v: v["preprocess"].update(min_count=77), "at least 77 reads"),
        ("params.json", lambda v: v["dataset"].update(scenario="null"), "scenario null"),
        ("record.json", lambda v: v.update(code="c0ffee"), "`c0ffee`"),
        ("record.json", lambda v: v.update(seed=99), "Seed: 99"),
        ("network.json", lambda v: v.update(n_parameters=12345), "12,345 parameters"),
        ("network.json", lambda v: v.update(stopped="no power"), "Training ended: no power"),
        ("evaluation.json", lambda v: v["settings"].update(threshold="accuracy"), "accuracy on"),
        ("model/model.json", lambda v: v.update(temperature=2.5), "temperature 2.500"),
        ("evaluation.json", lambda v: v["confusion"].update(fp=777), "| 777 |"),
        ("evaluation.json", lambda v: v.update(confidence=0.9), "90 % interval"),
        ("model/model.json", lambda v: v["preprocessing"].update(library_range=[5, 6]), "5 to 6"),
        ("../../data/cohort.checks.json", lambda v: v.update(n_patients=9), "9 patients"),
        ("../../data/cohort.checks.json", lambda v: v["warnings"].append("Look!"), "Look!"),
    ],
)
def test_card_changes_with_the_facts(results: Path, file: str, edit: Change, expected: str) -> None:
    before = write_card(results)
    assert before == (results / "tumours/mlp/seed-3/model_card.md").read_text()
    assert expected not in before
    change(results / "tumours/mlp/seed-3" / file, edit)
    assert expected in write_card(results)


@pytest.mark.slow
def test_simulated_and_real_counts_are_told_apart(results: Path) -> None:
    text = write_card(results)
    assert "says nothing about real tumours" in text
    assert "not for diagnosis" in text
    assert "simulated-data" in front_matter(text)["tags"]
    change(
        results / "tumours/mlp/seed-3/params.json",
        lambda v: v.update(dataset=OWN_COHORT),
    )
    text = write_card(results)
    assert "simulat" not in text
    assert "not for diagnosis" in text
    assert "TPM" in text
    assert "own\\_cohort.tsv" in text
    assert "Consent" in sections(text)["Ethical considerations"]


@pytest.mark.slow
def test_guessing_and_wide_intervals_are_said(results: Path) -> None:
    path = results / "tumours/mlp/seed-3/evaluation.json"

    def caveats(low: float, high: float) -> str:
        entry = {"value": (low + high) / 2, "low": low, "high": high}
        change(path, lambda v: v["metrics"].update(auroc=entry))
        return sections(write_card(results))["Caveats and recommendations"]

    for low, high, guess, worse, wide in [
        (0.45, 0.75, True, False, True), (0.49, 0.56, True, False, False),
        (0.30, 0.42, False, True, True), (0.90, 0.95, False, False, False),
    ]:  # fmt: skip
        text = caveats(low, high)
        assert ("cannot be told from guessing" in text) == guess
        assert ("worse than guessing" in text) == worse
        assert ("The interval of AUROC is wide" in text) == wide


@pytest.mark.slow
def test_card_without_optional_facts(results: Path) -> None:
    run = results / "tumours/mlp/seed-3"

    def forget(value: dict[str, Any]) -> None:
        for key in ("n_per_class", "n_patients", "n_batches"):
            del value[key]

    change(results / "tumours/data/cohort.checks.json", forget)
    change(run / "network.json", lambda v: [v.pop(k) for k in ("stopped", "best_epoch")])
    change(run / "evaluation.json", lambda v: v.pop("uncalibrated"))
    nothing = {"value": None, "low": math.nan, "high": math.nan}
    change(run / "evaluation.json", lambda v: v["metrics"].update(auroc=nothing))
    text = write_card(results)
    assert "names no patients" in text
    assert "Training ended: not recorded." in text
    assert ["AUROC", "n/a", "n/a to n/a", "wide", ""] in rows(text)
    (result,) = front_matter(text)["model-index"][0]["results"]
    assert "auroc" not in {m["type"] for m in result["metrics"]}
    assert "names no patients" in fill(results)


@pytest.mark.slow
@pytest.mark.parametrize("file", ["evaluation.json", "model/model.json", "network.json"])
def test_a_file_that_is_not_whole_is_named(
    results: Path, file: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (results / "tumours/mlp/seed-3" / file).write_text("{}")
    with pytest.raises(AssertionError):
        write_card(results)
    assert f"mlp/seed-3/{file}: missing " in capsys.readouterr().err
    with pytest.raises(AssertionError):
        fill(results)
    assert f"mlp/seed-3/{file}: missing " in capsys.readouterr().err
    assert not (results / "again.md").exists()


# -------------------------------------------------------------------------------------- checklist


def items(text: str) -> dict[str, dict[str, list[str]]]:
    """Return the bullets below each item of each section."""
    return {
        section: {
            item: [x for x in answer.splitlines() if x.startswith("- ")]
            for item, answer in sections(body, 3).items()
        }
        for section, body in sections(text).items()
    }


@pytest.mark.slow
def test_every_item_is_there_once_and_answered(work: Path) -> None:
    found = items((work / "results/report/dome.md").read_text())
    assert {section: list(answers) for section, answers in found.items()} == DOME
    assert list(found) == list(DOME)
    for section, answers in found.items():
        for item, lines in answers.items():
            assert lines, f"{section}: {item}"
            assert all(len(line) > 20 for line in lines)
    # What only the authors know is asked for where DOME asks where and how something is released.
    for section, item in [
        ("Data", "Availability of data"), ("Optimization", "Availability of configuration"),
        ("Model", "Availability of software"), ("Evaluation", "Availability of evaluation"),
        ("Data", "Provenance"), ("Model", "Execution time"),
    ]:  # fmt: skip
        assert any(AUTHORS in line for line in found[section][item]), item


@pytest.mark.slow
def test_checklist_says_what_the_files_say(work: Path) -> None:
    results = work / "results"
    found = items((results / "report/dome.md").read_text())
    data = read_h5ad(results / "tumours/data/cohort.h5ad")
    side = pd.read_csv(results / "tumours/splits/seed-3.tsv", sep="\t", index_col=0)["split"]
    n = data.obs["label"].value_counts()
    provenance = " ".join(found["Data"]["Provenance"])
    assert f"{data.n_obs} samples ({n['benign']} benign, {n['malignant']} malignant" in provenance
    assert "not anything about real patients" in provenance
    counts = side.value_counts()
    (line,) = [x for x in found["Data"]["Dataset splits"] if "seed-3" in x]
    assert numbers(line)[1:4] == [counts["train"], counts["val"], counts["test"]]
    test = data.obs["label"][side == "test"].value_counts()
    rest = data.obs["label"][side != "test"].value_counts()
    assert f"Test: {test['benign']} benign, {test['malignant']} malignant" in line
    assert f"together: {rest['benign']} benign, {rest['malignant']} malignant" in line
    for model in ("mlp", "logistic"):
        weights = load_file(results / "tumours" / model / "seed-3/weights.safetensors")
        p = sum(w.size for w in weights.values())
        line = next(x for x in found["Optimization"]["Fitting"] if x.startswith(f"- {model} "))
        assert f"{p:,} parameters" in line
        assert f"{p / counts['train']:,.1f} times as many as training samples" in line
        assert "200 features, more than 100" in line


@pytest.mark.slow
def test_checklist_gives_the_comparison(work: Path) -> None:
    results = work / "results"
    found = items((results / "report/dome.md").read_text())["Evaluation"]
    compared = json.loads((results / "report/comparison.json").read_text())["datasets"]["tumours"]
    compared["models"].pop("oracle")  # it is no model of the experiment
    for model, metrics in compared["models"].items():
        (line,) = [x for x in found["Performance measures"] if x.startswith(f"- {model} on")]
        auroc = float(re.search(r"AUROC ([\d.]+)", line)[1])
        assert auroc == pytest.approx(metrics["auroc"]["mean"], abs=5e-4)
    (pair,) = [p for p in compared["pairs"] if p["metric"] == "log_loss"]
    (line,) = [x for x in found["Confidence"] if "difference in log loss" in x]
    told = [float(v.replace("−", "-")) for v in re.findall(r"[−]?\d+\.\d+", line)[:3]]
    assert told == pytest.approx([pair[k] for k in ("difference", "low", "high")], abs=5e-4)
    covers = pair["low"] <= 0 <= pair["high"]
    # A smaller log loss is better.
    winner = pair["model_a"] if pair["high"] < 0 else pair["model_b"]
    assert ("cannot be told apart" if covers else f"{winner} is better") in line


@pytest.mark.slow
def test_checklist_of_many_splits_is_short(work: Path) -> None:
    results = work / "results"
    config = json.loads((results / "manifest.json").read_text())["config"]
    models, comparison = config["experiment"]["models"], results / "report/comparison.json"
    one = read_experiment(results, config, ["tumours"], models, ["seed-3"], comparison, {})
    pairs, entries = one.compared["tumours"]["pairs"], one.judged.values()
    splits = [f"seed-{i}" for i in range(300)]
    low = {"metrics": {"auroc": {"value": 0.5, "low": 0.4, "high": 0.6}}, "n_test": 15}
    many = replace(
        one,
        runs=[replace(run, split=split) for run in one.runs for split in splits],
        judged={
            (*place[:2], split): low if i < 7 else {**entry, "metrics": SURE}
            for place, entry in zip(one.judged, entries, strict=True)
            for i, split in enumerate(splits)
        },
        compared={
            "tumours": {
                **one.compared["tumours"],
                "pairs": [
                    {**pair, "split": split, "difference": i / 100, "low": i / 100 - 1.5,
                     "high": i / 100 + 0.5}
                    for i, split in enumerate(splits) for pair in pairs
                ],
            }
        },
    )  # fmt: skip
    text = checklist(many)
    assert len(text) < 1.2 * len(checklist(one))
    found = items(text)
    assert any("300 splits: 30 for training" in x for x in found["Data"]["Dataset splits"])
    confidence = plain(" ".join(found["Evaluation"]["Confidence"]))
    assert (
        "mlp minus logistic: in log loss, over 300 splits the difference is 1.495 on average, from "
        "0.000 (seed-0) to 2.990 (seed-299), and its 95 % interval excludes 0 in 149 of them"
    ) in confidence
    assert confidence.count("in 7 of 300 repeats: cannot be told from guessing") == len(models)


@pytest.mark.slow
def test_one_model_is_compared_with_nothing(results: Path) -> None:
    found = items(fill(results, lambda c: c["experiment"].update(models=["mlp"])))
    assert "compared with nothing" in found["Evaluation"]["Comparison"][0]
    assert "Underfitting was not ruled out" in " ".join(found["Optimization"]["Fitting"])
    assert "logistic" not in " ".join(found["Optimization"]["Algorithm"])


@pytest.mark.slow
def test_real_counts_ask_the_authors_for_more(results: Path) -> None:
    before = fill(results).count(AUTHORS)
    for path in results.glob("tumours/*/seed-3/params.json"):
        change(path, lambda v: v.update(dataset=OWN_COHORT))
    text = fill(results)
    assert text.count(AUTHORS) == before + 2
    assert "simulat" not in text.split("## Optimization")[0]


# -------------------------------------------------------------------- bytes, names, cost, workflow


@pytest.mark.slow
def test_same_facts_same_bytes(work: Path, results: Path, tmp_path: Path) -> None:
    """Another folder, hash seed, language and time; other side files."""
    for name in ("status.json", "environment.json"):
        for path in results.glob(f"tumours/*/seed-3/{name}"):
            path.write_text('{"host": "elsewhere", "started": 5}')
    run = "results/tumours/mlp/seed-3"
    command = [sys.executable, "-m", "exprlab", "present-run", "--run", run, "--card", "card.md"]
    command += ["--figures", "figures"]
    command += ["--split", "results/tumours/splits/seed-3.tsv"]
    command += ["--checks", "results/tumours/data/cohort.checks.json"]
    surroundings = {**os.environ, "PYTHONHASHSEED": "7", "LC_ALL": "C", "TZ": "Asia/Tokyo"}
    subprocess.run(command, cwd=results.parent, env=surroundings, check=True)
    assert (tmp_path / "card.md").read_bytes() == (work / run / "model_card.md").read_bytes()
    assert fill(results) == (work / "results/report/dome.md").read_text()


def headings(text: str) -> list[str]:
    return re.findall(r"^(#+) ", text, re.MULTILINE)


def outside_code(text: str) -> str:
    text = re.sub(r"```bash\n.*?```", "", text, flags=re.DOTALL)
    return re.sub(r"(?<![`\\])(`+)(?!`).*?(?<!`)\1(?!`)", "", text)


@pytest.mark.slow
def test_names_from_files_are_no_markup(results: Path) -> None:
    edits: list[tuple[str, Change]] = [
        ("mlp/seed-3/network.json", lambda v: v.update(stopped=HOSTILE)),
        ("mlp/seed-3/params.json", lambda v: v["model"].update(monitor=HOSTILE, optimizer=HOSTILE)),
        ("mlp/seed-3/params.json", lambda v: v["dataset"].update(scenario=HOSTILE)),
        ("data/cohort.checks.json", lambda v: v["warnings"].append(HOSTILE)),
        ("mlp/seed-3/model/model.json", lambda v: v["versions"].update({HOSTILE: HOSTILE})),
    ]
    clean = [write_card(results), fill(results)]
    for file, edit in edits:
        change(results / "tumours" / file, edit)
    for before, after in zip(clean, [write_card(results), fill(results)], strict=True):
        assert plain(after).count(" ".join(HOSTILE.split())) >= 3
        assert headings(after) == headings(before)
        assert [len(row) for row in rows(after)] == [len(row) for row in rows(before)]
        assert "<script" not in outside_code(after)


@pytest.mark.slow
def test_names_of_the_run_are_no_markup(results: Path) -> None:
    names = {"dataset": "a_-b_", "model": HOSTILE.replace("\n", " "), "split": "$(touch x)"}
    before = write_card(results)
    change(results / "tumours/mlp/seed-3/record.json", lambda v: v.update(names))
    after = write_card(results)
    assert headings(after) == headings(before)
    assert front_matter(after)["model-index"][0]["name"] == "/".join(names.values())
    title = re.search(r"^# Model card: (.*)$", after, re.MULTILINE)[1]
    assert plain(title) == f"{names['model']} on {names['dataset']}, {names['split']}"
    block = re.search(r"```bash\n(.*?)\n```", after, re.DOTALL)[1]
    # For a shell, the folder is one word.
    assert shlex.split(block.splitlines()[-1])[2] == f"results/{'/'.join(names.values())}"


@pytest.mark.slow
def test_manifest_lists_them_and_no_side_file(work: Path) -> None:
    manifest = json.loads((work / "results/manifest.json").read_text())
    rules = {entry["path"]: entry["rule"] for entry in manifest["files"]}
    for model in ("mlp", "logistic"):
        assert rules[f"tumours/{model}/seed-3/model_card.md"] == "present_run"
    assert rules["report/dome.md"] == "fill_checklist"
    inputs = {e["path"]: set(e["inputs"]) for e in manifest["files"]}
    card = inputs["tumours/mlp/seed-3/model_card.md"]
    assert "tumours/data/cohort.checks.json" in card
    assert not any("status" in name or "environment" in name for name in inputs["report/dome.md"])
    assert not any("status" in n or "timing" in n for n in inputs["report/report.html"])


def test_a_card_costs_little() -> None:
    """Every run pays for what the card imports."""
    script = "import exprlab.cli.present_run, exprlab.cards.facts, exprlab.cards.model_card, sys\n"
    script += "print(*{m.split('.')[0] for m in sys.modules})"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    heavy = {"numpy", "pandas", "torch", "pydantic", "matplotlib", "scipy", "jinja2", "safetensors"}
    assert not heavy & set(done.stdout.split())


# ---------------------------------------------------------------------------------------- details


@given(st.text())
def test_escaped_text_reads_the_same(text: str) -> None:
    escaped = escape(text)
    assert plain(escaped) == " ".join(text.split())
    assert not re.search(r"[<>]", escaped)
    assert not re.search(r"(?<!\\)(?:\\\\)*[`*_\[\]|~$#]", escaped)


@given(st.text(min_size=1))
def test_code_span_holds_its_text(text: str) -> None:
    """CommonMark: the first row of as many backticks ends it; one blank on each side is dropped."""
    span, line = code(text), " ".join(text.split())
    fence = re.match("`+", span)[0] if "`" not in line[:1] else re.match("`+(?= )", span)[0]
    inner = span[len(fence) : -len(fence)]
    assert not re.search(rf"(?<!`){fence}(?!`)", inner)
    assert (inner[1:-1] if "`" in line else inner) == line


@pytest.mark.parametrize(
    ("checks", "expected"),
    [
        ({"n_samples": 6}, "names no patients"),
        ({"n_samples": 6, "n_patients": 6}, "Each patient gave one sample"),
        ({"n_samples": 6, "n_patients": 2}, "6 samples come from 2 patients"),
    ],
)
def test_patients(checks: dict[str, int], expected: str) -> None:
    assert expected in phrases.patient_words(checks)


def test_user_error_names_a_missing_file(tmp_path: Path) -> None:
    from exprlab.cards.facts import read_run

    with pytest.raises(UserError, match=r"record\.json: no such file"):
        read_run(tmp_path, tmp_path / "split.tsv", tmp_path / "checks.json")
