"""What walks for counting hand to each other: ends, uses of what is derived once, closures."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from einsearch.derivation.counts_state import State
from einsearch.derivation.counts_values import Slots, Uncountable
from einsearch.grammar import expressions as e

_MOST_USES: Final = 512
_DEEPEST: Final = 16
"""Expressions handed on inside of expressions are followed this far."""

Uses = tuple[tuple[tuple[int, int], int], ...]
"""How often what is derived once is used: ((slot, incoming tensors), places), in order."""
Ends = dict[tuple[State, Uses], int]
"""By the state at the end, and uses: a part of the circuit."""
Parts = dict[tuple[State, Uses], list[int]]


class Case(NamedTuple):
    """A rule with the values that matter, in one state."""

    rule: str
    slots: Slots
    state: State


@dataclass(frozen=True, eq=False, slots=True)
class Closure:
    """An expression that is derived once, with what its names mean; equal only to itself.

    `depth`: closures inside of closures.
    """

    body: e.Expression
    slots: Slots
    depth: int


Wanted = Case | tuple[e.Expression, Slots, State]
Walk = Generator[Wanted, Ends, Ends]
"""Yields the walks that it needs, and is sent how they end."""
Using = Generator[Wanted, Ends, list[tuple[Uses, int]]]


def closure(body: Any, slots: Slots) -> Closure:
    """An expression to be derived once. Raises Uncountable where they nest without end."""
    depth = 1 + max((s.depth for s in slots if isinstance(s, Closure)), default=0)
    if depth > _DEEPEST:
        raise Uncountable("expressions are handed on inside of expressions without end")
    return Closure(body, slots, depth)


def plus(left: Uses, right: Uses, copies: int = 1) -> Uses:
    """Uses of both, those on the right in so many copies. Raises Uncountable for too many."""
    if not right:
        return left
    total = dict(left)
    for key, places in right:
        total[key] = total.get(key, 0) + places * copies
        if total[key] > _MOST_USES:
            raise Uncountable(f"what is derived once is used more than {_MOST_USES} times")
    return tuple(sorted(total.items()))
