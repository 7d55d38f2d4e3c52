"""What the changes are that could make a grammar derive a text, the likeliest first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

from einsearch.derivation.target import Token
from einsearch.derivation.values import Shared, attribute
from einsearch.derivation.why_edits import (
    Edit,
    Index,
    Kind,
    call_of,
    either,
    inlined,
    left_out,
)
from einsearch.derivation.why_trace import Miss, RuledOut, Tracer
from einsearch.derivation.why_values import value_edits
from einsearch.grammar import expressions as e
from einsearch.grammar.excerpt import excerpts
from einsearch.grammar.model import nodes_of
from einsearch.primitives.arguments import Kind as ArgumentKind
from einsearch.primitives.arguments import show_value
from einsearch.primitives.base import Primitive

COPIES: Final = "copies"
"""Label of a count that an edit leaves open."""
MOST_COPIES: Final = 64


def proposals(index: Index, tracer: Tracer) -> list[Edit]:
    """Changes worth a try."""
    edits = [*_shared(index, tracer)] if tracer.is_complete else []
    token = _token(tracer)
    for miss in tracer.misses:
        if miss.node is not None and id(miss.node) in index.where:
            edits += _of_miss(index, tracer, miss, token)
    edits += _guards(index, tracer)
    edits += _counts(index, tracer)
    edits += _surplus_behind(tracer, token)
    known: set[Any] = set()
    chosen = []
    for edit in sorted(edits, key=lambda edit: edit.cost):
        key = (edit.kind, edit.reason, *edit.changed)
        if key not in known:
            known.add(key)
            chosen.append(edit)
    return chosen


def _token(tracer: Tracer) -> Token | None:
    tokens = tracer.goal.tokens
    return tokens[tracer.furthest] if tracer.furthest < len(tokens) else None


def _of_miss(index: Index, tracer: Tracer, miss: Miss, token: Token | None) -> Iterator[Edit]:
    if token is None:
        yield from _missing(index, miss, "the end of the text")
    elif miss.name == token.name == "clone" and not isinstance(miss.node, e.PrimitiveCall):
        yield from _branches(miss, token)
    elif miss.name == token.name and miss.inputs == token.inputs:
        yield from value_edits(index, miss, token.args)
    elif miss.name == token.name and len(miss.inputs) == len(token.inputs):
        yield from _tensors(tracer, miss)
    elif isinstance(miss.node, e.PrimitiveCall):
        yield from _other(tracer, miss, token)
        yield from _missing(index, miss, _named(token))


def _named(token: Token) -> str:
    return "branches" if token.name == "clone" else token.name.rstrip("(")


def _missing(index: Index, miss: Miss, before: str) -> Iterator[Edit]:
    node = miss.node
    if isinstance(node, e.PrimitiveCall) and node.primitive.arity[0] == 1:
        reason = f"{node.primitive.name} is missing before {before}"
        yield Edit(Kind.MISSING, node, dict([left_out(index, node)]), reason, 3.1)


def _other(tracer: Tracer, miss: Miss, token: Token) -> Iterator[Edit]:
    """The text's call in place of the grammar's, or before it."""
    node = miss.node
    if token.inputs != miss.inputs or token.name == "clone":
        return
    there = tracer.goal.nodes[token.call].primitive
    if any(p.kind is ArgumentKind.EXPRESSION for p in there.parameters):
        return
    call = call_of(there, [value for _, value in token.args], node.at)
    distance = 0.0 if _family(there) == _family(node.primitive) else 0.05
    reason = f"{node.primitive.name} stands there, not {there.name}"
    yield Edit(Kind.OTHER, node, {id(node): either(node, call)}, reason, 3.0 + distance)
    if there.arity[0] == 1:
        both = e.Series((call, node), node.at)
        reason = f"{there.name} is one call too many before {node.primitive.name}"
        yield Edit(Kind.SURPLUS, node, {id(node): either(node, both)}, reason, 3.2)


def _family(primitive: Primitive) -> str:
    return type(primitive).__module__


def _surplus_behind(tracer: Tracer, token: Token | None) -> Iterator[Edit]:
    node = tracer.matched.get(tracer.furthest - 1)
    if token is None or token.name == "clone" or not isinstance(node, e.PrimitiveCall):
        return
    there = tracer.goal.nodes[token.call].primitive
    if any(p.kind is ArgumentKind.EXPRESSION for p in there.parameters):
        return
    call = call_of(there, [value for _, value in token.args], node.at)
    both = e.Series((node, call), node.at)
    reason = f"{there.name} is one call too many behind {node.primitive.name}"
    yield Edit(Kind.SURPLUS, node, {id(node): either(node, both)}, reason, 3.2)


def _branches(miss: Miss, token: Token) -> Iterator[Edit]:
    node = miss.node
    if not isinstance(node, e.Parallel):
        return
    here, there = len(node.items), token.args
    items = node.items[:there] + (node.items[-1],) * max(0, there - here)
    reason = f"there are {here} branches there, not {there}"
    changed = {id(node): either(node, e.Parallel(items, node.at))}
    yield Edit(Kind.BRANCHES, node, changed, reason, 2.0)


def _tensors(tracer: Tracer, miss: Miss) -> Iterator[Edit]:
    """Reads of tensors since the last call that was matched."""
    name = miss.name.rstrip("(")
    for seen in tracer.passed.values():
        node = seen.node
        if seen.position < tracer.furthest:
            continue
        if isinstance(node, e.AnyTensor) and (node.names or node.unused):
            free = e.AnyTensor(node.count, False, (), node.label, node.at)
            among = ", ".join(node.names) or "what nothing has read yet"
            reason = f"{name} reads another tensor than those that it may: {among}"
            yield Edit(Kind.TENSOR, node, {id(node): free}, reason, 1.2)
        elif isinstance(node, e.TensorUse):
            free = e.AnyTensor(1, False, (), f"read {node.name}", node.at)
            reason = f"{name} reads another tensor than {node.name}"
            yield Edit(Kind.TENSOR, node, {id(node): free}, reason, 1.3)


def _guards(index: Index, tracer: Tracer) -> Iterator[Edit]:
    """Conditions that were false, the last ones first."""
    for found in tracer.ruled_out.values():
        alternative = found.choice.alternatives[found.number]
        free = e.Alternative(
            alternative.body, alternative.probability, None, alternative.at, alternative.file
        )
        texts = excerpts(index.grammar.sources.get(alternative.file, ""))
        condition = texts.guards.get(alternative.at, "when ...")
        reason = f"its condition does not hold: `{condition}`, but {_facts(found, alternative)}"
        distance = tracer.furthest - found.position
        yield Edit(
            Kind.GUARD, alternative, {id(alternative): free}, reason, 0.9 + min(distance, 500) / 1e3
        )


def _facts(found: RuledOut, alternative: e.Alternative) -> str:
    """What the condition asks for, as it is."""
    facts: dict[str, None] = {}
    pending: list[Any] = [alternative.guard]
    while pending:
        item = pending.pop(0)
        if isinstance(item, e.LogicGuard):
            pending[:0] = item.operands
        elif isinstance(item, (e.CompareGuard, e.Arithmetic)):
            pending[:0] = [item.left, item.right]
        elif isinstance(item, e.TruthGuard):
            pending.insert(0, item.value)
        elif isinstance(item, e.LayoutGuard):
            layouts = " and ".join(sorted({str(spec.layout) for spec in found.specs}))
            facts[f"the tensor is {layouts or 'missing'}"] = None
        elif isinstance(item, e.Attribute):
            value = attribute(item.name, found.specs, found.depth)
            facts[f"{item.name} is {'not defined' if value is None else value}"] = None
        elif isinstance(item, e.Local):
            value = found.environment[item.slot]
            shown = value.name if isinstance(value, Shared) else show_value(value)
            facts[f"{item.name} is {shown}"] = None
    return " and ".join(facts)


def _counts(index: Index, tracer: Tracer) -> Iterator[Edit]:
    """Numbers of copies that were met before the furthest place."""
    for seen in tracer.passed.values():
        node = seen.node
        if not isinstance(node, (e.Repeat, e.Each, e.Chain)) or node.count is None:
            continue
        free = e.IntegerRange(e.Constant(1), e.Constant(MOST_COPIES), COPIES, node.at)
        changed = type(node)(node.body, free, (free,), node.at)
        texts = excerpts(index.grammar.sources.get(index.where[id(node)].rule.file, ""))
        shown = _shown_count(node.count, texts.values)
        what = type(node).__name__.lower()
        reason = f"{what} makes {shown} copies"
        distance = min(tracer.furthest - seen.position, 500) / 1e3
        yield Edit(Kind.COUNT, node, {id(node): changed}, reason, 1.1 + distance)


def _shown_count(count: Any, texts: Any) -> str:
    if isinstance(count, e.Constant):
        return show_value(count.value)
    return str(texts.get(count.at, getattr(count, "name", "another number of")))


def _shared(index: Index, tracer: Tracer) -> Iterator[Edit]:
    """Expressions that are derived once: what if every use were derived by itself?"""
    for rule in index.grammar.rules.values():
        for number, binding in enumerate(rule.bindings):
            if not isinstance(binding.body, e.VALUE_TYPES):
                slot = len(rule.parameters) + number
                changed = dict(inlined(rule, slot, binding.body))
                if len(changed) > 1:
                    reason = f"{binding.name} is derived once, so every use of it is the same"
                    yield Edit(Kind.SHARED, binding, changed, reason, 0.5)
    clones = sorted({t.args for t in tracer.goal.tokens if t.name == "clone"})
    for node in _copies(index.grammar.rules.values()):
        what = type(node).__name__.lower()
        reason = f"{what} derives its expression once, so all copies are the same"
        for other in _independent(node, clones):
            yield Edit(Kind.SHARED, node, {id(node): other}, reason, 0.6)


def _copies(rules: Any) -> Iterator[Any]:
    for rule in rules:
        for node in nodes_of(rule):
            if isinstance(node, (e.Repeat, e.Each, e.Tied)):
                yield node


def _independent(node: Any, clones: Sequence[int]) -> Iterator[Any]:
    if isinstance(node, e.Repeat):
        yield e.Chain(node.body, node.count, node.draws, node.at)
    elif isinstance(node, e.Tied):
        yield node.body
    else:
        for number in clones:
            yield e.Parallel((node.body,) * number, node.at)
