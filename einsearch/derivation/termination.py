"""The probability that a draw without limits ends: the least fixed point of the rules' equations.

It is found group by group of rules that need each other, by Newton's method from zero, which
converges to it from below (Etessami and Yannakakis, JACM 2009).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple

import networkx as nx
import numpy as np

from einsearch.derivation.endless import inside
from einsearch.grammar import expressions as e
from einsearch.grammar.model import Grammar

_LARGEST_NEWTON: Final = 200
_MOST_ROUNDS: Final = 200
_PRECISION: Final = 1e-13
_NEARLY_ONE: Final = 1e-7
"""At a growth of 1 the last digits come slowly; what is nearer to 1 than this is 1."""


class _Step(NamedTuple):
    """One step of a rule's equation.

    Attributes:
        kind: "one", "call" (of another rule), "sum" (weighed), "product" or "power".
        parts: earlier steps.
        weights: of a sum.
        rule: of a call.
        power: of a power.
    """

    kind: str
    parts: tuple[int, ...] = ()
    weights: tuple[float, ...] = ()
    rule: str = ""
    power: int = 1


def termination(grammar: Grammar) -> float:
    """The probability that a draw from the start rule ends."""
    equations = {key: _equation(rule) for key, rule in grammar.rules.items()}
    graph: Any = nx.DiGraph()
    graph.add_nodes_from(equations)
    for key, steps in equations.items():
        graph.add_edges_from((key, step.rule) for step in steps if step.kind == "call")
    ends = dict.fromkeys(equations, 0.0)
    start = grammar.start_rule.key
    for group in nx.strongly_connected_components(graph):
        members = sorted(group)
        if len(members) == 1 and not graph.has_edge(members[0], members[0]):
            ends[members[0]] = _values(equations[members[0]], ends)[-1]
        else:
            _settle(members, equations, ends)
    return 1.0 if ends[start] > 1 - _NEARLY_ONE else ends[start]


def _settle(
    members: Sequence[str], equations: dict[str, list[_Step]], ends: dict[str, float]
) -> None:
    """Probabilities of rules that need each other, from zero upwards."""
    place = {key: number for number, key in enumerate(members)}
    for _ in range(_MOST_ROUNDS):
        found = [_values(equations[key], ends)[-1] for key in members]
        change = np.array(found) - np.array([ends[key] for key in members])
        if len(members) <= _LARGEST_NEWTON:
            slopes = np.zeros((len(members), len(members)))
            for number, key in enumerate(members):
                for called, slope in _slopes(equations[key], ends):
                    if called in place:
                        slopes[number, place[called]] += slope
            try:
                step = np.linalg.solve(np.eye(len(members)) - slopes, change)
            except np.linalg.LinAlgError:
                step = change
            # Rounding near a double root must not lead beyond what is possible.
            if not np.isfinite(step).all() or (step < 0).any():
                step = change
        else:
            step = change
        for key, by in zip(members, step, strict=True):
            ends[key] = min(1.0, max(0.0, ends[key] + float(by)))
        if float(np.abs(step).max()) < _PRECISION:
            return


def _values(steps: Sequence[_Step], ends: dict[str, float]) -> list[float]:
    values: list[float] = []
    for step in steps:
        parts = [values[part] for part in step.parts]
        if step.kind == "call":
            values.append(ends[step.rule])
        elif step.kind == "sum":
            values.append(sum(w * p for w, p in zip(step.weights, parts, strict=True)))
        elif step.kind == "power":
            values.append(parts[0] ** step.power)
        else:
            values.append(math.prod(parts))
    return values


def _slopes(steps: Sequence[_Step], ends: dict[str, float]) -> Iterator[tuple[str, float]]:
    """Derivatives of an equation by the rules that it calls, from the last step backwards."""
    values = _values(steps, ends)
    slopes = [0.0] * len(steps)
    slopes[-1] = 1.0
    for number in range(len(steps) - 1, -1, -1):
        step, slope = steps[number], slopes[number]
        if step.kind == "call":
            yield step.rule, slope
        elif step.kind == "sum":
            for part, weight in zip(step.parts, step.weights, strict=True):
                slopes[part] += slope * weight
        elif step.kind == "power":
            base = values[step.parts[0]]
            slopes[step.parts[0]] += slope * step.power * base ** (step.power - 1)
        elif step.parts:
            for part, others in zip(
                step.parts, _others([values[p] for p in step.parts]), strict=True
            ):
                slopes[part] += slope * others


def _others(values: Sequence[float]) -> list[float]:
    """For every value, the product of the others."""
    before, after = [1.0], [1.0]
    for value in values[:-1]:
        before.append(before[-1] * value)
    for value in reversed(values[1:]):
        after.append(after[-1] * value)
    return [b * a for b, a in zip(before, reversed(after), strict=True)]


def _equation(rule: e.Rule) -> list[_Step]:
    """The probability that a draw from a rule ends, as steps; the last is the outcome.

    What `where` binds and is used often is one step that many need.
    """
    steps: list[_Step] = []
    known: dict[int, int] = {}
    pending: list[Any] = [rule.body]
    while pending:
        node = pending[-1]
        parts_inside = inside(node, rule)
        missing = [part for part in parts_inside if id(part) not in known]
        if missing:
            pending.extend(missing)
            continue
        pending.pop()
        if id(node) not in known:
            parts = tuple(known[id(part)] for part in parts_inside)
            if isinstance(node, e.RuleCall):
                steps.append(_Step("call", rule=node.rule))
                parts = (*parts, len(steps) - 1)
            steps.append(_step(node, parts))
            known[id(node)] = len(steps) - 1
    return steps


def _step(node: Any, parts: tuple[int, ...]) -> _Step:
    if isinstance(node, e.Choice):
        return _Step("sum", parts, tuple(a.probability for a in node.alternatives))
    if isinstance(node, e.Chain):
        count = node.count.value if isinstance(node.count, e.Constant) else 1
        return _Step("power", parts, power=count)
    return _Step("product", parts)
