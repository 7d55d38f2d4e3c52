"""Regularised evolution: Real, Aggarwal, Huang and Le, 2019, "Regularized Evolution for Image
Classifier Architecture Search", algorithm 1, asynchronous, with an adaptive choice of operators.

The population is a queue. A child of a tournament's winner enters at its end, and the oldest
leaves, however good it is.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from functools import partial
from typing import Annotated, ClassVar, Final

import numpy as np
from pydantic import Field

from einsearch.searchers.base import Merit, Proposal, Searcher, SearchSpace
from einsearch.searchers.credit import Ranks
from einsearch.searchers.proposed import Proposed
from einsearch.searchers.registry import register_searcher
from einsearch.searchers.varying import Breeder
from einsearch.trial import Trial

RECENT: Final = 100
"""Results that the gain of a child is measured against."""


@register_searcher
class EvolutionSearcher(Searcher):
    """Regularised evolution on the main objective, what breaks a constraint behind what does not.

    Until the population is full, proposals are the space's seeds, then samples. Failed and
    rejected trials, and values that are not finite, are children that died: they never become
    parents and take no place. Neither does a duplicate, whose original has had its turn: if it
    entered, a good network that is found again and again would fill the population.

    The operator that makes a child is drawn by what each gained of late: how far its best children
    rose above their parents in the order of recent scores.

    Args:
        population: how many trials are alive at a time.
        tournament: how many are drawn, with replacement, for the best of them to become a
            parent.
        operators: among `value`, `production`, `subtree`, `swap`, `grow`, `shrink` (mutations;
            `training` too, where the space decides settings of training),
            `crossover` (exchange of subtrees) and `recombine` (place by place); all where not
            given. `[subtree]` with population 100 and tournament 25 is the published algorithm.
        floor: probability that the operator is drawn uniformly; 1 for no adaptation.
    """

    name: ClassVar[str] = "evolution"

    def __init__(
        self,
        space: SearchSpace,
        seed: int = 0,
        *,
        population: Annotated[int, Field(ge=1)] = 20,
        tournament: Annotated[int, Field(ge=1)] = 10,
        operators: Sequence[str] | None = None,
        floor: Annotated[float, Field(ge=0, le=1)] = 0.2,
    ) -> None:
        super().__init__(space, seed)
        self._ranks = Ranks(RECENT)
        self._tournament = tournament
        self._population: deque[Trial] = deque(maxlen=population)
        self._proposed = Proposed(space)
        self._breeder = Breeder(space, self._proposed, operators, floor)
        self._merits: dict[int, Merit] = {}

    def _propose(self, number: int, rng: np.random.Generator) -> Proposal:
        return self._proposed.fresh(rng, partial(self._candidate, number, rng))

    def _recall(self, trial: Trial) -> None:
        self._proposed.recall(trial)

    def _candidate(self, number: int, rng: np.random.Generator) -> Proposal:
        if number < len(self.space.seeds):
            return Proposal(number, self.space.seeds[number], origin="seed")
        if len(self._population) < (self._population.maxlen or 0):
            return Proposal(number, self.space.sample(rng))
        return self._breeder.child(number, self._select(rng), self._select(rng), rng)

    def _select(self, rng: np.random.Generator) -> Trial:
        """The best of a tournament; the youngest of equals."""
        drawn = rng.integers(len(self._population), size=self._tournament).tolist()
        return self._population[max(drawn, key=self._standing)]

    def _standing(self, place: int) -> tuple[Merit, int]:
        return self._merits[self._population[place].number], place

    def _learn(self, trial: Trial) -> None:
        merit = self._merit(trial)
        is_new = trial.number not in self._merits
        if merit is not None:
            self._reward(trial, merit, is_new)
            self._merits[trial.number] = merit
            if is_new:
                self._enter(trial)
        elif is_new:
            self._breeder.credit.reward(trial.origin, 0.0)
            self._proposed.forget(trial.number)

    def _merit(self, trial: Trial) -> Merit | None:
        """What it is worth in the population; None where it takes no place."""
        return self.space.merit(trial)

    def _reward(self, trial: Trial, merit: Merit, is_new: bool) -> None:
        parents = [self._merits[parent] for parent in trial.parents if parent in self._merits]
        if parents and is_new:
            self._breeder.credit.reward(trial.origin, self._ranks.gain(merit, max(parents)))
        self._ranks.add(merit)

    def _enter(self, trial: Trial) -> None:
        if len(self._population) == self._population.maxlen:
            self._proposed.forget(self._population[0].number)
        self._population.append(trial)
