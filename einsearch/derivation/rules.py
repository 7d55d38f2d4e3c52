"""Rules: their arguments, what `where` binds, and expressions that are derived once."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

from einsearch.derivation.decisions import Path
from einsearch.derivation.drawing import draw_all, value_of
from einsearch.derivation.machine import Machine
from einsearch.derivation.state import Activation, Context, Cursor, Entered
from einsearch.derivation.values import Shared
from einsearch.errors import ShapeError
from einsearch.grammar import expressions as e


def rule_call(m: Machine, node: e.RuleCall) -> str | None:
    return draw_all(m, _enter, node)


def _enter(m: Machine, node: e.RuleCall, drawn: tuple[Any, ...]) -> str | None:
    context = m.context
    slots: list[Any] = []
    rule = m.rules[node.rule]
    path = context.path.child(node.label)
    try:
        for name, argument in zip(rule.parameters, node.arguments, strict=True):
            if isinstance(argument, e.VALUE_TYPES):
                slots.append(value_of(m, argument, node, drawn))
            else:
                shared = Shared(argument, context.environment, path.child(name), name)
                slots.append(shared)
    except ShapeError as error:
        return f"{rule.name}: {error}"
    return m.enter(rule, tuple(slots), path)


def enter_rule(m: Machine, rule: e.Rule, slots: tuple[Any, ...], path: Any) -> str | None:
    """Binds what `where` binds, then goes on with the rule's body."""
    before = m.context
    m.context = Context(slots, before.depth, path, before.copies, before.tie)
    return _bind_next(m, (rule, 0))


def activate(m: Machine, rule: e.Rule, path: Path) -> None:
    """Notes that a rule is entered; copies are not noted. A `retarget` takes effect here."""
    entry = m.entries
    m.entries += 1
    if m.source is None or not m.source.is_copy:
        depth = m.context.depth
        begun = Entered(entry, rule.key, len(m.decisions), m.nodes, depth, m.specs, m.level, path)
        m.push(_leave, begun)
        m.level += 1
        retarget = m.settings.retarget
        if retarget is not None and retarget.entry == entry:
            pending = retarget.nodes_after - m.pending_nodes
            m.push(_restore_source, retarget.after, max(0, pending))
            m.source = retarget.inside


def _leave(m: Machine, data: Entered) -> None:
    entry, rule, decisions, nodes, depth, incoming, level, path = data
    m.level = level
    m.activations.append(
        Activation(
            entry,
            rule,
            (decisions, len(m.decisions)),
            (nodes, m.nodes),
            depth,
            incoming,
            m.specs,
            level,
            path,
        )
    )


def _bind_next(m: Machine, data: tuple[e.Rule, int]) -> str | None:
    rule, position = data
    while position < len(rule.bindings):
        binding = rule.bindings[position]
        context = m.context
        if isinstance(binding.body, e.VALUE_TYPES):
            return draw_all(m, _bound_in(rule, position), binding)
        path = context.path.child(binding.name)
        shared = Shared(binding.body, context.environment, path, binding.name)
        m.context = context._replace(environment=(*context.environment, shared))
        position += 1
    m.expression = rule.body
    return None


@lru_cache(maxsize=4096)
def _bound_in(rule: e.Rule, position: int) -> Callable[[Machine, e.Binding, Any], str | None]:
    def bound(m: Machine, binding: e.Binding, drawn: tuple[Any, ...]) -> str | None:
        try:
            value = value_of(m, binding.body, binding, drawn)  # type: ignore[arg-type]
        except ShapeError as error:
            return f"{rule.name}: {error}"
        m.context = m.context._replace(environment=(*m.context.environment, value))
        return _bind_next(m, (rule, position + 1))

    return bound


def local_use(m: Machine, node: e.LocalUse) -> str | None:
    shared = m.context.environment[node.slot]
    if not isinstance(shared, Shared):
        return f"{node.name} is the value {shared}, but an operation is expected"
    m.events.append(("use", shared))
    m.use(shared)
    context = m.context
    m.context = Context(shared.environment, context.depth, shared.path, context.copies, context.tie)
    m.expression = shared.body
    return None


def _restore_source(m: Machine, source: Cursor | None) -> str | None:
    if m.source is not None and m.source.position != m.source.end:
        return "decisions are left over"
    m.source = source
    return None
