"""Linear attention: in proportion to the length, never a score for each pair of tokens."""

from __future__ import annotations

from typing import Final

from einsearch.primitives.arguments import Arguments
from einsearch.primitives.attention import (
    CAUSAL,
    HEADS,
    averaged_values,
    check_heads,
    inverse_count,
    projected,
)
from einsearch.primitives.base import BYTES_PER_ELEMENT, Layer, Primitive, Signal, register
from einsearch.primitives.work import Operation, Part, Work, size
from einsearch.specs import Bundle

CHUNK: Final = 32
"""Tokens that are compared in pairs, where it is causal."""


@register
class LinearAttention(Primitive):
    """Attention with elu(x) + 1 in the place of the softmax (Katharopoulos et al., ICML 2020).

    Weights are products of these positive features of query and key, so that sums over all keys
    are made once; `causal`, once for each chunk of 32 tokens, as running sums.
    """

    name = "linear_attention"
    parameters = (HEADS, CAUSAL)

    def infer(self, specs: Bundle, args: Arguments) -> Bundle:
        check_heads(specs, args)
        return specs

    def layer(self, specs: Bundle, args: Arguments) -> Layer:
        from einsearch.primitives.kernels.linear_attention import LinearAttention as Kernel

        named = {"causal": True} if args.causal else {}
        return Layer.module(Kernel, specs[0].features, heads=args.heads, **named)

    def causal_at(self, specs: Bundle, args: Arguments) -> bool:
        return bool(args.causal)

    def _chunks(self, specs: Bundle) -> tuple[int, int]:
        """How many chunks there are, and their size."""
        size = min(CHUNK, specs[0].shape[0])
        return -(-specs[0].shape[0] // size), size

    def weights(self, specs: Bundle, args: Arguments) -> int:
        features = specs[0].features
        return 4 * features * (features + 1)

    def flops(self, specs: Bundle, args: Arguments) -> int:
        length, features = specs[0].shape
        each = features // int(args.heads)
        projections, sums = 8 * length * features**2, 4 * features * (each + 1)
        if not args.causal:
            return projections + length * sums
        chunks, size = self._chunks(specs)
        pairs = 2 * size * (features + features + int(args.heads))
        return projections + chunks * size * (pairs + (sums if chunks > 1 else 0))

    def memory(self, specs: Bundle, outputs: Bundle, args: Arguments) -> int:
        length, features = specs[0].shape
        heads = int(args.heads)
        each = features // heads
        kept = 10 * features + 3 * heads
        sums = features * (each + 1)
        if not args.causal:
            return BYTES_PER_ELEMENT * (length * kept + sums)
        chunks, size = self._chunks(specs)
        pairs = chunks * size**2 * heads
        return BYTES_PER_ELEMENT * (length * kept + pairs + (chunks > 1) * chunks * sums)

    def work(self, specs: Bundle, outputs: Bundle, args: Arguments) -> Work:
        length, features = specs[0].shape
        flops = self.flops(specs, args) - 8 * length * features**2
        passed, calls = (14, 18) if args.causal else (8, 12)
        parts = (
            projected(specs, 2 * features),
            Part(Operation.BATCHED, flops, 6 * size(specs), 4, width=features // args.heads),
            Part(Operation.FUNCTION, 2 * specs[0].elements, 4 * size(specs), 2),
            Part(Operation.ELEMENTWISE, 0.0, 2 * passed * size(specs), calls),
        )
        kept = self.memory(specs, outputs, args) - size(outputs)
        return Work(parts, True, kept=kept, scratch=7 * size(specs))

    def signal(
        self, specs: Bundle, args: Arguments, incoming: tuple[Signal, ...]
    ) -> tuple[Signal, ...]:
        length, features = specs[0].shape
        # Spread of the positive features over their mean; several of them average it out.
        spread = min(incoming[0].variance / 3, 2.0)
        peak = 1 + spread * (1 + spread) / (features // int(args.heads))
        share = inverse_count(length, args.causal, 0, peak)
        return (averaged_values(incoming[0], features, share, args.causal),)
