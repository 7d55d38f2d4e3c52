"""Small changes of a grammar: what if this condition held, if that domain had one more value?

If the grammar with one such change derives a text that it does not derive without it, the change
says why not.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any, NamedTuple

from einsearch.grammar import expressions as e
from einsearch.grammar.model import Grammar
from einsearch.primitives.base import Primitive, get_primitive


class Kind(Enum):
    """What an edit changes."""

    GUARD = "condition"
    VALUE = "value"
    COUNT = "copies"
    TENSOR = "tensor"
    BRANCHES = "branches"
    SHARED = "derived once"
    OTHER = "operation"
    MISSING = "missing"
    SURPLUS = "surplus"


@dataclass(frozen=True, eq=False)
class Edit:
    """One change.

    Attributes:
        kind: what it changes.
        node: what it changes, as the grammar has it.
        changed: by id of a node, what takes its place.
        reason: what stands in the way without it.
        cost: edits are tried in this order.
    """

    kind: Kind
    node: Any
    changed: Mapping[int, Any]
    reason: str
    cost: float


class Where(NamedTuple):
    """The rule that a node stands in, and its innermost alternative, if any."""

    rule: e.Rule
    alternative: e.Alternative | None


class Index:
    """Where the nodes of a grammar stand, and how they belong together.

    Attributes:
        where: by id of a node, its rule and alternative.
        callers: by key of a rule, its calls.
        makers: by name of a primitive, its calls.
        series: by id of a part, the series that it is a part of.
    """

    def __init__(self, grammar: Grammar) -> None:
        self.grammar = grammar
        self.where: dict[int, Where] = {}
        self.callers: dict[str, list[e.RuleCall]] = {}
        self.makers: dict[str, list[e.PrimitiveCall]] = {}
        self.series: dict[int, e.Series] = {}
        for rule in grammar.rules.values():
            self._walk(rule)

    def _walk(self, rule: e.Rule) -> None:
        pending: list[tuple[Any, e.Alternative | None]] = [(rule.body, None)]
        pending += [(binding, None) for binding in rule.bindings]
        while pending:
            item, alternative = pending.pop()
            if isinstance(item, tuple):
                pending.extend((part, alternative) for part in item)
                continue
            if not is_node(item):
                continue
            if isinstance(item, e.Alternative):
                alternative = item
            elif isinstance(item, e.RuleCall):
                self.callers.setdefault(item.rule, []).append(item)
            elif isinstance(item, e.Series):
                self.series |= {id(part): item for part in item.items}
            elif isinstance(item, e.PrimitiveCall):
                self.makers.setdefault(item.primitive.name, []).append(item)
            self.where[id(item)] = Where(rule, alternative)
            pending.extend((getattr(item, name), alternative) for name in item.__slots__)

    def edited(self, edit: Edit) -> Grammar:
        """The grammar with one change."""
        rules = dict(self.grammar.rules)
        for key in {self.where[number].rule.key for number in edit.changed}:
            rules[key] = rebuilt(rules[key], edit.changed)
        return replace(self.grammar, rules=rules)


def is_node(item: Any) -> bool:
    """Whether an item is a part of a rule that has parts."""
    return type(item) in e.NODE_TYPES or isinstance(item, (e.Binding, e.Rule))


def rebuilt(rule: e.Rule, changed: Mapping[int, Any]) -> e.Rule:
    """A rule in which nodes are replaced; what is unchanged is kept as it is."""
    made: dict[int, Any] = dict(changed)
    pending: list[Any] = [rule]
    while pending:
        item = pending[-1]
        if id(item) in made:
            pending.pop()
            continue
        parts = _parts(item)
        missing = [part for part in parts if id(part) not in made and _has_parts(part)]
        if missing:
            pending.extend(missing)
            continue
        pending.pop()
        made[id(item)] = _with_parts(item, parts, made)
    return made[id(rule)]  # type: ignore[no-any-return]


def _has_parts(item: Any) -> bool:
    return isinstance(item, tuple) or is_node(item)


def _parts(item: Any) -> list[Any]:
    return list(item) if isinstance(item, tuple) else [getattr(item, n) for n in item.__slots__]


def _with_parts(item: Any, parts: list[Any], made: Mapping[int, Any]) -> Any:
    after = [made.get(id(part), part) if _has_parts(part) else part for part in parts]
    if all(new is old for new, old in zip(after, parts, strict=True)):
        return item
    return tuple(after) if isinstance(item, tuple) else type(item)(*after)


# --- the nodes that edits put in place of others --------------------------------------------------


def call_of(primitive: Primitive, args: Iterable[Any], at: e.At) -> e.PrimitiveCall:
    """A call with these values for its arguments, in order."""
    named = zip((p.name for p in primitive.parameters), args, strict=True)
    return e.PrimitiveCall(primitive, tuple((n, e.Constant(v)) for n, v in named), (), at)


def left_out(index: Index, node: e.PrimitiveCall) -> tuple[int, Any]:
    """A change by which a call need not be made."""
    around = index.series.get(id(node))
    if around is None:
        return id(node), either(node, e.PrimitiveCall(get_primitive("identity"), (), (), node.at))
    rest = tuple(part for part in around.items if part is not node)
    return id(around), either(around, rest[0] if len(rest) == 1 else e.Series(rest, around.at))


def either(node: Any, other: Any) -> e.Choice:
    """A node, or another in its place."""
    alternatives = tuple(e.Alternative(body, 0.5, None, node.at) for body in (node, other))
    return e.Choice(alternatives, "either", node.at)


def with_value(domain: e.DomainLike, value: Any) -> e.Domain:
    """A domain that has one more value. Of a range only that value is left."""
    options: tuple[e.Value, ...] = domain.options if isinstance(domain, e.Domain) else ()
    options = (*options, e.Constant(value))
    uniform = (1 / len(options),) * len(options)
    return e.Domain(options, uniform, domain.label, domain.at)


def inlined(rule: e.Rule, slot: int, body: Any) -> Iterator[tuple[int, Any]]:
    """Every use of a slot in the body of a rule, with the expression in its place."""
    pending: list[Any] = [rule.body, *(binding.body for binding in rule.bindings)]
    while pending:
        item = pending.pop()
        if isinstance(item, e.LocalUse) and item.slot == slot:
            yield id(item), body
        elif _has_parts(item):
            pending.extend(_parts(item))
