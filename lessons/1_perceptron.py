# %% [markdown]
# # 1 The perceptron
#
# After this lesson you can
#
# - compute what a perceptron makes of its inputs: weights, bias, weighted sum, activation;
# - say what weights and bias do to the line that parts two classes;
# - find the perceptron again in the pipeline that classifies tumours.
#
# Nothing is needed but NumPy and what a gene's expression is. Cells are run from top to bottom.

# %%
import numpy as np

from exprlab.lessons.show import show
from exprlab.nets.scratch import Perceptron
from exprlab.plotting.lesson_figures import decision_figure

# %% [markdown]
# ## One tumour, three genes
#
# A tumour is described by the expression of three genes. A perceptron has a **weight** for each
# **input**: how much it counts, and in which direction. It adds them up:
#
# `z = w1 x1 + w2 x2 + w3 x3 + w0`
#
# `z` is the **weighted sum**. The **bias** `w0` is what the sum is when all inputs are 0.

# %%
expression = np.array([3.0, 1.0, 0.5])  # x1, x2, x3
weights = np.array([0.5, -1.0, 2.0])  # w1, w2, w3
bias = 0.25  # w0

total = bias
for weight, value in zip(weights, expression, strict=True):
    total += weight * value
    print(f"{weight:5} x {value:4} = {weight * value:5}   sum so far {total:5}")

# %% [markdown]
# The first gene speaks for the class, the second against it, and the third counts most per unit.
#
# The sum may be any number. The **activation** makes of it what is passed on; here the *sigmoid*
# `1 / (1 + exp(-z))`, which lies between 0 and 1 and can be read as a probability.

# %%
print("by hand       ", 1 / (1 + np.exp(-total)))
unit = Perceptron(weights, bias, activation="sigmoid")
print("weighted sum  ", unit.weighted_sum(expression))
print("output        ", unit(expression))

# %% [markdown]
# `Perceptron` is `src/exprlab/nets/scratch.py`; its two methods
# have a line of arithmetic each. Read them.
#
# ## Many tumours at once
#
# With a row for each sample, one matrix product gives all sums. Nothing else changes.

# %%
tumours = np.array([[3.0, 1.0, 0.5], [0.0, 2.0, 0.1], [0.0, 0.0, 0.0]])
for row, probability in zip(tumours, unit(tumours), strict=True):
    print(row, "->", round(float(probability), 3))

# %% [markdown]
# The last tumour expresses nothing, so only the bias speaks: `sigmoid(0.25) = 0.562`.
#
# What has another number of genes is refused, because each input needs a weight of its own:

# %%
try:
    unit(np.array([3.0, 1.0]))
except ValueError as error:
    print(error)

# %% [markdown]
# ## The line it draws
#
# The probability is 1/2 where the weighted sum is 0. With two genes that is a straight line:
# the weights say how it is turned, the bias how far it is from the origin.

# %%
rng = np.random.default_rng(1)
labels = np.repeat([0, 1], 30)  # benign, malignant
points = rng.normal(size=(60, 2)) + np.where(labels[:, None] == 1, 1.5, -0.5)
units = {
    "weights (1, 1), bias 0": Perceptron([1, 1], 0),
    "bias -1: the line moves": Perceptron([1, 1], -1),
    "weights (3, 3), bias -3: it is surer": Perceptron([3, 3], -3),
}
show(
    decision_figure(units, points, labels),
    "Three panels: the same 60 tumours, parted by three perceptrons",
)

# %% [markdown]
# What to conclude: a bias moves the line without turning it. Weights that are three times as large,
# with the bias, leave the line where it is, but the probability goes from 0 to 1 in a third of
# the way.
#
# ## Exercises
#
# **1.** Write the perceptron yourself: from inputs `(n, n_inputs)`, weights and bias to
# probabilities `(n,)`. No loop is needed.


# %% tags=["exercise"]
def my_perceptron(inputs, weights, bias):
    """Return the probability of each sample."""


# %% tags=["solution"]
def my_perceptron(inputs, weights, bias):
    """Return the probability of each sample."""
    sums = inputs @ weights + bias
    return 1 / (1 + np.exp(-sums))


# %% tags=["check"]
found = my_perceptron(tumours, weights, bias)
assert found is not None, "the function returns nothing yet"
assert np.shape(found) == (3,), f"a probability for each of 3 samples; found shape {found.shape}"
assert np.allclose(found, unit(tumours)), "compare with the sums above, row by row"
print("right: exercise 1")

# %% [markdown]
# **2.** A marker panel calls a tumour suspicious if *both* of two genes are on (1), and not if one
# or none is (0). Choose `and_weights` and `and_bias` so that the perceptron says more than 1/2
# for (1, 1) and less for the three others.

# %% tags=["exercise"]
and_weights, and_bias = np.array([0.0, 0.0]), 0.0

# %% tags=["solution"]
# Each gene alone must not lift the sum above 0, both together must.
and_weights, and_bias = np.array([1.0, 1.0]), -1.5

# %% tags=["check"]
genes = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
called = Perceptron(and_weights, and_bias)(genes) > 0.5
assert called.tolist() == [False, False, False, True], f"called so far: {called.tolist()}"
print("right: exercise 2")

# %% [markdown]
# **3.** The same panel, but *at least one* gene must be on. Only the bias has to change.

# %% tags=["exercise"]
or_bias = and_bias

# %% tags=["solution"]
or_bias = -0.5

# %% tags=["check"]
called = Perceptron(and_weights, or_bias)(genes) > 0.5
assert called.tolist() == [False, True, True, True], f"called so far: {called.tolist()}"
print("right: exercise 3")

# %% [markdown]
# There is no answer for *exactly one*: no straight line does it. Lesson 3 shows what does.
#
# ## Where it lives in the pipeline
#
# | idea | file |
# |---|---|
# | perceptron, weighted sum | `src/exprlab/nets/scratch.py` |
# | the same in torch; `hidden: []` is one perceptron | `src/exprlab/nets/mlp.py` |
# | as an experiment | `config/examples/perceptron.yaml` |
# | its relative in statistics: `logistic` | `src/exprlab/training/baselines.py` |
