"""Hypervolume against counting the cells of a grid, and by hand."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from einsearch.errors import RunError
from einsearch.study.hypervolume import hypervolume, hypervolume_so_far, reference_point
from einsearch.trial import Trial, TrialState
from tests.study.support import trial

SIDE = 6
NAMES = ("score", "size", "loss", "time")
DIRECTIONS = dict(zip(NAMES, ("maximize", "minimize", "minimize", "maximize"), strict=True))


def trials_of(points: list[list[int]], names: tuple[str, ...]) -> list[Trial]:
    return [
        trial(n, TrialState.COMPLETE, **dict(zip(names, map(float, point), strict=True)))
        for n, point in enumerate(points)
    ]


def covers(trial: Trial, cell: tuple[int, ...], directions: dict[str, str]) -> bool:
    """Whether a trial is better than a cell, which lies between its number and the next one."""
    return all(
        trial.values[name] > place if direction == "maximize" else trial.values[name] <= place
        for place, (name, direction) in zip(cell, directions.items(), strict=True)
    )


@given(data=st.data(), count=st.integers(1, 4))
def test_it_is_the_number_of_cells_that_some_trial_dominates(
    data: st.DataObject, count: int
) -> None:
    names = NAMES[:count]
    directions = {name: DIRECTIONS[name] for name in names}
    points = st.lists(st.integers(0, SIDE), min_size=count, max_size=count)
    trials = trials_of(data.draw(st.lists(points, max_size=7)), names)
    reference = {n: 0.0 if directions[n] == "maximize" else float(SIDE) for n in names}
    cells = itertools.product(range(SIDE), repeat=count)
    covered = sum(any(covers(t, cell, directions) for t in trials) for cell in cells)
    assert hypervolume(trials, directions, reference) == pytest.approx(covered)


def test_it_grows_only_where_a_trial_adds_to_it() -> None:
    directions = {"score": "maximize", "size": "minimize"}
    trials = trials_of([[1, 4], [3, 5], [2, 5], [2, 2], [3, 5]], ("score", "size"))
    assert reference_point(trials, directions) == {"score": 1.0, "size": 5.0}
    corner = {"score": 0.0, "size": 6.0}
    assert hypervolume_so_far(trials, directions, corner) == [(0, 2.0), (1, 4.0), (3, 9.0)]


def test_only_complete_and_feasible_trials_count() -> None:
    directions = {"score": "maximize", "size": "minimize"}
    good, slow = trials_of([[1, 1], [9, 0]], ("score", "size"))
    pruned = replace(slow, number=2, state=TrialState.PRUNED)
    trials = [good, replace(slow, excess={"latency": 0.1}), pruned]
    assert reference_point(trials, directions) == {"score": 1.0, "size": 1.0}
    assert hypervolume(trials, directions, {"score": 0.0, "size": 2.0}) == 1.0
    assert hypervolume(trials[1:], directions, {"score": 0.0, "size": 2.0}) == 0.0
    assert reference_point(trials[1:], directions) == {}


def test_a_reference_needs_every_objective() -> None:
    with pytest.raises(RunError, match=r"no value for size; it needs one for each of score, size"):
        hypervolume([], {"score": "maximize", "size": "minimize"}, {"score": 0.0})
