"""Numbering, recall and the main objective."""

from __future__ import annotations

import math

import pytest

from einsearch.searchers.base import Merit, SearchSpace
from einsearch.searchers.random import RandomSearcher
from einsearch.trial import Trial, TrialState
from tests.searchers.bits import bits_space, proposed


def scored(space: SearchSpace, **values: float) -> float | None:
    return space.score(Trial(0, "", TrialState.COMPLETE, values=values))


def test_numbers_run_from_zero() -> None:
    searcher = RandomSearcher(bits_space())
    assert [searcher.ask().number for _ in range(3)] == [0, 1, 2]


def test_recall_takes_the_place_of_ask() -> None:
    first, second = RandomSearcher(bits_space(), 3), RandomSearcher(bits_space(), 3)
    second.recall(proposed(first.ask()))
    assert second.ask() == first.ask()


def test_a_searcher_sees_what_is_recalled() -> None:
    class Keeper(RandomSearcher):
        recalled: int = -1

        def _recall(self, trial: Trial) -> None:
            self.recalled = trial.number

    searcher = Keeper(bits_space())
    searcher.recall(Trial(0, "0", TrialState.RUNNING))
    assert searcher.recalled == 0


def test_recall_out_of_order_is_refused() -> None:
    searcher = RandomSearcher(bits_space())
    with pytest.raises(ValueError, match="expected proposal 0, the record gives 2"):
        searcher.recall(Trial(2, "0", TrialState.RUNNING))


def test_more_is_better_in_either_direction() -> None:
    assert scored(bits_space(directions={"ones": "maximize"}), ones=3.0) == 3.0
    assert scored(bits_space(directions={"ones": "minimize"}), ones=3.0) == -3.0


def test_the_first_objective_is_the_main_one() -> None:
    space = bits_space(directions={"ones": "minimize", "zeros": "maximize"})
    assert scored(space, zeros=1.0, ones=2.0) == -2.0


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_values_that_are_not_finite_are_none(value: float) -> None:
    assert scored(bits_space(), ones=value) is None
    assert scored(bits_space(), other=1.0) is None


def test_merit_puts_what_keeps_its_constraints_first() -> None:
    space = bits_space(directions={"ones": "minimize"})

    def merit(ones: float, **excess: float) -> Merit:
        found = space.merit(Trial(0, "", TrialState.COMPLETE, values={"ones": ones}, excess=excess))
        assert found is not None
        return found

    order = [merit(1, flops=-0.5), merit(2), merit(0, flops=0.1), merit(0, flops=0.1, latency=0.1)]
    assert sorted(order, reverse=True) == order


@pytest.mark.parametrize("state", [TrialState.FAILED, TrialState.REJECTED, TrialState.DUPLICATE])
def test_what_is_no_result_has_no_merit(state: TrialState) -> None:
    assert bits_space().merit(Trial(0, "", state, values={"ones": 1.0})) is None
    assert bits_space().merit(Trial(0, "", TrialState.COMPLETE, values={"ones": math.nan})) is None
