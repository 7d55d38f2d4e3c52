"""Regularised evolution: Real, Aggarwal, Huang and Le, 2019, "Regularized Evolution for Image
Classifier Architecture Search", algorithm 1, made asynchronous.

The population is a queue. A child of a tournament's winner enters at its end, and the oldest
leaves, however good it is.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar

import numpy as np
from pydantic import Field

from einsearch.errors import NoCommonSymbol, NoNeighbour
from einsearch.searchers.base import Proposal, Searcher, SearchSpace
from einsearch.searchers.registry import register_searcher
from einsearch.trial import Trial, TrialState

if TYPE_CHECKING:
    from einsearch.derivation.derivation import Derivation


@dataclass(frozen=True)
class _Member:
    """One of the population: its trial and the score, where more is better."""

    trial: Trial
    score: float


@register_searcher
class EvolutionSearcher(Searcher):
    """Regularised evolution on the main objective.

    Until the population is full, proposals are the space's seeds, then samples. Failed and
    rejected trials, and values that are not finite, are children that died: they never become
    parents and take no place. Neither does a duplicate, whose original has had its turn: if it
    entered, a good network that is found again and again would fill the population.

    Args:
        population: how many trials are alive at a time.
        tournament: how many are drawn, with replacement, for the best of them to become a
            parent.
        crossover: probability that a child has two parents, where they have a symbol in common.
    """

    name: ClassVar[str] = "evolution"

    def __init__(
        self,
        space: SearchSpace,
        seed: int = 0,
        *,
        population: Annotated[int, Field(ge=1)] = 100,
        tournament: Annotated[int, Field(ge=1)] = 10,
        crossover: Annotated[float, Field(ge=0, le=1)] = 0.1,
    ) -> None:
        super().__init__(space, seed)
        self._tournament = tournament
        self._crossover = crossover
        self._population: deque[_Member] = deque(maxlen=population)
        self._derivations: dict[int, Derivation] = {}

    def _propose(self, number: int, rng: np.random.Generator) -> Proposal:
        if number < len(self.space.seeds):
            proposal = Proposal(number, self.space.seeds[number], origin="seed")
        elif len(self._population) < self._capacity:
            proposal = Proposal(number, self.space.sample(rng))
        else:
            proposal = self._child(number, rng)
        self._derivations[number] = proposal.derivation
        return proposal

    @property
    def _capacity(self) -> int:
        return self._population.maxlen or 0

    def _child(self, number: int, rng: np.random.Generator) -> Proposal:
        parent = self._select(rng)
        try:
            if rng.random() < self._crossover:
                return self._cross(number, parent, self._select(rng), rng)
            return self._mutate(number, parent, rng)
        except NoNeighbour:
            return Proposal(number, self.space.sample(rng))

    def _mutate(self, number: int, parent: Trial, rng: np.random.Generator) -> Proposal:
        child = self.space.mutate(self._derivation(parent), rng)
        return Proposal(number, child, (parent.number,), "mutate")

    def _cross(
        self, number: int, parent: Trial, other: Trial, rng: np.random.Generator
    ) -> Proposal:
        mother, father = self._derivation(parent), self._derivation(other)
        try:
            children = self.space.crossover(mother, father, rng)
        except NoCommonSymbol:
            return self._mutate(number, parent, rng)
        child = children[int(rng.integers(2))]
        return Proposal(number, child, (parent.number, other.number), "crossover")

    def _select(self, rng: np.random.Generator) -> Trial:
        """The best of a tournament; the youngest of equals."""
        drawn = rng.integers(len(self._population), size=self._tournament)
        best = max(drawn.tolist(), key=lambda place: (self._population[place].score, place))
        return self._population[best].trial

    def _derivation(self, trial: Trial) -> Derivation:
        if trial.number not in self._derivations:
            self._derivations[trial.number] = self.space.recall(trial.decisions)
        return self._derivations[trial.number]

    def _learn(self, trial: Trial) -> None:
        score = self.space.score(trial)
        if score is None or trial.state not in (TrialState.COMPLETE, TrialState.PRUNED):
            self._derivations.pop(trial.number, None)
            return
        if len(self._population) == self._capacity:
            self._derivations.pop(self._population[0].trial.number, None)
        self._population.append(_Member(trial, score))
