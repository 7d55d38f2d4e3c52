"""Architecture text from what the machine recorded.

The events of a derivation are folded into a tree of terms. Copies (`repeat`, `each`, uses of a
`where` binding) are merged where they are the same: an argument whose value differs between
copies stands as the attribute that it came from; copies that differ otherwise are written out.
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from einsearch.derivation.values import Shared
from einsearch.grammar import expressions as e
from einsearch.primitives.arguments import Arguments, Kind, Parameter, show_value
from einsearch.primitives.base import Primitive, expressions_of


@dataclass(frozen=True, slots=True, eq=False)
class Term:
    """One part of an architecture text.

    Attributes:
        kind: "call", "series", "parallel", "each", "repeat", "tied", "block", "tensor", "use".
        head: of a call its (name, shown arguments, how they were written); of the others what
            tells them apart: the number of copies, names, the shared expression.
        parts: terms inside, in order.
    """

    kind: str
    head: Any
    parts: tuple[Term, ...] = ()


@lru_cache(maxsize=65_536)
def term(kind: str, head: Any, parts: tuple[Term, ...] = ()) -> Term:
    """A term; of equal ones mostly the same object, so that copies that read alike are merged as
    soon as they are compared.
    """
    return Term(kind, head, parts)


EXPRESSION: Final = "(expression)"


@dataclass(frozen=True, slots=True)
class ShownCall:
    """A call's arguments: values as shown, and the attribute expressions that gave them.

    In the place of an expression stands `EXPRESSION`; it is the next part of the term.
    """

    name: str
    values: tuple[str, ...]
    written: tuple[str | None, ...]


def build_term(events: Sequence[tuple[Any, ...]]) -> Term:
    """The term of a whole derivation, copies merged."""
    # Each entry collects the items of one series; a list of finished parts stands below it.
    items: list[Term] = []
    stack: list[tuple[tuple[Any, ...], list[Term], list[Term]]] = []
    behind = 0
    for number, event in enumerate(events):
        kind = event[0]
        if number < behind or kind == "clone":
            continue
        if kind == "call":
            items.append(_call(event, items))
        elif kind == "tensor":
            tensors = tuple([term("tensor", name) for name in event[1]])
            items.append(tensors[0] if len(tensors) == 1 else term("parallel", None, tensors))
        elif kind == "next":
            opened, parts, _ = stack[-1]
            parts.append(_series(items))
            items = []
            if len(event) > 1:  # a copy, over so many events, that reads as the one before it
                items, behind = [parts[-1]], number + 1 + event[1]
        elif kind == "name":
            opened, parts, _ = stack[-1]
            parts.append(term("assign", (event[1], event[2]), (_series(items),)))
            items = []
        elif kind in ("end", "derived"):
            opened, parts, outer = stack.pop()
            if opened[0] != "block":
                parts.append(_series(items))
            items = outer
            items.extend(_close(opened, parts))
        else:
            stack.append((event, [], items))
            items = []
    return _series(items)


def _call(event: tuple[Any, ...], items: list[Term]) -> Term:
    """The term of a call; takes its expressions, which are the last items."""
    node: e.PrimitiveCall = event[2]
    environment, drawn, call = event[3:]
    inner = len(expressions_of(type(node.primitive)))
    expressions = tuple(items[len(items) - inner :])
    del items[len(items) - inner :]
    sources = [
        (name, _residual(argument, environment, node.draws, drawn, 0))
        for name, argument in _open_arguments(node)
    ]
    return term("call", _shown(call.primitive, call.args, tuple(sources)), expressions)


@lru_cache(maxsize=16_384)
def _open_arguments(node: e.PrimitiveCall) -> tuple[tuple[str, Any], ...]:
    """The arguments that depend on the incoming tensors."""
    return tuple((name, value) for name, value in node.arguments if _depends_on_tensor(value))


def _series(items: list[Term]) -> Term:
    return items[0] if len(items) == 1 else term("series", None, tuple(items))


def _close(opened: tuple[Any, ...], parts: list[Term]) -> list[Term]:
    kind = opened[0]
    if kind == "parallel":
        return [term("parallel", None, tuple(parts))]
    if kind == "block":
        return [term("block", None, tuple(parts))]
    if kind == "tied":
        return [term("tied", None, (parts[0],))]
    if kind == "use":
        return [Term("use", opened[1], (parts[0],))]
    if kind == "expression":
        return [parts[0]]
    merged = merge(parts)
    if kind == "each":
        if merged is None:
            return [term("parallel", None, tuple(parts))]
        count = len(parts) if opened[1] else None
        return [term("each", count, (merged,))]
    if merged is not None:
        return [term("repeat", len(parts), (merged,))]
    return [item for part in parts for item in _flat(part)]


def _flat(term: Term) -> tuple[Term, ...]:
    return term.parts if term.kind == "series" else (term,)


@lru_cache(maxsize=16_384)
def _shown(
    primitive: Primitive, args: Arguments, sources: tuple[tuple[str, str], ...]
) -> ShownCall:
    """Arguments but those that have their defaults; `sources`: what attributes gave them."""
    given = dict(sources)
    values: list[str] = []
    written: list[str | None] = []
    for parameter, value in zip(primitive.parameters, args.values_in_order, strict=True):
        if not parameter.is_required and _same(value, parameter.default):
            continue
        if parameter.kind is Kind.EXPRESSION:
            values.append(EXPRESSION)
            written.append(None)
            continue
        values.append(_labelled(parameter, show_value(value)))
        source = given.get(parameter.name)
        written.append(None if source is None else _labelled(parameter, source))
    return ShownCall(primitive.name, tuple(values), tuple(written))


def _same(value: Any, default: Any) -> bool:
    return value == default and isinstance(value, bool) == isinstance(default, bool)


def _labelled(parameter: Parameter, shown: str) -> str:
    return shown if parameter.is_required else f"{parameter.name}={shown}"


def _depends_on_tensor(value: Any) -> bool:
    if isinstance(value, e.Arithmetic):
        return _depends_on_tensor(value.left) or _depends_on_tensor(value.right)
    return isinstance(value, e.Attribute)


def _residual(value: Any, environment: Any, draws: Any, drawn: Any, binding: int) -> str:
    """A value as text in which only attributes are left open."""
    if isinstance(value, e.Constant):
        return show_value(value.value)
    if isinstance(value, e.Attribute):
        return value.name
    if isinstance(value, e.Local):
        return show_value(environment[value.slot])
    if isinstance(value, e.Arithmetic):
        strength = 2 if value.operator in "*/" else 1
        left = _residual(value.left, environment, draws, drawn, strength)
        right = _residual(value.right, environment, draws, drawn, strength + 1)
        text = f"{left} {value.operator} {right}"
        return f"({text})" if strength < binding else text
    return show_value(next(v for d, v in zip(draws, drawn, strict=False) if d is value))


def merge(copies: Sequence[Term]) -> Term | None:
    """One term that stands for all copies, or None where no text can."""
    merged = copies[0]
    for copy in copies[1:]:
        both = _merge_two(merged, copy)
        if both is None:
            return None
        merged = both
    return merged


def _merge_two(left: Term, right: Term) -> Term | None:
    """Bottom-up over both trees at once, without recursion."""
    pending = [(left, right)]
    order: list[tuple[Term, Term]] = []
    while pending:
        a, b = pending.pop()
        if a is b:
            order.append((a, b))
            continue
        if a.kind != b.kind or len(a.parts) != len(b.parts):
            return None
        order.append((a, b))
        pending.extend(zip(a.parts, b.parts, strict=True))
    built: dict[tuple[int, int], Term] = {}
    for a, b in reversed(order):
        if a is b:
            built[id(a), id(b)] = a
            continue
        head = _merge_heads(a, b)
        if head is _DIFFERENT:
            return None
        parts = tuple([built[id(x), id(y)] for x, y in zip(a.parts, b.parts, strict=True)])
        is_same = head is a.head and all(map(operator.is_, parts, a.parts))
        built[id(a), id(b)] = a if is_same else term(a.kind, head, parts)
    return built[id(left), id(right)]


_DIFFERENT: Any = object()


def _merge_heads(a: Term, b: Term) -> Any:
    if a.kind == "use":
        # Copies of a rule bind anew, so the same binding has another identity in each copy.
        return a.head
    if a.kind != "call":
        return a.head if a.head == b.head else _DIFFERENT
    first, second = a.head, b.head
    if first is second:
        return first
    if first.name != second.name or len(first.values) != len(second.values):
        return _DIFFERENT
    values = []
    for x, y, written, written_too in zip(
        first.values, second.values, first.written, second.written, strict=True
    ):
        if x == y:
            values.append(x)
        elif written is not None and written == written_too:
            values.append(written)
        else:
            return _DIFFERENT
    return ShownCall(first.name, tuple(values), first.written)


def uses_by_binding(term: Term) -> dict[Shared, list[Term]]:
    """Every place where a shared expression stands, in order."""
    found: dict[Shared, list[Term]] = {}
    pending = [term]
    while pending:
        item = pending.pop()
        if item.kind == "use":
            found.setdefault(item.head, []).append(item.parts[0])
        pending.extend(reversed(item.parts))
    return found


def free_tensors(term: Term) -> bool:
    """Whether a term reads a tensor that a block outside it names."""
    pending: list[tuple[Term, bool]] = [(term, False)]
    while pending:
        item, inside = pending.pop()
        if item.kind == "tensor" and not inside:
            return True
        pending.extend((part, inside or item.kind == "block") for part in item.parts)
    return False
