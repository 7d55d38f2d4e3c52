"""Moments of functions of a normal variable, where they are known exactly."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from einsearch.primitives.base import Signal, all_primitives, get_primitive
from einsearch.primitives.elementwise import Elementwise
from einsearch.primitives.kan import functions
from einsearch.primitives.quadrature import expectation

SIGNALS = st.builds(
    Signal,
    st.floats(-3, 3),
    st.floats(1e-3, 4),
    st.none(),
    st.one_of(st.none(), st.floats(0, 1e-3)),
)


@given(SIGNALS)
def test_square(signal: Signal) -> None:
    made = expectation(lambda x: x * x, signal)
    mean, variance = signal.mean, signal.variance
    assert made.mean == pytest.approx(mean**2 + variance)
    assert made.variance == pytest.approx(2 * variance**2 + 4 * mean**2 * variance)


@given(SIGNALS)
def test_exponential(signal: Signal) -> None:
    made = expectation(math.exp, signal)
    mean = math.exp(signal.mean + signal.variance / 2)
    assert made.mean == pytest.approx(mean)
    assert made.variance == pytest.approx(mean**2 * math.expm1(signal.variance), rel=1e-6)


def test_rectifier() -> None:
    made = expectation(lambda x: max(x, 0.0), Signal(0.0, 1.0))
    assert made.mean == pytest.approx(1 / math.sqrt(2 * math.pi), rel=1e-2)
    assert made.variance == pytest.approx(0.5 - 1 / (2 * math.pi), rel=1e-2)


@given(SIGNALS, st.booleans())
@pytest.mark.parametrize("name", ["relu", "leaky_relu"])
def test_arrays_and_scaling_give_the_same(name: str, signal: Signal, is_centred: bool) -> None:
    function = get_primitive(name).function  # type: ignore[attr-defined]
    signal = signal._replace(mean=0.0) if is_centred else signal
    made, one_by_one = expectation(function, signal), expectation(lambda x: function(x), signal)
    assert made[:2] == pytest.approx(one_by_one[:2], rel=1e-12)
    assert made.bounds == one_by_one.bounds
    assert (made.by_inputs or 0.0) == pytest.approx(one_by_one.by_inputs or 0.0, rel=1e-9)


@given(st.sampled_from([-1e12, -3.0, 0.0, 2.0, 1e12]), st.floats(1e-12, 1e12))
@pytest.mark.parametrize("name", ["relu", "leaky_relu"])
def test_rectifiers_are_homogeneous(name: str, x: float, scale: float) -> None:
    function = get_primitive(name).function  # type: ignore[attr-defined]
    assert function(scale * x) == pytest.approx(scale * function(x))


def test_no_spread_stays_none() -> None:
    made = expectation(math.tanh, Signal(0.5, 0.0))
    assert made.mean == pytest.approx(math.tanh(0.5))
    assert made.variance == pytest.approx(0.0, abs=1e-30)


def test_what_grows_beyond_bounds_is_cut() -> None:
    made = expectation(lambda x: 1e20 * x, Signal(0.0, 1e10))
    assert made.variance == 1e30


ODD = [math.inf, -math.inf, math.nan, 1e200, -1e200, 1e31]


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("mean", [0.0, *ODD])
@pytest.mark.parametrize("variance", [0.0, 1.0, math.inf, math.nan, 1e300])
@pytest.mark.parametrize("bounds", [None, (-math.inf, math.inf), (math.nan, math.nan)])
def test_what_is_infinite_or_unknown_gives_numbers_and_no_warning(
    mean: float, variance: float, bounds: tuple[float, float] | None
) -> None:
    incoming = Signal(mean, variance, bounds)
    known = [p.function for p in all_primitives().values() if isinstance(p, Elementwise)]
    assert len(known) >= 12
    for function in (*known, *functions("fourier", 4), *functions("wavelet", 4)):
        made = expectation(function, incoming)
        assert all(map(math.isfinite, (made.mean, made.variance, made.low, made.high)))


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("value", [math.inf, -math.inf, math.nan, 1e200])
def test_a_function_that_has_no_number_somewhere_explodes(value: float) -> None:
    made = expectation(lambda x: value if x > 1 else x, Signal(0.0, 1.0))
    assert made.variance == 1e30
    assert math.isfinite(made.mean)
