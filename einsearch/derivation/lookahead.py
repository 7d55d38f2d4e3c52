"""What cannot stand next, known before it is drawn: primitives that turn down the tensors at hand.

Where two branches have come to different shapes, say, none of the joins that fit no such pair is
drawn, so that a derivation returns at once to where they parted. Among what is left, probabilities
keep their proportions, as they do where a failed draw is drawn again.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from itertools import product
from typing import Any, Final

from einsearch.derivation.calls import bind_arguments
from einsearch.derivation.decisions import Draw, Options
from einsearch.derivation.drawing import value_of
from einsearch.derivation.machine import Machine
from einsearch.errors import ShapeError
from einsearch.grammar import expressions as e
from einsearch.primitives.base import Primitive, expressions_of, infer_or_reason
from einsearch.specs import Bundle

MOST_CALLS: Final = 64
"""Calls of a primitive that are tried for one alternative; it is drawn where it has more."""

Values = tuple[Any, ...]


def fitting_alternatives(
    node: e.Choice, numbers: Sequence[int], allowed: Sequence[int], specs: Bundle
) -> Sequence[int] | str:
    """Those of some alternatives that do not begin with a primitive which turns the tensors down.

    Args:
        node: the choice.
        numbers: alternatives whose guards are fulfilled.
        allowed: positions among them.
        specs: of the tensors that enter.

    Returns:
        Positions; or why none of them fits, where `allowed` has any.
    """
    reasons = _turned_down(node, specs)
    if not reasons:
        return allowed
    left = [position for position in allowed if numbers[position] not in reasons]
    return left if left or not allowed else reasons[numbers[allowed[-1]]]


@lru_cache(maxsize=16_384)
def _turned_down(node: e.Choice, specs: Bundle) -> dict[int, str]:
    """Why alternatives cannot stand behind such tensors, by their numbers."""
    found = ((n, _reason(a.body, specs)) for n, a in enumerate(node.alternatives))
    return {number: reason for number, reason in found if reason is not None}


def _reason(body: e.Expression, specs: Bundle) -> str | None:
    """Why an expression cannot stand here; None where it can, or that is not known."""
    while isinstance(body, e.Series):
        body = body.items[0]
    if not isinstance(body, e.PrimitiveCall) or _waits(body.primitive):
        return None
    choices = [_constants(value) for _, value in body.arguments]
    if None in choices or math.prod(len(values or ()) for values in choices) > MOST_CALLS:
        return None
    names = tuple([name for name, _ in body.arguments])
    reason = None
    for values in product(*(values or () for values in choices)):
        reason = _outcome(body.primitive, names, values, specs)
        if reason is None:
            return None
    return reason


def _constants(value: e.Argument) -> Values | None:
    """The values that an argument may have, where it depends on nothing."""
    if isinstance(value, e.Constant):
        return (value.value,)
    if isinstance(value, e.Domain) and all(isinstance(o, e.Constant) for o in value.options):
        return tuple(o.value for o in value.options if isinstance(o, e.Constant))
    return None


def fitting_values(m: Machine, node: e.PrimitiveCall, drawn: Values, draw: Draw) -> Draw | str:
    """A draw of the last argument that is open, without the values that a primitive turns down.

    Returns:
        The draw; or why no value fits.
    """
    domain, called = node.draws[len(drawn)], node.primitive
    names = [name for name, value in node.arguments if value is domain]
    if not isinstance(draw, Options) or not names or _waits(called):
        return draw
    others = [(name, value) for name, value in node.arguments if value is not domain]
    try:
        values = tuple([value_of(m, value, node, drawn) for _, value in others])  # type: ignore[arg-type]
    except ShapeError as error:
        return f"{called.name}: {error}"
    given = (tuple([name for name, _ in others]), values, tuple(map(type, values)))
    options = tuple(draw.values)
    found = _fitting(called, given, names[0], options, tuple(map(type, options)), m.specs)
    if isinstance(found, str):
        return found
    return draw if len(found) == len(options) else draw.only(found)


@lru_cache(maxsize=16_384)
def _fitting(
    called: Primitive,
    given: tuple[tuple[str, ...], Values, tuple[type, ...]],
    name: str,
    options: Values,
    kinds: tuple[type, ...],
    specs: Bundle,
) -> tuple[int, ...] | str:
    """Positions of the options that fit, or why none does; `kinds`: their types."""
    names, values, _ = given
    reasons = [_outcome(called, (*names, name), (*values, option), specs) for option in options]
    left = tuple(position for position, reason in enumerate(reasons) if reason is None)
    return left or next((reason for reason in reasons if reason is not None), ())


def _outcome(
    called: Primitive, names: tuple[str, ...], values: Values, specs: Bundle
) -> str | None:
    """Why a call cannot be made; None where it can."""
    args = bind_arguments(called, names, values, tuple(map(type, values)))
    if isinstance(args, str):
        return f"{called.name}: {args}"
    outputs = infer_or_reason(called, args, specs)
    return outputs if isinstance(outputs, str) else None


def _waits(called: Primitive) -> bool:
    """Whether what it takes is not known from its arguments and the tensors at hand."""
    return called.is_source or bool(expressions_of(type(called)))
