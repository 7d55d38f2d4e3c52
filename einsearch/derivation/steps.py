"""What each kind of expression does to the machine: one function a kind.

A function returns None, or the reason why the expression cannot stand here. Structure is
recorded as events, from which `einsearch.derivation.terms` builds the text.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, Final

from einsearch.derivation.blocks import all_unused, any_tensor, block, tensor_use
from einsearch.derivation.copies import chain, each, repeat, tied
from einsearch.derivation.decisions import Options
from einsearch.derivation.drawing import deepen, too_deep
from einsearch.derivation.machine import Machine
from einsearch.derivation.nested import primitive
from einsearch.derivation.rules import local_use, rule_call
from einsearch.derivation.state import Refs
from einsearch.derivation.values import holds
from einsearch.grammar import expressions as e


def series(m: Machine, node: e.Series) -> str | None:
    _push_rest(m, node, 0)
    m.expression = node.items[0]
    return None


def _push_rest(m: Machine, node: e.Series, done: int) -> None:
    if done + 1 == len(node.items):
        return
    pending = 0
    if m.settings.bounds is not None and m.context.copies:
        context = m.context
        pending = context.copies * m.settings.bounds.after(
            node, done, context.environment, len(m.refs), context.depth
        )
    m.push(_series_next, (node, done + 1), pending)


def _series_next(m: Machine, data: tuple[e.Series, int]) -> None:
    node, position = data
    _push_rest(m, node, position)
    m.expression = node.items[position]


def _incoming_of_parts(m: Machine, node: e.Parallel) -> list[Refs] | None:
    number = len(node.items)
    if len(m.refs) == 1:
        return [m.refs] * number
    if len(m.refs) == number:
        return [(ref,) for ref in m.refs]
    if set(m.refs) <= set(m.block.incoming) and all(map(starts_with_tensor, node.items)):
        return [m.refs] * number
    return None


@lru_cache(maxsize=16_384)
def starts_with_tensor(expression: e.Expression) -> bool:
    """Whether it reads tensors by their names alone, whatever enters it."""
    pending = [expression]
    while pending:
        item = pending.pop()
        if isinstance(item, e.Series):
            pending.append(item.items[0])
        elif isinstance(item, e.Parallel):
            pending.extend(item.items)
        elif isinstance(item, e.PrimitiveCall):
            if not item.primitive.is_source:
                return False
        elif not isinstance(item, (e.TensorUse, e.AnyTensor, e.AllUnused)):
            return False
    return True


def parallel(m: Machine, node: e.Parallel) -> str | None:
    incoming = _incoming_of_parts(m, node)
    if incoming is None:
        return f"{len(node.items)} parallel expressions, but {len(m.refs)} tensors arrive"
    if len(m.refs) == 1 and len(incoming) > 1 and not all(map(starts_with_tensor, node.items)):
        reason = m.clone(len(incoming))
        if reason is not None:
            return reason
    m.events.append(("parallel",))
    deepen(m)
    return _part(m, (node, 0, incoming, ()))


def _part(m: Machine, data: tuple[e.Parallel, int, list[Refs], Refs]) -> str | None:
    node, position, incoming, _ = data
    if too_deep(m):
        return f"{m.context.path.label}: deeper than {m.settings.limits.depth} levels"
    pending = 0
    if m.settings.bounds is not None and m.context.copies:
        context = m.context
        pending = context.copies * sum(
            m.settings.bounds.least(
                item, context.environment, len(incoming[position + 1 + i]), context.depth
            )
            for i, item in enumerate(node.items[position + 1 :])
        )
    m.push(part_done, data, pending)
    m.refs = incoming[position]
    m.specs = tuple(map(m.spec, m.refs))
    m.expression = node.items[position]
    return None


def part_done(m: Machine, data: tuple[e.Parallel, int, list[Refs], Refs]) -> str | None:
    """Takes the outcome of one part; goes on with the next, or with all outcomes."""
    node, position, incoming, outcome = data
    outcome = outcome + m.refs
    if position + 1 < len(node.items):
        reason = m.foresee(outcome)
        if reason is not None:
            return reason
        m.events.append(("next",))
        return _part(m, (node, position + 1, incoming, outcome))
    m.events.append(("end",))
    m.refs = outcome
    m.specs = tuple(map(m.spec, outcome))
    return None


def choice(m: Machine, node: e.Choice) -> str | None:
    context, specs = m.context, m.specs
    open_ones = _unguarded(node)
    if open_ones is None:
        open_ones = tuple(
            [
                number
                for number, alternative in enumerate(node.alternatives)
                if (guard := alternative.guard) is None
                or holds(guard, context.environment, specs, context.depth)
            ]
        )
    probabilities = _probabilities(node, open_ones)
    if not probabilities:
        return f"{context.path.label}: no alternative of {node.label} has its guard fulfilled"
    allowed: Sequence[int] = range(len(open_ones))
    if m.settings.bounds is not None and m.source is None:
        allowed = _within_limits(m, node, open_ones)
        fitting = m.fitting(node, open_ones, allowed)
        if isinstance(fitting, str):
            return fitting
        allowed = fitting
    draw = Options(open_ones, probabilities, allowed, _domain(node))
    return m.choose(draw, node.label, _chosen, node)


@lru_cache(maxsize=16_384)
def _unguarded(node: e.Choice) -> tuple[int, ...] | None:
    """All alternatives; None where some have guards."""
    if any(alternative.guard is not None for alternative in node.alternatives):
        return None
    return tuple(range(len(node.alternatives)))


@lru_cache(maxsize=16_384)
def _probabilities(node: e.Choice, numbers: tuple[int, ...]) -> tuple[float, ...]:
    """Of some alternatives, such that they sum to 1; none where all are 0."""
    probabilities = tuple(node.alternatives[number].probability for number in numbers)
    total = sum(probabilities)
    if total <= 0:
        return ()
    return probabilities if total == 1 else tuple(p / total for p in probabilities)


@lru_cache(maxsize=16_384)
def _domain(node: e.Choice) -> str:
    return f"{node.label}: {len(node.alternatives)}"


def _within_limits(m: Machine, node: e.Choice, values: Sequence[int]) -> Sequence[int]:
    """Positions of the alternatives whose cheapest completion keeps the limits."""
    bounds, context = m.settings.bounds, m.context
    assert bounds is not None
    most = m.settings.limits.nodes
    left = bounds.UNBOUNDED - 1
    if most is not None:
        left = (most - m.nodes - m.pending_nodes) // max(1, context.copies)
    least = bounds.alternatives(node, context.environment, len(m.refs), context.depth)
    return [position for position, value in enumerate(values) if least[value] <= left]


def _chosen(m: Machine, node: e.Choice, value: int) -> None:
    m.expression = node.alternatives[value].body


STEPS: Final[dict[type, Callable[[Machine, Any], str | None]]] = {
    e.PrimitiveCall: primitive,
    e.RuleCall: rule_call,
    e.LocalUse: local_use,
    e.Series: series,
    e.Parallel: parallel,
    e.Each: each,
    e.Repeat: repeat,
    e.Chain: chain,
    e.Tied: tied,
    e.Choice: choice,
    e.Block: block,
    e.TensorUse: tensor_use,
    e.AnyTensor: any_tensor,
    e.AllUnused: all_unused,
}
