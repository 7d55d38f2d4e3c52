"""What values can be, for counting: which ones matter, how many there are, whether guards hold."""

from __future__ import annotations

from itertools import product
from typing import Any, Final

from einsearch.grammar import expressions as e
from einsearch.grammar.guards import COMPARE
from einsearch.grammar.values import arithmetic

MOST_VALUES: Final = 256
"""Larger domains are not followed into copies and guards."""
MOST_WAYS: Final = 4096
"""In which the values of one call, or of what one rule binds, are followed."""

Slots = tuple[Any, ...]
"""Values by slot; None for what is not known or does not matter; anything else for expressions."""


class Uncountable(Exception):
    """What a count would need is not followed."""


def check_ways(number: int) -> None:
    """Raises Uncountable where there are too many ways to be followed."""
    if number > MOST_WAYS:
        raise Uncountable(
            f"more than {MOST_WAYS:,} combinations of values decide on copies or guards"
        )


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
        left, right = options(value.left, slots), options(value.right, slots)
        if len(left) * len(right) > MOST_WAYS:
            raise Uncountable(f"arithmetic on more than {MOST_WAYS:,} pairs of values")
        return [_arithmetic(value.operator, a, b) for a, b in product(left, right)]
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
