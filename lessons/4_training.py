# %% [markdown]
# # 4 Training
#
# After this lesson you can
#
# - compute the loss of a prediction, and say what guessing costs;
# - follow a gradient downhill, and tell steps that are too small, right or too large;
# - do backpropagation by hand in a small network, and check it in three ways;
# - say what batches, epochs, momentum and weight decay are;
# - read the curves of a training, and say when to stop.
#
# **Training** is the search for weights with which a network is right. **Inference** uses the
# weights as they are (lesson 6).

# %%
import tempfile
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from exprlab.config.models import ScratchMLPConfig
from exprlab.course import toys
from exprlab.errors import UserError
from exprlab.lessons.show import show
from exprlab.nets import mlp
from exprlab.nets.activations import sigmoid
from exprlab.nets.scratch import (
    MLP,
    GradientDescent,
    Layer,
    activation_of,
    cross_entropy,
)
from exprlab.plotting.course_figures import steps_figure
from exprlab.plotting.lesson_figures import curves_figure
from exprlab.plotting.training_figures import training_figure
from exprlab.training.batches import dealt
from exprlab.training.scratch import fit_scratch

# %% [markdown]
# ## The loss: how wrong
#
# A network gives each class a probability. The **loss** of a sample is minus the logarithm of the
# probability that its true class got, the *cross-entropy*. `cross_entropy` in
# `src/exprlab/nets/scratch.py` takes logits, the sums before the sigmoid, and returns the mean over
# samples, in nats.

# %%
malignant = np.array([1])
for p in (0.99, 0.9, 0.5, 0.1, 0.01):
    logit = np.log(p / (1 - p))  # the sum of which the sigmoid is p
    loss = cross_entropy(np.array([[logit]]), malignant)
    print(f"probability of the true class {p:4}: {loss:.3f} = {-np.log(p):.3f}")

# %% [markdown]
# To be sure and right costs next to nothing, to be sure and wrong costs much. Who guesses between
# two classes says 1/2 and pays `ln 2 = 0.693`. A network that has learned nothing is near that
# number; with K classes it is `ln K`:

# %%
for n_classes in (2, 3, 4):
    no_idea = np.zeros((1, n_classes))  # equal logits
    loss = cross_entropy(no_idea, np.array([0]))
    print(f"{n_classes} classes: loss of guessing {loss:.3f}")

# %% [markdown]
# Why from logits? A network may be so sure that its probability is rounded to 0 or 1. The logarithm
# of 0 is minus infinity, and no gradient leads back from there. From the logit the loss is exact.

# %%
sure = np.array([[-800.0]])  # sure of benign, and wrong
with np.errstate(divide="ignore"):
    print("from the probability", -np.log(sigmoid(sure))[0, 0])
print("from the logit      ", cross_entropy(sure, malignant))

# %% [markdown]
# ## Random weights: where to begin
#
# Training begins with random weights. Why not with equal ones? Try both on XOR (lesson 3).

# %%
for begin in ("equal", "random"):
    network = MLP.random(2, [4], 1, np.random.default_rng(0), "tanh")
    if begin == "equal":
        for layer in network.layers:
            layer.weights[:], layer.bias[:] = 0.3, 0.1
    descent = GradientDescent(learning_rate=0.5, momentum=0.5)
    for _ in range(2000):
        loss, gradients = network.backpropagate(toys.XOR_INPUTS, toys.XOR_LABELS)
        descent.step(network, gradients)
    print(begin, f"weights: loss {loss:.2f}; weights of the four hidden units")
    print(np.round(network.layers[0].weights, 1))

# %% [markdown]
# Units that are equal get equal gradients and stay equal: four units do the work of one, and one is
# not enough. Random weights tell them apart. `MLP.random` draws them between `-1 / sqrt(n)` and `1
# / sqrt(n)`, where `n` is the number of the layer's inputs, so that sums are neither tiny nor so
# large that they saturate. The seed is part of the experiment (`experiment.seeds` in
# `config/config.yaml`).
#
# ## Gradient descent: a hike in the fog
#
# Take a perceptron with two weights. Each pair of weights is a place, the loss there is its height.
# In the fog we do not see the valley. But we feel the slope under our feet: the **gradient**. One
# step of **gradient descent** goes against it; its length is the gradient times the **learning
# rate**.

# %%
inputs, labels = toys.two_weights(seed=0)  # 60 samples
start = np.array([-0.5, -0.6])
network = toys.perceptron(start)
loss, (gradient,) = network.backpropagate(inputs, labels)
slope = gradient.weights[0]
print(f"at {start} the loss is {loss:.2f}, the gradient {slope.round(2)}")
for learning_rate in (0.01, 0.3, 4.0):
    there = start - learning_rate * slope
    loss = cross_entropy(toys.perceptron(there).logits(inputs), labels)
    print(f"learning rate {learning_rate:4}: to {there.round(2)}, loss {loss:.2f}")

# %%
rates = {"too small": 0.01, "right": 0.3, "too large": 4.0}
paths = {}
for name, rate in rates.items():
    paths[name] = toys.walk(inputs, labels, rate, start, steps=30)
first, second = np.linspace(-2, 9, 67), np.linspace(-1.5, 11.5, 67)
heights = toys.surface(inputs, labels, first, second)
show(
    steps_figure(paths, first, second, heights),
    "Paths of 30 steps on the map of the loss: small ones hardly get away, right "
    "ones reach the valley, the first large one leaps far beyond it",
)
for name, path in paths.items():
    print(f"{name:9}: loss after 30 steps {path.losses[-1]:.3f}")

# %% [markdown]
# What to conclude: of steps that are too small, thirty are not enough. Right ones do most of the
# way at once. Too large, the first one leaps over the valley and up the other side, and the way
# back takes all the others.
#
# ## Backpropagation by hand
#
# A step needs the gradient: for each weight, how the loss changes with it. **Backpropagation**
# finds it with one walk forwards and one back. Take two inputs, two hidden units with sigmoid, one
# output, and one malignant sample.

# %%
W = np.array([[0.5, -0.5], [-1.0, 0.5]])  # a row for each hidden unit
b = np.array([0.0, 0.5])
v, c = np.array([1.0, -2.0]), 0.5  # of the output
x, label = np.array([1.0, 2.0]), 1

# %% [markdown]
# **Forwards**: sums, activations, the probability, the loss.

# %%
sums = W @ x + b
h = sigmoid(sums)
logit = v @ h + c
p = sigmoid(logit)
print("sum of hidden unit 1:  0.5 x 1 - 0.5 x 2 + 0.0 =", sums[0])
print("sum of hidden unit 2: -1.0 x 1 + 0.5 x 2 + 0.5 =", sums[1])
print("their sigmoids:", h.round(4))
print(f"sum of the output: 1 x {h[0]:.4f} - 2 x {h[1]:.4f} + 0.5 = {logit:.4f}")
print(f"its sigmoid, the probability: {p:.4f}; the loss -log(p): {-np.log(p):.4f}")

# %% [markdown]
# **Error**: how the loss changes with a sum. At the output it is the probability minus the truth.
# (The derivative of `log(1 + exp(z)) - z y` by `z` is `sigmoid(z) - y`.) Here it is negative: a
# larger sum would make the loss smaller.

# %%
output_error = p - label
print(f"error of the output: {p:.4f} - {label} = {output_error:.4f}")

# %% [markdown]
# **Chain rule**, for the weights of the output: the sum changes with a weight as much as the input
# of that weight is, and the loss changes with the sum. Multiply. The input of the bias is 1.

# %%
v_gradient, c_gradient = output_error * h, output_error
for i in (0, 1):
    print(f"weight {i + 1}: {output_error:.4f} x {h[i]:.4f} = {v_gradient[i]:.4f}")
print(f"bias:     {c_gradient:.4f}")

# %% [markdown]
# **Chain rule**, one layer back: the loss changes with what hidden unit i passes on by the error of
# the output times the weight between them, and what it passes on changes with its sum by the slope
# of the sigmoid, `h (1 - h)` (lesson 2).

# %%
slopes = h * (1 - h)
errors = output_error * v * slopes
for i in (0, 1):
    product = f"{output_error:.4f} x {v[i]:4} x {slopes[i]:.4f}"
    print(f"error of hidden unit {i + 1}: {product} = {errors[i]:.4f}")

# %% [markdown]
# And from there to the weights as before: error of the unit times its input. That is all. More
# layers repeat the last two steps.

# %%
W_gradient, b_gradient = np.outer(errors, x), errors
print("hidden weights\n", W_gradient.round(4))
print("hidden biases", b_gradient.round(4))

# %% [markdown]
# ### Check 1: the library
#
# `MLP.backpropagate` does this for all samples at once, in a few lines. Read it.

# %%
hidden = Layer(W, b, activation_of("sigmoid"))
network = MLP([hidden, Layer(v[None, :], np.array([c]))])
sample, true = x[None, :], np.array([label])
loss, (of_hidden, of_output) = network.backpropagate(sample, true)
print(f"loss {loss:.4f}")
print("hidden weights\n", of_hidden.weights.round(4))
print("hidden biases ", of_hidden.bias.round(4))
print("output weights", of_output.weights.round(4), "bias", of_output.bias.round(4))

# %% [markdown]
# ### Check 2: a step to either side
#
# No theory: change one weight a little to either side, look at the loss, put it back, and go on to
# the next.


# %%
def by_steps(array, h=1e-5):
    """Return how the loss changes with each entry of an array of the network."""
    slopes = np.zeros_like(array)
    for place in np.ndindex(array.shape):
        kept, losses = array[place], []
        for shift in (h, -h):
            array[place] = kept + shift
            losses.append(cross_entropy(network.logits(sample), true))
        array[place] = kept
        slopes[place] = (losses[0] - losses[1]) / (2 * h)
    return slopes


for layer in network.layers:
    print(by_steps(layer.weights).round(4), by_steps(layer.bias).round(4))

# %% [markdown]
# Why not always so? It looks at the loss twice for each weight. The network of lesson 3 has
# 1,280,129 of them. Backpropagation walks once forwards and once back, for all of them together.
#
# ### Check 3: torch
#
# In the pipeline torch notes what is computed and applies the chain rule by itself (*autograd*).
# The network is `src/exprlab/nets/mlp.py`.

# %%
twin = mlp.MLP(2, [2], "sigmoid").double()
(hidden, output) = network.layers
arrays = (hidden.weights, hidden.bias, output.weights, output.bias)
with torch.no_grad():
    for parameter, array in zip(twin.parameters(), arrays, strict=True):
        parameter.copy_(torch.from_numpy(array))
logits, truth = twin(torch.from_numpy(sample)), torch.from_numpy(true).double()
loss = torch.nn.functional.binary_cross_entropy_with_logits(logits, truth)
loss.backward()
for parameter in twin.parameters():
    print(parameter.grad.numpy().round(4))

# %% [markdown]
# By hand, by the library, by steps and by torch: the same nine numbers.
#
# What cannot be trained on is refused before any gradient is taken: labels that are not 0 or 1, and
# values that are missing.

# %%
for features, classes in (
    (np.array([[1.0, 2.0], [0.5, 0.5]]), np.array([1, 2])),
    (np.array([[1.0, 2.0], [0.5, np.nan]]), np.array([0, 1])),
):
    try:
        network.backpropagate(features, classes)
    except ValueError as error:
        print(error)

# %% [markdown]
# ## Batches and epochs
#
# The gradient may be that of all samples, or of a few, a **batch**. `dealt` deals them, anew in
# each **epoch**, which is one pass over all samples.

# %%
for epoch in (0, 1):
    batches = dealt(np.arange(10), batch_size=4, seed=0, epoch=epoch)
    print(f"epoch {epoch}:", *batches)

# %% [markdown]
# Each of the ten samples has its turn once in an epoch, in an order that depends on the seed and
# the epoch alone. Batches are nearly equal in size, so that no last one is tiny.
#
# Now a cohort: 400 tumours with 200 genes, of which ten differ a little between the classes. Half
# of them are for training, the other half for **validation**: no gradient ever sees those.

# %%
rng = np.random.default_rng(0)
labels = rng.integers(2, size=400)
genes = rng.normal(size=(400, 200))
genes[:, :10] += 0.35 * (2 * labels[:, None] - 1)
train, val = np.arange(200), np.arange(200, 400)


# %%
def learn(epochs=30, batch_size=32, learning_rate=0.03, **options):
    """Train; return the losses after each epoch, and the network."""
    network = MLP.random(200, [16], 1, np.random.default_rng(1))
    descent = GradientDescent(learning_rate, **options)
    losses = {"train": [], "val": []}
    for epoch in range(epochs):
        for rows in dealt(train, batch_size, 0, epoch):
            _, gradients = network.backpropagate(genes[rows], labels[rows])
            descent.step(network, gradients)
        for name, rows in (("train", train), ("val", val)):
            loss = cross_entropy(network.logits(genes[rows]), labels[rows])
            losses[name].append(loss)
    return losses, network


# %%
epochs = np.arange(1, 31)
runs = {f"batches of {size}": learn(batch_size=size)[0] for size in (200, 32, 4)}
show(
    curves_figure(
        {name: (epochs, losses["train"]) for name, losses in runs.items()},
        "epoch",
        "training loss (nats)",
    ),
    "Training loss over 30 epochs: with batches of 200 it hardly moves, with those "
    "of 32 it falls slowly, with those of 4 it is near 0 after ten epochs",
)

# %% [markdown]
# What to conclude: an epoch looks at the same 200 tumours each time, but takes 1, 7 or 50 steps.
# With small batches it goes further. The price: a computer is faster with a few large batches than
# with many small ones, and a step goes only roughly where all samples would send it. How roughly,
# of the batches of an epoch at the random weights (1 is the same direction, 0 is nothing in
# common):

# %%
network = MLP.random(200, [16], 1, np.random.default_rng(1))


def direction(rows):
    """Return the gradient of the hidden weights in a row, of length 1."""
    _, (hidden, _) = network.backpropagate(genes[rows], labels[rows])
    return hidden.weights.ravel() / np.linalg.norm(hidden.weights)


for size in (4, 32, 100):
    batches = dealt(train, size, seed=0)
    likeness = np.mean([direction(rows) @ direction(train) for rows in batches])
    print(f"batches of {size:3}: {likeness:.2f} on average")

# %% [markdown]
# ## Momentum
#
# A ball does not stop to ask at each step: part of its speed goes on. **Momentum** 0.9 keeps 90 %
# of the last step and adds the new one. Where all steps point the same way they become up to ten
# times as long (`1 + 0.9 + 0.81 + ... = 10`); where they jump to and fro they cancel.

# %%
runs = {f"momentum {m}": learn(momentum=m)[0] for m in (0.0, 0.5, 0.9)}
runs["no momentum, rate x 10"] = learn(learning_rate=0.3)[0]
show(
    curves_figure(
        {name: (epochs, losses["train"]) for name, losses in runs.items()},
        "epoch",
        "training loss (nats)",
    ),
    "Training loss over 30 epochs: it falls sooner with more momentum, and soonest "
    "without momentum and ten times the learning rate",
)

# %% [markdown]
# What to conclude: momentum 0.9 acts much like a learning rate ten times as large. Here nothing
# speaks against that rate; in a narrow valley it would leap from side to side.
#
# ## Weight decay
#
# **Weight decay** pulls each weight towards 0 in each step. Only those stay large that samples keep
# asking for.

# %%
print("weight decay  length of hidden weights  training loss  validation loss")
for weight_decay in (0.0, 0.01, 0.1, 1.0):
    losses, network = learn(60, momentum=0.9, weight_decay=weight_decay)
    length = np.linalg.norm(network.layers[0].weights)
    ends = losses["train"][-1], losses["val"][-1]
    print(f"{weight_decay:12}  {length:24.2f}  {ends[0]:13.3f}  {ends[1]:15.3f}")

# %% [markdown]
# What to conclude: without any, the network knows its training tumours by heart (a loss near 0),
# and the others badly. With 0.1 it fits the training tumours less well, and the others best. With 1
# it cannot learn at all: 0.69 is the loss of guessing.
#
# ## When to stop
#
# The pipeline's own training of this network is `src/exprlab/training/scratch.py` (model
# `scratch_mlp`). It prints a line for each epoch and writes `metrics.csv`, from which the figure
# `figures/training.png` of a run is drawn.


# %%
def fit(**settings):
    """Train as the pipeline does; return what it prints, its curves, its end."""
    model = ScratchMLPConfig(hidden=[16], batch_size=32, **settings)
    cohort = genes.astype(np.float32), labels, train, val
    with tempfile.TemporaryDirectory() as place, redirect_stdout(StringIO()) as log:
        fitted = fit_scratch(*cohort, model, seed=0, folder=Path(place))
        curves = pd.read_csv(Path(place) / "metrics.csv")
    return log.getvalue().splitlines(), curves, fitted.summary


settings = {"learning_rate": 0.02, "weight_decay": 0.0, "max_epochs": 60}
lines, curves, summary = fit(**settings, patience=60)
print(*lines[:4], "...", sep="\n")

# %%
show(
    training_figure(curves, summary),
    "Training loss falls to 0 over 60 epochs; validation loss is lowest after a "
    "few and rises again; validation AUROC rises and stays; gradients shrink",
)
losses = curves.loc[curves["name"] == "val/loss", "value"].to_numpy()[1:]
print(f"best epoch {summary['best_epoch']}: validation loss {losses.min():.2f}")
print(f"last epoch {summary['epochs']}: validation loss {losses[-1]:.2f}")

# %% [markdown]
# What to conclude: the training loss goes on falling, so it cannot say when to stop. The validation
# loss can. From its lowest point on the network learns what is peculiar to its 200 training
# tumours: it **overfits**. It still puts the validation tumours in as good an order (AUROC), but it
# is too sure of itself. So training stops when the validation loss has not fallen for a while, the
# **patience**, and the weights of the best epoch are kept:

# %%
_, _, summary = fit(**settings, patience=10)
print(summary["stopped"])
print("epochs", summary["epochs"], "best epoch", summary["best_epoch"])

# %% [markdown]
# ## When it does not go down at all
#
# A learning rate can be so large that each step lands higher than it began, and the next gradient
# is larger still.

# %%
for learning_rate in (0.3, 3.0):
    losses, _ = learn(epochs=3, learning_rate=learning_rate)
    words = "  ".join(f"{loss:.2f}" for loss in losses["train"])
    print(f"learning rate {learning_rate}: loss after each epoch  {words}")

# %% [markdown]
# With a still larger one the loss is soon no number any more. The pipeline says what to do:

# %%
try:
    fit(learning_rate=300.0)
except UserError as error:
    print(error)

# %% [markdown]
# ## Exercises
#
# **1.** What does guessing cost with K classes, if all probabilities are equal?


# %% tags=["exercise"]
def loss_of_guessing(n_classes):
    """Return the cross-entropy (nats) of equal probabilities."""


# %% tags=["solution"]
def loss_of_guessing(n_classes):
    """Return the cross-entropy (nats) of equal probabilities."""
    return -np.log(1 / n_classes)


# %% tags=["check"]
assert loss_of_guessing(2) is not None, "the function returns nothing yet"
assert np.isclose(loss_of_guessing(2), np.log(2)), "of two classes each has 1/2"
assert np.isclose(loss_of_guessing(5), np.log(5)), "of five classes each has 1/5"
print("right: exercise 1")

# %% [markdown]
# **2.** Write the gradient of the mean loss by the weights of a perceptron without bias, for
# `inputs` of shape (n, n_inputs).


# %% tags=["exercise"]
def my_gradient(weights, inputs, labels):
    """Return how the mean loss changes with each weight, (n_inputs,)."""
    return np.zeros(len(weights))


# %% tags=["solution"]
def my_gradient(weights, inputs, labels):
    """Return how the mean loss changes with each weight, (n_inputs,)."""
    errors = sigmoid(inputs @ weights) - labels
    return errors @ inputs / len(labels)


# %% tags=["check"]
few, classes = toys.two_weights(seed=3, n_samples=20)
weights = np.array([0.3, -0.2])
_, (expected,) = toys.perceptron(weights).backpropagate(few, classes)
expected, found = expected.weights[0], my_gradient(weights, few, classes)
assert np.shape(found) == (2,), f"a slope for each weight; found {np.shape(found)}"
assert not np.allclose(found, 20 * expected), "the mean loss: divide by 20 samples"
assert not np.allclose(found, -expected), "the sign: probability minus truth"
assert np.allclose(found, expected), "error of a sample, times its inputs, summed"
print("right: exercise 2")

# %% [markdown]
# **3.** Find a learning rate with which the thirty steps of the hike end below 0.2.

# %% tags=["exercise"]
my_rate = 0.01

# %% tags=["solution"]
# Between "right", which is not yet there, and "too large".
my_rate = 1.0

# %% tags=["check"]
hike = toys.walk(*toys.two_weights(seed=0), my_rate, start)
end = hike.losses[-1]
begin = hike.losses[:4].round(2)
assert end < 0.2, f"with {my_rate} it ends at {end:.3f}; it begins {begin}"
print("right: exercise 3")

# %% [markdown]
# **4.** Write early stopping. From the validation losses of epochs 1, 2, 3, ... return the best
# epoch, and the epoch after which training stops: when it is `patience` epochs since the best one,
# or when there are no more.


# %% tags=["exercise"]
def stop(losses, patience):
    """Return the best epoch and the last one, counted from 1."""
    return 1, len(losses)


# %% tags=["solution"]
def stop(losses, patience):
    """Return the best epoch and the last one, counted from 1."""
    best = 1
    for epoch in range(1, len(losses) + 1):
        if losses[epoch - 1] < losses[best - 1]:
            best = epoch
        if epoch - best == patience:
            return best, epoch
    return best, len(losses)


# %% tags=["check"]
example = [0.7, 0.5, 0.6, 0.6, 0.4, 0.5]
assert tuple(stop(example, 10)) == (5, 6), "patience 10 sees all: best 5, last 6"
assert tuple(stop(example, 2)) == (2, 4), "patience 2 stops after 4, misses epoch 5"
_, curves, summary = fit(**settings, patience=60)
of_val = curves.loc[curves["name"] == "val/loss", "value"].to_list()[1:]
expected = summary["best_epoch"], summary["best_epoch"] + 10
assert tuple(stop(of_val, 10)) == expected, f"the training above: {expected}"
print("right: exercise 4")

# %% [markdown]
# ## Where it lives in the pipeline
#
# | idea | file |
# |---|---|
# | loss, backpropagation, gradient descent by hand | `src/exprlab/nets/scratch.py` |
# | batches, dealt anew in each epoch | `src/exprlab/training/batches.py` |
# | this training, early stopping included (`scratch_mlp`) | `src/exprlab/training/scratch.py` |
# | loss and optimiser in torch, gradients by autograd | `src/exprlab/training/module.py` |
# | training with Lightning: the default network (`mlp`) | `src/exprlab/training/fit.py` |
# | learning rate, momentum, weight decay, patience | `config/config.yaml` |
# | the hike, and XOR | `src/exprlab/course/toys.py` |
# | the figure of a training | `src/exprlab/plotting/training_figures.py` |
#
# Each run leaves `metrics.csv`, with the losses of all steps and epochs, and `figures/training.png`
# in its folder in `results/`. Epoch 0 is the network with random weights.
