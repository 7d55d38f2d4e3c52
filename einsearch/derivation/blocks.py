"""Blocks of named tensors, and the ways to read them: by name, `any`, `all(unused)`."""

from __future__ import annotations

from itertools import combinations

from einsearch.derivation.decisions import Options
from einsearch.derivation.drawing import deepen, too_deep
from einsearch.derivation.machine import Machine
from einsearch.derivation.state import BlockState, Refs
from einsearch.grammar import expressions as e


def block(m: Machine, node: e.Block) -> str | None:
    outer = m.block.reading(m.refs)
    deepen(m)
    if too_deep(m):
        return f"{m.context.path.label}: deeper than {m.settings.limits.depth} levels"
    incoming = m.refs
    names = (("in", incoming[0] if len(incoming) == 1 else None),)
    m.block = BlockState(incoming, names, frozenset())
    m.events.append(("block",))
    return _assign_next(m, (node, 0, outer))


def _assign_next(m: Machine, data: tuple[e.Block, int, BlockState]) -> str | None:
    node, position, _ = data
    pending = 0
    if m.settings.bounds is not None and m.context.copies:
        context = m.context
        pending = context.copies * m.settings.bounds.statements(
            node, position + 1, context.environment, len(m.block.incoming), context.depth
        )
    m.push(_assigned, data, pending)
    m.refs = m.block.incoming
    m.specs = tuple(map(m.spec, m.refs))
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
    m.block = m.block.naming(names, m.refs)
    return _assign_next(m, (node, position + 1, outer))


def _at_head(m: Machine) -> bool:
    incoming = m.block.incoming
    return m.refs == incoming or set(m.refs) <= set(incoming)


def _yield_tensors(m: Machine, names: tuple[str, ...], refs: Refs) -> str | None:
    m.block = m.block.reading(refs)
    m.events.append(("tensor", names))
    m.refs = refs
    m.specs = tuple(map(m.spec, refs))
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
