"""Mutation and crossover: another derivation of one subtree; everything outside stays as it is.

The decisions before the subtree are replayed, the subtree is drawn anew (or taken from another
derivation), the decisions behind it are replayed on the shapes that result. Where those cannot
stand, the subtree is drawn again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from operator import itemgetter
from random import Random
from typing import Final

import numpy as np

from einsearch.derivation.choosing import AtRandom, Never, fast_random
from einsearch.derivation.derivation import Derivation, from_machine
from einsearch.derivation.deriver import Deriver, settings_for
from einsearch.derivation.limits import Limits
from einsearch.derivation.machine import (
    Activation,
    Cursor,
    DeadEnd,
    Machine,
    Retarget,
    Settings,
)
from einsearch.derivation.sample import Accept, bounds_of
from einsearch.errors import NoCommonSymbol, NoNeighbour
from einsearch.primitives.program import Program

Fingerprint = Callable[[Program], str]
"""Canonical hash of a program: equal for networks that are the same."""

MOST_SUBTREES: Final = 60
"""Subtrees tried before a mutation gives up."""
MOST_REDRAWS: Final = 24
"""How often one subtree is drawn again."""
MOST_PAIRS: Final = 80
"""Pairs of subtrees tried before a crossover gives up."""


def mutate(
    derivation: Derivation,
    rng: np.random.Generator,
    limits: Limits | None,
    accept: Accept | None,
    fingerprint: Fingerprint,
) -> Derivation:
    """A valid derivation that differs from this one in one subtree and in its canonical hash.

    Args:
        derivation: the parent.
        rng: the only source of randomness.
        limits: that hold for the child; `Limits()` where None.
        accept: turns down finished programs, as `require` does.
        fingerprint: tells networks apart.

    Raises:
        NoNeighbour: none was found.
    """
    random = fast_random(rng)
    own = fingerprint(derivation.program)
    limits = limits or Limits()

    def judge(machine: Machine) -> str | None:
        program = machine.program
        if fingerprint(program) == own:
            return "the same network"
        return accept(program) if accept is not None else None

    for activation in _random_order(_with_decisions(derivation), random, MOST_SUBTREES):
        retarget = _retarget(derivation, activation, None)
        settings = settings_for(
            derivation.grammar,
            AtRandom(random),
            limits,
            bounds_of(derivation.grammar, limits.depth),
            accept=judge,
            retarget=retarget,
        )
        try:
            return _derive(derivation, activation, settings, MOST_REDRAWS)
        except DeadEnd:
            continue
    raise NoNeighbour(
        f"no other valid network was found near a derivation with {len(derivation.taken)} decisions"
    )


def crossover(
    left: Derivation,
    right: Derivation,
    rng: np.random.Generator,
    limits: Limits | None,
    accept: Accept | None,
    fingerprint: Fingerprint,
) -> tuple[Derivation, Derivation]:
    """Two children: each parent with a subtree of the same rule from the other.

    Both are valid and differ from both parents.

    Raises:
        NoCommonSymbol: there is nothing to exchange, or nothing that gives valid children.
    """
    random = fast_random(rng)
    parents = {fingerprint(left.program), fingerprint(right.program)}

    def judge(machine: Machine) -> str | None:
        program = machine.program
        if fingerprint(program) in parents:
            return "the same network"
        return accept(program) if accept is not None else None

    for mine, other in _pairs(left, right, random):
        try:
            first = _transplant(left, mine, right, other, limits or Limits(), judge)
            second = _transplant(right, other, left, mine, limits or Limits(), judge)
        except DeadEnd:
            continue
        return first, second
    raise NoCommonSymbol("no two subtrees of the same rule can be exchanged between these networks")


def _transplant(
    host: Derivation,
    place: Activation,
    donor: Derivation,
    graft: Activation,
    limits: Limits,
    judge: Callable[[Machine], str | None],
) -> Derivation:
    inside = Cursor(donor.values, *graft.decisions, is_copy=False)
    retarget = _retarget(host, place, inside)
    settings = settings_for(host.grammar, Never(), limits, accept=judge, retarget=retarget)
    return _derive(host, place, settings, 0)


def _retarget(derivation: Derivation, activation: Activation, inside: Cursor | None) -> Retarget:
    values = derivation.values
    after = Cursor(values, activation.decisions[1], len(values), is_copy=False)
    return Retarget(activation.entry, inside, after, derivation.counted - activation.nodes[1])


def _derive(
    derivation: Derivation, activation: Activation, settings: Settings, most_failures: int
) -> Derivation:
    grammar = derivation.grammar
    machine = Deriver(grammar.start_rule, derivation.input, settings)
    machine.source = Cursor(derivation.values, 0, activation.decisions[0], is_copy=False)
    reason = machine.enter(grammar.start_rule, (), machine.context.path)
    if reason is not None:
        raise DeadEnd(reason, machine.reasons)
    return from_machine(machine.run(most_failures), grammar)


def _with_decisions(derivation: Derivation) -> list[Activation]:
    return [a for a in derivation.activations if a.decisions[0] < a.decisions[1]]


def _random_order(found: list[Activation], random: Random, most: int) -> Iterator[Activation]:
    """Activations in random order; taken again where there are fewer than `most` tries."""
    for _ in range(most if found else 0):
        yield random.choice(found)


def _pairs(
    left: Derivation, right: Derivation, random: Random
) -> Iterator[tuple[Activation, Activation]]:
    """Pairs of one rule in random order; those that keep the shapes come up first."""
    by_rule: dict[str, list[Activation]] = {}
    for activation in _with_decisions(right):
        if activation.level > 0:
            by_rule.setdefault(activation.rule, []).append(activation)
    mine = [a for a in _with_decisions(left) if a.level > 0 and a.rule in by_rule]
    if not mine:
        return
    drawn: list[tuple[bool, int, Activation, Activation]] = []
    for _ in range(MOST_PAIRS):
        place = random.choice(mine)
        graft = random.choice(by_rule[place.rule])
        keeps = (place.incoming, place.outgoing) == (graft.incoming, graft.outgoing)
        drawn.append((not keeps, len(drawn), place, graft))
    seen = set()
    for _, _, place, graft in sorted(drawn, key=itemgetter(0, 1)):
        if (place.entry, graft.entry) not in seen:
            seen.add((place.entry, graft.entry))
            yield place, graft
