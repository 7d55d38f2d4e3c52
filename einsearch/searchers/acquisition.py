"""Candidates for a proposal: evolution in the grammar towards what promises most.

Candidates are samples and children of the best trials, as in White, Neiswanger and Savani, 2021,
"BANANAS: Bayesian Optimization with Neural Architectures for Neural Architecture Search", and then
children of the most promising candidates.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from einsearch.errors import NoCommonSymbol, NoNeighbour
from einsearch.searchers.base import SearchSpace
from einsearch.searchers.features import Features, features_of
from einsearch.searchers.proposed import Proposed
from einsearch.searchers.surrogate import Acquisition
from einsearch.searchers.varying import Operators

if TYPE_CHECKING:
    from einsearch.derivation.derivation import Derivation


@dataclass(frozen=True)
class Plan:
    """How many candidates there are, and where they come from.

    Attributes:
        count: candidates that are wanted; there may be fewer, because some repeat others.
        sampled: part of them that are samples.
        first: part of them that are children of observed trials.
        rounds: generations of children of candidates, which are the rest.
        breeders: the most promising candidates, which have those children.
        tries: children made, for each that is wanted.
    """

    count: int
    sampled: float
    first: float
    rounds: int
    breeders: int
    tries: int = 1


@dataclass(frozen=True)
class Candidate:
    """One that may be proposed.

    Attributes:
        derivation: the architecture.
        features: of it.
        parents: numbers of the observed trials that it descends from.
        origin: as of a proposal.
    """

    derivation: Derivation
    features: Features
    parents: tuple[int, ...] = ()
    origin: str = "sample"


class Breeding:
    """Evolution of candidates for one proposal.

    Args:
        space: draws and varies.
        operators: which make children.
        known: what was proposed before, and is no candidate.
        rng: the only source of randomness.
    """

    def __init__(
        self,
        space: SearchSpace,
        operators: Operators,
        known: Proposed,
        rng: np.random.Generator,
    ) -> None:
        self._space = space
        self._operators = operators
        self._known = known
        self._rng = rng
        self._texts: set[str] = set()
        self._barren: set[tuple[int, str]] = set()
        self.candidates: list[Candidate] = []

    def run(
        self, observed: Sequence[tuple[int, Derivation]], promise: Acquisition, plan: Plan
    ) -> list[Candidate]:
        """Candidates, the most promising first.

        Args:
            observed: numbers and derivations of the best trials, the best first.
            promise: what is maximised.
            plan: how they are made.
        """
        for _ in range(math.ceil(plan.count * plan.sampled)):
            self._add(self._space.sample(self._rng))
        elders = [Candidate(derivation, (), (number,)) for number, derivation in observed]
        self._breed(elders, plan.count * plan.first, plan.tries)
        promises = promise([one.features for one in self.candidates])
        rest = plan.count * (1 - plan.sampled - plan.first)
        for _ in range(plan.rounds):
            order = np.argsort(-promises, kind="stable")
            breeders = [self.candidates[place] for place in order[: plan.breeders]]
            self._breed(breeders or elders, rest / plan.rounds, plan.tries)
            new = self.candidates[len(promises) :]
            promises = np.concatenate([promises, promise([one.features for one in new])])
        return [self.candidates[place] for place in np.argsort(-promises, kind="stable")]

    def _breed(self, parents: Sequence[Candidate], wanted: float, tries: int) -> None:
        """Makes children; the first parents have most."""
        enough = len(self.candidates) + math.ceil(wanted)
        for _ in range(math.ceil(tries * wanted)):
            if len(self.candidates) >= enough:
                return
            self._make(parents)

    def _make(self, parents: Sequence[Candidate]) -> None:
        """Makes a child by an operator that is drawn uniformly, if there is any."""
        parent, other = self._pick(parents), self._pick(parents)
        names = [n for n in self._operators.names if (id(parent), n) not in self._barren]
        if not names:
            return
        operator = names[int(self._rng.integers(len(names)))]
        try:
            if self._operators.needs_two(operator):
                pair = parent.derivation, other.derivation
                child = self._operators.cross(operator, *pair, self._rng)
                numbers = tuple(dict.fromkeys(parent.parents + other.parents))
            else:
                child = self._operators.mutate(operator, parent.derivation, self._rng)
                numbers = parent.parents
        except NoNeighbour:
            self._barren.add((id(parent), operator))
        except NoCommonSymbol:
            return
        else:
            self._add(child, numbers, operator)

    def _pick(self, parents: Sequence[Candidate]) -> Candidate:
        return parents[int(len(parents) * self._rng.random() ** 2)]

    def _add(
        self, derivation: Derivation, parents: tuple[int, ...] = (), origin: str = "sample"
    ) -> None:
        if derivation.text in self._texts or derivation in self._known:
            return
        self._texts.add(derivation.text)
        origin = origin if parents or origin == "sample" else "sample"
        features = features_of(derivation)
        self.candidates.append(Candidate(derivation, features, parents, origin))
