"""What the parameters and bindings of rules can be, as far as their calls tell."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from einsearch.grammar import expressions as e
from einsearch.grammar.model import Grammar, nodes_of

_MOST_CHANGES: Final = 8
"""After so many changes of one parameter, a bound that moves goes to infinity."""
_MOST_WORDS: Final = 64


class Possible(NamedTuple):
    """A set that holds every value that something can have.

    Attributes:
        low, high: of its numbers; low above high where it is never a number.
        words: symbols, texts and truth values.
        has_expressions: whether it can be an expression.
        is_whole: whether all its numbers are integers.
    """

    low: float
    high: float
    words: frozenset[Any] = frozenset()
    has_expressions: bool = False
    is_whole: bool = True

    @property
    def has_numbers(self) -> bool:
        return self.low <= self.high

    def joined(self, other: Possible) -> Possible:
        """Whatever is in one or the other."""
        return Possible(
            min(self.low, other.low),
            max(self.high, other.high),
            self.words | other.words,
            self.has_expressions or other.has_expressions,
            self.is_whole and other.is_whole,
        )


NOTHING: Final = Possible(math.inf, -math.inf)
SIZE: Final = Possible(1, math.inf)
COUNT: Final = Possible(0, math.inf)
Known = Possible | None
"""None where nothing is known."""


class Values:
    """Possible values by rule and slot.

    Parameters of rules that nothing calls are unknown, as are those of every rule of a file that
    others import: one without a start rule.
    """

    def __init__(self, grammar: Grammar) -> None:
        self._slots: dict[tuple[str, int], Known] = {}
        calls: dict[str, list[e.RuleCall]] = {}
        rules = {**grammar.rules, **{f"seed {s.name}": s.rule for s in grammar.seeds.values()}}
        called: set[str] = set()
        for key, rule in rules.items():
            calls[key] = [node for node in nodes_of(rule) if isinstance(node, e.RuleCall)]
            called |= {call.rule for call in calls[key]}
        for key, rule in rules.items():
            is_open = grammar.start is None or key not in called
            for slot in range(len(rule.parameters)):
                self._slots[key, slot] = None if is_open else NOTHING
            for slot in range(len(rule.bindings)):
                self._slots[key, len(rule.parameters) + slot] = NOTHING
        self._settle(rules, calls)

    def of(self, rule: str, value: Any) -> Known:
        """What a value in a rule can be."""
        if isinstance(value, e.Constant):
            return _constant(value.value)
        if isinstance(value, e.Local):
            return self._slots.get((rule, value.slot))
        if isinstance(value, e.Attribute):
            return COUNT if value.name in ("depth", "branches") else SIZE
        if isinstance(value, e.Domain):
            parts = zip(value.options, value.probabilities, strict=True)
            return _union([self.of(rule, option) for option, p in parts if p > 0])
        if isinstance(value, (e.IntegerRange, e.RealRange)):
            found = _union([self.of(rule, value.low), self.of(rule, value.high)])
            return found and found._replace(is_whole=isinstance(value, e.IntegerRange))
        if isinstance(value, e.Arithmetic):
            return calculated(value.operator, self.of(rule, value.left), self.of(rule, value.right))
        return NOTHING._replace(has_expressions=True)

    def _settle(self, rules: dict[str, e.Rule], calls: dict[str, list[e.RuleCall]]) -> None:
        changes: dict[tuple[str, int], int] = {}
        pending: dict[str, None] = dict.fromkeys(rules)
        while pending:
            key = pending.popitem()[0]
            rule = rules[key]
            for (owner, slot), found in self._handed(key, rule, calls[key]):
                before = self._slots.get((owner, slot))
                if before is None:
                    continue
                after = None if found is None else before.joined(found)
                if after == before:
                    continue
                changes[owner, slot] = changes.get((owner, slot), 0) + 1
                if after is not None and changes[owner, slot] > _MOST_CHANGES:
                    after = _widened(before, after)
                self._slots[owner, slot] = after
                pending[owner] = None

    def _handed(
        self, key: str, rule: e.Rule, calls: list[e.RuleCall]
    ) -> Iterator[tuple[tuple[str, int], Known]]:
        for slot, binding in enumerate(rule.bindings, start=len(rule.parameters)):
            yield (key, slot), self.of(key, binding.body)
        for call in calls:
            for slot, argument in enumerate(call.arguments):
                yield (call.rule, slot), self.of(key, argument)


def calculated(operator: str, left: Known, right: Known) -> Known:
    """What arithmetic on two values can come to; where it has no outcome, there is none."""
    if left is None or right is None:
        return Possible(-math.inf, math.inf, is_whole=False)
    if not left.has_numbers or not right.has_numbers:
        return NOTHING
    whole = left.is_whole and right.is_whole
    if math.inf in (abs(left.low), abs(left.high), abs(right.low), abs(right.high)):
        unbounded = Possible(-math.inf, math.inf, is_whole=whole)
        if operator == "-" or left.low < 0 or right.low < 0:
            return unbounded
    if operator == "+":
        return Possible(left.low + right.low, left.high + right.high, is_whole=whole)
    if operator == "-":
        return Possible(left.low - right.high, left.high - right.low, is_whole=whole)
    if operator == "/" and right.low <= 0 <= right.high:
        return Possible(-math.inf, math.inf, is_whole=whole)
    ends = [
        _of_ends(operator, a, b) for a in (left.low, left.high) for b in (right.low, right.high)
    ]
    return Possible(min(ends), max(ends), is_whole=whole)


def _of_ends(operator: str, left: float, right: float) -> float:
    if operator == "*":
        return 0.0 if 0 in (left, right) else left * right
    if math.isinf(right):
        return 0.0 if math.isfinite(left) else left
    return left / right


def _constant(value: Any) -> Possible:
    if isinstance(value, (bool, str)):
        return NOTHING._replace(words=frozenset({value}))
    # As floats, bounds that are multiplied on and on end at infinity.
    return Possible(float(value), float(value), is_whole=isinstance(value, int))


def _union(parts: list[Known]) -> Known:
    found = NOTHING
    for part in parts:
        if part is None:
            return None
        found = found.joined(part)
    return found


def _widened(before: Possible, after: Possible) -> Known:
    if len(after.words) > _MOST_WORDS:
        return None
    return after._replace(
        low=-math.inf if after.low < before.low else after.low,
        high=math.inf if after.high > before.high else after.high,
    )
