"""What is known of a tensor's elements at initialisation: moments, and how far they reach."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final, NamedTuple

DEVIATIONS: Final = 6.0
"""Normal elements stay within so many standard deviations: one in 500 million does not."""

GREATEST: Final = 1e30
"""Bounds are kept below this, so that products of a few of them stay finite."""


class Signal(NamedTuple):
    """Distribution of a tensor's elements.

    Most of the variance behind a few saturated layers is that of the weights: whatever enters, the
    same comes out. So the part that inputs make goes beside it (the correlation of two inputs in
    Schoenholz et al., ICLR 2017, eq. 5, is 1 less their quotient).

    Moments tell little of heavy tails: nearly all elements of e^(e^x) are below 10,000, yet one in
    274,000 is beyond float32. So bounds go with them, from call to call.

    Attributes:
        mean: expected value of an element.
        variance: variance of an element over inputs and initialisations.
        bounds: what elements stay between, but for one in millions; None where they are normal.
        by_inputs: variance of an element over inputs, the weights fixed; None where that is all.
    """

    mean: float = 0.0
    variance: float = 1.0
    bounds: tuple[float, float] | None = None
    by_inputs: float | None = None

    @property
    def second_moment(self) -> float:
        return self.mean**2 + self.variance

    @property
    def input_variance(self) -> float:
        """Variance over inputs, the weights fixed."""
        return self.variance if self.by_inputs is None else self.by_inputs

    @property
    def fixed_moment(self) -> float:
        """Second moment of what is the same for all inputs."""
        return self.second_moment - self.input_variance

    @property
    def low(self) -> float:
        """Smallest value to reckon with."""
        return self.bounds[0] if self.bounds else self.mean - DEVIATIONS * self.variance**0.5

    @property
    def high(self) -> float:
        """Largest value to reckon with."""
        return self.bounds[1] if self.bounds else self.mean + DEVIATIONS * self.variance**0.5

    @property
    def farthest(self) -> float:
        """Largest absolute value to reckon with."""
        return max(-self.low, self.high)

    @property
    def tail(self) -> float:
        """How many times as far from the mean as a normal tensor this one reaches, at least 1."""
        spread = DEVIATIONS * self.variance**0.5
        reach = max(self.high - self.mean, self.mean - self.low)
        return max(reach / spread, 1.0) if spread > 0 else 1.0

    @property
    def finite(self) -> Signal:
        """The same; what is beyond the largest that is reckoned with, or unknown, is that."""
        numbers = (self.mean, self.variance, self.by_inputs or 0.0, *(self.bounds or ()))
        if all(abs(number) <= GREATEST for number in numbers):
            return self
        mean = 0.0 if math.isnan(self.mean) else min(max(self.mean, -GREATEST), GREATEST)
        by_inputs = None if self.by_inputs is None else _tamed(self.by_inputs, 1)
        bounds = self.bounds and (_tamed(self.bounds[0], -1), _tamed(self.bounds[1], 1))
        return Signal(mean, _tamed(self.variance, 1), bounds, by_inputs)

    def between(self, *values: float) -> Signal:
        """The same moments, between the smallest and the largest of some values; a value that is no
        number may be any."""
        is_known = not any(map(math.isnan, values))
        ends = (min(values), max(values)) if is_known else (-GREATEST, GREATEST)
        low, high = [min(max(end, -GREATEST), GREATEST) for end in ends]
        return Signal(self.mean, self.variance, (low, high), self.by_inputs)


def _tamed(number: float, sign: int) -> float:
    """A number no further from 0 than the largest; that one with the sign where it is unknown."""
    return sign * GREATEST if math.isnan(number) else min(max(number, -GREATEST), GREATEST)


def shared(made: Signal, incoming: Sequence[Signal]) -> Signal:
    """An outcome whose rule does not say what inputs make of it: as much as of its operands."""
    if made.by_inputs is not None or all(signal.by_inputs is None for signal in incoming):
        return made
    variance = sum(signal.variance for signal in incoming)
    share = sum(signal.input_variance for signal in incoming) / variance if variance else 1.0
    return Signal(made.mean, made.variance, made.bounds, min(share, 1.0) * made.variance)
