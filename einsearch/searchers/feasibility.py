"""`Feasibility`: how likely an architecture can be trained and keeps all constraints, after Gardner
et al., 2014, "Bayesian Optimization with Inequality Constraints".

Each constraint has a surrogate of its own, and failing is one more.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import numpy as np

from einsearch.searchers.features import Features
from einsearch.searchers.observations import Observations
from einsearch.searchers.overlap import Catalogue
from einsearch.searchers.surrogate_fit import Regression, Surrogate

Chance = Callable[[Sequence[Features]], np.ndarray]
"""Probability that m architectures are feasible, shape (m,)."""

_WORKS: Final = ""
"""Stands for having a value at all, beside the names of the constraints."""


class Feasibility:
    """What a search has learned of what fails and what breaks a constraint.

    Whether a trial has a value is learned as -1 or 1: least-squares classification, Rasmussen and
    Williams, 2006, "Gaussian Processes for Machine Learning", section 6.5. Of a constraint it is
    the excess, so that what nearly broke it teaches as well. The prior says neither yes nor no.

    Args:
        seen: the trials.
        catalogue: their features.
        largest_process: trials above which a forest takes the place of a Gaussian process.
    """

    def __init__(self, seen: Observations, catalogue: Catalogue, largest_process: int) -> None:
        self._seen = seen
        self._catalogue = catalogue
        self._largest_process = largest_process
        self._regressions: dict[str, Regression] = {}

    def chance(self) -> Chance:
        """By what is known; 1 as long as nothing failed and no constraint was broken."""
        bounds = [self._surrogate(name, values) for name, values in self._margins().items()]

        def chance(features: Sequence[Features]) -> np.ndarray:
            from scipy.special import ndtr

            found = np.ones(len(features))
            for surrogate in bounds if features else ():
                mean, deviation = surrogate.predict(features)
                found *= ndtr(mean / deviation)
            return found

        return chance

    def _margins(self) -> dict[str, np.ndarray]:
        """What is to be above 0, by name, for each trial, NaN where it is not known. Only what was
        not always so is learned, and constraints only where any trial keeps them all."""
        trials = self._seen.trials
        margins = {_WORKS: np.where(np.isfinite(self._seen.values()), 1.0, -1.0)}
        if self._seen.is_feasible.any():
            for name in sorted({name for trial in trials for name in trial.excess}):
                excess = np.array([trial.excess.get(name, np.nan) for trial in trials])
                margins[name] = -np.arcsinh(excess)
        return {name: values for name, values in margins.items() if (values < 0).any()}

    def _surrogate(self, name: str, margins: np.ndarray) -> Surrogate:
        new = Regression(self._catalogue, self._largest_process, _itself)
        regression = self._regressions.setdefault(name, new)
        rows = np.flatnonzero(np.isfinite(margins))
        return regression.surrogate(rows, margins[rows], self._seen.changes)


def _itself(values: np.ndarray) -> np.ndarray:
    return values
