"""What a recogniser remembers: decisions so far, rules entered, the states in which they end.

Copies, and uses of a shared expression after its first one, repeat decisions that were taken
before: a `Segment`. A recogniser that looked at them freely would take different expressions for
copies of one, and such a derivation may hide the right one, since only the most probable that ends
in a state is kept.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, overload

from einsearch.derivation.state import BlockState, Cursor, Frame, Refs, Taken
from einsearch.derivation.values import Environment


class Segment(Sequence[Any]):
    """Decisions and first uses that belong together; equal ones are the same object."""

    __slots__ = ("_items",)

    def __init__(self, items: tuple[Any, ...]) -> None:
        self._items = items

    @overload
    def __getitem__(self, index: int) -> Any: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Any]: ...
    def __getitem__(self, index: int | slice) -> Any:
        return self._items[index]

    def __len__(self) -> int:
        return len(self._items)

    def cursor(self) -> Cursor:
        """Reads it from its beginning, as a copy."""
        return Cursor(self, 0, len(self), is_copy=True)


class FirstUse(NamedTuple):
    """A shared expression, by the number of its structure, and what its first use decided."""

    shared: int
    decided: Segment


Known = frozenset[FirstUse]
"""Shared expressions that were used already."""


class Trail(NamedTuple):
    """Decisions so far: what came before, and a decision, a first use or a rule's whole outcome."""

    before: Trail | None
    item: Any
    log_probability: float


class End(NamedTuple):
    """The state in which a rule's derivation ends; `decided` where derivations that differ in
    nothing else are kept apart."""

    position: int
    refs: Refs
    block: BlockState
    known: Known
    unread: int
    decided: Segment | None = None


class Waiting(NamedTuple):
    """Who entered a rule: what it goes on with, what came before, and what it can name."""

    frames: Frame | None
    trail: Trail | None
    known: Known
    environment: Environment


@dataclass(eq=False)
class Entry:
    """A rule entered in one state: its outcomes, and who waits for them."""

    is_root: bool
    ends: dict[End, Trail | None] = field(default_factory=dict)
    waiting: list[Waiting] = field(default_factory=list)


class Segments:
    """Makes segments of trails."""

    def __init__(self) -> None:
        self._found: dict[tuple[Any, ...], Segment] = {}

    def between(self, start: Trail | None, end: Trail | None) -> Segment:
        """What was decided since a trail that another one goes on from."""
        links = []
        while end is not start:
            assert end is not None
            links.append(end.item)
            end = end.before
        items = tuple(_items(links))
        key = tuple(
            [(type(i.value), i.value) if isinstance(i, Taken) else (FirstUse, i) for i in items]
        )
        return self._found.setdefault(key, Segment(items))


def log_probability_of(trail: Trail | None) -> float:
    """Of all decisions together."""
    return 0.0 if trail is None else trail.log_probability


def flatten(trail: Trail | None) -> tuple[Any, ...]:
    """Decided values in order."""
    values: list[Any] = []
    pending: list[Any] = [trail]
    for item in _items(pending):
        if isinstance(item, FirstUse):
            pending += reversed(item.decided)
        else:
            values.append(item.value)
    return tuple(values)


def _items(pending: list[Any]) -> Iterator[Any]:
    """Decisions and first uses in order; what is pending comes off its end, the last one first."""
    while pending:
        item = pending.pop()
        if isinstance(item, Trail):
            pending += [item.item, item.before]
        elif item is not None:
            yield item
