"""Which trials are best: by the first objective, and by the Pareto front of all. Trials that keep
all constraints come before those that do not (Deb, Pratap, Agarwal and Meyarivan, 2002, "A Fast and
Elitist Multiobjective Genetic Algorithm: NSGA-II", section VI).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from einsearch.searchers.pareto import first_front, standing_of
from einsearch.trial import Trial, TrialState


def complete_trials(trials: Iterable[Trial]) -> list[Trial]:
    """Those with values of their own, in order; duplicates have their original's.

    Where a search ended before any was trained in full, those that were trained longest.
    """
    found = list(trials)
    complete = [trial for trial in found if trial.state is TrialState.COMPLETE]
    if complete:
        return complete
    paused = [trial for trial in found if trial.state is TrialState.PRUNED and trial.values]
    longest = max((trial.budget or 0.0 for trial in paused), default=0.0)
    return [trial for trial in paused if (trial.budget or 0.0) == longest]


def by_main_objective(trials: Iterable[Trial], directions: Mapping[str, str]) -> list[Trial]:
    """Complete trials, best first by the first objective; the earlier of equals first. Those that
    break constraints come last, those that break them by less first."""
    name, direction = next(iter(directions.items()))
    sign = -1.0 if direction == "maximize" else 1.0
    return sorted(
        complete_trials(trials), key=lambda t: (t.violation, sign * t.values[name], t.number)
    )


def pareto_front(trials: Iterable[Trial], directions: Mapping[str, str]) -> list[Trial]:
    """Complete trials that no other dominates, best first by the first objective.

    One trial dominates another if it is nowhere worse and somewhere better. Of trials with equal
    values all are on the front. With one objective the front is the best trial and its equals.
    Where there are trials that keep all constraints, only those are looked at; else those that
    break them by least.
    """
    by_main = by_main_objective(trials, directions)
    candidates = [trial for trial in by_main if trial.violation == by_main[0].violation]
    if not candidates:
        return []
    costs = np.array([standing_of(trial, directions).costs for trial in candidates])
    return [candidates[place] for place in sorted(first_front(costs))]


def best_first(trials: Sequence[Trial], directions: Mapping[str, str]) -> list[Trial]:
    """Complete trials: the Pareto front first, then the others; each best first."""
    by_main = by_main_objective(trials, directions)
    if len(directions) == 1:
        return by_main
    front = pareto_front(trials, directions)
    chosen = {trial.number for trial in front}
    return front + [trial for trial in by_main if trial.number not in chosen]
