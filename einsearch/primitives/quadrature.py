"""Moments of a scalar function of a normal variable, by the midpoint rule.

On a normal density the rule is exact to rounding for smooth functions (Trefethen and Weideman,
2014), good to 1 % for those with a kink, and to a half for a logarithm at its pole.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache
from typing import Final, TypeVar

import numpy as np

from einsearch.primitives.base import Signal

_STEP: Final = 0.1
_HALF: Final = 120
"""Midpoints on either side of the mean: as far as exp needs until its variance is 1e10."""

_LARGEST: Final = 1e30
"""Moments are kept below this, so that products of a few of them stay finite."""

_FARTHEST: Final = 1e100
"""Values of functions are kept below this, so that their squares stay finite."""

_PLACES: Final = 8
_TURNS: Final = (-1.3, -0.75, 0.0, 1e-5, -1e-5)
"""Where functions that are not monotonic turn, or reach furthest."""

_MIDPOINTS: Final = _STEP * (np.arange(-_HALF, _HALF) + 0.5)
_WEIGHTS: Final = _STEP * np.exp(-(_MIDPOINTS**2) / 2) / math.sqrt(2 * math.pi)


def _hermite(orders: int) -> np.ndarray:
    """Orthonormal Hermite polynomials up to an order at the midpoints, times the weights."""
    rows = [np.ones_like(_MIDPOINTS), _MIDPOINTS]
    for k in range(1, orders):
        rows.append((_MIDPOINTS * rows[-1] - math.sqrt(k) * rows[-2]) / math.sqrt(k + 1))
    return np.stack(rows[1:]) * _WEIGHTS


_HERMITE: Final = _hermite(12)


_ARRAYS: dict[Callable[[float], float], Callable[[np.ndarray], np.ndarray]] = {}
_HOMOGENEOUS: set[Callable[[float], float]] = set()
_Function = TypeVar("_Function", bound=Callable[[float], float])


def also_of_arrays(many: Callable[[np.ndarray], np.ndarray]) -> Callable[[_Function], _Function]:
    """Decorator of a function that has exactly these values on arrays, too, and much sooner."""

    def note(function: _Function) -> _Function:
        _ARRAYS[function] = many
        return function

    return note


def homogeneous(function: _Function) -> _Function:
    """Decorator of a function for which f(s x) = s f(x) wherever s > 0."""
    _HOMOGENEOUS.add(function)
    return function


@lru_cache(maxsize=16_384)
def expectation(function: Callable[[float], float], incoming: Signal) -> Signal:
    """Moments of `function(x)` for a normal x with the incoming moments; memoised.

    What is infinite or unknown counts as the largest that is reckoned with.
    """
    incoming = incoming.finite
    spread = math.sqrt(min(max(incoming.variance, 0.0), _LARGEST))
    # Behind layers that begin with mean 0 all spreads are one case, then.
    scale = spread if incoming.mean == 0 < spread and function in _HOMOGENEOUS else 1.0
    mean, variance, powers = _moments(function, incoming.mean, spread / scale)
    mean, variance = mean * scale, min(variance * scale**2, _LARGEST)
    by_inputs = None
    if incoming.by_inputs is not None:
        by_inputs = min(_by_inputs(powers, incoming) * scale**2, variance)
    moments = Signal(max(-_LARGEST, min(mean, _LARGEST)), variance, by_inputs=by_inputs)
    return moments.between(*map(function, _reached(incoming)))


@lru_cache(maxsize=16_384)
def _moments(
    function: Callable[[float], float], mean: float, spread: float
) -> tuple[float, float, tuple[float, ...]]:
    """Mean and variance of f(x), and the parts of that variance by the order of Hermite polynomials
    from 1; what is beyond the last one comes as one more.
    """
    places = mean + spread * _MIDPOINTS
    many = _ARRAYS.get(function)
    if many is None:
        values = np.array([function(x) for x in places.tolist()], dtype=float)
    else:
        values = many(places)
    if np.isnan(values).any():
        return 0.0, _LARGEST, (_LARGEST,)
    values = np.clip(values, -_FARTHEST, _FARTHEST)
    # Sums in numpy's own order, not a BLAS's: the same on every machine.
    expected = float(values[_HALF]) + float(((values - values[_HALF]) * _WEIGHTS).sum())
    apart = values - expected
    variance = min(float((apart**2 * _WEIGHTS).sum()), _LARGEST)
    powers, rest = [], variance
    for coefficient in (apart * _HERMITE).sum(axis=1).tolist():
        powers.append(min(coefficient**2, rest))
        rest -= powers[-1]
    return expected, variance, (*powers, rest)


def _by_inputs(powers: tuple[float, ...], incoming: Signal) -> float:
    """Variance of f(x) over inputs, from the parts of its variance.

    With Hermite coefficients a_k of f and the correlation c of x for two inputs, that of f(x) is
    sum a_k^2 c^k over k from 1.
    """
    if incoming.variance <= 0:
        return 0.0
    share = min(incoming.input_variance / incoming.variance, 1.0)
    return sum(power * _lost(order, share) for order, power in enumerate(powers, 1) if power)


def _lost(order: int, share: float) -> float:
    """1 - (1 - share)^order, exact for small shares."""
    return 1.0 if share >= 1 else -math.expm1(order * math.log1p(-share))


def _reached(incoming: Signal) -> list[float]:
    """Values between the bounds, both included; 0 and its neighbourhood where that is between."""
    low, high = incoming.low, incoming.high
    between = [low + (high - low) * place / _PLACES for place in range(1, _PLACES)]
    near = [value for value in _TURNS if low < value < high]
    return [low, *between, *near, high]
