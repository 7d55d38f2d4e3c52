"""Argument schemas: what is accepted, in which form, and what refusals say."""

from __future__ import annotations

import pickle
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from einsearch.errors import ArgumentError
from einsearch.primitives.arguments import (
    Arguments,
    Kind,
    Parameter,
    Symbol,
    bind,
    show_value,
    signature,
)

SCHEMA = (
    Parameter("features", Kind.INT, minimum=1),
    Parameter("rate", Kind.NUMBER, 0.5, minimum=0, maximum=1),
    Parameter("bias", Kind.BOOL, True),
    Parameter("over", Kind.SYMBOL, Symbol("batch"), symbols=("batch", "layer")),
    Parameter("axis", Kind.AXIS, Symbol("features")),
)


def test_values_by_position_by_name_and_by_default() -> None:
    args = bind("thing", SCHEMA, (8,), {"bias": False})
    assert dict(args) == {
        "features": 8,
        "rate": 0.5,
        "bias": False,
        "over": "batch",
        "axis": "features",
    }
    assert (args.features, args["rate"], len(args)) == (8, 0.5, 5)
    assert signature("thing", SCHEMA) == (
        "thing(features, rate=0.5, bias=true, over=batch, axis=features)"
    )


@pytest.mark.parametrize(
    ("positional", "named", "message"),
    [
        ((), {}, "thing needs features: thing(features, rate=0.5"),
        ((0,), {}, "thing: features is 0, expected an integer at least 1"),
        ((True,), {}, "features is true, expected an integer"),
        ((1.5,), {}, "features is 1.5, expected an integer"),
        ((1,), {"rate": 2}, "rate is 2, expected a number at least 0 and at most 1"),
        ((1,), {"rate": float("nan")}, "rate is nan"),
        ((1,), {"bias": 1}, "bias is 1, expected true or false"),
        ((1,), {"over": Symbol("bach")}, "expected one of batch, layer; did you mean batch?"),
        ((1,), {"over": "batch"}, 'over is "batch", expected one of'),
        ((1,), {"axis": -1}, "axis is -1, expected an axis"),
        ((1,), {"axis": Symbol("first")}, "axis is first, expected an axis"),
        ((1,), {"featurs": 2}, "thing has no argument featurs; did you mean features?"),
        ((1,), {"colour": 2}, "it takes features, rate, bias, over, axis"),
        ((1,), {"features": 2}, "thing got features twice"),
        ((1,) * 6, {}, "thing takes at most 5 arguments, 6 were given"),
    ],
)
def test_refusals_say_what_was_found_and_expected(
    positional: tuple[Any, ...], named: dict[str, Any], message: str
) -> None:
    with pytest.raises(ArgumentError) as caught:
        bind("thing", SCHEMA, positional, named)
    assert message in str(caught.value)


def test_whole_numbers_are_integers() -> None:
    args = bind("thing", SCHEMA, (8.0,), {})
    assert type(args.features) is int
    assert args == bind("thing", SCHEMA, (8,), {})


def test_equal_values_of_other_types_are_other_arguments() -> None:
    number = (Parameter("x", Kind.NUMBER),)
    integral, real = bind("thing", number, (1,), {}), bind("thing", number, (1.0,), {})
    assert hash(integral) != hash(real)
    assert integral != real


@given(st.integers(1, 10**6), st.floats(0, 1), st.booleans())
def test_arguments_are_values(features: int, rate: float, bias: bool) -> None:
    args = bind("thing", SCHEMA, (features, rate, bias), {})
    copy = pickle.loads(pickle.dumps(args))
    assert copy == args
    assert hash(copy) == hash(args)
    with pytest.raises(AttributeError):
        args.features = 3
    with pytest.raises(AttributeError):
        _ = args.colour
    with pytest.raises(KeyError):
        _ = args["colour"]
    assert args != Arguments(("a",), (features,))


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (True, "true"),
        (3, "3"),
        (-0.25, "-0.25"),
        (2.0, "2.0"),
        (1e-30, "1e-30"),
        (Symbol("last"), "last"),
        ("ba", '"ba"'),
    ],
)
def test_values_are_shown_as_the_language_writes_them(value: Any, shown: str) -> None:
    assert show_value(value) == shown
