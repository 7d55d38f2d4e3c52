"""Proposals under way keep others at a distance: Gonzalez, Dai, Hennig and Lawrence, 2016, "Batch
Bayesian Optimization via Local Penalization", with the distance that the kernel defines.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from einsearch.searchers.features import Features
from einsearch.searchers.overlap import Catalogue
from einsearch.searchers.surrogate_gp import GaussianProcess

_LEAST_DISTANCE: Final = 1e-3
"""What is nearer is the same but for rounding, where variances are about 1."""


class LocalPenalty:
    """How likely it is that an architecture is far enough from all that are under way.

    A function that rises by at most L per distance reaches `best` nowhere in the ball of radius
    (best - value) / L around an architecture. The value there is known as the process knows it,
    L is the steepest rise between two observed architectures.

    Args:
        process: what was observed.
        pending: features of the proposals under way; at least one.
        best: value that is to be exceeded.
    """

    def __init__(self, process: GaussianProcess, pending: Sequence[Features], best: float) -> None:
        self._process = process
        self._pending = Catalogue()
        for features in pending:
            self._pending.add(features)
        mean, self._deviation = process.predict(pending)
        self._missing = best - mean
        self._slope = steepest_rise(process)

    def __call__(self, features: Sequence[Features]) -> np.ndarray:
        """Factors on the acquisition of m architectures, from 0 to 1, shape (m,): equation 5 of
        the paper, multiplied over the proposals under way."""
        from scipy.special import ndtr

        distance = self._process.distance(self._pending.overlap(features))
        outside = (self._slope * distance - self._missing) / self._deviation
        return np.asarray(ndtr(outside).prod(axis=1))


def steepest_rise(process: GaussianProcess) -> float:
    """By how much what is expected of two observed architectures differs per distance, at most."""
    distance = process.distances
    rise = np.abs(process.expected[:, None] - process.expected)
    is_apart = distance > _LEAST_DISTANCE
    return float((rise[is_apart] / distance[is_apart]).max(initial=0.0))
