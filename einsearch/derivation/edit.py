"""Mutation and crossover of subtrees, which leave everything outside as it is; recombination."""

from __future__ import annotations

from collections.abc import Iterator
from operator import itemgetter
from random import Random
from typing import Final

import numpy as np

from einsearch.derivation.choosing import AtRandom, fast_random
from einsearch.derivation.derivation import Derivation
from einsearch.derivation.editing import Editor, Fingerprint, with_decisions
from einsearch.derivation.keeping import addressed, same
from einsearch.derivation.limits import Limits
from einsearch.derivation.sample import Accept
from einsearch.derivation.state import Activation, DeadEnd
from einsearch.errors import NoCommonSymbol, NoNeighbour

MOST_SUBTREES: Final = 60
"""Subtrees tried before a mutation gives up."""
MOST_REDRAWS: Final = 24
"""How often one subtree is drawn again."""
MOST_PAIRS: Final = 80
"""Pairs of subtrees tried before a crossover gives up."""
MOST_MIXTURES: Final = 8
"""Mixtures tried before a recombination gives up."""


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
    editor = Editor(derivation, random, limits, accept, fingerprint)
    for activation in _random_order(with_decisions(derivation), random, MOST_SUBTREES):
        try:
            return editor.redraw(activation, AtRandom(random), MOST_REDRAWS)
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
    one = Editor(left, random, limits, accept, fingerprint, (right,))
    two = Editor(right, random, limits, accept, fingerprint, (left,))
    for mine, other in _pairs(left, right, random):
        try:
            return one.transplant(mine, right, other), two.transplant(other, left, mine)
        except DeadEnd:
            continue
    raise NoCommonSymbol("no two subtrees of the same rule can be exchanged between these networks")


def recombine(
    left: Derivation,
    right: Derivation,
    rng: np.random.Generator,
    limits: Limits | None,
    accept: Accept | None,
    fingerprint: Fingerprint,
) -> Derivation:
    """A child of two parents, place by place: uniform crossover over the addresses of decisions.

    Where the parents agree, so does the child, as far as shapes and limits allow. Of what they
    decide differently in the same place it has a random share, up to a half, from `right`. It is
    valid and differs from both.

    Raises:
        NoCommonSymbol: the parents differ in no place, or nothing valid lies between them.
    """
    random = fast_random(rng)
    editor = Editor(left, random, limits, accept, fingerprint, (right,))
    mine, other = addressed(left.taken), addressed(right.taken)
    differing = [key for key in mine if key in other and not same(mine[key], other[key])]
    root = next(a for a in reversed(left.activations) if a.level == 0)
    for _ in range(MOST_MIXTURES if differing else 0):
        share = random.uniform(0.0, 0.5)
        chosen = [key for key in differing if random.random() < share]
        chosen = chosen or [random.choice(differing)]
        kept = {**other, **mine, **{key: other[key] for key in chosen}}
        try:
            return editor.change(root, kept, {}, MOST_REDRAWS)
        except DeadEnd:
            continue
    raise NoCommonSymbol("nothing valid lies between these two networks")


def _random_order(found: list[Activation], random: Random, most: int) -> Iterator[Activation]:
    """Activations in random order; taken again where there are fewer than `most` tries."""
    for _ in range(most if found else 0):
        yield random.choice(found)


def _pairs(
    left: Derivation, right: Derivation, random: Random
) -> Iterator[tuple[Activation, Activation]]:
    """Pairs of one rule in random order; those that keep the shapes come up first."""
    by_rule: dict[str, list[Activation]] = {}
    for activation in with_decisions(right):
        if activation.level > 0:
            by_rule.setdefault(activation.rule, []).append(activation)
    mine = [a for a in with_decisions(left) if a.level > 0 and a.rule in by_rule]
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
