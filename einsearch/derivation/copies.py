"""Copies of one derivation (`each`, `repeat`), chains of several, and shared weights."""

from __future__ import annotations

from typing import Any

from einsearch.derivation import splicing
from einsearch.derivation.drawing import (
    deepen,
    draw_all,
    end,
    too_deep,
    value_of,
)
from einsearch.derivation.machine import Machine
from einsearch.derivation.state import Origin, Refs, Tie
from einsearch.errors import ShapeError
from einsearch.grammar import expressions as e
from einsearch.grammar.structure import MOST_COPIES


def each(m: Machine, node: e.Each) -> str | None:
    return draw_all(m, _each, node)


def repeat(m: Machine, node: e.Repeat) -> str | None:
    return draw_all(m, _repeat, node)


def _count_of(m: Machine, node: Any, drawn: tuple[Any, ...]) -> int | str:
    try:
        count = value_of(m, node.count, node, drawn)
    except ShapeError as error:
        return str(error)
    if isinstance(count, bool) or not isinstance(count, int) or count < 1:
        return f"a number of copies must be a whole number of at least 1, not {count}"
    if count > MOST_COPIES:
        return f"there are at most {MOST_COPIES:,} copies, not {count:,}"
    most = m.settings.limits.nodes
    if most is not None and count > most:
        return f"{count} copies are more than {most} nodes"
    return count


def _each(m: Machine, node: e.Each, drawn: tuple[Any, ...]) -> str | None:
    if node.count is None:
        incoming: list[Refs] = [(ref,) for ref in m.refs]
    else:
        count = _count_of(m, node, drawn)
        if isinstance(count, str):
            return count
        if len(m.refs) != 1:
            return f"each(..., {count}) takes one tensor, {len(m.refs)} arrive"
        reason = m.clone(count)
        if reason is not None:
            return reason
        incoming = [m.refs] * count
    m.events.append(("each", node.count is not None))
    return _first_copy(m, node, len(incoming), incoming)


def _repeat(m: Machine, node: e.Repeat, drawn: tuple[Any, ...]) -> str | None:
    count = _count_of(m, node, drawn)
    if isinstance(count, str):
        return count
    m.events.append(("repeat",))
    return _first_copy(m, node, count, None)


def _first_copy(
    m: Machine, node: e.Each | e.Repeat, count: int, incoming: list[Refs] | None
) -> str | None:
    outer = m.context
    deepen(m)
    if too_deep(m):
        return f"{outer.path.label}: deeper than {m.settings.limits.depth} levels"
    origin = Origin(m.decided(), m.parameters, m.flops, m.memory)
    m.push(copy_next, (node, 1, count, incoming, (), origin, None))
    m.context = m.context._replace(copies=outer.copies * count)
    return _copy_from(m, node, incoming, 0)


def _copy_from(
    m: Machine, node: e.Each | e.Repeat, incoming: list[Refs] | None, number: int
) -> str | None:
    if incoming is not None:
        m.refs = incoming[number]
        m.specs = tuple(m.spec(ref) for ref in m.refs)
    splicing.begin(m)
    m.expression = node.body
    return None


def copy_next(m: Machine, data: tuple[Any, ...]) -> str | None:
    """Goes on with the next copy; `data`: the first one's origin, and what is done of them."""
    node, done, count, incoming, outcome, origin, segment = data
    if segment is None:
        segment = (origin.position, m.decided(), m.source)
    elif m.source is not None and m.source.position != m.source.end:
        return "a copy takes fewer decisions than its original"
    if incoming is not None:
        outcome = outcome + m.refs
    piece = splicing.end(m, is_wanted=done < count)
    while piece is not None and done < count:
        if not splicing.again(m, piece, m.refs if incoming is None else incoming[done]):
            break
        if incoming is not None:
            outcome = outcome + m.refs
        done += 1
    if done < count:
        m.events.append(("next",))
        m.push(copy_next, (node, done + 1, count, incoming, outcome, origin, segment))
        m.copy(segment[0], segment[1])
        m.context = m.context._replace(copies=0)
        return _copy_from(m, node, incoming, done)
    m.source = segment[2]
    m.events.append(("end",))
    if incoming is not None:
        m.refs = outcome
        m.specs = tuple(m.spec(ref) for ref in outcome)
    return None


def chain(m: Machine, node: e.Chain) -> str | None:
    return draw_all(m, _chain, node)


def _chain(m: Machine, node: e.Chain, drawn: tuple[Any, ...]) -> str | None:
    count = _count_of(m, node, drawn)
    if isinstance(count, str):
        return count
    return _link_next(m, (node, 0, count, m.context.path))


def _link_next(m: Machine, data: tuple[e.Chain, int, int, Any]) -> str | None:
    node, done, count, path = data
    if done == count:
        return None
    pending = 0
    if m.settings.bounds is not None and m.context.copies:
        context = m.context
        pending = (
            (count - done - 1)
            * context.copies
            * m.settings.bounds.least(node.body, context.environment, 1, context.depth)
        )
    m.push(_link_next, (node, done + 1, count, path), pending)
    m.context = m.context._replace(path=path.child(f"chain.{done + 1}"))
    m.expression = node.body
    return None


def tied(m: Machine, node: e.Tied) -> str | None:
    key = m.context.path.child(node.label).digest.hex()
    m.events.append(("tied",))
    m.push(end, None)
    m.context = m.context._replace(tie=Tie(key, len(m.calls)))
    m.expression = node.body
    return None
