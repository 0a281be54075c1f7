# %% [markdown]
# # 6 Inference: new samples
#
# Training is over: the weights are **frozen**. A new tumour comes, nobody knows its class, and the
# model has to say what it thinks of it. That is **inference**. It is less work than training, and
# more can go wrong unnoticed.
#
# After this lesson you can
#
# - say what belongs to a model besides its weights;
# - tell logit, probability, calibrated probability and prediction apart, and compute each;
# - show what happens if new samples are not prepared as the training samples were;
# - say what a model does with genes in another order, genes that it lacks, and values that are no
#   counts;
# - find the sample whose prediction must not be trusted.
#
# What each column of a prediction means is in `docs/predictions.md`.

# %%
import contextlib
import json
import shutil
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from exprlab.errors import UserError
from exprlab.lessons.commands import call, forget_surroundings
from exprlab.lessons.show import show
from exprlab.plotting import lesson_figures

forget_surroundings()  # this may run inside another workflow

# %% [markdown]
# ## A trained model
#
# The pipeline makes one, with the commands that its rules run (`workflow/rules/preprocess.smk`,
# `workflow/rules/train.smk`). `exprlab` runs such a command in a folder that is thrown away at the
# end, and prints the end of what it says.

# %%
temporary = tempfile.TemporaryDirectory()
folder = Path(temporary.name)


def exprlab(command, settings=None, lines=10):
    """Run `python -m exprlab ...` in the folder."""
    params = [] if settings is None else ["--params", json.dumps(settings)]
    told = call("exprlab", *command.split(), *params, folder=folder)
    if told:
        print("\n".join(told.splitlines()[-lines:]))


# %% [markdown]
# First two cohorts of the same world, smaller than that of lesson 5: one to learn from, and one
# that comes later.

# %%
world = {
    "scenario": "easy-linear",
    "n_genes": 5000,
    "simulator": {"target_auroc": 0.97},
}
new_ones = "--cohort new_samples --counts new.h5ad --truth new.truth.h5ad"
exprlab(
    "simulate --counts cohort.h5ad --truth cohort.truth.h5ad",
    {**world, "n_samples": 400},
)
exprlab(f"simulate {new_ones}", {**world, "n_samples": 200})

# %% [markdown]
# The samples of the first cohort are divided, and the preprocessing is fitted to those that train.

# %%
arrays = "--arrays fitted.safetensors --features features.npy"
fitted = f"--preprocessor fitted.json {arrays}"
exprlab(
    "split --counts cohort.h5ad --output split.tsv --seed 0",
    {"design": "holdout", "val_fraction": 0.25},
)
exprlab(f"preprocess --counts cohort.h5ad --split split.tsv {fitted}")

# %% [markdown]
# The network from scratch learns, as in lesson 5.

# %%
network = {
    "kind": "scratch_mlp",
    "hidden": [16],
    "learning_rate": 0.03,
    "batch_size": 16,
    "max_epochs": 20,
}
where = "--run tumours/scratch_mlp/seed-0"
exprlab(
    "train-baseline --counts cohort.h5ad --split split.tsv --features features.npy "
    f"{where} --seed 0",
    {"model": network},
    lines=2,
)

# %% [markdown]
# At last, the validation samples calibrate it and set its threshold, and everything is packed into
# one folder, `model`.

# %%
exprlab(f"calibrate {where} --counts cohort.h5ad {fitted} --output model")

# %% [markdown]
# ## What belongs to a model
#
# The folder needs nothing else: not the cohort, not the config, not what training left behind. It
# holds text and arrays only, so opening it runs no code.

# %%
from exprlab.files import read_arrays

described = json.loads((folder / "model/model.json").read_text())
arrays = read_arrays(folder / "model/model.safetensors")
print("files:", *sorted(path.name for path in (folder / "model").iterdir()))
print("model.json:", *described)
print("its genes:", *described["preprocessing"]["genes"][:4], "...")
for name in ("temperature", "threshold"):
    print(f"{name:24} {described[name]:.2f}")
for name in ("network.layers.0.weight", "preprocessing.mean", "preprocessing.sd"):
    print(f"{name:24} {arrays[name].shape}")

# %% [markdown]
# - `network`: the weights (`src/exprlab/nets/mlp.py` builds the network around them);
# - `preprocessing`: which genes, in which order, and each gene's mean and standard deviation over
#   the training samples;
# - `temperature` and `threshold`, of which below;
# - `prediction_sets` and `domain`: which classes cannot be excluded, and what a usual sample is.
#
# Weights without the rest are worthless: a weight belongs to a certain gene on a certain scale. So
# the files are checked when they are loaded. Let somebody change the threshold by hand:

# %%
from exprlab.inference.predict import load_model, predict_frame

shutil.copytree(folder / "model", folder / "changed", dirs_exist_ok=True)
described["threshold"] = 0.1
(folder / "changed/model.json").write_text(json.dumps(described))
with contextlib.chdir(folder):
    try:
        load_model("changed")
    except UserError as error:
        print(error)
    model = load_model("model")

# %% [markdown]
# ## Predictions
#
# The new samples are a table of raw counts: a row for each sample, a column for each gene. Nothing
# is fitted to it. The classes are known here, because the cohort is simulated; they are read only
# to see who was right.

# %%
from exprlab.data.formats import open_counts

with open_counts(folder / "new.h5ad") as file:
    _, counts = next(file.blocks())
    new = pd.DataFrame(counts, file.samples.index, file.genes.index)
    truth = file.samples["label"].astype(str)
print(new.iloc[:3, :5])

# %%
before = {name: array.copy() for name, array in model.weights.items()}
predicted = predict_frame(model, new)
columns = ["logit", "probability", "calibrated_probability", "prediction"]
print(predicted[columns].head(6).round(2).to_string())
print("right:", (predicted["prediction"] == truth).sum(), "of", len(truth))
frozen = all(np.array_equal(before[name], model.weights[name]) for name in before)
print("the weights are what they were:", frozen)

# %% [markdown]
# ## Logit, probability, prediction
#
# Four columns that are not the same thing:
#
# - the **logit** is the sum that the last layer makes, any number;
# - the **probability** is `sigmoid(logit)`;
# - the **calibrated probability** is `sigmoid(logit / temperature)`. The temperature was found on
#   the validation samples (`src/exprlab/evaluation/calibration.py`); above 1 it makes the model
#   less sure of itself;
# - the **prediction** is a word: `malignant` where the calibrated probability reaches the
#   **threshold**. That was chosen on the validation samples, too, and need not be 1/2.

# %%
logits, temperature = predicted["logit"].to_numpy(), model.calibration
labels = (truth == "malignant").to_numpy(dtype=int)
show(
    lesson_figures.logits_figure(logits, labels, temperature, model.threshold),
    "Two S-shaped curves over the logit; the calibrated one is less steep. Most "
    "malignant samples are on the right, most benign ones on the left",
)

# %% [markdown]
# (Malignant samples are drawn a little above the curve and benign ones below.)
#
# What to conclude: all three numbers put the samples into the same order, so calibration does not
# make a model better at telling classes apart. It changes what a number *means*. Does it mean what
# it says? Of samples with a probability of 0.99, 99 in 100 should be malignant:

# %%
for column in ("probability", "calibrated_probability"):
    value = predicted[column].to_numpy()
    sure = value > 0.9
    of_true_class = np.where(labels == 1, value, 1 - value)
    print(column)
    print(f"  above 0.9: {sure.sum()} samples, on average {value[sure].mean():.2f}; "
          f"malignant are {labels[sure].mean():.2f}")  # fmt: skip
    print(f"  loss over all samples: {-np.log(of_true_class).mean():.2f} nats")

# %% [markdown]
# What to conclude: this network is too sure of itself, as networks often are that have learned
# their training samples by heart. Calibrated probabilities are nearer to the truth, but not there:
# the temperature is one number, found on 100 samples.
#
# ## The same preprocessing as in training
#
# New samples are scaled by the means and standard deviations **of the training samples**. Would it
# not be fairer to scale them by their own? One clinic sends 20 tumours that are all malignant,
# another one 20 that are all benign. `with_own_scale` does the wrong thing to the same model.


# %%
def with_own_scale(model, samples):
    """Return the model, but scaling by mean and sd of the samples to predict."""
    own = model.preprocessor.log_values(samples[model.preprocessor.genes].to_numpy())
    mean, sd = own.mean(axis=0), own.std(axis=0)
    sd = np.where(sd > 1e-6, sd, 1).astype(np.float32)
    return replace(model, preprocessor=replace(model.preprocessor, mean=mean, sd=sd))


rows = {}
for clinic in ("malignant", "benign"):
    sent = new[truth == clinic][:20]
    scales = {"as in training": model, "by themselves": with_own_scale(model, sent)}
    for scale, used in scales.items():
        found = predict_frame(used, sent)
        rows[f"{clinic}, {scale}"] = found["calibrated_probability"]
        n = (found["prediction"] == "malignant").sum()
        print(f"20 {clinic:9} tumours, scaled {scale:14}: {n:2} called malignant")

# %%
show(
    lesson_figures.strips_figure(
        rows,
        "calibrated probability of malignant",
        (model.threshold, "threshold"),
        limits=(-0.03, 1.03),
    ),
    "Four rows of 20 samples: scaled as in training most lie on their class's side; "
    "scaled by themselves both clinics look alike",
)

# %% [markdown]
# What to conclude: what the tumours of a clinic have in common is just what tells their class.
# Scaling them by themselves takes it away, and both clinics look alike. Worse, a patient's result
# depends on who else is in the file. Of one sample alone nothing is left, since its own mean is the
# sample itself:

# %%
for name in new.index[:3]:
    alone = new.loc[[name]]
    wrong = predict_frame(with_own_scale(model, alone), alone)
    print(name, f"logit, scaled by itself {wrong['logit'].iloc[0]:.2f},",
          f"as in training {predicted.loc[name, 'logit']:.2f}")  # fmt: skip

# %% [markdown]
# Each gets the same logit: that of the average training sample.
#
# ## Alone or among others
#
# As it should be, the real model says of a sample alone what it says of it among 200:

# %%
alone = pd.concat([predict_frame(model, new.iloc[[row]]) for row in range(10)])
among = predicted[:10]
print("logits within 0.0001:", (alone["logit"] - among["logit"]).abs().max() < 1e-4)
print("same predictions:", (alone["prediction"] == among["prediction"]).all())

# %% [markdown]
# (With more samples at once, sums are added up in another order, so the last digits may differ.)
# There is one exception in the pipeline: the shift of a batch that training has not seen is
# estimated from the batch's own samples (`src/exprlab/inference/new_batches.py`). The cohorts here
# have one batch.
#
# ## Genes by name
#
# A table from another laboratory has its genes in another order, and more or fewer of them. The
# model finds its genes by name (`src/exprlab/inference/match_genes.py`):

# %%
rng = np.random.default_rng(6)
reordered = new.iloc[:, rng.permutation(new.shape[1])]
more = new.assign(a_new_gene=7)
fewer = new.iloc[:, 100:]
tables = {"another order": reordered, "one gene more": more, "100 genes fewer": fewer}
for words, table in tables.items():
    found = predict_frame(model, table)
    changed = (found["prediction"] != predicted["prediction"]).sum()
    print(f"{words:15}  the same table: {found.equals(predicted)!s:5}  "
          f"other classes: {changed}  flags: {found['flags'].iloc[0]!r}")  # fmt: skip

# %% [markdown]
# What to conclude: order and genes that the model does not know change nothing. Of the 100 genes
# that are left out the model uses 93. They are set to their training mean, which speaks for no
# class; one sample of 200 is then called otherwise, and each is flagged.
#
# What cannot be mended is refused: more than a tenth of the genes missing, or values that are no
# counts.

# %%
for table in (new.iloc[:, 600:], np.log2(new + 1).round(2)):
    try:
        predict_frame(model, table)
    except UserError as error:
        words = str(error)
        print(words if len(words) < 300 else f"{words[:120]} ... {words[-170:]}")
        print()

# %% [markdown]
# ## A sample unlike those in training
#
# The sigmoid always gives a number between 0 and 1, also for something that is no tumour at all.
# Here is a usual sample, and what may become of it:

# %%
usual = new.iloc[[1]]
values = usual.to_numpy()
spoiled = {
    "as it is": values,
    "four times the reads": 4 * values,
    "one read of a hundred": rng.binomial(values, 0.01),
    "decayed": np.rint(values * np.exp(rng.normal(size=values.shape))).astype(int),
    "genes mixed up": rng.permutation(values, axis=1),
}
odd = pd.DataFrame(np.concatenate(list(spoiled.values())), list(spoiled), new.columns)
found = predict_frame(model, odd)
columns = ["calibrated_probability", "prediction", "distance", "typicality"]
print(found[columns].round(2).to_string())

# %%
for name, flags in found["flags"].items():
    print(f"{name}: {flags or 'no flag'}")

# %% [markdown]
# **distance** says how far a sample is from the training samples, in standard deviations from what
# is usual: 0 is usual, 3 is far. **typicality** is the share of validation samples that are at
# least so far (`src/exprlab/inference/domain.py`). The **flags** say it in words
# (`src/exprlab/inference/flags.py`).
#
# What to conclude: four times the reads change nothing, because depth is taken out; it is flagged
# all the same, as no training sample was so deep. The last three are no tumours that this model
# knows, yet it calls a class for each, two of them nearly as surely as the good one. A probability
# says which *class* is likelier, never whether the question makes sense. So read flags and
# typicality first.
#
# ## In one command
#
# Outside of a lesson, all of this is one line. It takes tables of text, too (`docs/inputs.md`).

# %%
exprlab("predict --model model --expression new.h5ad --output predictions.tsv")
table = pd.read_csv(folder / "predictions.tsv", sep="\t", index_col=0)
print("columns:", *table.columns)
print("as above:", (table["prediction"] == predicted["prediction"]).all())

# %% [markdown]
# ## Exercises
#
# **1.** Do it by hand: from logits, temperature and threshold to probability, calibrated
# probability and prediction.


# %% tags=["exercise"]
def by_hand(logit, temperature, threshold):
    """Return probability, calibrated probability and the class called, (n,) each."""


# %% tags=["solution"]
def by_hand(logit, temperature, threshold):
    """Return probability, calibrated probability and the class called, (n,) each."""
    probability = 1 / (1 + np.exp(-logit))
    calibrated = 1 / (1 + np.exp(-logit / temperature))
    called = np.where(calibrated >= threshold, "malignant", "benign")
    return probability, calibrated, called


# %% tags=["check"]
found = by_hand(predicted["logit"].to_numpy(), model.calibration, model.threshold)
assert found is not None, "the function returns nothing yet"
assert len(found) == 3, "three arrays: probability, calibrated probability, class"
assert np.allclose(found[0], predicted["probability"]), "sigmoid of the logit"
close = np.allclose(found[1], predicted["calibrated_probability"])
assert close, "the logit is divided by the temperature, then comes the sigmoid"
called = np.asarray(found[2])
assert set(called) <= {"benign", "malignant"}, "the class is a word for each sample"
differ = (called != predicted["prediction"]).sum()
assert differ == 0, f"{differ} called otherwise: the threshold is for calibrated ones"
print("right: exercise 1")

# %% [markdown]
# **2.** Put the genes of a table into a random order. A name must travel with its values; what
# happens if only the names, or only the values, are shuffled?


# %% tags=["exercise"]
def shuffled(table, rng):
    """Return the table with its columns in a random order."""
    return table


# %% tags=["solution"]
def shuffled(table, rng):
    """Return the table with its columns in a random order."""
    return table[rng.permutation(table.columns)]


# %% tags=["check"]
found = shuffled(new, np.random.default_rng(2))
moved = (np.asarray(found.columns) != np.asarray(new.columns)).mean()
assert moved > 0.9, f"{moved:.0%} of the genes were moved; nearly all should be"
assert found.shape == new.shape, "no gene may get lost or come twice"
same = (predict_frame(model, found)["logit"] - predicted["logit"]).abs().max() < 1e-4
assert same, "the predictions changed: a gene's name and its values were parted"
print("right: exercise 2")

# %% [markdown]
# **3.** Eight samples are in the inbox. Some of them the model was not made for. Find them in its
# answer: write a function that takes the table of predictions and returns the names of the samples
# whose prediction must not be trusted.

# %%
hidden = np.random.default_rng(8)
inbox = new.iloc[[0, 1, 4, 5, 9, 12, 16, 20]].set_axis([f"T{i}" for i in range(1, 9)])
inbox.loc["T4"] = np.rint(inbox.loc["T4"] * np.exp(hidden.normal(size=new.shape[1])))
inbox.loc["T7"] = hidden.permutation(inbox.loc["T7"].to_numpy())
answer = predict_frame(model, inbox)
columns = ["calibrated_probability", "prediction_set", "distance", "typicality"]
print(answer[columns].round(2).to_string())


# %% tags=["exercise"]
def not_to_trust(answer):
    """Return the names of samples that the model was not made for, as a list."""


# %% tags=["solution"]
def not_to_trust(answer):
    """Return the names of samples that the model was not made for, as a list."""
    return list(answer.index[answer["flags"] != ""])


# %% tags=["check"]
found = not_to_trust(answer)
assert found is not None, "the function returns nothing yet"
found = set(found)
assert found <= set(answer.index), f"names such as T1 are asked for; found {found}"
assert "T1" not in found, "T1 is between the classes: the model says so itself"
assert found >= {"T4", "T7"}, f"one is missing among {found}: look at the distance"
assert found == {"T4", "T7"}, f"not all of {found} are far from training samples"
print("right: exercise 3;", *sorted(found))

# %% [markdown]
# `T1` is a sound sample of which the model says that it cannot tell: its `prediction_set` names
# both classes. That is an honest answer. Of `T4` it is as sure as of `T5`, and that means nothing.

# %%
temporary.cleanup()  # the files are no longer needed

# %% [markdown]
# ## Where it lives in the pipeline
#
# | idea | file |
# |---|---|
# | predictions for new samples | `src/exprlab/inference/predict.py`, `workflow/rules/infer.smk` |
# | the model's folder | `src/exprlab/inference/model.py`, `src/exprlab/inference/pack.py` |
# | preprocessing, fitted and frozen | `src/exprlab/preprocess/preprocessor.py` |
# | calibration and threshold | `src/exprlab/evaluation/calibration.py` |
# | logit to probability to class | `src/exprlab/outputs.py` |
# | genes by name | `src/exprlab/inference/match_genes.py` |
# | distance and typicality | `src/exprlab/inference/domain.py` |
# | flags | `src/exprlab/inference/flags.py` |
# | prediction sets | `src/exprlab/evaluation/conformal.py` |
# | batches that training has not seen | `src/exprlab/inference/new_batches.py` |
# | what each column means | `docs/predictions.md` |
