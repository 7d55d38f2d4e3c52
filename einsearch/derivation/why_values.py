"""Changes by which an argument would have another value: at its call, or where it is drawn."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from einsearch.derivation.values import Shared, evaluate
from einsearch.derivation.why_edits import Edit, Index, Kind, either, with_value
from einsearch.derivation.why_trace import Miss
from einsearch.errors import ShapeError
from einsearch.grammar import expressions as e
from einsearch.grammar.excerpt import excerpts
from einsearch.grammar.values import arithmetic
from einsearch.primitives.arguments import Kind as ArgumentKind
from einsearch.primitives.arguments import Parameter, show_value

MOST_CALLERS = 8
"""Calls of a rule that an argument is followed through."""


def value_edits(index: Index, miss: Miss, wanted: Any) -> Iterator[Edit]:
    """Changes that give a call the arguments that a text has; of one argument, else of all."""
    node: e.PrimitiveCall = miss.node
    schema = [p for p in node.primitive.parameters if p.kind is not ArgumentKind.EXPRESSION]
    if node.primitive.name == "clone" and isinstance(wanted, int):
        pairs = [(schema[0], miss.args, wanted)]
    else:
        pairs = [
            (p, here[1], there[1])
            for p, here, there in zip(schema, miss.args, wanted, strict=True)
            if here != there
        ]
    found = [list(_of_argument(index, miss, *pair)) for pair in pairs]
    if len(found) == 1:
        yield from found[0]
        return
    # Several arguments differ: the likeliest change of each, all at once.
    first = [edits[0] for edits in found if edits]
    for edits in (first, [edits[-1] for edits in found if edits]):
        if len(edits) == len(pairs):
            changed = {key: new for edit in edits for key, new in edit.changed.items()}
            reason = "; ".join(edit.reason for edit in edits)
            yield Edit(Kind.VALUE, edits[0].node, changed, reason, len(edits) + 0.5)


def _of_argument(
    index: Index, miss: Miss, parameter: Parameter, here: Any, wanted: Any
) -> Iterator[Edit]:
    node: e.PrimitiveCall = miss.node
    argument = dict(node.arguments).get(parameter.name)
    name, value = parameter.name, show_value(wanted)
    if argument is not None:
        yield from _of_value(index, argument, wanted, f"{name} is ", miss)
    if argument is None:
        reason = f"{name} is {show_value(here)} there, its default, not {value}"
    elif isinstance(argument, e.Constant):
        reason = f"{name} is {show_value(here)} there, not {value}"
    elif isinstance(argument, e.Attribute):
        reason = f"{name} is the incoming tensor's {argument.name}, {show_value(here)}, not {value}"
    else:
        shown = _written(index, node, argument)
        reason = f"{name} is {shown} there, which is {show_value(here)}, not {value}"
    changed = {id(node): either(node, _with_argument(node, name, wanted))}
    yield Edit(Kind.VALUE, node, changed, reason, 1.5)


def _with_argument(node: e.PrimitiveCall, name: str, value: Any) -> e.PrimitiveCall:
    arguments = {**dict(node.arguments), name: e.Constant(value)}
    return e.PrimitiveCall(node.primitive, tuple(arguments.items()), node.draws, node.at)


def _written(index: Index, node: Any, argument: Any) -> str:
    if isinstance(argument, (e.Local, e.Attribute)):
        return argument.name
    if not hasattr(argument, "at"):
        return "another value"
    file = index.where[id(node)].rule.file
    texts = excerpts(index.grammar.sources.get(file, ""))
    return texts.values.get(argument.at) or texts.expressions.get(argument.at, "another value")


def _of_value(
    index: Index, argument: Any, wanted: Any, told: str, miss: Miss | None, level: int = 0
) -> Iterator[Edit]:
    """Changes of the domains that a value comes from."""
    for leaf, needed in _solved(argument, wanted, miss):
        if isinstance(leaf, e.Local):
            yield from _of_local(index, leaf, needed, f"{told}{leaf.name}, ", level)
        elif isinstance(leaf, (e.Domain, e.IntegerRange, e.RealRange)):
            domain = _written(index, leaf, leaf)
            reason = f"{told}drawn from {domain}, which does not have {show_value(needed)}"
            changed = {id(leaf): with_value(leaf, needed)}
            yield Edit(Kind.VALUE, leaf, changed, reason, 1.0 + 0.1 * level)
        elif isinstance(leaf, e.Constant) and level and leaf is argument:
            reason = f"{told}which is {show_value(leaf.value)} there, not {show_value(needed)}"
            yield Edit(Kind.VALUE, leaf, {id(leaf): e.Constant(needed)}, reason, 1.4 + 0.1 * level)


def _of_local(index: Index, leaf: e.Local, needed: Any, told: str, level: int) -> Iterator[Edit]:
    rule = index.where[id(leaf)].rule
    number = leaf.slot - len(rule.parameters)
    if number >= 0:
        yield from _of_value(index, rule.bindings[number].body, needed, told, None, level + 1)
    elif level < MOST_CALLERS:
        for call in index.callers.get(rule.key, [])[:MOST_CALLERS]:
            argument = call.arguments[leaf.slot]
            yield from _of_value(index, argument, needed, told, None, level + 1)


def _solved(value: Any, wanted: Any, miss: Miss | None) -> Iterator[tuple[Any, Any]]:
    """Leaves of arithmetic, and what each would have to be for the whole to be as wanted."""
    if not isinstance(value, e.Arithmetic):
        yield value, wanted
        return
    for side, other, solve in (
        (value.left, value.right, _LEFT[value.operator]),
        (value.right, value.left, _RIGHT[value.operator]),
    ):
        known = _known(other, miss)
        needed = None if known is None else solve(known, wanted)
        if needed is not None and not isinstance(side, e.Constant):
            yield from _solved(side, needed, miss)


_Solve = Callable[[Any, Any], Any]
_LEFT: Final[Mapping[str, _Solve]] = {
    "+": lambda other, whole: arithmetic("-", whole, other),
    "-": lambda other, whole: arithmetic("+", whole, other),
    "*": lambda other, whole: arithmetic("/", whole, other),
    "/": lambda other, whole: arithmetic("*", whole, other),
}
_RIGHT: Final[Mapping[str, _Solve]] = {
    "+": lambda other, whole: arithmetic("-", whole, other),
    "-": lambda other, whole: arithmetic("-", other, whole),
    "*": lambda other, whole: arithmetic("/", whole, other),
    "/": lambda other, whole: arithmetic("/", other, whole),
}


def _known(value: Any, miss: Miss | None) -> Any:
    """What a value without draws comes to; None where it is not known."""
    environment = miss.environment if miss else ()
    specs, depth = (miss.specs, miss.depth) if miss else ((), 0)
    try:
        found = evaluate(value, environment, specs, depth)
    except (ShapeError, StopIteration, IndexError):
        return None
    return None if isinstance(found, Shared) else found
