"""Self-attention of tokens: among all of them, or those near by; by any number of heads."""

from __future__ import annotations

import math
from typing import Any

from einsearch.errors import ShapeError
from einsearch.primitives.arguments import Arguments, Kind, Parameter
from einsearch.primitives.base import BYTES_PER_ELEMENT, Layer, Primitive, Signal, register
from einsearch.primitives.signals import DEVIATIONS
from einsearch.primitives.work import FLOAT, Operation, Part, Work, size
from einsearch.specs import Bundle, Layout

HEADS = Parameter("heads", Kind.INT, 1, minimum=1, maximum=256)
CAUSAL = Parameter("causal", Kind.BOOL, False)


def check_heads(specs: Bundle, args: Arguments) -> None:
    """Raises ShapeError where the heads cannot share the features of tokens."""
    if specs[0].layout is not Layout.TOKENS:
        raise ShapeError("it needs tokens")
    if specs[0].features % args.heads:
        raise ShapeError(f"{specs[0].features} features cannot be shared by {args.heads} heads")


def projected(specs: Bundle, features: float) -> Part:
    """The maps to queries, keys and values, and that of the outcome: 2 `features` in all."""
    spec = specs[0]
    flops = 4 * spec.elements * features
    return Part(
        Operation.MATRIX, flops, 6 * size(specs), 2, width=spec.features, rows=spec.shape[0]
    )


def inverse_count(length: int, causal: bool, window: int, peak: float) -> float:
    """Mean over the tokens of min(peak / number of tokens seen, 1).

    It is the sum of squared weights where `peak` is the mean square of a weight over the square of
    the mean: 1 for an average.
    """
    window = min(window or length, length)
    if not causal:
        return min(peak / min(2 * window - 1, length), 1.0)
    # The first tokens see fewer; those that see no more than `peak` count in full.
    few = min(max(int(peak), 1), window)
    harmonic = math.log((window + 0.5) / (few + 0.5))
    early = few + peak * harmonic
    return (early + (length - window) * min(peak / window, 1.0)) / length


def averaged_values(incoming: Signal, features: int, share: float, causal: bool) -> Signal:
    """Moments behind projections of values and outcomes, with an average of tokens between them.

    Args:
        share: sum of the squared weights of the average, as a mean over the tokens.
        causal: whether the first token sees itself alone.
    """
    offset = 1 / (3 * features)

    def variance(share: float) -> float:
        value = (share * incoming.variance + incoming.mean**2) / 3 + offset
        return value / 3 + offset

    made = Signal(0.0, variance(share))
    reach = DEVIATIONS * variance(1.0) ** 0.5
    return made.between(-reach, reach) if causal else made


@register
class Attention(Primitive):
    """Multi-head self-attention with learned projections (Vaswani et al., 2017, section 3.2.2).

    `causal`: no token sees a later one. `groups`: heads of keys and values, each for as many heads
    of queries (Ainslie et al., EMNLP 2023); 0 means one for each head, 1 is multi-query attention.
    `window`: a token sees that many, itself included, and as many on the other side unless causal
    (Beltagy et al., 2020, section 3.1); 0 means all. `rotary`: queries and keys are turned by
    their place, so that scores know distances (Su et al., 2021).
    """

    name = "attention"
    parameters = (
        HEADS,
        CAUSAL,
        Parameter("groups", Kind.INT, 0, minimum=0, maximum=256),
        Parameter("window", Kind.INT, 0, minimum=0, maximum=2**20),
        Parameter("rotary", Kind.BOOL, False),
    )

    def infer(self, specs: Bundle, args: Arguments) -> Bundle:
        check_heads(specs, args)
        if args.groups and args.heads % args.groups:
            raise ShapeError(f"{args.heads} heads cannot be shared by {args.groups} groups")
        each = specs[0].features // args.heads
        if args.rotary and each % 2:
            raise ShapeError(f"rotary turns pairs of features, and a head has {each}")
        return specs

    def layer(self, specs: Bundle, args: Arguments) -> Layer:
        from einsearch.primitives.kernels.attention import SelfAttention

        named: dict[str, Any] = {"heads": args.heads}
        named |= {
            name: args[name] for name in ("causal", "groups", "window", "rotary") if args[name]
        }
        return Layer.module(SelfAttention, specs[0].features, **named)

    def causal_at(self, specs: Bundle, args: Arguments) -> bool:
        return bool(args.causal or args.window == 1)

    def _shared(self, specs: Bundle, args: Arguments) -> int:
        """Features of all keys of a token."""
        return int(specs[0].features // args.heads * (args.groups or args.heads))

    def _seen(self, specs: Bundle, args: Arguments) -> tuple[int, int]:
        """Queries that are computed, padding included, and keys that each is compared with."""
        length, window = specs[0].shape[0], int(args.window)
        spans = 2 if args.causal else 3
        if not window or spans * window >= length:
            return length, length
        return -(-length // window) * window, spans * window

    def weights(self, specs: Bundle, args: Arguments) -> int:
        features, shared = specs[0].features, self._shared(specs, args)
        return 2 * (features + 1) * (features + shared)

    def flops(self, specs: Bundle, args: Arguments) -> int:
        length, features = specs[0].shape
        projections = 4 * length * features * (features + self._shared(specs, args))
        queries, keys = self._seen(specs, args)
        return projections + 4 * queries * keys * features

    def memory(self, specs: Bundle, outputs: Bundle, args: Arguments) -> int:
        length, features = specs[0].shape
        shared = self._shared(specs, args)
        kept = 3 * features + 2 * shared
        if args.rotary:
            kept += features + shared
        if shared < features:
            kept += 2 * features
        if self._seen(specs, args)[1] < length:
            kept += 2 * features
        return BYTES_PER_ELEMENT * length * kept

    def work(self, specs: Bundle, outputs: Bundle, args: Arguments) -> Work:
        length, features = specs[0].shape
        queries, keys = self._seen(specs, args)
        projections = projected(specs, features + self._shared(specs, args))
        flops = 4 * queries * keys * features
        # Softmax and scores of a block stay in cache; they cost more than the products.
        scores = Part(Operation.SOFTMAX, queries * keys * int(args.heads))
        met = Part(Operation.BATCHED, flops, 4 * size(specs), 2)
        moved = 4.0 + 24 * (keys < length) + 24 * bool(args.rotary)
        moved += 4 * (args.groups not in (0, args.heads))
        copies = Part(Operation.COPY, 0.0, moved * size(specs), calls=moved)
        kept = self.memory(specs, outputs, args) - size(outputs)
        scratch = 5 * size(specs)
        if keys < length:
            scratch += FLOAT * queries * keys * int(args.heads)
        return Work((projections, met, scores, copies), True, kept=kept, scratch=scratch)

    def signal(
        self, specs: Bundle, args: Arguments, incoming: tuple[Signal, ...]
    ) -> tuple[Signal, ...]:
        length, features = specs[0].shape
        # What keys differ in makes the scores differ; log-normal weights then average the values
        # of fewer tokens than there are.
        offset = 1 / (3 * features)
        scores = (incoming[0].second_moment / 3 + offset) * incoming[0].variance / 3
        peak = math.exp(min(scores, 50.0))
        share = inverse_count(length, args.causal, args.window, peak)
        return (averaged_values(incoming[0], features, share, args.causal),)
