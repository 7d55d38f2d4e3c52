"""`Predictor`: what the latest results say about children, for guided evolution.

A Gaussian process as in `surrogate_gp.py`, with one of a few kernels, on a sliding window of
results, so that a prediction costs the same however long the search is.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import product
from typing import Final

import numpy as np

from einsearch.searchers.base import SearchSpace
from einsearch.searchers.features import GROUPS, Features
from einsearch.searchers.observations import Observations
from einsearch.searchers.overlap import Catalogue
from einsearch.searchers.surrogate import Acquisition, expected_improvement
from einsearch.searchers.surrogate_gp import GaussianProcess, Kernel, Posterior
from einsearch.trial import Trial, TrialState

WINDOW: Final = 200
"""Results that are learned from."""
LEAST: Final = 4
"""Values without which nothing can be learned."""
_MOST_BETWEEN: Final = 20
"""Results after which the kernel is chosen anew, at the latest."""

_WEIGHTS: Final = (
    (0.2, 0.2, 0.2, 0.2, 0.2),
    (0.6, 0.2, 0.2, 0.0, 0.0),
    (0.0, 0.1, 0.3, 0.3, 0.3),
    (0.0, 0.0, 0.5, 0.5, 0.0),
)
"""Of the groups of features: everything, places, the graph, pairs of neighbours."""
KERNELS: Final = tuple(
    Kernel(weights, 0.3, 0.5, noise) for weights, noise in product(_WEIGHTS, (0.01, 0.1))
)
"""Among which the kernel of highest evidence is used."""
_OF_TRAINING: Final = (0.3, 0.7)
"""Weights of the group of settings of training, where the search decides any."""
KERNELS_WITH_TRAINING: Final = tuple(
    replace(kernel, weights=(*((1 - share) * weight for weight in kernel.weights), share))
    for kernel, share in product(KERNELS, _OF_TRAINING)
)
assert all(len(weights) == len(GROUPS) for weights in _WEIGHTS)


class Predictor:
    """Learns the main objective. It is a function of the trials, in the order told.

    Args:
        space: says what a trial is worth.
    """

    def __init__(self, space: SearchSpace) -> None:
        self._space = space
        self._told: dict[int, list[Trial]] = {}
        self._features: dict[int, Features] = {}
        self._catalogue = Catalogue()
        self._kernel = KERNELS[0]
        self._since_chosen = 0

    @property
    def is_ready(self) -> bool:
        """Whether there are values enough to learn from."""
        return int(np.isfinite(self._observations().values()).sum()) >= LEAST

    def tell(self, trial: Trial, features: Callable[[], Features]) -> None:
        """Takes in a finished trial; its features are asked for where it is new."""
        if trial.state is TrialState.DUPLICATE:
            return
        if trial.number in self._told:
            self._told[trial.number].append(trial)
            return
        self._told[trial.number] = [trial]
        self._features[trial.number] = features()
        self._catalogue.add(self._features[trial.number])
        if len(self._catalogue) == 2 * WINDOW:
            self._slide()
        if len(self._kernel.weights) != len(self._catalogue.groups):
            self._kernel = self._kernels()[0]
        self._since_chosen += 1
        if self._since_chosen >= min(_MOST_BETWEEN, max(1, len(self._told) // 8)):
            self._choose()

    def promise(self, pending: Sequence[Features]) -> Acquisition:
        """Expected improvement on the best that was seen or is expected of what is under way.

        Args:
            pending: features of the proposals under way.
        """
        rows, values = self._learned()
        process = GaussianProcess(self._catalogue, rows, values, self._kernel, pending)
        expected = [process.expected, process.predict(pending)[0] if pending else np.zeros(0)]
        best = float(np.concatenate(expected).max())

        def acquisition(features: Sequence[Features]) -> np.ndarray:
            if not features:
                return np.zeros(0)
            return expected_improvement(*process.predict(features), best)

        return acquisition

    def _slide(self) -> None:
        """Forgets all but the window."""
        for number in list(self._told)[:-WINDOW]:
            del self._told[number], self._features[number]
        self._catalogue = Catalogue()
        for features in self._features.values():
            self._catalogue.add(features)

    def _observations(self) -> Observations:
        """Those in the window."""
        found = Observations(self._space)
        for tells in list(self._told.values())[-WINDOW:]:
            for trial in tells:
                found.tell(trial)
        return found

    def _learned(self) -> tuple[np.ndarray, np.ndarray]:
        """Rows of the catalogue in the window, and their values, both of shape (n,)."""
        seen = self._observations()
        values, is_feasible = seen.values(), seen.is_feasible
        known = is_feasible if is_feasible.any() else np.isfinite(values)
        worst = float(values[known].min())
        rows = np.arange(len(self._catalogue) - len(values), len(self._catalogue))
        return rows, scaled(np.where(known, values, worst))

    def _choose(self) -> None:
        """Takes the kernel of highest evidence; the first of equals."""
        self._since_chosen = 0
        if not self.is_ready:
            return
        kernels = self._kernels()
        rows, values = self._learned()
        among = self._catalogue.among.among_only(rows)

        def evidence(kernel: Kernel) -> float:
            try:
                return Posterior(kernel, among, values).evidence
            except np.linalg.LinAlgError:
                return -math.inf

        self._kernel = max(kernels, key=evidence)

    def _kernels(self) -> Sequence[Kernel]:
        """Those for as many groups of features as there are."""
        return KERNELS if len(self._catalogue.groups) == len(GROUPS) else KERNELS_WITH_TRAINING


def scaled(values: np.ndarray) -> np.ndarray:
    """Values of shape (n,) with mean 0 and deviation 1.

    What is far below the median is drawn up to where it is as far as twice the best is above:
    how bad the worst are says little about what makes the best.
    """
    unit = values / max(float(np.abs(values).max()), np.finfo(float).tiny)
    median = float(np.median(unit))
    kept = np.maximum(unit, median - 2 * (float(unit.max()) - median))
    centred: np.ndarray = kept - kept.mean()
    return centred / max(float(centred.std()), 1e-12)
