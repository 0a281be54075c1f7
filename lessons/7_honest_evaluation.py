# %% [markdown]
# # 7 Honest evaluation
#
# After this lesson you can
#
# - say what an AUROC of 0.85 means, and how little a test of 20 samples can tell;
# - find leakage: genes chosen on all samples, patients on both sides of a split;
# - read the guard that stops the pipeline when something leaks, and say what it cannot see;
# - say what a probability of 0.8 must mean, and correct one that means something else;
# - measure how far a model is from the best possible one.
#
# A model is judged by tumours that it has never met. This lesson is about the ways in which it
# has met them all the same.

# %%
import io
from contextlib import redirect_stdout
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from scipy.stats import norm

from exprlab.config.models import LogisticConfig
from exprlab.config.simulator import SCENARIOS, SimulatorConfig
from exprlab.config.steps import EvaluationConfig, SplitConfig
from exprlab.data.judge import judge
from exprlab.data.simulate import Simulator, samples_table
from exprlab.data.split import split_samples
from exprlab.errors import UserError
from exprlab.evaluation.bootstrap import intervals
from exprlab.evaluation.calibration import fit_temperature
from exprlab.evaluation.curves import calibration
from exprlab.evaluation.differential import welch_test
from exprlab.evaluation.evaluate import evaluate
from exprlab.evaluation.leakage import guard, linear_pipeline
from exprlab.evaluation.metrics import classification_metrics
from exprlab.lessons.show import show
from exprlab.outputs import activate, calibrate
from exprlab.plotting.lesson_figures import curves_figure, strips_figure
from exprlab.plotting.run_figures import roc_figure
from exprlab.training.baselines import fit_logistic

# %% [markdown]
# ## AUROC is a chance
#
# Take a malignant and a benign tumour at random. The **AUROC** is the chance that the model gives
# the malignant one the higher probability. So it can be counted, pair by pair; a tie is half.

# %%
labels = np.array([0, 0, 0, 1, 1, 0, 1, 1])  # 1 is malignant
probabilities = np.array([0.1, 0.3, 0.4, 0.4, 0.5, 0.6, 0.7, 0.9])

ahead = 0.0
for malignant in probabilities[labels == 1]:
    for benign in probabilities[labels == 0]:
        ahead += (malignant > benign) + 0.5 * (malignant == benign)
print(f"{ahead} of 16 pairs: {ahead / 16}")

# %% [markdown]
# The library counts the same pairs, without the loops (`src/exprlab/evaluation/metrics.py`). Only
# the order matters: the cube of each probability has the same AUROC.


# %%
def auroc(labels, probabilities):
    """Return the AUROC; the threshold 0.5 is for other metrics."""
    return float(classification_metrics(labels, probabilities, 0.5)["auroc"])


print("as they are:", auroc(labels, probabilities))
print("cubed:      ", auroc(labels, probabilities**3))
print("a test without malignant tumours:", auroc(labels * 0, probabilities))

# %% [markdown]
# Guessing has 0.5, a perfect order 1. Without a malignant tumour there is no pair, so there is no
# AUROC: `nan`, "not a number", and not 0.
#
# ## What a small test can tell
#
# Here is a model whose AUROC we know, because we make up what it says: numbers from two bell
# curves that are 1.5 standard deviations apart. With tests of 20 samples, this is what we see of
# it.


# %%
def draw_test(n, rng):
    """Return labels of n tumours, half malignant, and the model's probabilities."""
    labels = np.arange(n) % 2
    return labels, activate(rng.normal(size=n) + 1.5 * labels)


truth = norm.cdf(1.5 / 2**0.5)
print(f"truth: {truth:.3f}")
rng = np.random.default_rng(0)
print("tests of 20:", *(f"{auroc(*draw_test(20, rng)):.2f}" for _ in range(8)))

# %% [markdown]
# The model is the same each time; the tumours differ. A reader of a paper sees one of these
# numbers, so it needs an **interval**. The *bootstrap* draws tumours from the test again and
# again, with repeats, and looks how far the AUROC moves (`src/exprlab/evaluation/bootstrap.py`).


# %%
def interval(labels, probabilities, rng):
    """Return the AUROC with the limits of its 95 % interval, from 200 resamples."""
    how = {"n_resamples": 200, "confidence": 0.95, "n_bins": 10, "rng": rng}
    return intervals(labels, probabilities, 0.5, **how)["auroc"]


for n in (20, 80, 320, 1280):
    value, low, high = interval(*draw_test(n, rng), rng)
    print(f"test of {n:4}: {value:.2f}, from {low:.2f} to {high:.2f}")

# %% [markdown]
# Four times as many samples, about half the width. Does the interval hold the truth in 95 of 100
# tests, as it says?

# %%
tests = [interval(*draw_test(20, rng), rng) for _ in range(100)]
holds = sum(found.low <= truth <= found.high for found in tests)
print(f"{holds} of 100 intervals hold the truth")

# %% [markdown]
# About. In very small tests the bootstrap is a little too sure of itself.
#
# ## Looking at the test twice
#
# Now 200 models that know nothing: each gives 30 tumours random probabilities. We test all of
# them, and report the best.

# %%
rng = np.random.default_rng(1)
labels = np.arange(30) % 2
first, second = rng.random((2, 200, 30))  # of two tests, 200 models, 30 tumours
of_first = [auroc(labels, row) for row in first]
best = int(np.argmax(of_first))
print(f"the best of 200 on this test:   {of_first[best]:.2f}")
print(f"the same model on another test: {auroc(labels, second[best]):.2f}")

# %% [markdown]
# What to conclude: a number that was used to choose is no test any more. Choices need samples of
# their own, the **validation** samples: in the pipeline they choose the best epoch, the threshold
# and the calibration. The test samples are looked at once, at the end.
#
# ## Leakage: genes chosen on all samples
#
# The scenario `null` of the simulator has no signal: no gene has anything to do with the label.
# An honest AUROC is 0.5, up to luck.


# %%
def cohort(n, n_genes, seed, **settings):
    """Return log counts, labels and the sample sheet of a simulated cohort."""
    settings = {**SCENARIOS["null"].simulator, **settings}
    world = Simulator(SimulatorConfig(**settings), n_genes, seed)
    counts, design = world.counts(0, n), world.design(0, n)  # cohort 0: to train on
    values = np.log1p(1e6 * counts / counts.sum(axis=1, keepdims=True))
    return values.astype(np.float32), design.label, samples_table(design)


def sides(sheet, seed=0):
    """Return the row numbers of training and test samples."""
    how = SplitConfig(design="holdout", val_fraction=0.1, test_fraction=0.3)
    side = split_samples(sheet, how, seed).to_numpy()
    return np.flatnonzero(side != "test"), np.flatnonzero(side == "test")


# %% [markdown]
# A script finds 4,000 genes too many for 80 samples. So it takes the 50 genes that differ most
# between the classes, then splits the samples, trains and tests. Its twin does the same in
# another order: it splits first, and chooses on the training samples.
#
# The model is ridge regression, the one that the pipeline's guard uses
# (`src/exprlab/evaluation/leakage.py`).


# %%
def choose(values, labels, rows):
    """Return the 50 genes that differ most between the classes among these rows."""
    return np.argsort(welch_test(values[rows], labels[rows]).p_value)[:50]


def tested(values, labels, train, test):
    """Train on the training samples, return the AUROC of the test samples."""
    scale = values[train].std(axis=0) + 1e-6
    inputs = (values - values[train].mean(axis=0)) / scale
    scores = linear_pipeline(inputs, train, test)(labels[None].astype(np.int8))[0]
    return auroc(labels[test], activate(scores))


# %%
leaky, clean = [], []
for seed in range(20):  # 20 cohorts of 80 samples
    values, labels, sheet = cohort(80, 4000, seed)
    train, test = sides(sheet, seed)
    for rows, found in ((np.arange(80), leaky), (train, clean)):
        chosen = values[:, choose(values, labels, rows)]
        found.append(tested(chosen, labels, train, test))


def mean_and_error(found):
    """Return the mean of the repeats and its standard error, as text."""
    error = np.std(found, ddof=1) / len(found) ** 0.5
    return f"mean {np.mean(found):.2f}, standard error {error:.2f}"


print("chosen on all samples:     ", mean_and_error(leaky))
print("chosen on training samples:", mean_and_error(clean))

# %%
show(
    strips_figure(
        {"chosen on all samples": leaky, "chosen on training samples": clean},
        "AUROC of the test samples, no signal at all",
        reference=(0.5, "guessing"),
    ),
    "Dots of 20 cohorts: with genes chosen on all samples all lie above 0.5, most "
    "of them above 0.8; with genes chosen on training samples on both sides of 0.5",
)

# %% [markdown]
# What to conclude: the leaky twin finds a strong signal where there is none. Of 4,000 genes of
# pure chance some differ between the classes *in these 80 samples*, test samples included; to
# choose them is to have looked at the test's labels. The clean twin is at 0.5 within its standard
# error. Nothing in the training is wrong. The order of two lines is.
#
# The rule: **whatever looks at labels is part of the training**, and sees training samples only.
# Here each repeat is a cohort of its own. Twenty splits of one cohort share their samples, so
# their mean would be less certain than it looks.
#
# ## Leakage: a patient on both sides
#
# The same world without signal, but each patient gave three samples. They share what makes this
# patient differ from others, and the label.

# %%
by_sample, by_patient = [], []
for seed in range(20):
    values, labels, sheet = cohort(120, 1000, seed, samples_per_patient=3)
    alone = sheet.drop(columns="patient")  # as if nobody had written it down
    by_sample.append(tested(values, labels, *sides(alone, seed)))
    by_patient.append(tested(values, labels, *sides(sheet, seed)))

show(
    strips_figure(
        {"split by sample": by_sample, "split by patient": by_patient},
        "AUROC of the test samples, no signal at all",
        reference=(0.5, "guessing"),
    ),
    "Dots of 20 cohorts: split by sample all lie above 0.65, split by patient "
    "around 0.5 and wide apart",
)
print("split by sample: ", mean_and_error(by_sample))
print("split by patient:", mean_and_error(by_patient))

# %% [markdown]
# What to conclude: split by sample, the model recognises the *patient* and recalls the label. On
# a new patient it would guess. Split by patient it does guess. The dots there are wide apart,
# because 36 test samples of 12 patients are hardly more evidence than 12.
#
# `split_samples` keeps patients together wherever the sample sheet has a column `patient`. A
# sample whose patient is not known could be anybody's, so it is refused:

# %%
unknown = sheet.copy()
unknown.loc["S0000007", "patient"] = None
try:
    sides(unknown)
except UserError as error:
    print(error)

# %% [markdown]
# ## The guard
#
# On real data there may be signal, so a high AUROC proves nothing. But labels can be
# **permuted**: dealt out anew among the patients. Then there is no signal left, and whatever the
# model still predicts has leaked. `guard` does so 20 times and gives the interval of the AUROC;
# the pipeline does it for each split (rule `guard_leakage`), and stops if the interval leaves 0.5
# out.
#
# It is given a *pipeline*, a function from labels to scores of the test samples. Every step that
# looks at labels has to be inside.


# %%
def choosing(values, rows, train, test):
    """Return a pipeline that chooses genes on these rows by the labels it gets."""

    def scores(labels):
        inputs = values[:, choose(values, labels, rows)]
        return linear_pipeline(inputs, train, test)(labels[None])[0]

    return lambda permuted: np.array([scores(labels) for labels in permuted])


def look(name, pipeline, labels, sheet, test):
    """Print what the guard finds."""
    rng = np.random.default_rng(0)
    found = guard(pipeline, labels, sheet["patient"], test, 20, rng)
    low, high = found["low"], found["high"]
    verdict = "LEAKS" if found["leaks"] else "no leak found"
    print(f"{name:26} {found['mean']:.2f}, {low:.2f} to {high:.2f}: {verdict}")


# %%
values, labels, sheet = cohort(80, 4000, seed=0)
train, test = sides(sheet)
for name, rows in (("all samples", np.arange(80)), ("training samples", train)):
    pipeline = choosing(values, rows, train, test)
    look(f"chosen on {name}", pipeline, labels, sheet, test)

replicates, same, whose = cohort(120, 1000, seed=0, samples_per_patient=3)
for name, given in (("sample", whose.drop(columns="patient")), ("patient", whose)):
    a, b = sides(given)
    look(f"split by {name}", linear_pipeline(replicates, a, b), same, whose, b)

# %% [markdown]
# It finds both leaks and passes both twins. It has a blind spot, though: a step that was done
# *before*, with the true labels. Here the genes are chosen first, and the guard is given those
# genes.

# %%
chosen = values[:, choose(values, labels, np.arange(80))]
print(f"on the true labels: AUROC {tested(chosen, labels, train, test):.2f}")
look("chosen before", linear_pipeline(chosen, train, test), labels, sheet, test)

# %% [markdown]
# What to conclude: *no leak found* is not *no leak*. The genes fit the true labels and no others,
# so permuted labels cannot show it. That is why the pipeline starts from raw counts and filters
# genes without looking at labels. What does look (the correction of batches) sees training
# samples only.
#
# ## Calibration: what 0.8 must mean
#
# Of all tumours that get a probability of 0.8, four in five must be malignant. That is all, and
# it is a second question beside AUROC: order and meaning are different things. Here are
# probabilities that hold, and the same ones from a model that is three times too sure (its
# **logits**, the weighted sums before the sigmoid, are three times as large).

# %%
rng = np.random.default_rng(2)
logits = rng.normal(0, 1.5, size=4000)
labels = (rng.random(4000) < activate(logits)).astype(int)
for name, told in (
    ("honest", activate(logits)),
    ("too sure", activate(3 * logits)),
):
    near = (told >= 0.75) & (told < 0.85)
    share = 100 * labels[near].mean()
    print(f"{name:8}: AUROC {auroc(labels, told):.3f}")
    print(f"   of {near.sum()} tumours near 0.8, {share:.0f} % are malignant")

# %% [markdown]
# The cure is a **temperature**: one number that divides all logits, fitted on validation samples
# (`src/exprlab/evaluation/calibration.py`). Here the first half of the samples validates and the
# second tests.

# %%
val, test = slice(0, 2000), slice(2000, 4000)
sure = 3 * logits
temperature = fit_temperature(sure[val], labels[val])
print(f"temperature {temperature:.1f}")
curves = {"perfect": ([0, 1], [0, 1])}
for name, by in (("too sure", 1.0), ("divided by the temperature", temperature)):
    told = calibrate(sure[test], by)
    found = calibration(labels[test], told, n_bins=10)
    curves[name] = (found["predicted"], found["observed"])
    metrics = classification_metrics(labels[test], told, 0.5)
    print(f"{name:26}:", *(f"{m} {metrics[m]:.2f}" for m in ("auroc", "log_loss")))

show(
    curves_figure(
        curves,
        "predicted probability of malignant",
        "observed share of malignant",
    ),
    "Observed share over predicted probability: the model that is too sure is "
    "flatter than the diagonal, divided by its temperature it follows it",
)

# %% [markdown]
# What to conclude: dividing by the temperature changes no order, so the AUROC stays. What the
# probabilities say now holds, and the loss tells: it is lower. Use AUROC to ask whether a model
# can tell the classes apart, and the log loss or this curve to ask whether its numbers can be
# believed.
#
# ## The oracle: the best that is possible
#
# Is an AUROC of 0.86 good? That depends on what is possible. Real tumours do not say, simulated
# ones do: the simulator knows how counts come about, so the probability of malignant *given the
# counts* can be computed. That is the **oracle** (`src/exprlab/data/oracle.py`). It is not
# all-knowing: it sees the counts alone, and where they are ambiguous it says so.
#
# The default scenario, with fewer genes: 300 samples train a logistic regression, 100 validate,
# 300 new ones test.

# %%
world = Simulator(SimulatorConfig(), n_genes=1000, seed=1)
cohorts = ((0, 400), (1, 300))  # to train on, and new samples
counts = [world.counts(which, n) for which, n in cohorts]
labels = np.concatenate([world.design(which, n).label for which, n in cohorts])
train, val, test = np.split(np.arange(700), [300, 400])

counts = np.concatenate(counts)
values = np.log1p(1e6 * counts / counts.sum(axis=1, keepdims=True))
mean, sd = values[train].mean(axis=0), values[train].std(axis=0) + 1e-6
inputs = ((values - mean) / sd).astype(np.float32)

# %%
model = LogisticConfig(kind="logistic")
with TemporaryDirectory() as folder, redirect_stdout(io.StringIO()):  # it reports
    fitted = fit_logistic(inputs, labels, train, val, model, Path(folder))
verdict = judge(world, world.design(1, 300), world.blocks(1, 300))
posterior = verdict.recorded[:, 1]  # of malignant, for each test sample

# %% [markdown]
# `evaluate` makes what the pipeline writes into `evaluation.json`; given the posterior, it adds
# the distances from it.

# %%
settings = EvaluationConfig(bootstrap=200)
temperature = fit_temperature(fitted.logits[val], labels[val])
own = {
    "oracle": (np.log(posterior / (1 - posterior)), 1.0),
    "logistic": (fitted.logits[test], temperature),
}
judged = {}
for name, (logits, by) in own.items():
    rng = np.random.default_rng(3)
    judged[name] = evaluate(labels[test], logits, by, 0.5, settings, rng,
                            posterior=posterior)  # fmt: skip
    for metric in ("auroc", "log_loss"):
        value, low, high = judged[name]["metrics"][metric].values()
        print(f"{name:8} {metric:8} {value:.2f}, from {low:.2f} to {high:.2f}")

show(
    roc_figure(judged["logistic"], judged["oracle"]),
    "ROC curves of the same test samples: the regression's lies below the oracle's",
)

# %% [markdown]
# What to conclude: the oracle errs too, but the regression leaves a gap that more of the same
# training does not close: part of this signal is an exclusive-or, which no weighted sum expresses
# (lesson 3). The distance in numbers:

# %%
for name, found in judged["logistic"]["truth"].items():
    value, low, high = found.values()
    print(f"{name:18} {value:.2f}, from {low:.2f} to {high:.2f}")

# %% [markdown]
# The gap in AUROC; the excess of the log loss, in nats, over what the oracle has to pay; and how
# far a probability is from the true one, on average. The second is 0 at best, whatever the luck.
#
# ## No model beats the oracle, except by luck
#
# On average over all tumours nothing ranks better than the oracle. On few tumours anything may.
# We take small tests out of the 300 samples, 1,000 of each size, and count in how many the
# regression has the higher AUROC.

# %%
rng = np.random.default_rng(4)
theirs = calibrate(fitted.logits[test], temperature)
sizes, luck = [10, 20, 40, 80], []
for size in sizes:
    taken = np.zeros((1000, 300))  # 1 where a sample is in the test
    for row in taken:
        row[rng.choice(300, size, replace=False)] = 1
    model, oracle = (
        classification_metrics(labels[test], told, 0.5, weights=taken)["auroc"]
        for told in (theirs, posterior)
    )
    luck.append(int(np.sum(model > oracle)))

for size, ahead in zip(sizes, luck, strict=True):
    print(f"tests of {size}: the regression is ahead in {ahead} of 1,000")

# %% [markdown]
# What to conclude: a small test can put a model above the best possible one; with 80 samples it
# did not happen once. So a model that is clearly ahead of the oracle on many samples is no
# triumph, it is a leak.
#
# ## Exercises
#
# **1.** Write the AUROC without a loop. With a column of the malignant and a row of the benign
# tumours NumPy compares all pairs at once.


# %% tags=["exercise"]
def my_auroc(labels, probabilities):
    """Return the share of pairs in order, ties counted half."""


# %% tags=["solution"]
def my_auroc(labels, probabilities):
    """Return the share of pairs in order, ties counted half."""
    malignant = probabilities[labels == 1][:, None]
    benign = probabilities[labels == 0][None, :]
    return np.mean((malignant > benign) + 0.5 * (malignant == benign))


# %% tags=["check"]
some = np.array([0, 1, 0, 1, 1, 0, 0])
told = np.array([0.2, 0.9, 0.5, 0.5, 0.1, 0.5, 0.3])
found = my_auroc(some, told)
assert found is not None, "the function returns nothing yet"
assert np.ndim(found) == 0, f"one number is wanted; found shape {np.shape(found)}"
assert np.isclose(my_auroc(some, np.arange(7.0)), 5 / 12), "without ties: 5 of 12"
assert np.isclose(found, auroc(some, told)), f"ties half: {auroc(some, told):.3f}"
print("right: exercise 1")

# %% [markdown]
# **2.** A colleague's script scales the genes, chooses 20 of them, and only then splits. Repair
# it: nothing that is learnt may depend on test samples. `train` holds the rows that train.


# %% tags=["exercise"]
def prepare(values, labels, train):
    """Return the inputs of all samples, (n_samples, 20), and the genes chosen."""
    scaled = (values - values.mean(axis=0)) / (values.std(axis=0) + 1e-6)
    genes = np.argsort(welch_test(scaled, labels).p_value)[:20]
    return scaled[:, genes], genes


# %% tags=["solution"]
def prepare(values, labels, train):
    """Return the inputs of all samples, (n_samples, 20), and the genes chosen."""
    mean, sd = values[train].mean(axis=0), values[train].std(axis=0) + 1e-6
    scaled = (values - mean) / sd
    genes = np.argsort(welch_test(scaled[train], labels[train]).p_value)[:20]
    return scaled[:, genes], genes


# %% tags=["check"]
before, own_labels, table = cohort(60, 500, seed=7)
rows, others = sides(table)
inputs, genes = prepare(before, own_labels, rows)
assert inputs.shape == (60, 20), f"20 inputs of 60 samples; found {inputs.shape}"
turned, moved = own_labels.copy(), before.copy()
turned[others] = 1 - turned[others]  # other labels of the test samples
moved[others] += 3  # other values of the test samples
assert set(prepare(before, turned, rows)[1]) == set(genes), (
    "the genes change with the labels of test samples: choose on rows of `train`"
)
assert np.allclose(prepare(moved, own_labels, rows)[0][rows], inputs[rows]), (
    "inputs of training samples change with test samples: scale by `train`, too"
)
print("right: exercise 2")

# %% [markdown]
# **3.** Split by patient yourself: choose about 30 % of the *patients* at random, and return the
# row numbers of all samples of theirs as the test.


# %% tags=["exercise"]
def my_test_rows(patients, rng):
    """Return the rows of the test samples, given the patient of each sample."""
    return rng.choice(len(patients), size=round(0.3 * len(patients)), replace=False)


# %% tags=["solution"]
def my_test_rows(patients, rng):
    """Return the rows of the test samples, given the patient of each sample."""
    everyone = np.unique(patients)
    tested = rng.choice(everyone, size=round(0.3 * len(everyone)), replace=False)
    return np.flatnonzero(np.isin(patients, tested))


# %% tags=["check"]
patients, found = whose["patient"].to_numpy(), []
for seed in range(5):
    found.append(np.asarray(my_test_rows(patients, np.random.default_rng(seed))))
    inside = set(patients[found[-1]])
    both = inside & set(np.delete(patients, found[-1]))
    assert not both, f"{len(both)} patients are on both sides, such as {min(both)}"
    assert 9 <= len(inside) <= 15, f"about 12 of 40 patients; found {len(inside)}"
assert set(found[0]) != set(found[1]), "use rng: another seed tests other patients"
print("right: exercise 3")

# %% [markdown]
# **4.** Four results. For each say `"luck"`, if chance alone may well have made it, or `"leak"`,
# if something must have reached the training that should not have. In brackets is the 95 %
# interval.

# %% tags=["exercise"]
judgement = {
    "no signal, test of 40: AUROC 0.62 (0.44 to 0.79)": "?",
    "no signal, test of 600: AUROC 0.71 (0.67 to 0.75)": "?",
    "test of 20: model 0.97, oracle 0.95; difference 0.02 (-0.05 to 0.09)": "?",
    "test of 2,000: model 0.99, oracle 0.95; difference 0.04 (0.03 to 0.05)": "?",
}

# %% tags=["solution"]
# 0.5, or a difference of 0, is inside the interval of the first and the third only.
judgement = dict(zip(judgement, ["luck", "leak", "luck", "leak"], strict=True))

# %% tags=["check"]
told = list(judgement.values())
assert set(told) <= {"luck", "leak"}, f'answer "luck" or "leak"; so far {told}'
assert told[0] == "luck", "0.5 lies inside the first interval"
assert told[1] == "leak", "without signal there is only 0.5, far from the second"
assert told[2] == "luck", "0 lies inside the interval of the difference"
assert told[3] == "leak", "nothing is better than the oracle on so many samples"
print("right: exercise 4")

# %% [markdown]
# ## Where it lives in the pipeline
#
# | idea | file |
# |---|---|
# | AUROC and all other metrics | `src/exprlab/evaluation/metrics.py` |
# | intervals; whole patients are resampled | `src/exprlab/evaluation/bootstrap.py` |
# | training, validation and test samples | `src/exprlab/data/split.py` |
# | inputs learnt from training samples only | `src/exprlab/preprocess/preprocessor.py` |
# | the guard | `src/exprlab/evaluation/leakage.py` |
# | its rule, `guard_leakage` | `workflow/rules/evaluate.smk` |
# | temperature and threshold | `src/exprlab/evaluation/calibration.py` |
# | the oracle | `src/exprlab/data/oracle.py` |
# | its verdict on a cohort | `src/exprlab/data/judge.py` |
# | the distance from it | `src/exprlab/evaluation/truth.py` |
# | a run's figures: ROC, calibration | `src/exprlab/plotting/run_figures.py` |
# | a whole experiment without signal: `scenario: "null"` | `config/README.md` |
