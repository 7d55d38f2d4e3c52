"""Expressions that primitives take: each is derived once, as a network of its own.

Its calls are a program among the arguments of the primitive's call. Nodes count for every copy
that the primitive makes, depth grows by one level. Weights that are tied inside are shared within
each copy and nowhere else; a block outside cannot be seen from inside.
"""

from __future__ import annotations

from typing import Any

from einsearch.derivation import calls
from einsearch.derivation.drawing import deepen, draw_all, too_deep, value_of
from einsearch.derivation.machine import Machine
from einsearch.derivation.state import BlockState, Opening
from einsearch.errors import ArgumentError, ShapeError
from einsearch.grammar import expressions as e
from einsearch.primitives.arguments import Arguments, Kind
from einsearch.primitives.base import expressions_of, infer_or_reason
from einsearch.primitives.program import Call


def primitive(m: Machine, node: e.PrimitiveCall) -> str | None:
    if not expressions_of(type(node.primitive)):
        return calls.primitive(m, node)
    return draw_all(m, _begin, node)


def _begin(m: Machine, node: e.PrimitiveCall, drawn: tuple[Any, ...]) -> str | None:
    try:
        given = _given(m, node, drawn)
    except (ShapeError, ArgumentError) as error:
        return f"{node.primitive.name}: {error}"
    return _next(m, Opening(node, drawn, given, m.refs, m.specs, m.block, ()))


def _given(m: Machine, node: e.PrimitiveCall, drawn: tuple[Any, ...]) -> Arguments:
    """Checked arguments but the expressions, defaults filled in."""
    written = dict(node.arguments)
    parameters = [p for p in node.primitive.parameters if p.kind is not Kind.EXPRESSION]
    values = tuple(
        p.accept(value_of(m, written[p.name], node, drawn))  # type: ignore[arg-type]
        if p.name in written
        else p.default
        for p in parameters
    )
    return Arguments(tuple(p.name for p in parameters), values)


def _next(m: Machine, opening: Opening) -> str | None:
    """Derives the next expression; makes the call where all are derived."""
    called = opening.node.primitive
    parameters = expressions_of(type(called))[len(opening.done) :]
    if not parameters:
        return m.complete(opening)
    fewest, most = called.arity
    if not fewest <= len(opening.refs) <= most:
        return f"{called.name} cannot take {len(opening.refs)} tensors"
    try:
        entering = called.within(opening.specs, opening.given)
    except ShapeError as error:
        return f"{called.name}: {error}"
    m.push(_derived, opening, _pending(m, opening))
    context = m.context
    name, copies = parameters[0].name, parameters[0].copies
    times = opening.given[copies] if copies else 1
    m.context = context._replace(copies=context.copies * times, tie=None)
    deepen(m)
    if too_deep(m):
        return f"{context.path.label}: deeper than {m.settings.limits.depth} levels"
    reason = m.open(opening, entering)
    if reason is not None:
        return reason
    m.specs = entering
    m.block = BlockState(m.refs, (("in", m.refs[0] if len(m.refs) == 1 else None),), frozenset())
    m.expression = dict(opening.node.arguments)[name]  # type: ignore[assignment]
    return None


def _pending(m: Machine, opening: Opening) -> int:
    """Least nodes still to come: the call, and its expressions behind the next one."""
    bounds, context = m.settings.bounds, m.context
    if bounds is None:
        return 0
    least = 1
    written = dict(opening.node.arguments)
    for p in expressions_of(type(opening.node.primitive))[len(opening.done) + 1 :]:
        body: Any = written[p.name]
        own = bounds.least(body, context.environment, 1, context.depth + 1)
        least += own * (opening.given[p.copies] if p.copies else 1)
    return context.copies * least


def _derived(m: Machine, opening: Opening) -> str | None:
    outcome = m.close(opening)
    m.refs, m.specs, m.block = opening.refs, opening.specs, opening.block
    return _next(m, opening._replace(done=(*opening.done, outcome)))


def call_with(m: Machine, opening: Opening) -> str | None:
    """Makes a call whose expressions have come to programs."""
    called = opening.node.primitive
    values = {**opening.given}
    for parameter, program in zip(expressions_of(type(called)), opening.done, strict=True):
        values[parameter.name] = program
    names = tuple(parameter.name for parameter in called.parameters)
    args = Arguments(names, tuple(values[name] for name in names))
    outputs = infer_or_reason(called, args, opening.specs)
    if isinstance(outputs, str):
        return outputs
    call = Call(called, args, opening.refs, opening.specs, outputs, m.next_key())
    return m.emit(call, opening.node, opening.drawn)
