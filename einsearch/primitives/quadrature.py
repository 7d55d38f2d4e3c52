"""Moments of a scalar function of a normal variable, by the midpoint rule.

On a normal density the rule is exact to rounding for smooth functions (Trefethen and Weideman,
2014), good to 1 % for those with a kink, and to a half for a logarithm at its pole.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache
from typing import Final

from einsearch.primitives.base import Signal

_STEP: Final = 0.1
_HALF: Final = 120
"""Midpoints on either side of the mean: as far as exp needs until its variance is 1e10."""

_LARGEST: Final = 1e30
"""Moments are kept below this, so that products of a few of them stay finite."""

_PLACES: Final = 8
_TURNS: Final = (-1.3, -0.75, 0.0, 1e-5, -1e-5)
"""Where functions that are not monotonic turn, or reach furthest."""

_MIDPOINTS: Final = tuple(_STEP * (i + 0.5) for i in range(-_HALF, _HALF))
_WEIGHTS: Final = tuple(_STEP * math.exp(-x * x / 2) / math.sqrt(2 * math.pi) for x in _MIDPOINTS)


@lru_cache(maxsize=16_384)
def expectation(function: Callable[[float], float], incoming: Signal) -> Signal:
    """Moments of `function(x)` for a normal x with the incoming moments; memoised."""
    spread = math.sqrt(min(max(incoming.variance, 0.0), _LARGEST))
    values = [function(incoming.mean + spread * x) for x in _MIDPOINTS]
    mean = math.fsum(v * w for v, w in zip(values, _WEIGHTS, strict=True))
    variance = math.fsum((v - mean) ** 2 * w for v, w in zip(values, _WEIGHTS, strict=True))
    moments = Signal(max(-_LARGEST, min(mean, _LARGEST)), min(variance, _LARGEST))
    return moments.between(*map(function, _reached(incoming)))


def _reached(incoming: Signal) -> list[float]:
    """Values between the bounds, both included; 0 and its neighbourhood where that is between."""
    low, high = incoming.low, incoming.high
    between = [low + (high - low) * place / _PLACES for place in range(1, _PLACES)]
    near = [value for value in _TURNS if low < value < high]
    return [low, *between, *near, high]
