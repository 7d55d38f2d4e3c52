"""What each kind of expression does to the machine: one function a kind, and its frames.

A function returns None, or the reason why the expression cannot stand here. Structure is
recorded as events, from which `einsearch.derivation.terms` builds the text.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import lru_cache
from itertools import combinations
from typing import Any, Final

from einsearch.derivation.decisions import Options
from einsearch.derivation.machine import (
    Activation,
    BlockState,
    Context,
    Cursor,
    Machine,
    Refs,
    Tie,
)
from einsearch.derivation.values import Shared, evaluate, holds, resolve_domain
from einsearch.errors import ArgumentError, ShapeError
from einsearch.grammar import expressions as e
from einsearch.primitives.arguments import Arguments
from einsearch.primitives.base import Primitive, cost, infer_or_reason
from einsearch.primitives.program import Call, Ref


def _draw_all(m: Machine, then: Any, node: Any, drawn: tuple[Any, ...] = ()) -> str | None:
    """Draws the domains of a node one after the other, then goes on with `then`."""
    position = len(drawn)
    if position == len(node.draws):
        return then(m, node, drawn)  # type: ignore[no-any-return]
    domain = node.draws[position]
    context = m.context
    try:
        draw = resolve_domain(domain, context.environment, m.specs, context.depth)
    except ShapeError as error:
        return f"{context.path.label}: {error}"
    return m.choose(draw, domain.label, _drawn, (then, node, drawn))


def _drawn(m: Machine, data: tuple[Any, Any, tuple[Any, ...]], value: Any) -> str | None:
    then, node, drawn = data
    return _draw_all(m, then, node, (*drawn, value))


def _value(m: Machine, value: e.Value, node: Any, drawn: Sequence[Any]) -> Any:
    context = m.context
    return evaluate(value, context.environment, m.specs, context.depth, node.draws, drawn)


def primitive(m: Machine, node: e.PrimitiveCall) -> str | None:
    return _draw_all(m, _call, node)


@lru_cache(maxsize=65_536)
def _bind(
    called: Primitive, names: tuple[str, ...], values: tuple[Any, ...], kinds: tuple[type, ...]
) -> Arguments | str:
    try:
        return called.bind(**dict(zip(names, values, strict=True)))
    except ArgumentError as error:
        return str(error)


def _call(m: Machine, node: e.PrimitiveCall, drawn: tuple[Any, ...]) -> str | None:
    called = node.primitive
    try:
        values = tuple(_value(m, v, node, drawn) for _, v in node.arguments)  # type: ignore[arg-type]
    except ShapeError as error:
        return f"{called.name}: {error}"
    args = _bind(called, tuple(n for n, _ in node.arguments), values, tuple(map(type, values)))
    if isinstance(args, str):
        return f"{called.name}: {args}"
    refs, specs = m.refs, m.specs
    if called.is_source:
        if not set(refs) <= set(m.block.incoming):
            return f"{called.name} stands at the head of an expression only"
        refs = m.block.incoming[:1]
        specs = tuple(m.spec(ref) for ref in refs)
    outputs = infer_or_reason(called, args, specs)
    if isinstance(outputs, str):
        return outputs
    return m.emit(Call(called, args, refs, specs, outputs, ""), node, drawn)


def emit(m: Machine, call: Call, node: e.PrimitiveCall, drawn: tuple[Any, ...]) -> str | None:
    """Makes a call: counts it, records it, goes on with what it yields."""
    number = len(m.calls)
    tie = m.context.tie
    key = str(number) if tie is None else f"{tie.key}.{number - tie.first_call}"
    call = replace(call, weights=key)
    reason = _count(m, call)
    if reason is not None:
        return reason
    m.calls.append(call)
    m.events.append(("call", number, node, m.context.environment, drawn))
    return yield_outputs(m, call, tuple(Ref(number, port) for port in range(len(call.outputs))))


def yield_outputs(m: Machine, call: Call, refs: Refs) -> None:
    """Goes on with the tensors that a call yields."""
    if not call.primitive.is_source:
        m.block = m.block.reading(m.refs)
    m.refs = refs
    m.specs = call.outputs


def _count(m: Machine, call: Call) -> str | None:
    """Adds what a call costs; the reason where that breaks a limit or a tie."""
    limits = m.settings.limits
    m.nodes += m.context.copies
    if limits.nodes is not None and m.nodes > limits.nodes:
        return f"{call.primitive.name}: more than {limits.nodes} nodes"
    own = cost(call.primitive, call.args, call.specs)
    parameters = own.parameters
    if m.context.tie is not None:
        first = _first_tied(m, call)
        if first is not None:
            if parameters and (first.specs, first.args) != (call.specs, call.args):
                return f"{call.primitive.name}: tied weights are used at different shapes"
            parameters = 0
    m.parameters += parameters
    m.flops += own.flops
    m.memory += own.memory
    for name, used, most in (
        ("parameters", m.parameters, limits.parameters),
        ("flops", m.flops, limits.flops),
        ("activation_memory", m.memory, limits.activation_memory),
    ):
        if most is not None and used > most:
            return f"{call.primitive.name}: over the limit on {name}"
    return None


def _first_tied(m: Machine, call: Call) -> Call | None:
    """The earlier call with the same weights. Entries may be left from abandoned draws."""
    first = m.tied.get(call.weights)
    if first is not None and first < len(m.calls) and m.calls[first].weights == call.weights:
        return m.calls[first]
    m.tied[call.weights] = len(m.calls)
    return None


def rule_call(m: Machine, node: e.RuleCall) -> str | None:
    return _draw_all(m, _enter, node)


def _enter(m: Machine, node: e.RuleCall, drawn: tuple[Any, ...]) -> str | None:
    context = m.context
    slots: list[Any] = []
    rule = m.rules[node.rule]
    path = context.path.child(node.label)
    try:
        for name, argument in zip(rule.parameters, node.arguments, strict=True):
            if isinstance(argument, e.VALUE_TYPES):
                slots.append(_value(m, argument, node, drawn))
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


def activate(m: Machine, rule: e.Rule) -> None:
    """Notes that a rule is entered; copies are not noted. A `retarget` takes effect here."""
    entry = m.entries
    m.entries += 1
    if m.source is None or not m.source.is_copy:
        m.push(_leave, (entry, rule.key, len(m.decisions), m.nodes, m.context.depth, m.specs, m.level))
        m.level += 1
        retarget = m.settings.retarget
        if retarget is not None and retarget.entry == entry:
            least = m.frames.rest if m.frames is not None else 0
            m.push(_restore_source, retarget.after, max(0, retarget.nodes_after - least))
            m.source = retarget.inside


def _leave(m: Machine, data: tuple[Any, ...]) -> None:
    entry, rule, decisions, nodes, depth, incoming, level = data
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
        )
    )


def _bind_next(m: Machine, data: tuple[e.Rule, int]) -> str | None:
    rule, position = data
    while position < len(rule.bindings):
        binding = rule.bindings[position]
        context = m.context
        if isinstance(binding.body, e.VALUE_TYPES):
            return _draw_all(m, _bound_in(rule, position), binding)
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
            value = _value(m, binding.body, binding, drawn)  # type: ignore[arg-type]
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
    m.context = Context(
        shared.environment, context.depth, shared.path, context.copies, context.tie
    )
    m.expression = shared.body
    return None


def use(m: Machine, shared: Shared) -> None:
    """Derives a shared expression where it is used first; repeats that everywhere else."""
    known = m.shared.get(shared)
    if known is None:
        m.push(_first_use_done, (shared, _decision_position(m)))
    else:
        m.push(_copy_done, _past(m.source, known))
        m.source = Cursor(m.decisions, *known, is_copy=True)


def _past(source: Cursor | None, used: tuple[int, int]) -> Cursor | None:
    """A copy reads over the decisions of a shared expression that its original used first."""
    if source is not None and source.is_copy and source.position == used[0]:
        return source._replace(position=used[1])
    return source


def _decision_position(m: Machine) -> int:
    """Where in the machine's own decisions the next one is."""
    if m.source is not None and m.source.is_copy:
        return m.source.position
    return len(m.decisions)


def _first_use_done(m: Machine, data: tuple[Shared, int]) -> None:
    shared, start = data
    m.shared = {**m.shared, shared: (start, _decision_position(m))}
    m.events.append(("end",))


def _copy_done(m: Machine, source: Cursor | None) -> str | None:
    if m.source is not None and m.source.position != m.source.end:
        return "a copy takes fewer decisions than its original"
    m.source = source
    m.events.append(("end",))
    return None


def _restore_source(m: Machine, source: Cursor | None) -> str | None:
    if m.source is not None and m.source.position != m.source.end:
        return "decisions are left over"
    m.source = source
    return None


def series(m: Machine, node: e.Series) -> str | None:
    _push_rest(m, node, 0)
    m.expression = node.items[0]
    return None


def _push_rest(m: Machine, node: e.Series, done: int) -> None:
    if done + 1 == len(node.items):
        return
    pending = 0
    if m.settings.bounds is not None:
        context = m.context
        pending = context.copies * m.settings.bounds.after(
            node, done, context.environment, len(m.refs), context.depth
        )
    m.push(_series_next, (node, done + 1), pending)


def _series_next(m: Machine, data: tuple[e.Series, int]) -> None:
    node, position = data
    _push_rest(m, node, position)
    m.expression = node.items[position]


def _incoming_of_parts(m: Machine, node: e.Parallel) -> list[Refs] | None:
    number = len(node.items)
    if len(m.refs) == 1:
        return [m.refs] * number
    if len(m.refs) == number:
        return [(ref,) for ref in m.refs]
    if set(m.refs) <= set(m.block.incoming) and all(map(_starts_with_tensor, node.items)):
        return [m.refs] * number
    return None


def _starts_with_tensor(expression: e.Expression) -> bool:
    pending = [expression]
    while pending:
        item = pending.pop()
        if isinstance(item, e.Series):
            pending.append(item.items[0])
        elif isinstance(item, e.Parallel):
            pending.extend(item.items)
        elif isinstance(item, e.PrimitiveCall):
            if not item.primitive.is_source:
                return False
        elif not isinstance(item, (e.TensorUse, e.AnyTensor, e.AllUnused)):
            return False
    return True


def parallel(m: Machine, node: e.Parallel) -> str | None:
    incoming = _incoming_of_parts(m, node)
    if incoming is None:
        return f"{len(node.items)} parallel expressions, but {len(m.refs)} tensors arrive"
    if len(m.refs) == 1 and len(incoming) > 1 and not all(map(_starts_with_tensor, node.items)):
        reason = m.clone(len(incoming))
        if reason is not None:
            return reason
    m.events.append(("parallel",))
    _deepen(m)
    return _part(m, (node, 0, incoming, ()))


def _deepen(m: Machine) -> None:
    depth = m.context.depth + 1
    m.context = m.context._replace(depth=depth)
    m.deepest = max(m.deepest, depth)


def _part(m: Machine, data: tuple[e.Parallel, int, list[Refs], Refs]) -> str | None:
    node, position, incoming, outcome = data
    if _too_deep(m):
        return f"{m.context.path.label}: deeper than {m.settings.limits.depth} levels"
    pending = 0
    if m.settings.bounds is not None:
        context = m.context
        pending = context.copies * sum(
            m.settings.bounds.least(
                item, context.environment, len(incoming[position + 1 + i]), context.depth
            )
            for i, item in enumerate(node.items[position + 1 :])
        )
    m.push(_part_done, data, pending)
    m.refs = incoming[position]
    m.specs = tuple(m.spec(ref) for ref in m.refs)
    m.expression = node.items[position]
    return None


def _too_deep(m: Machine) -> bool:
    most = m.settings.limits.depth
    return most is not None and m.context.depth > most


def _part_done(m: Machine, data: tuple[e.Parallel, int, list[Refs], Refs]) -> str | None:
    node, position, incoming, outcome = data
    outcome = outcome + m.refs
    if position + 1 < len(node.items):
        m.events.append(("next",))
        return _part(m, (node, position + 1, incoming, outcome))
    m.events.append(("end",))
    m.refs = outcome
    m.specs = tuple(m.spec(ref) for ref in outcome)
    return None


def each(m: Machine, node: e.Each) -> str | None:
    return _draw_all(m, _each, node)


def repeat(m: Machine, node: e.Repeat) -> str | None:
    return _draw_all(m, _repeat, node)


def _count_of(m: Machine, node: Any, drawn: tuple[Any, ...]) -> int | str:
    try:
        count = _value(m, node.count, node, drawn)
    except ShapeError as error:
        return str(error)
    if isinstance(count, bool) or not isinstance(count, int) or count < 1:
        return f"a number of copies must be a whole number of at least 1, not {count}"
    most = m.settings.limits.nodes
    if most is not None and count > most:
        return f"{count} copies are more than {most} nodes"
    return count


def _each(m: Machine, node: e.Each, drawn: tuple[Any, ...]) -> str | None:
    if node.count is None:
        incoming = [(ref,) for ref in m.refs]
    else:
        count = _count_of(m, node, drawn)
        if isinstance(count, str):
            return count
        if len(m.refs) != 1:
            return f"each(..., {count}) takes one tensor, {len(m.refs)} arrive"
        reason = m.clone(count)
        if reason is not None:
            return reason
        incoming = [m.refs] * count
    m.events.append(("each", node.count is not None))
    return _first_copy(m, node, len(incoming), incoming)


def _repeat(m: Machine, node: e.Repeat, drawn: tuple[Any, ...]) -> str | None:
    count = _count_of(m, node, drawn)
    if isinstance(count, str):
        return count
    m.events.append(("repeat",))
    return _first_copy(m, node, count, None)


def _first_copy(
    m: Machine, node: e.Each | e.Repeat, count: int, incoming: list[Refs] | None
) -> str | None:
    outer = m.context
    _deepen(m)
    if _too_deep(m):
        return f"{outer.path.label}: deeper than {m.settings.limits.depth} levels"
    m.push(_copy_next, (node, 1, count, incoming, (), _decision_position(m), None))
    m.context = m.context._replace(copies=outer.copies * count)
    return _copy_from(m, node, incoming, 0)


def _copy_from(
    m: Machine, node: e.Each | e.Repeat, incoming: list[Refs] | None, number: int
) -> str | None:
    if incoming is not None:
        m.refs = incoming[number]
        m.specs = tuple(m.spec(ref) for ref in m.refs)
    m.expression = node.body
    return None


def _copy_next(m: Machine, data: tuple[Any, ...]) -> str | None:
    node, done, count, incoming, outcome, start, segment = data
    if segment is None:
        segment = (start, _decision_position(m), m.source)
    elif m.source is not None and m.source.position != m.source.end:
        return "a copy takes fewer decisions than its original"
    if incoming is not None:
        outcome = outcome + m.refs
    if done < count:
        m.events.append(("next",))
        m.push(_copy_next, (node, done + 1, count, incoming, outcome, start, segment))
        m.copy(segment[0], segment[1])
        m.context = m.context._replace(copies=0)
        return _copy_from(m, node, incoming, done)
    m.source = segment[2]
    m.events.append(("end",))
    if incoming is not None:
        m.refs = outcome
        m.specs = tuple(m.spec(ref) for ref in outcome)
    return None


def chain(m: Machine, node: e.Chain) -> str | None:
    return _draw_all(m, _chain, node)


def _chain(m: Machine, node: e.Chain, drawn: tuple[Any, ...]) -> str | None:
    count = _count_of(m, node, drawn)
    if isinstance(count, str):
        return count
    return _link_next(m, (node, 0, count, m.context.path))


def _link_next(m: Machine, data: tuple[e.Chain, int, int, Any]) -> str | None:
    node, done, count, path = data
    if done == count:
        return None
    pending = 0
    if m.settings.bounds is not None:
        context = m.context
        pending = (count - done - 1) * context.copies * m.settings.bounds.least(
            node.body, context.environment, 1, context.depth
        )
    m.push(_link_next, (node, done + 1, count, path), pending)
    m.context = m.context._replace(path=path.child(f"chain.{done + 1}"))
    m.expression = node.body
    return None


def tied(m: Machine, node: e.Tied) -> str | None:
    key = m.context.path.child(node.label).digest.hex()
    m.events.append(("tied",))
    m.push(_end, None)
    m.context = m.context._replace(tie=Tie(key, len(m.calls)))
    m.expression = node.body
    return None


def _end(m: Machine, _: None) -> None:
    m.events.append(("end",))


def choice(m: Machine, node: e.Choice) -> str | None:
    context, specs = m.context, m.specs
    values, probabilities = [], []
    for number, alternative in enumerate(node.alternatives):
        guard = alternative.guard
        if guard is None or holds(guard, context.environment, specs, context.depth):
            values.append(number)
            probabilities.append(alternative.probability)
    total = sum(probabilities)
    if total <= 0:
        return f"{context.path.label}: no alternative of {node.label} has its guard fulfilled"
    if total != 1:
        probabilities = [p / total for p in probabilities]
    allowed: Sequence[int] = range(len(values))
    if m.settings.bounds is not None and m.source is None:
        allowed = _within_limits(m, node, values)
    draw = Options(values, probabilities, allowed, f"{node.label}: {len(node.alternatives)}")
    return m.choose(draw, node.label, _chosen, node)


def _within_limits(m: Machine, node: e.Choice, values: list[int]) -> list[int]:
    """Positions of the alternatives whose cheapest completion keeps the limits."""
    bounds, context = m.settings.bounds, m.context
    assert bounds is not None
    most = m.settings.limits.nodes
    left = bounds.UNBOUNDED - 1
    if most is not None:
        rest = m.frames.rest if m.frames is not None else 0
        left = (most - m.nodes - rest) // max(1, context.copies)
    environment, depth, number = context.environment, context.depth, len(m.refs)
    return [
        position
        for position, value in enumerate(values)
        if bounds.least(node.alternatives[value].body, environment, number, depth) <= left
    ]


def _chosen(m: Machine, node: e.Choice, value: int) -> None:
    m.expression = node.alternatives[value].body


def block(m: Machine, node: e.Block) -> str | None:
    outer = m.block.reading(m.refs)
    _deepen(m)
    if _too_deep(m):
        return f"{m.context.path.label}: deeper than {m.settings.limits.depth} levels"
    incoming = m.refs
    names = (("in", incoming[0] if len(incoming) == 1 else None),)
    m.block = BlockState(incoming, names, frozenset())
    m.events.append(("block",))
    return _assign_next(m, (node, 0, outer))


def _assign_next(m: Machine, data: tuple[e.Block, int, BlockState]) -> str | None:
    node, position, outer = data
    pending = 0
    if m.settings.bounds is not None:
        context = m.context
        pending = context.copies * m.settings.bounds.statements(
            node, position + 1, context.environment, len(m.block.incoming), context.depth
        )
    m.push(_assigned, data, pending)
    m.refs = m.block.incoming
    m.specs = tuple(m.spec(ref) for ref in m.refs)
    m.expression = node.assignments[position].body
    return None


def _assigned(m: Machine, data: tuple[e.Block, int, BlockState]) -> str | None:
    node, position, outer = data
    assignment = node.assignments[position]
    names = assignment.names
    m.events.append(("name", names, assignment.is_bundle))
    if position + 1 == len(node.assignments):
        m.events.append(("end",))
        m.block = outer
        return None
    if len(m.refs) != len(names):
        return f"({', '.join(names)}) names {len(names)} tensors, but there are {len(m.refs)}"
    m.block = m.block._replace(names=m.block.names + tuple(zip(names, m.refs, strict=True)))
    return _assign_next(m, (node, position + 1, outer))


def _at_head(m: Machine) -> bool:
    return set(m.refs) <= set(m.block.incoming)


def _yield_tensors(m: Machine, names: tuple[str, ...], refs: Refs) -> str | None:
    m.block = m.block.reading(refs)
    m.events.append(("tensor", names))
    m.refs = refs
    m.specs = tuple(m.spec(ref) for ref in refs)
    return None


def tensor_use(m: Machine, node: e.TensorUse) -> str | None:
    if not _at_head(m):
        return f"the tensor {node.name} stands at the head of an expression only"
    if node.name == "in":
        return _yield_tensors(m, ("in",), m.block.incoming)
    for name, ref in m.block.names:
        if name == node.name and ref is not None:
            return _yield_tensors(m, (name,), (ref,))
    return f"there is no tensor {node.name} here"


def any_tensor(m: Machine, node: e.AnyTensor) -> str | None:
    if not _at_head(m):
        return "any stands at the head of an expression only"
    known = [
        (name, ref)
        for name, ref in m.block.names
        if ref is not None and (not node.names or name in node.names)
    ]
    fresh = [name for name, ref in known if ref not in m.block.read]
    names = [name for name, _ in known]
    if node.unused and len(fresh) >= node.count:
        names = fresh
    if len(names) < node.count:
        return f"any({node.count}) has only {len(names)} tensors to draw from"
    values = [" ".join(drawn) for drawn in combinations(names, node.count)]
    uniform = [1 / len(values)] * len(values)
    draw = Options(values, uniform, range(len(values)), f"any: {'|'.join(values)}")
    return m.choose(draw, node.label, _drew_tensors, node)


def _drew_tensors(m: Machine, node: e.AnyTensor, value: str) -> str | None:
    known = dict(m.block.names)
    names = tuple(value.split(" "))
    refs = tuple(ref for name in names if (ref := known[name]) is not None)
    return _yield_tensors(m, names, refs)


def all_unused(m: Machine, node: e.AllUnused) -> str | None:
    if not _at_head(m):
        return "all(unused) stands at the head of an expression only"
    state = m.block
    unread = [
        (name, ref)
        for name, ref in state.names
        if name != "in" and ref is not None and ref not in state.read
    ]
    if not unread:
        return "all(unused): every tensor has been read"
    return _yield_tensors(m, tuple(n for n, _ in unread), tuple(r for _, r in unread))


STEPS: Final[dict[type, Callable[[Machine, Any], str | None]]] = {
    e.PrimitiveCall: primitive,
    e.RuleCall: rule_call,
    e.LocalUse: local_use,
    e.Series: series,
    e.Parallel: parallel,
    e.Each: each,
    e.Repeat: repeat,
    e.Chain: chain,
    e.Tied: tied,
    e.Choice: choice,
    e.Block: block,
    e.TensorUse: tensor_use,
    e.AnyTensor: any_tensor,
    e.AllUnused: all_unused,
}
