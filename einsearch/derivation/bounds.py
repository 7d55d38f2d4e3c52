"""Cheapest completions: how many nodes an expression needs at least, for each depth left.

Limits hold by construction because of these bounds: an alternative is drawn only where what it
needs at least, and what is pending needs at least, still fits. They are the least fixed point of
the rules' equations (Knuth 1977, a generalisation of Dijkstra's algorithm), with guards and shapes
ignored; parameters that count copies are followed through calls.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from operator import add
from typing import Any, ClassVar, Final, NamedTuple
from weakref import WeakKeyDictionary

from einsearch.derivation.driving import Walk, drive
from einsearch.derivation.relevance import relevant_slots
from einsearch.derivation.values import Environment, Shared
from einsearch.grammar import expressions as e
from einsearch.grammar.model import Grammar
from einsearch.grammar.values import arithmetic
from einsearch.primitives.base import expressions_of
from einsearch.primitives.outputs import outputs_value

_INFINITE: Final = 10**9
_LARGEST_FOLLOWED: Final = 64
"""Values above this do not count copies; following them would only make more cases."""
_MOST_ARRIVING: Final = 4096
"""More tensors are not told apart."""
_DEEPEST_CLOSURE: Final = 3
"""Expressions handed on and on as arguments are followed this far."""

Vector = tuple[int, ...]
"""Least nodes by depth left: entry d for d more levels."""


class Least(NamedTuple):
    """Least nodes by depth left, and how many tensors leave at least."""

    nodes: Vector
    leaving: int


class Closure(NamedTuple):
    """An expression argument, as far as bounds need to know it."""

    body: e.Expression
    environment: tuple[Any, ...]
    level: int


class _Case(NamedTuple):
    """A rule with what is known about its arguments and its incoming tensors."""

    rule: str
    environment: tuple[Any, ...]
    arriving: int


class Bounds:
    """Lower bounds on nodes for the rules of a grammar.

    Args:
        rules: key -> rule.
        depth: the limit on depth, or None.
        followed: by rule, the parameters that count copies; worked out where not given.
    """

    UNBOUNDED: ClassVar[int] = _INFINITE

    def __init__(self, rules: Any, depth: int | None, followed: Any = None) -> None:
        self._rules = rules
        self._levels = 0 if depth is None else depth
        self._has_depth = depth is not None
        self._known: dict[_Case, Least] = {}
        self._open: dict[_Case, Least] = {}
        self._pending: dict[_Case, None] = {}
        self._needed_by: dict[_Case, dict[_Case, None]] = {}
        self.followed = relevant_slots(rules, guards=False) if followed is None else followed
        self._impossible: Vector = (_INFINITE,) * (self._levels + 1)
        self._memo: dict[Any, Least] = {}
        self._behind: dict[Any, Vector] = {}
        self._of_choice: dict[Any, list[int]] = {}

    def least(
        self, expression: e.Expression, environment: Environment, arriving: int, depth: int
    ) -> int:
        """Least nodes of an expression at a depth, or UNBOUNDED where it cannot end there."""
        return self._at(self._solved(expression, environment, arriving).nodes, depth)

    def least_of_rule(self, rule: str, parameters: int = 0, depth: int = 0) -> int:
        """Least nodes of a rule, or UNBOUNDED where it cannot end; arguments are unknown."""
        call = e.RuleCall(rule, (e.Constant(None),) * parameters, (), rule, (0, 0))
        return self._at(self._solve(call, (), 1).nodes, depth)

    def after(
        self, node: e.Series, done: int, environment: Environment, arriving: int, depth: int
    ) -> int:
        """Least nodes of the items of a series behind item `done`, which `arriving` reach."""
        key = (node, done, _abstract(environment), arriving)
        total = self._behind.get(key)
        if total is None:
            total = (0,) * (self._levels + 1)
            leaving = self._solved(node.items[done], environment, arriving).leaving
            for item in node.items[done + 1 :]:
                found = self._solved(item, environment, leaving)
                total, leaving = _add(total, found.nodes), found.leaving
            self._behind[key] = total
        return self._at(total, depth)

    def alternatives(
        self, node: e.Choice, environment: Environment, arriving: int, depth: int
    ) -> Sequence[int]:
        """Least nodes of each alternative at a depth, as `least`."""
        key = (node, _abstract(environment), arriving, depth if self._has_depth else 0)
        found = self._of_choice.get(key)
        if found is None:
            found = [self.least(a.body, environment, arriving, depth) for a in node.alternatives]
            self._of_choice[key] = found
        return found

    def statements(
        self, node: e.Block, first: int, environment: Environment, arriving: int, depth: int
    ) -> int:
        """Least nodes of the statements of a block from number `first` on."""
        return min(
            _INFINITE,
            sum(self.least(a.body, environment, arriving, depth) for a in node.assignments[first:]),
        )

    def _at(self, vector: Vector, depth: int) -> int:
        if not self._has_depth:
            return vector[0]
        left = self._levels - depth
        return vector[left] if left >= 0 else _INFINITE

    def _solved(self, expression: e.Expression, environment: Environment, arriving: int) -> Least:
        key = (expression, _abstract(environment), arriving)
        found = self._memo.get(key)
        if found is None:
            found = self._memo[key] = self._solve(expression, key[1], arriving)
        return found

    def _solve(
        self, expression: e.Expression, environment: tuple[Any, ...], arriving: int
    ) -> Least:
        """Evaluates until nothing changes: values only fall, and are bounded below.

        A case is evaluated again when one that it needs has changed.
        """
        while True:
            self._reading: _Case | None = None
            outcome = drive(self._least(expression, environment, arriving))
            if not self._pending:
                self._known.update(self._open)
                self._open.clear()
                self._needed_by.clear()
                return outcome  # type: ignore[no-any-return]
            again: dict[_Case, None] = {}
            while self._pending or again:
                # New cases first, the latest of them foremost; then changed ones, in turn.
                if self._pending:
                    case = self._pending.popitem()[0]
                else:
                    case = next(iter(again))
                    del again[case]
                self._reading = case
                found = drive(self._of_rule(case))
                if found != self._open[case]:
                    self._open[case] = found
                    again.update(self._needed_by.get(case, {}))

    def _of_rule(self, case: _Case) -> Walk:
        rule = self._rules[case.rule]
        environment = case.environment
        for binding in rule.bindings:
            environment = (*environment, self._argument(binding.body, environment))
        return (yield self._least(rule.body, environment, case.arriving))

    def _case(self, case: _Case) -> Least:
        found = self._known.get(case)
        if found is not None:
            return found
        if case not in self._open:
            self._open[case] = Least(self._impossible, 0)
            self._pending[case] = None
        if self._reading is not None:
            self._needed_by.setdefault(case, {})[self._reading] = None
        return self._open[case]

    def _least(self, node: e.Expression, environment: tuple[Any, ...], arriving: int) -> Walk:
        arriving = min(max(1, arriving), _MOST_ARRIVING)
        if isinstance(node, e.PrimitiveCall):
            nodes = yield self._of_call(node, environment)
            return Least(nodes, self._leaving(node, environment))
        if isinstance(node, e.RuleCall):
            followed = self.followed[node.rule]
            arguments = tuple(
                argument if slot in followed or isinstance(argument, Closure) else None
                for slot, argument in enumerate(
                    self._argument(a, environment) for a in node.arguments
                )
            )
            return self._case(_Case(node.rule, arguments, arriving))
        if isinstance(node, e.LocalUse):
            closure = environment[node.slot]
            if isinstance(closure, Closure):
                return (yield self._least(closure.body, closure.environment, arriving))
            return Least((0,) * (self._levels + 1), 1)
        if isinstance(node, e.Choice):
            found = []
            for a in node.alternatives:
                found.append((yield self._least(a.body, environment, arriving)))
            nodes = tuple(map(min, *(f.nodes for f in found))) if len(found) > 1 else found[0].nodes
            possible = [f.leaving for f in found if f.nodes[-1] < _INFINITE]
            return Least(nodes, min(possible, default=0))
        if isinstance(node, (e.TensorUse, e.AnyTensor, e.AllUnused)):
            count = node.count if isinstance(node, e.AnyTensor) else 1
            return Least((0,) * (self._levels + 1), count)
        return (yield self._composite(node, environment, arriving))

    def _composite(self, node: Any, environment: tuple[Any, ...], arriving: int) -> Walk:
        if isinstance(node, e.Series):
            total: Vector = (0,) * (self._levels + 1)
            for item in node.items:
                found = yield self._least(item, environment, arriving)
                total, arriving = _add(total, found.nodes), found.leaving
            return Least(total, arriving)
        if isinstance(node, e.Tied):
            return (yield self._least(node.body, environment, arriving))
        if isinstance(node, e.Chain):
            body = yield self._least(node.body, environment, arriving)
            return Least(_times(body.nodes, self._number(node.count, environment)), body.leaving)
        if isinstance(node, (e.Each, e.Repeat)):
            is_each = isinstance(node, e.Each)
            body = yield self._least(node.body, environment, 1 if is_each else arriving)
            copies = arriving if node.count is None else self._number(node.count, environment)
            leaving = min(_INFINITE, copies * body.leaving) if is_each else body.leaving
            return Least(self._deeper(_times(body.nodes, copies)), leaving)
        if isinstance(node, e.Parallel):
            each = 1 if arriving in (1, len(node.items), _MOST_ARRIVING) else arriving
            inside = [(item, each) for item in node.items]
        else:
            inside = [(a.body, arriving) for a in node.assignments]
        total, parts = (0,) * (self._levels + 1), []
        for item, entering in inside:
            parts.append((yield self._least(item, environment, entering)))
            total = _add(total, parts[-1].nodes)
        is_block = isinstance(node, e.Block)
        leaving = parts[-1].leaving if is_block else sum(p.leaving for p in parts)
        return Least(self._deeper(total), min(_INFINITE, leaving))

    def _of_call(self, node: e.PrimitiveCall, environment: tuple[Any, ...]) -> Walk:
        """The call, and every copy of the expressions that it takes."""
        total: Vector = (1,) * (self._levels + 1)
        parameters = expressions_of(type(node.primitive))
        if parameters:
            written = dict(node.arguments)
            for p in parameters:
                inside: Any = written[p.name]
                copies = self._number(written.get(p.copies), environment)
                one = (yield self._least(inside, environment, 1)).nodes
                total = _add(total, self._deeper(_times(one, copies)))
        return total

    def _deeper(self, inside: Vector) -> Vector:
        return (_INFINITE, *inside[:-1]) if self._has_depth else inside

    def _leaving(self, node: e.PrimitiveCall, environment: tuple[Any, ...]) -> int:
        value = outputs_value(node.primitive, dict(node.arguments))
        return value if isinstance(value, int) else self._number(value, environment)

    def _number(self, value: e.Argument | None, environment: tuple[Any, ...]) -> int:
        least = self._argument(value, environment) if value is not None else None
        return max(1, int(least)) if isinstance(least, (int, float)) else 1

    def _argument(self, value: Any, environment: tuple[Any, ...]) -> Any:
        """Least value of an argument; a closure of an expression; None where nothing is known."""
        if isinstance(value, e.Constant):
            return _follow(value.value)
        if isinstance(value, e.Local):
            return environment[value.slot]
        if isinstance(value, e.Domain):
            known = [self._argument(o, environment) for o in value.options]
            return None if None in known else min(known, key=_order)
        if isinstance(value, e.IntegerRange):
            return self._argument(value.low, environment)
        if isinstance(value, e.Arithmetic):
            if value.operator not in "+*":
                return None
            left = self._argument(value.left, environment)
            right = self._argument(value.right, environment)
            return _follow(arithmetic(value.operator, left, right))
        if isinstance(value, (e.Attribute, e.RealRange)):
            return None
        level = 1 + max((c.level for c in environment if isinstance(c, Closure)), default=0)
        return Closure(value, environment, level) if level <= _DEEPEST_CLOSURE else None


_BOUNDS: WeakKeyDictionary[Grammar, dict[int | None, Bounds]] = WeakKeyDictionary()


def bounds_of(grammar: Grammar, depth: int | None) -> Bounds:
    """Cheapest completions of a grammar's rules; worked out once for each limit on depth."""
    by_depth = _BOUNDS.setdefault(grammar, {})
    if depth not in by_depth:
        known = next(iter(by_depth.values()), None)
        by_depth[depth] = Bounds(grammar.rules, depth, known and known.followed)
    return by_depth[depth]


def _order(value: Any) -> Any:
    return value if isinstance(value, (int, float)) else 0


def _follow(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    return value if 0 <= value <= _LARGEST_FOLLOWED else None


@lru_cache(maxsize=16_384)
def _abstract(environment: Environment) -> tuple[Any, ...]:
    return tuple(
        _abstract_shared(slot, _DEEPEST_CLOSURE) if isinstance(slot, Shared) else _follow(slot)
        for slot in environment
    )


def _abstract_shared(shared: Shared, levels: int) -> Closure | None:
    if levels == 0:
        return None
    inner = tuple(
        _abstract_shared(slot, levels - 1) if isinstance(slot, Shared) else _follow(slot)
        for slot in shared.environment
    )
    level = 1 + max((c.level for c in inner if isinstance(c, Closure)), default=0)
    return Closure(shared.body, inner, level)


def _add(left: Vector, right: Vector) -> Vector:
    # The last number, with most levels left, is the least: nothing ends where that is infinite.
    if left[-1] >= _INFINITE or right[-1] >= _INFINITE:
        return left if left[-1] >= _INFINITE else right
    return _bounded(tuple(map(add, left, right)))


def _times(vector: Vector, count: int) -> Vector:
    return vector if count == 1 else _bounded(tuple(count * a for a in vector))


def _bounded(vector: Vector) -> Vector:
    """Few vectors are too large anywhere, and `max` is faster than looking at each number."""
    return vector if max(vector) <= _INFINITE else tuple(min(_INFINITE, a) for a in vector)
