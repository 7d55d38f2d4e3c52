"""Features that random convolutions make, for a linear head to choose from."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Final

from einsearch.errors import ShapeError
from einsearch.primitives.arguments import Arguments, Kind, Parameter
from einsearch.primitives.base import BYTES_PER_ELEMENT, Layer, Primitive, Signal, register
from einsearch.primitives.pool import largest_of
from einsearch.primitives.signals import DEVIATIONS
from einsearch.primitives.windows import Window
from einsearch.primitives.work import Operation, Part, Work, size
from einsearch.specs import Bundle, Layout, vector

TAPS: Final = 9
"""Weights of a kernel for each feature, as in MiniRocket (Dempster et al., KDD 2021)."""


def dilations(length: int) -> tuple[int, ...]:
    """Powers of two with which a kernel fits so many tokens; 1 is always among them."""
    most = max((length - 1) // (TAPS - 1), 1)
    return tuple(2**n for n in range(most.bit_length()))


@register
class RandomConv1d(Primitive):
    """Random convolutions that are never trained (ROCKET: Dempster et al., DMKD 2020).

    Kernels of 9 weights, mean 0, with dilations of all powers of two that fit the length. Of each
    kernel two features leave: the share of tokens where it is positive, and its largest outcome.
    The kernels follow from the seed that the weights follow from. No gradient goes on to what made
    its input.
    """

    name = "random_conv1d"
    parameters = (Parameter("kernels", Kind.INT, minimum=1, maximum=2**16),)
    stops_gradient = True

    def infer(self, specs: Bundle, args: Arguments) -> Bundle:
        if specs[0].layout is not Layout.TOKENS:
            raise ShapeError("it needs tokens")
        return (vector(2 * args.kernels),)

    def layer(self, specs: Bundle, args: Arguments) -> Layer:
        from einsearch.primitives.kernels.random_conv import RandomConv1d as Kernel

        length, features = specs[0].shape
        return Layer.module(Kernel, features, args.kernels, TAPS, dilations(length))

    def flops(self, specs: Bundle, args: Arguments) -> int:
        return 2 * specs[0].elements * TAPS * int(args.kernels)

    def memory(self, specs: Bundle, outputs: Bundle, args: Arguments) -> int:
        return BYTES_PER_ELEMENT * outputs[0].elements

    def work(self, specs: Bundle, outputs: Bundle, args: Arguments) -> Work:
        length, features = specs[0].shape
        made = BYTES_PER_ELEMENT * length * int(args.kernels)
        calls = len(dilations(length)) + args.kernels / 128
        # What leaves the kernels is gone through twice, and nothing of it is kept.
        parts = (
            Part(
                Operation.CONVOLUTION,
                self.flops(specs, args),
                size(specs) + made,
                calls,
                width=min(features, args.kernels),
                back=0.0,
            ),
            Part(Operation.REDUCTION, 2 * length * args.kernels, 3 * made, 3 * calls, back=0.0),
        )
        return Work(parts, scratch=made * min(1.0, 256 / args.kernels))

    def signal(
        self, specs: Bundle, args: Arguments, incoming: tuple[Signal, ...]
    ) -> tuple[Signal, ...]:
        length, features = specs[0].shape
        x, read = incoming[0], _read(features)
        share, edge = _seen(length)
        # Of weights with mean 0 only what padding cuts off shows the mean of the tokens.
        variance = read * ((TAPS - 1) * share * x.variance + edge * x.mean**2)
        by_inputs = read * (TAPS - 1) * share * x.input_variance
        peak = largest_of(length, Signal(0.0, variance))
        # Kernels differ in offset, in the number of features they read, and a little in length.
        spread = peak.variance + 1 / 3 + peak.mean**2 * _unlike(features)
        positive = (
            _spread_of_shares(variance) + min(by_inputs / (variance + 1e-12), 1) * 0.25 / length
        )
        mean = (0.5 + peak.mean) / 2
        square = (0.25 + positive + peak.mean**2 + spread) / 2
        moved = min(by_inputs / (variance + 1e-12), 1.0) * peak.variance
        moments = Signal(mean, square - mean**2, by_inputs=(moved + 0.25 / length) / 2)
        reach = DEVIATIONS * spread**0.5
        return (moments.between(min(peak.mean - reach, 0.0), max(peak.mean + reach, 1.0)),)


def _shares(features: int) -> tuple[float, ...]:
    """Shares of kernels that read 1, 2, ... features: the floor of 2^u for a uniform u."""
    most = math.log2(features + 1)
    return tuple(math.log2((n + 1) / n) / most for n in range(1, features + 1))


@lru_cache(maxsize=4096)
def _read(features: int) -> float:
    """Mean number of features that a kernel reads."""
    return sum(n * share for n, share in enumerate(_shares(features), 1))


@lru_cache(maxsize=4096)
def _unlike(features: int) -> float:
    """Variance by the square of the mean of what kernels multiply the deviation of tokens by."""
    roots = sum(math.sqrt(n) * share for n, share in enumerate(_shares(features), 1))
    return max(_read(features) / roots**2 - 1, 0.0) + 1 / (2 * (TAPS - 1))


@lru_cache(maxsize=4096)
def _seen(length: int) -> tuple[float, float]:
    """Share of what kernels see that is not padding; how much of a constant edges leave."""
    shares = [
        Window(TAPS, 1, step * (TAPS // 2), step).filled(length) for step in dilations(length)
    ]
    share = sum(shares) / len(shares)
    return share, sum(TAPS * s * (1 - s) for s in shares) / len(shares)


def _spread_of_shares(variance: float) -> float:
    """Variance of the normal distribution function of b / s, for an offset b uniform on [-1, 1]."""
    scale = math.sqrt(2 * variance) + 1e-6
    places = [(n + 0.5) / 16 for n in range(16)]
    return sum((0.5 * math.erf(b / scale)) ** 2 for b in places) / len(places)
