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

_MIDPOINTS: Final = tuple(_STEP * (i + 0.5) for i in range(-_HALF, _HALF))
_WEIGHTS: Final = tuple(_STEP * math.exp(-x * x / 2) / math.sqrt(2 * math.pi) for x in _MIDPOINTS)


@lru_cache(maxsize=16_384)
def expectation(function: Callable[[float], float], incoming: Signal) -> Signal:
    """Moments of `function(x)` for a normal x with the incoming moments; memoised."""
    spread = math.sqrt(min(max(incoming.variance, 0.0), _LARGEST))
    values = [function(incoming.mean + spread * x) for x in _MIDPOINTS]
    mean = math.fsum(v * w for v, w in zip(values, _WEIGHTS, strict=True))
    variance = math.fsum((v - mean) ** 2 * w for v, w in zip(values, _WEIGHTS, strict=True))
    return Signal(max(-_LARGEST, min(mean, _LARGEST)), min(variance, _LARGEST))
