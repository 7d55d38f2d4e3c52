"""A Gaussian process on features of architectures: what one is worth, and how sure that is.

Rasmussen and Williams, 2006, "Gaussian Processes for Machine Learning", algorithm 2.1 and equation
5.8; the kernels of several groups of features are mixed as in Ru et al., 2021 (see `features.py`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np

from einsearch.searchers.features import Features
from einsearch.searchers.overlap import Catalogue, Overlap

_DRAWN: Final = 64
"""Kernels drawn at random."""
_REFINED: Final = 32
"""Kernels then drawn around the best so far."""
_LEAST_VARIANCE: Final = 1e-9
_LEAST_WEIGHT: Final = 1e-3
"""Groups of a smaller weight are left out."""


@dataclass(frozen=True)
class Kernel:
    """How overlaps become covariances: the sum over the groups of
    weight * ((1 - bend) * common / size + bend * exp(-different / (2 * size * length))).

    The first part is linear in the features, the second only sees what is near.

    Attributes:
        weights: one a group; they sum to 1.
        bend: from 0 to 1.
        length: of the second part, in parts of a network.
        noise: variance of the noise, where that of the function is about 1.
    """

    weights: tuple[float, ...]
    bend: float
    length: float
    noise: float

    def covariance(self, overlap: Overlap, sizes: np.ndarray) -> np.ndarray:
        """Of an overlap of m with n, shape (m, n).

        Args:
            overlap: common features.
            sizes: how many features a network has on average, shape (groups,).
        """
        total = np.zeros(overlap.common.shape[1:])
        for group, weight in enumerate(self.weights):
            if weight > _LEAST_WEIGHT:
                common = overlap.common[group]
                different = overlap.left[group][:, None] + overlap.right[group] - 2 * common
                near = np.exp(different / (-2 * sizes[group] * self.length))
                total += weight * ((1 - self.bend) * common / sizes[group] + self.bend * near)
        return total

    def variance(self, features: np.ndarray, sizes: np.ndarray) -> np.ndarray:
        """Of networks that have so many features, shape (groups, m); shape (m,)."""
        weights = np.where(np.array(self.weights) > _LEAST_WEIGHT, self.weights, 0.0)
        linear: np.ndarray = (weights / sizes) @ features
        return (1 - self.bend) * linear + self.bend * float(weights.sum())


class Posterior:
    """A Gaussian process that was seen at n architectures.

    Args:
        kernel: of the prior, whose mean is 0.
        among: overlap of the n with themselves.
        values: shape (n,).
        scale: factor on the kernel; the most likely one where None.
        sizes: as in `Kernel.covariance`; those of the n where None.
    """

    def __init__(
        self,
        kernel: Kernel,
        among: Overlap,
        values: np.ndarray,
        scale: float | None = None,
        sizes: np.ndarray | None = None,
    ) -> None:
        from scipy.linalg import cho_solve

        self._kernel = kernel
        self.sizes = np.maximum(among.left.mean(axis=1), 1.0) if sizes is None else sizes
        covariance = kernel.covariance(among, self.sizes)
        covariance[np.diag_indices_from(covariance)] += kernel.noise
        self._root = np.linalg.cholesky(covariance)
        self._weights = cho_solve((self._root, True), values)
        likely = max(float(values @ self._weights) / len(values), 1e-12)
        self.scale = likely if scale is None else scale

    def distance(self, overlap: Overlap) -> np.ndarray:
        """Of m from n as the kernel sees it, shape (m, n): the square root of
        k(x, x) + k(y, y) - 2 k(x, y), where the variance of the function is about 1.

        Args:
            overlap: of the m with the n.
        """
        left = self._kernel.variance(overlap.left, self.sizes)
        right = self._kernel.variance(overlap.right, self.sizes)
        square = left[:, None] + right - 2 * self._kernel.covariance(overlap, self.sizes)
        distance: np.ndarray = np.sqrt(np.maximum(square, 0.0))
        return distance

    @property
    def evidence(self) -> float:
        """Logarithm of the marginal likelihood at the most likely scale, but for a constant."""
        determinant = float(np.log(np.diag(self._root)).sum())
        return -0.5 * len(self._weights) * math.log(self.scale) - determinant

    def predict(self, overlap: Overlap) -> tuple[np.ndarray, np.ndarray]:
        """Mean and deviation at m others, each of shape (m,).

        Args:
            overlap: of the m with the n.
        """
        from scipy.linalg import solve_triangular

        cross = self._kernel.covariance(overlap, self.sizes)
        explained = solve_triangular(self._root, cross.T, lower=True)
        variance = self._kernel.variance(overlap.left, self.sizes) - (explained**2).sum(axis=0)
        deviation = np.sqrt(self.scale * np.maximum(variance, _LEAST_VARIANCE))
        return cross @ self._weights, deviation


class GaussianProcess:
    """What was observed, and what is under way, as a surrogate.

    Proposals under way are taken for observed at their expected values, so that nobody is sent
    where another is already: Ginsbourger et al., 2010, "Kriging Is Well-Suited to Parallelize
    Optimization" (kriging believer).

    Args:
        catalogue: all architectures.
        rows: those that have values.
        values: theirs, shape (rows,), of mean 0.
        kernel: as `fit_kernel` finds it.
        pending: features of the proposals under way.

    Attributes:
        expected: what is expected of the rows, shape (rows,).
    """

    def __init__(
        self,
        catalogue: Catalogue,
        rows: np.ndarray,
        values: np.ndarray,
        kernel: Kernel,
        pending: Sequence[Features] = (),
    ) -> None:
        self._catalogue = catalogue
        self._rows = rows
        self._pending = Catalogue()
        among = catalogue.among.among_only(rows)
        self._posterior = Posterior(kernel, among, values)
        self.expected: np.ndarray = self._posterior.predict(among)[0]
        if pending:
            cross = catalogue.overlap(pending).with_only(rows)
            believed = np.concatenate([values, self._posterior.predict(cross)[0]])
            for features in pending:
                self._pending.add(features)
            above, below = among.beside(cross.transposed), cross.beside(self._pending.among)
            scale, sizes = self._posterior.scale, self._posterior.sizes
            self._posterior = Posterior(kernel, above.above(below), believed, scale, sizes)

    @property
    def distances(self) -> np.ndarray:
        """Between the rows, shape (rows, rows)."""
        return self._posterior.distance(self._catalogue.among.among_only(self._rows))

    def distance(self, overlap: Overlap) -> np.ndarray:
        """Of m architectures from n others, shape (m, n); by their overlap."""
        return self._posterior.distance(overlap)

    def predict(self, features: Sequence[Features]) -> tuple[np.ndarray, np.ndarray]:
        """Mean and deviation of architectures, each of shape (m,)."""
        overlap = self._catalogue.overlap(features).with_only(self._rows)
        if len(self._pending):
            overlap = overlap.beside(self._pending.overlap(features))
        return self._posterior.predict(overlap)


def fit_kernel(among: Overlap, values: np.ndarray) -> Kernel:
    """The kernel of highest evidence among those tried; always the same for the same data.

    Args:
        among: overlap of n architectures with themselves.
        values: shape (n,), of mean 0.
    """

    def evidence(kernel: Kernel) -> float:
        try:
            return Posterior(kernel, among, values).evidence
        except np.linalg.LinAlgError:
            return -math.inf

    best, highest = None, -math.inf
    rng = np.random.default_rng(1)
    for number in range(_DRAWN + _REFINED):
        kernel = (
            _drawn(len(among.left))[number] if best is None or number < _DRAWN else _near(best, rng)
        )
        found = evidence(kernel)
        if best is None or found > highest:
            best, highest = kernel, found
    assert best is not None
    return best


@lru_cache(maxsize=2)
def _drawn(groups: int) -> tuple[Kernel, ...]:
    rng = np.random.default_rng(0)
    return tuple(
        _kernel(
            rng.dirichlet(np.full(groups, 0.7)),
            bend=float(rng.random()),
            length=_log_uniform(rng, 0.1, 1.5),
            noise=_log_uniform(rng, 1e-3, 0.5),
        )
        for _ in range(_DRAWN)
    )


def _near(kernel: Kernel, rng: np.random.Generator) -> Kernel:
    steps = rng.standard_normal(len(kernel.weights) + 3)
    weights = (np.array(kernel.weights) + 0.02) * np.exp(0.7 * steps[3:])
    return _kernel(
        weights / weights.sum(),
        bend=float(np.clip(kernel.bend + 0.2 * steps[0], 0, 1)),
        length=float(np.clip(kernel.length * math.exp(0.4 * steps[1]), 0.05, 3)),
        noise=float(np.clip(kernel.noise * math.exp(0.7 * steps[2]), 1e-3, 1)),
    )


def _kernel(weights: np.ndarray, bend: float, length: float, noise: float) -> Kernel:
    return Kernel(tuple(weights.tolist()), bend, length, noise)


def _log_uniform(rng: np.random.Generator, low: float, high: float) -> float:
    return float(low * (high / low) ** rng.random())
