"""Steps from one value to another of the same domain."""

from __future__ import annotations

import math
from collections import Counter
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from einsearch.derivation.decisions import Interval, Options
from einsearch.derivation.near import near, others, shuffled


def options(*values: object, allowed: tuple[int, ...] | None = None) -> Options:
    size = len(values)
    return Options(values, (1 / size,) * size, allowed or tuple(range(size)), "{...}")


@given(
    low=st.integers(-50, 50),
    width=st.integers(0, 60),
    place=st.floats(0, 1),
    seed=st.integers(0, 1000),
)
def test_steps_of_integers_stay_inside_and_move(
    low: int, width: int, place: float, seed: int
) -> None:
    old = low + round(place * width)
    found = list(near(Interval(low, low + width, True), old, Random(seed)))
    assert all(isinstance(value, int) and low <= value <= low + width for value in found)
    assert old not in found
    assert found or width < 2


@given(place=st.floats(0, 1), seed=st.integers(0, 1000), is_log=st.booleans())
def test_steps_of_reals_stay_inside_and_move(place: float, seed: int, is_log: bool) -> None:
    draw = Interval(0.01, 10.0, False, is_log)
    old = min(10.0, max(0.01, 0.01 + place * 9.99))
    found = list(near(draw, old, Random(seed)))
    assert found
    assert all(0.01 <= value <= 10.0 and value != old for value in found)


def test_steps_in_the_logarithm_are_as_large_down_as_up() -> None:
    draw = Interval(1e-4, 1e4, False, is_log=True)
    logs = [math.log10(next(near(draw, 1.0, Random(seed)))) for seed in range(2000)]
    assert abs(sum(logs) / len(logs)) < 0.1
    assert 0.9 < (sum(x * x for x in logs) / len(logs)) ** 0.5 < 1.5  # 0.15 of 8 decades


def test_numbers_come_by_their_place_in_order() -> None:
    draw = options(64, 8, 32, 16)
    first = Counter(next(near(draw, 16, Random(seed))) for seed in range(5000))
    assert first.keys() == {8, 32, 64}
    total = 0.5 + 0.5 + 0.25
    for value, weight in ((8, 0.5), (32, 0.5), (64, 0.25)):
        assert first[value] / 5000 == pytest.approx(weight / total, abs=0.03)


def test_names_come_half_by_probability_and_half_uniformly() -> None:
    draw = Options(("a", "b", "c"), (0.1, 0.8, 0.1), (0, 1, 2), "{a, b, c}")
    first = Counter(next(others(draw, "a", Random(seed))) for seed in range(5000))
    weights = {"b": 0.5 * 0.8 + 0.25, "c": 0.5 * 0.1 + 0.25}
    for value, weight in weights.items():
        assert first[value] / 5000 == pytest.approx(weight / sum(weights.values()), abs=0.03)


@pytest.mark.parametrize("draw", [options(1, 2, 3, allowed=(0, 1)), options("x", "y", "z")])
def test_every_other_value_comes_once_and_the_old_one_never(draw: Options) -> None:
    old = draw.values[0]
    assert sorted(near(draw, old, Random(3))) == sorted(
        draw.values[i] for i in draw.allowed if i > 0
    )


def test_true_and_false() -> None:
    assert list(near(options(True, False), True, Random(0))) == [False]


def test_values_without_weight_come_last() -> None:
    assert next(shuffled("abc", (1, 1e-12, 1e9), Random(0))) == "c"
    assert sorted(shuffled("abc", (1, 2, 3), Random(0))) == ["a", "b", "c"]
