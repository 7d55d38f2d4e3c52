"""`Feasibility`: how likely an architecture can be trained and keeps all constraints, after Gardner
et al., 2014, "Bayesian Optimization with Inequality Constraints".

Each constraint has a surrogate of its own, and failing is one more.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

import numpy as np

from einsearch.searchers.features import Features
from einsearch.searchers.observations import Observations
from einsearch.searchers.overlap import Catalogue
from einsearch.searchers.surrogate_fit import Quantity, Regression, Surrogate
from einsearch.trial import Trial

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
        bounds = [self._surrogate(name) for name in self._names()]

        def chance(features: Sequence[Features]) -> np.ndarray:
            from scipy.special import ndtr

            found = np.ones(len(features))
            for surrogate in bounds if features else ():
                mean, deviation = surrogate.predict(features)
                found *= ndtr(mean / deviation)
            return found

        return chance

    def _names(self) -> list[str]:
        """What is learned: only what was not always so, and constraints only where any trial
        keeps them all."""
        names = [_WORKS]
        if self._seen.is_feasible.any():
            names += sorted({name for trial in self._seen.trials for name in trial.excess})
        return [name for name in names if (_margins(name, self._seen) < 0).any()]

    def _surrogate(self, name: str) -> Surrogate:
        if name not in self._regressions:
            quantity = Quantity(partial(_margins, name), partial(_has, name), _itself)
            self._regressions[name] = Regression(
                self._seen, self._catalogue, self._largest_process, quantity
            )
        return self._regressions[name].surrogate()[0]


def _margins(name: str, seen: Observations) -> np.ndarray:
    """What is to be above 0, for each trial; NaN where it is not known."""
    if name == _WORKS:
        return np.where(np.isfinite(seen.values()), 1.0, -1.0)
    excess = np.array([trial.excess.get(name, np.nan) for trial in seen.trials])
    margins: np.ndarray = -np.arcsinh(excess)
    return margins


def _has(name: str, trial: Trial) -> bool:
    return name == _WORKS or math.isfinite(trial.excess.get(name, math.nan))


def _itself(values: np.ndarray) -> np.ndarray:
    return values
