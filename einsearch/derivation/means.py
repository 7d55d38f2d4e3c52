"""Mean numbers of nodes and calls of every rule, in every case that a start rule leads to."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from einsearch.derivation.driving import Walk, drive
from einsearch.derivation.relevance import relevant_slots
from einsearch.grammar import expressions as e
from einsearch.grammar.model import Grammar
from einsearch.grammar.values import arithmetic
from einsearch.primitives.base import expressions_of
from einsearch.primitives.outputs import outputs_value

_LARGEST_FOLLOWED: Final = 64
"""Values above this do not count copies."""
_MOST_ARRIVING: Final = 4096.0
_LARGEST: Final = 1e100
"""Sizes are not told apart above it."""
_MOST_CASES: Final = 256
"""Of one rule; in further ones its arguments are treated as unknown."""
_DEEPEST_CLOSURE: Final = 32
"""Expressions handed on inside of expressions are followed this far."""


class Case(NamedTuple):
    """A rule with the means of its arguments, and how many tensors arrive on average."""

    rule: str
    environment: tuple[Any, ...]
    arriving: float


class Mean(NamedTuple):
    """Means of one expression, as drawn and as built: its own nodes, calls of rules; and how many
    tensors leave it."""

    nodes: tuple[float, float]
    calls: dict[Case, tuple[float, float]]
    leaving: float


class _Closure:
    """An expression that is handed on. There is one object for each, so that equal ones are the
    same however deep they are nested."""

    __slots__ = ("body", "environment", "level")

    def __init__(self, body: e.Expression, environment: tuple[Any, ...], level: int) -> None:
        self.body, self.environment, self.level = body, environment, level


class Means:
    """Means of every case that a start rule reaches."""

    def __init__(self, grammar: Grammar) -> None:
        self._rules = grammar.rules
        self._followed = relevant_slots(grammar.rules, guards=False)
        self._closures: dict[Any, _Closure] = {}
        self._memo: dict[Any, Mean] = {}
        self._of_rules: dict[str, set[Case]] = {}
        self.means: dict[Case, Mean] = {}
        self._leaving: dict[Case, float] = {}

    def explore(self, start: Case) -> None:
        """Fills `means`; numbers of leaving tensors are iterated until they settle."""
        for _ in range(32):
            before = dict(self._leaving)
            self.means.clear()
            self._memo.clear()
            self._of_rules.clear()
            pending = [start]
            while pending:
                case = pending.pop()
                if case not in self.means:
                    mean = self.means[case] = drive(self._of_rule(case))
                    self._leaving[case] = mean.leaving
                    pending.extend(mean.calls)
            if self._leaving == before:
                return

    def _of_rule(self, case: Case) -> Walk:
        rule = self._rules[case.rule]
        environment = case.environment
        for binding in rule.bindings:
            environment = (*environment, self._argument(binding.body, environment))
        return (yield self._mean(rule.body, environment, case.arriving, set()))

    def _mean(
        self, node: e.Expression, environment: tuple[Any, ...], arriving: float, used: set[int]
    ) -> Walk:
        """Means of an expression; `used` collects the bindings that were counted as drawn."""
        if isinstance(node, e.PrimitiveCall):
            return (yield self._of_call(node, environment, used))
        if isinstance(node, e.RuleCall):
            case = self._case(node, environment, arriving)
            return Mean((0.0, 0.0), {case: (1.0, 1.0)}, self._leaving.get(case, 1.0))
        if isinstance(node, e.LocalUse):
            closure = environment[node.slot]
            if not isinstance(closure, _Closure):
                return Mean((0.0, 0.0), {}, 1.0)
            inner = yield self._of_closure(closure, arriving)
            again = node.slot in used
            used.add(node.slot)
            return _scaled(inner, 0.0 if again else 1.0, 1.0, inner.leaving)
        if isinstance(node, e.Choice):
            found = []
            for a in node.alternatives:
                mean = yield self._mean(a.body, environment, arriving, set(used))
                found.append((a.probability, mean))
            leaving = sum(p * m.leaving for p, m in found)
            return _total([_scaled(m, p, p, 0.0) for p, m in found], leaving)
        if isinstance(node, (e.TensorUse, e.AnyTensor, e.AllUnused)):
            return Mean((0.0, 0.0), {}, node.count if isinstance(node, e.AnyTensor) else 1.0)
        return (yield self._composite(node, environment, arriving, used))

    def _of_closure(self, closure: _Closure, arriving: float) -> Walk:
        key = (closure, arriving)
        if key not in self._memo:
            self._memo[key] = yield self._mean(closure.body, closure.environment, arriving, set())
        return self._memo[key]

    def _case(self, node: e.RuleCall, environment: tuple[Any, ...], arriving: float) -> Case:
        followed = self._followed[node.rule]
        arguments = tuple(self._argument(a, environment) for a in node.arguments)
        known = tuple(
            argument if slot in followed or isinstance(argument, _Closure) else None
            for slot, argument in enumerate(arguments)
        )
        case = Case(node.rule, known, min(arriving, _MOST_ARRIVING))
        cases = self._of_rules.setdefault(node.rule, set())
        if case not in cases and len(cases) >= _MOST_CASES:
            return Case(node.rule, (None,) * len(known), 1.0)
        cases.add(case)
        return case

    def _composite(
        self, node: Any, environment: tuple[Any, ...], arriving: float, used: set[int]
    ) -> Walk:
        if isinstance(node, e.Series):
            parts = []
            for item in node.items:
                parts.append((yield self._mean(item, environment, arriving, used)))
                arriving = parts[-1].leaving
            return _total(parts, arriving)
        if isinstance(node, e.Tied):
            return (yield self._mean(node.body, environment, arriving, used))
        if isinstance(node, e.Chain):
            count = self._number(node.count, environment)
            body = yield self._mean(node.body, environment, arriving, used)
            return _scaled(body, count, count, body.leaving)
        if isinstance(node, (e.Each, e.Repeat)):
            is_each = isinstance(node, e.Each)
            body = yield self._mean(node.body, environment, 1.0 if is_each else arriving, used)
            copies = arriving if node.count is None else self._number(node.count, environment)
            return _scaled(body, 1.0, copies, copies * body.leaving if is_each else body.leaving)
        if isinstance(node, e.Parallel):
            parts = []
            for item in node.items:
                parts.append((yield self._mean(item, environment, 1.0, used)))
            return _total(parts, sum(part.leaving for part in parts))
        parts = []
        for a in node.assignments:
            parts.append((yield self._mean(a.body, environment, arriving, used)))
        return _total(parts, parts[-1].leaving)

    def _of_call(self, node: e.PrimitiveCall, environment: tuple[Any, ...], used: set[int]) -> Walk:
        """The call, and the expressions that it takes: drawn once, built as often as it copies."""
        parts = [Mean((1.0, 1.0), {}, 1.0)]
        written = dict(node.arguments)
        for p in expressions_of(type(node.primitive)):
            inside: Any = written[p.name]
            copies = self._number(written.get(p.copies), environment)
            mean = yield self._mean(inside, environment, 1.0, used)
            parts.append(_scaled(mean, 1.0, copies, 1.0))
        return _total(parts, self._leaving_of(node, environment))

    def _leaving_of(self, node: e.PrimitiveCall, environment: tuple[Any, ...]) -> float:
        value = outputs_value(node.primitive, dict(node.arguments))
        return float(value) if isinstance(value, int) else self._number(value, environment)

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
        return self._closure(value, environment)

    def _closure(self, body: e.Expression, environment: tuple[Any, ...]) -> _Closure | None:
        level = 1 + max((c.level for c in environment if isinstance(c, _Closure)), default=0)
        if level > _DEEPEST_CLOSURE:
            return None
        key = (body, environment)
        if key not in self._closures:
            self._closures[key] = _Closure(body, environment, level)
        return self._closures[key]


def _follow(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return value if 0 <= value <= _LARGEST_FOLLOWED else None


def _scaled(mean: Mean, drawn: float, built: float, leaving: float) -> Mean:
    calls = {c: (_times(a, drawn), _times(b, built)) for c, (a, b) in mean.calls.items()}
    nodes = (_times(mean.nodes[0], drawn), _times(mean.nodes[1], built))
    return Mean(nodes, calls, min(leaving, _MOST_ARRIVING))


def _times(size: float, factor: float) -> float:
    return min(size * factor, _LARGEST)


def _total(parts: list[Mean], leaving: float) -> Mean:
    calls: dict[Case, tuple[float, float]] = {}
    for part in parts:
        for case, (a, b) in part.calls.items():
            before = calls.get(case, (0.0, 0.0))
            calls[case] = (before[0] + a, before[1] + b)
    nodes = (sum(p.nodes[0] for p in parts), sum(p.nodes[1] for p in parts))
    return Mean(nodes, calls, leaving)
