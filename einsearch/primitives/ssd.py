"""State space duality: the recurrence of Mamba-2, as products of matrices."""

from __future__ import annotations

import math
from typing import Final

from einsearch.errors import ShapeError
from einsearch.primitives.arguments import Arguments
from einsearch.primitives.base import BYTES_PER_ELEMENT, Layer, Primitive, Signal, register
from einsearch.primitives.scan import (
    DIRECTION,
    REACH,
    STATE,
    check_scanned,
    geometric_sums,
    initial_steps,
    path_arguments,
    paths_of,
    positions,
)
from einsearch.primitives.work import FLOAT, Operation, Part, Work, size
from einsearch.specs import Bundle, Layout, TensorSpec

CHUNK: Final = 32
"""Tokens that are one product of matrices."""

_RATES: Final = (2.875, 6.625, 10.375, 14.125)
"""Midpoints of the rates at initialisation, uniform between 1 and 16."""


@register
class Ssd(Primitive):
    """The state space of Mamba-2 (Dao and Gu, ICML 2024, section 6): every head has one rate.

    Takes two tensors: [x, B, C], whose last 2 * `state` features are B and C of every token, and
    one feature a head, from which the size of its step is made. The features of x are shared out
    to the heads; x itself is added, scaled. `grammars/blocks/mamba.ein` makes the block of it.
    """

    name = "ssd"
    parameters = (STATE, DIRECTION)
    arity = (2, 2)

    def infer(self, specs: Bundle, args: Arguments) -> Bundle:
        packed, steps = specs
        check_scanned(packed, args)
        if steps.layout is not packed.layout or positions(steps) != positions(packed):
            raise ShapeError("both tensors must have the same positions")
        if packed.layout is Layout.IMAGE and packed.shape[1:] != steps.shape[1:]:
            raise ShapeError("both tensors must have the same positions")
        width = packed.features - 2 * args.state
        if width < 1:
            raise ShapeError(
                f"of {packed.features} features {2 * args.state} are B and C, which leaves none"
            )
        if width % steps.features:
            raise ShapeError(f"{width} features cannot be shared by {steps.features} heads")
        if packed.layout is Layout.IMAGE:
            return (TensorSpec(Layout.IMAGE, (width, *packed.shape[1:])),)
        return (TensorSpec(Layout.TOKENS, (packed.shape[0], width), packed.grid),)

    def layer(self, specs: Bundle, args: Arguments) -> Layer:
        from einsearch.primitives.kernels.ssd import StateSpaceDual

        named = path_arguments(specs[0], args)
        return Layer.module(StateSpaceDual, specs[1].features, args.state, **named)

    def causal_at(self, specs: Bundle, args: Arguments) -> bool:
        return bool(args.direction == "forward")

    def weights(self, specs: Bundle, args: Arguments) -> int:
        return 3 * paths_of(args) * specs[1].features

    def _chunks(self, specs: Bundle) -> tuple[int, int]:
        """How many chunks there are, and their size."""
        size = min(CHUNK, positions(specs[0]))
        return -(-positions(specs[0]) // size), size

    def flops(self, specs: Bundle, args: Arguments) -> int:
        chunks, size = self._chunks(specs)
        width = specs[0].features - 2 * args.state
        one = size**2 * (args.state + width) + 2 * size * args.state * width
        return int(2 * paths_of(args) * chunks * one)

    def memory(self, specs: Bundle, outputs: Bundle, args: Arguments) -> int:
        chunks, size = self._chunks(specs)
        heads, width = specs[1].features, specs[0].features - 2 * args.state
        token = 3 * width + 2 * args.state * (1 + heads) + 4 * heads + 3 * size * heads
        return int(
            BYTES_PER_ELEMENT * paths_of(args) * chunks * (size * token + 3 * args.state * width)
        )

    def work(self, specs: Bundle, outputs: Bundle, args: Arguments) -> Work:
        chunks, one = self._chunks(specs)
        paths, heads = paths_of(args), specs[1].features
        whole, pairs = paths * size(specs), paths * chunks * heads * one**2
        width = min(int(args.state), (specs[0].features - 2 * args.state) // heads)
        moved = 6 * FLOAT * pairs + 4 * whole
        parts = (
            Part(Operation.BATCHED, self.flops(specs, args), moved, 4, width=width),
            Part(Operation.FUNCTION, pairs, 2 * FLOAT * pairs, 4),
            Part(Operation.ELEMENTWISE, 0.0, 8 * FLOAT * pairs + 8 * whole, 14 + 3 * chunks),
            Part(Operation.COPY, 0.0, (8 + 2 * (paths > 1)) * whole, 16 + 3 * paths),
        )
        kept = self.memory(specs, outputs, args)
        return Work(parts, True, kept=kept, scratch=2 * FLOAT * pairs + 9 * whole)

    def signal(
        self, specs: Bundle, args: Arguments, incoming: tuple[Signal, ...]
    ) -> tuple[Signal, ...]:
        x, raw = incoming
        length, state, paths = positions(specs[0]), int(args.state), paths_of(args)
        square, centre = x.second_moment, x.mean**2
        # Products of two tokens' C and B: the second moment for one pair, and what pairs share.
        pair = state * square**2 + state * (state - 1) * centre**2
        shared = (state * square * centre + state * (state - 1) * centre**2) * centre
        mean = power = 0.0
        for step, weight in initial_steps(raw.mean, raw.variance):
            for rate in _RATES:
                coherent, alone = geometric_sums(math.exp(-step * rate), length)
                share = weight * step**2 / len(_RATES)
                mean += weight * step / len(_RATES) * coherent**0.5 * state * x.mean * centre
                power += share * (coherent * shared + alone * max(pair * square - shared, 0.0))
        variance = max(power - mean**2, 0.0)
        moments = Signal(paths * (x.mean + mean), paths**2 * x.variance + paths * variance)
        reach = paths * REACH * power**0.5
        return (moments.between(paths * x.low - reach, paths * x.high + reach),)
