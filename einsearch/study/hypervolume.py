"""Hypervolume: how much of the space of objectives a set of trials dominates, up to a reference
point (Zitzler and Thiele, 1998). Exact, by moocore (Fonseca, Paquete and Lopez-Ibanez, 2006).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import moocore
import numpy as np
from numpy.typing import NDArray

from einsearch.errors import RunError
from einsearch.searchers.pareto import dominates, standing_of
from einsearch.study.ranking import complete_trials
from einsearch.trial import Trial


def reference_point(trials: Iterable[Trial], directions: Mapping[str, str]) -> dict[str, float]:
    """The worst value of each objective among complete trials that keep all constraints; empty
    where there is none."""
    feasible = [trial for trial in complete_trials(trials) if trial.is_feasible]
    worst = {"maximize": min, "minimize": max}
    return {
        name: worst[direction](trial.values[name] for trial in feasible)
        for name, direction in directions.items()
        if feasible
    }


def hypervolume(
    trials: Iterable[Trial], directions: Mapping[str, str], reference: Mapping[str, float]
) -> float:
    """What complete trials that keep all constraints dominate, in the product of the objectives'
    units. Trials that are nowhere better than the reference add nothing.

    Args:
        trials: of a search.
        directions: objective name -> "maximize" or "minimize".
        reference: a value for each objective.

    Raises:
        RunError: the reference lacks an objective.
    """
    history = hypervolume_so_far(trials, directions, reference)
    return history[-1][1] if history else 0.0


def hypervolume_so_far(
    trials: Iterable[Trial], directions: Mapping[str, str], reference: Mapping[str, float]
) -> list[tuple[int, float]]:
    """(number, hypervolume of the trials up to it) for each trial that adds to it; arguments and
    errors as of `hypervolume`."""
    corner = _costs_of(reference, directions)
    front: list[Trial] = []
    found: list[tuple[int, float]] = []
    for trial in complete_trials(trials):
        standing = standing_of(trial, directions)
        others = [standing_of(other, directions) for other in front]
        if not trial.is_feasible or not (np.array(standing.costs) < corner).all():
            continue
        if any(dominates(other, standing) or other == standing for other in others):
            continue
        kept = [t for t, other in zip(front, others, strict=True) if not dominates(standing, other)]
        front = [*kept, trial]
        points = np.array([standing_of(t, directions).costs for t in front])
        found.append((trial.number, float(moocore.hypervolume(points, ref=corner))))
    return found


def _costs_of(reference: Mapping[str, float], directions: Mapping[str, str]) -> NDArray[np.float64]:
    missing: Sequence[str] = [name for name in directions if name not in reference]
    if missing:
        raise RunError(
            f"the reference point has no value for {', '.join(missing)}; it needs one for each of "
            f"{', '.join(directions)}"
        )
    return np.array(
        [
            -reference[name] if direction == "maximize" else reference[name]
            for name, direction in directions.items()
        ]
    )
