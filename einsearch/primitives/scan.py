"""Selective state spaces: recurrences along the tokens whose weights the tokens themselves set."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, Final

from einsearch.errors import ShapeError
from einsearch.primitives.arguments import Arguments, Kind, Parameter, Symbol
from einsearch.primitives.base import BYTES_PER_ELEMENT, Layer, Primitive, Signal, register
from einsearch.primitives.work import FLOAT, Operation, Part, Work, size
from einsearch.specs import Bundle, Layout, TensorSpec

DIRECTIONS: Final = ("forward", "backward", "bidirectional", "cross")
DIRECTION: Final = Parameter("direction", Kind.SYMBOL, Symbol("forward"), symbols=DIRECTIONS)
STATE: Final = Parameter("state", Kind.INT, minimum=1, maximum=4096)

CHUNK: Final = 16
"""Tokens after which a state is kept for the backward pass: the fewest, as in large batches."""

STEPS: Final = (1e-3, 1e-1)
"""Step sizes at initialisation are log-uniform between these."""

_POINTS: Final = 8
"""Of the midpoint rule over step sizes."""

REACH: Final = 216.0
"""Products of three normal tensors, each within six deviations, stay within so many."""


def positions(spec: TensorSpec) -> int:
    """Tokens of a sequence, pixels of an image."""
    return spec.elements // spec.features


def paths_of(args: Arguments) -> int:
    """How many orders a direction goes through."""
    return {"bidirectional": 2, "cross": 4}.get(args.direction, 1)


def check_scanned(spec: TensorSpec, args: Arguments) -> None:
    """Raises ShapeError where there is no sequence in that direction."""
    if spec.layout is Layout.VECTOR:
        raise ShapeError("it needs tokens or an image")
    if args.direction == "cross" and spec.layout is Layout.TOKENS and spec.grid is None:
        raise ShapeError(
            "direction=cross needs an image, or tokens that come from one in their order"
        )


def path_arguments(spec: TensorSpec, args: Arguments) -> dict[str, Any]:
    """What a kernel needs to know of a direction; nothing that depends on the length but cross."""
    if args.direction == "forward":
        return {}
    named: dict[str, Any] = {"direction": str(args.direction)}
    if args.direction == "cross":
        named["grid"] = spec.shape[1:] if spec.layout is Layout.IMAGE else spec.grid
    return named


def initial_steps(raw: float, variance: float) -> Iterator[tuple[float, float]]:
    """Step sizes at initialisation with their weights, what is added to their offset being normal.

    Args:
        raw: mean of what is added before the softplus.
        variance: variance of it.
    """
    ratio = math.log(STEPS[1] / STEPS[0])
    for place in range(_POINTS):
        step = STEPS[0] * math.exp(ratio * (place + 0.5) / _POINTS)
        offset = step + math.log(-math.expm1(-step))
        for node, weight in ((-(3**0.5), 1 / 6), (0.0, 2 / 3), (3**0.5, 1 / 6)):
            moved = offset + raw + node * variance**0.5
            softplus = max(moved, 0.0) + math.log1p(math.exp(-abs(moved)))
            yield softplus, weight / _POINTS


def geometric_sums(kept: float, length: int) -> tuple[float, float]:
    """Averages over t of (sum_k kept^k)^2 and of sum_k kept^(2k), k from 0 to t < length."""
    alone = squared = coherent = power = 0.0
    term = 1.0
    for _ in range(min(length, 64)):
        power += term
        squared += term * term
        coherent += power * power
        alone += squared
        term *= kept
    count = min(length, 64)
    if length > count:
        coherent += (length - count) * power * power
        alone += (length - count) * squared
    return coherent / length, alone / length


@register
class SelectiveScan(Primitive):
    """The selective state space S6 of Mamba (Gu and Dao, 2023, algorithm 2).

    Every feature has `state` numbers of its own, which decay from token to token by exp(step * A)
    and take in step * B * x; C reads them, and x itself is added, scaled. Step, B and C are linear
    in the token. Of images the tokens are the pixels, row by row.

    `bidirectional` adds the scan from the end, `cross` the four scans over rows and columns from
    either end (VMamba: Liu et al., NeurIPS 2024); each has weights of its own.
    """

    name = "selective_scan"
    parameters = (STATE, DIRECTION)

    def infer(self, specs: Bundle, args: Arguments) -> Bundle:
        check_scanned(specs[0], args)
        return specs

    def layer(self, specs: Bundle, args: Arguments) -> Layer:
        from einsearch.primitives.kernels.scan import SelectiveScan as Kernel

        spec = specs[0]
        named = path_arguments(spec, args)
        return Layer.module(Kernel, spec.features, args.state, self.rank(spec), **named)

    def rank(self, spec: TensorSpec) -> int:
        """Features that steps are made from: a sixteenth of the width of a block that doubles."""
        return -(-spec.features // 32)

    def causal_at(self, specs: Bundle, args: Arguments) -> bool:
        return bool(args.direction == "forward")

    def weights(self, specs: Bundle, args: Arguments) -> int:
        features, rank = specs[0].features, self.rank(specs[0])
        one = features * (rank + 2 * args.state) + features * (rank + 1) + features * args.state
        return int(paths_of(args) * (one + features))

    def flops(self, specs: Bundle, args: Arguments) -> int:
        features, rank = specs[0].features, self.rank(specs[0])
        one = features * (rank + 2 * args.state) + features * rank + features * args.state
        return int(2 * paths_of(args) * positions(specs[0]) * one)

    def memory(self, specs: Bundle, outputs: Bundle, args: Arguments) -> int:
        features, length = specs[0].features, positions(specs[0])
        token = 5 * features + 2 * (self.rank(specs[0]) + 2 * args.state)
        starts = -(-length // CHUNK) * features * args.state
        return int(BYTES_PER_ELEMENT * paths_of(args) * (length * token + starts))

    def work(self, specs: Bundle, outputs: Bundle, args: Arguments) -> Work:
        length, features, paths = positions(specs[0]), specs[0].features, paths_of(args)
        rank, state = self.rank(specs[0]), int(args.state)
        whole, wide = paths * size(specs), rank + 2 * state
        flops = 2 * paths * length * features * (wide + rank)
        states = paths * features * state
        parts = (
            Part(Operation.MATRIX, flops, 3 * whole, 2 * paths, width=wide, rows=length),
            Part(Operation.FUNCTION, paths * length * features, 2 * whole, 1),
            Part(Operation.ELEMENTWISE, 0.0, 12 * whole, 10),
            Part(Operation.COPY, 0.0, (4 + 2 * (paths > 1)) * whole, 6 + 3 * paths),
            Part(Operation.SCAN, length * states, 0.0, length + 8 * -(-length // CHUNK)),
        )
        kept = 0.75 * self.memory(specs, outputs, args)
        return Work(parts, True, kept=kept, scratch=3 * FLOAT * CHUNK * states + 10 * whole)

    def signal(
        self, specs: Bundle, args: Arguments, incoming: tuple[Signal, ...]
    ) -> tuple[Signal, ...]:
        x, length, features = incoming[0], positions(specs[0]), specs[0].features
        square = x.second_moment
        # B and C are drawn with a variance of 1/(3 features). What all tokens share adds up.
        shared = x.fixed_moment**2 / 3 + square**2 / (3 * features)
        alone = max(square**2 / 3 - shared, 0.0)
        # Two products of few features each are mostly near 0: what few far ones add is left out.
        moved = square / 9 * features / (features + 2)
        total = steady = 0.0
        for step, weight in initial_steps(0.0, moved):
            for rate in range(1, int(args.state) + 1):
                coherent, single = geometric_sums(math.exp(-step * rate), length)
                total += weight * step**2 * (coherent * shared + single * alone) * square / 3
                steady += weight * step**2 * coherent * x.fixed_moment**3 / 9
        return (scanned(x, 1.0, total, max(total - steady, 0.0), paths_of(args)),)


def scanned(x: Signal, mean: float, total: float, by_inputs: float, paths: int) -> Signal:
    """Moments of the sum over paths of x, scaled by 1, and of what each scan adds.

    Args:
        x: what enters.
        mean: of the outcome by that of x, for one path.
        total: variance of what one scan adds.
        by_inputs: the part of it that inputs make.
        paths: how many there are.
    """
    moments = Signal(
        paths * x.mean * mean,
        paths**2 * x.variance + paths * total,
        by_inputs=paths**2 * x.input_variance + paths * by_inputs,
    )
    reach = paths * REACH * total**0.5
    return moments.between(paths * x.low - reach, paths * x.high + reach)
