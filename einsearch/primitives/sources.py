"""Sources: tensors that do not come from the network's input, shaped like the block's `in`."""

from __future__ import annotations

from einsearch.primitives.arguments import Arguments, Kind, Parameter
from einsearch.primitives.base import Layer, Primitive, Signal, register
from einsearch.primitives.work import Operation, Part, Work, size
from einsearch.specs import Bundle, Layout


@register
class Constant(Primitive):
    """One value everywhere."""

    name = "constant"
    is_causal = True
    parameters = (Parameter("value", Kind.NUMBER),)
    ignores_input = True
    is_source = True
    is_affine = True
    is_multilinear = True

    def infer(self, specs: Bundle, args: Arguments) -> Bundle:
        return specs

    def layer(self, specs: Bundle, args: Arguments) -> Layer:
        import torch

        return Layer.function(torch.full_like, float(args.value))

    def work(self, specs: Bundle, outputs: Bundle, args: Arguments) -> Work:
        return Work((Part(Operation.ELEMENTWISE, 0.0, size(outputs)),))

    def signal(
        self, specs: Bundle, args: Arguments, incoming: tuple[Signal, ...]
    ) -> tuple[Signal, ...]:
        return (Signal(float(args.value), 0.0),)

    def memory(self, specs: Bundle, outputs: Bundle, args: Arguments) -> int:
        return 0


@register
class LearnedParameter(Primitive):
    """One trainable value a channel (feature), broadcast over batch and positions."""

    name = "parameter"
    is_causal = True
    parameters = (Parameter("init", Kind.NUMBER),)
    ignores_input = True
    is_source = True
    is_affine = True
    is_multilinear = True

    def infer(self, specs: Bundle, args: Arguments) -> Bundle:
        return specs

    def layer(self, specs: Bundle, args: Arguments) -> Layer:
        from einsearch.primitives.kernels.sources import LearnedValue

        first = specs[0].layout is Layout.IMAGE
        return Layer.module(
            LearnedValue, specs[0].features, init=float(args.init), channels_first=first
        )

    def work(self, specs: Bundle, outputs: Bundle, args: Arguments) -> Work:
        # A view of its values; its gradient is a sum over examples and positions.
        return Work((Part(Operation.VIEW), Part(Operation.REDUCTION, 0.0, size(outputs))))

    def weights(self, specs: Bundle, args: Arguments) -> int:
        return specs[0].features

    def signal(
        self, specs: Bundle, args: Arguments, incoming: tuple[Signal, ...]
    ) -> tuple[Signal, ...]:
        return (Signal(float(args.init), 0.0),)
