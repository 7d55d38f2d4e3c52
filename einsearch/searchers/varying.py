"""The ways in which a space makes one derivation from one or two others: `Operators` by name, and
`Breeder`, which chooses among them by what they gained.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import numpy as np

from einsearch.errors import NoCommonSymbol, NoNeighbour, SearcherError
from einsearch.searchers.base import Proposal, SearchSpace
from einsearch.searchers.credit import Credit
from einsearch.searchers.proposed import Proposed
from einsearch.trial import Trial

if TYPE_CHECKING:
    from einsearch.derivation.derivation import Derivation

CROSSOVER: Final = "crossover"
RECOMBINE: Final = "recombine"


class Operators:
    """Mutations and crossovers of a space.

    Args:
        space: has them.
        wanted: which to use; all where empty.

    Attributes:
        names: of those in use.

    Raises:
        SearcherError: the space has no such operator.
    """

    def __init__(self, space: SearchSpace, wanted: Sequence[str] = ()) -> None:
        self._space = space
        self._mutations = dict(space.operators) or {"mutate": space.mutate}
        known = [*self._mutations, CROSSOVER]
        if space.recombine is not None:
            known.append(RECOMBINE)
        for operator in wanted:
            if operator not in known:
                raise SearcherError(
                    f"this space has no operator {operator}: there are {', '.join(known)}"
                )
        self.names = tuple(name for name in known if name in wanted or not wanted)

    @property
    def mutations(self) -> tuple[str, ...]:
        """Names of those in use that take one parent."""
        return tuple(name for name in self.names if not self.needs_two(name))

    def needs_two(self, operator: str) -> bool:
        """Whether an operator takes two parents."""
        return operator in (CROSSOVER, RECOMBINE)

    def mutate(self, operator: str, parent: Derivation, rng: np.random.Generator) -> Derivation:
        """A child of one parent. Raises NoNeighbour."""
        return self._mutations[operator](parent, rng)

    def cross(
        self, operator: str, left: Derivation, right: Derivation, rng: np.random.Generator
    ) -> Derivation:
        """A child of two parents; of an exchange either child. Raises NoCommonSymbol."""
        if operator == RECOMBINE and self._space.recombine is not None:
            return self._space.recombine(left, right, rng)
        return self._space.crossover(left, right, rng)[int(rng.integers(2))]


class Breeder:
    """Makes children by operators that are drawn by what each gained of late.

    Args:
        space: has the operators.
        proposed: has the parents' derivations.
        wanted: operators to use; all where None.
        floor: probability that the operator is drawn uniformly.
    """

    def __init__(
        self, space: SearchSpace, proposed: Proposed, wanted: Sequence[str] | None, floor: float
    ) -> None:
        self._space = space
        self._operators = Operators(space, wanted or ())
        self._proposed = proposed
        self.credit = Credit(self._operators.names, floor)

    def child(self, number: int, parent: Trial, other: Trial, rng: np.random.Generator) -> Proposal:
        """A child of a parent, or of two; its origin is the operator. Where no operator finds any,
        a sample.

        Args:
            number: of the proposal.
            parent: whose child it is.
            other: the second parent, where the operator takes two.
        """
        tried: list[str] = []
        while (operator := self.credit.draw(rng, tried)) is not None:
            try:
                return self._made_by(operator, number, parent, other, rng)
            except (NoNeighbour, NoCommonSymbol):
                tried.append(operator)
        return Proposal(number, self._space.sample(rng))

    def _made_by(
        self, operator: str, number: int, parent: Trial, other: Trial, rng: np.random.Generator
    ) -> Proposal:
        mother = self._proposed.derivation(parent)
        if self._operators.needs_two(operator):
            father = self._proposed.derivation(other)
            child = self._operators.cross(operator, mother, father, rng)
            return Proposal(number, child, (parent.number, other.number), operator)
        child = self._operators.mutate(operator, mother, rng)
        return Proposal(number, child, (parent.number,), operator)
