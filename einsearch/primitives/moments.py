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

from einsearch.errors import ShapeError
from einsearch.primitives.arguments import Arguments, Kind, Parameter
from einsearch.primitives.base import Layer, Primitive, Signal, register
from einsearch.specs import Bundle, Layout, TensorSpec

OVER = ("batch", "instance", "layer", "group")
MOST_GROUPS = 32


def groups_of(spec: TensorSpec, most: int = MOST_GROUPS) -> int:
    """The largest number of groups up to `most` that divides the features."""
    return next(n for n in range(min(most, spec.features), 0, -1) if spec.features % n == 0)


class MomentPrimitive(Primitive):
    """A moment, broadcast back to the shape of its input."""

    parameters = (Parameter("over", Kind.SYMBOL, symbols=OVER),)

    def infer(self, specs: Bundle, args: Arguments) -> Bundle:
        spec = specs[0]
        if args.over == "instance" and spec.elements == spec.features:
            raise ShapeError("it has one position, so nothing to average within an instance")
        return specs

    def layer(self, specs: Bundle, args: Arguments) -> Layer:
        from einsearch.primitives.kernels.moments import Moment

        spec = specs[0]
        groups = {"group": groups_of(spec), "instance": 1}.get(str(args.over), 1)
        return Layer.module(
            Moment,
            self.name,
            str(args.over),
            spec.features,
            groups=groups,
            channels_first=spec.layout is Layout.IMAGE,
        )

    def _averaged(self, specs: Bundle, args: Arguments) -> int:
        spec = specs[0]
        positions = spec.elements // spec.features
        count = {"layer": spec.elements, "group": spec.elements // groups_of(spec)}
        return count.get(str(args.over), max(positions, 32 if args.over == "batch" else 1))


@register
class Mean(MomentPrimitive):
    """The mean."""

    name = "mean"

    def signal(
        self, specs: Bundle, args: Arguments, incoming: tuple[Signal, ...]
    ) -> tuple[Signal, ...]:
        spread = incoming[0].variance / self._averaged(specs, args)
        return (Signal(incoming[0].mean, spread),)


@register
class Std(MomentPrimitive):
    """The standard deviation."""

    name = "std"

    def signal(
        self, specs: Bundle, args: Arguments, incoming: tuple[Signal, ...]
    ) -> tuple[Signal, ...]:
        variance = incoming[0].variance
        return (Signal((variance + 1e-5) ** 0.5, variance / (2 * self._averaged(specs, args))),)


@register
class RootMeanSquare(MomentPrimitive):
    """The root of the mean square."""

    name = "root_mean_square"

    def signal(
        self, specs: Bundle, args: Arguments, incoming: tuple[Signal, ...]
    ) -> tuple[Signal, ...]:
        square = incoming[0].second_moment
        return (Signal((square + 1e-5) ** 0.5, square / (2 * self._averaged(specs, args))),)
