"""`Operators`: the ways in which a space makes one derivation from one or two others, by name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import numpy as np

from einsearch.errors import SearcherError
from einsearch.searchers.base import SearchSpace

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
