"""`Model`: what a search has learned about architectures, and how much a new one promises."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import numpy as np

from einsearch.searchers.base import SearchSpace
from einsearch.searchers.features import Features
from einsearch.searchers.observations import Observations, stretched
from einsearch.searchers.overlap import Catalogue
from einsearch.searchers.surrogate_forest import Forest, Trees
from einsearch.searchers.surrogate_gp import GaussianProcess, Kernel, fit_kernel
from einsearch.trial import Trial

Acquisition = Callable[[Sequence[Features]], np.ndarray]
"""Promise of m architectures, shape (m,): more is better."""

_MOST_FITTED: Final = 250
"""Trials by which a kernel is chosen: the last ones."""
_SHARPNESS: Final = 4
"""Power of similarities as weights: what is far says little about failures."""


class Model:
    """Observed trials with their features, and the surrogate that they give.

    A kernel or a forest is fitted anew whenever there are a tenth more trials, or a known value
    changed. It is a function of the trials, in the order told, and of nothing else.

    Args:
        space: says what a trial is worth.
        largest_process: trials above which a forest takes the place of the Gaussian process.

    Attributes:
        seen: the trials.
    """

    def __init__(self, space: SearchSpace, largest_process: int) -> None:
        self.seen = Observations(space)
        self._largest_process = largest_process
        self._catalogue = Catalogue()
        self._state: tuple[int, int] = (0, 0)
        self._kernel: Kernel | None = None
        self._trees: Trees | None = None

    def tell(self, trial: Trial, features: Callable[[], Features]) -> None:
        """Takes in a finished trial; its features are asked for where it is new."""
        if self.seen.tell(trial):
            self._catalogue.add(features())

    def promise(self, pending: Sequence[Features]) -> Acquisition:
        """Expected improvement, times the chance that an architecture neither fails nor breaks a
        constraint.

        Args:
            pending: proposals under way, by which nothing much is to be gained any more.
        """
        surrogate = self._surrogate(pending)
        is_feasible = self.seen.is_feasible

        def acquisition(features: Sequence[Features]) -> np.ndarray:
            if not features:
                return np.zeros(0)
            gain = expected_improvement(*surrogate.predict(features), surrogate.best)
            if is_feasible.all():
                return gain
            likely: np.ndarray = chance(self._catalogue.overlap(features).cosine, is_feasible)
            return np.asarray(gain * likely)

        return acquisition

    def _surrogate(self, pending: Sequence[Features]) -> GaussianProcess | Forest:
        values = self.seen.values()
        rows = np.flatnonzero(np.isfinite(values))
        self._fit(rows, values)
        if self._trees is not None:
            return Forest(self._catalogue, self._trees, pending)
        assert self._kernel is not None
        return GaussianProcess(
            self._catalogue, rows, stretched(values[rows]), self._kernel, pending
        )

    def _fit(self, rows: np.ndarray, values: np.ndarray) -> None:
        """Chooses a kernel or grows a forest, where that is due."""
        count = _mark(len(rows))
        if self._state == (count, self.seen.changes):
            return
        self._state = count, self.seen.changes
        self._kernel, self._trees = None, None
        if count > self._largest_process:
            rows = rows[:count]
            self._trees = Trees(self._catalogue, rows, stretched(values[rows]))
        else:
            rows = rows[:count][-_MOST_FITTED:]
            among = self._catalogue.among.among_only(rows)
            self._kernel = fit_kernel(among, stretched(values[rows]))


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


def chance(similarities: np.ndarray, is_feasible: np.ndarray) -> np.ndarray:
    """Chance that architectures are feasible, from how similar they are to what is known.

    A vote of the known, weighted by similarity, and of one more that is in favour.

    Args:
        similarities: of the m with the n known, shape (m, n).
        is_feasible: shape (n,).

    Returns:
        Shape (m,), above 0.
    """
    weights = similarities**_SHARPNESS
    favour = weights[:, is_feasible].sum(axis=1) + 1
    share: np.ndarray = favour / (weights.sum(axis=1) + 1)
    return share


def _mark(count: int) -> int:
    """The largest number up to `count` at which a surrogate is fitted anew."""
    mark = 1
    while (larger := mark + max(1, mark // 10)) <= count:
        mark = larger
    return mark
