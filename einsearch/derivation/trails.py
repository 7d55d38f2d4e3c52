"""What a recogniser remembers: decisions so far, rules entered, the states in which they end."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

from einsearch.derivation.state import BlockState, Frame, Refs, Taken


class Trail(NamedTuple):
    """Decisions so far: what came before, and a decision or a rule's whole outcome."""

    before: Trail | None
    item: Any
    log_probability: float


class End(NamedTuple):
    """The state in which a rule's derivation ends."""

    position: int
    refs: Refs
    block: BlockState
    known: frozenset[Any]
    unread: int


@dataclass(eq=False)
class Entry:
    """A rule entered in one state: its outcomes, and who waits for them."""

    is_root: bool
    ends: dict[End, Trail | None] = field(default_factory=dict)
    waiting: list[tuple[Frame | None, Trail | None]] = field(default_factory=list)


def log_probability_of(trail: Trail | None) -> float:
    """Of all decisions together."""
    return 0.0 if trail is None else trail.log_probability


def flatten(trail: Trail | None) -> tuple[Any, ...]:
    """Decided values in order."""
    values: list[Any] = []
    pending: list[Any] = [trail]
    while pending:
        item = pending.pop()
        if isinstance(item, Taken):
            values.append(item.value)
        elif item is not None:
            pending += [item.item, item.before]
    return tuple(values)
