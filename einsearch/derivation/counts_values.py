"""What values can be, for counting: which ones matter, how many there are, whether guards hold."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import product
from typing import Any, Final

from einsearch.derivation.values import COMPARE
from einsearch.grammar import expressions as e
from einsearch.grammar.model import nodes_of
from einsearch.grammar.values import arithmetic
from einsearch.primitives.base import expressions_of

MOST_VALUES: Final = 256
"""Larger domains are not followed into copies and guards."""

Slots = tuple[Any, ...]
"""Values by slot; None for what is not known or does not matter; anything else for expressions."""


class Uncountable(Exception):
    """What a count would need is not followed."""


def relevant_slots(rules: Mapping[str, e.Rule]) -> dict[str, frozenset[int]]:
    """By rule, the slots whose values decide on numbers of copies or tensors, or on guards."""
    found: dict[str, frozenset[int]] = dict.fromkeys(rules, frozenset())
    changed = True
    while changed:
        changed = False
        for key, rule in rules.items():
            slots = _slots_that_matter(rule, found)
            if slots != found[key]:
                found[key], changed = slots, True
    return found


def _slots_that_matter(rule: e.Rule, known: Mapping[str, frozenset[int]]) -> frozenset[int]:
    slots = set(known[rule.key])
    for node in nodes_of(rule):
        for value in _deciding(node, known):
            slots |= set(_locals(value))
    for position, binding in enumerate(rule.bindings):
        if len(rule.parameters) + position in slots:
            slots |= set(_locals(binding.body))
    return frozenset(slots)


def _deciding(node: Any, known: Mapping[str, frozenset[int]]) -> Iterator[Any]:
    """Values in a node that decide on more than an argument of a primitive."""
    if isinstance(node, (e.Each, e.Repeat, e.Chain)):
        yield node.count
    elif isinstance(node, e.IntegerRange):
        yield from (node.low, node.high)
    elif isinstance(node, (e.CompareGuard, e.TruthGuard)):
        yield from (getattr(node, name) for name in node.__slots__)
    elif isinstance(node, e.PrimitiveCall):
        names = deciding_arguments(node)
        yield from (value for name, value in node.arguments if name in names)
    elif isinstance(node, e.RuleCall):
        yield from (node.arguments[slot] for slot in known[node.rule] if slot < len(node.arguments))


def deciding_arguments(node: e.PrimitiveCall) -> set[str]:
    """Names of arguments that say how many tensors or copies there are."""
    names = {p.copies for p in expressions_of(type(node.primitive)) if p.copies}
    return names | ({"n"} if node.primitive.name in ("clone", "split") else set())


def _locals(value: Any) -> Iterator[int]:
    pending = [value]
    while pending:
        item = pending.pop()
        if isinstance(item, e.Local):
            yield item.slot
        elif isinstance(item, e.Domain):
            pending += item.options
        elif isinstance(item, e.Arithmetic):
            pending += [item.left, item.right]
        elif isinstance(item, (e.IntegerRange, e.RealRange)):
            pending += [item.low, item.high]


def options(value: Any, slots: Slots) -> list[Any]:
    """The values that an argument can take, one for each way to draw it; None for unknown ones.

    Raises:
        Uncountable: they are too many to be followed.
    """
    if isinstance(value, e.Constant):
        return [value.value]
    if isinstance(value, e.Local):
        return [slots[value.slot]]
    if isinstance(value, e.Domain):
        parts = zip(value.options, value.probabilities, strict=True)
        return [v for option, p in parts if p > 0 for v in options(option, slots)]
    if isinstance(value, e.Arithmetic):
        pairs = product(options(value.left, slots), options(value.right, slots))
        return [_arithmetic(value.operator, a, b) for a, b in pairs]
    if isinstance(value, e.IntegerRange):
        if ways(value, slots) > MOST_VALUES:
            raise Uncountable("a range of more than 256 numbers decides on copies or guards")
        low, high = _ends(value, slots)
        return list(range(low, high + 1))
    return [None]


def _arithmetic(operator: str, left: Any, right: Any) -> Any:
    return None if left is None or right is None else arithmetic(operator, left, right)


def ways(value: Any, slots: Slots) -> int:
    """In how many ways an argument can be drawn; a range of reals counts once."""
    if isinstance(value, e.Domain):
        parts = zip(value.options, value.probabilities, strict=True)
        return sum(ways(option, slots) for option, p in parts if p > 0)
    if isinstance(value, e.Arithmetic):
        return ways(value.left, slots) * ways(value.right, slots)
    if isinstance(value, e.IntegerRange):
        low, high = _ends(value, slots)
        return max(0, high - low + 1)
    return 1


def _ends(value: e.IntegerRange, slots: Slots) -> tuple[int, int]:
    ends = [found for end in (value.low, value.high) for found in options(end, slots)]
    if len(ends) != 2 or not all(isinstance(end, int) for end in ends):
        raise Uncountable("the ends of a range depend on the incoming tensor")
    return ends[0], ends[1]


def may_hold(guard: e.Guard | None, slots: Slots, branches: int) -> bool | None:
    """Whether a guard is true; None where that depends on the incoming tensor or on depth."""
    if guard is None:
        return True
    if isinstance(guard, e.LogicGuard):
        return _logic(guard.operator, [may_hold(g, slots, branches) for g in guard.operands])
    if isinstance(guard, e.LayoutGuard):
        return None
    values = [guard.value] if isinstance(guard, e.TruthGuard) else [guard.left, guard.right]
    known = [_known(value, slots, branches) for value in values]
    if any(value is None for value in known):
        return None
    if isinstance(guard, e.TruthGuard):
        return bool(known[0])
    try:
        return COMPARE[guard.operator](known[0], known[1])
    except TypeError:
        return False


def _known(value: Any, slots: Slots, branches: int) -> Any:
    if isinstance(value, e.Attribute):
        return branches if value.name == "branches" else None
    if isinstance(value, e.Arithmetic):
        left, right = (_known(v, slots, branches) for v in (value.left, value.right))
        return _arithmetic(value.operator, left, right)
    found = options(value, slots)
    return found[0] if len(found) == 1 else None


def _logic(operator: str, found: list[bool | None]) -> bool | None:
    if operator == "not":
        return None if found[0] is None else not found[0]
    decisive = operator == "or"
    if decisive in found:
        return decisive
    return None if None in found else not decisive
