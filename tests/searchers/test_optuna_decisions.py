"""Tests of decisions as parameters of Optuna."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Any

import hypothesis.strategies as st
from hypothesis import given
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from einsearch.derivation.decisions import Draw, Interval, Options, Path
from einsearch.searchers.optuna_decisions import (
    Parameter,
    Suggestions,
    from_optuna,
    parameter_of,
    to_optuna,
)

PATH = Path(None, "network").child("step")
VALUES = (1, True, 1.5, "1", "relu")
"""Of which Python takes the first two for one."""


def options(values: Sequence[Any], weights: Sequence[float], allowed: Sequence[int]) -> Options:
    return Options(values, weights, allowed, "{...}")


def test_a_set_is_a_category_of_texts() -> None:
    draw = options([16, "relu", True], [0.5, 0.25, 0.25], [0, 1, 2])
    found = parameter_of(draw, PATH, "d")
    assert found == Parameter(
        'network/step/d: 16, "relu", true', CategoricalDistribution(["16", '"relu"', "true"])
    )


def test_ranges_keep_what_they_are() -> None:
    whole = parameter_of(Interval(2, 8, is_integer=True), PATH, "d")
    real = parameter_of(Interval(0.1, 10.0, is_integer=False, is_log=True), PATH, "d")
    assert whole == Parameter("network/step/d: 2..8", IntDistribution(2, 8))
    assert real == Parameter(
        "network/step/d: log 0.1..10.0", FloatDistribution(0.1, 10.0, log=True)
    )


def test_where_there_is_one_value_there_is_no_parameter() -> None:
    assert parameter_of(options([16], [1.0], [0]), PATH, "d") is None
    assert parameter_of(options([16, 32], [1.0, 0.0], [0, 1]), PATH, "d") is None
    assert parameter_of(Interval(3, 3, is_integer=True), PATH, "d") is None


def test_what_guards_rule_out_changes_the_name_and_what_a_limit_bars_does_not() -> None:
    """Optuna refuses a name whose distribution changes."""
    free = parameter_of(options([1, 2, 3], [0.4, 0.3, 0.3], [0, 1, 2]), PATH, "d")
    limited = parameter_of(options([1, 2, 3], [0.4, 0.3, 0.3], [0]), PATH, "d")
    guarded = parameter_of(options([1, 2, 3], [0.5, 0.5, 0.0], [0, 1]), PATH, "d")
    assert free == limited
    assert free is not None
    assert guarded is not None
    assert free.name != guarded.name


@given(st.permutations([0, 1, 2, 3, 4]), st.integers(0, 4))
def test_values_come_back_from_their_texts(order: list[int], place: int) -> None:
    values = [VALUES[i] for i in order]
    draw = options(values, [0.2] * 5, range(5))
    value = values[place]
    back = from_optuna(draw, to_optuna(draw, value))
    assert back == value
    assert type(back) is type(value)


def tried(draw: Draw, suggested: Any, given: Sequence[Any] | None = None) -> tuple[list[Any], Any]:
    """Values in the order in which they are tried, and the last of the parameters taken."""
    suggestions = Suggestions(Random(0), lambda _: suggested, given)
    found = list(suggestions.candidates(draw, PATH, "d"))
    return found, suggestions.taken[-1]


def test_the_suggested_value_is_tried_first_and_every_other_once() -> None:
    draw = options([1, 2, 3], [0.4, 0.3, 0.3], [0, 1, 2])
    found, (parameter, value) = tried(draw, "2")
    assert found[0] == 2
    assert sorted(found) == [1, 2, 3]
    assert parameter == parameter_of(draw, PATH, "d")
    assert value == str(found[-1])


def test_a_suggestion_that_a_limit_bars_is_passed_over() -> None:
    found, _ = tried(options([1, 2, 3], [0.4, 0.3, 0.3], [0, 2]), "2")
    assert sorted(found) == [1, 3]


def test_given_values_are_taken_without_asking() -> None:
    draw = options([1, 2, 3], [0.4, 0.3, 0.3], [0, 1, 2])
    found, (_, value) = tried(draw, "2", given=[3])
    assert found == [3]
    assert value == "3"
