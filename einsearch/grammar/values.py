"""Values, guards and probabilities: from syntax trees to resolved nodes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from einsearch.grammar import expressions as e
from einsearch.grammar import syntax as s
from einsearch.grammar.build import LARGEST
from einsearch.grammar.modules import nearest
from einsearch.primitives.arguments import Kind, Symbol, show_value
from einsearch.specs import ATTRIBUTES, Layout

if TYPE_CHECKING:
    from einsearch.grammar.scope import Scope

NAMES_ARE_SYMBOLS: Final = frozenset({Kind.SYMBOL, Kind.AXIS, Kind.TEXT, Kind.BOOL, Kind.SETTING})
TRUTH: Final = {"true": True, "false": False}
LAYOUTS: Final = frozenset(str(layout) for layout in Layout)
PROBABILITY: Final = "probability"
"""Labels the value of one, which may be a quotient that is not exact."""
GUARD_NAMES: Final = ATTRIBUTES | LAYOUTS | {"depth"}


def show_node(node: s.Node) -> str:
    """A short form of a node for messages."""
    if isinstance(node, (s.Number, s.Text)):
        return show_value(node.value)
    if isinstance(node, (s.Name, s.Call)):
        return node.name
    return {
        s.DomainLiteral: "a domain {...}",
        s.RangeLiteral: "a range",
        s.Arithmetic: "arithmetic",
    }.get(type(node), "this")


def link_value(
    node: s.Node, scope: Scope, kind: Kind | None, label: str, draws: list[e.DomainLike]
) -> e.Value:
    """A value with its names resolved; the domains inside are appended to `draws`.

    Args:
        kind: what the primitive's parameter takes, or None for a parameter of a rule.
        label: names the draw in addresses.
    """
    if isinstance(node, (s.Number, s.Text)):
        return e.Constant(node.value)
    if isinstance(node, s.Name):
        return _link_name(node, scope, kind)
    if isinstance(node, s.Arithmetic):
        left = link_value(node.left, scope, Kind.INT, label, draws)
        right = link_value(node.right, scope, Kind.INT, label, draws)
        for side in (left, right):
            if isinstance(side, e.RealRange):
                raise scope.module.fail("a range of reals stands as a whole argument", node.at)
        if label == PROBABILITY:
            return e.Arithmetic(node.operator, left, right, node.at)
        return checked_arithmetic(node, left, right, scope)
    if isinstance(node, s.RangeLiteral):
        drawn = _link_range(node, scope, label)
        draws.append(drawn)
        return drawn
    if isinstance(node, s.DomainLiteral):
        domain = _link_domain(node, scope, kind, label)
        draws.append(domain)
        return domain
    raise scope.module.fail(
        f"{show_node(node)} is an operation, but a value is expected here",
        node.at,
        "write a number, a symbol, an attribute or a domain {...}",
    )


def _link_name(node: s.Name, scope: Scope, kind: Kind | None) -> e.Value:
    if node.name in scope.locals:
        return e.Local(scope.locals[node.name], node.name, node.at)
    if node.name in TRUTH and kind is not Kind.SYMBOL:
        return e.Constant(TRUTH[node.name])
    if kind in NAMES_ARE_SYMBOLS:
        return e.Constant(Symbol(node.name))
    if node.name in ATTRIBUTES or node.name == "depth":
        return e.Attribute(node.name, node.at)
    if kind is None:
        return e.Constant(Symbol(node.name))
    known = set(scope.locals) | ATTRIBUTES
    raise scope.module.fail(
        f"{node.name} is no value here",
        node.at,
        nearest(node.name, known)
        or f"expected {kind.value}: a number, a parameter of the rule, or an attribute such as "
        "channels",
    )


def _link_range(node: s.RangeLiteral, scope: Scope, label: str) -> e.IntegerRange | e.RealRange:
    inner: list[e.DomainLike] = []
    low = link_value(node.low, scope, Kind.INT, label, inner)
    high = link_value(node.high, scope, Kind.INT, label, inner)
    if inner:
        raise scope.module.fail("a range cannot have a domain as its end", node.at)
    ends = [x.value for x in (low, high) if isinstance(x, e.Constant)]
    if len(ends) == 2 and ends[0] > ends[1]:
        raise scope.module.fail(f"the range {ends[0]}..{ends[1]} is empty", node.at)
    if node.is_log and any(end <= 0 for end in ends):
        raise scope.module.fail("a log range needs ends above 0", node.at)
    if not node.is_log and not any(isinstance(end, float) for end in ends):
        return e.IntegerRange(low, high, scope.label(label), node.at)
    return e.RealRange(low, high, node.is_log, scope.label(label), node.at)


def _link_domain(node: s.DomainLiteral, scope: Scope, kind: Kind | None, label: str) -> e.Domain:
    inner: list[e.DomainLike] = []
    options = tuple(link_value(i.value, scope, kind, label, inner) for i in node.items)
    if inner:
        raise scope.module.fail("a domain cannot stand inside a domain", node.at)
    constants = [repr(o.value) for o in options if isinstance(o, e.Constant)]
    if len(set(constants)) < len(constants):
        raise scope.module.fail("the domain has the same value twice", node.at)
    weights = [_weight(item.weight, scope) for item in node.items]
    probabilities = _normalise(weights, scope, "the domain", node.at)
    return e.Domain(options, probabilities, scope.label(label), node.at)


def _weight(node: s.Node | None, scope: Scope) -> float | None:
    if node is None:
        return None
    value = constant_of(link_value(node, scope, Kind.NUMBER, PROBABILITY, []))
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise scope.module.fail("a probability must be a number or arithmetic on numbers", node.at)
    if value < 0:
        raise scope.module.fail(f"the probability {value:g} is negative", node.at)
    return float(value)


def link_probabilities(
    options: list[tuple[Scope, s.Option]], label: str, added: Sequence[int]
) -> tuple[float, ...]:
    """Probabilities of alternatives.

    Args:
        options: the rule's own, then those of `extend`.
        label: for messages.
        added: how many alternatives each extending file adds; their probabilities are those in
            the rule as enlarged by that file, the others keep their proportions.
    """
    weights = [_weight(option.weight, scope) for scope, option in options]
    start = len(weights) - sum(added)
    scope, option = options[0]
    probabilities = _normalise(weights[:start], scope, label, option.at)
    for number in added:
        end = start + number
        given = _of_extension(weights[start:end], options[start:end], label)
        probabilities = (*(p * (1 - sum(given)) for p in probabilities), *given)
        start = end
    return probabilities


def _of_extension(
    weights: list[float | None], options: list[tuple[Scope, s.Option]], label: str
) -> list[float]:
    given = []
    for weight, (scope, option) in zip(weights, options, strict=True):
        if weight is None:
            raise scope.module.fail(
                f"`extend {label}` needs the probability of what it adds",
                option.at,
                "write it behind the alternative: extend x = y [0.1]",
            )
        given.append(weight)
    if sum(given) >= 1:
        scope, option = options[-1]
        raise scope.module.fail(
            f"the alternatives that extend {label} have probability {sum(given):g} in total",
            option.at,
            "it must stay below 1",
        )
    return given


def _normalise(
    weights: list[float | None], scope: Scope, label: str, at: s.At
) -> tuple[float, ...]:
    given = [w for w in weights if w is not None]
    total = sum(given)
    if len(given) == len(weights):
        if total <= 0:
            raise scope.module.fail(f"every probability of {label} is 0", at)
        if math.isinf(total):
            # Weights of any scale: below 1 their sum is finite.
            given = [w / max(given) for w in given]
            total = sum(given)
        return tuple(w / total for w in given)
    if total > 1 + 1e-9:
        raise scope.module.fail(
            f"the probabilities of {label} sum to {total:g}, more than 1",
            at,
            "alternatives without one share what is left of 1; give every alternative one to use "
            "weights of any scale",
        )
    rest = (1 - total) / (len(weights) - len(given))
    if rest <= 1e-12:
        raise scope.module.fail(
            f"the probabilities of {label} leave nothing for the alternatives without one", at
        )
    return tuple(rest if w is None else w for w in weights)


def checked_arithmetic(
    node: s.Arithmetic, left: e.Value, right: e.Value, scope: Scope
) -> e.Arithmetic:
    """Arithmetic that has an outcome, as far as that is known when it is read.

    Raises:
        GrammarError: it divides by zero, or constants make no number of the language.
    """
    below, above = constant_of(right), constant_of(left)
    if node.operator == "/" and below == 0 and not isinstance(below, bool):
        raise scope.module.fail("a division by zero", node.at)
    value = e.Arithmetic(node.operator, left, right, node.at)
    if above is not None and below is not None and _exact(value) is None:
        shown = f"{show_value(above)} {node.operator} {show_value(below)}"
        if any(isinstance(side, (bool, str)) for side in (above, below)):
            raise scope.module.fail(f"{shown} calculates with what is no number", node.at)
        if node.operator == "/":
            raise scope.module.fail(f"{shown} is not an exact number", node.at)
        raise scope.module.fail(f"{shown} is too large", node.at, "integers are below 2^63")
    return value


def _exact(value: e.Value) -> Any:
    if isinstance(value, e.Arithmetic):
        left, right = _exact(value.left), _exact(value.right)
        return None if left is None or right is None else arithmetic(value.operator, left, right)
    return value.value if isinstance(value, e.Constant) else None


def arithmetic(operator: str, left: Any, right: Any) -> Any:
    """Exact arithmetic; None where a division is not exact, an operand is no number, or the
    outcome is larger than the language has numbers."""
    for side in (left, right):
        if isinstance(side, bool) or not isinstance(side, (int, float)):
            return None
    if operator == "+":
        outcome = left + right
    elif operator == "-":
        outcome = left - right
    elif operator == "*":
        outcome = left * right
    elif right == 0:
        return None
    elif isinstance(left, int) and isinstance(right, int):
        outcome = left // right if left % right == 0 else math.inf
    else:
        outcome = left / right
    if isinstance(outcome, int):
        return outcome if -LARGEST < outcome < LARGEST else None
    return outcome if math.isfinite(outcome) else None


def constant_of(value: e.Argument) -> Any:
    """The value where it depends on nothing, else None. Probabilities may divide inexactly."""
    if isinstance(value, e.Constant):
        return value.value
    if isinstance(value, e.Arithmetic):
        left, right = constant_of(value.left), constant_of(value.right)
        if left is None or right is None:
            return None
        exact = arithmetic(value.operator, left, right)
        if exact is None and value.operator == "/" and right:
            quotient = left / right
            return quotient if math.isfinite(quotient) else None
        return exact
    return None


def fold(value: e.Argument) -> list[Any]:
    """Every constant that a value can be, as far as it is known without a tensor."""
    if isinstance(value, e.Domain):
        return [constant for option in value.options for constant in fold(option)]
    if isinstance(value, (e.IntegerRange, e.RealRange)):
        return fold(value.low) + fold(value.high)
    constant = constant_of(value)
    return [] if constant is None else [constant]
