"""Tournaments that any member of their Pareto front wins."""

from __future__ import annotations

import math
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from einsearch.searchers.base import Searcher
from einsearch.searchers.pareto_evolution import ParetoEvolutionSearcher, front_of
from einsearch.trial import TrialState
from tests.searchers.bits import bits_space, complete, finish, proposed

TWO = {"left": "maximize", "right": "minimize"}


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=12))
def test_the_front_is_that_of_brute_force_ties_included(values: list[tuple[int, int]]) -> None:
    space = bits_space(40, TWO)
    searcher = ParetoEvolutionSearcher(space, population=50)
    trials = [complete(searcher.ask(), left=left, right=right) for left, right in values]
    expected = [
        trial.number
        for trial, (left, right) in zip(trials, values, strict=True)
        if not any(x >= left and y <= right and (x, y) != (left, right) for x, y in values)
    ]
    assert [trial.number for trial in front_of(trials, space)] == expected


def parents(searcher: Searcher, values: list[tuple[float, float]]) -> Counter[int]:
    for left, right in values:
        searcher.tell(complete(searcher.ask(), left=left, right=right))
    return Counter(searcher.ask().parents[0] for _ in range(300))


def test_members_of_the_front_become_parents_about_as_often() -> None:
    searcher = ParetoEvolutionSearcher(
        bits_space(400, TWO), population=5, tournament=60, operators=["mutate"]
    )
    counts = parents(searcher, [(5, 5), (1, 1), (3, 3), (3, 4), (0, 2)])
    assert set(counts) == {0, 1, 2}, "no tournament of that size leaves one of these out"
    assert min(counts.values()) > 60


def test_the_oldest_leaves_however_good_it_is() -> None:
    searcher = ParetoEvolutionSearcher(
        bits_space(400, TWO), population=3, tournament=60, operators=["mutate"]
    )
    counts = parents(searcher, [(9, 0), (1, 1), (3, 3), (2, 2)])
    assert set(counts) == {1, 2, 3}


def test_where_nearly_all_samples_die_those_alive_have_children() -> None:
    searcher = ParetoEvolutionSearcher(bits_space(400, TWO), population=6, tournament=2)
    proposals = [searcher.ask() for _ in range(6)]
    assert not any(proposal.parents for proposal in proposals)
    for proposal in proposals[1:]:
        searcher.tell(finish(proposed(proposal), TrialState.REJECTED))
    assert not searcher.ask().parents, "nobody is alive yet"
    searcher.tell(complete(proposals[0], left=1, right=1))
    children = [searcher.ask() for _ in range(8)]
    assert all(set(child.parents) == {0} for child in children)


@pytest.mark.parametrize("missing", [{}, {"right": math.nan}, {"right": math.inf}])
def test_what_lacks_an_objective_takes_no_place_until_it_has_it(missing: dict[str, float]) -> None:
    searcher = ParetoEvolutionSearcher(
        bits_space(400, TWO), population=3, tournament=20, operators=["mutate"]
    )
    first, *others = [searcher.ask() for _ in range(3)]
    searcher.tell(finish(proposed(first), TrialState.PRUNED, left=9.0, **missing))
    for proposal in others:
        searcher.tell(complete(proposal, left=1, right=1))
    assert {parent for _ in range(40) for parent in searcher.ask().parents} == {1, 2}
    searcher.tell(complete(first, left=9, right=0))
    assert {parent for _ in range(40) for parent in searcher.ask().parents} == {0}
