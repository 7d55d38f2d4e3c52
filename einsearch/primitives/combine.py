"""Several tensors into one."""

from __future__ import annotations

import math
from dataclasses import replace

from einsearch.errors import ShapeError
from einsearch.primitives.arguments import Arguments, Kind, Parameter
from einsearch.primitives.base import MANY, Layer, Primitive, Signal, register, resolve_axis
from einsearch.primitives.signals import DEVIATIONS
from einsearch.primitives.work import Operation, Part, Work, passes, size
from einsearch.specs import Bundle, Layout, TensorSpec, describe


def common_spec(specs: Bundle) -> TensorSpec:
    """The spec that all share; a grid is kept only where all have the same.

    Raises:
        ShapeError: they differ in layout or shape.
    """
    first = specs[0]
    if all(spec is first for spec in specs):
        return first
    if any((spec.layout, spec.shape) != (first.layout, first.shape) for spec in specs):
        raise ShapeError(f"they must have one shape, got {describe(specs)}")
    return first.without_grid()


class Join(Primitive):
    """Combines tensors of one shape element by element."""

    arity = (1, MANY)
    commutative = True
    is_associative = True
    is_causal = True

    def infer(self, specs: Bundle, args: Arguments) -> Bundle:
        return (common_spec(specs),)


def _pairs(specs: Bundle, outputs: Bundle) -> Part:
    """Tensors joined one after the other."""
    count = max(1, len(specs) - 1)
    elements = count * outputs[0].elements
    return Part(Operation.ELEMENTWISE, elements, count * 3 * size(outputs), calls=count)


@register
class Add(Join):
    """Sum."""

    name = "add"
    keeps_zero = True
    is_affine = True
    is_multilinear = True

    def layer(self, specs: Bundle, args: Arguments) -> Layer:
        import torch

        from einsearch.primitives.kernels.combine import add

        return Layer.function(torch.add if len(specs) == 2 else add)

    def work(self, specs: Bundle, outputs: Bundle, args: Arguments) -> Work:
        return Work((_pairs(specs, outputs),), scratch=size(outputs) * (len(specs) > 2))

    def signal(
        self, specs: Bundle, args: Arguments, incoming: tuple[Signal, ...]
    ) -> tuple[Signal, ...]:
        moments = Signal(
            sum(s.mean for s in incoming),
            sum(s.variance for s in incoming),
            by_inputs=sum(s.input_variance for s in incoming),
        )
        return (moments.between(sum(s.low for s in incoming), sum(s.high for s in incoming)),)


@register
class Mul(Join):
    """Product."""

    name = "mul"
    keeps_zero = True
    is_multilinear = True

    def layer(self, specs: Bundle, args: Arguments) -> Layer:
        import torch

        from einsearch.primitives.kernels.combine import mul

        return Layer.function(torch.mul if len(specs) == 2 else mul)

    def work(self, specs: Bundle, outputs: Bundle, args: Arguments) -> Work:
        between = max(0, len(specs) - 2) * size(outputs)
        return Work((_pairs(specs, outputs),), keeps_inputs=True, kept=between)

    def signal(
        self, specs: Bundle, args: Arguments, incoming: tuple[Signal, ...]
    ) -> tuple[Signal, ...]:
        mean = math.prod(s.mean for s in incoming)
        square = math.prod(s.second_moment for s in incoming)
        ends = incoming[0].low, incoming[0].high
        for signal in incoming[1:]:
            products = [end * other for end in ends for other in (signal.low, signal.high)]
            ends = min(products), max(products)
        by_inputs = max(square - math.prod(s.fixed_moment for s in incoming), 0.0)
        moments = Signal(mean, max(square - mean**2, 0.0), by_inputs=by_inputs)
        return (moments.between(*ends),)


@register
class Maximum(Join):
    """Largest."""

    name = "maximum"
    keeps_zero = True

    def layer(self, specs: Bundle, args: Arguments) -> Layer:
        import torch

        from einsearch.primitives.kernels.combine import maximum

        return Layer.function(torch.maximum if len(specs) == 2 else maximum)

    def work(self, specs: Bundle, outputs: Bundle, args: Arguments) -> Work:
        between = max(0, len(specs) - 2) * size(outputs)
        # Its gradient compares the tensors again, and shares out where they are equal.
        part = replace(_pairs(specs, outputs), back=10.0)
        return Work((part,), keeps_inputs=True, kept=between, scratch=2 * size(outputs))

    def signal(
        self, specs: Bundle, args: Arguments, incoming: tuple[Signal, ...]
    ) -> tuple[Signal, ...]:
        largest = incoming[0]
        for signal in incoming[1:]:
            largest = _larger_of(largest, signal)
        return (largest.between(max(s.low for s in incoming), max(s.high for s in incoming)),)


def _larger_of(left: Signal, right: Signal) -> Signal:
    """Moments of the larger of two independent normal variables (Clark, 1961)."""
    spread = math.sqrt(left.variance + right.variance)
    if spread == 0:
        return left if left.mean >= right.mean else right
    gap = (left.mean - right.mean) / spread
    density = math.exp(-(gap**2) / 2) / math.sqrt(2 * math.pi)
    below = 0.5 * (1 + math.erf(gap / math.sqrt(2)))
    mean = left.mean * below + right.mean * (1 - below) + spread * density
    square = (
        left.second_moment * below
        + right.second_moment * (1 - below)
        + (left.mean + right.mean) * spread * density
    )
    return Signal(mean, max(square - mean**2, 0.0))


@register
class Concat(Primitive):
    """Joins tensors along an axis; the other axes must agree."""

    name = "concat"
    keeps_zero = True
    parameters = (Parameter("axis", Kind.AXIS),)
    arity = (1, MANY)
    is_associative = True
    is_affine = True
    is_multilinear = True

    def infer(self, specs: Bundle, args: Arguments) -> Bundle:
        first = specs[0]
        axis = resolve_axis(first, args.axis)
        rests = {(spec.layout, spec.shape[:axis], spec.shape[axis + 1 :]) for spec in specs}
        if len(rests) > 1:
            raise ShapeError(f"they must agree in every axis but {axis}, got {describe(specs)}")
        if len(specs) == 1:
            return specs
        total = sum(spec.shape[axis] for spec in specs)
        shape = (*first.shape[:axis], total, *first.shape[axis + 1 :])
        keeps_grid = first.layout is Layout.TOKENS and axis == 1
        grid = first.grid if keeps_grid and len({s.grid for s in specs}) == 1 else None
        return (TensorSpec(first.layout, shape, grid),)

    def layer(self, specs: Bundle, args: Arguments) -> Layer:
        from einsearch.primitives.kernels.combine import concat

        return Layer.function(concat, dim=1 + resolve_axis(specs[0], args.axis))

    def work(self, specs: Bundle, outputs: Bundle, args: Arguments) -> Work:
        return Work((passes(Operation.COPY, specs, outputs, calls=(1 + len(specs)) / 2),))

    def causal_at(self, specs: Bundle, args: Arguments) -> bool:
        return len(specs) == 1 or resolve_axis(specs[0], args.axis) == specs[0].feature_axis

    def signal(
        self, specs: Bundle, args: Arguments, incoming: tuple[Signal, ...]
    ) -> tuple[Signal, ...]:
        total = sum(spec.elements for spec in specs)
        shares = [spec.elements / total for spec in specs]
        mean = sum(w * s.mean for w, s in zip(shares, incoming, strict=True))
        square = sum(w * s.second_moment for w, s in zip(shares, incoming, strict=True))
        ends = [end for signal in incoming for end in (signal.low, signal.high)]
        by_inputs = sum(w * s.input_variance for w, s in zip(shares, incoming, strict=True))
        moments = Signal(mean, max(square - mean**2, 0.0), by_inputs=by_inputs)
        return (moments.between(*ends),)


@register
class MatMul(Primitive):
    """Matrix product of two tokens, or of two images channel by channel.

    `scaled` divides by the root of the contracted size (Vaswani et al., 2017, eq. 1).
    """

    name = "matmul"
    keeps_zero = True
    parameters = (Parameter("scaled", Kind.BOOL, False),)
    arity = (2, 2)
    is_multilinear = True

    def infer(self, specs: Bundle, args: Arguments) -> Bundle:
        left, right = specs
        if left.layout is not right.layout or left.layout is Layout.VECTOR:
            raise ShapeError("it needs two tokens or two images")
        if left.shape[:-2] != right.shape[:-2]:
            raise ShapeError("the images must have the same channels")
        if left.shape[-1] != right.shape[-2]:
            raise ShapeError(
                f"the last axis of the first is {left.shape[-1]}, "
                f"the one before the last of the second {right.shape[-2]}; they must be equal"
            )
        return (TensorSpec(left.layout, (*left.shape[:-1], right.shape[-1])),)

    def layer(self, specs: Bundle, args: Arguments) -> Layer:
        import torch

        from einsearch.primitives.kernels.combine import scaled_matmul

        return Layer.function(scaled_matmul if args.scaled else torch.matmul)

    def work(self, specs: Bundle, outputs: Bundle, args: Arguments) -> Work:
        left, right = specs
        moved = size(specs) + size(outputs)
        sizes = (*left.shape[-2:], right.shape[-1])
        parts = [Part(Operation.BATCHED, self.flops(specs, args), moved, width=min(sizes))]
        if args.scaled:
            parts.append(passes(Operation.ELEMENTWISE, outputs, outputs))
        return Work(tuple(parts), keeps_inputs=True, scratch=size(outputs) * args.scaled)

    def flops(self, specs: Bundle, args: Arguments) -> int:
        left, right = specs
        return 2 * left.elements * right.shape[-1]

    def signal(
        self, specs: Bundle, args: Arguments, incoming: tuple[Signal, ...]
    ) -> tuple[Signal, ...]:
        left, right = incoming
        size = specs[0].shape[-1]
        mean = left.mean * right.mean
        variance = size * max(left.second_moment * right.second_moment - mean**2, 0.0)
        scale = size**-0.5 if args.scaled else 1.0
        squares = left.second_moment * right.second_moment
        by_inputs = size * max(squares - left.fixed_moment * right.fixed_moment, 0.0)
        moments = Signal(size * mean * scale, variance * scale**2, by_inputs=by_inputs * scale**2)
        term = left.farthest * right.farthest * scale
        reach = min(math.hypot(DEVIATIONS * moments.variance**0.5, term), size * term)
        return (moments.between(moments.mean - reach, moments.mean + reach),)
