"""From a grammar to a circuit that counts its derivations.

Every expression is walked over the states that can reach it: how many tensors, and which of a
block's were read. It gives, for each state in which it can end and each number of uses of what is
derived once, a series: how many derivations have how many nodes. Walks are generators that yield
the walks they need, so that nesting may be thousands of levels deep.
"""

from __future__ import annotations

from typing import Any, Final

from einsearch.derivation.counts_ends import (
    Case,
    Closure,
    Ends,
    Parts,
    Uses,
    Using,
    Walk,
    Wanted,
    closure,
    plus,
)
from einsearch.derivation.counts_series import Circuit
from einsearch.derivation.counts_state import MOST_TENSORS, State, entering, outside
from einsearch.derivation.counts_steps import TENSORS, WALKS
from einsearch.derivation.counts_values import Slots, Uncountable, check_ways, options, ways
from einsearch.derivation.relevance import relevant_slots
from einsearch.grammar import expressions as e
from einsearch.grammar.model import Grammar, nodes_of

_MOST_ENDS: Final = 5_000
"""Ends of one expression; more are not told apart."""
_MOST_WORK: Final = 300_000
"""Walks; those that know many tensors weigh more."""
_MOST_ROUNDS: Final = 64


class Walker:
    """Walks the rules of a grammar.

    Attributes:
        circuit: what it has made.
        explicit: names of tensors that some expression spells out.
        is_bound: whether guards were taken for true because they depend on tensors or depth.
        has_reals: whether ranges of reals were counted as one value.
    """

    def __init__(self, grammar: Grammar) -> None:
        self._rules = grammar.rules
        self._relevant = relevant_slots(grammar.rules)
        nodes = [node for rule in grammar.rules.values() for node in nodes_of(rule)]
        spelt = {n.name for n in nodes if isinstance(n, e.TensorUse)}
        spelt |= {n for node in nodes if isinstance(node, e.AnyTensor) for n in node.names}
        self.explicit = frozenset({"in"} | spelt)
        self.has_reals = any(isinstance(node, e.RealRange) for node in nodes)
        self.is_bound = False
        self.circuit = Circuit()
        self._known: dict[Case, Ends] = {}
        self._recursive: set[Case] = set()
        self._memo: dict[Any, Ends] = {}
        self._work = 0
        self._closures: dict[Any, Closure] = {}

    def root(self, rule: str) -> int:
        """The part of the circuit that counts the derivations of a rule on one tensor.

        Raises:
            Uncountable: the grammar does what is not followed.
        """
        start = Case(rule, (), entering(1))
        for _ in range(_MOST_ROUNDS):
            self.is_bound = False
            self.circuit, self._memo, before = Circuit(), {}, self._known
            self._known = {c: {end: self.circuit.open() for end in e} for c, e in before.items()}
            self._drive(start)
            found = {c: ends for c, ends in self._memo.items() if isinstance(c, Case)}
            ends = {case: found.get(case, {}) for case in self._recursive}
            if all(self._known.get(case, {}).keys() == own.keys() for case, own in ends.items()):
                break
            self._known = ends
        else:
            raise Uncountable("ever more tensors, or uses of an argument, come out of its rules")
        for case, own in ends.items():
            for end, part in own.items():
                self.circuit.close(self._known[case][end], [part])
        ended = [part for (state, _), part in found[start].items() if len(state.refs) == 1]
        return self.circuit.total(ended)

    def _drive(self, start: Case) -> None:
        """Walks a rule, and all that it needs, with a stack of its own.

        A rule that is reached from itself ends as the round before has found.
        """
        stack: list[tuple[Any, Walk]] = [(start, self._of_rule(start))]
        active: set[Any] = {start}
        sent: Ends | None = None
        while stack:
            try:
                wanted = next(stack[-1][1]) if sent is None else stack[-1][1].send(sent)
            except StopIteration as done:
                key, _ = stack.pop()
                active.discard(key)
                sent = self._memo[key] = done.value
                continue
            self.spend(wanted.state if isinstance(wanted, Case) else wanted[2])
            sent = self._memo.get(wanted)
            if sent is None and isinstance(wanted, Case) and wanted in active:
                self._recursive.add(wanted)
                sent = self._known.get(wanted, {})
            elif sent is None:
                active.add(wanted)
                stack.append((wanted, self._begin(wanted)))

    def spend(self, state: State) -> None:
        """Counts a walk that is wanted. Raises Uncountable once there are too many."""
        if len(state.refs) > MOST_TENSORS:
            raise Uncountable(f"there may be more than {MOST_TENSORS} tensors at once")
        self._work += max(1, len(state.refs) + len(state.names) - 16)
        if self._work > _MOST_WORK:
            raise Uncountable("its rules are called in too many different cases")

    def _begin(self, wanted: Wanted) -> Walk:
        return self._of_rule(wanted) if isinstance(wanted, Case) else self._walk(*wanted)

    # --- rules -----------------------------------------------------------------------------------

    def _of_rule(self, case: Case) -> Walk:
        rule = self._rules[case.rule]
        ends: Parts = {}
        for slots, number in self._bound(rule, case.slots):
            body = yield rule.body, slots, case.state
            for (state, uses), part in body.items():
                for own, whole in (yield from self._expanded(rule, slots, uses, part)):
                    counted = self.circuit.product(self.circuit.constant(number), whole)
                    ends.setdefault((state, own), []).append(counted)
        return self.totals(ends)

    def _bound(self, rule: e.Rule, slots: Slots) -> list[tuple[Slots, int]]:
        """Slots with what `where` binds, and in how many ways they come to be."""
        bound: list[tuple[Slots, int]] = [(slots, 1)]
        for position, binding in enumerate(rule.bindings):
            slot = len(rule.parameters) + position
            following = []
            for known, number in bound:
                if not isinstance(binding.body, e.VALUE_TYPES):
                    following.append(((*known, self.closure(binding.body, known)), number))
                else:
                    for value, times in self.values(rule.key, slot, binding.body, known):
                        following.append(((*known, value), number * times))
            check_ways(len(following))
            bound = following
        return bound

    def closure(self, body: Any, slots: Slots) -> Closure:
        """An expression to be derived once: one object for each, however deep they are nested.

        Raises:
            Uncountable: they nest without end.
        """
        key = (body, slots)
        if key not in self._closures:
            self._closures[key] = closure(body, slots)
        return self._closures[key]

    def values(self, rule: str, slot: int, value: Any, slots: Slots) -> list[tuple[Any, int]]:
        """Values of a slot, with how often each comes up; one for all, where they do not matter."""
        if isinstance(value, e.Local) and isinstance(slots[value.slot], Closure):
            return [(slots[value.slot], 1)]
        if slot not in self._relevant[rule]:
            return [(None, ways(value, slots))]
        found = options(value, slots)
        return [(v, found.count(v)) for v in dict.fromkeys(found)]

    def _expanded(self, rule: e.Rule, slots: Slots, uses: Uses, part: int) -> Using:
        """Puts the derivations of what `where` binds where they are used."""
        found: list[tuple[Uses, int]] = [(uses, part)]
        for slot in range(len(slots) - 1, len(rule.parameters) - 1, -1):
            following = []
            for own, whole in found:
                following += yield from self.put(slots, slot, own, whole)
            found = following
        return found

    def put(self, slots: Slots, slot: int, uses: Uses, part: int) -> Using:
        """Puts the derivations of one slot where they are used, in so many places."""
        own = [(arriving, places) for (used, arriving), places in uses if used == slot]
        if not own:
            return [(uses, part)]
        if len(own) > 1:
            raise Uncountable("what is derived once is used on different numbers of tensors")
        arriving, places = own[0]
        rest: Uses = tuple(use for use in uses if use[0][0] != slot)
        bound = slots[slot]
        found: dict[Uses, list[int]] = {}
        for (_, inner), series in (yield bound.body, bound.slots, outside(arriving)).items():
            found.setdefault(inner, []).append(series)
        return [
            (
                plus(rest, inner, places),
                self.circuit.product(part, self.circuit.spread(self.circuit.total(all_), places)),
            )
            for inner, all_ in found.items()
        ]

    # --- expressions -----------------------------------------------------------------------------

    def _walk(self, node: e.Expression, slots: Slots, state: State) -> Walk:
        if type(node) in TENSORS:
            return TENSORS[type(node)](self, node, state)
        ends = yield from WALKS[type(node)](self, node, slots, state)
        if len(ends) > _MOST_ENDS:
            raise Uncountable("there are too many ways for its tensors to have been read")
        return ends

    def totals(self, parts: Parts) -> Ends:
        return {end: self.circuit.total(items) for end, items in parts.items()}
