"""A run's model card: what the model is for, what it was made from, and how well it does.

The sections are those of Mitchell et al. (2019), Model Cards for Model Reporting, FAT*; the front
matter is that of Hugging Face's model cards.
"""

from __future__ import annotations

import math
import shlex
from pathlib import Path
from typing import Any

import yaml

from exprlab.cards import phrases
from exprlab.cards.class_tables import class_tables, set_results
from exprlab.cards.encoding import encoding_words, input_words, library_words
from exprlab.cards.facts import RunFacts
from exprlab.cards.markdown import bullets, code, escape, table
from exprlab.files import atomic_path
from exprlab.keys import ENVIRONMENT_FILE, METRICS, STATUS_FILE, metric_title
from exprlab.report.glossary import glossary
from exprlab.report.sentences import count, listing, number
from exprlab.report.words import model_words, source_words


def write_model_card(facts: RunFacts, output: Path) -> None:
    """Write the model card of a run; its bytes depend on the facts alone."""
    with atomic_path(output) as temporary:
        temporary.write_text(model_card(facts), encoding="utf-8")


def model_card(facts: RunFacts) -> str:
    """Return the model card of a run, as Markdown with YAML front matter."""
    parts = [
        ("Model details", _details(facts)),
        ("Intended use", _use(facts)),
        ("Factors", _factors(facts)),
        ("Metrics", _metrics(facts)),
        ("Evaluation data", _evaluation_data(facts)),
        ("Training data", _training_data(facts)),
        ("Quantitative analyses", _analyses(facts)),
        ("Ethical considerations", _ethics(facts)),
        ("Caveats and recommendations", _caveats(facts)),
    ]
    lines = ["---", _front_matter(facts).rstrip(), "---", "", *_head(facts)]
    for title, body in parts:
        lines += ["", f"## {title}", "", *body]
    return "\n".join(lines) + "\n"


def _front_matter(facts: RunFacts) -> str:
    """Return what a model hub indexes."""
    metrics = [
        {"type": name, "name": metric_title(name), "value": entry["value"]}
        for name, entry in _known_metrics(facts)
        if entry["value"] is not None and math.isfinite(entry["value"])
    ]
    task = {
        "type": "tabular-classification",
        "name": f"{' or '.join(facts.classes)} from gene expression",
    }
    data = {"type": facts.dataset, "name": f"{facts.dataset}, test samples of {facts.split}"}
    values = {
        "library_name": "exprlab",
        "pipeline_tag": "tabular-classification",
        "tags": ["gene-expression", *(["simulated-data"] if facts.simulated else [])],
        "model-index": [
            {"name": facts.name, "results": [{"task": task, "dataset": data, "metrics": metrics}]}
        ],
    }
    return yaml.safe_dump(values, sort_keys=False, allow_unicode=True)


def _head(facts: RunFacts) -> list[str]:
    if facts.simulated:
        warning = (
            "Trained on simulated counts: this model says nothing about real tumours. "
            "It is not for diagnosis."
        )
    else:
        warning = "A research model. It is not for diagnosis, and nobody has approved it as such."
    title = f"{escape(facts.model)} on {escape(facts.dataset)}, {escape(facts.split)}"
    return [
        f"# Model card: {title}",
        "",
        f"**{warning}**",
        "",
        "Written by exprlab from the files of this run, not by hand. When, where and with which "
        f"machine it was trained stands in the side files {code(STATUS_FILE)} and "
        f"{code(ENVIRONMENT_FILE)} beside this card.",
    ]


def _details(facts: RunFacts) -> list[str]:
    packed, network, found = facts.packed, facts.network, facts.evaluation
    two = len(facts.classes) == 2
    ended = f"Training ended: {escape(network.get('stopped') or 'not recorded')}"
    if network.get("strength") is not None:
        ended += f"; the one kept is C = {network['strength']:g}"
    elif network["kind"] != "boosting" and network.get("best_epoch") is not None:
        ended += f"; the weights are those of epoch {network['best_epoch']}"
    versions = ", ".join(f"{escape(k)} {escape(v)}" for k, v in sorted(packed["versions"].items()))
    return bullets(
        [
            f"Kind: {escape(model_words(facts.params['model']))}.",
            f"Architecture: {escape(phrases.architecture_words(network))}; "
            f"{count(network['n_parameters'], 'parameter')}.",
            f"{ended}.",
            *phrases.tuning_words(network, facts.params["model"]),
            f"Seed: {facts.record['seed']}; it decides the split, what is random in training, and "
            "the bootstrap.",
            f"Calibration: {phrases.calibration_words(packed, two)}, fitted on held-out samples.",
            f"Decision threshold: {number(packed['threshold'])} of the calibrated probability, "
            f"{escape(phrases.threshold_words(found['settings']['threshold']))}."
            if two
            else "Decision: the class with the largest calibrated probability.",
            f"Prediction sets: {escape(phrases.set_words(packed))}.",
            f"Model id: {code(packed['model_id'])}. SHA-256 of {code('model/model.safetensors')}: "
            f"{code(packed['weights_sha256'])}.",
            f"Code: digest {code(facts.record['code'])} of what the training ran. "
            f"Made with {versions}.",
            "Every setting: `params.json`. Developer, licence and contact: to be filled in by the "
            "authors.",
        ]
    )


def _use(facts: RunFacts) -> list[str]:
    if facts.simulated:
        purpose = "To learn and teach, and to compare methods on data whose truth is known."
    else:
        purpose = (
            "Research on samples like those of the training cohort: same tissue, same way of "
            "measuring, same genes."
        )
    run = f"results/{facts.name}"
    predict = ["exprlab", "predict", "--model", f"{run}/model", "--expression", "my_samples.tsv"]
    predict += ["--output", "predictions.tsv"]
    return [
        *bullets(
            [
                purpose,
                f"Input: {input_words(facts.values)} of the model's "
                f"{count(len(facts.packed['preprocessing']['genes']), 'gene')} under the same ids; "
                "a few may be missing, the prediction then says so. No labels.",
                "Out of scope: any decision about a patient; other tissues, species or kinds of "
                f"values; classes other than {escape(listing(facts.classes))}.",
                *library_words(facts.packed["preprocessing"]),
            ]
        ),
        "",
        "In the folder that holds `results/`:",
        "",
        "```bash",
        "# predict samples of your own",
        shlex.join(predict),
        "# make this model again and compare every byte",
        shlex.join(["exprlab", "verify", run]),
        "```",
    ]


def _factors(facts: RunFacts) -> list[str]:
    checks = facts.checks
    named = [n for n, k in (("batch", "n_batches"), ("patient", "n_patients")) if checks.get(k)]
    known = f"The sample table names: {', '.join(['class', *named])}."
    return bullets(
        [
            f"{known} Of these only the classes are told apart below; how well the model does in "
            "each batch or group of patients was not measured.",
            "What may matter and is not part of the model: purity, tissue of origin, "
            "preparation and measurement of samples, batch; age, sex and ancestry of patients.",
        ]
    )


def _metrics(facts: RunFacts) -> list[str]:
    meanings = dict(glossary([facts.classes]))
    names = [metric_title(name).removesuffix(" (nats)") for name, _ in _known_metrics(facts)]
    found = facts.evaluation
    return [
        *bullets(f"{escape(n)}: {escape(meanings[n])}." for n in names if n in meanings),
        "",
        f"Intervals: {100 * found['confidence']:g} % bootstrap intervals from "
        f"{count(found['settings']['bootstrap'], 'resample')} of the test samples, each class "
        "resampled within itself. They do not cover what another cohort or another training would "
        "change.",
    ]


def _evaluation_data(facts: RunFacts) -> list[str]:
    found, folds = facts.evaluation, facts.evaluation.get("folds")
    judged = (
        f"by cross-validation: {count(len(folds), 'model')} like this one, trained by the same "
        "steps, were each judged on the samples that they had not seen. This model learned from "
        "all of them, so what it is worth is told by the others."
        if folds
        else "of the same cohort. Nothing was fitted or chosen on them."
    )
    return bullets(
        [
            f"{count(found['n_test'], 'test sample')} "
            f"({phrases.class_words(found['n_per_class'], found['classes'])}) {judged}",
            f"{escape(phrases.patient_words(facts.checks))}.",
            "No other cohort was used: how far the results hold elsewhere is not known.",
        ]
    )


def _training_data(facts: RunFacts) -> list[str]:
    data, n_genes = facts.params["dataset"], facts.checks["n_genes"]
    if facts.simulated:
        changed = ", ".join(f"{k} = {v}" for k, v in sorted(data.get("simulator", {}).items()))
        source = (
            f"Source: exprlab's simulator, scenario {escape(data.get('scenario'))}, seed "
            f"{data.get('seed')}{f'; {escape(changed)}' if changed else ''}. No patient is in it."
        )
    else:
        source = f"Source: {escape(source_words(data))}."
    encoding = escape(encoding_words(facts.params["preprocess"], facts.values))
    return bullets(
        [
            source,
            f"Cohort: {phrases.cohort_words(facts.checks)}.",
            f"Split: {phrases.size_words(facts.sizes)}.",
            f"Preprocessing, fitted on the training samples only: {encoding}. "
            f"{facts.n_inputs:,} of {count(n_genes, 'gene')} are kept.",
            *(
                f"Against overfitting: {escape(words)}."
                for words in phrases.regularisation_words(facts.params["model"])
            ),
        ]
    )


def _analyses(facts: RunFacts) -> list[str]:
    found, level = facts.evaluation, f"{100 * facts.evaluation['confidence']:g} %"
    before = found.get("uncalibrated", {})
    rows = [
        [
            escape(metric_title(name)),
            number(entry["value"]),
            f"{number(entry['low'])} to {number(entry['high'])}",
            "wide" if phrases.is_wide(entry) else "",
            number(before[name]["value"]) if name in before else "",
        ]
        for name, entry in _known_metrics(facts)
    ]
    return [
        *table(["metric", "value", f"{level} interval", "", "before calibration"], rows),
        "",
        f"Wide: the interval spans more than {phrases.WIDE:g}. An interval without width says that "
        "no resample of these samples differed, not that the value is certain.",
        "",
        *set_results(found),
        *class_tables(facts),
    ]


def _ethics(facts: RunFacts) -> list[str]:
    if facts.simulated:
        return bullets(
            [
                "The counts are simulated: no patient's data were used, and the model holds none.",
                "A model that looks good on simulated tumours must not be taken for a test of real "
                "ones.",
            ]
        )
    return bullets(
        [
            "The counts may come from people. Consent, ethics approval and terms of use of the "
            "data: to be filled in by the authors.",
            "The model holds gene ids, weights and, per gene, mean and spread over the training "
            "samples; no single sample.",
            "Patients of groups that the cohort lacks may be served worse; this was not measured.",
        ]
    )


def _caveats(facts: RunFacts) -> list[str]:
    found, metrics = facts.evaluation, dict(_known_metrics(facts))
    items = [f"Check of the data: {escape(warning)}" for warning in facts.checks["warnings"]]
    items += [f"{escape(words)}." for words in phrases.chance_words({facts.name: facts.evaluation})]
    if phrases.is_wide(metrics["auroc"]):
        items.append(
            f"The interval of AUROC is wide: {count(found['n_test'], 'test sample')} leave it "
            f"anywhere between {number(metrics['auroc']['low'])} and "
            f"{number(metrics['auroc']['high'])}."
        )
    items += [
        "One split with one seed. `results/report/comparison.json` has all splits and paired tests "
        "against the other models.",
        "The probability supposes the shares of the classes that the cohort has; elsewhere "
        "calibrate anew, and decide by what an error costs.",
        "Test the model on a labelled cohort of your own before you rely on it.",
    ]
    return bullets(items)


def _known_metrics(facts: RunFacts) -> list[tuple[str, dict[str, Any]]]:
    """Return the metrics that were computed, in the house's order."""
    found = facts.evaluation["metrics"]
    return [(name, found[name]) for name in METRICS if name in found]
