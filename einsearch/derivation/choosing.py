"""Where drawn values come from when they are drawn at random."""

from __future__ import annotations

import math
from collections.abc import Iterator
from random import Random
from typing import Any, Final

import numpy as np

from einsearch.derivation.decisions import Draw, Interval, Options, Path

INTERVAL_TRIES: Final = 4
"""Values tried from a range before the machine returns to an earlier draw."""


def fast_random(rng: np.random.Generator) -> Random:
    """A generator of the standard library seeded from NumPy's: ten times faster for one value."""
    return Random(int(rng.integers(2**63)))


class AtRandom:
    """Values in random order, without replacement, by the grammar's probabilities."""

    def __init__(self, random: Random) -> None:
        self._random = random

    def candidates(self, draw: Draw, path: Path, label: str) -> Iterator[Any]:
        """Values to try: all allowed ones of a finite set, a few of a range."""
        if isinstance(draw, Interval):
            return (self._from_interval(draw) for _ in range(INTERVAL_TRIES))
        return self._from_options(draw)

    def _from_interval(self, draw: Interval) -> Any:
        if draw.is_integer:
            return self._random.randint(int(draw.low), int(draw.high))
        if draw.is_log:
            drawn = math.exp(self._random.uniform(math.log(draw.low), math.log(draw.high)))
        else:
            drawn = self._random.uniform(draw.low, draw.high)
        return min(max(drawn, draw.low), draw.high)

    def _from_options(self, draw: Options) -> Iterator[Any]:
        left = [(i, draw.probabilities[i]) for i in draw.allowed if draw.probabilities[i] > 0]
        while left:
            target = self._random.random() * sum(weight for _, weight in left)
            position = 0
            while position + 1 < len(left) and target >= left[position][1]:
                target -= left[position][1]
                position += 1
            yield draw.values[left.pop(position)[0]]


class Never:
    """Draws nothing: for texts and for decisions that must suffice."""

    def candidates(self, draw: Draw, path: Path, label: str) -> Iterator[Any]:
        """No values."""
        return iter(())
