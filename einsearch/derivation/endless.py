"""Rules from which no derivation ends, and which of them are at fault."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import networkx as nx

from einsearch.grammar import expressions as e
from einsearch.grammar.model import Grammar, nodes_of


def endless_groups(grammar: Grammar) -> list[list[str]]:
    """Keys of rules that can never end since they need themselves again, as groups that need each
    other; rules that only lead to them are left out.

    Guards, shapes and limits are ignored.
    """
    bodies = {key: _Body(rule) for key, rule in grammar.rules.items()}
    ending = _ending(bodies, bodies)
    endless = [key for key in bodies if key not in ending]
    graph: Any = nx.DiGraph()
    graph.add_nodes_from(endless)
    graph.add_edges_from((key, c) for key in endless for c in bodies[key].calls if c not in ending)
    groups = []
    for group in nx.strongly_connected_components(graph):
        # At fault is what would not end even if all that it leads to did.
        if not _ending({key: bodies[key] for key in group}, bodies):
            groups.append(sorted(group, key=lambda key: _place(grammar.rules[key])))
    return sorted(groups, key=lambda group: _place(grammar.rules[group[0]]))


def _place(rule: e.Rule) -> tuple[str, e.At]:
    return rule.file, rule.at


class _Body:
    """A rule's body as far as its ending goes.

    Attributes:
        calls: keys of the rules that it calls anywhere.
    """

    def __init__(self, rule: e.Rule) -> None:
        self._rule = rule
        self._order: list[tuple[Any, list[Any]]] = []
        self.calls = {node.rule for node in nodes_of(rule) if isinstance(node, e.RuleCall)}
        known: set[int] = set()
        pending: list[Any] = [rule.body]
        while pending:
            node = pending[-1]
            parts = _parts(node, rule)
            missing = [part for part in parts if id(part) not in known]
            if missing:
                pending.extend(missing)
                continue
            pending.pop()
            if id(node) not in known:
                known.add(id(node))
                self._order.append((node, parts))

    def ends(self, endless: set[str]) -> bool:
        """Whether a derivation can end that calls none of these rules."""
        found: dict[int, bool] = {}
        for node, parts in self._order:
            inside = [found[id(part)] for part in parts]
            ends = any(inside) if isinstance(node, e.Choice) else all(inside)
            if isinstance(node, e.RuleCall) and node.rule in endless:
                ends = False
            found[id(node)] = ends
        return found[id(self._rule.body)]


def _ending(among: Mapping[str, _Body], bodies: Mapping[str, _Body]) -> set[str]:
    """The rules that can end, all others than those at hand being taken to end."""
    callers: dict[str, list[str]] = {}
    for key, body in among.items():
        for called in body.calls:
            callers.setdefault(called, []).append(key)
    endless = set(among)
    pending: dict[str, None] = dict.fromkeys(among)
    while pending:
        key = pending.popitem()[0]
        if key in endless and bodies[key].ends(endless):
            endless.discard(key)
            pending.update(dict.fromkeys(callers.get(key, ())))
    return set(among) - endless


def _parts(node: Any, rule: e.Rule) -> list[Any]:
    """The expressions inside: all must end, of a choice one."""
    if isinstance(node, e.Choice):
        return [a.body for a in node.alternatives if a.probability > 0] or [
            a.body for a in node.alternatives
        ]
    return inside(node, rule)


def inside(node: Any, rule: e.Rule) -> list[Any]:
    """The expressions that an expression of a rule is made of, bindings in place of their names."""
    if isinstance(node, e.RuleCall):
        return _expressions(node.arguments)
    if isinstance(node, e.PrimitiveCall):
        return _expressions(value for _, value in node.arguments)
    if isinstance(node, e.LocalUse):
        bound = node.slot - len(rule.parameters)
        return _expressions([rule.bindings[bound].body] if bound >= 0 else [])
    if isinstance(node, e.Choice):
        return [a.body for a in node.alternatives]
    if isinstance(node, (e.Series, e.Parallel)):
        return list(node.items)
    if isinstance(node, e.Block):
        return [a.body for a in node.assignments]
    if isinstance(node, (e.Chain, e.Each, e.Repeat, e.Tied)):
        return [node.body]
    return []


def _expressions(values: Iterable[Any]) -> list[Any]:
    return [value for value in values if not isinstance(value, e.VALUE_TYPES)]
