"""Drawing the values that a call needs before it is made, and the depth it stands at."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from einsearch.derivation.machine import Machine
from einsearch.derivation.state import Context
from einsearch.derivation.values import evaluate, resolve_domain
from einsearch.errors import ShapeError
from einsearch.grammar import expressions as e


def draw_all(m: Machine, then: Any, node: Any, drawn: tuple[Any, ...] = ()) -> str | None:
    """Draws the domains of a node one after the other, then goes on with `then`."""
    position = len(drawn)
    if position == len(node.draws):
        return then(m, node, drawn)  # type: ignore[no-any-return]
    domain = node.draws[position]
    context = m.context
    try:
        draw = resolve_domain(domain, context.environment, m.specs, context.depth)
    except ShapeError as error:
        return f"{context.path.label}: {error}"
    if m.source is None:
        narrowed = m.narrow(node, drawn, draw)
        if isinstance(narrowed, str):
            return narrowed
        draw = narrowed
    return m.choose(draw, domain.label, _drawn, (then, node, drawn))


def _drawn(m: Machine, data: tuple[Any, Any, tuple[Any, ...]], value: Any) -> str | None:
    then, node, drawn = data
    return draw_all(m, then, node, (*drawn, value))


def value_of(m: Machine, value: e.Value, node: Any, drawn: Sequence[Any]) -> Any:
    context = m.context
    return evaluate(value, context.environment, m.specs, context.depth, node.draws, drawn)


def deepen(m: Machine) -> None:
    environment, depth, path, copies, tie = m.context
    depth += 1
    m.context = Context(environment, depth, path, copies, tie)
    if depth > m.deepest:
        m.deepest = depth


def too_deep(m: Machine) -> bool:
    most = m.settings.limits.depth
    return most is not None and m.context.depth > most


def end(m: Machine, _: None) -> None:
    m.events.append(("end",))
