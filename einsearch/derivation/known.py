"""`Known`: the last derivations of a grammar. One that takes their decisions again is one of them.

Input and decisions fix a derivation. So as soon as a machine has taken all decisions of one that is
known, what follows need not be derived: searches of small spaces come to the same networks often.
"""

from __future__ import annotations

from collections import OrderedDict
from functools import lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple

from einsearch.grammar.model import Grammar

if TYPE_CHECKING:
    from einsearch.derivation.derivation import Derivation
    from einsearch.derivation.limits import Limits
    from einsearch.derivation.machine import Machine

MOST_CALLS: Final = 50_000
"""Calls that all known derivations have together, which takes some 40 MB."""


class Entry(NamedTuple):
    """A derivation, and what limits are held against: parameters, FLOPs, memory as derived."""

    derivation: Derivation
    spent: tuple[int, int, int]

    def keeps(self, limits: Limits) -> bool:
        """Whether it could be derived within limits."""
        found = (self.derivation.counted, self.derivation.depth, *self.spent)
        most = (
            limits.nodes,
            limits.depth,
            limits.parameters,
            limits.flops,
            limits.activation_memory,
        )
        return all(m is None or f <= m for f, m in zip(found, most, strict=True))


class Known:
    """Derivations by a key of their input and decisions; the oldest leave."""

    def __init__(self) -> None:
        self._entries: OrderedDict[int, Entry] = OrderedDict()
        self._calls = 0

    def add(self, machine: Machine, derivation: Derivation) -> None:
        """Remembers what a finished machine has derived."""
        self._forget(machine.key)
        spent = (machine.parameters, machine.flops, machine.memory)
        self._entries[machine.key] = Entry(derivation, spent)
        self._calls += len(derivation.program.calls)
        while self._calls > MOST_CALLS:
            self._forget(next(iter(self._entries)))

    def find(self, machine: Machine) -> Derivation | None:
        """The derivation that has exactly the decisions of a machine, if it is known."""
        entry = self._entries.get(machine.key)
        if entry is None or not entry.keeps(machine.settings.limits):
            return None
        found = entry.derivation
        if found.input is not machine.entering or len(found.taken) != len(machine.decisions):
            return None
        for known, taken in zip(found.taken, machine.decisions, strict=True):
            if known.value != taken.value or type(known.value) is not type(taken.value):
                return None
        self._entries.move_to_end(machine.key)
        return found

    def _forget(self, key: int) -> None:
        entry = self._entries.pop(key, None)
        if entry is not None:
            self._calls -= len(entry.derivation.program.calls)


@lru_cache(maxsize=2)
def known_of(grammar: Grammar) -> Known:
    """What is known of a grammar. Of all grammars of a process only the last ones are kept."""
    return Known()
