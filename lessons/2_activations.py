# %% [markdown]
# # 2 Activations
#
# After this lesson you can
#
# - compute sigmoid, softmax and ReLU and their derivatives, and say what each is good for;
# - say where the formulas of the textbook fail on a computer, and what is done instead;
# - choose the activation of an output: sigmoid for two classes, softmax for more;
# - show how gradients vanish in a deep network, and say what the activation has to do with it.
#
# A weighted sum may be any number. The **activation** makes of it what a unit passes on.

# %%
import warnings

import numpy as np
from IPython.display import Markdown, display

from exprlab.config.models import refuse_output
from exprlab.lessons.show import show
from exprlab.nets.activations import (
    ACTIVATIONS,
    relu,
    relu_derivative,
    sigmoid,
    sigmoid_derivative,
    softmax,
    softmax_derivative,
)
from exprlab.nets.scratch import MLP, GradientDescent, activation_of
from exprlab.outputs import activate
from exprlab.plotting.course_figures import activation_table, activations_figure
from exprlab.plotting.lesson_figures import curves_figure

# %% [markdown]
# ## Three curves and their slopes
#
# The functions are those of `src/exprlab/nets/activations.py`, a line or two each. The
# **derivative** is the slope of the curve: how much the output changes if the sum changes a little.
# Training needs it (lesson 4).

# %%
show(
    activations_figure(),
    "Three panels over the weighted sum from -6 to 6: sigmoid and softmax rise in "
    "an S from 0 to 1, their slopes peak at 1/4; ReLU is 0 below 0, then rises",
)

# %% [markdown]
# What to conclude: sigmoid and softmax are flat on both sides. There a change of the sum changes
# next to nothing, so nothing is learned. ReLU is flat on one side only.
#
# ## Sigmoid: one probability
#
# `sigmoid(z) = 1 / (1 + exp(-z))`. It is S-shaped and **bounded**: between 0 and 1. Its slope is
# `sigmoid(z) (1 - sigmoid(z))`.

# %%
print("     z  sigmoid    slope")
for z in (-10, -4, -1, 0, 1, 4, 10):
    print(f"{z:6}  {sigmoid(z):.5f}  {sigmoid_derivative(z):.5f}")

# %% [markdown]
# The slope is 1/4 in the middle and 0.00005 at -10 and 10: there the unit is **saturated**. The
# table is symmetric: what is missing to 1 at `z` is what there is at `-z`.
#
# A derivative can be checked without any theory: take a small step to either side, and divide.

# %%
h = 1e-5
for z in (-1, 0, 1):
    difference = (sigmoid(z + h) - sigmoid(z - h)) / (2 * h)
    formula = sigmoid_derivative(z)
    print(f"z = {z:2}: by two steps {difference:.6f}, by formula {formula:.6f}")

# %% [markdown]
# ## Softmax: a probability for each class
#
# `softmax(z)_i = exp(z_i) / sum of all exp(z_j)`. It takes the sums of all K classes at once and
# divides a whole of 1 among them.

# %%
print("of 1, 2, 3 ", softmax([1, 2, 3]))
print("of 3, 3, 3 ", softmax([3, 3, 3]))
print("of 10, 0, 0", softmax([10, 0, 0]))

# %% [markdown]
# A sum that is larger by 1 has `e = 2.718` times the probability. Equal sums share equally. A sum
# ahead by 10 takes nearly all. Only differences count: adding 100 to each changes nothing.

# %%
print("of 101, 102, 103", softmax([101, 102, 103]))
print("sum to 1:", np.isclose(softmax([1, 2, 3]).sum(), 1))

# %% [markdown]
# Several tumours are rows, classes are columns, and each **row** must sum to 1. That is the `axis`:
# the last one unless you say otherwise.

# %%
sums = np.array([[2.0, 0.0, 0.0, 1.0], [2.0, 5.0, 0.0, 0.0], [2.0, 2.0, 2.0, 2.0]])
rows, columns = softmax(sums), softmax(sums, axis=0)
print(np.round(rows, 2), "\nrows sum to   ", np.round(rows.sum(axis=1), 6))
print(np.round(columns, 2), "\ncolumns sum to", np.round(columns.sum(axis=0), 6))

# %% [markdown]
# The second one is no error to the computer, and nonsense to us: three tumours compete for a class.
# Its first column is all thirds, because the three tumours have the same sum there.
#
# The derivative is a table: how the probability of class i (row) changes with the sum of class j
# (column).

# %%
table = softmax_derivative([1, 2, 3])
print(np.round(table, 3))
print("each row sums to 0:", np.allclose(table.sum(axis=1), 0))

# %% [markdown]
# Positive on the diagonal, negative elsewhere: what one class gains, the others lose.
#
# ## ReLU: on or off
#
# `relu(z) = max(z, 0)`, the rectified linear unit. Its slope is 0 below 0 and 1 above.

# %%
z = np.array([-50.0, -2.0, -0.5, 0.5, 2.0, 50.0])
print("z    ", z)
print("relu ", relu(z))
print("slope", relu_derivative(z))

# %% [markdown]
# It is **unbounded** above: the slope is 1 at 50 as at 0.5, so nothing saturates there. And it is
# **sparse**: units with a negative sum pass on exactly 0. Here is how many those are in a hidden
# layer with random weights.

# %%
rng = np.random.default_rng(0)
profiles = rng.normal(size=(200, 1000))  # 200 tumours, 1,000 genes
for name in ("relu", "sigmoid"):
    layer = MLP.random(1000, [64], 1, np.random.default_rng(1), name).layers[0]
    passed = layer.activate(layer.weighted_sums(profiles))
    print(f"{name:8} {100 * np.mean(passed == 0):.0f} % of what is passed on is 0")

# %% [markdown]
# What to conclude: at a time about half of the ReLU units are silent. A sigmoid unit always says
# something.
#
# ## Where the textbook's formula fails
#
# A raw count of 20,000 reads times a weight of 0.05 is a sum of 1000. `exp(1000)` is more than a
# computer's number can hold. Here is what the formulas do then, as they stand in the book:


# %%
def textbook_sigmoid(z):
    return 1 / (1 + np.exp(-z))


def textbook_softmax(z):
    return np.exp(z) / np.exp(z).sum()


def told(function, z):
    """Return a function's value, and what NumPy warns of."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        value = function(np.asarray(z, dtype=float))
    return value, sorted({str(one.message) for one in caught}) or "no warning"


# %%
for function, z in (
    (textbook_softmax, [1000, 0]),
    (softmax, [1000, 0]),
    (textbook_sigmoid, -1000),
    (sigmoid, -1000),
):
    value, words = told(function, z)
    print(f"{function.__name__:17} of {z}: {value}\n   {words}")

# %% [markdown]
# `nan` is "not a number": infinity divided by infinity. One of them among the outputs makes every
# weight `nan` at the next step. The textbook's sigmoid is right here, after a warning. Another book
# writes it `exp(z) / (1 + exp(z))`; that is the same function, and fails at the other end:


# %%
def other_sigmoid(z):
    return np.exp(z) / (1 + np.exp(z))


for z in (-1000, 1000):
    print(f"z = {z:5}: {told(other_sigmoid, z)[0]}; the library's {sigmoid(z)}")

# %% [markdown]
# The library's functions never take `exp` of a positive number. Softmax first subtracts the largest
# sum, which changes no quotient, as seen above. Sigmoid takes `exp(-|z|)` and one form of the
# formula for each sign. The networks of the pipeline compute with numbers of half the length
# (float32), and there even a sum of 89 is too large:

# %%
large = np.array([89, 87], dtype=np.float32)
print("textbook, float64:", textbook_softmax(np.array([89.0, 87.0])).round(3))
with np.errstate(all="ignore"):  # no warnings
    print("textbook, float32:", textbook_softmax(large))
print("library, float32: ", softmax(large).round(3))

# %% [markdown]
# ## For the output: sigmoid or softmax
#
# With two classes one sum is enough. Softmax of `(z, 0)` is `exp(z) / (exp(z) + 1)`, and that is
# sigmoid of `z`: only the difference of the two sums counts.

# %%
for z in (-2.0, 0.0, 3.0):
    first, _ = softmax([z, 0])
    print(f"z = {z:4}: sigmoid {sigmoid(z):.6f}, softmax of (z, 0) {first:.6f}")

# %% [markdown]
# With K classes there are K sums. A sigmoid for each of them gives numbers between 0 and 1 too, but
# they share no whole: no probabilities of classes of which exactly one is true.

# %%
subtypes = np.array([[2.0, 1.0, -1.0, 0.5]])  # sums of four classes
for function in (sigmoid, softmax):
    four = function(subtypes)
    print(f"{function.__name__}: {np.round(four, 3)} sum {four.sum():.3f}")

# %% [markdown]
# The pipeline chooses by the number of classes. `activate` in `src/exprlab/outputs.py` takes one
# sum for each sample, or a row of K:

# %%
print("two classes: ", np.round(activate([-2.0, 0.0, 3.0]), 3))
print("four classes:", np.round(activate(subtypes), 3))

# %% [markdown]
# An experiment may name the output (`models.*.output`). One that does not fit the classes is
# refused, and the message says why:

# %%
for output, n_classes in (("softmax", 2), ("sigmoid", 4)):
    try:
        refuse_output(output, n_classes)
    except ValueError as error:
        print(error)

# %% [markdown]
# ## For hidden layers: not softmax
#
# Units of a hidden layer should each find something of their own, several at a time if need be.
# Softmax makes them share a 1, so one can only speak up by silencing the others. It is refused:

# %%
try:
    activation_of("softmax")
except ValueError as error:
    print(error)

# %% [markdown]
# ## The others, briefly
#
# Four more are variations. Tanh is a sigmoid from -1 to 1. The three others are ReLU with a softer
# corner or with a slope below 0, so that a unit which is off can still learn.

# %%
z = np.array([-3.0, -1.0, 0.0, 1.0, 3.0])
print("z           ", *(f"{value:7.2f}" for value in z))
for name, one in ACTIVATIONS.items():
    print(f"{name:12}", *(f"{value:7.3f}" for value in one.function(z)))

# %%
z = np.linspace(-5, 5, 401)
show(
    curves_figure(
        {name: (z, one.derivative(z)) for name, one in ACTIVATIONS.items()},
        "weighted sum z",
        "slope",
    ),
    "Slopes of six activations: sigmoid's stays below 1/4, tanh's reaches 1 at 0 "
    "only, those of relu, leaky_relu, gelu and silu are near 1 for large sums",
)

# %% [markdown]
# What to conclude: on the right, four of six have a slope near 1. Tanh has one only around 0, and
# sigmoid never more than 1/4. Far to the left only leaky_relu keeps a slope, a hundredth.
#
# All in one table, from the code:

# %%
display(Markdown(activation_table()))

# %% [markdown]
# ## Gradients vanish
#
# The **gradient** says for each weight how the loss changes with it; training follows it (lesson
# 4). It is computed from the last layer to the first, and each layer on the way multiplies it by
# its weights and by the slope of its activation. Here is its length in each layer of a network with
# six hidden layers and random weights.


# %%
def gradient_lengths(activation, larger=1.0):
    """Return the length of the gradient in each layer, with random weights."""
    rng = np.random.default_rng(0)
    samples, labels = rng.normal(size=(200, 20)), np.arange(200) % 2
    network = MLP.random(20, [32] * 6, 1, rng, activation)
    for layer in network.layers:
        layer.weights *= larger
    _, gradients = network.backpropagate(samples, labels)
    return np.array([np.linalg.norm(gradient.weights) for gradient in gradients])


# %%
layers = np.arange(1, 8)
lengths = {
    "sigmoid": gradient_lengths("sigmoid"),
    "relu": gradient_lengths("relu"),
    "relu, larger weights": gradient_lengths("relu", larger=np.sqrt(6)),
}
show(
    curves_figure(
        {name: (layers, length) for name, length in lengths.items()},
        "layer (1 meets the inputs, 7 is the output)",
        "length of the gradient",
        log_y=True,
    ),
    "Length of the gradient over the layers on a log scale: towards the first it "
    "falls to less than a ten-thousandth with sigmoid, to about a tenth with relu",
)
for name, length in lengths.items():
    print(f"{name:21} layer 7 has {length[-1] / length[0]:,.0f} times layer 1's")

# %% [markdown]
# What to conclude: with sigmoid the first layer, the one that looks at the genes, gets next to
# nothing. Its slopes are at most 1/4, and the factors multiply. With relu the slopes are 0 or 1.
# What is lost there is due to the random weights, which are small: with a variance of `2 /
# n_inputs`, six times theirs, less is lost (He and others derived it for relu in 2015). Larger
# weights help sigmoid too, but not enough:

# %%
longer = gradient_lengths("sigmoid", larger=np.sqrt(6))
print(f"sigmoid, larger weights: still {longer[-1] / longer[0]:,.0f} times")

# %% [markdown]
# And this is what it does to a training: 300 steps on an easy question, is the first input
# positive?

# %%
for activation in ("sigmoid", "relu"):
    rng = np.random.default_rng(0)
    samples = rng.normal(size=(200, 20))
    labels = (samples[:, 0] > 0).astype(int)
    network = MLP.random(20, [32] * 6, 1, rng, activation)
    descent = GradientDescent(learning_rate=0.1, momentum=0.9)
    for _ in range(300):
        loss, gradients = network.backpropagate(samples, labels)
        descent.step(network, gradients)
    print(f"{activation:8} loss {loss:.2f}")

# %% [markdown]
# A loss of 0.69 is that of guessing (lesson 4). The deep sigmoid network has not begun to learn.
#
# ## Exercises
#
# **1.** Backpropagation keeps the outputs of a layer. Write the slope of the sigmoid from its
# **output** `s`, without taking `exp` again.


# %% tags=["exercise"]
def slope_from_output(s):
    """Return the slope of the sigmoid where its value is s."""


# %% tags=["solution"]
def slope_from_output(s):
    """Return the slope of the sigmoid where its value is s."""
    return s * (1 - s)


# %% tags=["check"]
z = np.linspace(-5, 5, 11)
found = slope_from_output(sigmoid(z))
assert found is not None, "the function returns nothing yet"
assert np.isclose(slope_from_output(0.5), 0.25), "in the middle the slope is 1/4"
assert np.allclose(found, sigmoid_derivative(z)), "see the formula under Sigmoid"
print("right: exercise 1")

# %% [markdown]
# **2.** Write softmax for a matrix, a row for each sample, so that large sums do no harm.


# %% tags=["exercise"]
def my_softmax(sums):
    """Return probabilities, (n_samples, n_classes), from sums of that shape."""
    return np.exp(sums) / np.exp(sums).sum()


# %% tags=["solution"]
def my_softmax(sums):
    """Return probabilities, (n_samples, n_classes), from sums of that shape."""
    powers = np.exp(sums - sums.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


# %% tags=["check"]
found, _ = told(my_softmax, [[1, 2, 3], [3, 3, 3]])
assert np.shape(found) == (2, 3), f"2 samples, 3 classes; found {np.shape(found)}"
totals = found.sum(axis=1)
assert np.allclose(totals, 1), f"each row must sum to 1; yours sum to {totals}"
assert np.allclose(found, softmax([[1, 2, 3], [3, 3, 3]])), f"found {found}"
found, words = told(my_softmax, [[1000, 0], [-1000, 0]])
assert words == "no warning", f"subtract each row's largest sum first: {words}"
assert np.allclose(found, [[1, 0], [0, 1]]), f"1000 takes all; found {found[0]}"
print("right: exercise 2")

# %% [markdown]
# **3.** Choose the output of three networks: the number of output units, and `"sigmoid"` or
# `"softmax"`. In the third, a tumour may carry several mutations at once, or none.

# %% tags=["exercise"]
outputs = {
    "malignant or benign": (1, "softmax"),
    "one of four subtypes": (1, "softmax"),
    "which of five mutations": (1, "softmax"),
}

# %% tags=["solution"]
# Five questions with a yes or no each. (exprlab itself asks one question.)
outputs = {
    "malignant or benign": (1, "sigmoid"),
    "one of four subtypes": (4, "softmax"),
    "which of five mutations": (5, "sigmoid"),
}

# %% tags=["check"]
one, four, five = map(tuple, outputs.values())
assert one != (1, "softmax"), "softmax of a single sum is 1, always: softmax([7.0])"
two_ways = ((1, "sigmoid"), (2, "softmax"))
assert one in two_ways, "two classes: one sum, or two sums that share a 1"
assert four == (4, "softmax"), "exactly one of four is true: they share a 1"
assert five == (5, "sigmoid"), "a yes or no for each: they need not share a 1"
print("right: exercise 3")

# %% [markdown]
# **4.** By how much do the slopes of `n` layers of sigmoids multiply a gradient at most? Then say
# how many layers are enough to make it less than a millionth.


# %% tags=["exercise"]
def at_most(n):
    """Return the largest product of n slopes of the sigmoid."""


layers_to_a_millionth = 0


# %% tags=["solution"]
def at_most(n):
    """Return the largest product of n slopes of the sigmoid."""
    return 0.25**n


layers_to_a_millionth = 10

# %% tags=["check"]
assert at_most(1) is not None, "the function returns nothing yet"
assert np.isclose(at_most(1), sigmoid_derivative(0.0)), "one slope is largest at 0"
assert np.isclose(at_most(6), 1 / 4096), "six layers multiply six slopes"
n = layers_to_a_millionth
assert at_most(n) < 1e-6, f"{n} layers: {at_most(n):.1e} is not below a millionth"
assert at_most(n - 1) >= 1e-6, f"{n - 1} layers are enough"
print("right: exercise 4")

# %% [markdown]
# ## Where it lives in the pipeline
#
# | idea | file |
# |---|---|
# | activations and derivatives in NumPy | `src/exprlab/nets/activations.py` |
# | the hidden layers' activation is a setting: `models.*.activation` | `config/config.yaml` |
# | the same activations in torch | `src/exprlab/nets/mlp.py` |
# | all six compared, as an experiment | `config/examples/activations.yaml` |
# | softmax is refused in hidden layers | `src/exprlab/nets/scratch.py` (`activation_of`) |
# | sigmoid or softmax of the output | `src/exprlab/outputs.py` (`activate`) |
# | an output that does not fit is refused: `models.*.output` | `src/exprlab/config/models.py` |
# | the probabilities are judged | `src/exprlab/evaluation/metrics.py` |
# | they are made more honest | `src/exprlab/evaluation/calibration.py` |
