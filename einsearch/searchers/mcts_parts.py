"""What a tree branches on: Negrinho and Gordon, 2017, "DeepArchitect: Automatically Designing and
Training Deep Architectures", section 5.2, restructuring by bisection.

A set without an order has one part for each value. One whose values are numbers is cut in half,
and each half again, until one value is left: neighbours share most of the way, so that a few trials
say something of all of them. Each value is reached in exactly one way.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from random import Random
from typing import Any, Final

from einsearch.derivation.decisions import Draw, Interval, Options, is_production

MOST_LISTED: Final = 64
"""A range of at most so many integers is listed where nothing is bisected."""
CUTS: Final = 5
"""How often a range of reals is cut in half; within what is left, values are drawn."""


@dataclass(frozen=True, slots=True)
class Part:
    """Some values of one decision.

    Attributes:
        key: tells it from all other parts of the same decision.
        probability: by the grammar, of the whole decision.
        values: with their probabilities, in order; empty where `interval` says which.
        interval: a range.
        cuts: how often that was cut in half.
    """

    key: Hashable
    probability: float
    values: tuple[tuple[Any, float], ...] = ()
    interval: Interval | None = None
    cuts: int = 0

    @property
    def is_exact(self) -> bool:
        """Whether what it leads to is fixed: not where a value is drawn from what is left."""
        interval = self.interval
        return interval is None or interval.is_integer or interval.low == interval.high

    def value(self, random: Random) -> Any:
        """The value of a part that is not cut any further."""
        interval = self.interval
        if interval is None:
            return self.values[0][0]
        if interval.is_integer or interval.low == interval.high:
            return interval.low
        low, high = interval.low, interval.high
        if interval.is_log:
            drawn = math.exp(random.uniform(math.log(low), math.log(high)))
        else:
            drawn = random.uniform(low, high)
        return min(max(drawn, low), high)

    def has(self, value: Any) -> bool:
        """Whether a value is one of these."""
        if self.interval is not None:
            return bool(self.interval.low <= value <= self.interval.high)
        return any(own == value and type(own) is type(value) for own, _ in self.values)

    def split(self) -> tuple[Part, ...]:
        """Its lower and upper half, or nothing where it is not cut any further."""
        if self.interval is not None:
            return self._halves_of_interval(self.interval)
        if len(self.values) == 1:
            return ()
        middle = len(self.values) // 2
        return _of_values(self.values[:middle]), _of_values(self.values[middle:])

    def _halves_of_interval(self, interval: Interval) -> tuple[Part, ...]:
        low, high = interval.low, interval.high
        if low == high or (not interval.is_integer and self.cuts == CUTS):
            return ()
        if interval.is_integer:
            middle = (low + high + 1) // 2
            return self._range(low, middle - 1), self._range(middle, high)
        middle = math.sqrt(low) * math.sqrt(high) if interval.is_log else low + (high - low) / 2
        return self._range(low, middle), self._range(middle, high)

    def _range(self, low: float, high: float) -> Part:
        whole = self.interval
        assert whole is not None
        share = 0.5
        if whole.is_integer:
            share = (high - low + 1) / (whole.high - whole.low + 1)
        half = Interval(low, high, whole.is_integer, whole.is_log)
        return Part((low, high), self.probability * share, (), half, self.cuts + 1)


def parts_of(draw: Draw, is_bisected: bool = True) -> tuple[Part, ...]:
    """The parts among which the first choice of a decision is made; empty where all are barred.

    Args:
        draw: what the decision is drawn from.
        is_bisected: whether numbers are; ranges always are where they are long.
    """
    if isinstance(draw, Interval):
        return _parts_of_interval(draw, is_bisected)
    allowed = tuple(
        [
            (draw.values[place], draw.probabilities[place])
            for place in draw.allowed
            if draw.probabilities[place] > 0
        ]
    )
    is_cut = is_bisected and len(allowed) > 1 and is_ordered(draw)
    return _parts_of_values(allowed, draw.domain, is_cut)


@lru_cache(maxsize=4096)
def _parts_of_values(
    allowed: tuple[tuple[Any, float], ...], domain: str, is_cut: bool
) -> tuple[Part, ...]:
    """Parts of some values with their probabilities; the domain tells 1 from true and 1.0."""
    if is_cut:
        return _of_values(tuple(sorted(allowed))).split()
    return tuple(_of_values((pair,)) for pair in allowed)


def is_ordered(draw: Options) -> bool:
    """Whether the values are numbers, not alternatives, names of tensors, symbols or truth."""
    numbers = all(type(value) in (int, float) for value in draw.values)
    return numbers and not is_production(draw.domain)


def _parts_of_interval(interval: Interval, is_bisected: bool) -> tuple[Part, ...]:
    low, high = interval.low, interval.high
    if interval.is_integer and not is_bisected and high - low < MOST_LISTED:
        share = 1 / (high - low + 1)
        return tuple(_of_values(((v, share),)) for v in range(int(low), int(high) + 1))
    whole = Part((low, high), 1.0, (), interval)
    return whole.split() or (whole,)


def _of_values(values: Sequence[tuple[Any, float]]) -> Part:
    if len(values) == 1:
        value, probability = values[0]
        return Part((value, type(value)), probability, tuple(values))
    ends = (values[0][0], values[-1][0], "..")
    return Part(ends, math.fsum(p for _, p in values), tuple(values))
