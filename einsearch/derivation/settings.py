"""Settings of training in texts and derivations: `training(lr=0.003) >> ...`.

They stand at the head of a text. A grammar that draws none derives the network behind them; one
that has them in front of its start rule (`with_settings`) takes what it draws from the text, and
for what the text leaves open the value that is nearest to the usual one.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Any, Final

from einsearch.derivation.calls import constant_arguments
from einsearch.derivation.decisions import Draw, Interval
from einsearch.derivation.derivation import Derivation
from einsearch.derivation.replay import replay
from einsearch.derivation.values import resolve_domain
from einsearch.errors import ParseError
from einsearch.grammar import expressions as e
from einsearch.grammar.model import Grammar
from einsearch.primitives.arguments import Arguments, show_value
from einsearch.primitives.base import find_primitive, get_primitive

Settings = Mapping[str, Any]

_NOTHING: Final = "identity"
"""What is left of a text that has nothing but settings."""


def taken_off(rule: e.Rule) -> tuple[e.Rule, Settings]:
    """A text without the settings at its head, and these; of two the later counts."""
    body = rule.body
    items = list(body.items) if isinstance(body, e.Series) else [body]
    found: dict[str, Any] = {}
    while items and (settings := _settings(items[0])) is not None:
        found |= settings
        items.pop(0)
    if not found and (not isinstance(body, e.Series) or len(items) == len(body.items)):
        return rule, {}
    nothing = e.PrimitiveCall(get_primitive(_NOTHING), (), (), rule.at)
    rest = items[0] if len(items) == 1 else e.Series(tuple(items), rule.at) if items else nothing
    return replace(rule, body=rest), found


def _settings(item: e.Expression) -> Settings | None:
    """What an item of a text sets; None where it is no setting, or leaves something open."""
    if not isinstance(item, e.PrimitiveCall) or not item.primitive.is_setting:
        return None
    args = constant_arguments(item)
    return item.primitive.settings(args) if isinstance(args, Arguments) else None


def with_drawn(
    grammar: Grammar, network: Derivation, said: Settings, usual: Settings, *, is_strict: bool
) -> Derivation:
    """A network of `grammar.plain` as the grammar itself derives it.

    Args:
        grammar: made by `with_settings`.
        network: how `grammar.plain` derives it.
        said: settings that it comes with.
        usual: values that others are to be near; of what is not in it, the middle.
        is_strict: whether a value that cannot be drawn is an error; else the nearest is taken.

    Raises:
        ParseError: what is said cannot be drawn.
    """
    values = []
    body = grammar.start_rule.body
    call = body.items[0] if isinstance(body, e.Series) else body
    assert isinstance(call, e.PrimitiveCall)
    for name, draw in draws_in(call).items():
        if is_strict and name in said and draw.log_probability(said[name]) is None:
            raise ParseError(
                f"{name}={show_value(said[name])} cannot be drawn: expected {draw.domain}"
            )
        values.append(nearest(draw, said.get(name, usual.get(name))))
    decisions = [("", "", value) for value in (*values, *network.values)]
    return replay(grammar, network.input, decisions)


def draws_in(call: e.PrimitiveCall) -> dict[str, Draw]:
    """What each argument of a call is drawn from, by name, in order.

    Raises:
        ShapeError: a domain depends on what enters the call.
    """
    names = {id(value): name for name, value in call.arguments}
    return {names[id(drawn)]: resolve_domain(drawn, (), (), 0) for drawn in call.draws}


@lru_cache(maxsize=4096)
def decides_setting(address: str) -> bool:
    """Whether a decision at an address is one of a setting of training."""
    called = find_primitive(address.rpartition("/")[2].partition(".")[0])
    return called is not None and called.is_setting


def nearest(draw: Draw, wanted: Any) -> Any:
    """What can be drawn that is nearest to a value; the middle, or the first of names, where it
    is near nothing."""
    if isinstance(draw, Interval):
        return _within(draw, wanted)
    values = [v for v, p in zip(draw.values, draw.probabilities, strict=True) if p > 0]
    position = draw.position(wanted)
    if position is not None and draw.probabilities[position] > 0:
        return draw.values[position]
    numbers = sorted(value for value in values if _is_number(value))
    if not numbers:
        return values[0]
    if not _is_number(wanted):
        return numbers[len(numbers) // 2] if len(numbers) == len(values) else values[0]
    return min(numbers, key=lambda value: abs(value - wanted))


def _within(draw: Interval, wanted: Any) -> Any:
    if not _is_number(wanted):
        wanted = math.sqrt(draw.low * draw.high) if draw.is_log else (draw.low + draw.high) / 2
    value = min(max(wanted, draw.low), draw.high)
    return round(value) if draw.is_integer else float(value)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
