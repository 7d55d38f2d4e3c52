"""Draws derivations: by the grammar's probabilities, always valid, inside the limits.

A dead end (shapes that do not fit, a limit on cost) is left by returning to an earlier draw,
mostly a near one. A draw that returned too often is started again; so is one that `accept` turns
down, so that the distribution of what is accepted stays the grammar's.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Final
from weakref import WeakKeyDictionary

import numpy as np

from einsearch.derivation.bounds import Bounds
from einsearch.derivation.choosing import AtRandom, fast_random
from einsearch.derivation.derivation import Derivation, from_machine
from einsearch.derivation.deriver import Deriver, settings_for
from einsearch.derivation.limits import Limits
from einsearch.derivation.machine import Chooser, Machine, Settings
from einsearch.derivation.state import DeadEnd
from einsearch.errors import InfeasibleSpace
from einsearch.grammar.model import Grammar
from einsearch.primitives.program import Program
from einsearch.specs import TensorSpec

Accept = Callable[[Program], str | None]
"""Judges a finished program: None, or the reason why it is turned down."""

MOST_STARTS: Final = 500
"""Draws begun before a space is called infeasible."""
MOST_RETURNS: Final = 200
"""Returns to an earlier draw before a draw is begun anew."""

_BOUNDS: WeakKeyDictionary[Grammar, dict[int | None, Bounds]] = WeakKeyDictionary()


def bounds_of(grammar: Grammar, depth: int | None) -> Bounds:
    """Cheapest completions of a grammar's rules; worked out once for each limit on depth."""
    by_depth = _BOUNDS.setdefault(grammar, {})
    if depth not in by_depth:
        by_depth[depth] = Bounds(grammar.rules, depth)
    return by_depth[depth]


def start(grammar: Grammar, spec: TensorSpec, settings: Settings) -> Machine:
    """A machine at the start rule of a grammar."""
    rule = grammar.start_rule
    machine = Deriver(rule, spec, settings)
    reason = machine.enter(rule, (), machine.context.path)
    if reason is not None:
        raise DeadEnd(reason, Counter([reason]))
    return machine


def sample(
    grammar: Grammar,
    spec: TensorSpec,
    rng: np.random.Generator,
    limits: Limits | None = None,
    accept: Accept | None = None,
) -> Derivation:
    """Draws one derivation.

    Args:
        grammar: with a start rule.
        spec: the tensor that enters the network.
        rng: the only source of randomness.
        limits: that hold for the outcome; `Limits()` where None.
        accept: turns down finished programs, as `require` does.

    Raises:
        InfeasibleSpace: nothing valid was found; names what stood in the way.
    """
    limits = limits or Limits()
    bounds = bounds_of(grammar, limits.depth)
    _check_feasible(grammar, bounds, limits)
    random = fast_random(rng)
    reasons: Counter[str] = Counter()

    def judge(machine: Machine) -> str | None:
        reason = accept(machine.program) if accept is not None else None
        if reason is not None:
            raise _TurnedDown(reason)
        return None

    settings = settings_for(grammar, AtRandom(random), limits, bounds, accept=judge)
    for _ in range(MOST_STARTS):
        try:
            return from_machine(start(grammar, spec, settings).run(MOST_RETURNS), grammar)
        except DeadEnd as error:
            reasons.update(error.reasons)
        except _TurnedDown as error:
            reasons[str(error)] += 1
    raise InfeasibleSpace(_explain(grammar, spec, reasons))


def guided(
    grammar: Grammar,
    spec: TensorSpec,
    limits: Limits | None,
    accept: Accept | None,
    chooser: Chooser,
) -> Derivation:
    """One derivation whose decisions a chooser takes, in the order of derivation.

    Of the values that the chooser names for a decision, the next one is taken where what followed
    from the last came to a dead end. Values known to break a limit are not among the draw's
    `allowed` ones. A finished program that `accept` turns down is a dead end.

    Args:
        grammar: with a start rule.
        spec: the tensor that enters the network.
        limits: that hold for the outcome; `Limits()` where None.
        accept: turns down finished programs, as `require` does.
        chooser: where values come from.

    Raises:
        DeadEnd: no value is left, or too many of them came to nothing.
    """
    limits = limits or Limits()

    def judge(machine: Machine) -> str | None:
        return accept(machine.program) if accept is not None else None

    bounds = bounds_of(grammar, limits.depth)
    settings = settings_for(grammar, chooser, limits, bounds, accept=judge)
    return from_machine(start(grammar, spec, settings).run(MOST_RETURNS), grammar)


class _TurnedDown(Exception):
    """A finished program was turned down by `accept`."""


def _check_feasible(grammar: Grammar, bounds: Bounds, limits: Limits) -> None:
    rule = grammar.start_rule
    least = bounds.least_of_rule(rule.key)
    if least >= bounds.UNBOUNDED:
        unlimited = bounds_of(grammar, None).least_of_rule(rule.key)
        if unlimited >= bounds.UNBOUNDED:
            raise InfeasibleSpace(f"the rule {rule.name} of {grammar.name} can never end")
        raise InfeasibleSpace(
            f"the rule {rule.name} needs more than the {limits.depth} levels of depth that the "
            "limits allow; raise the limit on depth"
        )
    if limits.nodes is not None and least > limits.nodes:
        raise InfeasibleSpace(
            f"the rule {rule.name} needs at least {least} nodes, the limits allow {limits.nodes}; "
            "raise the limit on nodes"
        )


def _explain(grammar: Grammar, spec: TensorSpec, reasons: Counter[str]) -> str:
    common = "\n".join(f"  {n} times: {reason}" for reason, n in reasons.most_common(4))
    return (
        f"found nothing valid in {grammar.name} for {spec} in {MOST_STARTS} draws. What stood in "
        f"the way most often:\n{common}\nLoosen that limit or requirement, or change the rule."
    )
