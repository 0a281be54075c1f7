"""The guard: honest pipelines pass, pipelines that leak on purpose are caught."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from sklearn.linear_model import Ridge

from exprlab.cli.main import main
from exprlab.config.simulator import SimulatorConfig
from exprlab.data.simulate import Simulator
from exprlab.evaluation.differential import welch_test
from exprlab.evaluation.leakage import (
    PENALTIES,
    Pipeline,
    guard,
    linear_pipeline,
    permuted_labels,
)

N = 240
TRAIN, TEST = np.arange(0, 180), np.arange(180, N)
ALONE = np.arange(N)  # every sample a patient of its own


def log_counts(n_genes: int = 600, **settings: object) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return standardised log counts, labels and patients of a simulated cohort."""
    simulator = Simulator(SimulatorConfig(**settings), n_genes, seed=2)
    counts, design = simulator.counts(0, N), simulator.design(0, N)
    values = np.log1p(1e6 * counts / counts.sum(axis=1, keepdims=True))
    values = (values - values.mean(axis=0)) / (values.std(axis=0) + 1e-6)
    return values.astype(np.float32), design.label, design.patient


def look(
    pipeline: Pipeline, labels: np.ndarray, patients: np.ndarray, test: np.ndarray = TEST
) -> dict:
    return guard(pipeline, labels, patients, test, 30, np.random.default_rng(0))


def selected(values: np.ndarray, labels: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Return the 30 genes that differ most between the classes among some samples."""
    best = np.argsort(welch_test(values[rows], labels[rows]).p_value)[:30]
    return values[:, best]


def with_selection(values: np.ndarray, rows: np.ndarray) -> Pipeline:
    """Return a pipeline that selects genes on `rows` by the labels it is given."""

    def scores(permuted: np.ndarray) -> np.ndarray:
        return np.array(
            [
                linear_pipeline(selected(values, labels, rows), TRAIN, TEST)(labels[None])[0]
                for labels in permuted
            ]
        )

    return scores


def test_linear_pipeline_is_ridge_regression() -> None:
    rng = np.random.default_rng(1)
    features = rng.standard_normal((60, 100)).astype(np.float32)
    labels = (rng.random((3, 60)) < 0.4).astype(np.int8)
    train, test = np.arange(40), np.arange(40, 60)
    found = linear_pipeline(features, train, test)(labels)
    centred = features[train] - features[train].mean(axis=0)
    scale = (centred**2).sum() / 40
    for row, scores in zip(labels, found, strict=True):
        parts = [
            Ridge(alpha=penalty * scale).fit(features[train], row[train]).predict(features[test])
            for penalty in PENALTIES
        ]
        wanted = sum(part / part.std() for part in parts)
        assert np.corrcoef(wanted, scores)[0, 1] > 0.9999


def test_samples_of_a_patient_keep_a_common_label() -> None:
    labels = np.array([0, 0, 0, 1, 1, 1, 0, 1])
    patients = np.array(list("aaabbbcc"))
    found = permuted_labels(labels, patients, 200, np.random.default_rng(0))
    assert {tuple(row[:3]) for row in found} == {(0, 0, 0), (1, 1, 1)}
    assert np.all(found[:, 0] != found[:, 3]), "as many patients of each class as before"
    # Patient c has one sample of each class, and so in every permutation.
    assert {tuple(row[6:]) for row in found} == {(0, 1), (1, 0)}


def test_honest_split_of_strong_signal_passes() -> None:
    values, labels, patients = log_counts(target_auroc=0.999, nonlinear_share=0.0)
    found = look(linear_pipeline(values, TRAIN, TEST), labels, patients)
    assert not found["leaks"]
    assert found["low"] <= 0.5 <= found["high"]


def test_replicates_on_both_sides_are_caught() -> None:
    values, labels, patients = log_counts(samples_per_patient=3)
    by_patient = look(linear_pipeline(values, TRAIN, TEST), labels, patients)
    assert not by_patient["leaks"], "180 is a whole number of patients"
    test = np.arange(0, N, 3)
    train = np.setdiff1d(np.arange(N), test)
    by_sample = look(linear_pipeline(values, train, test), labels, patients, test)
    assert by_sample["leaks"]
    assert by_sample["low"] > 0.65


def test_gene_selection_on_all_samples_is_caught() -> None:
    values, labels, patients = log_counts(target_auroc=0.5)
    honest = look(with_selection(values, TRAIN), labels, patients)
    assert not honest["leaks"]
    leaky = look(with_selection(values, np.arange(N)), labels, patients)
    assert leaky["leaks"]
    assert leaky["low"] > 0.6


def test_scaling_leaks_where_it_looks_at_labels_only() -> None:
    values, labels, patients = log_counts(target_auroc=0.5)
    # Scaling on all samples, test included, tells a model nothing about their labels: it makes
    # metrics a little too good for other reasons, and no permutation of labels can show it.
    assert not look(linear_pipeline(values, TRAIN, TEST), labels, patients)["leaks"]

    def centred_by_class(permuted: np.ndarray) -> np.ndarray:
        scores = []
        for row in permuted:
            means = np.array([values[row == label].mean(axis=0) for label in (0, 1)])
            features = values - 0.5 * means[1 - row]
            scores.append(linear_pipeline(features, TRAIN, TEST)(row[None])[0])
        return np.array(scores)

    assert look(centred_by_class, labels, patients)["leaks"]


SUBTYPES = {"n_classes": 4, "malignant_fraction": 0.6, "copies_linear": 1, "copies_interaction": 1}


def test_each_of_several_classes_is_told_from_the_rest() -> None:
    values, labels, _ = log_counts(**SUBTYPES)
    pipeline = linear_pipeline(values, TRAIN, TEST)
    found = pipeline(labels[None])[0]
    assert found.shape == (len(TEST), 4)
    for k in range(4):
        alone = pipeline((labels == k).astype(np.int8)[None])[0]
        np.testing.assert_array_equal(found[:, k], alone)


def test_guard_of_four_classes_passes_honest_splits_and_catches_replicates() -> None:
    values, labels, patients = log_counts(**SUBTYPES, target_auroc=0.999, samples_per_patient=3)
    assert not look(linear_pipeline(values, TRAIN, TEST), labels, patients)["leaks"]
    test = np.arange(0, N, 3)
    train = np.setdiff1d(np.arange(N), test)
    by_sample = look(linear_pipeline(values, train, test), labels, patients, test)
    assert by_sample["leaks"]
    assert by_sample["low"] > 0.6


def test_null_scenario_gives_one_half() -> None:
    values, labels, _ = log_counts(target_auroc=0.5)
    scores = linear_pipeline(values, TRAIN, TEST)(labels[None].astype(np.int8))[0]
    positive, negative = scores[labels[TEST] == 1], scores[labels[TEST] == 0]
    auroc = np.mean(positive[:, None] > negative)
    error = ((len(TEST) + 1) / (12 * len(positive) * len(negative))) ** 0.5
    assert abs(auroc - 0.5) < 3 * error


def test_command_stops_at_a_leak_and_writes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    params = json.dumps({"scenario": "replicates", "n_samples": 150, "n_genes": 300})
    counts, features = tmp_path / "c.h5ad", tmp_path / "features.npy"
    assert main(["simulate", "--counts", str(counts), "--truth", str(tmp_path / "t.h5ad"),
                 "--params", params]) == 0  # fmt: skip
    simulator = Simulator(SimulatorConfig(samples_per_patient=3), 300, seed=1)
    values = np.log1p(simulator.counts(0, 150).astype(np.float32))
    np.save(features, (values - values.mean(axis=0)) / (values.std(axis=0) + 1e-6))

    def judge(name: str, sides: list[str]) -> int:
        split = tmp_path / f"{name}.tsv"
        rows = [f"S{i + 1:07d}\t{side}" for i, side in enumerate(sides)]
        split.write_text("\n".join(["sample_id\tsplit", *rows]) + "\n")
        files = {"counts": counts, "split": split, "features": features}
        files["output"] = tmp_path / f"{name}.json"
        options = [text for option, file in files.items() for text in (f"--{option}", str(file))]
        return main(["guard", *options, "--seed", "0"])

    by_patient = ["test" if i // 3 % 4 == 0 else "train" for i in range(150)]
    assert judge("patients", by_patient) == 0
    assert json.loads((tmp_path / "patients.json").read_text())["leaks"] is False
    capsys.readouterr()
    assert judge("samples", ["test" if i % 3 == 0 else "train" for i in range(150)]) == 2
    message = capsys.readouterr().err
    assert "samples.tsv: AUROC" in message
    assert "one patient in training and test" in message
    assert not (tmp_path / "samples.json").exists()
