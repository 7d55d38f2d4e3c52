"""Order among candidates with several objectives: domination, fronts and crowding distances of Deb,
Pratap, Agarwal and Meyarivan, 2002, "A Fast and Elitist Multiobjective Genetic Algorithm: NSGA-II".
Candidates that keep all constraints come before those that do not (section VI).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import moocore
import numpy as np
from numpy.typing import NDArray

from einsearch.trial import Trial, TrialState


@dataclass(frozen=True)
class Standing:
    """How good a candidate is.

    Attributes:
        costs: its values, turned such that less is better; the main objective first.
        violation: as in `Trial`.
    """

    costs: tuple[float, ...]
    violation: float = 0.0


def has_standing(trial: Trial, directions: Mapping[str, str]) -> bool:
    """Whether it is a result with a finite value for every objective.

    One that was stopped early may have a value for the main objective alone.
    """
    values = [trial.values.get(name, math.nan) for name in directions]
    is_result = trial.state in (TrialState.COMPLETE, TrialState.PRUNED)
    return is_result and all(map(math.isfinite, values))


def standing_of(trial: Trial, directions: Mapping[str, str]) -> Standing:
    """How good a trial is that has a value for every objective."""
    costs = (
        -trial.values[name] if direction == "maximize" else trial.values[name]
        for name, direction in directions.items()
    )
    return Standing(tuple(costs), trial.violation)


def dominates(left: Standing, right: Standing) -> bool:
    """Whether `left` breaks constraints by less, or breaks none as `right`, and is nowhere worse
    and somewhere better."""
    if left.violation or right.violation:
        return left.violation < right.violation
    pairs = zip(left.costs, right.costs, strict=True)
    return left.costs != right.costs and all(x <= y for x, y in pairs)


def ranked(standings: Mapping[int, Standing]) -> list[int]:
    """Numbers of candidates, best first; of equals the lower number.

    By the objective where there is one. By Pareto fronts where there are several, and those of a
    front by how lonely they are on it (crowding distance), so that the best few are spread over
    the whole front.
    """
    feasible = [number for number, standing in standings.items() if not standing.violation]
    rest = sorted(standings.keys() - feasible, key=lambda n: (standings[n].violation, n))
    if not feasible or len(standings[feasible[0]].costs) == 1:
        return sorted(feasible, key=lambda n: (standings[n].costs, n)) + rest
    numbers = np.array(sorted(feasible))
    costs = np.array([standings[number].costs for number in numbers])
    order: list[int] = []
    for front in fronts(costs):
        lonely = crowding_distances(costs[front])
        order += numbers[front[np.lexsort((numbers[front], costs[front, 0], -lonely))]].tolist()
    return order + rest


def fronts(costs: NDArray[np.float64]) -> list[NDArray[np.int64]]:
    """Non-dominated sorting.

    Args:
        costs: (n, objectives); less is better.

    Returns:
        Row numbers of each front, the first front first; in the order of the columns. Equal rows
        are on the same front.
    """
    ranks = moocore.pareto_rank(costs)
    order = np.lexsort(costs.T[::-1])
    return [order[ranks[order] == rank] for rank in range(ranks.max(initial=-1) + 1)]


def crowding_distances(costs: NDArray[np.float64]) -> NDArray[np.float64]:
    """How far apart the neighbours of each row are, as in NSGA-II, section III B: summed over the
    objectives, each scaled to its range. Infinite at the ends. An objective that does not vary
    counts for nothing.

    Args:
        costs: (n, objectives) of one front.
    """
    distances = np.zeros(len(costs))
    for column in costs.T:
        order = np.argsort(column, kind="stable")
        values = column[order]
        spread = values[-1] - values[0]
        if spread > 0:
            distances[order[[0, -1]]] = math.inf
            distances[order[1:-1]] += (values[2:] - values[:-2]) / spread
    return distances


def first_front(costs: NDArray[np.float64]) -> list[int]:
    """Rows that no other dominates, in the order of the first column.

    Args:
        costs: (n, objectives); less is better.
    """
    is_first = moocore.is_nondominated(costs, keep_weakly=True)
    return [row for row in np.lexsort(costs.T[::-1]).tolist() if is_first[row]]
