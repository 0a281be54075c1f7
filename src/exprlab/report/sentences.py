"""What the numbers say, in sentences that claim no more than the numbers do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from exprlab.keys import LOSSES, ORACLE
from exprlab.many import are_many, natural, spread

CANNOT_TELL = "cannot be told apart"
Pair = Mapping[str, Any]


def number(value: float | None, digits: int = 3) -> str:
    """Return a number with a fixed count of decimals, or 'n/a' where it is not defined."""
    if value is None or value != value:
        return "n/a"
    text = f"{value:.{digits}f}"
    # A rounded-away sign would suggest a direction.
    return text.lstrip("-") if float(text) == 0 else text.replace("-", "−")


def p_text(p_value: float | None) -> str:
    """Return e.g. 'p = 0.012' or 'p < 0.001'."""
    if p_value is None or p_value != p_value:
        return "p not computed"
    return "p < 0.001" if p_value < 0.001 else f"p = {p_value:.3f}"


def oriented(pairs: Sequence[Pair], first: str, second: str, metric: str) -> list[dict[str, Any]]:
    """Return the pairs of two models with the difference as first minus second, by split.

    Pairs without an interval are left out: nothing can be concluded from them.
    """
    result = []
    for pair in pairs:
        if pair["metric"] != metric or {pair["model_a"], pair["model_b"]} != {first, second}:
            continue
        values = (pair["difference"], pair["low"], pair["high"])
        if any(v is None or v != v for v in values):
            continue
        difference, low, high = values
        if pair["model_a"] == second:
            difference, low, high = -difference, -high, -low
        result.append({**pair, "difference": difference, "low": low, "high": high})
    return sorted(result, key=lambda pair: natural(str(pair["split"])))


def verdict(pair: Pair) -> str:
    """Return what one paired comparison says, e.g. 'mlp is better' or 'cannot be told apart'."""
    low, high = pair["low"], pair["high"]
    if low is None or high is None or low != low or high != high:
        return "no interval"
    if low <= 0 <= high:
        return CANNOT_TELL
    a_is_better = (low > 0) != (pair["metric"] in LOSSES)
    return f"{pair['model_a'] if a_is_better else pair['model_b']} is better"


def key_sentence(dataset: str, result: Mapping[str, Any], confidence: float) -> str:
    """Return the main result of a data set in one honest statement.

    The two models with the highest mean AUROC are compared by their paired intervals. Only if
    every split's interval lies on the same side of 0 is one of them called better. Splits share
    samples, so their p-values are told one by one and never combined; of many splits the
    differences are summed up and no p value is told.

    Parameters
    ----------
    dataset
        Its name.
    result
        ``datasets[dataset]`` of comparison.json: ``models`` and ``pairs``.
    confidence
        Coverage of the intervals, e.g. 0.95.
    """
    means = {m: e["auroc"]["mean"] for m, e in result["models"].items() if m != ORACLE}
    known = {m: v for m, v in means.items() if v is not None and v == v}
    start = f"On {dataset}, "
    if not known:
        return start + "no model has a defined AUROC."
    ranked = sorted(known, key=lambda m: (-known[m], m))
    chance = _chance_sentence(ranked[0], result["models"][ranked[0]]["auroc"])
    if len(ranked) == 1:
        return f"{start}{ranked[0]} reaches a mean AUROC of {number(known[ranked[0]])}. {chance}"
    first, second = ranked[:2]
    pairs = oriented(result["pairs"], first, second, "auroc")
    scores = f"mean AUROC {number(known[first])} against {number(known[second])}"
    return start + f"{_compare(first, second, scores, pairs, confidence)} {chance}".rstrip()


def truth_sentence(dataset: str, result: Mapping[str, Any]) -> str:
    """Return how far the models are from the best possible classifier; nothing without truth."""
    truth = result.get("truth")
    if not truth:
        return ""
    best = result["models"][ORACLE]["auroc"]["mean"]
    words = [
        f"{model} is {number(entry['auroc_gap']['mean'])} below it and its probabilities cost "
        f"{number(entry['excess_log_loss']['mean'])} nats a sample more than the true ones"
        for model, entry in truth.items()
    ]
    shares = {m: s["auroc"] for m, s in result.get("share_of_gap_closed", {}).items()}
    gaps = "".join(f" {_gap_words(m, s)}" for m, s in shares.items() if s is not None)
    return (
        f"On {dataset} the best possible mean AUROC, of the oracle that knows how the cohort was "
        f"simulated, is {number(best)}: {'; '.join(words)}.{gaps}"
    )


def interval_sentence(repeats: Mapping[str, Mapping[str, Any]], checks: Mapping[str, Any]) -> str:
    """Return what the intervals of means say, and what they do not.

    Parameters
    ----------
    repeats
        Model -> repeat -> its evaluation, as `exprlab.report.inputs.RepeatInputs`.
    checks
        cohort.checks.json.
    """
    first = next(iter(next(iter(repeats.values())).values())).evaluation
    who = "samples" if checks.get("n_patients") in (None, checks["n_samples"]) else "whole patients"
    text = (
        f"The interval of a mean resamples {who}, the same ones in every repeat: repeats divide "
        "the same cohort anew and are no further evidence. It tells how much hangs on who was "
        "tested, with the models as they are, not how much another cohort to train on would "
        "change them."
    )
    if "folds" not in first:
        return text
    return (
        f"Each repeat tests every sample once. {text} AUROC and AUPRC compare samples of the same "
        "fold only, since scores of different models have no common scale; all other metrics are "
        "those of all samples together."
    )


def guard_sentence(guards: Mapping[str, Mapping[str, Any]]) -> str:
    """Return what the guard against leakage found; it stops the workflow where there is a leak.

    Parameters
    ----------
    guards
        Split -> guard/{split}.json.
    """
    told = {split: g for split, g in guards.items() if g["mean"] is not None}
    if not told:
        return "No test had samples of two classes, so the guard against leakage could not look."
    first = next(iter(told.values()))
    if not are_many(told):
        found = "; ".join(
            f"{split}: {number(g['mean'])} ({number(g['low'])} to {number(g['high'])})"
            for split, g in told.items()
        )
    else:
        means = [g["mean"] for g in told.values()]
        found = f"covers 0.5 in each of {len(told)} splits (means {number(min(means))} to "
        found += f"{number(max(means))})"
    return (
        f"Labels that were permuted {first['n_permutations']} times could not be predicted: no "
        f"sign that labels of test samples reached the training. AUROC with "
        f"{100 * first['confidence']:g} % interval {found}."
    )


def new_cohort_sentence(
    evaluations: Mapping[str, Mapping[str, Any]], judged: Mapping[str, Any]
) -> str:
    """Return how much each model has lost between the test samples and the new cohort.

    Parameters
    ----------
    evaluations
        Model -> split -> evaluation.json, on the test samples.
    judged
        new_samples.evaluation.json.
    """
    words = []
    for model in evaluations:
        splits = judged["models"].get(model)
        if model == ORACLE or not splits:
            continue
        pairs = [
            (evaluations[model][split]["metrics"]["auroc"]["value"], found["metrics"]["auroc"])
            for split, found in splits.items()
        ]
        # A test batch of one class has no AUROC.
        known = [(test, new) for test, new in pairs if test is not None]
        if not known:
            continue
        tests, news = zip(*known, strict=True)
        lost = sum(new["high"] < test for new, test in zip(news, tests, strict=True))
        scores = (
            f"{model} has a mean AUROC of {number(_mean([new['value'] for new in news]))} on the "
            f"new cohort and had {number(_mean(tests))} on the test samples"
        )
        verdict = "within the interval" if not lost else f"a loss in {lost} of {len(news)} splits"
        words.append(f"{scores} ({verdict})")
    return "; ".join(words) + "." if words else ""


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def _gap_words(model: str, share: float) -> str:
    if share <= 0:
        return f"{model} is no nearer to it than the linear model: here the simple model wins."
    return f"{model} closes {100 * share:.0f} % of the gap that the linear model leaves."


def _compare(first: str, second: str, scores: str, pairs: Sequence[Pair], confidence: float) -> str:
    if not pairs:
        return f"{first} and {second} were not compared by a paired test ({scores})."
    summed_up = are_many(pairs)
    details = differences_words(pairs, confidence) if summed_up else _each(pairs, confidence)
    above = sum(pair["low"] > 0 for pair in pairs)
    below = sum(pair["high"] < 0 for pair in pairs)
    if above == len(pairs):
        where = "" if len(pairs) == 1 else f" in each of the {len(pairs)} splits"
        return f"{first} ranks samples better than {second}{where} ({scores}; {details})."
    if above == below == 0:
        return (
            f"{first} and {second} {CANNOT_TELL} by AUROC ({scores}): the interval of the "
            f"difference covers 0 {'' if len(pairs) == 1 else 'in every split '}({details})."
        )
    return (
        f"the evidence on {first} and {second} is not consistent ({scores}): {first} is better in "
        f"{above}, {second} in {below}, and they {CANNOT_TELL} in {len(pairs) - above - below} of "
        f"the {len(pairs)} splits ({details})."
    )


def _each(pairs: Sequence[Pair], confidence: float) -> str:
    """Return the difference in each split."""
    return "; ".join(
        f"{pair['split']}: difference {number(pair['difference'])}, {100 * confidence:g} % "
        f"interval {number(pair['low'])} to {number(pair['high'])}, {p_text(pair['p_value'])}"
        for pair in pairs
    )


def differences_words(pairs: Sequence[Pair], confidence: float) -> str:
    """Return how the differences in many splits are spread, and how many intervals exclude 0."""
    values = {str(pair["split"]): pair["difference"] for pair in pairs}
    found = spread(values)
    assert found is not None
    excluded = sum(not pair["low"] <= 0 <= pair["high"] for pair in pairs)
    return (
        f"over {found.n:,} splits the difference is {number(found.mean)} on average, from "
        f"{number(values[found.smallest])} ({found.smallest}) to {number(values[found.largest])} "
        f"({found.largest}), and its {100 * confidence:g} % interval excludes 0 in "
        f"{excluded or 'none'} of them"
    )


def _chance_sentence(model: str, entry: Mapping[str, Any]) -> str:
    """Return a warning if even the best model may be guessing, else nothing."""
    lows = [e["low"] for e in entry["per_split"].values() if e.get("low") is not None]
    highs = [e["high"] for e in entry["per_split"].values() if e.get("high") is not None]
    below = sum(high < 0.5 for high in highs)
    if below:
        where = f"In {below} of {len(highs):,} splits" if are_many(highs) else "In some split"
        return (
            f"{where} {model} ranks worse than guessing (interval below 0.5): look for "
            "swapped labels or a difference between training and test samples."
        )
    guessing = sum(low <= 0.5 for low in lows)
    if lows and guessing == len(lows):
        return f"Even {model} cannot be told from guessing: its interval covers 0.5 in every split."
    if guessing:
        where = f"In {guessing} of {len(lows):,} splits" if are_many(lows) else "In some splits"
        return f"{where} {model} cannot be told from guessing (interval covers 0.5)."
    return ""


def listing(words: Sequence[str]) -> str:
    """Return words as 'a', 'a and b' or 'a, b and c'."""
    words = [str(w) for w in words]
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def count(amount: int, noun: str) -> str:
    """Return e.g. '1 sample' or '2,400 samples'."""
    return f"{amount:,} {noun}{'' if amount == 1 else 's'}"
