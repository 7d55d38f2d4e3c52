"""Where a rule's body calls rules, and the ways in which a rule comes back to itself."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Any, Final
from weakref import WeakKeyDictionary

from einsearch.grammar import expressions as e
from einsearch.grammar.model import Grammar, nodes_of

MOST_RULES: Final = 3
"""Rules on the longest way that is followed."""

Labels = tuple[str, ...]
"""Labels of a path, relative to that of a rule."""

_WAYS: WeakKeyDictionary[Grammar, dict[str, tuple[Site, ...]]] = WeakKeyDictionary()


@dataclass(frozen=True)
class Site:
    """A place where a rule is called, from the top of another rule.

    Attributes:
        rule: key of the rule that is called.
        path: of the call.
        forced: (path, label, alternative) of every choice that leads there.
        probability: of these alternatives, guards ignored.
    """

    rule: str
    path: Labels
    forced: tuple[tuple[Labels, str, int], ...] = ()
    probability: float = 1.0

    def below(self, outer: Site) -> Site:
        """This site, which is in the rule that another one calls, from the top of the other."""
        forced = tuple((outer.path + path, label, value) for path, label, value in self.forced)
        return Site(
            self.rule,
            outer.path + self.path,
            outer.forced + forced,
            outer.probability * self.probability,
        )


def sites_of(body: e.Expression) -> list[Site]:
    """Calls that stand in an expression itself, in order; not those in arguments of rules."""
    found = []
    pending: list[tuple[Any, Site]] = [(body, Site("", ()))]
    while pending:
        node, so_far = pending.pop()
        if isinstance(node, e.RuleCall):
            path = (*so_far.path, node.label)
            found.append(Site(node.rule, path, so_far.forced, so_far.probability))
        else:
            pending += reversed([(part, inner) for part, inner in _parts(node, so_far)])
    return found


def _parts(node: Any, at: Site) -> list[tuple[Any, Site]]:
    if isinstance(node, (e.Series, e.Parallel)):
        return [(item, at) for item in node.items]
    if isinstance(node, (e.Each, e.Repeat, e.Tied)):
        return [(node.body, at)]
    if isinstance(node, e.Chain):
        return [(node.body, Site("", (*at.path, "chain.1"), at.forced, at.probability))]
    if isinstance(node, e.Block):
        return [(assignment.body, at) for assignment in node.assignments]
    if isinstance(node, e.PrimitiveCall):
        return [(a, at) for _, a in node.arguments if not isinstance(a, e.VALUE_TYPES)]
    if isinstance(node, e.Choice):
        return [
            (
                alternative.body,
                Site(
                    "",
                    at.path,
                    (*at.forced, (at.path, node.label, number)),
                    at.probability * alternative.probability,
                ),
            )
            for number, alternative in enumerate(node.alternatives)
            if alternative.probability > 0
        ]
    return []


def ways_back(grammar: Grammar, rule: str) -> tuple[Site, ...]:
    """The ways in which a derivation of a rule contains another one of the same rule.

    Only those over at most `MOST_RULES` rules, and the nearest of each way.
    """
    known = _WAYS.setdefault(grammar, {})
    if rule not in known:
        known[rule] = tuple(_ways_back(grammar, rule))
    return known[rule]


def _ways_back(grammar: Grammar, rule: str) -> list[Site]:
    found = []
    pending = deque([(Site(rule, ()), frozenset({rule}))])
    while pending:
        outer, passed = pending.popleft()
        for inner in sites_of(grammar.rules[outer.rule].body):
            site = inner.below(outer)
            if inner.rule == rule:
                found.append(site)
            elif inner.rule not in passed and len(passed) < MOST_RULES:
                pending.append((site, passed | {inner.rule}))
    return found


def find_choice(rule: e.Rule, label: str) -> e.Choice | None:
    """The choice of that label in a rule's body or bindings."""
    for node in nodes_of(rule):
        if isinstance(node, e.Choice) and node.label == label:
            return node
    return None
