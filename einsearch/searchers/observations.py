"""`Observations`: what came of the trials of a search, as a surrogate is to learn it."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from einsearch.searchers.base import SearchSpace
from einsearch.trial import Trial, TrialState


class Observations:
    """Finished trials in the order in which they were first told. Repeats of others are left out.

    Args:
        space: says what a trial is worth.

    Attributes:
        trials: as told last, one a row.
        told: every telling, in order: the trial, and whether it made a new row.
        rescaled: how many tellings there had been when the scale of all values last changed, with
            the first value of another budget or the first that keeps the constraints.
    """

    def __init__(self, space: SearchSpace) -> None:
        self._space = space
        self._row: dict[int, int] = {}
        self._scores: list[dict[float, float]] = []
        self._budgets: frozenset[float] = frozenset()
        self._has_feasible = False
        self.trials: list[Trial] = []
        self.told: list[tuple[Trial, bool]] = []
        self.rescaled = 0

    def __len__(self) -> int:
        return len(self.trials)

    def tell(self, trial: Trial) -> bool:
        """Takes in a finished trial; whether it makes a new row."""
        if trial.state is TrialState.DUPLICATE:
            return False
        merit = self._space.merit(trial)
        score = {} if merit is None else {trial.budget or 0.0: merit[1]}
        known = self._budgets, self._has_feasible
        self._budgets = self._budgets | score.keys()
        self._has_feasible = self._has_feasible or (bool(score) and trial.is_feasible)
        row = self._row.setdefault(trial.number, len(self.trials))
        is_new = row == len(self.trials)
        if is_new:
            self.trials.append(trial)
            self._scores.append(score)
        else:
            self.trials[row] = trial
            self._scores[row] = self._scores[row] | score if score else {}
        self.told.append((trial, is_new))
        if known != (self._budgets, self._has_feasible):
            self.rescaled = len(self.told)
        return is_new

    def after(self, tellings: int) -> Observations:
        """What was known after so many tellings."""
        past = Observations(self._space)
        for trial, _ in self.told[:tellings]:
            past.tell(trial)
        return past

    def has_value(self, trial: Trial) -> bool:
        """Whether a trial as told is worth anything."""
        return self._space.merit(trial) is not None

    @property
    def is_feasible(self) -> np.ndarray:
        """Which trials have a value and keep all constraints, shape (n,)."""
        pairs = zip(self.trials, self._scores, strict=True)
        return np.array([bool(scores) and t.is_feasible for t, scores in pairs], dtype=bool)

    def values(self) -> np.ndarray:
        """What each trial is worth, more is better, shape (n,); NaN where it failed.

        A value of a smaller budget (fewer epochs) is lifted by what trials that went on gained
        from there on average. While no trial keeps the constraints, it is by how much they are
        broken, negative.
        """
        lifts = self._lifts()
        found = np.full(len(self), np.nan)
        for row, scores in enumerate(self._scores):
            if scores:
                budget = max(scores)
                value = scores[budget] + lifts[budget]
                found[row] = value if self._has_feasible else -self.trials[row].violation
        return found

    def _lifts(self) -> dict[float, float]:
        """Budget -> mean gain from there to the largest budget, step by step."""
        budgets = sorted({budget for scores in self._scores for budget in scores}, reverse=True)
        lifts = dict.fromkeys(budgets[:1], 0.0)
        for larger, smaller in pairwise(budgets):
            both = [s[larger] - s[smaller] for s in self._scores if larger in s and smaller in s]
            lifts[smaller] = lifts[larger] + (float(np.mean(both)) if both else 0.0)
        return lifts

    def has_values(self, count: int) -> bool:
        """Whether at least so many trials have a value."""
        return sum(map(bool, self._scores)) >= count

    def best(self, count: int) -> list[Trial]:
        """Trials of highest value, the best first; those that keep the constraints come before
        those that do not."""
        values, is_feasible = self.values(), self.is_feasible
        rows = [row for row in range(len(self)) if not np.isnan(values[row])]
        rows.sort(key=lambda row: (not is_feasible[row], -values[row], row))
        return [self.trials[row] for row in rows[:count]]


def stretched(values: np.ndarray) -> np.ndarray:
    """Values of shape (n,) with mean 0 and deviation 1, the scale stretched towards the best.

    It is that of the logarithm of what is missing to the best, so that differences among good
    architectures weigh more than those among bad ones.
    """
    scaled = values / max(float(np.abs(values).max()), np.finfo(float).tiny)
    best = float(scaled.max())
    spread = max(best - float(np.median(scaled)), 1e-12)
    logs = -np.log(0.1 * spread + best - scaled)
    centred: np.ndarray = logs - logs.mean()
    return centred / max(float(centred.std()), 1e-12)
