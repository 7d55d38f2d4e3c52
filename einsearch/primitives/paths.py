"""One sequence in several orders: tokens turned or shuffled, and a gate that weighs the outcomes.

With weights that are `tied`, `(m, reverse >> m >> reverse) >> gated_sum` sends one sequence through
one module along two paths; `grammars/blocks/mamba.ein` has a block of three.
"""

from __future__ import annotations

from einsearch.errors import ShapeError
from einsearch.primitives.arguments import Arguments, Kind, Parameter
from einsearch.primitives.base import MANY, Layer, Primitive, Signal, register
from einsearch.primitives.combine import common_spec
from einsearch.primitives.routing import Routing
from einsearch.primitives.work import Operation, Part, Work, passes, size
from einsearch.specs import Bundle, Layout


@register
class Reverse(Routing):
    """The tokens from the last to the first; of tokens of an image, that turned by 180 degrees."""

    name = "reverse"

    def infer(self, specs: Bundle, args: Arguments) -> Bundle:
        if specs[0].layout is not Layout.TOKENS:
            raise ShapeError("it needs tokens")
        return specs

    def layer(self, specs: Bundle, args: Arguments) -> Layer:
        from einsearch.primitives.kernels.paths import reverse

        return Layer.function(reverse)

    def work(self, specs: Bundle, outputs: Bundle, args: Arguments) -> Work:
        return Work((passes(Operation.COPY, specs, outputs),))


@register
class Shuffle(Routing):
    """The tokens in a random order that stays the same; `inverse` brings them back.

    The order depends on `seed` and the length alone, so that answers are the same in every run.
    Tokens of an image keep its grid, so that what is brought back is an image again.
    """

    name = "shuffle"
    parameters = (
        Parameter("seed", Kind.INT, 0, minimum=0, maximum=1_000_000),
        Parameter("inverse", Kind.BOOL, False),
    )

    def infer(self, specs: Bundle, args: Arguments) -> Bundle:
        if specs[0].layout is not Layout.TOKENS:
            raise ShapeError("it needs tokens")
        return specs

    def layer(self, specs: Bundle, args: Arguments) -> Layer:
        from einsearch.primitives.kernels.paths import shuffle

        return Layer.function(shuffle, args.seed, inverse=args.inverse)

    def work(self, specs: Bundle, outputs: Bundle, args: Arguments) -> Work:
        order = Part(Operation.INDEX, 0.0, 200.0 * specs[0].shape[0], 8, once=True)
        return Work((passes(Operation.INDEX, specs, outputs), order))


@register
class GatedSum(Primitive):
    """Sum of tensors weighed by the input: RSMamba's gate (Chen et al., IEEE GRSL 2024).

    A linear map of the averages of all tensors over their positions makes one number for each; a
    softmax over these numbers weighs them.
    """

    name = "gated_sum"
    arity = (2, MANY)

    def infer(self, specs: Bundle, args: Arguments) -> Bundle:
        return (common_spec(specs),)

    def layer(self, specs: Bundle, args: Arguments) -> Layer:
        from einsearch.primitives.kernels.paths import GatedSum as Kernel

        spec = specs[0]
        return Layer.module(Kernel, spec.features, len(specs), spec.feature_axis + 1)

    def weights(self, specs: Bundle, args: Arguments) -> int:
        return specs[0].features * len(specs) ** 2

    def flops(self, specs: Bundle, args: Arguments) -> int:
        return 2 * specs[0].features * len(specs) ** 2

    def work(self, specs: Bundle, outputs: Bundle, args: Arguments) -> Work:
        count, elements = len(specs), sum(spec.elements for spec in specs)
        parts = (
            Part(Operation.REDUCTION, 2 * elements, 2 * size(specs), 1 + count),
            Part(Operation.MATRIX, self.flops(specs, args), 0.0, width=count, rows=1),
            Part(Operation.ELEMENTWISE, 0.0, 2 * size(specs), 2 + count),
            Part(Operation.COPY, 0.0, 2 * size(specs), 2),
        )
        return Work(parts, True, kept=0.0, scratch=2 * size(specs))

    def signal(
        self, specs: Bundle, args: Arguments, incoming: tuple[Signal, ...]
    ) -> tuple[Signal, ...]:
        count, places = len(incoming), specs[0].elements // specs[0].features
        mean = sum(s.mean for s in incoming) / count
        # Of the numbers that the softmax takes: weights have a variance of 1/(3 count features).
        averages = [s.fixed_moment + s.input_variance / places for s in incoming]
        uneven = sum(averages) / (3 * count) * (1 - 1 / count)
        share = min((1 + uneven) / count, 1.0) / count
        apart = sum((s.mean - mean) ** 2 for s in incoming)
        moments = Signal(
            mean,
            share * sum(s.variance for s in incoming) + (share - 1 / count**2) * apart,
            by_inputs=share * sum(s.input_variance for s in incoming),
        )
        return (moments.between(min(s.low for s in incoming), max(s.high for s in incoming)),)
