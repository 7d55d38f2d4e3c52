"""The contract of a searcher: `ask` for a proposal, `tell` it the finished trial.

A searcher is rebuilt exactly by asking and telling it again what the record holds, because the
randomness of proposal n comes from (seed, n) alone. It knows derivations and trials; never
torch, a file or a process.
"""

from __future__ import annotations

import abc
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from einsearch.trial import Trial

if TYPE_CHECKING:
    from einsearch.derivation.derivation import Derivation


@dataclass(frozen=True)
class Proposal:
    """A candidate that a searcher wants evaluated.

    Attributes:
        number: number of the trial that it becomes; counted by `ask`, from 0.
        derivation: the architecture, always valid and inside the limits.
        parents: numbers of the trials that it was made from.
        origin: "sample", "seed", "mutate", "crossover", ...: how it was made.
    """

    number: int
    derivation: Derivation
    parents: tuple[int, ...] = ()
    origin: str = "sample"


@dataclass(frozen=True)
class SearchSpace:
    """What a searcher may draw from: the grammar, the task's tensor, limits and requirements,
    wrapped into functions that always give valid derivations.

    Attributes:
        sample: draws a derivation from a generator.
        mutate: another valid derivation near the given one (other canonical hash), or raises
            NoNeighbour.
        crossover: two children of two parents, or raises NoCommonSymbol.
        seeds: the start architectures, in order.
        directions: objective name -> "maximize" or "minimize"; the first is the main one.
    """

    sample: Callable[[np.random.Generator], Derivation]
    mutate: Callable[[Derivation, np.random.Generator], Derivation]
    crossover: Callable[
        [Derivation, Derivation, np.random.Generator], tuple[Derivation, Derivation]
    ]
    seeds: tuple[Derivation, ...] = ()
    directions: Mapping[str, str] = field(default_factory=lambda: {"accuracy": "maximize"})


class Searcher(abc.ABC):
    """Base of all searchers. Subclasses write `_propose` and, where they learn, `_learn`.

    Attributes:
        name: as given in `searcher=`.
    """

    name: ClassVar[str]

    def __init__(self, space: SearchSpace, seed: int = 0, **options: Any) -> None:
        self.space = space
        self.seed = seed
        self._asked = 0

    def ask(self) -> Proposal:
        """The next proposal. Numbers run from 0 without a gap."""
        number = self._asked
        rng = np.random.default_rng((self.seed, number))
        proposal = self._propose(number, rng)
        self._asked += 1
        return proposal

    def tell(self, trial: Trial) -> None:
        """Hands over a finished trial. Order and outstanding proposals are arbitrary."""
        self._learn(trial)

    @abc.abstractmethod
    def _propose(self, number: int, rng: np.random.Generator) -> Proposal:
        """Makes proposal `number`, drawing only on `rng`."""

    def _learn(self, trial: Trial) -> None:  # noqa: B027  random search has nothing to learn
        """Takes in a finished trial."""
