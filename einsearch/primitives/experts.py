"""Mixtures of experts: of many copies of an expression a few run, chosen by the input."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from einsearch.errors import ShapeError
from einsearch.primitives.arguments import Arguments, Kind, Parameter, Symbol
from einsearch.primitives.base import BYTES_PER_ELEMENT, Layer, Primitive, Signal, register
from einsearch.primitives.causality import first_acausal
from einsearch.primitives.program import Program
from einsearch.primitives.work import Operation, Part, Work, repeated, size
from einsearch.specs import Bundle, Layout, TensorSpec, describe, tokens, vector

ROUTES: Final = ("position", "example")


def single(expression: Program) -> TensorSpec:
    """Spec of the one tensor that leaves an expression. Raises ShapeError."""
    if len(expression.output) != 1:
        raise ShapeError(
            f"its expression makes {describe(expression.output)}, one tensor is needed"
        )
    return expression.output[0]


def check_entering(expression: Program, entering: Bundle) -> None:
    """Raises ShapeError where an expression was derived on other tensors."""
    if expression.input != entering:
        found, expected = describe(expression.input), describe(entering)
        raise ShapeError(f"its expression stands on {found}, what enters it is {expected}")


def check_batch_statistics(expression: Program) -> None:
    """Raises ShapeError where batch norm may get one value a feature, which it cannot take."""
    for call in expression.calls:
        spec = call.specs[0]
        if spec.elements == spec.features and call.primitive.mixes_batch(call.specs, call.args):
            raise ShapeError(
                f"{call.primitive.name} of its expression needs several examples, "
                "and only one may be sent there"
            )


def works_of(expression: Program) -> list[Work]:
    """What the calls of an expression do, for one of what enters it."""
    return [c.primitive.work(c.specs, c.outputs, c.args) for c in expression.calls]


@register
class Experts(Primitive):
    """A mixture of experts: of `count` copies of an expression the `active` highest rated run.

    A learned linear router rates the copies, which have weights of their own; a softmax over the
    ratings of the active ones weighs what they make (Shazeer et al., ICLR 2017, section 2.1). With
    `route=position` every token or pixel chooses for itself, so that the expression sees one
    position, as a vector. With `route=example` every example chooses by the average of its
    positions, and the expression sees the whole tensor. `active` may be changed after training.
    """

    name = "experts"
    parameters = (
        Parameter(
            "expression",
            Kind.EXPRESSION,
            examples=("linear(4) >> gelu", "conv2d(4, 3)", "linear(features, axis=last)"),
            copies="count",
        ),
        Parameter("count", Kind.INT, minimum=1, maximum=256),
        Parameter("active", Kind.INT, minimum=1, maximum=256),
        Parameter("route", Kind.SYMBOL, Symbol("position"), symbols=ROUTES),
    )
    is_conditional = True
    scales_expression = True

    def within(self, specs: Bundle, values: Mapping[str, Any]) -> Bundle:
        if values["active"] > values["count"]:
            raise ShapeError(f"of {values['count']} experts {values['active']} cannot be active")
        if values["route"] == "example":
            return specs
        return (vector(specs[0].features),)

    def infer(self, specs: Bundle, args: Arguments) -> Bundle:
        spec, inner = specs[0], args.expression
        check_entering(inner, self.within(specs, args))
        made = single(inner)
        if args.count > 1 and not inner.cost.parameters:
            raise ShapeError("its expression has no weights, so that all experts would be the same")
        check_batch_statistics(inner)
        if args.route == "example" or spec.layout is Layout.VECTOR:
            return (made,)
        if made.layout is not Layout.VECTOR:
            raise ShapeError(f"its expression makes {made} of a position, a vector is needed")
        if spec.layout is Layout.TOKENS:
            return (tokens(spec.shape[0], made.features, spec.grid),)
        return (TensorSpec(Layout.IMAGE, (made.features, *spec.shape[1:])),)

    def affine_at(self, specs: Bundle, args: Arguments) -> bool:
        inner = args.expression.calls
        return bool(args.count == 1 and all(c.primitive.affine_at(c.specs, c.args) for c in inner))

    def layer(self, specs: Bundle, args: Arguments) -> Layer:
        from einsearch.primitives.kernels.experts import ExampleExperts, PositionExperts

        spec = specs[0]
        sizes = (args.expression, spec.features, args.count, args.active)
        if args.route == "example":
            positions = tuple(n + 1 for n in range(spec.rank) if n != spec.feature_axis)
            return Layer.module(ExampleExperts, *sizes, position_axes=positions)
        return Layer.module(PositionExperts, *sizes, feature_axis=spec.feature_axis + 1)

    def causal_at(self, specs: Bundle, args: Arguments) -> bool:
        if args.route == "position":
            return True
        # An example is routed by the average of its tokens, unless there is no choice.
        return bool(args.count == 1) and first_acausal(args.expression) is None

    def choosers(self, specs: Bundle, args: Arguments) -> int:
        """How many choices are made for one example."""
        return 1 if args.route == "example" else specs[0].elements // specs[0].features

    def weights(self, specs: Bundle, args: Arguments) -> int:
        router = specs[0].features * args.count if args.count > 1 else 0
        return int(router + args.count * args.expression.cost.parameters)

    def flops(self, specs: Bundle, args: Arguments) -> int:
        router = 2 * specs[0].features * args.count if args.count > 1 else 0
        one = router + args.active * args.expression.cost.flops
        return int(self.choosers(specs, args) * one)

    def memory(self, specs: Bundle, outputs: Bundle, args: Arguments) -> int:
        inner = args.expression
        entering = sum(spec.elements for spec in inner.input)
        leaving = sum(spec.elements for spec in inner.output)
        kept = inner.cost.memory + BYTES_PER_ELEMENT * (entering + leaving)
        ratings = 2 * BYTES_PER_ELEMENT * args.count
        return int(self.choosers(specs, args) * (args.active * kept + ratings))

    def work(self, specs: Bundle, outputs: Bundle, args: Arguments) -> Work:
        choosers, active, count = self.choosers(specs, args), int(args.active), int(args.count)
        inner = works_of(args.expression)
        parts = [p for work in inner for p in repeated(work, choosers * active, count)]
        moved = choosers * active * (size(args.expression.input) + 3 * size(args.expression.output))
        if count > 1:
            router = 2 * choosers * specs[0].features * count
            rows = Part(Operation.INDEX, 0.0, 2 * moved, 6 + 6 * count)
            rated = Part(Operation.MATRIX, router, size(specs), width=count, rows=choosers)
            parts += [rated, rows, Part(Operation.SOFTMAX, choosers * (count + 16.0), 0.0, 2)]
        kept = self.memory(specs, outputs, args) + choosers * active * sum(w.kept for w in inner)
        return Work(tuple(parts), True, kept=kept, scratch=moved)

    def signal(
        self, specs: Bundle, args: Arguments, incoming: tuple[Signal, ...]
    ) -> tuple[Signal, ...]:
        made = args.expression.signals(incoming)[0]
        # Ratings hardly differ at initialisation: each of the active ones weighs the same.
        return (Signal(made.mean, made.variance / args.active).between(made.low, made.high),)
