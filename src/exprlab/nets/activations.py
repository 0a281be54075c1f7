"""Activation functions and their derivatives, of arrays of any shape. NumPy only.

They are exact where a formula from a textbook is not: exp of a large number is infinite, so none is
ever taken.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

LEAK = 0.01  # slope of leaky_relu below 0, as in torch


def sigmoid(z: ArrayLike) -> NDArray:
    """Return 1 / (1 + exp(-z)): S-shaped, between 0 and 1."""
    z = _floats(z)
    small = np.exp(-np.abs(z))  # exp of what is not positive: at most 1
    return np.where(z >= 0, 1, small) / (1 + small)


def sigmoid_derivative(z: ArrayLike) -> NDArray:
    """Return sigmoid(z) (1 - sigmoid(z)): at most 1/4, and next to nothing far from 0."""
    small = np.exp(-np.abs(_floats(z)))
    return small / (1 + small) ** 2


def softmax(z: ArrayLike, axis: int = -1) -> NDArray:
    """Return exp(z) divided by its sum along an axis: probabilities that sum to 1.

    Subtracting the largest value changes no quotient, and leaves exp nothing large.
    """
    z = _floats(z)
    powers = np.exp(z - z.max(axis=axis, keepdims=True))
    return powers / powers.sum(axis=axis, keepdims=True)


def softmax_derivative(z: ArrayLike, axis: int = -1) -> NDArray:
    """Return the derivative of each probability by each value: p_i ((i = j) - p_j).

    The shape is that of z without `axis`, followed by (n, n): i, j.
    """
    p = np.moveaxis(softmax(z, axis), axis, -1)
    return p[..., :, None] * (np.eye(p.shape[-1], dtype=p.dtype) - p[..., None, :])


def relu(z: ArrayLike) -> NDArray:
    """Return z where it is positive, else 0."""
    return np.maximum(_floats(z), 0)


def relu_derivative(z: ArrayLike) -> NDArray:
    """Return 1 where z is positive, else 0. At 0, where there is none, the field takes 0."""
    z = _floats(z)
    return (z > 0).astype(z.dtype)


def tanh(z: ArrayLike) -> NDArray:
    """Return the hyperbolic tangent: S-shaped, between -1 and 1."""
    return np.tanh(_floats(z))


def tanh_derivative(z: ArrayLike) -> NDArray:
    """Return 1 - tanh(z)^2, as 4 sigmoid'(2 z): without the difference that cancels."""
    return 4 * sigmoid_derivative(2 * _floats(z))


def leaky_relu(z: ArrayLike) -> NDArray:
    """Return z where it is positive, else a hundredth of it."""
    z = _floats(z)
    return np.where(z > 0, z, z * z.dtype.type(LEAK))


def leaky_relu_derivative(z: ArrayLike) -> NDArray:
    """Return 1 where z is positive, else a hundredth."""
    z = _floats(z)
    return np.where(z > 0, z.dtype.type(1), z.dtype.type(LEAK))


def gelu(z: ArrayLike) -> NDArray:
    """Return z times the normal distribution's share below z (Hendrycks and Gimpel 2016)."""
    z = _floats(z)
    return z * _normal_cdf(z)


def gelu_derivative(z: ArrayLike) -> NDArray:
    """Return the share below z plus z times the density at z."""
    z = _floats(z)
    near = np.clip(z, -40, 40)  # beyond, the density is 0 in any precision
    density = np.exp(-near * near / 2) / z.dtype.type(math.sqrt(2 * math.pi))
    return _normal_cdf(z) + z * density


def silu(z: ArrayLike) -> NDArray:
    """Return z times sigmoid(z), also called swish."""
    z = _floats(z)
    return z * sigmoid(z)


def silu_derivative(z: ArrayLike) -> NDArray:
    """Return sigmoid(z) + z sigmoid'(z)."""
    z = _floats(z)
    return sigmoid(z) + z * sigmoid_derivative(z)


@dataclass(frozen=True)
class Activation:
    """A hidden layer's activation: the function, its derivative, and what there is to say of it.

    Attributes
    ----------
    range
        Its values.
    best_use, advantage
        As the course puts it.
    """

    name: str
    function: Callable[[ArrayLike], NDArray]
    derivative: Callable[[ArrayLike], NDArray]
    range: str
    best_use: str
    advantage: str


ACTIVATIONS = {
    a.name: a
    for a in (
        Activation("relu", relu, relu_derivative, "0 to infinity", "hidden layers",
                   "its slope stays 1, so gradients do not vanish; sparse; cheap"),
        Activation("sigmoid", sigmoid, sigmoid_derivative, "0 to 1",
                   "output for two classes", "a probability"),
        Activation("tanh", tanh, tanh_derivative, "-1 to 1",
                   "hidden layers of small networks", "centred at 0"),
        Activation("leaky_relu", leaky_relu, leaky_relu_derivative, "-infinity to infinity",
                   "hidden layers where units of relu die", "a slope below 0, too"),
        Activation("gelu", gelu, gelu_derivative, "-0.17 to infinity",
                   "transformers", "smooth, and like relu far from 0"),
        Activation("silu", silu, silu_derivative, "-0.28 to infinity",
                   "deep networks", "smooth, and cheaper than gelu"),
    )
}  # fmt: skip


def _floats(z: ArrayLike) -> NDArray:
    """Return an array of floating-point numbers; float32 stays what it is."""
    z = np.asarray(z)
    return z if np.issubdtype(z.dtype, np.floating) else z.astype(np.float64)


def _normal_cdf(z: NDArray) -> NDArray:
    # NumPy has no error function.
    erfc = np.vectorize(math.erfc, otypes=[np.float64])
    return (erfc(-z / math.sqrt(2)) / 2).astype(z.dtype)
