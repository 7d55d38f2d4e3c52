"""Whether anything in a space is valid and fits the limits, and the message where nothing does."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from random import Random
from typing import Final

import networkx as nx

from einsearch.derivation.bounds import Bounds, bounds_of
from einsearch.derivation.branching import Everything, Exhausted
from einsearch.derivation.deadends import LIMITED, DeadEnds
from einsearch.derivation.deriver import settings_for
from einsearch.derivation.endless import endless_groups
from einsearch.derivation.faults import Faults, Places
from einsearch.derivation.limits import Limits
from einsearch.derivation.machine import Judge, Machine
from einsearch.derivation.state import DeadEnd
from einsearch.derivation.systematic import SystematicDeriver
from einsearch.errors import InfeasibleSpace
from einsearch.grammar import expressions as e
from einsearch.grammar.model import Grammar, nodes_of
from einsearch.primitives.program import Program
from einsearch.specs import TensorSpec

_MOST_NODES: Final = 10_000
"""Where nodes are not limited, a systematic search does not go beyond."""
_FIRST_NODES: Final = 16
_FIRST_STEPS: Final = 20_000
_MOST_LEVELS: Final = 128


class SystematicSearch:
    """Looks for a valid derivation everywhere, in small networks first.

    Every pass has more work to do than the one before, and in recursive spaces more nodes; what was
    learned is kept.

    Args:
        grammar: with a start rule.
        spec: the tensor that enters the network.
        limits: that hold for the outcome.
        accept: turns down finished programs, as `require` does, or None.

    Attributes:
        faults: what stood in the way.
        steps: work done so far.
    """

    def __init__(
        self,
        grammar: Grammar,
        spec: TensorSpec,
        limits: Limits,
        accept: Callable[[Program], str | None] | None,
    ) -> None:
        self.faults = Faults()
        self.steps = 0
        self._grammar, self._spec, self._limits = grammar, spec, limits
        self._accept = accept
        self._learned = DeadEnds()
        self._bounds = bounds_of(grammar, limits.depth)
        self._most = _MOST_NODES if limits.nodes is None else limits.nodes
        least = self._bounds.least_of_rule(grammar.start_rule.key)
        first = max(_FIRST_NODES, 2 * least) if is_recursive(grammar) else self._most
        self._nodes = min(self._most, first)
        self._share = _FIRST_STEPS

    def run(self, random: Random, most_steps: int) -> Machine:
        """Goes on until it has found something, or has done so much work in all.

        Args:
            random: the order in which values are tried.
            most_steps: in all, those of earlier calls included.

        Raises:
            Exhausted: there is nothing; `is_proof` says whether that is certain.
            DeadEnd: the work is done, and nothing was found.
        """
        while True:
            machine = self._machine(random)
            try:
                return machine.search(min(self._share, most_steps - self.steps))
            except Exhausted as exhausted:
                lacking = exhausted.lacking[0]
                if self._nodes == self._most or lacking == math.inf:
                    exhausted.is_proof &= self._limits.nodes is not None or lacking == math.inf
                    raise
                self._widen(max(2 * self._nodes, self._nodes + math.ceil(lacking)))
            except DeadEnd:
                self._share *= 2
                self._widen(2 * self._nodes)
                if self.steps + machine.steps_taken >= most_steps:
                    raise
            finally:
                self.steps += machine.steps_taken

    def infeasible(self, ended: DeadEnd, starts: int) -> InfeasibleSpace:
        """The error for a space in which nothing was found.

        Args:
            ended: how the search ended.
            starts: random draws that found nothing before.
        """
        is_proven = isinstance(ended, Exhausted) and ended.is_proof
        places = Places(self._grammar)
        lines = [self._verdict(places, ended)]
        if not is_proven:
            lines.append(
                f"{starts} random draws and a systematic search of {self.steps:,} steps found "
                "nothing; that is no proof that there is nothing."
            )
        found = self.faults.foremost()
        if found:
            lines.append("What stood in the way:")
            lines += [f"  {places.line(fault)}" for fault in found]
        lines.append("Loosen that limit or requirement, or change the rule.")
        return InfeasibleSpace("\n".join(lines), is_proven=is_proven)

    def _verdict(self, places: Places, ended: DeadEnd) -> str:
        """The first line: which limit or requirement nothing keeps."""
        name, spec, limits = self._grammar.name, self._spec, self._limits
        if not isinstance(ended, Exhausted) or not ended.is_proof:
            return f"found nothing valid in {name} on {spec}"
        clashing = [
            (kind, int(getattr(limits, kind)), int(lack))
            for kind, lack in zip(LIMITED, ended.lacking, strict=True)
            if lack < math.inf
        ]
        if self.faults.rejected:
            return f"no network of {name} on {spec} has what {self._required()}: all were tried"
        if not clashing:
            return f"no network of {name} is valid on {spec}: every derivation was tried"
        shown = ", ".join(f"{kind}={most:,}" for kind, most, _ in clashing)
        needed = " or ".join(f"{most + lack:,} {_unit(kind)}" for kind, most, lack in clashing)
        plural = "s" if len(clashing) > 1 else ""
        verdict = f"limit{plural} {shown}: {name} on {spec} needs at least {needed}"
        cheapest = self.faults.cheapest(clashing[0][0])
        return verdict if cheapest is None else f"{verdict}; {places.exceeding(cheapest)}"

    def _required(self) -> str:
        names = getattr(self._accept, "require", ())
        return f"`require {', '.join(names)}` asks for" if names else "is asked for"

    def _widen(self, nodes: int) -> None:
        self._nodes = min(self._most, nodes)

    def _machine(self, random: Random) -> SystematicDeriver:
        settings = settings_for(
            self._grammar,
            Everything(random),
            replace(self._limits, nodes=self._nodes),
            self._bounds,
            accept=judge(self._accept),
        )
        rule = self._grammar.start_rule
        machine = SystematicDeriver(rule, self._spec, settings, self._learned, self.faults)
        reason = machine.enter(rule, (), machine.context.path)
        if reason is not None:
            raise DeadEnd(reason, Counter([reason]))
        return machine


def check_bounds(grammar: Grammar, limits: Limits) -> None:
    """Raises InfeasibleSpace where limits on nodes and depth alone cannot be kept."""
    rule = grammar.start_rule
    least = bounds_of(grammar, limits.depth).least_of_rule(rule.key)
    if least <= (Bounds.UNBOUNDED - 1 if limits.nodes is None else limits.nodes):
        return
    name = Places(grammar).rule(rule)
    if least >= Bounds.UNBOUNDED:
        if bounds_of(grammar, None).least_of_rule(rule.key) >= Bounds.UNBOUNDED:
            reason = "can never end" if endless_groups(grammar) else "needs over a billion nodes"
            raise InfeasibleSpace(f"the rule {name} of {grammar.name} {reason}", is_proven=True)
        needed = _least_depth(grammar, rule)
        levels = f"at least {needed}" if needed < _MOST_LEVELS else f"{needed} or more"
        raise InfeasibleSpace(
            f"limit depth={limits.depth}: the rule {name} needs {levels} levels; "
            "raise the limit on depth",
            is_proven=True,
        )
    raise InfeasibleSpace(
        f"limit nodes={limits.nodes}: the rule {name} needs at least {least} nodes; "
        "raise the limit on nodes",
        is_proven=True,
    )


def is_recursive(grammar: Grammar) -> bool:
    """Whether any rule that the start rule reaches leads back to itself."""
    called = {
        key: {node.rule for node in nodes_of(rule) if isinstance(node, e.RuleCall)}
        for key, rule in grammar.rules.items()
    }
    graph = nx.DiGraph((key, inner) for key, calls in called.items() for inner in calls)
    start = grammar.start_rule.key
    if start not in graph:
        return False
    reached = graph.subgraph(nx.descendants(graph, start) | {start})
    return not nx.is_directed_acyclic_graph(reached)


def judge(accept: Callable[[Program], str | None] | None) -> Judge | None:
    """What sees a finished machine, of what judges a program."""
    return None if accept is None else lambda machine: accept(machine.program)


def _unit(limit: str) -> str:
    return limit.replace("_", " ")


def _least_depth(grammar: Grammar, rule: e.Rule) -> int:
    """Least levels that a rule can end in."""

    def ends(depth: int) -> bool:
        return bounds_of(grammar, depth).least_of_rule(rule.key) < Bounds.UNBOUNDED

    high = 1
    while not ends(high) and high < _MOST_LEVELS:
        high *= 2
    low = high // 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if ends(middle) else (middle, high)
    return high
