"""How minutes are divided."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from einsearch.study.planning.times import FEWEST, FINAL_PART, divide

TIMES = {
    "seconds": st.floats(1, 1e6),
    "workers": st.integers(1, 64),
    "epochs": st.integers(1, 500),
    "final": st.integers(1, 500),
    "trainings": st.integers(0, 10),
}


@given(**TIMES)
def test_the_parts_are_the_whole(
    seconds: float, workers: int, epochs: int, final: int, trainings: int
) -> None:
    times = divide(seconds, workers, epochs, final, trainings)
    assert times.search + times.final + times.closing == pytest.approx(seconds)
    assert min(times.search, times.closing, times.candidate) > 0
    assert times.final == (FINAL_PART * seconds if trainings else 0)


@given(**TIMES)
def test_a_candidate_leaves_room_for_others_and_for_its_own_full_training(
    seconds: float, workers: int, epochs: int, final: int, trainings: int
) -> None:
    times = divide(seconds, workers, epochs, final, trainings)
    assert times.candidate <= times.search / 2
    assert FEWEST * times.candidate <= times.search * workers * (1 + 1e-9)
    if trainings:
        rounds = math.ceil(trainings / workers)
        assert times.candidate / epochs * final * rounds <= times.final


def test_what_the_full_training_leaves_goes_to_the_search() -> None:
    times = divide(600, 2, 8, 8, 1)
    assert times.final == 150
    assert times.search_end() == times.search == 444
    assert times.search_end(10) == 584
    assert times.search_end(1000) == 444
