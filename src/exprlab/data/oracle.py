"""The Bayes-optimal classifier of simulated samples: p(class | counts), and what it looks at.

The simulator's world is known, so the probability of each class given the counts of a sample is
an integral over everything hidden: signal factors z, nuisance factors u, purity and depth. Here it
is computed by Laplace's method:

1. Fisher scoring finds the mode of theta under a Gaussian prior on z that has the mean and the
   covariance of the whole mixture of classes and lineages.
2. The Gaussian around the mode, divided by that prior, is the likelihood of z. Times each
   component of the mixture it integrates in closed form.

Its numerical error is measured by importance sampling with a multivariate t around the same mode.
The oracle knows the genes' parameters, and for each sample its batch (offsets and class prior,
unless it is blind to it) and which entries are outliers.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import logsumexp

from exprlab.data.design import class_priors
from exprlab.data.likelihood import CountModel, Likelihood
from exprlab.data.posterior import Mixture, log_class_probability
from exprlab.data.simulate import Simulator

CONVERGED = 1e-6  # of the Newton decrement, in nats
MOST_STEPS = 50
SMALLEST_SD = 1e-3  # of log depth, so that a world of one depth stays a proper prior
T_DEGREES = 30  # of the proposal of importance sampling
# Laplace's Gaussian is trusted while z is pinned down this well; beyond it draws take over.
LARGEST_Z_SD = 0.25


@dataclass(frozen=True)
class Sample:
    """What the counts of one sample say.

    Attributes
    ----------
    probability
        Of each class, (classes,).
    z, z_sd
        Mean and sd of the signal factors, (D,), before the mixture is applied.
    steps
        Steps of Fisher scoring.
    effective_draws
        Effective number of importance draws; 0 where Laplace's method was enough.
    sensitivity
        Derivative of each class's log odds by the log of each count, (classes, G).
    """

    probability: np.ndarray
    z: np.ndarray
    z_sd: np.ndarray
    steps: int
    effective_draws: float
    sensitivity: np.ndarray


class Oracle:
    """The Bayes-optimal classifier for one batch of one cohort.

    Parameters
    ----------
    simulator
        The world.
    cohort
        Which cohort the samples are from.
    batch
        Index of the batch within the cohort; None for an oracle that is blind to batches: their
        effects then widen the priors and the dispersion, and the class prior is that of the cohort.
    """

    def __init__(self, simulator: Simulator, cohort: int, batch: int | None) -> None:
        config, genes = simulator.config, simulator.genes
        batches = simulator.batches[cohort]
        base, dispersion = genes.log_share_at_rest(), genes.dispersion
        blind = batch is None
        fractions = batches.malignant_fraction if blind else batches.malignant_fraction[[batch]]
        prior = class_priors(config, fractions).mean(axis=0)
        depth = np.log(config.library_size)
        widened = np.zeros(genes.n_signal)
        dense_mean, dense_variance = np.zeros(len(genes.dense)), np.ones(len(genes.dense))
        depth_variance = config.library_sd**2
        if blind:
            variance = (config.batch_sd * genes.batch_sensitivity) ** 2
            base = base + variance / 2
            dispersion = dispersion + np.expm1(variance) * (1 + dispersion)
            widened[: genes.n_signal - (config.n_lineages - 1)] = config.batch_signal_sd**2
            dense_variance = dense_variance + config.batch_factor_sd**2
            depth_variance += config.batch_depth_sd**2
        else:
            base = base + batches.offset[batch]
            dense_mean = batches.factor_shift[batch]
            depth += batches.log_depth[batch]
        with np.errstate(divide="ignore"):  # a batch may have no sample of a class
            self.mixture = Mixture(config, prior, widened)
        self.model = CountModel(genes, base, dispersion)
        self.purity = (config.purity_a, config.purity_b)
        z_mean, z_covariance = self.mixture.moments()
        n_modules = self.model.n_modules
        # Prior of theta but for purity, whose law is not Gaussian.
        self._z_prior = (z_mean, np.linalg.inv(z_covariance))
        self.prior_mean = np.concatenate(
            [dense_mean, [depth], z_mean, np.zeros(n_modules), [np.log(np.divide(*self.purity))]]
        )
        variances = [*dense_variance, max(depth_variance, SMALLEST_SD**2)]
        self._precision = np.zeros((self.model.n_theta, self.model.n_theta))
        np.fill_diagonal(
            self._precision,
            np.concatenate([1 / np.array(variances), z_mean * 0, np.ones(n_modules), [0.0]]),
        )
        self._signal = slice(self.model.n_a, self.model.n_a + self.model.n_signal)
        self._precision[self._signal, self._signal] = self._z_prior[1]

    def sample(
        self,
        counts: np.ndarray,
        kept: np.ndarray,
        rng: np.random.Generator,
        n_draws: int = 400,
        always_draw: bool = False,
    ) -> Sample:
        """Judge one sample.

        Parameters
        ----------
        counts
            Raw counts, (G,).
        kept
            False where an entry is missing or known to be an outlier, (G,).
        rng
            Of the importance draws.
        n_draws
            Their number, even.
        always_draw
            Whether to draw even where Laplace's method is good enough.
        """
        kept = kept.astype(np.float64)
        counts = np.where(kept, counts, 0).astype(np.float64)
        theta, at, steps = self.mode(counts, kept)
        covariance = np.linalg.inv(self._hessian(theta, at))
        of_z = covariance[self._signal, self._signal]
        z, z_sd = theta[self._signal], np.sqrt(np.diag(of_z))
        z_mean, z_precision = self._z_prior
        of_z = np.linalg.inv(of_z)
        precision, shift = of_z - z_precision, of_z @ z - z_precision @ z_mean
        log_evidence, effective = self.mixture.log_evidence(precision, shift), 0.0
        if always_draw or z_sd.max() > LARGEST_Z_SD:
            log_evidence, effective = self._draw(theta, covariance, counts, kept, rng, n_draws)
        by_shift = self.mixture.gradient(precision, shift)
        return Sample(
            probability=np.exp(log_class_probability(log_evidence)),
            z=z,
            z_sd=z_sd,
            steps=steps,
            effective_draws=effective,
            sensitivity=self._sensitivity(by_shift @ of_z, covariance, at),
        )

    def mode(
        self, counts: np.ndarray, kept: np.ndarray, start: np.ndarray | None = None
    ) -> tuple[np.ndarray, Likelihood, int]:
        """Return the mode of theta, what is known there, and the number of steps.

        Starts at the prior mean, at the depth that the total count suggests, unless told where.
        """
        if start is None:
            theta = self.prior_mean.copy()
            expected = np.exp(self.model.log_mean(theta[None])[0]) @ kept
            theta[self.model.n_a - 1] += np.log(max(counts.sum(), 1.0) / expected)
        else:
            theta = start.copy()
        at = self.model.at(theta, counts, kept)
        value = at.value + self.log_prior(theta[None])[0]
        steps = 0
        while steps < MOST_STEPS:
            gradient = at.gradient + self._prior_gradient(theta)
            step = np.linalg.solve(self._hessian(theta, at), gradient)
            if gradient @ step < CONVERGED:
                break
            steps += 1
            scale = 1.0
            while True:
                trial = theta + scale * step
                found = self.model.at(trial, counts, kept)
                better = found.value + self.log_prior(trial[None])[0]
                if better >= value or scale < 1e-6:
                    break
                scale /= 2
            theta, at, value = trial, found, better
        return theta, at, steps

    def log_prior(self, theta: np.ndarray) -> np.ndarray:
        """Return the log prior of (n, n_theta) thetas up to a constant, (n,)."""
        away = theta - self.prior_mean
        return -0.5 * np.einsum("ni,ij,nj->n", away, self._precision, away) + self._log_beta(theta)

    def _log_beta(self, theta: np.ndarray) -> np.ndarray:
        """Return log pi^a (1 - pi)^b: the Beta law of purity, as a density of its logit."""
        logit, (a, b) = theta[..., -1], self.purity
        return -a * np.logaddexp(0, -logit) - b * np.logaddexp(0, logit)

    def _prior_gradient(self, theta: np.ndarray) -> np.ndarray:
        gradient = -self._precision @ (theta - self.prior_mean)
        a, b = self.purity
        gradient[-1] += a - (a + b) / (1 + np.exp(-theta[-1]))
        return gradient

    def _hessian(self, theta: np.ndarray, at: Likelihood) -> np.ndarray:
        """Return minus the expected second derivative of the log posterior."""
        hessian = at.information + self._precision
        a, b = self.purity
        purity = 1 / (1 + np.exp(-theta[-1]))
        hessian[-1, -1] += (a + b) * purity * (1 - purity)
        return hessian

    def _sensitivity(self, by_z: np.ndarray, covariance: np.ndarray, at: Likelihood) -> np.ndarray:
        """Return the derivative by log counts, given that by the mode of z, (classes, D).

        The gradient of the log posterior moves by J' weight dx, and the mode by H^-1 times that;
        a small relative change of a count is dx = mu d(log x).
        """
        by_theta = by_z @ covariance[self._signal]
        dense, sparse = at.jacobian
        n_a = self.model.n_a
        return (by_theta[:, :n_a] @ dense + (sparse.T @ by_theta[:, n_a:].T).T) * (
            at.weight * at.mean
        )

    def _draw(
        self,
        theta: np.ndarray,
        covariance: np.ndarray,
        counts: np.ndarray,
        kept: np.ndarray,
        rng: np.random.Generator,
        n_draws: int,
    ) -> tuple[np.ndarray, float]:
        """Return log evidences by importance sampling, and the effective number of draws."""
        half = rng.standard_normal((n_draws // 2, theta.size))
        scale = np.sqrt(T_DEGREES / rng.chisquare(T_DEGREES, n_draws // 2))
        steps = np.linalg.cholesky(covariance) @ (half * scale[:, None]).T
        draws = theta + np.concatenate([steps, -steps], axis=1).T
        distance = np.tile((half**2).sum(axis=1) * scale**2, 2)
        log_proposal = -0.5 * (T_DEGREES + theta.size) * np.log1p(distance / T_DEGREES)
        z = draws[:, self._signal]
        z_mean, z_precision = self._z_prior
        # The Gaussian stand-in for the law of z leaves the prior; the mixture takes its place.
        stand_in = -0.5 * np.einsum("ni,ij,nj->n", z - z_mean, z_precision, z - z_mean)
        log_weight = self.model.log_likelihood(draws, counts, kept) + self.log_prior(draws)
        log_weight = (log_weight - stand_in - log_proposal)[:, None, None]
        log_terms = log_weight + self.mixture.log_density(z)
        total = logsumexp(log_terms, axis=(1, 2))
        effective = np.exp(2 * logsumexp(total) - logsumexp(2 * total))
        return logsumexp(log_terms, axis=0), float(effective)
