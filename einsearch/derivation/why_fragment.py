"""Fragments of a text: what was read, where each call was written, and parts of it as text."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Final, NamedTuple

from einsearch.derivation.choosing import Never
from einsearch.derivation.decisions import Draw, Path
from einsearch.derivation.derivation import (
    Architecture,
    Derivation,
    architecture_from_machine,
)
from einsearch.derivation.deriver import Deriver, settings_for
from einsearch.derivation.state import Cursor, DeadEnd
from einsearch.derivation.steps import STEPS
from einsearch.derivation.target import Freedom, Target, target
from einsearch.derivation.terms import build_term
from einsearch.derivation.text import print_term
from einsearch.derivation.values import Environment
from einsearch.errors import Location
from einsearch.grammar import expressions as e
from einsearch.grammar.model import Grammar, nodes_of
from einsearch.specs import TensorSpec

Locate = Callable[[e.At], Location]
"""A place of the text."""

_SEPARATORS: Final = frozenset({"next", "name"})
_CLOSERS: Final = frozenset({"end", "derived"})
_OPENERS: Final = frozenset({"parallel", "each", "repeat", "tied", "use", "block", "expression"})


class Unfit(Exception):
    """A text whose shapes do not fit: the reason, the call at fault, and where it was written."""

    def __init__(self, reason: str, call: str, at: e.At) -> None:
        super().__init__(reason)
        self.reason, self.call, self.at = reason, call, at


class _Reader(Deriver):
    """Reads a text; notes where calls were written, macros as where they are called."""

    splices: ClassVar[bool] = False

    def __init__(self, rule: e.Rule, scope: Grammar, spec: TensorSpec) -> None:
        super().__init__(rule, spec, replace(settings_for(scope, Never()), steps=_NOTING))
        self.origins: dict[int, e.At] = {}
        self.last: e.At = rule.at
        self._own = {id(node) for node in nodes_of(rule)}
        self._outer: e.At | None = None

    def note(self, node: Any) -> None:
        """What is made next was written there."""
        at = node.at if id(node) in self._own else self._outer
        if at is not None:
            self.origins[len(self.events)] = at

    def enter(self, rule: e.Rule, slots: Environment, path: Path) -> str | None:
        if id(self.site) in self._own and self.site is not None:
            self.push(_left, self._outer)
            self._outer = self.site.at
        return super().enter(rule, slots, path)

    def left(self, outer: e.At | None) -> None:
        """A macro has ended."""
        self._outer = outer

    @property
    def where(self) -> e.At:
        """Where the expression at hand was written."""
        site: Any = self.site
        at = site.at if site is not None and id(site) in self._own else self._outer
        return at or (1, 1)


def _left(m: Any, outer: e.At | None) -> None:
    m.left(outer)


def _noting(step: Callable[[Any, Any], str | None]) -> Callable[[Any, Any], str | None]:
    def noting(m: Any, node: Any) -> str | None:
        m.note(node)
        return step(m, node)

    return noting


_NOTING: Final = {kind: _noting(step) for kind, step in STEPS.items()}


@dataclass(frozen=True)
class Fragment:
    """A part of a text, and where it begins."""

    text: str
    location: Location | None


class Reading:
    """A text as read.

    Raises:
        Unfit: shapes do not fit.
    """

    def __init__(self, rule: e.Rule, scope: Grammar, spec: TensorSpec, locate: Locate) -> None:
        machine = _Reader(rule, scope, spec)
        try:
            reason = machine.enter(rule, (), machine.context.path)
            if reason is not None:
                raise DeadEnd(reason, machine.reasons)
            self.read: Architecture = architecture_from_machine(machine.run())
        except DeadEnd as error:
            site: Any = machine.site
            name = site.primitive.name if isinstance(site, e.PrimitiveCall) else ""
            raise Unfit(str(error), name, machine.where) from None
        self._origins = machine.origins
        self._locate = locate
        self._inside = _Structure(self.read.events)

    def fragment(self, first: int, last: int) -> Fragment:
        """The least part of the text with all events from `first` to `last`."""
        start, end = self._inside.whole(first, last)
        events = self.read.events[start : end + 1]
        at = next((self._origins[n] for n in range(start, end + 1) if n in self._origins), None)
        location = None if at is None else self._locate(at)
        return Fragment(print_term(build_term(events)), location)

    def of_tokens(self, goal: Target, first: int, last: int) -> Fragment:
        """The least part of the text with these tokens, both included."""
        begin, end = goal.events[first], goal.events[last]
        if self.read.events[end][0] == "clone":
            end += 1
        return self.fragment(begin, end)


class _Part(NamedTuple):
    """Where an event stands: in which part of what, and what that stands in.

    Attributes:
        opened: number of the event that opened it; -1 outside of all.
        since: number of the event that this part of it begins with.
        outer: where `opened` stands.
        depth: how many there are outside.
    """

    opened: int
    since: int
    outer: _Part | None
    depth: int


class _Structure:
    """How the events of an architecture enclose each other."""

    def __init__(self, events: tuple[tuple[Any, ...], ...]) -> None:
        self._events = events
        self._parts: list[_Part] = []
        self._closing: dict[int, int] = {}
        self._opening: dict[int, int] = {}
        part = _Part(-1, -1, None, 0)
        for number, event in enumerate(events):
            if event[0] in _CLOSERS and part.outer is not None:
                self._closing[part.opened] = number
                self._opening[number] = part.opened
                part = part.outer
            self._parts.append(part)
            if event[0] in _OPENERS:
                part = _Part(number, number, part, part.depth + 1)
            elif event[0] in _SEPARATORS:
                part = part._replace(since=number)

    def whole(self, first: int, last: int) -> tuple[int, int]:
        """The least range of events around two that is an expression by itself."""
        left, right = self._parts[first], self._parts[last]
        start, end = first, self._end_of(last)
        while (left.opened, left.since) != (right.opened, right.since):
            climbs = (left.depth >= right.depth, right.depth >= left.depth)
            if climbs[0]:
                start, left = left.opened, left.outer or left
            if climbs[1]:
                end, right = self._closing[right.opened], right.outer or right
        if self._events[end][0] == "derived":
            end += 1
        return self._start_of(start), end

    def _end_of(self, number: int) -> int:
        return self._closing.get(number, number)

    def _start_of(self, number: int) -> int:
        """The beginning of a call's expressions and of the tensors that it reads."""
        event = self._events[number]
        if event[0] == "call":
            for _ in event[5].inner:
                number = self._opening[number - 1]
        before = self._events[number - 1][0] if number else ""
        if before == "tensor":
            return number - 1
        if before == "end":
            opened = self._opening[number - 1]
            inside = {event[0] for event in self._events[opened + 1 : number - 1]}
            if self._events[opened][0] == "parallel" and inside <= {"tensor", "next"}:
                return opened
        return number


class Span(NamedTuple):
    """What a rule, an alternative or a number of copies came to.

    Attributes:
        key: the rule's key; file and place of an alternative; label of a drawn value.
        value: what was drawn.
        first, last: half-open range of tokens.
    """

    key: Any
    value: Any
    first: int
    last: int


class _Spanner(Deriver):
    splices: ClassVar[bool] = False

    def __init__(self, derivation: Derivation) -> None:
        grammar, values = derivation.grammar, derivation.values
        super().__init__(grammar.start_rule, derivation.input, settings_for(grammar, Never()))
        self.source = Cursor(values, 0, len(values), is_copy=False)
        self.spans: list[tuple[Any, Any, int, int]] = []

    def enter(self, rule: e.Rule, slots: Environment, path: Path) -> str | None:
        self.push(_spanned, (rule.key, None, len(self.events)))
        return super().enter(rule, slots, path)

    def _take(self, draw: Draw, label: str, step: Any, data: Any, value: Any) -> str | None:
        key: Any = label
        if isinstance(data, e.Choice):
            taken = data.alternatives[value]
            key = (taken.file, taken.at)
        self.push(_spanned, (key, value, len(self.events)))
        return super()._take(draw, label, step, data, value)


def _spanned(m: Any, data: tuple[Any, Any, int]) -> None:
    m.spans.append((*data, len(m.events)))


def spans_of(derivation: Derivation, freedom: Freedom) -> list[Span]:
    """Spans of a derivation, inner ones first."""
    machine = _Spanner(derivation)
    machine.enter(derivation.grammar.start_rule, (), machine.context.path)
    machine.run()
    events = target(derivation, freedom).events
    return [
        Span(key, value, bisect_left(events, start), bisect_left(events, end))
        for key, value, start, end in machine.spans
    ]
