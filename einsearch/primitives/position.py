"""Where a token or a pixel stands, as something to learn."""

from __future__ import annotations

from einsearch.errors import ShapeError
from einsearch.primitives.arguments import Arguments
from einsearch.primitives.base import Layer, Primitive, Signal, register
from einsearch.primitives.work import Operation, Part, Work, passes, size
from einsearch.specs import Bundle, Layout


@register
class PositionalEncoding(Primitive):
    """Adds one learned value to every element (Dosovitskiy et al., ICLR 2021, eq. 1)."""

    name = "positional_encoding"
    is_causal = True
    is_affine = True
    is_multilinear = True

    def infer(self, specs: Bundle, args: Arguments) -> Bundle:
        if specs[0].layout is Layout.VECTOR:
            raise ShapeError("a vector has no positions")
        return specs

    def layer(self, specs: Bundle, args: Arguments) -> Layer:
        from einsearch.primitives.kernels.sources import PositionalEncoding as Kernel

        return Layer.module(Kernel, *specs[0].shape)

    def work(self, specs: Bundle, outputs: Bundle, args: Arguments) -> Work:
        # Its gradient is a sum over the examples.
        added = passes(Operation.ELEMENTWISE, specs, outputs)
        return Work((added, Part(Operation.REDUCTION, 0.0, size(specs))))

    def weights(self, specs: Bundle, args: Arguments) -> int:
        return specs[0].elements

    def signal(
        self, specs: Bundle, args: Arguments, incoming: tuple[Signal, ...]
    ) -> tuple[Signal, ...]:
        variance = incoming[0].variance + 0.02**2
        moments = Signal(incoming[0].mean, variance, by_inputs=incoming[0].input_variance)
        return (moments.between(incoming[0].low - 0.12, incoming[0].high + 0.12),)
