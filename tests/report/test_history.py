"""Numbers over the trials of a run."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from einsearch.report.history import (
    best_so_far,
    counts_by_reason,
    counts_by_state,
    finished,
    kind_of_reason,
)
from einsearch.trial import Trial, TrialState

VALUES = st.lists(st.one_of(st.none(), st.floats(-5, 5)), max_size=30)


def scored(values: list[float | None]) -> list[Trial]:
    """A complete trial for each value, a failed one for each None."""
    return [
        Trial(n, "x", TrialState.FAILED)
        if value is None
        else Trial(n, "x", TrialState.COMPLETE, values={"score": value})
        for n, value in enumerate(values)
    ]


@pytest.mark.parametrize(("direction", "pick"), [("maximize", max), ("minimize", min)])
@given(values=VALUES)
def test_the_best_so_far_is_that_of_a_running_extreme(
    direction: str, pick: type, values: list[float | None]
) -> None:
    records = dict(best_so_far(scored(values), "score", direction))
    best: float | None = None
    for number, value in enumerate(values):
        if value is None:
            assert number not in records
            continue
        before, best = best, value if best is None else pick(best, value)
        assert (number in records) == (best != before)
        assert records.get(number, best) == best


def test_values_that_are_not_finite_are_left_out() -> None:
    trials = scored([math.nan, 1.0, math.inf])
    assert [trial.number for trial in finished(trials, "score")] == [1]
    assert finished(trials, "other") == []


def test_states_are_counted_in_their_order() -> None:
    states = [TrialState.FAILED, TrialState.COMPLETE, TrialState.FAILED]
    trials = [Trial(n, "x", state) for n, state in enumerate(states)]
    assert list(counts_by_state(trials).items()) == [("COMPLETE", 1), ("FAILED", 2)]


@pytest.mark.parametrize(
    ("state", "reason", "kind"),
    [
        (TrialState.FAILED, "time-limit: over 30 s", "time-limit"),
        (TrialState.FAILED, "error: ValueError: no\nTraceback: ...", "error"),
        (TrialState.REJECTED, "", "rejected"),
    ],
)
def test_the_kind_of_a_reason(state: TrialState, reason: str, kind: str) -> None:
    assert kind_of_reason(Trial(0, "x", state, reason=reason)) == kind


def test_reasons_are_counted_for_failed_and_rejected_trials_alone() -> None:
    rows = [
        (TrialState.DUPLICATE, "repeats trial 0"),
        (TrialState.REJECTED, "too slow: 3 s"),
        (TrialState.FAILED, "error: a"),
        (TrialState.FAILED, "error: b"),
        (TrialState.COMPLETE, ""),
    ]
    trials = [Trial(n, "x", state, reason=reason) for n, (state, reason) in enumerate(rows)]
    assert list(counts_by_reason(trials).items()) == [("error", 2), ("too slow", 1)]
