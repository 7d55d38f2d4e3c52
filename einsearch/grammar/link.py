"""Syntax trees -> rules with resolved names, checked on the way.

Names are lexical. In an expression a bare name is, in this order: a tensor of the enclosing block,
a parameter or `where` binding, a rule, a primitive. In an argument also an attribute, or else a
symbol, which the primitive checks.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator
from dataclasses import dataclass, field
from typing import Any, Final

from einsearch.errors import ArgumentError
from einsearch.grammar import expressions as e
from einsearch.grammar import syntax as s
from einsearch.grammar.modules import Meaning, Module, nearest
from einsearch.grammar.values import (
    fold,
    link_guard,
    link_probabilities,
    link_value,
    show_node,
)
from einsearch.primitives.arguments import Kind
from einsearch.primitives.base import Primitive, all_primitives
from einsearch.specs import ATTRIBUTES

Linking = Generator[tuple[s.Node, "Scope"], Any, Any]
"""Linking of one node: yields the parts that it needs, is sent them, returns the outcome."""

_COPIES: Final[dict[str, tuple[tuple[str, ...], int]]] = {
    "each": (("expression", "n"), 1),
    "repeat": (("n", "expression"), 2),
    "chain": (("n", "expression"), 2),
    "tied": (("expression",), 1),
}
"""How they are written, and how many arguments they need at least."""


@dataclass
class Scope:
    """What a name can mean inside one rule body.

    Attributes:
        module: the file whose rules and primitives are seen.
        locals: parameter or binding -> slot.
        tensors: names of the innermost block's tensors, or None outside a block.
        own_replacement: the name whose `replace` this body is; inside it has its old meaning.
    """

    module: Module
    locals: dict[str, int]
    tensors: frozenset[str] | None = None
    own_replacement: str | None = None
    labels: Counter[str] = field(default_factory=Counter)

    def inside_block(self, tensors: frozenset[str]) -> Scope:
        return Scope(self.module, self.locals, tensors, self.own_replacement, self.labels)

    def label(self, name: str) -> str:
        """A label that is unique in the rule body: name, name.2, name.3..."""
        self.labels[name] += 1
        return name if self.labels[name] == 1 else f"{name}.{self.labels[name]}"

    def meaning(self, name: str) -> Meaning | Primitive | None:
        return self.module.meaning(name, skip_replacement=name == self.own_replacement)


class Linker:
    """Resolves names, rule by rule, starting from those that are asked for.

    Attributes:
        rules: key -> rule, as far as linked.
    """

    def __init__(self) -> None:
        self.rules: dict[str, e.Rule] = {}
        self._keys: dict[tuple[int, ...], str] = {}
        self._pending: list[tuple[str, Meaning]] = []

    def key(self, meaning: Meaning) -> str:
        """Key of a rule; it is linked later by `run`."""
        known = self._keys.get(meaning.identity)
        if known is not None:
            return known
        name = meaning.statement.header.name
        key, number = name, 2
        while key in self._keys.values():
            key, number = f"{name}.{number}", number + 1
        self._keys[meaning.identity] = key
        self._pending.append((key, meaning))
        return key

    def run(self) -> None:
        """Links every rule that was asked for, and those that they use."""
        while self._pending:
            key, meaning = self._pending.pop()
            self.rules[key] = self._rule(key, meaning)

    def statement(self, module: Module, statement: s.RuleStatement) -> e.Rule:
        """A rule that nothing refers to by name: a seed, an architecture."""
        return self._rule(statement.header.name, Meaning(module, statement))

    def _rule(self, key: str, meaning: Meaning) -> e.Rule:
        module, statement = meaning.module, meaning.statement
        parameters = tuple(name for name, _ in statement.header.formals)
        bindings: list[e.Binding] = []
        parts = [(module, statement), *meaning.extensions]
        options: list[tuple[Scope, s.Option]] = []
        labels: Counter[str] = Counter()
        body: e.Expression | None = None
        for part_module, part in parts:
            scope = self._scope(part_module, part, parameters, bindings, labels)
            if isinstance(part.body, s.ChoiceLiteral):
                options += [(scope, option) for option in part.body.options]
            elif meaning.extensions:
                options.append((scope, s.Option(part.body.at, part.body, None, None)))
            else:
                body = self.expression(part.body, scope)
        if body is None:
            added = sum(
                len(x.body.options) if isinstance(x.body, s.ChoiceLiteral) else 1
                for _, x in meaning.extensions
            )
            body = self._drive(self._choice(options, statement.header.name, statement.at, added))
        return e.Rule(
            key,
            statement.header.name,
            parameters,
            tuple(bindings),
            body,
            module.documentation(statement),
            module.source.name,
            statement.header.at,
        )

    def _scope(
        self,
        module: Module,
        statement: s.RuleStatement,
        parameters: tuple[str, ...],
        bindings: list[e.Binding],
        labels: Counter[str],
    ) -> Scope:
        formals = [name for name, _ in statement.header.formals]
        if len(formals) != len(parameters):
            raise module.fail(
                f"{statement.header.name} has {len(parameters)} parameters, "
                f"here it is written with {len(formals)}",
                statement.header.at,
            )
        own = statement.header.name if statement.keyword == "replace" else None
        slots = {name: slot for slot, name in enumerate(formals)}
        scope = Scope(module, slots, None, own, labels)
        for name, node in statement.bindings:
            if name in scope.locals:
                raise module.fail(f"{name} is bound twice in {statement.header.name}", node.at)
            body, draws = self._drive(self._argument(node, scope))
            bindings.append(e.Binding(name, body, draws, node.at))
            scope.locals[name] = len(parameters) + len(bindings) - 1
        return scope

    def expression(self, node: s.Node, scope: Scope) -> e.Expression:
        """An expression with its names resolved.

        The linking of a node is a generator that yields the parts it needs; `_drive` keeps their
        stack, so that nesting may be thousands of levels deep.
        """
        return self._drive(self._link(node, scope))  # type: ignore[no-any-return]

    def _drive(self, linking: Linking) -> Any:
        stack, linked = [linking], None
        while True:
            try:
                part, part_scope = stack[-1].send(linked)
            except StopIteration as done:
                stack.pop()
                linked = done.value
                if not stack:
                    return linked
            else:
                stack.append(self._link(part, part_scope))
                linked = None

    def _link(self, node: s.Node, scope: Scope) -> Linking:
        if isinstance(node, s.Name):
            return (yield from self._name(node, scope))
        if isinstance(node, s.Call):
            return (yield from self._call(node, scope))
        if isinstance(node, s.SeriesLiteral):
            return (yield from self._series(node, scope))
        if isinstance(node, s.ParallelLiteral):
            parts = []
            for item in node.items:
                parts.append((yield item, scope))
            return e.Parallel(tuple(parts), node.at)
        if isinstance(node, s.ChoiceLiteral):
            options = [(scope, option) for option in node.options]
            return (yield from self._choice(options, scope.label("choice"), node.at, 0))
        if isinstance(node, s.BlockLiteral):
            return (yield from self._block(node, scope))
        raise scope.module.fail(
            f"{show_node(node)} is a value, but an operation is expected here",
            node.at,
            "write a primitive, a rule, or an expression made of them",
        )

    def _series(self, node: s.SeriesLiteral, scope: Scope) -> Linking:
        parts: list[e.Expression] = []
        for item in node.items:
            linked = yield item, scope
            if parts and isinstance(linked, (e.TensorUse, e.AnyTensor, e.AllUnused)):
                raise scope.module.fail(
                    f"{show_node(item)} is a tensor and cannot stand after >>",
                    item.at,
                    "a tensor stands at the head of an expression",
                )
            parts.append(linked)
        return e.Series(tuple(parts), node.at)

    def _name(self, node: s.Name, scope: Scope) -> Linking:
        name = node.name
        if scope.tensors is not None and (name in scope.tensors or name == "in"):
            return e.TensorUse(name, node.at)
        if name in scope.locals:
            return e.LocalUse(scope.locals[name], name, node.at)
        if name == "any":
            return e.AnyTensor(1, False, (), scope.label("any"), node.at)
        meaning = scope.meaning(name)
        if meaning is None:
            raise self._unknown(node, scope)
        return (yield from self._apply(s.Call(node.at, name, (), ()), meaning, scope))

    def _unknown(self, node: s.Name | s.Call, scope: Scope) -> Exception:
        name = node.name
        if name == "in":
            return scope.module.fail("`in` has a meaning inside a block { ... } only", node.at)
        if name in ATTRIBUTES:
            return scope.module.fail(
                f"{name} is a number, but an operation is expected here", node.at
            )
        known = scope.module.names() | set(all_primitives()) | set(scope.locals)
        known |= scope.tensors or frozenset()
        return scope.module.fail(
            f"no rule or primitive is named {name}",
            node.at,
            nearest(name, known) or "`einsearch primitives` lists the primitives",
        )

    def _call(self, node: s.Call, scope: Scope) -> Linking:
        if node.name in _COPIES:
            return (yield from self._copies(node, scope))
        if node.name == "any":
            return self._any(node, scope)
        if node.name == "all":
            return self._all(node, scope)
        if node.name in scope.locals:
            raise scope.module.fail(
                f"{node.name} is a parameter and takes no arguments",
                node.at,
                "an expression handed to a rule is derived once; give it its arguments there",
            )
        meaning = scope.meaning(node.name)
        if meaning is None:
            raise self._unknown(node, scope)
        return (yield from self._apply(node, meaning, scope))

    def _apply(self, node: s.Call, meaning: Meaning | Primitive, scope: Scope) -> Linking:
        if isinstance(meaning, Primitive):
            return (yield from self._primitive(node, meaning, scope))
        return (yield from self._rule_call(node, meaning, scope))

    def _primitive(self, node: s.Call, primitive: Primitive, scope: Scope) -> Linking:
        schema = {p.name: p for p in primitive.parameters}
        if len(node.positional) > len(schema):
            raise scope.module.fail(
                f"{node.name} takes at most {len(schema)} arguments, "
                f"{len(node.positional)} are given",
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
                linked[name] = yield value, scope
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

    def _rule_call(self, node: s.Call, meaning: Meaning, scope: Scope) -> Linking:
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
                actual, actual_scope = default, Scope(meaning.module, {})
            argument, own = yield from self._argument(actual, actual_scope)
            draws.extend(own)
            linked.append(argument)
        return e.RuleCall(
            self.key(meaning), tuple(linked), tuple(draws), scope.label(node.name), node.at
        )

    def _argument(self, node: s.Node, scope: Scope) -> Linking:
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
        elif not isinstance(
            node, (s.Number, s.Text, s.Arithmetic, s.DomainLiteral, s.RangeLiteral)
        ):
            return (yield node, scope), ()
        draws: list[e.DomainLike] = []
        value = link_value(node, scope, None, "value", draws)
        return value, tuple(draws)

    def _choice(
        self, options: list[tuple[Scope, s.Option]], label: str, at: s.At, added: int
    ) -> Linking:
        probabilities = link_probabilities(options, label, added)
        alternatives = []
        for (scope, option), probability in zip(options, probabilities, strict=True):
            guard = link_guard(option.guard, scope) if option.guard else None
            body = yield option.body, scope
            alternatives.append(e.Alternative(body, probability, guard, option.at))
        return e.Choice(tuple(alternatives), label, at)

    def _block(self, node: s.BlockLiteral, scope: Scope) -> Linking:
        known: set[str] = set()
        assignments = []
        for assignment in node.assignments:
            for name in assignment.names:
                if name in known:
                    raise scope.module.fail(f"the tensor {name} is named twice", assignment.at)
                if name == "in":
                    raise scope.module.fail(
                        "`in` is the incoming tensor, not a name", assignment.at
                    )
            inner = scope.inside_block(frozenset(known))
            body = yield assignment.body, inner
            assignments.append(
                e.Assign(assignment.names, assignment.is_bundle, body, assignment.at)
            )
            known.update(assignment.names)
        if not node.assignments or node.assignments[-1].names != ("out",):
            raise scope.module.fail(
                "a block must end with `out = ...`",
                node.assignments[-1].at if node.assignments else node.at,
                "`out` names the tensor that leaves the block",
            )
        return e.Block(tuple(assignments), node.at)

    def _copies(self, node: s.Call, scope: Scope) -> Linking:
        """`each`, `repeat`, `chain`, `tied`."""
        order, least = _COPIES[node.name]
        if node.named or not least <= len(node.positional) <= len(order):
            raise scope.module.fail(
                f"{node.name} is written {node.name}({', '.join(order)})", node.at
            )
        draws: list[e.DomainLike] = []
        found: dict[str, Any] = dict.fromkeys(order)
        for role, value in zip(order, node.positional, strict=False):
            if role == "n":
                found[role] = link_value(value, scope, Kind.INT, node.name, draws)
                self._check_count(node, found[role], value.at, scope)
            else:
                found[role] = yield value, scope
        body, number = found["expression"], found.get("n")
        if node.name == "tied":
            return e.Tied(body, scope.label("tied"), node.at)
        kind: Any = {"each": e.Each, "repeat": e.Repeat, "chain": e.Chain}[node.name]
        return kind(body, number, tuple(draws), node.at)

    def _check_count(self, node: s.Call, value: e.Value, at: s.At, scope: Scope) -> None:
        for constant in fold(value):
            if not isinstance(constant, int) or constant < 1:
                raise scope.module.fail(
                    f"{node.name} needs a whole number of at least 1, got {constant}", at
                )

    def _all(self, node: s.Call, scope: Scope) -> e.AllUnused:
        names = [x.name for x in node.positional if isinstance(x, s.Name)]
        if names != ["unused"] or node.named:
            raise scope.module.fail("all is written all(unused)", node.at)
        return e.AllUnused(node.at)

    def _any(self, node: s.Call, scope: Scope) -> e.AnyTensor:
        number, unused, names = 1, False, []
        for argument in node.positional:
            if isinstance(argument, s.Number) and isinstance(argument.value, int):
                number = argument.value
            elif isinstance(argument, s.Name) and argument.name == "unused":
                unused = True
            elif isinstance(argument, s.Name):
                if argument.name != "in" and argument.name not in (scope.tensors or ()):
                    raise scope.module.fail(
                        f"no tensor is named {argument.name} here",
                        argument.at,
                        nearest(argument.name, scope.tensors or ()),
                    )
                names.append(argument.name)
            else:
                raise scope.module.fail(
                    "any is written any, any(unused), any(2) or any(2, x, y, z)", argument.at
                )
        if number < 1 or (names and len(names) < number) or node.named:
            raise scope.module.fail(f"any cannot draw {number} of {len(names)} tensors", node.at)
        return e.AnyTensor(number, unused, tuple(names), scope.label("any"), node.at)
