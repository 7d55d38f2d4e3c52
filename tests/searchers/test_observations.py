"""Tests of what a surrogate is given to learn."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from einsearch.searchers.observations import Observations, stretched
from einsearch.trial import Trial, TrialState
from tests.searchers.bits import bits_space

FINITE = st.floats(-1e6, 1e6, allow_nan=False)


def trial(
    number: int,
    value: float | None = None,
    state: TrialState = TrialState.COMPLETE,
    budget: float | None = None,
    excess: float = -1.0,
) -> Trial:
    values = {} if value is None else {"ones": value}
    return Trial(number, "0", state, values=values, budget=budget, excess={"parameters": excess})


def observed(*trials: Trial) -> Observations:
    made = Observations(bits_space())
    for one in trials:
        made.tell(one)
    return made


def test_failures_have_no_value_and_repeats_no_row() -> None:
    seen = observed(
        trial(0, 3.0),
        trial(1, state=TrialState.FAILED),
        trial(2, 3.0, TrialState.DUPLICATE),
        trial(3, math.nan),
        trial(4, 5.0),
    )
    assert [one.number for one in seen.trials] == [0, 1, 3, 4]
    np.testing.assert_array_equal(seen.values(), [3.0, math.nan, math.nan, 5.0])
    assert seen.is_feasible.tolist() == [True, False, False, True]
    assert [one.number for one in seen.best(3)] == [4, 0]
    assert seen.has_values(2)
    assert not seen.has_values(3)


def test_values_of_small_budgets_are_lifted_by_the_gains_of_others() -> None:
    """From 1 to 3 epochs trials gained 2 and 4, from 3 to 9 one gained 10."""
    seen = observed(
        trial(0, 1.0, TrialState.PRUNED, 1),
        trial(1, 2.0, TrialState.PRUNED, 1),
        trial(2, 3.0, TrialState.PRUNED, 1),
        trial(1, 4.0, TrialState.PRUNED, 3),
        trial(2, 7.0, TrialState.PRUNED, 3),
        trial(2, 17.0, TrialState.COMPLETE, 9),
    )
    assert seen.values().tolist() == [1 + 3 + 10, 4 + 10, 17]


def test_a_new_budget_changes_the_scale_of_all() -> None:
    seen = observed(trial(0, 1.0, budget=1), trial(1, 2.0, budget=1), trial(2, 2.0, budget=1))
    assert seen.rescaled == 1
    seen.tell(trial(0, 3.0, budget=3))
    assert seen.rescaled == 4
    seen.tell(trial(1, 3.0, budget=3))
    assert seen.rescaled == 4


def test_what_was_known_before() -> None:
    told = [trial(0, 1.0, budget=1), trial(1, 2.0, budget=1), trial(0, 4.0, budget=3)]
    seen = observed(*told)
    assert seen.values().tolist() == [4.0, 5.0]
    assert seen.after(2).values().tolist() == [1.0, 2.0]
    assert seen.after(2).trials == told[:2]
    assert [is_new for _, is_new in seen.told] == [True, True, False]


def test_what_keeps_the_constraints_comes_first() -> None:
    seen = observed(trial(0, 9.0, excess=0.5), trial(1, 1.0), trial(2, 2.0))
    assert [one.number for one in seen.best(3)] == [2, 1, 0]
    assert seen.values().tolist() == [9.0, 1.0, 2.0]


def test_while_nothing_keeps_the_constraints_their_violation_counts() -> None:
    seen = observed(trial(0, 9.0, excess=0.5), trial(1, 1.0, excess=0.25))
    assert seen.values().tolist() == [-0.5, -0.25]
    assert seen.rescaled == 1
    seen.tell(trial(2, 2.0))
    assert seen.values().tolist() == [9.0, 1.0, 2.0]
    assert seen.rescaled == 3


@given(st.lists(FINITE, min_size=2, max_size=12))
def test_stretching_keeps_the_order(values: list[float]) -> None:
    array = np.array(values)
    found = stretched(array)
    assert np.isfinite(found).all()
    assert abs(found.mean()) < 1e-6
    better = array[:, None] > array[None, :]
    assert (found[:, None] >= found[None, :])[better].all()


def test_stretching_magnifies_differences_among_the_best() -> None:
    found = stretched(np.array([0.0, 1.0, 8.0, 9.0, 10.0]))
    assert found[4] - found[3] > found[1] - found[0]
    assert found.std() == pytest.approx(1.0)


@pytest.mark.parametrize("values", [[2.0, 2.0, 2.0], [0.0, 0.0], [1e308, -1e308, 0.0]])
def test_stretching_copes_with_extremes(values: list[float]) -> None:
    assert np.isfinite(stretched(np.array(values))).all()
