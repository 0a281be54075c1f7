# %% [markdown]
# # 3 Layers
#
# After this lesson you can
#
# - say why one perceptron cannot learn *exactly one of two*, and how a hidden layer does;
# - see what each hidden unit draws, and how samples look after the hidden layer;
# - count the weights of a network, and name the shapes on the way through it;
# - say why layers need an activation between them;
# - say what width and depth are for, and why the network of the default experiment finds more than
#   a weighted sum of genes.

# %%
import numpy as np
from sklearn.metrics import roc_auc_score

from exprlab.config.simulator import SimulatorConfig
from exprlab.course.toys import XOR_INPUTS, XOR_LABELS, learn_xor
from exprlab.data.design import class_means, signal_sds
from exprlab.data.posterior import given_factors
from exprlab.lessons.show import show
from exprlab.nets.scratch import MLP, GradientDescent, Layer, activation_of
from exprlab.plotting.course_figures import network_figure, xor_figure
from exprlab.plotting.lesson_figures import (
    curves_figure,
    decision_figure,
    description_figure,
    units_figure,
)

# %% [markdown]
# ## Exactly one of two
#
# Suppose that a tumour is malignant if exactly one of two genes is on. This is the *exclusive or*,
# XOR. `learn_xor` (`src/exprlab/course/toys.py`) trains a network on the four cases: first without
# a hidden layer, which is a single perceptron, then with four hidden units.

# %%
single, single_losses = learn_xor(hidden=[], seed=0)
layered, layered_losses = learn_xor(hidden=[4], seed=0)
for step in (0, 100, 500, 1999):
    one, four = single_losses[step], layered_losses[step]
    print(f"step {step:4}: loss of a perceptron {one:.3f}, of a network {four:.3f}")

# %%
early, _ = learn_xor(hidden=[], seed=0, steps=10)
show(
    xor_figure(early, layered),
    "Two panels with the four cases: two of them are on the wrong side of one "
    "perceptron's straight line, and none on that of the network's bent line",
)

# %% [markdown]
# What to conclude: the perceptron (drawn after 10 steps) draws a straight line, and the four cases
# need a bent one. However long it learns, its loss stays at 0.693, the loss of guessing: in the end
# it says 1/2 to everything.
#
# That is no lack of training. A perceptron that is right would need
#
# - for (0, 0) a sum below 0: `w0 < 0`;
# - for (1, 0) and (0, 1) sums above 0: `w1 + w0 > 0` and `w2 + w0 > 0`;
# - for (1, 1) a sum below 0: `w1 + w2 + w0 < 0`.
#
# Add the two in the middle: `w1 + w2 + 2 w0 > 0`. Add the two others: `w1 + w2 + 2 w0 < 0`. Both
# cannot be.
#
# ## A hidden layer, by hand
#
# Units that see the same inputs are a **layer**. If their outputs are the inputs of further units,
# the layer is **hidden**. Two hidden units are enough for XOR, and we can choose their weights
# ourselves: the first counts how many genes are on, the second how many more than one. The output
# takes the second twice from the first, and 1/2 more.

# %%
hidden = Layer(
    weights=np.array([[1.0, 1.0], [1.0, 1.0]]),  # a row for each unit
    bias=np.array([0.0, -1.0]),
    activation=activation_of("relu"),
)
output = Layer(weights=np.array([[1.0, -2.0]]), bias=np.array([-0.5]))
by_hand = MLP([hidden, output])
for inputs, label in zip(XOR_INPUTS, XOR_LABELS, strict=True):
    passed = hidden.activate(hidden.weighted_sums(inputs))
    total = output.weighted_sums(passed)[0]
    called = int(total > 0)
    print(f"{inputs} -> hidden {passed} -> {total:4}: called {called}, is {label}")

# %% [markdown]
# All four are right. What does each unit do? The dashed line is where its sum is 0. Beyond it the
# unit passes something on, the darker the more.

# %%
show(
    units_figure(by_hand, XOR_INPUTS, XOR_LABELS),
    "Three panels with the four cases: two hidden units with parallel lines, and "
    "the output, which is above 1/2 in a strip between two lines",
)

# %% [markdown]
# What to conclude: each hidden unit draws a line of its own. The output combines what they pass on:
# malignant is a strip between two lines.
#
# ## A new description of the samples
#
# The output unit never sees the genes. It sees the hidden units, and is a perceptron like that of
# lesson 1. So what it separates by a straight line must have been made separable before.

# %%
show(
    description_figure(by_hand, XOR_INPUTS, XOR_LABELS),
    "Two panels: described by two genes the four cases need two lines; described "
    "by the two hidden units a single straight line parts them",
)

# %% [markdown]
# What to conclude: the hidden layer describes the samples anew, and in its description a straight
# line is enough. The two malignant cases have become one point, `(1, 0)`: that they differ is of no
# use for the question, so it is dropped. In training nobody chooses such a description. The network
# finds one, because it lowers the loss.
#
# ## The same in tumours
#
# Biology has exclusive-ors. A pathway that drives growth in one tissue may hold it back in another:
# Notch does the one in T cells and the other in skin. What its activity means depends on the
# **tissue of origin**. The simulated tumours of the default experiment are like that
# (`config/config.yaml`, `scenario: nonlinear`). Five factors behind their genes tell the classes
# apart. Here are means of three, from `src/exprlab/data/design.py`:

# %%
world = SimulatorConfig()  # the default experiment
means = class_means(world)  # (class, tissue, factor)
for tissue in (0, 1):
    for label, name in enumerate(("benign", "malignant")):
        _, linear, _, gated, gate = np.round(means[label, tissue], 2)
        words = f"tissue {tissue + 1}, {name:9}: tissue score {gate:4},"
        print(words, f"pathway A {linear:5}, pathway B {gated:5}")

# %% [markdown]
# Pathway A is higher in malignant tumours, in both tissues: a weighted sum can use it. Pathway B is
# higher in malignant tumours of tissue 1, and lower in those of tissue 2. Averaged over tissues it
# says nothing. (There are two pathways of each kind, which makes five factors.) Let us draw tumours
# as the simulator does, and look at the tissue score and at the mean of the two pathways B.

# %%
rng = np.random.default_rng(0)
labels, tissues = rng.integers(2, size=(2, 6000))
noise = rng.normal(size=(6000, 5)) * signal_sds(world, 5)
factors = means[labels, tissues] + noise
two = np.column_stack([factors[:, 4], factors[:, 2:4].mean(axis=1)])
train, test = slice(0, 3000), slice(3000, 6000)


# %%
def trained(hidden, inputs, labels, seed=1):
    """Return a network after 500 steps of gradient descent, as in lesson 4."""
    rng = np.random.default_rng(seed)
    network = MLP.random(inputs.shape[1], hidden, 1, rng)
    descent = GradientDescent(learning_rate=0.3, momentum=0.9)
    for _ in range(500):
        _, gradients = network.backpropagate(inputs, labels)
        descent.step(network, gradients)
    return network


def malignant(network):
    """Return the function that gives a network's probability of malignant."""
    return lambda inputs: network.probabilities(inputs)[:, 1]


# %%
networks = {
    "one perceptron": trained([], two[train], labels[train]),
    "4 hidden units": trained([4], two[train], labels[train]),
}
show(
    decision_figure(
        {name: malignant(network) for name, network in networks.items()},
        two[test][:200],
        labels[test][:200],
        ("tissue score", "pathway B"),
    ),
    "Two panels with 200 tumours in four groups, malignant ones up left and down "
    "right: one perceptron is near 1/2 everywhere, the network finds both groups",
)

# %% [markdown]
# What to conclude: this is XOR again, with noise. The perceptron is near 1/2 everywhere, so all is
# equally grey. The network finds both malignant groups. Where groups overlap, nobody can be sure.
#
# With all five factors, on tumours that were not trained on. AUROC is the share of pairs, one
# malignant and one benign, in which the malignant tumour gets the larger output: 0.5 is guessing.
# The simulator also knows the best that anybody can do.

# %%
for hidden_units in ([], [2], [4], [8], [8, 8]):
    network = trained(hidden_units, factors[train], labels[train])
    found = roc_auc_score(labels[test], network.logits(factors[test])[:, 0])
    print(f"hidden {hidden_units!s:6} AUROC {found:.3f}")
best = given_factors(world, factors[test], prior=np.array([0.5, 0.5]))[:, 1]
print(f"the best      AUROC {roc_auc_score(labels[test], best):.3f}")

# %% [markdown]
# What to conclude: the perceptron finds what the pathways A say and stops there. A few hidden units
# find nearly all that can be found. This is why the network beats logistic regression in the
# default experiment: logistic regression is a weighted sum of the genes, too. There it is harder,
# since the factors are not given but show in thousands of noisy genes. And it is a property of this
# simulated cohort: whether real tumours have such signal must be asked of their data.
#
# ## Shapes, and counting
#
# A layer of `n` units has a row of weights for each unit and a weight in it for each input. From
# 20,000 genes over 64 hidden units to one output:

# %%
network = MLP.random(20_000, [64], 1, np.random.default_rng(0), dtype=np.float32)
values = np.random.default_rng(1).normal(size=(5, 20_000)).astype(np.float32)
print("5 tumours      ", values.shape)
count = 0
for number, layer in enumerate(network.layers, start=1):
    values = layer.activate(layer.weighted_sums(values))
    print(f"layer {number}: weights {layer.weights.shape}, bias {layer.bias.shape}")
    print("what it gives  ", values.shape)
    count += layer.weights.size + layer.bias.size
print(f"20,000 x 64 + 64 + 64 x 1 + 1 = {count:,}")

# %%
show(
    network_figure((20_000, 64, 1), ("malignant",)),
    "A network of 20,000 inputs, 64 hidden units and one output: 1,280,129 weights",
)

# %% [markdown]
# What to conclude: all but 129 of the 1,280,129 lie between a gene and a hidden unit. For each of
# 3,000 tumours there are more than 400. That is why training is stopped early and weights are held
# small (lesson 4).
#
# Shapes that do not fit are refused. A single tumour needs to be a row:

# %%
for features in (np.zeros(20_000), np.zeros((5, 19_000))):
    try:
        network.logits(features)
    except ValueError as error:
        print(error)

# %% [markdown]
# And each layer must take as many inputs as the one before it has units:

# %%
try:
    MLP([hidden, Layer(weights=np.ones((1, 3)), bias=np.zeros(1))])
except ValueError as error:
    print(error)

# %% [markdown]
# ## Without activations, two layers are one
#
# Let two layers only weigh and add. The second weighs the sums of the first, and weights of weights
# are weights: `W2 (W1 x + b1) + b2` is `(W2 W1) x + (W2 b1 + b2)`. One perceptron does it.

# %%
rng = np.random.default_rng(3)
first = Layer(rng.normal(size=(64, 10)), rng.normal(size=64))
second = Layer(rng.normal(size=(1, 64)), rng.normal(size=1))
bias = second.weights @ first.bias + second.bias
product = Layer(second.weights @ first.weights, bias)

samples = rng.normal(size=(100, 10))
two_layers, one_layer = MLP([first, second]), MLP([product])
both = first.weights.size + second.weights.size
print("weights:", both, "or", product.weights.size)
same = np.allclose(two_layers.logits(samples), one_layer.logits(samples))
print("the same outputs:", same)

# %% [markdown]
# So 704 weights can do no more than 10. Trained on XOR, such a network ends where a perceptron
# does:

# %%
linear = MLP.random(2, [4], 1, np.random.default_rng(0))
linear.layers[0].activation = None
descent = GradientDescent(learning_rate=0.5, momentum=0.5)
for _ in range(500):
    loss, gradients = linear.backpropagate(XOR_INPUTS, XOR_LABELS)
    descent.step(linear, gradients)
print(f"four hidden units without activation: loss {loss:.3f}")

# %% [markdown]
# The pipeline makes use of the product. Its default network learns from principal components of the
# genes, which are weighted sums; afterwards `src/exprlab/training/encoder.py` multiplies the two
# layers of weights into one, and what is kept is a plain network on genes.
#
# ## Width: how many lines
#
# Each unit of the first hidden layer adds a line. Let two genes have to be in balance: tumours are
# benign if both are near their usual level (0), and malignant all around.

# %%
rng = np.random.default_rng(2)
levels = rng.uniform(-2, 2, size=(400, 2))
distance = np.hypot(*levels.T)
levels = levels[np.abs(distance - 1.35) > 0.15]  # a gap between the classes
lost = (np.hypot(*levels.T) > 1.35).astype(int)


# %%
widths = {}
for units in (1, 2, 3):
    name = f"{units} hidden unit{'s' * (units > 1)}"
    widths[name] = trained([units], levels, lost)
borders = {name: malignant(network) for name, network in widths.items()}
show(
    decision_figure(borders, levels, lost),
    "Three panels, benign tumours in the middle and malignant ones around: only "
    "the border of 3 hidden units closes around the middle",
)
for name, network in widths.items():
    right = np.mean((network.logits(levels)[:, 0] > 0) == lost)
    print(f"{name}: {100 * right:.0f} % right")

# %% [markdown]
# What to conclude: one or two lines cannot close around the middle, three can. Try it with more
# units.
#
# Random weights can be unlucky: a network that could solve a problem may not get there. With more
# units than necessary that is rarer. Of ten networks with other random weights each, how many solve
# XOR?

# %%
for hidden_units in ([1], [2], [3], [4]):
    solved = 0
    for seed in range(10):
        network, _ = learn_xor(hidden_units, seed, steps=1000)
        called = network.logits(XOR_INPUTS)[:, 0] > 0
        solved += np.array_equal(called, XOR_LABELS)
    print(f"hidden {hidden_units}: {solved} of 10")

# %% [markdown]
# ## Depth: lines through what was found before
#
# A second hidden layer draws its lines through the description that the first one made. Take two
# units that fold the input: up to 1/2 it rises, beyond it falls. Each further layer folds what is
# folded already.


# %%
def folded(depth):
    """Return a network that folds its one input `depth` times, 2 units a layer."""
    relu, fold = activation_of("relu"), np.array([2.0, -4.0])
    layers = [Layer(np.ones((2, 1)), np.array([0.0, -0.5]), relu)]
    for _ in range(depth - 1):
        layers.append(Layer(np.array([fold, fold]), np.array([0.0, -0.5]), relu))
    return MLP([*layers, Layer(fold[None, :], np.zeros(1))])


# %%
x = np.linspace(0, 1, 801)
folds = {}
for depth in (1, 2, 3):
    name = f"{depth} hidden layer{'s' * (depth > 1)} of 2 units"
    folds[name] = x, folded(depth).logits(x[:, None])[:, 0]
show(
    curves_figure(folds, "input", "output"),
    "Zigzag lines from 0 to 1: one layer has 1 tooth, two have 2, three have 4",
)

# %% [markdown]
# What to conclude: 6 units in three layers make 8 straight pieces. In a single layer a unit adds
# one piece, so it takes 8. Ten layers do with 20 units what takes a single layer 1,024. Depth pays
# where what is looked for is made of parts that are made of parts, as in images. In the tumours
# above a second hidden layer found nothing more, and the default experiment has one: `hidden:
# [64]`.
#
# ## Exercises
#
# **1.** Count the weights and biases of a network whose layers have these widths, inputs first.


# %% tags=["exercise"]
def count_weights(widths):
    """Return how many weights and biases there are, of e.g. [20_000, 64, 1]."""


# %% tags=["solution"]
def count_weights(widths):
    """Return how many weights and biases there are, of e.g. [20_000, 64, 1]."""
    total = 0
    for layer in range(1, len(widths)):
        total += (widths[layer - 1] + 1) * widths[layer]  # + 1 for the bias
    return total


# %% tags=["check"]
assert count_weights([5, 1]) is not None, "the function returns nothing yet"
assert count_weights([5, 1]) == 6, "a perceptron of 5 inputs: 5 weights and a bias"
assert count_weights([20_000, 64, 1]) == 1_280_129, "see the count above"
assert count_weights([200, 32, 16, 4]) == 7028, "three layers: 6,432 + 528 + 68"
print("right: exercise 1")

# %% [markdown]
# **2.** Lesson 1 had a perceptron for *at least one* gene and one for *both*. Here they are as
# hidden units. Choose the weights and the bias of the output so that it says *exactly one*.

# %% tags=["exercise"]
out_weights, out_bias = np.array([0.0, 0.0]), 0.0  # at least one, both

# %% tags=["solution"]
# At least one speaks for it; both speaks against it, and must win.
out_weights, out_bias = np.array([1.0, -2.0]), -0.5

# %% tags=["check"]
steep, sigmoid = np.full((2, 2), 20.0), activation_of("sigmoid")
or_and = Layer(steep, np.array([-10.0, -30.0]), sigmoid)
last = Layer(np.array([out_weights]), np.array([out_bias]))
called = (MLP([or_and, last]).logits(XOR_INPUTS)[:, 0] > 0).tolist()
assert called == [False, True, True, False], f"called so far: {called}"
print("right: exercise 2")

# %% [markdown]
# **3.** Merge two layers without an activation into one, whatever their sizes.


# %% tags=["exercise"]
def merged(first, second):
    """Return one Layer that does what `second` does with the outputs of `first`."""
    return Layer(second.weights @ first.weights, second.bias)


# %% tags=["solution"]
def merged(first, second):
    """Return one Layer that does what `second` does with the outputs of `first`."""
    bias = second.weights @ first.bias + second.bias
    return Layer(second.weights @ first.weights, bias)


# %% tags=["check"]
rng = np.random.default_rng(5)
one = Layer(rng.normal(size=(6, 4)), rng.normal(size=6))
other = Layer(rng.normal(size=(3, 6)), rng.normal(size=3))
samples, whole = rng.normal(size=(20, 4)), merged(one, other)
found, expected = whole.weighted_sums(samples), MLP([one, other]).logits(samples)
assert np.allclose(whole.weights, other.weights @ one.weights), "weights: W2 W1"
assert np.allclose(found, expected), "the second layer weighs the first's bias, too"
print("right: exercise 3")

# %% [markdown]
# **4.** A gene may harm if it is silent and if it is much too high: malignant below -1 and above 1,
# benign between. What is the smallest hidden layer that gets it right? Choose `units`; the check
# trains a few networks with as many.

# %% tags=["exercise"]
units = 1

# %% tags=["solution"]
# Two borders need two units: one speaks below -1, one above 1.
units = 2

# %% tags=["check"]
level = np.linspace(-3, 3, 120)[:, None]
harmed = (np.abs(level[:, 0]) > 1).astype(int)
tried = [trained([units], level, harmed, seed) for seed in range(5)]
shares = [np.mean((one.logits(level)[:, 0] > 0) == harmed) for one in tried]
best_share = 100 * max(shares)
assert best_share > 98, f"{units} unit(s): at best {best_share:.0f} % right"
assert units < 3, "right, but there is a smaller one: how many borders are there?"
print("right: exercise 4")

# %% [markdown]
# ## Where it lives in the pipeline
#
# | idea | file |
# |---|---|
# | layers, and what goes through them | `src/exprlab/nets/scratch.py` (`Layer`, `MLP`) |
# | the same in torch | `src/exprlab/nets/mlp.py` |
# | width and depth are a setting: `models.mlp.hidden` | `config/config.yaml` |
# | XOR | `src/exprlab/course/toys.py` |
# | the exclusive-or of tissue and pathway: `nonlinear_share` | `src/exprlab/config/simulator.py` |
# | who is malignant in which tissue | `src/exprlab/data/design.py` (`class_means`) |
# | two layers of weights multiplied into one | `src/exprlab/training/encoder.py` (`fold`) |
# | one perceptron against a network, as an experiment | `config/examples/perceptron.yaml` |
