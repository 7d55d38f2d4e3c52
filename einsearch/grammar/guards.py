"""Guards with their names resolved, and what is wrong with them wherever they stand."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from einsearch.grammar import expressions as e
from einsearch.grammar import syntax as s
from einsearch.grammar.modules import nearest
from einsearch.grammar.values import (
    GUARD_NAMES,
    LAYOUTS,
    TRUTH,
    checked_arithmetic,
    constant_of,
    link_value,
)
from einsearch.primitives.arguments import Symbol, show_value

if TYPE_CHECKING:
    from einsearch.grammar.scope import Scope

COMPARE: Final[dict[str, Callable[[Any, Any], bool]]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_EXAMPLE: Final = "for example: when channels >= 8 and not tokens"


def link_guard(node: s.Guard, scope: Scope) -> e.Guard:
    """A guard with its names resolved.

    Raises:
        GrammarError: a name is unknown, a number stands for a truth, sides of a comparison are of
            different kinds, a division has no outcome, or it is known never to hold.
    """
    guard = _linked(node, scope)
    if constant_truth(guard) is False:
        raise scope.module.fail(
            "this guard never holds, so its alternative is never drawn",
            node.at,
            "leave the alternative out, or mend the guard",
        )
    return guard


def constant_truth(guard: e.Guard) -> bool | None:
    """Whether a guard holds, where that depends on nothing."""
    if isinstance(guard, e.LogicGuard):
        found = [constant_truth(operand) for operand in guard.operands]
        if guard.operator == "not":
            return None if found[0] is None else not found[0]
        decisive = guard.operator == "or"
        if decisive in found:
            return decisive
        return None if None in found else not decisive
    if isinstance(guard, e.TruthGuard):
        value = constant_of(guard.value)
        return value if isinstance(value, bool) else None
    if isinstance(guard, e.CompareGuard):
        left, right = constant_of(guard.left), constant_of(guard.right)
        if left is None or right is None:
            return None
        return COMPARE[guard.operator](left, right)
    return None


def _linked(node: s.Guard, scope: Scope) -> e.Guard:
    if isinstance(node, s.Logic):
        return e.LogicGuard(node.operator, tuple(_linked(o, scope) for o in node.operands))
    if isinstance(node, s.Comparison):
        return _comparison(node, scope)
    if isinstance(node, s.Name):
        if node.name in LAYOUTS and node.name not in scope.locals:
            return e.LayoutGuard(node.name)
        value = _value(node, scope)
        if isinstance(value, e.Attribute):
            raise scope.module.fail(
                f"{node.name} is a number, but a guard is true or false",
                node.at,
                f"compare it: when {node.name} >= 8",
            )
        return e.TruthGuard(value)
    raise scope.module.fail(
        "a guard must be a comparison, or image, tokens or vector", node.at, _EXAMPLE
    )


def _comparison(node: s.Comparison, scope: Scope) -> e.CompareGuard:
    left, right = (
        _side(side, other, node.operator, scope)
        for side, other in ((node.left, node.right), (node.right, node.left))
    )
    kinds = [_kind(left), _kind(right)]
    if None not in kinds and kinds[0] != kinds[1]:
        raise scope.module.fail(
            f"{_shown(node.left)} is {kinds[0]}, {_shown(node.right)} is {kinds[1]}: "
            "they cannot be compared",
            node.at,
        )
    if node.operator not in ("==", "!=") and {"a word", "true or false"} & set(kinds):
        raise scope.module.fail(
            f"{node.operator} compares numbers alone", node.at, "words are compared by == and !="
        )
    return e.CompareGuard(node.operator, left, right)


def _side(node: s.Node | s.Guard, other: s.Node | s.Guard, operator: str, scope: Scope) -> e.Value:
    """A side of a comparison; a name that means nothing else is a word beside a parameter."""
    is_beside = isinstance(other, s.Name) and other.name in scope.locals
    if isinstance(node, s.Name) and is_beside and not _is_known(node.name, scope):
        return e.Constant(Symbol(node.name))
    return _value(node, scope)


def _is_known(name: str, scope: Scope) -> bool:
    return name in scope.locals or name in GUARD_NAMES or name in TRUTH


def _value(node: s.Node | s.Guard, scope: Scope) -> e.Value:
    if isinstance(node, (s.Logic, s.Comparison)):
        raise scope.module.fail("a comparison cannot be compared or calculated with", node.at)
    if isinstance(node, s.Name) and node.name not in scope.locals:
        if node.name in LAYOUTS:
            raise scope.module.fail(f"{node.name} is true or false, not a number", node.at)
        if not _is_known(node.name, scope):
            known = nearest(node.name, GUARD_NAMES | set(scope.locals))
            raise scope.module.fail(
                f"a guard cannot ask for {node.name}: no attribute or parameter named {node.name}",
                node.at,
                known or "it may ask for " + ", ".join(sorted(GUARD_NAMES | set(scope.locals))),
            )
    if isinstance(node, s.Arithmetic):
        left, right = _value(node.left, scope), _value(node.right, scope)
        for side, value in ((node.left, left), (node.right, right)):
            if _kind(value) not in (None, "a number"):
                message = f"{_shown(side)} is {_kind(value)}, and cannot be calculated with"
                raise scope.module.fail(message, side.at)
        return checked_arithmetic(node, left, right, scope)
    return link_value(node, scope, None, "guard", [])


def _kind(value: e.Value) -> str | None:
    """What a value is, where that is known."""
    if isinstance(value, e.Constant):
        if isinstance(value.value, bool):
            return "true or false"
        return "a word" if isinstance(value.value, str) else "a number"
    return "a number" if isinstance(value, (e.Attribute, e.Arithmetic)) else None


def _shown(node: s.Node | s.Guard) -> str:
    if isinstance(node, s.Number):
        return show_value(node.value)
    return node.name if isinstance(node, s.Name) else "arithmetic"
