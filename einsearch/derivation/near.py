"""Values near a drawn one: the next in order, a small step, a draw that favours the probable."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from random import Random
from typing import Any, Final, TypeVar

from einsearch.derivation.choosing import INTERVAL_TRIES
from einsearch.derivation.decisions import Draw, Interval, Options
from einsearch.derivation.keeping import same

STEP: Final = 0.15
"""Standard deviation of a step, as a fraction of the range."""

_T = TypeVar("_T")


def near(draw: Draw, old: Any, random: Random) -> Iterator[Any]:
    """Other values of a draw, most often the nearest.

    Numbers of a set: each place further away in order is half as likely. Others: half by the
    grammar's probabilities, half uniformly. Of a range a few normal steps.
    """
    if isinstance(draw, Interval):
        return _steps(draw, old, random)
    values = [draw.values[i] for i in draw.allowed if not same(draw.values[i], old)]
    if len(values) > 1 and all(map(_is_number, (*values, old))):
        order = sorted({*values, old})
        place = order.index(old)
        weights = [0.5 ** abs(order.index(value) - place) for value in values]
        return shuffled(values, weights, random)
    return others(draw, old, random)


def others(draw: Options, old: Any, random: Random) -> Iterator[Any]:
    """Other values of a finite set, half by the grammar's probabilities and half uniformly."""
    left = [i for i in draw.allowed if not same(draw.values[i], old) and draw.probabilities[i] > 0]
    weights = [0.5 * draw.probabilities[i] + 0.5 / len(left) for i in left]
    return shuffled([draw.values[i] for i in left], weights, random)


def shuffled(values: Sequence[_T], weights: Sequence[float], random: Random) -> Iterator[_T]:
    """Values in random order, drawn one after the other by their weights."""
    left = list(zip(values, weights, strict=True))
    while left:
        [place] = random.choices(range(len(left)), [weight for _, weight in left])
        yield left.pop(place)[0]


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _steps(draw: Interval, old: Any, random: Random) -> Iterator[Any]:
    if not _is_number(old) or draw.low == draw.high:
        return
    for _ in range(INTERVAL_TRIES):
        value = _step(draw, old, random)
        if value != old:
            yield value


def _step(draw: Interval, old: Any, random: Random) -> Any:
    """One normal step; what would leave the range is reflected at its end."""
    there: Callable[[float], float] = math.log if draw.is_log else float
    low, high = there(draw.low), there(draw.high)
    position = there(old) + random.gauss(0.0, STEP * (high - low))
    span = 2 * (high - low)
    offset = (position - low) % span
    position = low + min(offset, span - offset)
    if draw.is_integer:
        value = round(position)
        if value == old:
            value += random.choice((-1, 1))
        return int(min(max(value, draw.low), draw.high))
    return min(max(math.exp(position) if draw.is_log else position, draw.low), draw.high)
