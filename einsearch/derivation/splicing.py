"""Copies made from the copy before them, call by call, in place of deriving them again.

A copy repeats the decisions of its original. Where tensors of the same specs enter it, it comes to
the same calls on other tensors: `begin` notes where a copy begins, `end` gives what it came to,
`again` makes that once more. What a copy shares with its surroundings (tensors named outside of it,
tied weights) is derived step by step.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from einsearch.derivation.values import Environment, Shared
from einsearch.primitives.program import Call, Ref
from einsearch.specs import Bundle

if TYPE_CHECKING:
    from einsearch.derivation.machine import Machine
    from einsearch.derivation.state import Refs

MOST_SHARED: Final = 64
"""Shared expressions that are followed to tell which were made inside a copy."""

_OPENERS: Final = frozenset({"parallel", "block", "each", "repeat", "use"})
_UNREPEATED: Final = frozenset({"tied", "expression", "derived"})

Source = tuple[int, int]
"""A tensor of a copy: (0, number of an incoming one), or (number of a call from 1, port)."""


class Mark(NamedTuple):
    """Where a copy begins.

    Attributes:
        outer: that of the copy around it.
        calls, events, entries: how many there were.
        spent: parameters, FLOPs and memory until then.
        refs, specs: the tensors that enter it.
    """

    outer: Mark | None
    calls: int
    events: int
    entries: int
    spent: tuple[int, int, int]
    refs: Refs
    specs: Bundle


class Piece(NamedTuple):
    """What a copy came to.

    Attributes:
        entering, leaving: specs of the tensors.
        plan: its events; with a call or clone also what it reads.
        outcome: the tensors that leave it.
        entries: how many rules were entered.
        spent: parameters, FLOPs and memory of one copy.
        own: shared expressions that were made inside: every copy has others.
    """

    entering: Bundle
    leaving: Bundle
    plan: tuple[tuple[tuple[Any, ...], tuple[Source, ...]], ...]
    outcome: tuple[Source, ...]
    entries: int
    spent: tuple[int, int, int]
    own: tuple[Shared, ...]


def begin(m: Machine) -> None:
    """Notes that a copy begins with the tensors at hand."""
    if m.splices:
        spent = (m.parameters, m.flops, m.memory)
        m.marks = Mark(m.marks, len(m.calls), len(m.events), m.entries, spent, m.refs, m.specs)


def end(m: Machine, is_wanted: bool) -> Piece | None:
    """What the copy came to that ends here; None where it cannot be made from that again, or is
    not wanted."""
    mark = m.marks
    if mark is None or not m.splices:
        return None
    m.marks = mark.outer
    is_alone = m.scope is None and m.context.tie is None
    if not (is_wanted and is_alone) or len(set(mark.refs)) < len(mark.refs):
        return None
    own = _made_inside(m.events[mark.events :], m.context.environment)
    plan = _plan(m, mark)
    if own is None or plan is None:
        return None
    outcome = _sources(m.refs, mark)
    if outcome is None:
        return None
    spent = (m.parameters - mark.spent[0], m.flops - mark.spent[1], m.memory - mark.spent[2])
    return Piece(mark.specs, m.specs, plan, outcome, m.entries - mark.entries, spent, own)


def again(m: Machine, piece: Piece, refs: Refs) -> bool:
    """Makes the next copy, on other tensors; False where it must be derived.

    The copy is one that was counted with its original: its nodes are not counted again.
    """
    if tuple(map(m.spec, refs)) != piece.entering or not _within_limits(m, piece):
        return False
    m.parameters += piece.spent[0]
    m.flops += piece.spent[1]
    m.memory += piece.spent[2]
    m.entries += piece.entries
    m.block = m.block.reading(refs)
    m.events.append(("next",) if piece.own else ("next", len(piece.plan)))
    made = _make(m, piece, refs)
    m.refs = tuple([made[number][port] for number, port in piece.outcome])
    m.specs = piece.leaving
    return True


def _within_limits(m: Machine, piece: Piece) -> bool:
    limits, spent = m.settings.limits, piece.spent
    return (
        (limits.parameters is None or m.parameters + spent[0] <= limits.parameters)
        and (limits.flops is None or m.flops + spent[1] <= limits.flops)
        and (limits.activation_memory is None or m.memory + spent[2] <= limits.activation_memory)
    )


def _make(m: Machine, piece: Piece, refs: Refs) -> list[Refs]:
    """Calls and events of another copy; its tensors, as `Source` numbers them."""
    calls, events = m.calls, m.events
    made = [refs]
    anew = {shared: Shared(shared.body, shared.environment, shared.path, shared.name)
            for shared in piece.own}  # fmt: skip
    for event, sources in piece.plan:
        kind = event[0]
        if kind == "call":
            _, _, node, environment, drawn, old = event
            number = len(calls)
            inputs = tuple([made[source][port] for source, port in sources])
            call = Call(old.primitive, old.args, inputs, old.specs, old.outputs, str(number))
            calls.append(call)
            events.append(("call", number, node, environment, drawn, call))
            made.append(tuple([Ref(number, port) for port in range(len(old.outputs))]))
        elif kind == "clone":
            [(source, port)] = sources
            events.append(("clone", event[1], made[source][port]))
        elif kind == "use" and event[1] in anew:
            events.append(("use", anew[event[1]]))
        else:
            events.append(event)
    return made


def _plan(m: Machine, mark: Mark) -> tuple[tuple[tuple[Any, ...], tuple[Source, ...]], ...] | None:
    """The events of a copy with what they read; None where that reaches outside."""
    plan: list[tuple[tuple[Any, ...], tuple[Source, ...]]] = []
    opened: list[str] = []
    for event in m.events[mark.events :]:
        kind = event[0]
        read: tuple[Source, ...] | None = ()
        if kind == "call":
            call = event[5]
            is_outside = call.primitive.is_source and "block" not in opened
            is_plain = call.weights == str(event[1])
            read = _sources(call.inputs, mark) if is_plain and not is_outside else None
        elif kind == "clone":
            read = _sources((event[2],), mark)
        elif kind in _UNREPEATED or (kind == "tensor" and "block" not in opened):
            read = None
        elif kind in _OPENERS:
            opened.append(kind)
        elif kind == "end":
            opened.pop()
        if read is None:
            return None
        plan.append((event, read))
    return tuple(plan)


def _sources(refs: Iterable[Ref], mark: Mark) -> tuple[Source, ...] | None:
    """Tensors as a copy numbers them; None where one is neither made inside nor enters it."""
    found = []
    for ref in refs:
        if ref.call >= mark.calls:
            found.append((ref.call - mark.calls + 1, ref.port))
        elif ref in mark.refs:
            found.append((0, mark.refs.index(ref)))
        else:
            return None
    return tuple(found)


def _made_inside(
    events: Sequence[tuple[Any, ...]], environment: Environment
) -> tuple[Shared, ...] | None:
    """Shared expressions that are used in a copy and that its environment cannot name."""
    used = dict.fromkeys(event[1] for event in events if event[0] == "use")
    known: set[Shared] = set()
    pending = [environment] if used else []
    while pending:
        for slot in pending.pop():
            if isinstance(slot, Shared) and slot not in known:
                known.add(slot)
                pending.append(slot.environment)
        if len(known) > MOST_SHARED:
            return None
    return tuple(shared for shared in used if shared not in known)
