"""The report: what it says is what the files say, and nothing in them can break out of it."""

from __future__ import annotations

import argparse
import csv
import functools
import html
import json
import re
import shlex
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from exprlab.errors import UserError
from exprlab.evaluation.attribution import compare_rankings
from exprlab.keys import METRICS, ORACLE, TEST_RANKING
from exprlab.plotting import style
from exprlab.report import sentences
from exprlab.report.write import write_report

PAGE = "environment.html"
HOSTILE = "<script>alert(1)</script>"
MODELS, SPLITS = ["mlp", "logistic"], ["seed-0", "seed-1"]
HEADINGS = [
    "Main result", "What was run", "Data", "Training", "Comparison of the models",
    "ROC, precision-recall and calibration", "Confusion matrices", "Genes",
    "Predictions on the new cohort", "How to reproduce", "Glossary",
]  # fmt: skip
CONFIG = {
    "experiment": {"name": "study", "datasets": ["tumours"], "models": MODELS, "seeds": [0, 1]},
    "datasets": {
        name: {"source": "files", "expression": ["a/counts.tsv"], "values": "counts",
               "columns": {"label": "diagnosis"}, "new_expression": ["a/later.tsv"]}
        for name in ("tumours", "one", "two")
    },
    "split": {"val_fraction": 0.15, "test_fraction": 0.2},
    "preprocess": {"min_count": 10, "size_factors": "median_of_ratios"},
    "models": {
        "mlp": {"kind": "mlp", "hidden": [128, 32], "activation": "relu", "optimizer": "adamw",
                "max_epochs": 60, "monitor": "val/loss", "batch_size": 256},
        "logistic": {"kind": "logistic", "strengths": [1e-4, 1e-3, 1e-2, 1e-1]},
    },
    "trainer": {"accelerator": "auto", "precision": "32-true"},
    "evaluation": {"bootstrap": 1000, "confidence": 0.95},
    "tracking": {"uri": "https://user:secret@mlflow.example.org"},
}  # fmt: skip


# ------------------------------------------------------------------ fabricated files of a study


def fabricate_overview(rng: np.random.Generator, n: int, batches: list[str]) -> dict[str, Any]:
    label = np.array(["benign", "malignant"])[rng.integers(0, 2, n)]
    batch = rng.integers(0, len(batches), n)
    size = 25e6 * np.exp(rng.normal(0, 0.25, n) + 0.15 * batch)
    first = size / 1e3 + rng.normal(0, 900, n)
    return {
        "sample_id": [f"S{i:04d}" for i in range(n)],
        "label": label.tolist(),
        "classes": ["benign", "malignant"],
        "batch": [batches[b] for b in batch],
        "values": "counts",
        "level": size.round().tolist(),
        "quality": (0.25 - 0.06 * np.log(size / 25e6) + rng.normal(0, 0.01, n)).tolist(),
        "raw_pca": {"x": (first - first.mean()).tolist(), "y": rng.normal(0, 3000, n).tolist(),
                    "explained": [0.612, 0.081]},
        "log_pca": {"x": (rng.normal(0, 8, n) + 6 * (label == "malignant")).tolist(),
                    "y": (rng.normal(0, 6, n) + 7 * batch).tolist(), "explained": [0.132, 0.094]},
    }  # fmt: skip


def fabricate_evaluation(rng: np.random.Generator, strength: float, n: int) -> dict[str, Any]:
    label = rng.integers(0, 2, n)
    label[:2] = 0, 1
    p = 1 / (1 + np.exp(-(rng.normal(0, 1.6, n) + strength * (2 * label - 1))))
    order = np.argsort(-p)
    tp = np.concatenate([[0], np.cumsum(label[order])])
    fp = np.concatenate([[0], np.cumsum(1 - label[order])])
    tpr, fpr = tp / tp[-1], fp / fp[-1]
    auroc = float(((tpr[1:] + tpr[:-1]) / 2) @ np.diff(fpr))
    edges = np.linspace(0, 1, 21)
    bins = np.minimum((p * 10).astype(int), 9)
    used = [b for b in range(10) if (bins == b).any()]
    called = p >= 0.47
    spread = {m: 0.9 - 0.02 * i for i, m in enumerate(METRICS)} | {"auroc": auroc, "ece": 0.031}
    return {
        "n_test": n,
        "classes": ["benign", "malignant"],
        "n_per_class": {"benign": int((label == 0).sum()), "malignant": int(label.sum())},
        "threshold": 0.47,
        "temperature": 1.4,
        "confidence": 0.95,
        "metrics": {m: {"value": v, "low": v - 0.021, "high": min(1, v + 0.018)}
                    for m, v in spread.items()},
        "uncalibrated": {m: {"value": 0.087} for m in ("brier", "log_loss", "ece")},
        "confusion": {"tn": int((~called & (label == 0)).sum()),
                      "fp": int((called & (label == 0)).sum()),
                      "fn": int((~called & (label == 1)).sum()),
                      "tp": int((called & (label == 1)).sum())},
        "curves": {
            "roc": {"fpr": fpr.tolist(), "tpr": tpr.tolist()},
            "precision_recall": {"recall": tpr.tolist(),
                                 "precision": [1.0, *(tp[1:] / (tp[1:] + fp[1:])).tolist()]},
            "calibration": {"predicted": [float(p[bins == b].mean()) for b in used],
                            "observed": [float(label[bins == b].mean()) for b in used],
                            "count": [int((bins == b).sum()) for b in used]},
            "scores": {"edges": edges.tolist(),
                       "benign": np.histogram(p[label == 0], edges)[0].tolist(),
                       "malignant": np.histogram(p[label == 1], edges)[0].tolist()},
        },
    }  # fmt: skip


def fabricate_metrics(rng: np.random.Generator, model: str) -> list[tuple[int, int, str, float]]:
    if model == "logistic":
        losses = enumerate((0.58, 0.41, 0.39, 0.52))
        return [r for i, v in losses for r in ((i, 0, "val/loss", v), (i, 0, "val/auroc", 1.2 - v))]
    rows = [(0, 0, "val/loss", 0.71), (0, 0, "val/auroc", 0.49)]
    for epoch in range(1, 25):
        train = 0.08 + 0.65 * np.exp(-epoch / 4)
        for step in range(8 * epoch - 7, 8 * epoch + 1):
            rows.append((step, epoch, "train/loss_step", max(0.01, train + rng.normal(0, 0.05))))
        rows.append((8 * epoch, epoch, "train/loss", train))
        rows.append((8 * epoch, epoch, "val/loss", train + 0.12 + 0.0005 * epoch**2))
        rows.append((8 * epoch, epoch, "val/auroc", 0.95 - 0.45 * np.exp(-epoch / 3)))
    return rows


def write(path: Path, value: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value))


def write_tsv(path: Path, header: list[str], rows: list[Any], delimiter: str = "\t") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as stream:
        csv.writer(stream, delimiter=delimiter).writerows([header, *rows])


def fabricate(
    results: Path,
    datasets: tuple[str, ...] = ("tumours",),
    batches: tuple[str, ...] = ("b1", "b2", "b3"),
    n: int = 200,
    gap: float = 0.05,
) -> None:
    """Write every file that the report reads; `gap` is mlp's lead, its interval is +- 0.02."""
    rng = np.random.default_rng(7)
    compared: dict[str, Any] = {}
    for dataset in datasets:
        folder = results / dataset
        overview = fabricate_overview(rng, n, list(batches))
        overview["sample_id"][0] = HOSTILE
        write(folder / "data/overview.json", overview)
        per_class = {"benign": n // 2, "malignant": n - n // 2}
        checks = {"n_samples": n, "n_genes": 900, "n_patients": n - 5, "n_batches": len(batches),
                  "classes": list(per_class), "n_per_class": per_class, "warnings": []}  # fmt: skip
        write(folder / "data/cohort.checks.json", checks)
        new = {"n_samples": 60, "n_genes": 900, "warnings": [f"Batch '{HOSTILE}' is new."]}
        write(folder / "data/new_samples.checks.json", new)
        judged = {}
        compared[dataset] = {"models": {m: {} for m in MODELS}, "pairs": []}
        for split in SPLITS:
            sides = [("train", "val", "test")[min(2, i % 5 // 2)] for i in range(n)]
            write_tsv(folder / f"splits/{split}.tsv", ["sample_id", "split"],
                      list(zip(overview["sample_id"], sides, strict=True)))  # fmt: skip
            write(folder / f"guard/{split}.json", {"n_permutations": 20, "confidence": 0.999,
                  "mean": 0.504, "low": 0.471, "high": 0.537, "leaks": False})  # fmt: skip
            for model in MODELS:
                evaluation = fabricate_evaluation(rng, 2.0 if model == "mlp" else 1.3, n)
                fabricate_run(folder / model / split, model, evaluation, rng)
                lower = {
                    name: {key: value - 0.1 for key, value in metric.items()}
                    for name, metric in evaluation["metrics"].items()
                }
                judged.setdefault(model, {})[split] = {"n_predicted": 60, "metrics": lower}
                for m, value in evaluation["metrics"].items():
                    entry = compared[dataset]["models"][model].setdefault(m, {"per_split": {}})
                    entry["per_split"][split] = value
            compared[dataset]["pairs"] += [
                {"model_a": "logistic", "model_b": "mlp", "split": split, "metric": metric,
                 "difference": -gap, "low": -gap - 0.02, "high": -gap + 0.02, "p_value": 0.0004,
                 "test": test}
                for metric, test in (("auroc", "delong"), ("log_loss", "paired_bootstrap"))
            ]  # fmt: skip
        write(folder / "data/new_samples.evaluation.json",
              {"n_samples": 60, "classes": ["benign", "malignant"],
               "n_per_class": {"benign": 30, "malignant": 30},
               "confidence": 0.95, "models": judged})  # fmt: skip
        for entry in (e for m in compared[dataset]["models"].values() for e in m.values()):
            values = [v["value"] for v in entry["per_split"].values()]
            entry |= {"mean": float(np.mean(values)), "sd": float(np.std(values, ddof=1))}
    write(results / "report/comparison.json", {"datasets": compared})
    ranked = {dataset: fabricate_rankings(rng) for dataset in datasets}
    write(results / "report/genes.json", {"datasets": ranked})


def fabricate_rankings(rng: np.random.Generator) -> dict[str, Any]:
    genes = [HOSTILE, *(f"G{i:03d}" for i in range(199))]
    roles = np.array(["linear", "interaction", "gate", "null", "nuisance"] * 40)
    names = ("mlp: gradient", "logistic: coefficient", TEST_RANKING, ORACLE)
    rankings = {name: {split: rng.random(200) for split in SPLITS} for name in names}
    compared = compare_rankings(genes, rankings, roles)
    compared["genes"] = {
        gene: {"role": "linear", "log2_fold_change": 0.5, "observed_log2_fold_change": 0.4,
               "ranks": ranks}
        for gene, ranks in compared.pop("ranks").items()
    }  # fmt: skip
    compared["classes"] = ["benign", "malignant"]
    return compared


def fabricate_run(
    run: Path, model: str, evaluation: dict[str, Any], rng: np.random.Generator
) -> None:
    write(run / "evaluation.json", evaluation)
    header = ["step", "epoch", "name", "value"]
    write_tsv(run / "metrics.csv", header, fabricate_metrics(rng, model), ",")
    network = {"kind": model, "best_epoch": 13 if model == "mlp" else 2, "n_parameters": 9,
               "stopped": "no better validation metric for 8 epochs"}  # fmt: skip
    write(run / "network.json", network)
    write(run / "record.json", {"code": "c0de" * 16, "inputs": {}, "seed": 0})
    write(run / "status.json", {"state": "FINISHED", "started": 1000.0, "host": HOSTILE})
    logit = rng.normal(0.4, 3, 60)
    columns = ["sample_id", "logit", "probability", "calibrated_probability", "prediction", "flags"]
    rows = [
        [HOSTILE if i == 0 else f"N{i:03d}", f"{z:.6g}", f"{1 / (1 + np.exp(-z)):.6g}",
         f"{1 / (1 + np.exp(-z / 1.4)):.6g}", "malignant" if z > 0 else "benign",
         "3 genes missing; library smaller than in training" if i % 20 == 3 else ""]
        for i, z in enumerate(logit)
    ]  # fmt: skip
    write_tsv(run / "new_samples.tsv", columns, rows)
    for name in ("training", "confusion"):
        (run / "figures").mkdir(exist_ok=True)
        (run / "figures" / f"{name}.png").write_bytes(placeholder())


@functools.cache
def placeholder() -> bytes:
    """Return a PNG; the report shows the figures of a run without looking into them."""
    return style.png_bytes(style.note_figure("a figure"))


# ------------------------------------------------------------------------------------ reading


class Page(HTMLParser):
    """Collects headings, numbers and loads, and checks that elements are nested."""

    VOID = frozenset({"meta", "img", "link", "br"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: dict[str, list[str]] = {}
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self.texts.setdefault(tag, []).append("")
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        for tag in set(self.open):
            self.texts[tag][-1] += data

    def attributes(self, tag: str) -> list[dict[str, str | None]]:
        return [attrs for name, attrs in self.tags if name == tag]


def report(results: Path, datasets: tuple[str, ...] = ("tumours",)) -> str:
    output = results / "report/report.html"
    comparison = results / "report/comparison.json"
    ranked = results / "report/genes.json"
    write_report(results, CONFIG, list(datasets), MODELS, SPLITS, comparison, ranked, None, output)
    return output.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("results")
    fabricate(folder)
    return folder


@pytest.fixture(scope="module")
def text(results: Path) -> str:
    return report(results)


def test_has_every_section_and_is_well_formed(text: str) -> None:
    page = Page(text)
    assert sorted(page.texts["h2"]) == sorted(HEADINGS)
    assert page.texts["title"] == ["study: report of the experiment"]
    targets = {a["id"] for _, a in page.tags if "id" in a}
    assert {a["href"] for a in page.attributes("a")} == {f"#{t}" for t in targets} | {PAGE}
    assert all(a["alt"] for a in page.attributes("img"))
    assert all(a.get("scope") for a in page.attributes("th"))
    assert not page.attributes("script")


def test_loads_nothing_from_elsewhere(text: str) -> None:
    page = Page(text)
    loads = [v for _, a in page.tags for k, v in a.items() if k in {"src", "href", "srcset"}]
    assert all(v and v.startswith(("data:", "#")) for v in loads if v != PAGE)
    assert "url(" not in text
    assert "@import" not in text


def test_names_from_files_are_escaped(text: str) -> None:
    assert "<script" not in text
    assert text.count("&lt;script&gt;alert(1)&lt;/script&gt;") >= 2


def test_hides_the_password_of_a_server(text: str) -> None:
    assert "secret" not in text
    assert "mlflow.example.org" in text


def test_numbers_are_those_of_the_json(results: Path, text: str) -> None:
    models = json.loads((results / "report/comparison.json").read_text())["datasets"]["tumours"]
    page = Page(text)
    shown = dict(
        zip((a["value"] for a in page.attributes("data")), page.texts["data"], strict=True)
    )
    expected = []
    for entry in (e for m in models["models"].values() for e in m.values()):
        expected += [entry["mean"], entry["sd"], *(v["value"] for v in entry["per_split"].values())]
    assert len(expected) == len(MODELS) * len(METRICS) * (2 + len(SPLITS))
    for value in expected:
        assert float(shown[str(value)].replace("−", "-")) == pytest.approx(value, abs=5e-4)


def test_commands_that_it_shows_can_be_typed(text: str) -> None:
    block = html.unescape(re.search(r"<pre><code>(# everything.*?)</code>", text, re.DOTALL)[1])
    commands = [shlex.split(line) for line in block.splitlines() if line.startswith("exprlab ")]
    assert {command for _, command, *_ in commands} == {"verify", "predict"}
    for _, command, *arguments in commands:
        parser = argparse.ArgumentParser()
        import_module(f"exprlab.cli.{command}").add_arguments(parser)
        parser.parse_args(arguments)  # exits where it does not understand them


def test_guard_against_leakage_is_told(text: str) -> None:
    told = "; ".join(f"{split}: 0.504 (0.471 to 0.537)" for split in SPLITS)
    assert f"AUROC with 99.9 % interval {told}." in text


def test_new_cohort_is_judged_beside_the_test_samples(results: Path, text: str) -> None:
    path = results / "tumours/data/new_samples.evaluation.json"
    judged = json.loads(path.read_text())
    for model in MODELS:
        values = [split["metrics"]["auroc"]["value"] for split in judged["models"][model].values()]
        assert f"{model} has a mean AUROC of {np.mean(values):.3f} on the new cohort" in text
    assert f"(a loss in {len(SPLITS)} of {len(SPLITS)} splits)" in text
    write(path, {**judged, "models": {}})
    without = report(results)
    write(path, judged)
    assert "on the new cohort and had" not in without


def test_same_files_give_the_same_bytes(results: Path, text: str) -> None:
    assert report(results) == text


def test_side_files_do_not_reach_the_report(results: Path, text: str, tmp_path: Path) -> None:
    other = Path(shutil.copytree(results, tmp_path / "results"))
    for path in other.rglob("status.json"):
        status = {**json.loads(path.read_text()), "host": "elsewhere", "ended": 9999.0}
        write(path, status)
        write(path.with_name("environment.json"), {"host": "elsewhere"})
    assert report(other) == text
    for path in other.rglob("status.json"):
        path.unlink()
    assert report(other) == text


def test_without_new_samples_there_is_no_section_of_them(results: Path, tmp_path: Path) -> None:
    known = {**CONFIG["datasets"]["tumours"], "new_expression": []}
    config = {**CONFIG, "datasets": {"tumours": known}}
    output = tmp_path / "report.html"
    files = [results / "report/comparison.json", results / "report/genes.json", None, output]
    write_report(results, config, ["tumours"], MODELS, SPLITS, *files)
    page = Page(output.read_text(encoding="utf-8"))
    assert sorted(page.texts["h2"]) == sorted(set(HEADINGS) - {"Predictions on the new cohort"})
    assert "raw counts of a cohort of one's own, from counts.tsv" in html.unescape(
        output.read_text()
    )
    assert "new cohort" not in output.read_text()


def test_many_splits_are_summed_up_and_examples_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    splits = [f"seed-{i}" for i in range(12)]
    monkeypatch.setattr(sys.modules[__name__], "SPLITS", splits)
    fabricate(tmp_path)
    compared = json.loads((tmp_path / "report/comparison.json").read_text())["datasets"]["tumours"]
    page = Page(report(tmp_path))
    body = " ".join(" ".join(page.texts["body"]).split())

    aurocs = {s: np.mean([compared["models"][m]["auroc"]["per_split"][s]["value"] for m in MODELS])
              for s in splits}  # fmt: skip
    ordered = sorted(splits, key=lambda s: aurocs[s])
    for split, place in (
        (ordered[0], "smallest"),
        (ordered[5], "middle"),
        (ordered[-1], "largest"),
    ):
        value = sentences.number(aurocs[split])
        title = f"{split}: of 12 splits the {place} AUROC ({value}, mean over models)"
        assert page.texts["summary"].count(title) == 2  # training and confusion
    assert "Spread over 12 repeats" in body
    assert "Paired tests on the same test samples, summed up" in body
    (row,) = [r for r in page.texts["tr"] if r.startswith("logisticmlpAUROC")]
    # mlp, the second, is better in all 12.
    assert row.endswith("".join(["0", "12", "0", "12"]))
    assert "results/report/comparison.json" in body
    assert "Faint: each split" not in body
    # A table or list of all would name the splits in between for each model and metric.
    assert body.count("seed-") < 150


def test_gradients_of_several_networks_are_compared(tmp_path: Path) -> None:
    fabricate(tmp_path, n=60)
    assert "Gradient norm of each layer" not in report(tmp_path, ("tumours",))
    for model, first in (("mlp", 0.02), ("logistic", 0.0004)):
        for split in SPLITS:
            metrics = tmp_path / "tumours" / model / split / "metrics.csv"
            with metrics.open("a") as stream:
                for epoch in (1, 2):
                    for layer, norm in ((1, epoch * first), (2, 0.04)):
                        stream.write(f"{epoch},{epoch},train/gradient_norm/layer_{layer},{norm}\n")
    text = html.unescape(report(tmp_path, ("tumours",)))
    assert "as a share of the last one's: 0.5 (mlp) and 0.01 (logistic)" in text
    assert "could hardly learn" in text
    metrics.write_text(metrics.read_text().replace("0.0004", "0.00001"))
    text = html.unescape(report(tmp_path, ("tumours",)))
    assert "below 0.01 (logistic) gradients vanish on their way" in text


def test_two_data_sets_without_labels_or_batches(tmp_path: Path) -> None:
    fabricate(tmp_path, datasets=("one", "two"), n=60)
    path = tmp_path / "two/data/overview.json"
    write(path, {**json.loads(path.read_text()), "label": None, "classes": [], "batch": None})
    text = report(tmp_path, ("one", "two"))
    assert text.count("Data set one") == text.count("Data set two") == 7


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("report/comparison.json", None),
        ("report/comparison.json", "{"),
        ("report/comparison.json", '{"datasets": {"tumours": {"models": {}, "pairs": []}}}'),
        ("report/genes.json", '{"datasets": {}}'),
        ("report/genes.json", None),
        ("tumours/data/overview.json", "[]"),
        ("tumours/data/cohort.checks.json", "{}"),
        ("tumours/data/new_samples.evaluation.json", '{"models": {}}'),
        ("tumours/guard/seed-1.json", '{"mean": 0.5}'),
        ("tumours/splits/seed-1.tsv", "sample_id\tsplit\nS1\n"),
        ("tumours/mlp/seed-0/evaluation.json", None),
        ("tumours/mlp/seed-0/evaluation.json", '{"metrics": 3}'),
        ("tumours/mlp/seed-0/metrics.csv", "step,epoch,name,value\n1,1,val/loss,x\n"),
        ("tumours/mlp/seed-0/new_samples.tsv", "sample\tx\n"),
        ("tumours/mlp/seed-0/figures/training.png", "PNG"),
        ("tumours/mlp/seed-0/figures/confusion.png", None),
    ],
)
def test_a_wrong_file_is_named_and_nothing_is_written(
    results: Path, name: str, content: str | None
) -> None:
    path, output = results / name, results / "other.html"
    before = path.read_bytes()
    path.unlink() if content is None else path.write_text(content)
    try:
        with pytest.raises(UserError, match=name.replace(".", r"\.")):
            write_report(results, CONFIG, ["tumours"], MODELS, SPLITS,
                         results / "report/comparison.json", results / "report/genes.json",
                         None, output)  # fmt: skip
    finally:
        path.write_bytes(before)
    assert not output.exists()


def test_learning_curves_have_a_section_where_there_are_any(
    results: Path, text: str, tmp_path: Path
) -> None:
    def summary(value: float) -> dict[str, Any]:
        splits = {split: {"value": value} for split in SPLITS}
        return {"mean": value, "low": value - 0.02, "high": value + 0.02, "per_split": splits}

    points = [
        {
            "size": size,
            "n_train": dict.fromkeys(SPLITS, size or 2345),
            "models": {
                m: {"auroc": summary(0.7 + 0.01 * i + 0.001 * j), "log_loss": summary(0.5),
                    "excess_log_loss": summary(0.2 + 0.01 * i + 0.001 * j)}
                for j, m in enumerate(MODELS)
            },
            "pairs": [],
        }
        for i, size in enumerate((1234, None))
    ]  # fmt: skip
    oracle = {"auroc": summary(0.95), "log_loss": summary(0.1)}
    path = tmp_path / "learning_curves.json"
    curves = {"models": MODELS, "oracle": oracle, "points": points}
    write(path, {"datasets": {"tumours": curves}})
    config = {**CONFIG, "experiment": {**CONFIG["experiment"], "train_sizes": [1234]}}
    output = tmp_path / "report.html"
    files = [results / "report/comparison.json", results / "report/genes.json", path, output]
    write_report(results, config, ["tumours"], MODELS, SPLITS, *files)
    page = Page(output.read_text())
    assert sorted(page.texts["h2"]) == sorted([*HEADINGS, "Learning curves"])
    assert "Learning curves" not in Page(text).texts["h2"]
    assert "also trained on 1,234 of the training samples" in output.read_text()
    assert {"1,234", "2,345"} <= set(page.texts["th"])
    shown = {a["value"] for a in page.attributes("data")}
    for point in points:
        for entry in point["models"].values():
            assert {str(entry[m]["mean"]) for m in ("auroc", "excess_log_loss")} <= shown
    path.write_text(path.read_text().replace('"n_train"', '"n"'))
    with pytest.raises(UserError, match=r"learning_curves\.json"):
        write_report(results, config, ["tumours"], MODELS, SPLITS, *files)


# -------------------------------------------------------------------------------- sentences


def study(*intervals: tuple[float, float], auroc: float = 0.9) -> dict[str, Any]:
    """Return a comparison of a and b with one interval of a - b for each split."""
    entry = {
        "per_split": {
            f"seed-{i}": {"value": auroc, "low": auroc - 0.05, "high": auroc + 0.05}
            for i in range(len(intervals))
        }
    }
    return {
        "models": {"a": {"auroc": {"mean": auroc, **entry}},
                   "b": {"auroc": {"mean": auroc - 0.01, **entry}}},
        "pairs": [
            {"model_a": "a", "model_b": "b", "split": f"seed-{i}", "metric": "auroc", "low": low,
             "difference": (low + high) / 2, "high": high, "p_value": 0.03, "test": "delong"}
            for i, (low, high) in enumerate(intervals)
        ],
    }  # fmt: skip


@pytest.mark.parametrize("intervals", [[(-0.01, 0.02)], [(0.0, 0.02)], [(-0.01, 0.02), (-1, 1)]])
def test_key_sentence_does_not_tell_apart_what_the_interval_does_not(intervals: list) -> None:
    sentence = sentences.key_sentence("d", study(*intervals), 0.95)
    assert sentences.CANNOT_TELL in sentence
    assert "better" not in sentence


def test_key_sentence_names_the_better_model_with_its_evidence() -> None:
    sentence = sentences.key_sentence("d", study((0.01, 0.03), (0.02, 0.04)), 0.9)
    assert "a ranks samples better than b in each of the 2 splits" in sentence
    assert "difference 0.020, 90 % interval 0.010 to 0.030, p = 0.030" in sentence


def test_key_sentence_says_when_splits_disagree() -> None:
    sentence = sentences.key_sentence("d", study((0.01, 0.03), (-0.03, -0.01), (-1, 1)), 0.95)
    assert "not consistent" in sentence
    assert "a is better in 1, b in 1, and they cannot be told apart in 1 of the 3" in sentence


def test_key_sentence_sums_up_many_splits() -> None:
    many = study(*[(0.01 * i - 0.05, 0.01 * i + 0.01) for i in range(12)])
    sentence = sentences.key_sentence("d", many, 0.95)
    assert (
        "a is better in 6, b in 0, and they cannot be told apart in 6 of the 12 splits" in sentence
    )
    assert (
        "over 12 splits the difference is 0.035 on average, from −0.020 (seed-0) to 0.090 "
        "(seed-11), and its 95 % interval excludes 0 in 6 of them"
    ) in sentence
    assert "seed-5" not in sentence


def test_many_splits_that_show_guessing_are_counted() -> None:
    many = study(*[(0.01, 0.03)] * 12)
    for split in ("seed-3", "seed-10"):
        many["models"]["a"]["auroc"]["per_split"][split] = {"value": 0.5, "low": 0.4, "high": 0.6}
    sentence = sentences.key_sentence("d", many, 0.95)
    assert "In 2 of 12 splits a cannot be told from guessing" in sentence


def test_pairs_are_in_natural_order() -> None:
    pairs = study(*[(0.01, 0.03)] * 11)["pairs"]
    ordered = sentences.oriented(sorted(pairs, key=lambda p: p["split"]), "a", "b", "auroc")
    assert [pair["split"] for pair in ordered] == [f"seed-{i}" for i in range(11)]


def test_key_sentence_warns_of_guessing_and_of_worse_than_guessing() -> None:
    assert "cannot be told from guessing" in sentences.key_sentence(
        "d", study((-1, 1), auroc=0.52), 0.95
    )
    assert "worse than guessing" in sentences.key_sentence("d", study((-1, 1), auroc=0.4), 0.95)
    assert "guessing" not in sentences.key_sentence("d", study((-1, 1)), 0.95)


def test_key_sentence_of_one_model_or_of_no_test() -> None:
    one = study((-1, 1))
    del one["models"]["b"]
    assert "a reaches a mean AUROC of 0.900" in sentences.key_sentence("d", one, 0.95)
    untested = {**study((-1, 1)), "pairs": []}
    assert "not compared by a paired test" in sentences.key_sentence("d", untested, 0.95)


def test_pairs_are_turned_to_the_order_that_is_asked_for() -> None:
    pair = sentences.oriented(study((0.01, 0.03))["pairs"], "b", "a", "auroc")[0]
    assert (pair["low"], pair["high"]) == (-0.03, -0.01)
    assert pair["difference"] == pytest.approx(-0.02)


def test_verdict_knows_that_a_smaller_loss_is_better() -> None:
    pair = {"model_a": "a", "model_b": "b", "low": 0.1, "high": 0.2}
    assert sentences.verdict({**pair, "metric": "auroc"}) == "a is better"
    assert sentences.verdict({**pair, "metric": "log_loss"}) == "b is better"


def test_imports_stay_light() -> None:
    code = (
        "import sys, exprlab.report.write;"
        "print([m for m in ('torch','mlflow','sklearn','pytorch_lightning','pandas','scipy',"
        "'matplotlib.pyplot') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
