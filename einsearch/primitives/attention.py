"""Self-attention of tokens."""

from __future__ import annotations

import math

from einsearch.errors import ShapeError
from einsearch.primitives.arguments import Arguments, Kind, Parameter
from einsearch.primitives.base import BYTES_PER_ELEMENT, Layer, Primitive, Signal, register
from einsearch.specs import Bundle, Layout


@register
class Attention(Primitive):
    """Multi-head self-attention with learned projections (Vaswani et al., 2017, section 3.2.2)."""

    name = "attention"
    parameters = (Parameter("heads", Kind.INT, 1, minimum=1, maximum=256),)

    def infer(self, specs: Bundle, args: Arguments) -> Bundle:
        spec = specs[0]
        if spec.layout is not Layout.TOKENS:
            raise ShapeError("it needs tokens")
        if spec.features % args.heads:
            raise ShapeError(f"{spec.features} features cannot be shared by {args.heads} heads")
        return specs

    def layer(self, specs: Bundle, args: Arguments) -> Layer:
        from einsearch.primitives.kernels.attention import SelfAttention

        return Layer.module(SelfAttention, specs[0].features, heads=args.heads)

    def weights(self, specs: Bundle, args: Arguments) -> int:
        features = specs[0].features
        return 4 * features * (features + 1)

    def flops(self, specs: Bundle, args: Arguments) -> int:
        length, features = specs[0].shape
        return 8 * length * features**2 + 4 * length**2 * features

    def memory(self, specs: Bundle, outputs: Bundle, args: Arguments) -> int:
        return 5 * BYTES_PER_ELEMENT * specs[0].elements

    def signal(
        self, specs: Bundle, args: Arguments, incoming: tuple[Signal, ...]
    ) -> tuple[Signal, ...]:
        length, features = specs[0].shape
        mean, variance = incoming[0].mean, incoming[0].variance
        offset = 1 / (3 * features)
        # What keys differ in makes the scores differ; log-normal weights then average the values
        # of fewer tokens than there are.
        scores = (incoming[0].second_moment / 3 + offset) * variance / 3
        share = min(math.exp(min(scores, 50.0)) / length, 1.0)
        value = (share * variance + mean**2) / 3 + offset
        return (Signal(0.0, value / 3 + offset),)
