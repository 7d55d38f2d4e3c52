"""Sparse modular activation: a module runs only on the tokens that ask for it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from einsearch.errors import ShapeError
from einsearch.primitives.arguments import Arguments, Kind, Parameter
from einsearch.primitives.base import BYTES_PER_ELEMENT, Layer, Primitive, Signal, register
from einsearch.primitives.causality import first_acausal
from einsearch.primitives.experts import (
    check_batch_statistics,
    check_entering,
    single,
    works_of,
)
from einsearch.primitives.work import Operation, Part, Work, repeated, size
from einsearch.specs import Bundle, Layout, tokens

ACTIVE: Final = 0.5
"""Part of the tokens that a router activates at first."""


@register
class SparseModularActivation(Primitive):
    """Adds p * expression to the tokens that a router activates; the others stay as they are.

    The router's two logits go through a softmax of learned temperature; a token is active where
    the second is larger, and p is its probability (SeqBoat: Ren et al., NeurIPS 2023). The active
    tokens of an example, in order, are all that the expression sees: a shorter sequence. So it
    must take any length.

    FLOPs and memory are counted as if every token were active.
    """

    name = "sparse_modular_activation"
    parameters = (
        Parameter(
            "expression",
            Kind.EXPRESSION,
            examples=("linear(features) >> gelu", "attention >> tanh", "linear(features)"),
        ),
    )
    is_conditional = True

    def within(self, specs: Bundle, values: Mapping[str, Any]) -> Bundle:
        if specs[0].layout is not Layout.TOKENS:
            raise ShapeError("it needs tokens")
        return (specs[0].without_grid(),)

    def infer(self, specs: Bundle, args: Arguments) -> Bundle:
        inner = args.expression
        check_entering(inner, self.within(specs, args))
        length, features = specs[0].shape
        for number in sorted({length, 1, 2, 3}):
            spec = tokens(number, features)
            try:
                shorter = inner if number == length else inner.on((spec,))
            except ShapeError as error:
                raise ShapeError(f"its expression cannot take {spec}: {error}") from None
            if single(shorter).without_grid() is not spec:
                raise ShapeError(f"its expression makes {shorter.output[0]} of {spec}")
            if shorter.cost.parameters != inner.cost.parameters:
                raise ShapeError("the weights of its expression depend on the length")
            check_batch_statistics(shorter)
        return specs

    def layer(self, specs: Bundle, args: Arguments) -> Layer:
        from einsearch.primitives.kernels.sparse import SparseActivation

        return Layer.module(SparseActivation, args.expression, specs[0].features)

    def causal_at(self, specs: Bundle, args: Arguments) -> bool:
        # Every token activates itself, and active ones stay in their order.
        return first_acausal(args.expression) is None

    def weights(self, specs: Bundle, args: Arguments) -> int:
        return int(args.expression.cost.parameters) + 2 * (specs[0].features + 1) + 1

    def flops(self, specs: Bundle, args: Arguments) -> int:
        return 4 * specs[0].elements + int(args.expression.cost.flops)

    def memory(self, specs: Bundle, outputs: Bundle, args: Arguments) -> int:
        own = BYTES_PER_ELEMENT * (2 * specs[0].elements + 4 * specs[0].shape[0])
        return own + int(args.expression.cost.memory)

    def work(self, specs: Bundle, outputs: Bundle, args: Arguments) -> Work:
        length = specs[0].shape[0]
        # Half of the tokens are active, and each number of them that occurs is run by itself.
        numbers = min(length, 1 + 2 * round(length**0.5))
        inner = works_of(args.expression)
        parts = [p for work in inner for p in repeated(work, ACTIVE, numbers)]
        router = Part(Operation.MATRIX, 4 * specs[0].elements, size(specs), width=2, rows=length)
        rows = Part(Operation.INDEX, 0.0, 5 * size(specs), 12 + 6 * numbers)
        parts += [router, rows, Part(Operation.SOFTMAX, 18.0 * length, 0.0, 4)]
        kept = self.memory(specs, outputs, args) + sum(w.kept for w in inner)
        return Work(tuple(parts), True, kept=kept, scratch=2 * size(specs))

    def signal(
        self, specs: Bundle, args: Arguments, incoming: tuple[Signal, ...]
    ) -> tuple[Signal, ...]:
        made = args.expression.signals(incoming)[0]
        # At initialisation half of the tokens are active, with a probability near 1/2.
        mean = made.mean / 4
        variance = made.second_moment / 8 - mean**2
        moments = Signal(incoming[0].mean + mean, incoming[0].variance + variance)
        low, high = incoming[0].low + min(made.low, 0.0), incoming[0].high + max(made.high, 0.0)
        return (moments.between(low, high),)
