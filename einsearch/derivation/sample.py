"""Draws derivations: by the grammar's probabilities, always valid, inside the limits.

A dead end (shapes that do not fit, a limit on cost) is left by returning to an earlier draw,
mostly a near one. A draw that returned too often is started again; so is one that `accept` turns
down, so that the distribution of what is accepted stays the grammar's. Where that finds nothing,
every derivation is tried (`feasibility`), up to a bound on the work.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from random import Random
from typing import Final

import numpy as np

from einsearch.derivation.bounds import bounds_of
from einsearch.derivation.branching import Exhausted
from einsearch.derivation.choosing import AtRandom, fast_random
from einsearch.derivation.derivation import Derivation, from_machine
from einsearch.derivation.deriver import Deriver, settings_for
from einsearch.derivation.feasibility import SystematicSearch, check_bounds, judge
from einsearch.derivation.limits import Limits
from einsearch.derivation.machine import Chooser, Machine, Settings
from einsearch.derivation.state import DeadEnd
from einsearch.grammar.model import Grammar
from einsearch.primitives.program import Program
from einsearch.specs import TensorSpec
from einsearch.uncollected import uncollected

Accept = Callable[[Program], str | None]
"""Judges a finished program: None, or the reason why it is turned down."""

MOST_STARTS: Final = 500
"""Draws begun before everything is tried systematically."""
MOST_RETURNS: Final = 200
"""Returns to an earlier draw before a draw is begun anew."""
STARTS_BEFORE_PROBE: Final = 16
"""Draws that ended in dead ends before a first, short systematic search."""
PROBE_STEPS: Final = 100_000
"""Work of that search, in steps of the machine."""
MOST_STEPS: Final = 2_000_000
"""Work of the systematic search in all, before a space is called infeasible without a proof."""


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
        InfeasibleSpace: nothing valid was found; names what stood in the way, and says whether
            it is proven that there is nothing.
    """
    with uncollected():
        return _sample(grammar, spec, fast_random(rng), limits or Limits(), accept)


def _sample(
    grammar: Grammar, spec: TensorSpec, random: Random, limits: Limits, accept: Accept | None
) -> Derivation:
    check_bounds(grammar, limits)
    turned_down: Counter[str] = Counter()
    settings = _settings(grammar, random, limits, accept)
    search: SystematicSearch | None = None
    found: Machine | None = None
    dead = 0
    for _ in range(MOST_STARTS):
        try:
            return from_machine(start(grammar, spec, settings).run(MOST_RETURNS), grammar)
        except DeadEnd:
            dead += 1
        except _TurnedDown as error:
            turned_down[str(error)] += 1
        if dead == STARTS_BEFORE_PROBE and search is None:
            search = SystematicSearch(grammar, spec, limits, accept)
            found = _probe(search, random, dead)
    if found is None:
        search = search or SystematicSearch(grammar, spec, limits, accept)
        found = _decide(search, random, turned_down)
    return from_machine(found, grammar)


def _settings(grammar: Grammar, random: Random, limits: Limits, accept: Accept | None) -> Settings:
    def turn_down(machine: Machine) -> str | None:
        reason = accept(machine.program) if accept is not None else None
        if reason is not None:
            raise _TurnedDown(reason)
        return None

    bounds = bounds_of(grammar, limits.depth)
    return settings_for(grammar, AtRandom(random), limits, bounds, accept=turn_down)


def _probe(search: SystematicSearch, random: Random, starts: int) -> Machine | None:
    """A short systematic search: an empty space is soon known to be one.

    What it finds is kept for the case that no random draw finds anything, so that networks keep
    the grammar's distribution wherever random draws find them.
    """
    try:
        return search.run(_branch(random), PROBE_STEPS)
    except Exhausted as ended:
        raise search.infeasible(ended, starts) from None
    except DeadEnd:
        return None


def _decide(search: SystematicSearch, random: Random, turned_down: Counter[str]) -> Machine:
    """The systematic search that comes after all random draws."""
    try:
        return search.run(_branch(random), MOST_STEPS)
    except DeadEnd as ended:
        for reason, count in turned_down.items():
            search.faults.turned_down(reason, count)
        raise search.infeasible(ended, MOST_STARTS) from None


def _branch(random: Random) -> Random:
    """A generator that draws from here on without changing what the first one draws."""
    branch = Random()
    branch.setstate(random.getstate())
    return branch


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
    bounds = bounds_of(grammar, limits.depth)
    settings = settings_for(grammar, chooser, limits, bounds, accept=judge(accept))
    return from_machine(start(grammar, spec, settings).run(MOST_RETURNS), grammar)


class _TurnedDown(Exception):
    """A finished program was turned down by `accept`."""
