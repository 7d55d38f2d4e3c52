"""The numbers that decide whether a space is usable: does drawing end, and how large are networks?

A grammar is a branching process with a type for every rule (Harris, 1963). The probability that a
draw ends is the least fixed point of the rules' equations. Expected sizes solve a linear system
and are finite where the spectral radius of the matrix of mean calls is below 1: once with every
derivation counted once (as drawn), once with copies counted (as built). Guards, shapes and limits
are ignored.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from einsearch.derivation.counts import Counts, count
from einsearch.grammar import expressions as e
from einsearch.grammar.model import Grammar
from einsearch.grammar.values import arithmetic
from einsearch.primitives.base import expressions_of

_LARGEST_FOLLOWED: Final = 64
"""Values above this do not count copies."""
_MOST_ROUNDS: Final = 20_000
_PRECISION: Final = 1e-13


@dataclass(frozen=True)
class Analysis:
    """What is known of a grammar without drawing from it.

    Attributes:
        rules: number of rules that the start rule reaches.
        termination: probability that a draw without limits ends.
        drawn_nodes: expected number of primitive calls, copies counted once; may be infinite.
        built_nodes: the same with copies counted.
        drawn_growth, built_growth: spectral radii of the mean matrices; finite below 1.
        least_nodes: of the smallest network, copies counted.
        counts: how many derivations there are; None where that was not asked for.
    """

    rules: int
    termination: float
    drawn_nodes: float
    built_nodes: float
    drawn_growth: float
    built_growth: float
    least_nodes: int
    counts: Counts | None = None


class _Case(NamedTuple):
    """A rule with the means of its arguments, and how many tensors arrive on average."""

    rule: str
    environment: tuple[Any, ...]
    arriving: float


class _Closure(NamedTuple):
    body: e.Expression
    environment: tuple[Any, ...]


class _Mean(NamedTuple):
    """Means of one expression, as drawn and as built: its own nodes, calls of rules; and how many
    tensors leave it."""

    nodes: tuple[float, float]
    calls: dict[_Case, tuple[float, float]]
    leaving: float


def analyse(grammar: Grammar, least_nodes: int, *, counting: bool = True) -> Analysis:
    """Analyses a grammar with a start rule; `least_nodes` comes from `Bounds`.

    Args:
        counting: whether to count derivations, too, which may take seconds.

    Raises:
        GrammarError: it has no start rule.
    """
    table = _Means(grammar)
    start = _Case(grammar.start_rule.key, (), 1.0)
    table.explore(start)
    cases = list(table.means)
    drawn, drawn_growth = _expected(table, cases, start, 0)
    built, built_growth = _expected(table, cases, start, 1)
    return Analysis(
        rules=len({case.rule for case in cases}),
        termination=_termination(grammar, start.rule),
        drawn_nodes=drawn,
        built_nodes=built,
        drawn_growth=drawn_growth,
        built_growth=built_growth,
        least_nodes=least_nodes,
        counts=count(grammar) if counting else None,
    )


def _expected(table: _Means, cases: list[_Case], start: _Case, which: int) -> tuple[float, float]:
    """Expected nodes of the start rule, and the spectral radius of the mean matrix."""
    index = {case: i for i, case in enumerate(cases)}
    matrix: NDArray[np.float64] = np.zeros((len(cases), len(cases)))
    own: NDArray[np.float64] = np.zeros(len(cases))
    for case, i in index.items():
        mean = table.means[case]
        own[i] = mean.nodes[which]
        for called, amount in mean.calls.items():
            matrix[i, index[called]] += amount[which]
    growth = float(np.abs(np.linalg.eigvals(matrix)).max()) if len(cases) else 0.0
    if growth >= 1 - 1e-12:
        return math.inf, growth
    solved = np.linalg.solve(np.eye(len(cases)) - matrix, own)
    return float(solved[index[start]]), growth


class _Means:
    """Means of every case that a start rule reaches."""

    def __init__(self, grammar: Grammar) -> None:
        self._rules = grammar.rules
        self.means: dict[_Case, _Mean] = {}
        self._leaving: dict[_Case, float] = {}

    def explore(self, start: _Case) -> None:
        """Fills `means`; numbers of leaving tensors are iterated until they settle."""
        for _ in range(32):
            before = dict(self._leaving)
            self.means.clear()
            pending = [start]
            while pending:
                case = pending.pop()
                if case not in self.means:
                    mean = self.means[case] = self._of_rule(case)
                    self._leaving[case] = mean.leaving
                    pending.extend(mean.calls)
            if self._leaving == before:
                return

    def _of_rule(self, case: _Case) -> _Mean:
        rule = self._rules[case.rule]
        environment = case.environment
        for binding in rule.bindings:
            environment = (*environment, self._argument(binding.body, environment))
        return self._mean(rule.body, environment, case.arriving, set())

    def _mean(
        self, node: e.Expression, environment: tuple[Any, ...], arriving: float, used: set[int]
    ) -> _Mean:
        """Means of an expression; `used` collects the bindings that were counted as drawn."""
        if isinstance(node, e.PrimitiveCall):
            return self._of_call(node, environment, used)
        if isinstance(node, e.RuleCall):
            arguments = tuple(self._argument(a, environment) for a in node.arguments)
            case = _Case(node.rule, arguments, arriving)
            return _Mean((0.0, 0.0), {case: (1.0, 1.0)}, self._leaving.get(case, 1.0))
        if isinstance(node, e.LocalUse):
            closure = environment[node.slot]
            if not isinstance(closure, _Closure):
                return _Mean((0.0, 0.0), {}, 1.0)
            inner = self._mean(closure.body, closure.environment, arriving, set())
            again = node.slot in used
            used.add(node.slot)
            return _scaled(inner, 0.0 if again else 1.0, 1.0, inner.leaving)
        if isinstance(node, e.Choice):
            found = [
                (a.probability, self._mean(a.body, environment, arriving, set(used)))
                for a in node.alternatives
            ]
            leaving = sum(p * m.leaving for p, m in found)
            return _total([_scaled(m, p, p, 0.0) for p, m in found], leaving)
        if isinstance(node, (e.TensorUse, e.AnyTensor, e.AllUnused)):
            return _Mean((0.0, 0.0), {}, node.count if isinstance(node, e.AnyTensor) else 1.0)
        return self._composite(node, environment, arriving, used)

    def _composite(
        self, node: Any, environment: tuple[Any, ...], arriving: float, used: set[int]
    ) -> _Mean:
        if isinstance(node, e.Series):
            parts = []
            for item in node.items:
                parts.append(self._mean(item, environment, arriving, used))
                arriving = parts[-1].leaving
            return _total(parts, arriving)
        if isinstance(node, e.Tied):
            return self._mean(node.body, environment, arriving, used)
        if isinstance(node, e.Chain):
            count = self._number(node.count, environment)
            body = self._mean(node.body, environment, arriving, used)
            return _scaled(body, count, count, body.leaving)
        if isinstance(node, (e.Each, e.Repeat)):
            is_each = isinstance(node, e.Each)
            body = self._mean(node.body, environment, 1.0 if is_each else arriving, used)
            copies = arriving if node.count is None else self._number(node.count, environment)
            return _scaled(body, 1.0, copies, copies * body.leaving if is_each else body.leaving)
        if isinstance(node, e.Parallel):
            parts = [self._mean(item, environment, 1.0, used) for item in node.items]
            return _total(parts, sum(part.leaving for part in parts))
        parts = [self._mean(a.body, environment, arriving, used) for a in node.assignments]
        return _total(parts, parts[-1].leaving)

    def _of_call(
        self, node: e.PrimitiveCall, environment: tuple[Any, ...], used: set[int]
    ) -> _Mean:
        """The call, and the expressions that it takes: drawn once, built as often as it copies."""
        parts = [_Mean((1.0, 1.0), {}, 1.0)]
        written = dict(node.arguments)
        for p in expressions_of(type(node.primitive)):
            inside: Any = written[p.name]
            copies = self._number(written.get(p.copies), environment)
            parts.append(_scaled(self._mean(inside, environment, 1.0, used), 1.0, copies, 1.0))
        return _total(parts, self._leaving_of(node, environment))

    def _leaving_of(self, node: e.PrimitiveCall, environment: tuple[Any, ...]) -> float:
        if node.primitive.name not in ("clone", "split"):
            return 1.0
        return self._number(dict(node.arguments)["n"], environment)

    def _number(self, value: Any, environment: tuple[Any, ...]) -> float:
        found = self._argument(value, environment)
        return float(found) if isinstance(found, (int, float)) else 1.0

    def _argument(self, value: Any, environment: tuple[Any, ...]) -> Any:
        """Mean of a number, a closure of an expression, None for anything else."""
        if isinstance(value, e.Constant):
            return _follow(value.value)
        if isinstance(value, e.Local):
            return environment[value.slot]
        if isinstance(value, e.Domain):
            known = [self._argument(o, environment) for o in value.options]
            if any(not isinstance(k, (int, float)) for k in known):
                return None
            return sum(k * p for k, p in zip(known, value.probabilities, strict=True))
        if isinstance(value, e.IntegerRange):
            ends = [self._argument(x, environment) for x in (value.low, value.high)]
            return None if None in ends else sum(ends) / 2
        if isinstance(value, e.Arithmetic):
            left = self._argument(value.left, environment)
            right = self._argument(value.right, environment)
            return _follow(arithmetic(value.operator, left, right))
        if isinstance(value, (e.Attribute, e.RealRange)):
            return None
        return _Closure(value, environment)


def _follow(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return value if 0 <= value <= _LARGEST_FOLLOWED else None


def _scaled(mean: _Mean, drawn: float, built: float, leaving: float) -> _Mean:
    calls = {c: (a * drawn, b * built) for c, (a, b) in mean.calls.items()}
    return _Mean((mean.nodes[0] * drawn, mean.nodes[1] * built), calls, leaving)


def _total(parts: list[_Mean], leaving: float) -> _Mean:
    calls: dict[_Case, tuple[float, float]] = {}
    for part in parts:
        for case, (a, b) in part.calls.items():
            before = calls.get(case, (0.0, 0.0))
            calls[case] = (before[0] + a, before[1] + b)
    nodes = (sum(p.nodes[0] for p in parts), sum(p.nodes[1] for p in parts))
    return _Mean(nodes, calls, leaving)


def _termination(grammar: Grammar, start: str) -> float:
    """Least fixed point of the probabilities that a draw from each rule ends."""
    ends = dict.fromkeys(grammar.rules, 0.0)
    for _ in range(_MOST_ROUNDS):
        change = 0.0
        for key, rule in grammar.rules.items():
            found = _ends(rule.body, rule, ends)
            change = max(change, found - ends[key])
            ends[key] = found
        if change < _PRECISION:
            break
    return min(1.0, ends[start])


def _ends(node: Any, rule: e.Rule, ends: dict[str, float]) -> float:
    if isinstance(node, e.RuleCall):
        handed = [a for a in node.arguments if not isinstance(a, e.VALUE_TYPES)]
        return ends[node.rule] * math.prod(_ends(a, rule, ends) for a in handed)
    if isinstance(node, e.LocalUse):
        bound = node.slot - len(rule.parameters)
        return _ends(rule.bindings[bound].body, rule, ends) if bound >= 0 else 1.0
    if isinstance(node, e.Choice):
        return sum(a.probability * _ends(a.body, rule, ends) for a in node.alternatives)
    if isinstance(node, (e.Series, e.Parallel)):
        return math.prod(_ends(item, rule, ends) for item in node.items)
    if isinstance(node, e.Block):
        return math.prod(_ends(a.body, rule, ends) for a in node.assignments)
    if isinstance(node, e.Chain):
        count = node.count.value if isinstance(node.count, e.Constant) else 1
        return float(_ends(node.body, rule, ends) ** count)
    if isinstance(node, (e.Each, e.Repeat, e.Tied)):
        return _ends(node.body, rule, ends)
    if isinstance(node, e.PrimitiveCall):
        taken = [a for _, a in node.arguments if not isinstance(a, e.VALUE_TYPES)]
        return math.prod(_ends(a, rule, ends) for a in taken)
    return 1.0
