"""Moments that normalization-activation layers divide by (EvoNorm: Liu et al., NeurIPS 2020).

| over       | axes that are averaged                                             |
| ---------- | ------------------------------------------------------------------ |
| `batch`    | batch and positions; running statistics in evaluation              |
| `instance` | positions                                                          |
| `layer`    | positions and features                                             |
| `group`    | positions and the features of a group (32 groups, or fewer)        |

Positions are the pixels of an image and the length of tokens; a vector has one.
"""

from __future__ import annotations

from typing import ClassVar, Final

from einsearch.errors import ShapeError
from einsearch.primitives.arguments import Arguments, Kind, Parameter
from einsearch.primitives.base import Layer, Primitive, Signal, register
from einsearch.primitives.signals import DEVIATIONS
from einsearch.primitives.work import Operation, Part, Work, size
from einsearch.specs import Bundle, Layout, TensorSpec

OVER: Final = ("batch", "instance", "layer", "group")
MOST_GROUPS: Final = 32
USUAL_BATCH: Final = 32
EPSILON: Final = 1e-5


def groups_of(spec: TensorSpec, most: int = MOST_GROUPS) -> int:
    """The largest number of groups up to `most` that divides the features."""
    return next(n for n in range(min(most, spec.features), 0, -1) if spec.features % n == 0)


def averaged(spec: TensorSpec, over: str) -> int:
    """How many elements each average is over, in batches of `USUAL_BATCH` examples."""
    positions = spec.elements // spec.features
    counts = {
        "batch": USUAL_BATCH * positions,
        "instance": positions,
        "layer": spec.elements,
        "group": spec.elements // groups_of(spec),
    }
    return counts[over]


class MomentPrimitive(Primitive):
    """A moment, broadcast back to the shape of its input.

    Attributes:
        squares: whether it goes over its input a second time.
        serial: nanoseconds of an element in a kernel that takes one after the other.
    """

    parameters = (Parameter("over", Kind.SYMBOL, symbols=OVER),)
    squares: ClassVar[bool] = False
    serial: ClassVar[float] = 0.0

    def infer(self, specs: Bundle, args: Arguments) -> Bundle:
        if averaged(specs[0], str(args.over)) == 1:
            raise ShapeError(f"over {args.over} there is only one element to average")
        return specs

    def affine_at(self, specs: Bundle, args: Arguments) -> bool:
        return self.is_affine or self.mixes_batch(specs, args)

    def mixes_batch(self, specs: Bundle, args: Arguments) -> bool:
        return str(args.over) == "batch"

    def layer(self, specs: Bundle, args: Arguments) -> Layer:
        from einsearch.primitives.kernels.moments import Moment

        spec = specs[0]
        return Layer.module(
            Moment,
            self.name,
            str(args.over),
            spec.features,
            groups=groups_of(spec) if args.over == "group" else 1,
            channels_first=spec.layout is Layout.IMAGE,
        )

    def work(self, specs: Bundle, outputs: Bundle, args: Arguments) -> Work:
        spec = specs[0]
        passed = 2 if self.squares else 1
        parts = (
            Part(Operation.REDUCTION, passed * spec.elements, passed * size(specs), 1 + 2 * passed),
            Part(Operation.COPY, 0.0, size(specs), calls=2),
            Part(Operation.SERIAL, self.serial * spec.elements, 0.0, 0.0, back=0.0),
        )
        return Work(parts, keeps_inputs=not self.is_affine, scratch=size(specs))


@register
class Mean(MomentPrimitive):
    """The mean."""

    name = "mean"
    keeps_zero = True
    is_affine = True
    is_multilinear = True

    def signal(
        self, specs: Bundle, args: Arguments, incoming: tuple[Signal, ...]
    ) -> tuple[Signal, ...]:
        count = averaged(specs[0], str(args.over))
        return (average_of(count, incoming[0]),)


@register
class Std(MomentPrimitive):
    """The standard deviation."""

    name = "std"
    serial = 6.5

    def signal(
        self, specs: Bundle, args: Arguments, incoming: tuple[Signal, ...]
    ) -> tuple[Signal, ...]:
        count, variance = averaged(specs[0], str(args.over)), incoming[0].variance
        moments = Signal((variance + EPSILON) ** 0.5, variance / (2 * count))
        most = (incoming[0].high - incoming[0].low) / 2
        return (_root(moments, count, incoming[0].tail, most),)


@register
class RootMeanSquare(MomentPrimitive):
    """The root of the mean square."""

    name = "root_mean_square"
    squares = True

    def signal(
        self, specs: Bundle, args: Arguments, incoming: tuple[Signal, ...]
    ) -> tuple[Signal, ...]:
        mean, variance = incoming[0].mean, incoming[0].variance
        square = incoming[0].second_moment + EPSILON
        # To first order: var(x^2) = 2 v^2 + 4 m^2 v of normal elements, over 4 n E(x^2).
        spread = variance * (variance + 2 * mean**2) / (2 * square)
        count = averaged(specs[0], str(args.over))
        most = incoming[0].farthest
        return (_root(Signal(square**0.5, spread / count), count, incoming[0].tail, most),)


def average_of(count: float, signal: Signal) -> Signal:
    """Moments of the mean of so many elements, of which only what inputs make is independent."""
    by_inputs = signal.input_variance / count
    variance = signal.variance - signal.input_variance + by_inputs
    spread = DEVIATIONS * signal.tail * variance**0.5
    low, high = max(signal.mean - spread, signal.low), min(signal.mean + spread, signal.high)
    return Signal(signal.mean, variance, by_inputs=by_inputs).between(low, high)


def _root(moments: Signal, count: int, tail: float, most: float) -> Signal:
    """A root of a mean square of elements that reach `tail` times as far as normal ones."""
    share = DEVIATIONS * tail / (2 * count) ** 0.5
    high = (most * most + EPSILON) ** 0.5
    low = max(moments.mean * (1 - share), EPSILON**0.5)
    return moments.between(min(low, high), high)
