"""Calls of primitives: arguments, shapes, costs against the limits, the record."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from einsearch.derivation.drawing import draw_all, value_of
from einsearch.derivation.machine import Machine
from einsearch.derivation.state import Excess, Refs
from einsearch.errors import ArgumentError, ShapeError
from einsearch.grammar import expressions as e
from einsearch.primitives.arguments import Arguments
from einsearch.primitives.base import Primitive, cost, infer_or_reason
from einsearch.primitives.program import Call, leaving


def primitive(m: Machine, node: e.PrimitiveCall) -> str | None:
    return draw_all(m, _call, node)


@lru_cache(maxsize=65_536)
def bind_arguments(
    called: Primitive, names: tuple[str, ...], values: tuple[Any, ...], kinds: tuple[type, ...]
) -> Arguments | str:
    """Checked arguments, or what is wrong with them; `kinds`: types of the values."""
    try:
        return called.bind(**dict(zip(names, values, strict=True)))
    except ArgumentError as error:
        return str(error)


@lru_cache(maxsize=16_384)
def constant_arguments(node: e.PrimitiveCall) -> Arguments | str | None:
    """As `bind_arguments`, where all arguments are constants; None where they are not."""
    values = tuple(value.value for _, value in node.arguments if isinstance(value, e.Constant))
    if len(values) < len(node.arguments):
        return None
    names = tuple(name for name, _ in node.arguments)
    return bind_arguments(node.primitive, names, values, tuple(map(type, values)))


def _call(m: Machine, node: e.PrimitiveCall, drawn: tuple[Any, ...]) -> str | None:
    called = node.primitive
    args = constant_arguments(node)
    if args is None:
        try:
            values = tuple([value_of(m, v, node, drawn) for _, v in node.arguments])  # type: ignore[arg-type]
        except ShapeError as error:
            return f"{called.name}: {error}"
        names = tuple([name for name, _ in node.arguments])
        args = bind_arguments(called, names, values, tuple(map(type, values)))
    if isinstance(args, str):
        return f"{called.name}: {args}"
    refs, specs = m.refs, m.specs
    if called.is_source:
        if not set(refs) <= set(m.block.incoming):
            return f"{called.name} stands at the head of an expression only"
        refs = m.block.incoming[:1]
        specs = tuple(m.spec(ref) for ref in refs)
    outputs = infer_or_reason(called, args, specs)
    if isinstance(outputs, str):
        return outputs
    return m.emit(Call(called, args, refs, specs, outputs, m.next_key()), node, drawn)


def emit(m: Machine, call: Call, node: e.PrimitiveCall, drawn: tuple[Any, ...]) -> str | None:
    """Makes a call: counts it, records it, goes on with what it yields."""
    number = len(m.calls)
    reason = _count(m, call)
    if reason is not None:
        return reason
    m.calls.append(call)
    m.events.append(("call", number, node, m.context.environment, drawn, call))
    yield_outputs(m, call, leaving(number, len(call.outputs)))
    return None


def yield_outputs(m: Machine, call: Call, refs: Refs) -> None:
    """Goes on with the tensors that a call yields."""
    if not call.primitive.is_source:
        m.block = m.block.reading(m.refs)
    m.refs = refs
    m.specs = call.outputs


def _count(m: Machine, call: Call) -> str | None:
    """Adds what a call costs; the reason where that breaks a limit or a tie."""
    limits = m.settings.limits
    copies = m.context.copies
    m.nodes += copies
    if limits.nodes is not None and m.nodes > limits.nodes:
        return _over(m, call, Excess("nodes", m.nodes, copies, limits.nodes))
    own = cost(call.primitive, call.args, call.specs)
    parameters = own.parameters
    if m.context.tie is not None:
        first = _first_tied(m, call)
        if first is not None:
            if parameters and (first.specs, first.args) != (call.specs, call.args):
                return f"{call.primitive.name}: tied weights are used at different shapes"
            parameters = 0
    if m.scope is not None:
        return None  # the call that takes the expression counts what its copies cost
    m.parameters += parameters
    m.flops += own.flops
    m.memory += own.memory
    if limits.parameters is limits.flops is limits.activation_memory is None:
        return None
    for name, used, added, most in (
        ("parameters", m.parameters, parameters, limits.parameters),
        ("flops", m.flops, own.flops, limits.flops),
        ("activation_memory", m.memory, own.memory, limits.activation_memory),
    ):
        if most is not None and used > most:
            return _over(m, call, Excess(name, used, added, most))
    return None


def _over(m: Machine, call: Call, excess: Excess) -> str:
    m.excess = excess
    return f"{call.primitive.name}: over the limit on {excess.limit}"


def _first_tied(m: Machine, call: Call) -> Call | None:
    """The earlier call with the same weights. Entries may be left from abandoned draws."""
    first = m.tied.get(call.weights)
    if first is not None and first < len(m.calls) and m.calls[first].weights == call.weights:
        return m.calls[first]
    m.tied[call.weights] = len(m.calls)
    return None
