"""From what is known of the signal factors z to the probability of each class.

z is a mixture of Gaussians: component (class y, lineage l) has mean `m[y, l]` and the same
diagonal covariance Sigma in all of them. Arrays of components have shape (classes, lineages).
"""

from __future__ import annotations

import numpy as np
from scipy.special import log_softmax, logsumexp

from exprlab.config.simulator import SimulatorConfig
from exprlab.data.design import class_means, signal_sds


class Mixture:
    """The law of the signal factors of a sample whose class is not known.

    Attributes
    ----------
    means
        Of the components, (classes, lineages, D).
    variance
        Of each factor within a component, (D,).
    log_weight
        Log probability of class and lineage, (classes, lineages).
    """

    def __init__(
        self, config: SimulatorConfig, prior: np.ndarray, extra_variance: np.ndarray | float = 0.0
    ) -> None:
        """Take the class prior, (classes,), and what is to be added to the variances, (D,)."""
        self.means = class_means(config)
        n_lineages, n_signal = self.means.shape[1:]
        self.variance = signal_sds(config, n_signal) ** 2 + extra_variance
        self.log_weight = np.repeat(np.log(prior)[:, None] - np.log(n_lineages), n_lineages, axis=1)

    def moments(self) -> tuple[np.ndarray, np.ndarray]:
        """Return mean (D,) and covariance (D, D) of z."""
        weight = np.exp(self.log_weight)
        mean = np.einsum("yl,yld->d", weight, self.means)
        spread = self.means - mean
        between = np.einsum("yl,yld,yle->de", weight, spread, spread)
        return mean, between + np.diag(self.variance)

    def log_density(self, z: np.ndarray) -> np.ndarray:
        """Return log weight + log N(z; m, Sigma) of each component, (..., classes, lineages)."""
        distance = z[..., None, None, :] - self.means
        constant = np.log(2 * np.pi * self.variance).sum()
        return self.log_weight - 0.5 * ((distance**2 / self.variance).sum(axis=-1) + constant)

    def log_evidence(self, precision: np.ndarray, shift: np.ndarray) -> np.ndarray:
        """Return the log weight of each component after seeing a Gaussian likelihood of z.

        The likelihood is exp(shift' z - z' precision z / 2), with shapes (D,) and (D, D). Terms
        that all components have in common are left out; (classes, lineages).
        """
        solved, b = self._component_means(precision, shift)
        return self.log_weight + 0.5 * (
            (b * solved).sum(axis=-1) - (self.means**2 / self.variance).sum(axis=-1)
        )

    def gradient(self, precision: np.ndarray, shift: np.ndarray) -> np.ndarray:
        """Return the derivative of each class's log odds against the rest by `shift`.

        The derivative of a component's log evidence is its posterior mean of z; (classes, D).
        """
        z, _ = self._component_means(precision, shift)
        log_evidence = self.log_evidence(precision, shift)
        gradients = []
        for y in range(len(z)):
            own, rest = np.zeros(len(z), bool), np.ones(len(z), bool)
            own[y], rest[y] = True, False
            gradients.append(_mean_of(z, log_evidence, own) - _mean_of(z, log_evidence, rest))
        return np.array(gradients)

    def _component_means(
        self, precision: np.ndarray, shift: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        b = self.means / self.variance + shift
        total = precision + np.diag(1 / self.variance)
        return np.linalg.solve(total, b[..., None])[..., 0], b


def _mean_of(z: np.ndarray, log_evidence: np.ndarray, classes: np.ndarray) -> np.ndarray:
    chosen = log_evidence[classes]
    weight = np.exp(chosen - logsumexp(chosen))
    return np.einsum("yl,yld->d", weight, z[classes])


def log_class_probability(log_evidence: np.ndarray) -> np.ndarray:
    """Return log p(class) from (..., classes, lineages) log evidences, (..., classes)."""
    return log_softmax(logsumexp(log_evidence, axis=-1), axis=-1)


def given_factors(config: SimulatorConfig, z: np.ndarray, prior: np.ndarray) -> np.ndarray:
    """Return p(class | z) exactly: nobody who sees counts knows more.

    Parameters
    ----------
    config
        Of the simulator.
    z
        Signal factors, (n, D).
    prior
        Class probabilities, (classes,), or one row per sample, (n, classes).

    Returns
    -------
    numpy.ndarray
        (n, classes).
    """
    flat = np.full(config.n_classes, 1 / config.n_classes)
    log_evidence = logsumexp(Mixture(config, flat).log_density(z), axis=-1)
    return np.exp(log_softmax(log_evidence + np.log(prior), axis=-1))


def of_recorded_label(probability: np.ndarray, label_noise: float) -> np.ndarray:
    """Return the probabilities of the recorded label, given those of the true class.

    A wrong label is any of the other classes, equally likely; shapes (n, classes).
    """
    others = (1 - probability) / (probability.shape[1] - 1)
    return (1 - label_noise) * probability + label_noise * others
