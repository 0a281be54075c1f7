"""How likely the counts of one sample are, as a function of everything hidden about it.

theta = (a, b) with a = (dense nuisance factors, log depth), which move all genes, and
b = (z, modules, logit purity), which move some. Derivatives by a are dense, those by b sparse;
a step of the oracle does no arithmetic on their zeros.

    log mu = base + V u + log s + log(pi exp(W z) + (1 - pi) exp(S))
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_matrix
from scipy.special import expit

from exprlab.data.genes import Genes


@dataclass(frozen=True)
class Likelihood:
    """What the counts of one sample say around one theta.

    Attributes
    ----------
    value
        Log likelihood, less terms that do not depend on theta.
    gradient
        Its gradient by theta.
    information
        The expected Fisher information.
    jacobian
        d log mu / d theta: the dense part (n_a, G) and the sparse part (n_b, G).
    weight
        1 / (1 + phi mu) for genes that count, 0 for masked ones, (G,).
    mean
        mu, (G,).
    """

    value: float
    gradient: np.ndarray
    information: np.ndarray
    jacobian: tuple[np.ndarray, csr_matrix]
    weight: np.ndarray
    mean: np.ndarray


class CountModel:
    """The negative binomial law of the counts of a sample, given theta.

    Parameters
    ----------
    genes
        Of the world.
    base
        Log mean of each gene before any factor acts, natural log, (G,).
    dispersion
        phi, (G,).
    """

    def __init__(self, genes: Genes, base: np.ndarray, dispersion: np.ndarray) -> None:
        self.base, self.dispersion = base, dispersion
        self.n_signal, self.n_modules = genes.n_signal, len(genes.modules)
        self.dense = np.vstack([genes.dense, np.ones(genes.n_genes)])
        self.n_a, self.n_theta = len(self.dense), len(self.dense) + genes.n_signal
        self.n_theta += self.n_modules + 1
        self._moved = np.flatnonzero(genes.factor >= 0)
        self._moved = self._moved[np.argsort(genes.factor[self._moved], kind="stable")]
        stroma = np.flatnonzero((genes.factor < 0) & (genes.stroma != 0))
        # Purity matters to these genes only: first those of a factor, in its order, then stroma.
        self._mixed = np.concatenate([self._moved, stroma])
        self._factor, self._loading = genes.factor[self._moved], genes.loading[self._moved]
        self._stroma = np.exp(genes.stroma[self._mixed])
        module_genes = [module.genes for module in genes.modules]
        self._columns = np.concatenate([self._moved, *module_genes, self._mixed])
        self._module_loadings = np.concatenate([np.zeros(0), *(m.loadings for m in genes.modules)])
        sizes = [*np.bincount(self._factor, minlength=self.n_signal), *map(len, module_genes)]
        self._rows = np.concatenate([[0], np.cumsum([*sizes, self._mixed.size])])
        self._modules = csr_matrix(
            (
                self._module_loadings,
                np.concatenate([np.zeros(0, int), *module_genes]),
                self._rows[self.n_signal : -1] - self._moved.size,
            ),
            (self.n_modules, genes.n_genes),
        )

    def split(self, theta: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Return a, z, modules and logit purity of (..., n_theta) thetas; the last one (...)."""
        ends = np.cumsum([self.n_a, self.n_signal, self.n_modules])
        a, z, modules, rest = np.split(theta, ends, axis=-1)
        return a, z, modules, rest[..., 0]

    def log_mean(self, theta: np.ndarray) -> np.ndarray:
        """Return log mu of (n, n_theta) thetas, (n, G)."""
        a, z, modules, logit_purity = self.split(theta)
        log_mean = a @ self.dense
        log_mean += self.base
        if self.n_modules:
            log_mean += (self._modules.T @ modules.T).T
        log_mean[:, self._mixed] += np.log(self._mixture(z, expit(logit_purity))[0])
        return log_mean

    def log_likelihood(self, theta: np.ndarray, counts: np.ndarray, kept: np.ndarray) -> np.ndarray:
        """Return the log likelihood at (n, n_theta) thetas, (n,), from the genes that are kept."""
        log_mean = self.log_mean(theta)
        return self._value(log_mean, 1 + self.dispersion * np.exp(log_mean), counts, kept)

    def _value(
        self, log_mean: np.ndarray, excess: np.ndarray, counts: np.ndarray, kept: np.ndarray
    ) -> np.ndarray:
        """Return the log likelihood, given log mu and 1 + phi mu, both (..., G)."""
        return log_mean @ (counts * kept) - np.log(excess) @ (kept * (counts + 1 / self.dispersion))

    def at(self, theta: np.ndarray, counts: np.ndarray, kept: np.ndarray) -> Likelihood:
        """Return value, gradient and information at one theta.

        Parameters
        ----------
        theta
            (n_theta,).
        counts
            Of one sample, (G,).
        kept
            1 for genes that count, 0 for missing ones and outliers, (G,).
        """
        log_mean = self.log_mean(theta[None])[0]
        mean = np.exp(log_mean)
        excess = 1 + self.dispersion * mean
        value = self._value(log_mean, excess, counts, kept)
        weight = kept / excess
        jacobian = self._sparse_jacobian(theta)
        residual, curvature = (counts - mean) * weight, mean * weight
        weighted = jacobian.copy()
        weighted.data *= curvature[self._columns]
        aa = (self.dense * curvature) @ self.dense.T
        ba = weighted @ self.dense.T
        bb = (weighted @ jacobian.T).toarray()
        return Likelihood(
            value=float(value),
            gradient=np.concatenate([self.dense @ residual, jacobian @ residual]),
            information=np.block([[aa, ba.T], [ba, bb]]),
            jacobian=(self.dense, jacobian),
            weight=weight,
            mean=mean,
        )

    def _mixture(self, z: np.ndarray, purity: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return pi exp(W z) + (1 - pi) exp(S) and exp(W z) for the mixed genes, (n, mixed)."""
        tumour = np.ones((len(z), self._mixed.size))
        np.exp(z[:, self._factor] * self._loading, out=tumour[:, : self._moved.size])
        purity = purity[:, None]
        return purity * tumour + (1 - purity) * self._stroma, tumour

    def _sparse_jacobian(self, theta: np.ndarray) -> csr_matrix:
        """Return d log mu / d b at one theta, (n_b, G)."""
        _, z, _, logit_purity = self.split(theta[None])
        purity = expit(logit_purity)
        mixture, tumour = self._mixture(z, purity)
        by_signal = self._loading * (purity * tumour / mixture)[0, : self._moved.size]
        by_purity = (purity * (1 - purity) * (tumour - self._stroma) / mixture)[0]
        data = np.concatenate([by_signal, self._module_loadings, by_purity])
        shape = (self.n_theta - self.n_a, self.base.size)
        return csr_matrix((data, self._columns, self._rows), shape)
