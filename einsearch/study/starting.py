"""`Starts`: the architectures that a search starts from, and what it draws where there are none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from einsearch.derivation.derivation import Derivation
from einsearch.derivation.limits import Limits
from einsearch.derivation.sample import sample
from einsearch.errors import EinsearchError
from einsearch.evaluate.searched import usual_settings
from einsearch.grammar.model import Grammar
from einsearch.graph.requirements import requirement
from einsearch.primitives.program import Program
from einsearch.shown import shortened
from einsearch.specs import TensorSpec
from einsearch.study.earlier import texts_of
from einsearch.study.searchspace import excess, room_of, seed_derivations
from einsearch.study.spacefile import SpaceFile

_LONGEST: Final = 60
"""Characters of a seed that a note repeats."""

_DRAWS: Final = 5
"""Networks that stand for a space without seeds."""


@dataclass(frozen=True, eq=False)
class Starts:
    """Start architectures of one search.

    Attributes:
        names: as the file has them, or names of the grammar's seeds.
        derivations: of each.
        notes: for people: which were left out, and why.
    """

    names: tuple[str, ...]
    derivations: tuple[Derivation, ...]
    notes: tuple[str, ...] = ()

    def within(self, limits: Limits) -> Starts:
        """Those that keep limits which were decided since; what is told of the others."""
        kept, left = [], []
        for name, derivation in zip(self.names, self.derivations, strict=True):
            reason = excess(derivation, limits)
            if reason is None:
                kept.append((name, derivation))
            else:
                shown = shortened(name, _LONGEST)
                left.append(f"the seed {shown} does not fit into the budget: {reason}")
        if not left:
            return self
        return Starts(
            tuple(name for name, _ in kept),
            tuple(derivation for _, derivation in kept),
            (*self.notes, *left),
        )


def starts_of(
    file: SpaceFile, grammar: Grammar, spec: TensorSpec, require: Sequence[str]
) -> Starts:
    """What a file asks to start from; where it says nothing and follows the data, all seeds of the
    grammar that take the data's tensor.

    Args:
        file: whose seeds are texts.
        grammar, spec: what derives them, on which tensor.
        require: what each must have.

    Raises:
        ParseError: one that the file names cannot start the search.
    """
    usual = usual_settings(file.training)
    if file.seeds is not None or not file.follows_data:
        names = texts_of(file)
        found = seed_derivations(grammar, spec, names, file.limits, require, usual)
        return Starts(tuple(names), found)
    taken: dict[str, Derivation] = {}
    for name in grammar.seeds:
        try:
            [taken[name]] = seed_derivations(grammar, spec, [name], file.limits, require, usual)
        except EinsearchError:
            # A seed for larger images, or without what the task requires: the others will do.
            continue
    return Starts(tuple(taken), tuple(taken.values()))


def typical_programs(
    starts: Starts, grammar: Grammar, spec: TensorSpec, limits: Limits, require: Sequence[str]
) -> list[Program]:
    """Networks whose cost stands for those of a search.

    Raises:
        EinsearchError: the space gives no network at all.
    """
    if starts.derivations:
        return [derivation.program for derivation in starts.derivations]
    rng = np.random.default_rng(0)
    accept = requirement(tuple(require))
    room = room_of(grammar, limits)
    return [sample(grammar, spec, rng, room, accept).program for _ in range(_DRAWS)]
