"""Numbers as vectors: how the columns of a table enter a network one by one."""

from __future__ import annotations

import math

from einsearch.errors import ShapeError
from einsearch.primitives.arguments import Arguments, Kind, Parameter
from einsearch.primitives.base import Layer, Primitive, Signal, register
from einsearch.primitives.signals import DEVIATIONS
from einsearch.primitives.work import Operation, Part, Work, passes, size
from einsearch.specs import Bundle, Layout, tokens


def _as_tokens(specs: Bundle, features: int) -> Bundle:
    """A token for every number of a vector."""
    if specs[0].layout is not Layout.VECTOR:
        raise ShapeError("it needs a vector")
    return (tokens(specs[0].features, features),)


@register
class EmbedNumbers(Primitive):
    """Every number x of a vector becomes a token x w + b with w and b of its own.

    The feature tokenizer of FT-Transformer (Gorishniy et al., NeurIPS 2021).
    """

    name = "embed_numbers"
    parameters = (Parameter("features", Kind.INT, minimum=1, maximum=2**20),)
    is_affine = True
    is_multilinear = True

    def infer(self, specs: Bundle, args: Arguments) -> Bundle:
        return _as_tokens(specs, args.features)

    def layer(self, specs: Bundle, args: Arguments) -> Layer:
        from einsearch.primitives.kernels.numbers import NumberEmbedding

        return Layer.module(NumberEmbedding, specs[0].features, args.features)

    def weights(self, specs: Bundle, args: Arguments) -> int:
        return 2 * specs[0].features * int(args.features)

    def work(self, specs: Bundle, outputs: Bundle, args: Arguments) -> Work:
        made = passes(Operation.ELEMENTWISE, specs, outputs, calls=2, times=2)
        summed = Part(Operation.REDUCTION, outputs[0].elements, size(outputs))
        return Work((made, summed), keeps_inputs=True, scratch=size(outputs))

    def signal(
        self, specs: Bundle, args: Arguments, incoming: tuple[Signal, ...]
    ) -> tuple[Signal, ...]:
        each = 1 / (3 * args.features)
        moments = Signal(
            0.0,
            each * (incoming[0].second_moment + 1),
            by_inputs=each * incoming[0].input_variance,
        )
        reach = (incoming[0].farthest + 1) / args.features**0.5
        return (moments.between(-reach, reach),)


@register
class Periodic(Primitive):
    """Every number x of a vector becomes a token of cos(2 pi c x) and sin(2 pi c x).

    Frequencies c are trained, `frequencies` of them for each number, and begin normal with the
    deviation `scale` (Gorishniy et al., NeurIPS 2022). A linear map and a ReLU behind it make PLR.
    """

    name = "periodic"
    parameters = (
        Parameter("frequencies", Kind.INT, minimum=1, maximum=2**16),
        Parameter("scale", Kind.NUMBER, 0.1, minimum=1e-4, maximum=1e3),
    )

    def infer(self, specs: Bundle, args: Arguments) -> Bundle:
        return _as_tokens(specs, 2 * args.frequencies)

    def layer(self, specs: Bundle, args: Arguments) -> Layer:
        from einsearch.primitives.kernels.numbers import PeriodicEmbedding

        return Layer.module(
            PeriodicEmbedding, specs[0].features, args.frequencies, float(args.scale)
        )

    def weights(self, specs: Bundle, args: Arguments) -> int:
        return specs[0].features * int(args.frequencies)

    def work(self, specs: Bundle, outputs: Bundle, args: Arguments) -> Work:
        angles = passes(Operation.FUNCTION, specs, outputs, calls=3)
        joined = passes(Operation.COPY, outputs, outputs)
        return Work((angles, joined), True, kept=size(outputs), scratch=2 * size(outputs))

    def signal(
        self, specs: Bundle, args: Arguments, incoming: tuple[Signal, ...]
    ) -> tuple[Signal, ...]:
        # E cos(2 pi c x) for normal c and x that are independent; sines have mean 0.
        square = (2 * math.pi * args.scale) ** 2
        x = incoming[0]
        wide = 1 + square * x.variance
        cosine = math.exp(-square * x.mean**2 / (2 * wide)) / math.sqrt(wide)
        mean = cosine / 2
        by_inputs = (1 - 1 / math.sqrt(1 + 2 * square * x.input_variance)) / 2
        variance = 0.5 - mean**2
        moments = Signal(mean, variance, by_inputs=min(by_inputs, variance))
        most = min(2 * math.pi * DEVIATIONS * args.scale * x.farthest, 1.0)
        return (moments.between(math.cos(most * math.pi), -most, 1.0),)
