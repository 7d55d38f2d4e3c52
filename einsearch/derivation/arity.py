"""How many tensors can leave an expression, and joins that no fork before them can feed.

An abstract run over sets of numbers of tensors; guards are followed as far as these numbers decide
them, as in `when branches == 2`. What is not known (an attribute as a number of copies, a handed
expression) gives None, and nothing is said about what follows.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from math import prod
from typing import Any, Final, NamedTuple

from einsearch.derivation.driving import Walk, drive
from einsearch.derivation.relevance import relevant_slots
from einsearch.grammar import expressions as e
from einsearch.grammar.guards import COMPARE
from einsearch.grammar.model import Grammar
from einsearch.grammar.values import arithmetic
from einsearch.primitives.outputs import outputs_value

_MOST_NUMBERS: Final = 24
"""Larger sets of numbers are treated as unknown."""
_LARGEST_FOLLOWED: Final = 64
"""So are larger numbers: they are sizes, not numbers of tensors."""
_MOST_TENSORS: Final = 4096
_MOST_RUNS: Final = 64
"""Of one case; its outcome grows from run to run."""
_MOST_CASES: Final = 256
"""Values that a rule is called with; further ones are treated as unknown."""

Numbers = frozenset[int] | None
"""Possible numbers of tensors; None where nothing is known; empty where nothing arrives yet."""

ONE: Final[Numbers] = frozenset({1})


@dataclass(frozen=True)
class Mismatch:
    """A place where the tensors that arrive can never be taken.

    Attributes:
        file, at: of the expression that cannot take them.
        message: what arrives, and what it takes.
    """

    file: str
    at: tuple[int, int]
    message: str


class _Case(NamedTuple):
    rule: str
    environment: tuple[Any, ...]
    arriving: Numbers


def find_mismatches(grammar: Grammar) -> list[Mismatch]:
    """Every join that no derivation from the start rule can feed, in the order of the file."""
    if grammar.start is None:
        return []
    run = _Run(grammar)
    start = _Case(grammar.start, (), ONE)
    run.settle(start)
    run.visit(start)
    found = {m for key, m in run.refused.items() if key not in run.taken}
    return sorted(found, key=lambda m: (m.file, m.at))


class _Run:
    """One abstract run; rules in the same case are visited once."""

    def __init__(self, grammar: Grammar) -> None:
        self._rules = grammar.rules
        self._relevant = relevant_slots(grammar.rules)
        self.leaving: dict[_Case, Numbers] = {}
        self.taken: set[Any] = set()
        self.refused: dict[Any, Mismatch] = {}
        self._file = ""
        self._environments: dict[str, set[Any]] = {}

    def settle(self, start: _Case) -> None:
        """Runs cases until nothing changes: one is run again when one that it calls has changed.

        New cases come first, changed ones in turn. Of one that keeps changing nothing is known.
        """
        fresh, again = [start], dict[_Case, None]()
        callers: dict[_Case, dict[_Case, None]] = {}
        runs: Counter[_Case] = Counter()
        seen = {start}
        while fresh or again:
            case = fresh.pop() if fresh else next(iter(again))
            again.pop(case, None)
            runs[case] += 1
            leaving = self._run(case) if runs[case] <= _MOST_RUNS else None
            for called in self._found:
                callers.setdefault(called, {})[case] = None
                if called not in seen:
                    seen.add(called)
                    fresh.append(called)
            if leaving != self.leaving.get(case, frozenset()):
                again.update(callers.get(case, {}))
            self.leaving[case] = leaving

    def visit(self, start: _Case) -> None:
        """Runs every case that can be reached once, to see what is taken and what refused."""
        pending, seen = [start], {start}
        self.taken.clear()
        self.refused.clear()
        self._environments.clear()
        while pending:
            self._run(pending.pop())
            for called in self._found:
                if called not in seen:
                    seen.add(called)
                    pending.append(called)

    def _run(self, case: _Case) -> Numbers:
        """How many tensors can leave a case; `_found` has what it calls."""
        rule = self._rules[case.rule]
        environment = case.environment
        for binding in rule.bindings:
            environment = (*environment, _known(binding.body, environment))
        self._file = rule.file
        self._found: list[_Case] = []
        self._memo: dict[Any, Numbers] = {}
        found: Numbers = drive(self._out(rule.body, environment, case.arriving))
        return found

    def _out(self, node: e.Expression, environment: tuple[Any, ...], arriving: Numbers) -> Walk:
        # Within one rule body the environment is the same everywhere.
        key = (node, arriving)
        if key not in self._memo:
            self._memo[key] = yield self._walked(node, environment, arriving)
        return self._memo[key]

    def _walked(self, node: e.Expression, environment: tuple[Any, ...], arriving: Numbers) -> Walk:
        if isinstance(node, e.PrimitiveCall):
            return (yield self._primitive(node, environment, arriving))
        if isinstance(node, e.RuleCall):
            return (yield self._call(node, environment, arriving))
        if isinstance(node, e.Series):
            for item in node.items:
                arriving = yield self._out(item, environment, arriving)
            return arriving
        if isinstance(node, e.Choice):
            return (yield self._choice(node, environment, arriving))
        if isinstance(node, e.Parallel):
            self._feed(node, arriving, (1, len(node.items)), f"{len(node.items)} expressions in ()")
            parts = []
            for item in node.items:
                parts.append((yield self._out(item, environment, ONE)))
            return _sum(parts)
        if isinstance(node, e.Each):
            return (yield self._each(node, environment, arriving))
        if isinstance(node, e.Tied):
            return (yield self._out(node.body, environment, arriving))
        if isinstance(node, (e.Repeat, e.Chain)):
            first = yield self._out(node.body, environment, arriving)
            return _union([first, (yield self._out(node.body, environment, first))])
        if isinstance(node, e.Block):
            out: Numbers = None
            for a in node.assignments:
                out = yield self._out(a.body, environment, None)
            return out
        if isinstance(node, e.AnyTensor):
            return frozenset({node.count})
        return ONE if isinstance(node, e.TensorUse) and node.name != "in" else None

    def _choice(self, node: e.Choice, environment: tuple[Any, ...], arriving: Numbers) -> Walk:
        """Into an alternative go the numbers that its guard lets in; it may be closed to all."""
        parts = []
        for alternative in node.alternatives:
            entering = arriving
            if alternative.guard is not None and arriving:
                guard = alternative.guard
                entering = frozenset(n for n in arriving if True in _truth(guard, n, environment))
                if not entering:
                    continue
            parts.append((yield self._out(alternative.body, environment, entering)))
        return _union(parts)

    def _each(self, node: e.Each, environment: tuple[Any, ...], arriving: Numbers) -> Walk:
        copies = arriving
        if node.count is not None:
            self._feed(node, arriving, (1,), "each(..., n)")
            copies = _known(node.count, environment)
        body = yield self._out(node.body, environment, ONE)
        if copies is None or body is None:
            return None
        return _bounded({a * b for a, b in product(copies, body)})

    def _primitive(
        self, node: e.PrimitiveCall, environment: tuple[Any, ...], arriving: Numbers
    ) -> Walk:
        fewest, most = node.primitive.arity
        if arriving is not None and arriving:
            if any(fewest <= n <= most for n in arriving):
                self.taken.add(node)
            else:
                takes = str(fewest) if fewest == most else f"{fewest} or more"
                self._refuse(node, f"{node.primitive.name} takes {takes}", arriving)
        else:
            self.taken.add(node)
        for _, argument in node.arguments:
            if not isinstance(argument, e.VALUE_TYPES):
                yield self._expression(argument, environment)
        leaving = outputs_value(node.primitive, dict(node.arguments))
        return frozenset({leaving}) if isinstance(leaving, int) else _known(leaving, environment)

    def _expression(self, node: e.Expression, environment: tuple[Any, ...]) -> Walk:
        """An expression that a primitive takes: one tensor enters it."""
        leaving = yield self._out(node, environment, ONE)
        if leaving and 1 not in leaving:
            shown = " or ".join(map(str, sorted(leaving)))
            message = f"the expression of a primitive makes one tensor, but {shown} leave this one"
            self.refused[node, "leaving"] = Mismatch(self._file, node.at, message)
        else:
            self.taken.add((node, "leaving"))

    def _feed(self, node: Any, arriving: Numbers, fits: tuple[int, ...], what: str) -> None:
        if arriving and not any(n in fits for n in arriving):
            takes = " or ".join(map(str, dict.fromkeys(fits)))
            self._refuse(node, f"{what} take{'s' if len(fits) == 1 else ''} {takes}", arriving)
        else:
            self.taken.add(node)

    def _refuse(self, node: Any, what: str, arriving: frozenset[int]) -> None:
        shown = " or ".join(map(str, sorted(arriving)))
        plural = "" if what.endswith(" 1") else "s"
        message = f"{what} tensor{plural}, but {shown} arrive"
        self.refused[node] = Mismatch(self._file, node.at, message)

    def _call(self, node: e.RuleCall, environment: tuple[Any, ...], arriving: Numbers) -> Walk:
        for argument in node.arguments:
            if not isinstance(argument, e.VALUE_TYPES):
                yield self._out(argument, environment, None)
        if arriving is not None and not arriving:
            return arriving
        followed = self._relevant[node.rule]
        options = []
        for slot, argument in enumerate(node.arguments):
            known = _known(argument, environment) if slot in followed else None
            options.append([known] if known is None else sorted(known))
        found: list[Numbers] = []
        for case in self._cases(node.rule, options, arriving):
            self._found.append(case)
            found.append(self.leaving.get(case, frozenset()))
        return _union(found)

    def _cases(self, rule: str, options: Sequence[Any], arriving: Numbers) -> Iterator[_Case]:
        """The cases of a call: one for every choice of values, or one for all of too many."""
        known = self._environments.setdefault(rule, set())
        unknown = _Case(rule, (None,) * len(options), arriving)
        if prod(map(len, options)) > _MOST_CASES:
            yield unknown
            return
        for values in product(*options):
            bound = tuple(None if v is None else frozenset({v}) for v in values)
            if (bound, arriving) not in known and len(known) >= _MOST_CASES:
                yield unknown
            else:
                known.add((bound, arriving))
                yield _Case(rule, bound, arriving)


_EITHER: Final = frozenset({True, False})


def _truth(guard: e.Guard, arriving: int, environment: tuple[Any, ...]) -> frozenset[bool]:
    """What a guard can come to, as far as the number of tensors tells."""
    if isinstance(guard, e.LogicGuard):
        operands = [_truth(o, arriving, environment) for o in guard.operands]
        if guard.operator == "not":
            return frozenset(not value for value in operands[0])
        decisive = guard.operator == "or"
        found = {decisive} if any(decisive in values for values in operands) else set()
        if all((not decisive) in values for values in operands):
            found.add(not decisive)
        return frozenset(found)
    if not isinstance(guard, e.CompareGuard):
        return _EITHER
    left = _compared(guard.left, arriving, environment)
    right = _compared(guard.right, arriving, environment)
    if left is None or right is None:
        return _EITHER
    return frozenset(COMPARE[guard.operator](a, b) for a, b in product(left, right))


def _compared(value: e.Value, arriving: int, environment: tuple[Any, ...]) -> Numbers:
    """As `_known`, in a guard: the number of tensors is known there."""
    if isinstance(value, e.Attribute) and value.name == "branches":
        return frozenset({arriving})
    if isinstance(value, e.Arithmetic):
        left = _compared(value.left, arriving, environment)
        right = _compared(value.right, arriving, environment)
        return _calculated(value, left, right)
    return _known(value, environment)


def _calculated(value: e.Arithmetic, left: Numbers, right: Numbers) -> Numbers:
    if left is None or right is None:
        return None
    return _of([arithmetic(value.operator, a, b) for a, b in product(left, right)])


def _known(value: Any, environment: tuple[Any, ...]) -> Numbers:
    """Numbers that a value can be, or None."""
    if isinstance(value, e.Constant):
        return _of([value.value])
    if isinstance(value, e.Local):
        found: Numbers = environment[value.slot]
        return found
    if isinstance(value, e.Domain):
        parts = [_known(o, environment) for o in value.options]
        return None if any(p is None for p in parts) else _union(parts)
    if isinstance(value, e.IntegerRange):
        low, high = _known(value.low, environment), _known(value.high, environment)
        return None if low is None or high is None else _bounded(range(min(low), max(high) + 1))
    if isinstance(value, e.Arithmetic):
        left, right = _known(value.left, environment), _known(value.right, environment)
        return _calculated(value, left, right)
    return None


def _of(values: Any) -> Numbers:
    if any(isinstance(v, bool) or not isinstance(v, int) for v in values):
        return None
    if any(v > _LARGEST_FOLLOWED for v in values):
        return None
    return _bounded(values)


def _bounded(values: Any) -> Numbers:
    found = frozenset(values)
    is_followed = len(found) <= _MOST_NUMBERS and max(found, default=0) <= _MOST_TENSORS
    return found if is_followed else None


def _union(parts: list[Numbers]) -> Numbers:
    if any(part is None for part in parts):
        return None
    return _bounded(n for part in parts for n in part or ())


def _sum(parts: list[Numbers]) -> Numbers:
    total: Numbers = frozenset({0})
    for part in parts:
        if part is None or total is None:
            return None
        total = _bounded(a + b for a, b in product(total, part))
    return total
