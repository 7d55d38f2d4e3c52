"""Linear maps along one axis."""

from __future__ import annotations

import math

from einsearch.primitives.arguments import Arguments, Kind, Parameter, Symbol
from einsearch.primitives.base import Layer, Primitive, Signal, register, resolve_axis
from einsearch.primitives.signals import DEVIATIONS
from einsearch.primitives.work import Operation, Part, Work, passes, size
from einsearch.specs import Bundle, Layout, TensorSpec


def default_initialised(fan_in: int, incoming: Signal, bias: bool) -> Signal:
    """Moments behind a linear map with PyTorch's default initialisation.

    Weights and bias are uniform on +-1/sqrt(fan_in): their variance is 1/(3 fan_in).
    """
    offset = 1 / (3 * fan_in) if bias else 0.0
    variance = incoming.second_moment / 3 + offset
    # Of many terms the sum is normal, but for what a single far one adds.
    term = incoming.farthest / fan_in**0.5
    reach = min(math.hypot(DEVIATIONS * variance**0.5, term), fan_in * term + 3 * offset**0.5)
    moments = Signal(0.0, variance, by_inputs=incoming.input_variance / 3)
    return moments.between(-reach, reach)


@register
class Linear(Primitive):
    """A learned linear map of the feature axis (channels of an image), or of another axis."""

    name = "linear"
    parameters = (
        Parameter("features", Kind.INT, minimum=1, maximum=2**20),
        Parameter("axis", Kind.AXIS, Symbol("features")),
        Parameter("bias", Kind.BOOL, True),
    )
    is_affine = True
    is_multilinear = True

    def infer(self, specs: Bundle, args: Arguments) -> Bundle:
        spec = specs[0]
        axis = resolve_axis(spec, args.axis)
        shape = (*spec.shape[:axis], args.features, *spec.shape[axis + 1 :])
        keeps_grid = spec.layout is Layout.TOKENS and axis == 1
        return (TensorSpec(spec.layout, shape, spec.grid if keeps_grid else None),)

    def layer(self, specs: Bundle, args: Arguments) -> Layer:
        from torch import nn

        from einsearch.primitives.kernels.linear import AxisLinear

        spec = specs[0]
        axis = resolve_axis(spec, args.axis)
        size = spec.shape[axis]
        if axis == spec.rank - 1:
            return Layer.module(nn.Linear, size, args.features, bias=args.bias)
        if spec.layout is Layout.IMAGE and axis == 0:
            return Layer.module(nn.Conv2d, size, args.features, 1, bias=args.bias)
        return Layer.module(AxisLinear, size, args.features, axis=axis + 1, bias=args.bias)

    def work(self, specs: Bundle, outputs: Bundle, args: Arguments) -> Work:
        spec = specs[0]
        axis = resolve_axis(spec, args.axis)
        entering, flops = spec.shape[axis], self.flops(specs, args)
        width, moved = min(entering, args.features), size(specs) + size(outputs)
        if spec.layout is Layout.IMAGE and axis == 0:
            part = Part(Operation.CONVOLUTION, flops, moved, width=width)
            return Work((part,), keeps_inputs=True, scratch=2 * moved)
        rows = spec.elements / entering
        mapped = Part(Operation.MATRIX, flops, moved, width=width, rows=rows)
        if axis == spec.rank - 1:
            return Work((mapped,), keeps_inputs=True)
        turned = passes(Operation.COPY, specs, specs)
        offset = passes(Operation.ELEMENTWISE, outputs, outputs)
        return Work((mapped, turned, offset), kept=size(specs), turns=True)

    def weights(self, specs: Bundle, args: Arguments) -> int:
        size = specs[0].shape[resolve_axis(specs[0], args.axis)]
        return int(args.features) * (size + int(args.bias))

    def causal_at(self, specs: Bundle, args: Arguments) -> bool:
        return resolve_axis(specs[0], args.axis) == specs[0].feature_axis

    def flops(self, specs: Bundle, args: Arguments) -> int:
        return 2 * specs[0].elements * int(args.features)

    def signal(
        self, specs: Bundle, args: Arguments, incoming: tuple[Signal, ...]
    ) -> tuple[Signal, ...]:
        size = specs[0].shape[resolve_axis(specs[0], args.axis)]
        return (default_initialised(size, incoming[0], args.bias),)
