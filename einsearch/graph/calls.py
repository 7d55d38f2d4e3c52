"""What simplification and hash ask of one call, whatever feeds it and reads it."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from einsearch.primitives.arguments import Arguments, Kind, show_value
from einsearch.primitives.base import Primitive, cost, expressions_of, resolve_axis
from einsearch.primitives.program import Call
from einsearch.specs import Bundle


class Nature(NamedTuple):
    """What a call is by itself.

    Attributes:
        label: name and arguments; empty where it takes expressions, and is no function.
        shape_only: whether its outcome does not depend on values of the incoming tensor.
        is_function: whether its outcome is a function of its operands, without weights and chance.
    """

    label: str
    shape_only: bool
    is_function: bool


def nature_of(call: Call) -> Nature:
    """`Nature` of one call of a program; worked out once for all that do the same."""
    return _nature(call.primitive, call.args, call.specs)


@lru_cache(maxsize=65_536)
def _nature(primitive: Primitive, args: Arguments, specs: Bundle) -> Nature:
    is_function = not (_has_weights(primitive, args, specs) or _is_random(primitive, args))
    is_short = is_function or not expressions_of(type(primitive))
    shown = label(primitive, args, specs) if is_short else ""
    return Nature(shown, reads_shape_only(primitive), is_function)


def reads_shape_only(primitive: Primitive) -> bool:
    """Whether the outcome does not depend on the values of the incoming tensor."""
    return primitive.ignores_input


def is_trainable(call: Call) -> bool:
    """Whether a call has parameters. Most cannot, which their class tells."""
    return _has_weights(call.primitive, call.args, call.specs)


def _has_weights(primitive: Primitive, args: Arguments, specs: Bundle) -> bool:
    return _may_have_weights(type(primitive)) and cost(primitive, args, specs).parameters > 0


@lru_cache(maxsize=4096)
def _may_have_weights(kind: type[Primitive]) -> bool:
    return kind.weights is not Primitive.weights


def _is_random(primitive: Primitive, args: Arguments) -> bool:
    """Whether a call, or one in its expressions, draws random numbers in training."""
    inner = [call for p in expressions_of(type(primitive)) for call in args[p.name].calls]
    return primitive.is_random or any(_is_random(call.primitive, call.args) for call in inner)


@lru_cache(maxsize=65_536)
def label(primitive: Primitive, args: Arguments, specs: Bundle) -> str:
    """Name and arguments of a call, axes resolved by the tensor that enters it.

    Two calls with equal labels do the same with tensors of the same shape, `softmax(last)` and
    `softmax(features)` of tokens for example.
    """
    shown = []
    for parameter, value in zip(primitive.parameters, args.values_in_order, strict=True):
        if parameter.kind is Kind.AXIS:
            shown.append(str(resolve_axis(specs[0], value)))
        elif parameter.kind is Kind.NUMBER:
            shown.append(repr(float(value)))
        else:
            shown.append(show_value(value))
    text = f"{primitive.name}({','.join(shown)})"
    return f"{text}:{specs[0]}" if reads_shape_only(primitive) else text


def label_of(call: Call) -> str:
    """`label` of one call of a program."""
    return label(call.primitive, call.args, call.specs)
