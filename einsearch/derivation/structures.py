"""Environments by what they hold, as numbers: what is shared, not where it was shared.

An argument may be made of arguments that are made of arguments, thousands of levels deep; a number
for each keeps comparisons short.
"""

from __future__ import annotations

from typing import Any

from einsearch.derivation.values import Environment, Shared


class Structures:
    """Numbers environments: equal ones, and only they, have the same number."""

    def __init__(self) -> None:
        self._numbers: dict[tuple[Any, ...], int] = {}
        self._known: dict[tuple[Any, ...], int] = {}

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

    def _key(self, slot: Any) -> tuple[Any, ...]:
        if isinstance(slot, Shared):
            return slot.body, self._known[_typed(slot.environment)], slot.name
        return type(slot), slot


def _typed(environment: Environment) -> tuple[Any, ...]:
    """An environment in which 1, 1.0 and true differ."""
    return (*map(type, environment), *environment)
