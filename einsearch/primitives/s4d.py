"""State spaces that are the same for all tokens: long convolutions."""

from __future__ import annotations

import math

from einsearch.errors import ShapeError
from einsearch.primitives.arguments import Arguments
from einsearch.primitives.base import BYTES_PER_ELEMENT, Layer, Primitive, Signal, register
from einsearch.primitives.scan import (
    DIRECTION,
    STATE,
    check_scanned,
    path_arguments,
    paths_of,
    positions,
)
from einsearch.primitives.work import FLOAT, Operation, Part, Work, size
from einsearch.specs import Bundle


@register
class S4D(Primitive):
    """A diagonal state space for every feature, S4D-Lin (Gu et al., NeurIPS 2022).

    It does not depend on the tokens, so that it is a convolution as long as the sequence, computed
    by a Fourier transform, which FLOPs leave out. `state` is even: conjugate pairs.

    It is causal up to the rounding of that transform, which knows no order: a token changes those
    before it by about a millionth of what it adds to those after it, in single precision.
    """

    name = "s4d"
    parameters = (STATE, DIRECTION)
    is_affine = True
    is_multilinear = True

    def infer(self, specs: Bundle, args: Arguments) -> Bundle:
        check_scanned(specs[0], args)
        if args.state % 2:
            raise ShapeError(f"state is {args.state}, conjugate pairs need an even number")
        return specs

    def layer(self, specs: Bundle, args: Arguments) -> Layer:
        from einsearch.primitives.kernels.s4d import DiagonalStateSpace

        named = path_arguments(specs[0], args)
        return Layer.module(DiagonalStateSpace, specs[0].features, args.state, **named)

    def causal_at(self, specs: Bundle, args: Arguments) -> bool:
        return bool(args.direction == "forward")

    def weights(self, specs: Bundle, args: Arguments) -> int:
        return int(paths_of(args) * specs[0].features * (2 + 2 * args.state))

    def memory(self, specs: Bundle, outputs: Bundle, args: Arguments) -> int:
        # Half of it is the long kernel and its spectrum, the other half what is folded with it.
        return int(BYTES_PER_ELEMENT * paths_of(args) * specs[0].elements * 8)

    def work(self, specs: Bundle, outputs: Bundle, args: Arguments) -> Work:
        length, paths, pairs = positions(specs[0]), paths_of(args), int(args.state) // 2
        whole, features = paths * size(specs), specs[0].features
        # One kernel for all examples: four passes over it for each pair.
        kernel = paths * features * length
        rounds = 2 * length * max(math.log2(2 * length), 1.0)
        transformed = 5 * rounds * paths * features
        made = Part(
            Operation.ELEMENTWISE, 0.0, 12 * FLOAT * pairs * kernel, 40 + 4 * pairs, once=True
        )
        parts = (
            made,
            Part(Operation.FOURIER, 1.5 * transformed, 0.0, once=True),
            Part(Operation.FOURIER, 2 * transformed, 10 * whole, 3),
            Part(Operation.ELEMENTWISE, 0.0, 6 * whole, 4),
            Part(Operation.COPY, 0.0, (4 + 2 * (paths > 1)) * whole, 6 + 2 * paths),
        )
        fixed = FLOAT * kernel * (4 * pairs + 4)
        kept = 6 * whole
        return Work(parts, True, kept=kept, scratch=13 * whole, fixed=fixed)

    def signal(
        self, specs: Bundle, args: Arguments, incoming: tuple[Signal, ...]
    ) -> tuple[Signal, ...]:
        x, paths = incoming[0], paths_of(args)
        alone, shared = _gains(int(args.state), positions(specs[0]))
        fixed = x.fixed_moment
        by_inputs = paths * (x.input_variance * (1 + alone))
        moments = Signal(0.0, by_inputs + paths * fixed * (1 + shared), by_inputs=by_inputs)
        reach = 6 * paths**0.5 * x.farthest * (1 + max(alone, shared) ** 0.5 * 3)
        return (moments.between(-reach, reach),)


def _gains(state: int, length: int) -> tuple[float, float]:
    """Mean squared weight of a convolution: sums of squares of one kernel, and squares of sums.

    Averages over the tokens, step sizes and C, whose two parts have a variance of 1/2 each.
    """
    alone = shared = 0.0
    for place in range(8):
        step = 1e-3 * math.exp(math.log(1e2) * (place + 0.5) / 8)
        for n in range(state // 2):
            rate = complex(-0.5, math.pi * n)
            ratio = math.e ** (step * rate)
            held = abs((ratio - 1) / rate) ** 2
            for t in range(16):
                seen = length * (t + 0.5) / 16 + 0.5
                decay = abs(ratio) ** 2
                alone += held * (1 - decay**seen) / (1 - decay)
                shared += held * abs((1 - ratio**seen) / (1 - ratio)) ** 2
    # 2 Re(C k) with C of variance 1/2 in each part has 2 |k|^2 on average.
    return 2 * alone / 128, 2 * shared / 128
