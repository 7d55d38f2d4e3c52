"""Which parameters and bindings decide on more than an argument of a primitive."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from einsearch.grammar import expressions as e
from einsearch.grammar.model import nodes_of
from einsearch.primitives.base import expressions_of
from einsearch.primitives.outputs import outputs_of


def relevant_slots(
    rules: Mapping[str, e.Rule], *, guards: bool = True
) -> dict[str, frozenset[int]]:
    """By rule, the slots whose values decide on numbers of copies or tensors.

    Args:
        guards: whether those count, too, that decide on guards.
    """
    found: dict[str, set[int]] = {}
    # By a rule's slot: the slots of callers whose values are handed to it.
    handed: dict[tuple[str, int], list[tuple[str, int]]] = {}
    for key, rule in rules.items():
        found[key] = set()
        for node in nodes_of(rule):
            if isinstance(node, e.RuleCall):
                for slot, argument in enumerate(node.arguments):
                    for local in _locals(argument):
                        handed.setdefault((node.rule, slot), []).append((key, local))
            for value in _deciding(node, guards=guards):
                found[key].update(_locals(value))
        for position, binding in enumerate(rule.bindings):
            for local in _locals(binding.body):
                handed.setdefault((key, len(rule.parameters) + position), []).append((key, local))
    pending = [(key, slot) for key, slots in found.items() for slot in slots]
    while pending:
        for key, slot in handed.get(pending.pop(), ()):
            if slot not in found[key]:
                found[key].add(slot)
                pending.append((key, slot))
    return {key: frozenset(slots) for key, slots in found.items()}


def _deciding(node: Any, *, guards: bool) -> Iterator[Any]:
    """Values in a node that decide on more than an argument of a primitive."""
    if isinstance(node, (e.Each, e.Repeat, e.Chain)):
        yield node.count
    elif isinstance(node, e.IntegerRange):
        yield from (node.low, node.high)
    elif guards and isinstance(node, (e.CompareGuard, e.TruthGuard)):
        yield from (getattr(node, name) for name in node.__slots__)
    elif isinstance(node, e.PrimitiveCall):
        names = deciding_arguments(node)
        yield from (value for name, value in node.arguments if name in names)


def deciding_arguments(node: e.PrimitiveCall) -> set[str]:
    """Names of arguments that say how many tensors or copies there are."""
    names = {p.copies for p in expressions_of(type(node.primitive)) if p.copies}
    outputs = outputs_of(node.primitive)
    return names | {outputs} if isinstance(outputs, str) else names


def _locals(value: Any) -> Iterator[int]:
    pending = [value]
    while pending:
        item = pending.pop()
        if isinstance(item, e.Local):
            yield item.slot
        elif isinstance(item, e.Domain):
            pending += item.options
        elif isinstance(item, e.Arithmetic):
            pending += [item.left, item.right]
        elif isinstance(item, (e.IntegerRange, e.RealRange)):
            pending += [item.low, item.high]
