"""Parts of a decision: every value is reached in exactly one way, with its probability."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from einsearch.derivation.decisions import Interval, Options
from einsearch.searchers.mcts_parts import CUTS, Part, parts_of

RANDOM = Random(0)


def options(values: Iterable[Any], domain: str = "{...}", allowed: Any = None) -> Options:
    """Equally likely values."""
    listed = list(values)
    places = range(len(listed)) if allowed is None else allowed
    return Options(listed, [1 / len(listed)] * len(listed), places, domain)


def leaves(parts: Iterable[Part], cuts: int = 0) -> Iterator[tuple[Part, int]]:
    """What is left when everything is cut, and after how many cuts."""
    for part in parts:
        halves = part.split()
        if halves:
            yield from leaves(halves, cuts + 1)
        else:
            yield part, cuts


@pytest.mark.parametrize("n", range(2, 41))
def test_bisection_reaches_every_value_in_exactly_one_way(n: int) -> None:
    shuffled = [2**i for i in range(n)]
    Random(n).shuffle(shuffled)
    for draw in (options(shuffled), Interval(3, n + 2, is_integer=True)):
        found = list(leaves(parts_of(draw)))
        values = [part.value(RANDOM) for part, _ in found]
        expected = sorted(shuffled) if isinstance(draw, Options) else list(range(3, n + 3))
        assert values == expected
        assert math.isclose(sum(part.probability for part, _ in found), 1)
        depths = {cuts for _, cuts in found}
        assert max(depths) <= math.ceil(math.log2(n))
        assert max(depths) - min(depths) <= 1


@given(low=st.integers(-50, 50), width=st.integers(0, 200))
def test_integers_are_equally_likely(low: int, width: int) -> None:
    found = list(leaves(parts_of(Interval(low, low + width, is_integer=True))))
    assert [part.value(RANDOM) for part, _ in found] == list(range(low, low + width + 1))
    assert all(math.isclose(part.probability, 1 / (width + 1)) for part, _ in found)
    assert all(part.is_exact for part, _ in found)


@pytest.mark.parametrize("is_log", [False, True])
def test_reals_are_cut_to_cells_within_which_they_are_drawn(is_log: bool) -> None:
    whole = Interval(1e-4, 10.0, is_integer=False, is_log=is_log)
    cells = [part for part, _ in leaves(parts_of(whole))]
    assert len(cells) == 2**CUTS
    assert all(math.isclose(part.probability, 2**-CUTS) for part in cells)
    assert not any(part.is_exact for part in cells)
    values = [cell.value(RANDOM) for cell in cells]
    assert values == sorted(values)
    for cell, value in zip(cells, values, strict=True):
        assert cell.has(value)
        share = math.exp(whole.log_probability(value) or 0.0)
        assert cell.interval is not None
        width = cell.interval.high - cell.interval.low
        assert math.isclose(share * width, 2**-CUTS, rel_tol=0.5)


def test_a_range_of_one_real_is_that_value() -> None:
    (part,) = parts_of(Interval(0.5, 0.5, is_integer=False))
    assert (part.split(), part.value(RANDOM), part.is_exact) == ((), 0.5, True)


@pytest.mark.parametrize(
    "draw",
    [
        options([0, 1, 2, 3], "body: 4"),
        options(["a", "b", "c"]),
        options([True, False]),
        options([1, "same", 3]),
        options([16, 32]),
    ],
)
def test_what_has_no_order_has_one_part_a_value(draw: Options) -> None:
    parts = parts_of(draw)
    assert [part.value(RANDOM) for part in parts] == list(draw.values)
    assert not any(part.split() for part in parts)


def test_true_is_not_one() -> None:
    parts = parts_of(options([True, 1, "x"]))
    assert len({part.key for part in parts}) == 3
    assert [part.has(True) for part in parts] == [True, False, False]


def test_values_that_limits_bar_or_that_are_never_drawn_are_no_parts() -> None:
    draw = Options([8, 16, 32, 64, 128], [0.5, 0.0, 0.2, 0.2, 0.1], [0, 1, 3, 4], "{...}")
    found = {part.value(RANDOM): part.probability for part, _ in leaves(parts_of(draw))}
    assert found == {8: 0.5, 64: 0.2, 128: 0.1}
    assert parts_of(options([1, 2, 3], allowed=[])) == ()


def test_numbers_are_listed_where_nothing_is_bisected() -> None:
    for draw in (options([4, 2, 8]), Interval(2, 4, is_integer=True)):
        parts = parts_of(draw, is_bisected=False)
        assert len(parts) == 3
        assert not any(part.split() for part in parts)
    assert len(parts_of(Interval(1, 1000, is_integer=True), is_bisected=False)) == 2


@given(st.lists(st.integers(-99, 99), min_size=1, max_size=30, unique=True), st.data())
def test_a_value_is_had_by_exactly_one_part(values: list[int], data: st.DataObject) -> None:
    value = data.draw(st.sampled_from(values))
    parts = parts_of(options(values))
    while parts:
        having = [part for part in parts if part.has(value)]
        assert len(having) == 1
        parts = having[0].split()
    assert having[0].value(RANDOM) == value
