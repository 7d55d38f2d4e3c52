"""Fronts and crowding distances against their definitions, written out naively."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from einsearch.searchers.pareto import (
    Standing,
    crowding_distances,
    dominates,
    first_front,
    fronts,
    ranked,
)

VALUE = st.integers(0, 5).map(float)
POINTS = st.integers(1, 3).flatmap(
    lambda m: st.lists(st.tuples(*[VALUE] * m), min_size=1, max_size=20)
)
Point = tuple[float, ...]


def beats(one: Point, other: Point) -> bool:
    return all(a <= b for a, b in zip(one, other, strict=True)) and one != other


def peeled(points: list[Point]) -> list[set[int]]:
    """Fronts by taking away what nothing beats, again and again."""
    left, found = set(range(len(points))), []
    while left:
        front = {i for i in left if not any(beats(points[j], points[i]) for j in left)}
        found.append(front)
        left -= front
    return found


def crowding(points: list[Point]) -> list[float]:
    """Section III B, one point and one objective at a time; values of an objective differ."""
    total = [0.0] * len(points)
    for objective in range(len(points[0])):
        column = [point[objective] for point in points]
        if len(column) == 1:
            continue
        for i, value in enumerate(column):
            below = [other for other in column if other < value]
            above = [other for other in column if other > value]
            if not below or not above:
                total[i] = math.inf
            else:
                total[i] += (min(above) - max(below)) / (max(column) - min(column))
    return total


@given(points=POINTS)
def test_fronts_are_peeled_one_after_the_other(points: list[Point]) -> None:
    found = [set(front.tolist()) for front in fronts(np.array(points))]
    assert found == peeled(points)
    assert set(first_front(np.array(points))) == found[0]


@given(
    columns=st.integers(1, 12).flatmap(
        lambda n: st.lists(
            st.lists(st.integers(-50, 50).map(float), min_size=n, max_size=n, unique=True),
            min_size=1,
            max_size=3,
        )
    )
)
def test_crowding_is_the_distance_of_the_neighbours(columns: list[list[float]]) -> None:
    points = list(zip(*columns, strict=True))
    np.testing.assert_allclose(crowding_distances(np.array(points)), crowding(points))


def test_an_objective_that_does_not_vary_counts_for_nothing() -> None:
    found = crowding_distances(np.array([[0.0, 5.0], [1.0, 5.0], [4.0, 5.0], [2.0, 5.0]]))
    assert found.tolist() == [math.inf, 0.5, math.inf, 0.75]


@given(points=POINTS, violations=st.lists(st.sampled_from([0.0, 0.5, 2.0]), min_size=20))
def test_the_order_of_all(points: list[Point], violations: list[float]) -> None:
    standings = {
        number: Standing(point, violation)
        for number, (point, violation) in enumerate(zip(points, violations, strict=False))
    }
    order = ranked(standings)
    assert sorted(order) == list(standings)
    place = {number: i for i, number in enumerate(order)}
    for one in standings:
        for other in standings:
            if dominates(standings[one], standings[other]):
                assert place[one] < place[other]


def test_domination_with_constraints() -> None:
    good, poor = (0.0, 0.0), (1.0, 1.0)
    assert dominates(Standing(poor), Standing(good, 0.1))
    assert dominates(Standing(poor, 0.1), Standing(good, 0.2))
    assert not dominates(Standing(good, 0.1), Standing(poor, 0.1))
    assert dominates(Standing(good), Standing(poor))
    assert not dominates(Standing(good), Standing(good))
    assert not dominates(Standing((0.0, 1.0)), Standing((1.0, 0.0)))
