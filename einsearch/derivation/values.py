"""Evaluation of values and guards against an environment and the incoming tensors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from einsearch.derivation.decisions import Draw, Interval, Options, Path
from einsearch.errors import ShapeError
from einsearch.grammar import expressions as e
from einsearch.grammar.guards import COMPARE
from einsearch.grammar.values import arithmetic
from einsearch.primitives.arguments import show_value
from einsearch.specs import Bundle


@dataclass(frozen=True, slots=True, eq=False)
class Shared:
    """An expression that is derived once, wherever it is used: a binding, an argument.

    Attributes:
        body: the expression.
        environment: in which its names are looked up.
        path: addresses of its decisions begin with it.
        name: as the grammar calls it.
    """

    body: e.Expression
    environment: Environment
    path: Path
    name: str


Environment = tuple[Any, ...]
"""Values and `Shared` expressions, by slot."""


def attribute(name: str, specs: Bundle, depth: int) -> int | None:
    """An attribute of the incoming tensors, or None where they have none in common."""
    if name == "depth":
        return depth
    if name == "branches":
        return len(specs)
    found = specs[0].attributes.get(name) if specs else None
    if len(specs) > 1 and any(spec.attributes.get(name) != found for spec in specs):
        return None
    return found


def evaluate(
    value: e.Value,
    environment: Environment,
    specs: Bundle,
    depth: int,
    draws: Sequence[e.DomainLike] = (),
    drawn: Sequence[Any] = (),
) -> Any:
    """What a value stands for.

    Args:
        draws, drawn: domains inside the value, and what was drawn from them.

    Raises:
        ShapeError: the tensors lack the attribute, or a division is not exact.
    """
    if isinstance(value, e.Constant):
        return value.value
    if isinstance(value, e.Local):
        return environment[value.slot]
    if isinstance(value, e.Attribute):
        found = attribute(value.name, specs, depth)
        if found is None:
            raise ShapeError(f"the incoming tensors have no common {value.name}")
        return found
    if isinstance(value, e.Arithmetic):
        left = evaluate(value.left, environment, specs, depth, draws, drawn)
        right = evaluate(value.right, environment, specs, depth, draws, drawn)
        outcome = arithmetic(value.operator, left, right)
        if outcome is None:
            raise ShapeError(_unfit(value.operator, left, right))
        return outcome
    return next(v for d, v in zip(draws, drawn, strict=False) if d is value)


def _unfit(operator: str, left: Any, right: Any) -> str:
    """Why there is no outcome of arithmetic."""
    shown = f"{_show(left)} {operator} {_show(right)}"
    numbers = all(isinstance(side, (int, float)) for side in (left, right))
    if operator == "/" and right == 0:
        return f"{shown} divides by zero"
    return f"{shown} is {'too large' if numbers and operator != '/' else 'not an exact number'}"


def _show(value: Any) -> str:
    return f"the expression {value.name}" if isinstance(value, Shared) else show_value(value)


def resolve_domain(
    domain: e.DomainLike, environment: Environment, specs: Bundle, depth: int
) -> Draw:
    """The set that a domain stands for here. Raises ShapeError as `evaluate` does."""
    if isinstance(domain, e.Domain):
        values = [evaluate(o, environment, specs, depth) for o in domain.options]
        shown = "{" + ", ".join(map(_show, values)) + "}"
        return Options(values, domain.probabilities, range(len(values)), shown)
    low = evaluate(domain.low, environment, specs, depth)
    high = evaluate(domain.high, environment, specs, depth)
    is_log = isinstance(domain, e.RealRange) and domain.is_log
    if low > high or (is_log and low <= 0):
        raise ShapeError(f"the range {_show(low)}..{_show(high)} is empty here")
    return Interval(low, high, isinstance(domain, e.IntegerRange), is_log)


def holds(guard: e.Guard, environment: Environment, specs: Bundle, depth: int) -> bool:
    """Whether a guard is true. A comparison with an attribute that is missing is false."""
    if isinstance(guard, e.LayoutGuard):
        return bool(specs) and all(spec.layout == guard.layout for spec in specs)
    if isinstance(guard, e.LogicGuard):
        if guard.operator == "not":
            return not holds(guard.operands[0], environment, specs, depth)
        if guard.operator == "and":
            return all(holds(o, environment, specs, depth) for o in guard.operands)
        return any(holds(o, environment, specs, depth) for o in guard.operands)
    try:
        if isinstance(guard, e.TruthGuard):
            return bool(evaluate(guard.value, environment, specs, depth))
        left = evaluate(guard.left, environment, specs, depth)
        right = evaluate(guard.right, environment, specs, depth)
        return COMPARE[guard.operator](left, right)
    except (ShapeError, TypeError):
        return False
