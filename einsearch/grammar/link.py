"""Syntax trees -> rules with resolved names, checked on the way.

Names are lexical. In an expression a bare name is, in this order: a tensor of the enclosing block,
a parameter or `where` binding, a rule, a primitive. In an argument also an attribute, or else a
symbol, which the primitive checks.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from itertools import count
from typing import Any

from einsearch.grammar import expressions as e
from einsearch.grammar import syntax as s
from einsearch.grammar.calling import link_argument, link_call, link_name
from einsearch.grammar.model import nodes_under
from einsearch.grammar.modules import Meaning, Module
from einsearch.grammar.scope import Linking, Scope
from einsearch.grammar.source import MOST_RULES
from einsearch.grammar.structure import link_block, link_choice, link_parallel, link_series
from einsearch.grammar.values import show_node


class Linker:
    """Resolves names, rule by rule, starting from those that are asked for.

    Attributes:
        rules: key -> rule, as far as linked.
    """

    def __init__(self) -> None:
        self.rules: dict[str, e.Rule] = {}
        self._keys: dict[tuple[int, ...], str] = {}
        self._alike: Counter[str] = Counter()
        self._pending: list[tuple[str, Meaning]] = []

    def key(self, meaning: Meaning) -> str:
        """Key of a rule; it is linked later by `run`."""
        known = self._keys.get(meaning.identity)
        if known is not None:
            return known
        if len(self._keys) == MOST_RULES:
            at = meaning.statement.header.at
            raise meaning.module.fail(f"the grammar has more than {MOST_RULES:,} rules", at)
        name = meaning.statement.header.name
        self._alike[name] += 1
        key = name if self._alike[name] == 1 else f"{name}.{self._alike[name]}"
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
        """A rule, linked again without what `where` binds and nothing reads, if there is such."""
        whole = self._linked(key, meaning, frozenset())
        unread = _unread(whole) if whole.bindings else frozenset()
        if not unread:
            return whole
        left_out = tuple(whole.bindings[place] for place in sorted(unread))
        return replace(self._linked(key, meaning, unread), unread=left_out)

    def _linked(self, key: str, meaning: Meaning, left_out: frozenset[int]) -> e.Rule:
        module, statement = meaning.module, meaning.statement
        parameters = tuple(name for name, _ in statement.header.formals)
        bindings: list[e.Binding] = []
        parts = [(module, statement), *meaning.extensions]
        options: list[tuple[Scope, s.Option]] = []
        labels: Counter[str] = Counter()
        places = count()
        body: e.Expression | None = None
        for part_module, part in parts:
            kept = [item for item in part.bindings if next(places) not in left_out]
            scope = self._scope(part_module, part, parameters, kept, bindings, labels)
            if isinstance(part.body, s.ChoiceLiteral):
                options += [(scope, option) for option in part.body.options]
            elif meaning.extensions:
                options.append((scope, s.Option(part.body.at, part.body, None, None)))
            else:
                body = self.expression(part.body, scope)
        if body is None:
            name, added = statement.header.name, _added(meaning)
            body = self._drive(link_choice(options, name, statement.at, added))
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
        written: Sequence[tuple[str, s.Node]],
        bindings: list[e.Binding],
        labels: Counter[str],
    ) -> Scope:
        """The names of one part of a rule; `bindings` gets those of `where` that are `written`."""
        formals = [name for name, _ in statement.header.formals]
        if len(formals) != len(parameters):
            raise module.fail(
                f"{statement.header.name} has {len(parameters)} parameters, "
                f"here it is written with {len(formals)}",
                statement.header.at,
            )
        own = statement.header.name if statement.keyword == "replace" else None
        slots = {name: slot for slot, name in enumerate(formals)}
        scope = Scope(module, slots, self.key, own_replacement=own, labels=labels)
        for name, node in written:
            if name in scope.locals:
                raise module.fail(f"{name} is bound twice in {statement.header.name}", node.at)
            body, draws = self._drive(link_argument(node, scope))
            bindings.append(e.Binding(name, body, draws, node.at))
            scope.locals[name] = len(parameters) + len(bindings) - 1
        return scope

    def expression(self, node: s.Node, scope: Scope) -> e.Expression:
        """An expression with its names resolved.

        The linking of a node is a generator that yields the parts it needs; `_drive` keeps their
        stack, so that nesting may be thousands of levels deep.
        """
        return self._drive(_link(node, scope))  # type: ignore[no-any-return]

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
                stack.append(_link(part, part_scope))
                linked = None


def _unread(rule: e.Rule) -> frozenset[int]:
    """Places of the bindings that neither the body reads, nor a binding that is read."""
    first = len(rule.parameters)
    read: set[int] = set()
    pending: list[Any] = [rule.body]
    while pending:
        for node in nodes_under(pending.pop()):
            if isinstance(node, (e.Local, e.LocalUse)) and node.slot not in read:
                read.add(node.slot)
                if node.slot >= first:
                    pending.append(rule.bindings[node.slot - first].body)
    return frozenset(n for n in range(len(rule.bindings)) if first + n not in read)


def _added(meaning: Meaning) -> list[int]:
    """How many alternatives each file adds to a rule, in the order in which they add them."""
    added: dict[Module, int] = {}
    for module, statement in meaning.extensions:
        body = statement.body
        number = len(body.options) if isinstance(body, s.ChoiceLiteral) else 1
        added[module] = added.get(module, 0) + number
    return list(added.values())


def _link(node: s.Node, scope: Scope) -> Linking:
    if isinstance(node, s.Name):
        return (yield from link_name(node, scope))
    if isinstance(node, s.Call):
        return (yield from link_call(node, scope))
    if isinstance(node, s.SeriesLiteral):
        return (yield from link_series(node, scope))
    if isinstance(node, s.ParallelLiteral):
        return (yield from link_parallel(node, scope))
    if isinstance(node, s.ChoiceLiteral):
        options = [(scope, option) for option in node.options]
        return (yield from link_choice(options, scope.label("choice"), node.at))
    if isinstance(node, s.BlockLiteral):
        return (yield from link_block(node, scope))
    raise scope.module.fail(
        f"{show_node(node)} is a value, but an operation is expected here",
        node.at,
        "write a primitive, a rule, or an expression made of them",
    )
