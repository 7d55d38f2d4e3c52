"""Guards that always hold, or never: found from layouts, the sizes there are, and all calls.

A guard never holds if none of the ways to make it true can be met, in any of the situations that
tensors can be in: a single one or several of a layout, of different layouts, or none at all. It
always holds if its opposite never does.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from typing import Any, Final, NamedTuple

from einsearch.derivation.possible import Known, Possible, Values, calculated
from einsearch.grammar import expressions as e
from einsearch.grammar.model import Grammar, nodes_of
from einsearch.specs import AXES, Layout

_MOST_WAYS: Final = 64
"""Ways to make a guard true; nothing is said of one that has more."""
_OPPOSITE: Final = {"==": "!=", "!=": "==", "<": ">=", ">=": "<", ">": "<=", "<=": ">"}
_MIRRORED: Final = {"==": "==", "!=": "!=", "<": ">", ">": "<", "<=": ">=", ">=": "<="}

_Atom = tuple[Any, bool]
"""A guard without `and`, `or`, `not`, and whether it is to hold."""


@dataclass(frozen=True)
class Decided:
    """An alternative whose guard decides nothing.

    Attributes:
        alternative: with the guard.
        always: whether it always holds; else never.
    """

    alternative: e.Alternative
    always: bool


class _Situation(NamedTuple):
    """What tensors arrive.

    Attributes:
        layout: of all of them; None where they differ, or there are none.
        branches: least and most of them.
        has: whether an attribute of the layout is there for sure; else it may be.
    """

    layout: Layout | None
    branches: tuple[float, float]
    has: bool


_SITUATIONS: Final = (
    *(_Situation(layout, (1, 1), True) for layout in Layout),
    *(_Situation(layout, (2, math.inf), False) for layout in Layout),
    _Situation(None, (2, math.inf), False),
    _Situation(None, (0, 0), False),
)


def decided_guards(grammar: Grammar) -> Iterator[Decided]:
    """Alternatives of the grammar's own file whose guard always holds, or never."""
    values = Values(grammar)
    for key, rule in grammar.rules.items():
        for node in nodes_of(rule):
            guard = node.guard if isinstance(node, e.Alternative) else None
            if guard is not None and node.file == grammar.name:
                judge = _Judge(values, key)
                if not judge.can_be(guard, True):
                    yield Decided(node, always=False)
                elif not judge.can_be(guard, False):
                    yield Decided(node, always=True)


def number_truths(grammar: Grammar) -> Iterator[tuple[e.Rule, e.Alternative, str]]:
    """Guards that ask whether a parameter is true that is a number at every call."""
    values = Values(grammar)
    for key, rule in grammar.rules.items():
        for node in nodes_of(rule):
            if not isinstance(node, e.Alternative) or node.guard is None:
                continue
            for atom in _atoms(node.guard):
                if isinstance(atom, e.TruthGuard) and isinstance(atom.value, e.Local):
                    found = values.of(key, atom.value)
                    if found is not None and found.has_numbers and not found.words:
                        yield rule, node, atom.value.name


class _Judge:
    """What can be met inside one rule."""

    def __init__(self, values: Values, rule: str) -> None:
        self._values, self._rule = values, rule

    def can_be(self, guard: e.Guard, wanted: bool) -> bool:
        """Whether a guard can come out as wanted."""
        ways = _ways(guard, wanted)
        if ways is None:
            return True
        return any(self._can_meet(way, s) for way in ways for s in _SITUATIONS)

    def _can_meet(self, way: list[_Atom], situation: _Situation) -> bool:
        ranges: dict[Any, Known] = {}
        return all(self._meets(atom, holds, situation, ranges) for atom, holds in way)

    def _meets(
        self, atom: Any, holds: bool, situation: _Situation, ranges: dict[Any, Known]
    ) -> bool:
        if isinstance(atom, e.LayoutGuard):
            return (situation.layout == atom.layout) is holds
        if isinstance(atom, e.TruthGuard):
            return self._is_truth(atom.value, holds, ranges)
        missing = [_missing(atom.left, situation), _missing(atom.right, situation)]
        if True in missing:
            return not holds
        if not holds and None in missing:
            return True
        return self._compares(
            atom.operator if holds else _OPPOSITE[atom.operator], atom, situation, ranges
        )

    def _is_truth(self, value: e.Value, holds: bool, ranges: dict[Any, Known]) -> bool:
        known = ranges.get(_name(value), self._values.of(self._rule, value))
        if known is None or known.has_numbers or known.has_expressions:
            return True
        kept = frozenset(word for word in known.words if bool(word) is holds)
        ranges[_name(value)] = known._replace(words=kept)
        return bool(kept)

    def _compares(
        self, operator: str, atom: e.CompareGuard, situation: _Situation, ranges: dict[Any, Known]
    ) -> bool:
        left = self._range(atom.left, situation, ranges)
        right = self._range(atom.right, situation, ranges)
        if left is None or right is None:
            return True
        if left.has_expressions or right.has_expressions:
            return True
        numbers = left.has_numbers and right.has_numbers
        mixed = (left.has_numbers, bool(left.words)) != (right.has_numbers, bool(right.words))
        if operator in ("==", "!=") and (left.words or right.words):
            if operator == "!=":
                return mixed or numbers or len(left.words | right.words) > 1
            if numbers and _may_hold(operator, left, right):
                return True
            return bool(left.words & right.words)
        if not numbers or not _may_hold(operator, left, right):
            return False
        for one, other, how in (
            (atom.left, right, operator),
            (atom.right, left, _MIRRORED[operator]),
        ):
            if isinstance(one, (e.Attribute, e.Local)) and not self._narrow(
                one, other, how, situation, ranges
            ):
                return False
        return True

    def _narrow(
        self,
        value: e.Attribute | e.Local,
        other: Possible,
        operator: str,
        situation: _Situation,
        ranges: dict[Any, Known],
    ) -> bool:
        """Keeps what a side can still be; whether anything is left."""
        known = self._range(value, situation, ranges)
        assert known is not None
        low, high = known.low, known.high
        step = 1 if known.is_whole and other.is_whole else 0
        if operator in ("==", ">=", ">"):
            low = max(low, other.low + (step if operator == ">" else 0))
        if operator in ("==", "<=", "<"):
            high = min(high, other.high - (step if operator == "<" else 0))
        if known.is_whole:
            low = math.ceil(low) if math.isfinite(low) else low
            high = math.floor(high) if math.isfinite(high) else high
        ranges[_name(value)] = known._replace(low=low, high=high)
        return low <= high

    def _range(self, value: e.Value, situation: _Situation, ranges: dict[Any, Known]) -> Known:
        if _name(value) in ranges:
            return ranges[_name(value)]
        if isinstance(value, e.Attribute) and value.name == "branches":
            return Possible(*situation.branches)
        if isinstance(value, e.Arithmetic):
            left = self._range(value.left, situation, ranges)
            return calculated(value.operator, left, self._range(value.right, situation, ranges))
        return self._values.of(self._rule, value)


def _name(value: Any) -> Any:
    return (type(value), getattr(value, "name", None) or id(value))


def _may_hold(operator: str, left: Possible, right: Possible) -> bool:
    if operator == "==":
        return left.low <= right.high and right.low <= left.high
    if operator == "!=":
        return not left.low == left.high == right.low == right.high
    if operator == "<":
        return left.low < right.high
    if operator == "<=":
        return left.low <= right.high
    if operator == ">":
        return left.high > right.low
    return left.high >= right.low


def _missing(value: e.Value, situation: _Situation) -> bool | None:
    """Whether a value is not there for these tensors; None where it may not be."""
    if isinstance(value, e.Attribute):
        if value.name in ("depth", "branches"):
            return False
        if situation.layout is None:
            return situation.branches[1] == 0 or None
        if value.name not in (*AXES[situation.layout], "elements"):
            return True
        return False if situation.has else None
    if isinstance(value, e.Arithmetic):
        inside = [_missing(value.left, situation), _missing(value.right, situation)]
        if True in inside:
            return True
        return None if None in inside or value.operator == "/" else False
    # Arithmetic on what may be a word has no outcome; a comparison with it is another matter.
    return False


def _ways(guard: e.Guard, wanted: bool) -> list[list[_Atom]] | None:
    """All ways in which a guard comes out as wanted, each as what must hold together."""
    if not isinstance(guard, e.LogicGuard):
        return [[(guard, wanted)]]
    if guard.operator == "not":
        return _ways(guard.operands[0], not wanted)
    parts = [_ways(operand, wanted) for operand in guard.operands]
    if any(part is None for part in parts):
        return None
    known: list[list[list[_Atom]]] = [part for part in parts if part is not None]
    if (guard.operator == "or") is wanted:
        found = [way for part in known for way in part]
    elif math.prod(map(len, known)) > _MOST_WAYS:
        return None
    else:
        found = [[atom for way in ways for atom in way] for ways in product(*known)]
    return found if len(found) <= _MOST_WAYS else None


def _atoms(guard: e.Guard) -> Iterator[Any]:
    pending: list[Any] = [guard]
    while pending:
        item = pending.pop()
        if isinstance(item, e.LogicGuard):
            pending.extend(item.operands)
        else:
            yield item
