"""Codes as vectors: how characters, words or classes enter a network."""

from __future__ import annotations

from einsearch.errors import ShapeError
from einsearch.primitives.arguments import Arguments, Kind, Parameter
from einsearch.primitives.base import Layer, Primitive, Signal, register
from einsearch.primitives.work import Operation, Part, Work, size
from einsearch.specs import Bundle, Layout, TensorSpec, image, vector


@register
class Embed(Primitive):
    """A learned vector for each code (Bengio et al., JMLR 2003): one number in, `features` out.

    Codes are whole numbers from 0, as floats; the nearest of 0 ... `count` - 1 is taken. No
    gradient goes on to what made them.
    """

    name = "embed"
    parameters = (
        Parameter("features", Kind.INT, minimum=1, maximum=2**20),
        Parameter("count", Kind.INT, 256, minimum=1, maximum=2**20),
    )
    is_causal = True
    stops_gradient = True

    def codes(self, args: Arguments) -> int:
        return int(args.count)

    def infer(self, specs: Bundle, args: Arguments) -> Bundle:
        spec, features = specs[0], int(args.features)
        if spec.features != 1:
            raise ShapeError(f"codes have one feature, and there are {spec.features}")
        if spec.layout is Layout.TOKENS:
            return (TensorSpec(Layout.TOKENS, (spec.shape[0], features), spec.grid),)
        if spec.layout is Layout.IMAGE:
            return (image(features, *spec.shape[1:]),)
        return (vector(features),)

    def layer(self, specs: Bundle, args: Arguments) -> Layer:
        from einsearch.primitives.kernels.embed import Embedding

        axis = 1 + specs[0].feature_axis
        return Layer.module(Embedding, args.count, args.features, feature_axis=axis)

    def work(self, specs: Bundle, outputs: Bundle, args: Arguments) -> Work:
        codes = Part(Operation.ELEMENTWISE, 0.0, 8 * size(specs), 3)
        # Its gradient is a table as large as all codes.
        rows = Part(Operation.INDEX, 0.0, 2 * size(outputs), 1)
        table = Part(Operation.ELEMENTWISE, 0.0, 8.0 * args.count * args.features, once=True)
        return Work((codes, rows, table), kept=2 * size(specs))

    def weights(self, specs: Bundle, args: Arguments) -> int:
        return int(args.count * args.features)

    def signal(
        self, specs: Bundle, args: Arguments, incoming: tuple[Signal, ...]
    ) -> tuple[Signal, ...]:
        return (Signal(0.0, 1.0, by_inputs=1 - 1 / args.count),)
