"""Environments by what they hold, as numbers: what is shared, not where it was shared.

An argument may be made of arguments that are made of arguments, thousands of levels deep; a number
for each keeps comparisons short.
"""

from __future__ import annotations

from typing import Any, TypeVar

from einsearch.derivation.values import Environment, Shared

Pair = TypeVar("Pair", bound=tuple[Any, ...])


class Structures:
    """Numbers environments: equal ones, and only they, have the same number."""

    def __init__(self) -> None:
        self._numbers: dict[tuple[Any, ...], int] = {}
        self._known: dict[tuple[Any, ...], int] = {}
        self._reached: dict[int, int] = {}

    def of(self, environment: Environment) -> int:
        """The number of an environment."""
        pending = [environment]
        while pending:
            inner = [
                slot.environment
                for slot in pending[-1]
                if isinstance(slot, Shared) and _typed(slot.environment) not in self._known
            ]
            if inner:
                pending += inner
            else:
                done = pending.pop()
                key = tuple(map(self._key, done))
                self._known[_typed(done)] = self._numbers.setdefault(key, len(self._numbers))
        return self._known[_typed(environment)]

    def reachable(self, items: frozenset[Pair], environment: Environment) -> frozenset[Pair]:
        """Those of some items whose first part is the number of a shared expression that an
        environment can name, through others, too."""
        if not items:
            return items
        reached = self._reach(environment)
        return frozenset([item for item in items if reached >> item[0] & 1])

    def _reach(self, environment: Environment) -> int:
        """What an environment can name: numbers of shared expressions, as a set of bits."""
        pending = [environment]
        while pending:
            shared = [slot for slot in pending[-1] if isinstance(slot, Shared)]
            inner = [s.environment for s in shared if self.of(s.environment) not in self._reached]
            if inner:
                pending += inner
                continue
            found = 0
            for one in shared:
                found |= 1 << self.of((one,)) | self._reached[self.of(one.environment)]
            self._reached[self.of(pending.pop())] = found
        return self._reached[self.of(environment)]

    def _key(self, slot: Any) -> tuple[Any, ...]:
        if isinstance(slot, Shared):
            return slot.body, self._known[_typed(slot.environment)], slot.name
        return type(slot), slot


def _typed(environment: Environment) -> tuple[Any, ...]:
    """An environment in which 1, 1.0 and true differ."""
    return (*map(type, environment), *environment)
