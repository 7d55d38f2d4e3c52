"""`Model`: what a search has learned about architectures, and how much a new one promises."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from einsearch.searchers.base import SearchSpace
from einsearch.searchers.feasibility import Feasibility
from einsearch.searchers.features import Features
from einsearch.searchers.observations import Observations, stretched
from einsearch.searchers.overlap import Catalogue
from einsearch.searchers.surrogate_fit import Quantity, Regression
from einsearch.searchers.surrogate_gp import GaussianProcess
from einsearch.searchers.surrogate_penalty import LocalPenalty
from einsearch.trial import Trial

Acquisition = Callable[[Sequence[Features]], np.ndarray]
"""Promise of m architectures, shape (m,): more is better."""


class Model:
    """Observed trials with their features, and what they teach.

    It is a function of the trials, in the order told, and of nothing else.

    Args:
        space: says what a trial is worth.
        largest_process: trials above which a forest takes the place of the Gaussian process.

    Attributes:
        seen: the trials.
    """

    def __init__(self, space: SearchSpace, largest_process: int) -> None:
        self.seen = Observations(space)
        self._catalogue = Catalogue()
        self._worth = Regression(
            self.seen,
            self._catalogue,
            largest_process,
            Quantity(Observations.values, self.seen.has_value, stretched),
        )
        self._feasibility = Feasibility(self.seen, self._catalogue, largest_process)

    def tell(self, trial: Trial, features: Callable[[], Features]) -> None:
        """Takes in a finished trial; its features are asked for where it is new."""
        if self.seen.tell(trial):
            self._catalogue.add(features())

    def promise(self, pending: Sequence[Features]) -> Acquisition:
        """Expected improvement on what is feasible, times the chance that an architecture neither
        fails nor breaks a constraint.

        Args:
            pending: proposals under way, near which nothing much is to be gained any more.
        """
        surrogate, rows = self._worth.surrogate(pending)
        is_feasible = self.seen.is_feasible[rows]
        best = float(surrogate.expected[is_feasible if is_feasible.any() else ...].max())
        chance = self._feasibility.chance()
        factors = [chance]
        if pending and isinstance(surrogate, GaussianProcess):
            factors.append(LocalPenalty(surrogate, pending, best))

        def acquisition(features: Sequence[Features]) -> np.ndarray:
            if not features:
                return np.zeros(0)
            gain = expected_improvement(*surrogate.predict(features), best)
            return np.asarray(math.prod((factor(features) for factor in factors), start=gain))

        return acquisition


def expected_improvement(mean: np.ndarray, deviation: np.ndarray, best: float) -> np.ndarray:
    """By how much normally distributed values, shape (m,), are expected to exceed `best`.

    Mockus, Tiesis and Zilinskas, 1978, "The Application of Bayesian Methods for Seeking the
    Extremum".
    """
    from scipy.special import ndtr

    above = (mean - best) / deviation
    density = np.exp(-0.5 * above**2) / np.sqrt(2 * np.pi)
    gain: np.ndarray = deviation * (above * ndtr(above) + density)
    return gain
