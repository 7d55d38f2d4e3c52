"""A training that will not end in time is stopped early; one that will is left alone."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from einsearch.evaluate.faults import CandidateFault
from einsearch.evaluate.pace import Pace
from einsearch.trial import FailureKind


class Time:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def trained(pace: Pace, time: Time, steps: int, seconds: float) -> int:
    """How many of so many steps are made before it is stopped."""
    for step in range(steps):
        try:
            pace.check("in epoch 1 of 2")
        except CandidateFault:
            return step
        time.now += seconds
        pace.note_step(seconds)
    return steps


@given(steps=st.integers(5, 500), seconds=st.floats(0.05, 5), slack=st.floats(1.01, 10))
def test_what_ends_in_time_is_never_stopped(steps: int, seconds: float, slack: float) -> None:
    time = Time()
    pace = Pace(100.0, 100.0 + slack * steps * seconds, steps, 0, time)
    assert trained(pace, time, steps, seconds) == steps


@given(steps=st.integers(60, 500), seconds=st.floats(0.1, 5), excess=st.floats(1.3, 50))
def test_what_does_not_is_stopped_after_a_few_steps(
    steps: int, seconds: float, excess: float
) -> None:
    time = Time()
    pace = Pace(100.0, 100.0 + steps * seconds / excess, steps, 0, time)
    assert trained(pace, time, steps, seconds) <= 6


def test_the_figures_are_in_the_message() -> None:
    time = Time()
    pace = Pace(100.0, 160.0, 400, 0, time)
    for _ in range(5):
        time.now += 1.0
        pace.note_step(1.0)
    with pytest.raises(CandidateFault, match=r"^projected 400 s, allowed 60 s$") as caught:
        pace.check("in epoch 1 of 2")
    assert caught.value.kind is FailureKind.TIME_LIMIT


def test_the_first_step_may_be_slow() -> None:
    time = Time()
    pace = Pace(100.0, 130.0, 100, 0, time)
    time.now += 5
    pace.note_step(5.0)
    assert trained(pace, time, 99, 0.2) == 99
    assert pace.step_seconds == pytest.approx(0.2)


def test_validations_count() -> None:
    time = Time()
    pace = Pace(100.0, 120.0, 10, 5, time)
    time.now += 8
    pace.note_check(8.0)
    for _ in range(5):
        time.now += 0.1
        pace.note_step(0.1)
    with pytest.raises(CandidateFault, match=r"projected 4\d s, allowed 20 s"):
        pace.check("in epoch 2 of 5")


def test_a_time_that_is_up_is_said_with_the_place() -> None:
    time = Time()
    pace = Pace(90.0, 101.0, 10, 1, time)
    assert not pace.is_late()
    time.now = 102.0
    assert pace.is_late()
    with pytest.raises(CandidateFault, match=r"in epoch 1 of 2, after 12 s, allowed 11 s"):
        pace.check("in epoch 1 of 2")


def test_without_a_deadline_nothing_is_looked_at() -> None:
    time = Time()
    pace = Pace(100.0, math.inf, 10**6, 1, time)
    assert trained(pace, time, 50, 1000.0) == 50
