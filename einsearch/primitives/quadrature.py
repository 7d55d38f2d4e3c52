"""Moments of a scalar function of a normal variable, by Gauss-Hermite quadrature."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache
from typing import Final

import numpy as np

from einsearch.primitives.base import Signal

_ORDER: Final = 48
_LARGEST: Final = 1e30
"""Moments are kept below this, so that products of a few of them stay finite."""


@lru_cache(maxsize=1)
def _nodes() -> tuple[tuple[float, float], ...]:
    points, weights = np.polynomial.hermite_e.hermegauss(_ORDER)
    total = weights.sum()
    return tuple((float(x), float(w / total)) for x, w in zip(points, weights, strict=True))


def expectation(function: Callable[[float], float], incoming: Signal) -> Signal:
    """Moments of `function(x)` for a normal x with the incoming moments."""
    spread = math.sqrt(min(max(incoming.variance, 0.0), _LARGEST))
    values = [(function(incoming.mean + spread * x), w) for x, w in _nodes()]
    mean = sum(v * w for v, w in values)
    variance = sum((v - mean) ** 2 * w for v, w in values)
    return Signal(max(-_LARGEST, min(mean, _LARGEST)), min(variance, _LARGEST))
