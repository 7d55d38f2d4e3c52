"""Expressions that are derived once and used in several places: what `where` binds, arguments.

The first use derives; every other one repeats its decisions. Uses that are still to come are
counted with the first: whatever it derives takes nodes in all those places.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from einsearch.derivation.machine import Machine
from einsearch.derivation.state import Cursor, Frame, Position, Prepaid
from einsearch.derivation.values import Shared
from einsearch.grammar import expressions as e


def use(m: Machine, shared: Shared) -> None:
    """Derives a shared expression where it is used first; repeats that everywhere else."""
    known = m.shared.get(shared)
    if known is None:
        m.push(_first_use_done, (shared, m.decided()))
        if m.context.copies:
            _prepay(m, shared)
    else:
        m.push(_copy_done, _past(m.source, known))
        m.source = Cursor(m.decisions, *known, is_copy=True)
        if m.context.copies and shared in m.prepaid:
            _draw_on(m, shared)


def _prepay(m: Machine, shared: Shared) -> None:
    uses = pending_uses(m.frames, shared)
    if uses:
        bounds = m.settings.bounds
        least = bounds.least(shared.body, shared.environment, 1, 0) if bounds is not None else 0
        m.prepaid = {**m.prepaid, shared: Prepaid(uses, least)}
        m.reserved += uses * least
        m.context = m.context._replace(copies=m.context.copies + uses)


def _draw_on(m: Machine, shared: Shared) -> None:
    prepaid, copies = m.prepaid[shared], m.context.copies
    used = min(copies, prepaid.uses)
    m.prepaid = {**m.prepaid, shared: prepaid._replace(uses=prepaid.uses - used)}
    m.reserved -= used * prepaid.least
    m.context = m.context._replace(copies=copies - used)


def pending_uses(frame: Frame | None, shared: Shared) -> int:
    """How many copies of a shared expression pending frames will use, at the least."""
    uses = 0
    # Only the rule that made it, and what that rule calls, can name it: frames above are older.
    outermost = shared.path.level - 1
    while frame is not None and frame.context.path.level >= outermost:
        environment = frame.context.environment
        for slot, value in enumerate(environment):
            if value is shared:
                uses += frame.context.copies * sum(_uses(x, slot) for x in _pending(frame.data))
        frame = frame.next
    return uses


def _pending(data: Any) -> tuple[Any, ...]:
    """The expressions that a frame has still to derive."""
    if not isinstance(data, tuple) or len(data) < 2:
        return ()
    node, done = data[:2]
    if isinstance(node, e.Series):
        return node.items[done:]
    if isinstance(node, e.Parallel):
        return node.items[done + 1 :]
    if isinstance(node, e.Block):
        return tuple(a.body for a in node.assignments[done + 1 :])
    return (node.body,) * (data[2] - done) if isinstance(node, e.Chain) else ()


@lru_cache(maxsize=16_384)
def _uses(node: Any, slot: int) -> int:
    """How often an expression uses a slot of its environment, at the least; copies count."""
    if isinstance(node, e.LocalUse):
        return int(node.slot == slot)
    if isinstance(node, e.Choice):
        return min(_uses(a.body, slot) for a in node.alternatives)
    if isinstance(node, (e.Series, e.Parallel)):
        return sum(_uses(item, slot) for item in node.items)
    if isinstance(node, e.Block):
        return sum(_uses(a.body, slot) for a in node.assignments)
    if isinstance(node, (e.Repeat, e.Each, e.Chain)):
        count = node.count.value if isinstance(node.count, e.Constant) else 1
        return int(count) * _uses(node.body, slot)
    return _uses(node.body, slot) if isinstance(node, e.Tied) else 0


def _past(source: Cursor | None, used: tuple[int, int]) -> Cursor | None:
    """A copy reads over the decisions of a shared expression that its original used first."""
    if source is not None and source.is_copy and source.position == used[0]:
        return source._replace(position=used[1])
    return source


def _first_use_done(m: Machine, data: tuple[Shared, Position]) -> None:
    shared, start = data
    m.shared = {**m.shared, shared: (start, m.decided())}
    m.events.append(("end",))


def _copy_done(m: Machine, source: Cursor | None) -> str | None:
    if m.source is not None and m.source.position != m.source.end:
        return "a copy takes fewer decisions than its original"
    m.source = source
    m.events.append(("end",))
    return None
