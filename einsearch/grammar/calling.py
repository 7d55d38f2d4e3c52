"""Names and calls: what a name means where it stands, and the arguments of what it calls."""

from __future__ import annotations

from collections.abc import Iterable

from einsearch.errors import ArgumentError
from einsearch.grammar import expressions as e
from einsearch.grammar import syntax as s
from einsearch.grammar.foreign import said_here
from einsearch.grammar.modules import Meaning, nearest
from einsearch.grammar.scope import Linking, Scope
from einsearch.grammar.structure import COPIES, link_all, link_any, link_copies
from einsearch.grammar.values import fold, link_value
from einsearch.primitives.arguments import Kind
from einsearch.primitives.base import Primitive, all_primitives
from einsearch.specs import ATTRIBUTES


def link_name(node: s.Name, scope: Scope) -> Linking:
    name = node.name
    if scope.tensors is not None and (name in scope.tensors or name == "in"):
        return e.TensorUse(name, node.at)
    if name in scope.locals:
        return e.LocalUse(scope.locals[name], name, node.at)
    if name == "any":
        return e.AnyTensor(1, False, (), scope.label("any"), node.at)
    meaning = scope.meaning(name)
    if meaning is None:
        raise _unknown(node, scope)
    return (yield from _apply(s.Call(node.at, name, (), ()), meaning, scope))


def _unknown(node: s.Name | s.Call, scope: Scope) -> Exception:
    name = node.name
    if name == "in":
        return scope.module.fail("`in` has a meaning inside a block { ... } only", node.at)
    if name in scope.hidden:
        return scope.module.fail(
            f"the tensor {name} cannot be read inside the expression of a primitive",
            node.at,
            "it is a network of its own: what it reads must enter the primitive",
        )
    if name in ATTRIBUTES:
        return scope.module.fail(f"{name} is a number, but an operation is expected here", node.at)
    known = scope.module.names() | set(all_primitives()) | set(scope.locals)
    known |= scope.tensors or frozenset()
    return scope.module.fail(
        f"no rule or primitive is named {name}",
        node.at,
        _hint(name, known),
    )


def _hint(name: str, known: Iterable[str]) -> str:
    """What may have been meant: the same in other letters, another library's name, a near one."""
    small = {word.lower(): word for word in known}
    if name.lower() in small:
        return f"did you mean {small[name.lower()]}?"
    return said_here(name) or nearest(name, known) or "`einsearch primitives` lists the primitives"


def link_call(node: s.Call, scope: Scope) -> Linking:
    if node.name in COPIES:
        return (yield from link_copies(node, scope))
    if node.name == "any":
        return link_any(node, scope)
    if node.name == "all":
        return link_all(node, scope)
    if node.name in scope.locals:
        raise scope.module.fail(
            f"{node.name} is a parameter and takes no arguments",
            node.at,
            "an expression handed to a rule is derived once; give it its arguments there",
        )
    meaning = scope.meaning(node.name)
    if meaning is None:
        raise _unknown(node, scope)
    return (yield from _apply(node, meaning, scope))


def _apply(node: s.Call, meaning: Meaning | Primitive, scope: Scope) -> Linking:
    if isinstance(meaning, Primitive):
        return (yield from _primitive(node, meaning, scope))
    return (yield from _rule_call(node, meaning, scope))


def _primitive(node: s.Call, primitive: Primitive, scope: Scope) -> Linking:
    schema = {p.name: p for p in primitive.parameters}
    if len(node.positional) > len(schema):
        raise scope.module.fail(
            f"{node.name} takes at most {len(schema)} arguments, {len(node.positional)} are given",
            node.at,
            f"it is written {primitive.signature()}",
        )
    given = list(zip(schema, node.positional, strict=False)) + list(node.named)
    draws: list[e.DomainLike] = []
    linked: dict[str, e.Argument] = {}
    for name, value in given:
        if name not in schema:
            hint = nearest(name, schema) or f"it is written {primitive.signature()}"
            raise scope.module.fail(f"{node.name} has no argument {name}", value.at, hint)
        if name in linked:
            raise scope.module.fail(f"{node.name} gets {name} twice", value.at)
        parameter = schema[name]
        if parameter.kind is Kind.EXPRESSION:
            linked[name] = yield value, scope.inside_primitive()
            continue
        linked[name] = link_value(value, scope, parameter.kind, f"{node.name}.{name}", draws)
        for constant in fold(linked[name]):
            try:
                parameter.accept(constant)
            except ArgumentError as error:
                raise scope.module.fail(f"{node.name}: {error}", value.at) from None
    missing = [p.name for p in schema.values() if p.is_required and p.name not in linked]
    if missing:
        raise scope.module.fail(
            f"{node.name} needs {' and '.join(missing)}",
            node.at,
            f"it is written {primitive.signature()}",
        )
    return e.PrimitiveCall(primitive, tuple(linked.items()), tuple(draws), node.at)


def _rule_call(node: s.Call, meaning: Meaning, scope: Scope) -> Linking:
    formals = dict(meaning.statement.header.formals)
    shown = f"{node.name}({', '.join(formals)})" if formals else node.name
    if len(node.positional) > len(formals):
        raise scope.module.fail(
            f"{node.name} takes {len(formals)} arguments, {len(node.positional)} are given",
            node.at,
            f"it is written {shown}",
        )
    given: dict[str, s.Node] = dict(zip(formals, node.positional, strict=False))
    for name, value in node.named:
        if name not in formals:
            raise scope.module.fail(
                f"{node.name} has no parameter {name}", value.at, nearest(name, formals)
            )
        if name in given:
            raise scope.module.fail(f"{node.name} gets {name} twice", value.at)
        given[name] = value
    draws: list[e.DomainLike] = []
    linked: list[e.Argument] = []
    for name, default in formals.items():
        actual: s.Node | None = given.get(name)
        actual_scope = scope
        if actual is None:
            if default is None:
                raise scope.module.fail(
                    f"{node.name} needs {name}", node.at, f"it is written {shown}"
                )
            actual, actual_scope = default, Scope(meaning.module, {}, scope.key)
        argument, own = yield from link_argument(actual, actual_scope)
        draws.extend(own)
        linked.append(argument)
    return e.RuleCall(
        scope.key(meaning), tuple(linked), tuple(draws), scope.label(node.name), node.at
    )


def link_argument(node: s.Node, scope: Scope) -> Linking:
    """An argument of a rule, or the body of a binding: a value or an expression, and the
    domains that it draws from."""
    if isinstance(node, s.Name):
        if scope.tensors is not None and node.name in scope.tensors:
            raise scope.module.fail(
                f"the tensor {node.name} cannot be handed to a rule",
                node.at,
                f"write {node.name} >> ... before the rule",
            )
        if node.name in scope.locals:
            return e.Local(scope.locals[node.name], node.name, node.at), ()
        if scope.meaning(node.name) is not None:
            return (yield node, scope), ()
    elif not isinstance(node, (s.Number, s.Text, s.Arithmetic, s.DomainLiteral, s.RangeLiteral)):
        return (yield node, scope), ()
    draws: list[e.DomainLike] = []
    value = link_value(node, scope, None, "value", draws)
    return value, tuple(draws)
