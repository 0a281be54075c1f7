# %% [markdown]
# # 5 Tumours, malignant or benign
#
# The network of the course at full size: the expression of 20,000 genes goes in, a layer of hidden
# units follows, and one output says how probable it is that the tumour is malignant. It is trained
# twice: from scratch in NumPy, and in Lightning. Both give the same numbers.
#
# After this lesson you can
#
# - go from raw counts to a network's inputs, and let no test sample have a say in it;
# - train a network of 286,449 weights from scratch;
# - say what each part of that training is called in Lightning, and show that it does the same;
# - show how hidden units become detectors of a class;
# - ask a trained network which genes it looks at.
#
# Cells are run from top to bottom. The random numbers have fixed seeds, so you see what is printed
# here.

# %%
import copy
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd

from exprlab.config.steps import SimulatedDataset
from exprlab.data.simulate import TRAINING_COHORT, Simulator, gene_ids, samples_table
from exprlab.keys import CLASSES
from exprlab.lessons.show import show
from exprlab.plotting import course_figures, lesson_figures

# %% [markdown]
# ## A cohort
#
# The cohort is simulated, so the truth about it is known: which genes differ between the classes.
# In the scenario `easy-linear` (`src/exprlab/config/simulator.py`) they are easy to find, so 300
# samples are enough. Each of 150 patients gave two of them.

# %%
settings = SimulatedDataset(
    scenario="easy-linear",
    n_samples=300,
    n_genes=20_000,
    seed=1,
    simulator={"samples_per_patient": 2},
)
simulator = Simulator(settings.simulator_config(), settings.n_genes, settings.seed)
counts = simulator.counts(TRAINING_COHORT, settings.n_samples)
samples = samples_table(simulator.design(TRAINING_COHORT, settings.n_samples))
genes = gene_ids(settings.n_genes)
print("counts:", counts.shape, counts.dtype)
print(samples.head(4))

# %% [markdown]
# A row for each sample, a column for each gene; each entry counts the reads of a gene. Genes differ
# widely:

# %%
print(pd.DataFrame(counts, samples.index, genes).iloc[:4, :7])
print("least, middle and most reads of an entry:",
      counts.min(), int(np.median(counts)), f"{counts.max():,}")  # fmt: skip

# %% [markdown]
# ## A look before any model
#
# Two things are looked at first. The **library size**: how many reads a sample has in all. And the
# **zeros**: how many genes have no read.

# %%
labels = (samples["label"] == "malignant").to_numpy(dtype=np.int8)
library = counts.sum(axis=1) / 1e6
zeros = 100 * (counts == 0).mean(axis=1)
print(f"library sizes: {library.min():.1f} to {library.max():.1f} million reads")
print(f"genes without a read in a sample: {zeros.min():.0f} % to {zeros.max():.0f} %")
show(
    lesson_figures.counts_figure(counts, labels),
    "Left: library sizes of benign and malignant samples overlap. Right: the fewer "
    "reads a gene has on average, the more samples have none of it",
)

# %% [markdown]
# What to conclude: the largest library has nearly four times the reads of the smallest, for
# reasons that have nothing to do with the tumour. A network must not see that. And genes with
# hardly a read have zeros in most samples: they hold chance, not biology.
#
# ## Training, validation and test samples
#
# Samples that train a network cannot tell how good it is: it may have learned them by heart. So
# samples are divided **before anything is fitted**. Two samples of a patient resemble each other,
# therefore a patient stays whole (`src/exprlab/data/split.py`).

# %%
from exprlab.config.steps import SplitConfig
from exprlab.data.split import split_samples

split = split_samples(samples, SplitConfig(design="holdout"), seed=0)
print(pd.crosstab(split, samples["label"]))
sides = split.groupby(samples["patient"]).nunique()
print("patients on two sides:", int((sides > 1).sum()), "of", len(sides))
train, val, test = (np.flatnonzero(split == s) for s in ("train", "val", "test"))

# %% [markdown]
# ## From counts to inputs
#
# `src/exprlab/preprocess/preprocessor.py` takes these steps, and learns all that they need from the
# training samples alone:
#
# 1. genes are left out that have fewer than 10 reads in nearly all samples;
# 2. the library size is taken out: reads become reads per million;
# 3. the logarithm is taken (of one more, since 0 has none): doubling is then about the same step
#    for a low gene as for a high one;
# 4. each gene is scaled to mean 0 and standard deviation (sd) 1.

# %%
from exprlab.config.steps import PreprocessConfig
from exprlab.preprocess.preprocessor import fit_preprocessor

config = PreprocessConfig()
fitted = fit_preprocessor(lambda: iter([counts[train]]), list(genes), config)
columns = genes.get_indexer(fitted.genes)
features = fitted.transform(counts[:, columns])
print(f"{features.shape[1]:,} of {len(genes):,} genes are left")
for name, rows in (("training", train), ("test", test)):
    means, sds = features[rows].mean(axis=0), features[rows].std(axis=0)
    print(f"{name:8} samples: a gene's mean is {np.abs(means).mean():.2f} off 0, "
          f"its sd {np.abs(sds - 1).mean():.2f} off 1, on average")  # fmt: skip

# %% [markdown]
# What to conclude: over the training samples mean and standard deviation are 0 and 1, since they
# were made so. Over the test samples they are not, and must not be: those had no say.
#
# ## From scratch
#
# The network of lesson 3 with more inputs: `MLP.random` draws its weights. A copy of them is kept
# for later.

# %%
from exprlab.nets import scratch

HIDDEN, SEED = 16, 0
rng = np.random.default_rng(SEED)
network = scratch.MLP.random(features.shape[1], [HIDDEN], 1, rng, dtype=np.float32)
start = copy.deepcopy(network)
for number, layer in enumerate(network.layers, start=1):
    print(f"layer {number}: weights {layer.weights.shape}, bias {layer.bias.shape}")
sizes = [layer.weights.size + layer.bias.size for layer in network.layers]
print(f"{sum(sizes):,} weights and biases")

# %% [markdown]
# Nearly all of them, 17,901 times 16, lie between genes and hidden units. There are more than a
# thousand for each training sample, so the network *can* learn the samples by heart. Remember that
# when you read the losses.
#
# Two mistakes are refused: counts of all genes in place of features, and labels that are words.

# %%
words = samples["label"].to_numpy(dtype=str)
for bad_features, bad_labels in ((counts, labels), (features, words)):
    try:
        network.backpropagate(bad_features[train], bad_labels[train])
    except ValueError as error:
        print(error, end="\n\n")

# %% [markdown]
# A third one is not refused: raw counts of the right genes. The loss shows it. A network that knows
# nothing and says 1/2 has a loss of 0.693 (nats).

# %%
for name, inputs in (("raw counts", counts[:, columns]), ("scaled", features)):
    loss, _ = network.backpropagate(inputs[train], labels[train])
    print(f"{name:10}  loss with random weights: {loss:.1f}")

# %% [markdown]
# With raw counts the loudest gene drowns all others, and the network is sure of what it has not
# learned.
#
# Training is the loop of lesson 4. An epoch goes once through the training samples, in batches that
# are shuffled anew (`src/exprlab/training/batches.py`). Each batch is a step: forwards to the loss,
# backwards to the gradient, a step downhill. Momentum lets nine tenths of the last step go on.

# %%
from exprlab.nets.scratch import GradientDescent, cross_entropy
from exprlab.training.batches import dealt

EPOCHS, BATCH_SIZE, LEARNING_RATE, MOMENTUM = 15, 32, 0.003, 0.9


def train_from_scratch(network):
    """Return the loss of each step, and of validation samples after each epoch."""
    descent, losses, held_out = GradientDescent(LEARNING_RATE, MOMENTUM), [], []
    for epoch in range(EPOCHS):
        for rows in dealt(train, BATCH_SIZE, SEED, epoch):
            loss, gradients = network.backpropagate(features[rows], labels[rows])
            descent.step(network, gradients)
            losses.append(loss)
        held_out.append(cross_entropy(network.logits(features[val]), labels[val]))
    return losses, held_out


losses, held_out = train_from_scratch(network)
mean = np.reshape(losses, (EPOCHS, -1)).mean(axis=1)
print(len(losses), "steps")
print("epoch  training loss  validation loss")
for epoch in range(0, EPOCHS, 2):
    print(f"{epoch + 1:5}{mean[epoch]:15.3f}{held_out[epoch]:17.3f}")

# %% [markdown]
# What to conclude: the training loss falls towards 0; the validation loss soon stops falling and
# then rises a little. From there on the network learns the training samples by heart. The pipeline
# keeps the weights of the epoch with the smallest validation loss (`src/exprlab/training/fit.py`);
# here we go on to the end, to compare.
#
# ## The same in Lightning
#
# In daily work nobody writes backpropagation by hand. Torch finds the gradients by itself
# (*autograd*), and Lightning runs the loop. Each part from above has a name there:
#
# | from scratch | in Lightning | where |
# |---|---|---|
# | `scratch.MLP` | `mlp.MLP` | `src/exprlab/nets/mlp.py` |
# | `dealt` | `ExpressionData` | `src/exprlab/training/datamodule.py` |
# | `cross_entropy` | `training_step` | `src/exprlab/training/module.py` |
# | `backpropagate`, its way back | autograd | torch |
# | `GradientDescent` | `configure_optimizers` | `src/exprlab/training/module.py` |
# | the two loops | `trainer.fit` | `src/exprlab/training/trainer.py` |
#
# The network in torch gets the very weights that the first one began with:

# %%
import torch

from exprlab.nets import mlp

twin = mlp.MLP(features.shape[1], [HIDDEN])
arrays = [array for layer in start.layers for array in (layer.weights, layer.bias)]
with torch.no_grad():
    for parameter, array in zip(twin.parameters(), arrays, strict=True):
        parameter.copy_(torch.from_numpy(array))
print(twin)

# %% [markdown]
# All else is the pipeline's own, with the settings from above. `l1` and `weight_decay`, which pull
# weights towards 0, are off, and so is the `encoder`, which would make fewer inputs of the genes. A
# **callback** is called at moments of the loop; this one keeps the loss of each step. `EpochSeeds`
# chooses the batches of an epoch, and `LastCheckpoint` would write, once in 50 epochs, all that it
# takes to go on after a crash.

# %%
import pytorch_lightning as pl

from exprlab.config.models import MLPConfig, TrainerConfig
from exprlab.training.callbacks import EpochSeeds
from exprlab.training.checkpoints import LastCheckpoint
from exprlab.training.datamodule import ExpressionData
from exprlab.training.module import Classifier
from exprlab.training.trainer import make_trainer, quieten


class StepLosses(pl.Callback):
    """Keeps the loss of each step."""

    def __init__(self):
        self.values = []

    def on_train_batch_end(self, trainer, module, outputs, batch, index):
        self.values.append(float(outputs["fit"]))


# %%
model = MLPConfig(
    encoder="none", hidden=[HIDDEN], l1=0, weight_decay=0, optimizer="sgd",
    learning_rate=LEARNING_RATE, momentum=MOMENTUM, batch_size=BATCH_SIZE,
    max_epochs=EPOCHS,
)  # fmt: skip
data = ExpressionData(features, labels, train, val, BATCH_SIZE, SEED)
kept = StepLosses()
quieten()  # Lightning says much that nobody needs here
with tempfile.TemporaryDirectory() as folder:
    checkpoint = LastCheckpoint(Path(folder) / "last.ckpt", model)
    trainer = make_trainer(
        TrainerConfig(accelerator="cpu"), model, resumes=False,
        callbacks=[EpochSeeds(SEED), kept, checkpoint],
    )  # fmt: skip
    trainer.fit(Classifier(twin, model), data)
last = float(trainer.callback_metrics["val/loss"])
print(f"{len(kept.values)} steps, validation loss at the end {last:.3f}")

# %% [markdown]
# Are they the same? Step by step:

# %%
print("step  from scratch  Lightning")
for step in (1, 2, 3, len(losses) // 2, len(losses)):
    print(f"{step:4}      {losses[step - 1]:.6f}   {kept.values[step - 1]:.6f}")
apart = np.abs(np.array(losses) - kept.values).max()
print(f"all {len(losses)} steps within 0.000001: {apart < 1e-6}")
weights = twin.layers[0].weight.detach().numpy()
close = np.allclose(weights, network.layers[0].weights, rtol=0, atol=1e-6)
print("and so are all weights of the first layer at the end:", close)

# %%
steps = np.arange(1, len(losses) + 1)
show(
    lesson_figures.curves_figure(
        {"from scratch, NumPy": (steps, losses), "Lightning": (steps, kept.values)},
        "step",
        "training loss (nats)",
        log_y=True,
    ),
    "The two curves of the training loss lie on each other, from 0.67 to 0.003",
)

# %% [markdown]
# What to conclude: the two curves are one, to the sixth digit after the point. Numbers of the kind
# `float32` hold about seven digits, and NumPy and torch add them up in different orders, so the
# last one may differ. There is no magic in Lightning: it is the loop from above, which also knows
# graphics cards, checkpoints and several machines. A test (`tests/unit/test_scratch.py`) holds the
# pipeline to this.
#
# ## What the hidden units became
#
# `travel` (`src/exprlab/course/journey.py`) trains from the same weights on the same batches once
# more, and looks at the hidden units after each epoch: how active is each one, on average, in
# benign and in malignant samples?

# %%
from exprlab.course.journey import travel

rows = np.arange(len(train))
batches = [dealt(rows, BATCH_SIZE, SEED, epoch) for epoch in range(EPOCHS)]
again = copy.deepcopy(start)
journey = travel(features[train], labels[train], batches, again, LEARNING_RATE)
same = np.allclose(again.layers[0].weights, network.layers[0].weights, 0, 1e-6)
print("the same weights at the end:", same)
show(
    course_figures.hidden_figure(journey, CLASSES),
    "Left: differences in mean activation, near 0 at first, grow apart over the "
    "epochs. Right: after two epochs the gradients of both layers get shorter",
)

# %%
before, after = (np.diff(journey.hidden[i], axis=0)[0] for i in (0, -1))
to_output = network.layers[1].weights[0]
print("      malignant less benign     weight to")
print("unit   before       after      the output")
for unit in np.argsort(after)[[0, 1, -2, -1]]:
    print(f"{unit:4}{before[unit]:9.1f}{after[unit]:12.1f}{to_output[unit]:16.2f}")
agree = np.sign(after) == np.sign(to_output)
print(f"difference and weight have the same sign: {agree.sum()} of {HIDDEN} units")

# %% [markdown]
# What to conclude: with random weights no unit tells the classes apart by much. Training has made
# some of them speak up for malignant samples, and the output adds them; others speak up for benign
# samples, and the output subtracts them. Nobody told a unit which one to be: its random first
# weights decided. After the first epochs the gradients shrink with the loss: there is less and less
# left to correct.
#
# ## The network, drawn
#
# The usual picture of a network has a handful of inputs. This one has so many that only a few fit:

# %%
show(
    course_figures.network_figure(journey.sizes, ("malignant",)),
    "17,901 genes, 16 hidden units, one output; a line for each of the weights "
    "between those that are drawn",
)

# %% [markdown]
# ## Exercises
#
# **1.** Write the last step of the preprocessing: scale each gene by its mean and standard
# deviation over the rows that train. `logs` are the logarithms before that step, `(n, n_genes)`.

# %%
logs = fitted.log_values(counts[:, columns])


# %% tags=["exercise"]
def scaled(logs, rows):
    """Return all samples, scaled by what the given rows say of each gene."""


# %% tags=["solution"]
def scaled(logs, rows):
    """Return all samples, scaled by what the given rows say of each gene."""
    return (logs - logs[rows].mean(axis=0)) / logs[rows].std(axis=0)


# %% tags=["check"]
found = scaled(logs, train)
assert found is not None, "the function returns nothing yet"
assert np.shape(found) == logs.shape, f"shape {logs.shape}; found {np.shape(found)}"
mean = np.abs(found[train].mean(axis=0)).max()
assert mean < 0.01, "each gene's mean over the training rows must be 0: axis=0"
apart = np.abs(np.clip(found, -10, 10) - features).max()
assert apart < 0.05, f"up to {apart:.2f} off the features: divide by the rows' sd"
print("right: exercise 1")

# %% [markdown]
# **2.** The loss is what training needs; a reader wants to know how many samples are called right.
# Write the **accuracy**: the share of samples whose class is called right, malignant where the
# logit is above 0. `network.logits(features)` has shape `(n, 1)`.


# %% tags=["exercise"]
def accuracy(network, features, labels):
    """Return the share of samples that are called right."""


# %% tags=["solution"]
def accuracy(network, features, labels):
    """Return the share of samples that are called right."""
    called = network.logits(features)[:, 0] > 0
    return (called == labels).mean()


# %% tags=["check"]
found = accuracy(network, features[test], labels[test])
assert found is not None, "the function returns nothing yet"
assert np.ndim(found) == 0, "one number; (n, 1) compared with (n,) is a table (n, n)"
right = (network.probabilities(features[test]).argmax(axis=1) == labels[test]).sum()
assert abs(found - right / len(test)) < 1e-9, f"{right} of {len(test)} are right"
swapped = accuracy(network, features[test], 1 - labels[test])
assert abs(found + swapped - 1) < 1e-9, "with swapped labels right becomes wrong"
print(f"right: exercise 2; {right} of {len(test)} test samples")

# %% [markdown]
# Compare it with the accuracy on the training samples, `accuracy(network, features[train],
# labels[train])`, and with that of `start`.
#
# **3.** Which genes does the network look at? A path leads from each gene through each hidden unit
# to the output, and its strength is the product of the two weights on it. Give each gene the sum
# of the sizes of its paths. Are the strongest ones the genes that the simulator made differ?


# %% tags=["exercise"]
def strength(network):
    """Return how strongly each gene is tied to the output, (n_genes,), 0 or more."""


# %% tags=["solution"]
def strength(network):
    """Return how strongly each gene is tied to the output, (n_genes,), 0 or more."""
    into_hidden = np.abs(network.layers[0].weights)  # (n_hidden, n_genes)
    to_output = np.abs(network.layers[1].weights)  # (1, n_hidden)
    return (to_output @ into_hidden)[0]


# %% tags=["check"]
found = strength(network)
assert found is not None, "the function returns nothing yet"
wanted = features[0].shape
assert np.shape(found) == wanted, f"one for each gene, {wanted}; found {np.shape(found)}"
assert np.min(found) >= 0, "take sizes: paths of different sign would cancel"
truth = simulator.truth(simulator.design(TRAINING_COHORT, 1)).var
truth = truth.loc[fitted.features]
causal = (truth["role"] == "linear").to_numpy()
hits = causal[np.argsort(-found)[:100]].sum()
assert hits > 50, f"of the 100 strongest genes {hits} are causal; more should be"
chance = 100 * causal.mean()
print(f"right: exercise 3; of the 100 strongest genes {hits} are causal, "
      f"by chance {chance:.1f} would be")  # fmt: skip

# %% [markdown]
# The pipeline asks with integrated gradients (`src/exprlab/inference/explain.py`), which also see
# which units a sample makes active.
#
# **4.** Does it take 16 hidden units? Write a function that draws a network with so many from a
# seed (`scratch.MLP.random`), trains it with `train_from_scratch`, and returns it. Compare 4, 16
# and 64 on the test samples, each with several seeds. How many weights has each?


# %% tags=["exercise"]
def trained(n_hidden, seed):
    """Return a trained network of one hidden layer."""


# %% tags=["solution"]
def trained(n_hidden, seed):
    """Return a trained network of one hidden layer."""
    rng = np.random.default_rng(seed)
    sizes = features.shape[1], [n_hidden], 1
    network = scratch.MLP.random(*sizes, rng, dtype=np.float32)
    train_from_scratch(network)
    return network


# %% tags=["check"]
found = [trained(4, seed) for seed in (0, 1)]
assert found[0] is not None, "the function returns nothing yet"
one, other = (network.layers[0].weights for network in found)
assert len(one) == len(other) == 4, f"4 hidden units; found {len(one)}"
assert not np.allclose(one, other), "another seed must draw other weights"
right = []
for each in found:
    left = cross_entropy(each.logits(features[train]), labels[train])
    assert left < 0.2, f"the training loss is {left:.3f}: was it trained?"
    right.append(((each.logits(features[test])[:, 0] > 0) == labels[test]).sum())
print(f"right: exercise 4; of {len(test)} test samples {right[0]} and {right[1]} right")

# %% [markdown]
# Twice four hidden units, from other random weights: the difference is luck. So one training of
# each size compares nothing. Here few units do, since the signal is linear; one that shows only in
# combinations of genes needs more units, and far more samples.
#
# ## Where it lives in the pipeline
#
# | idea | file |
# |---|---|
# | cohorts and their truth | `src/exprlab/data/simulate.py`, `src/exprlab/config/simulator.py` |
# | a look at the counts | `src/exprlab/data/describe.py`, `src/exprlab/plotting/data_figures.py` |
# | training, validation, test | `src/exprlab/data/split.py` |
# | from counts to inputs | `src/exprlab/preprocess/preprocessor.py` |
# | the network from scratch | `src/exprlab/nets/scratch.py`, `src/exprlab/training/scratch.py` |
# | the same in torch and Lightning | `src/exprlab/nets/mlp.py`, `src/exprlab/training/module.py` |
# | batches; both take the same | `src/exprlab/training/batches.py` |
# | early stopping, the best weights | `src/exprlab/training/checkpoints.py` |
# | hidden units growing apart | `src/exprlab/course/journey.py` |
# | which genes a model decides by | `src/exprlab/inference/explain.py` |
# | both in one experiment | `config/config.yaml`, `experiment.models: [mlp, scratch_mlp]` |
